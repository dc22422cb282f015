"""What this version says about the run folders of `runs`, as plain data to compare."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch.nn import functional

HERE = Path(__file__).parent
KEPT = ("runs", "corpus.txt", "classes.jsonl", "questions.json")
CLOCKS = ("seconds", "tokens_per_second")
RELATIVE, ABSOLUTE = 1e-4, 1e-6
SENTENCE = "the wolf hears the cat in the river."
Run = Callable[[Sequence[str]], str]  # a command line -> what it writes to standard output

STOPPED = ("mlm-stopped", "classify-stopped")
QUESTIONS = {
    "evaluate classify": [
        "evaluate",
        "classify",
        "--model",
        "runs/classify",
        "--data",
        "classes.jsonl",
    ],
    "evaluate qa": ["evaluate", "qa", "--model", "runs/qa", "--data", "questions.json"],
    "predict classify": ["predict", "classify", SENTENCE, "--model", "runs/classify"],
    "predict qa": ["predict", "qa", "what does the wolf hear?", SENTENCE, "--model", "runs/qa"],
    "generate mlm": [
        "generate",
        "the wolf [MASK] the cat in the [MASK].",
        "--model",
        "runs/mlm",
        "--top",
        "3",
    ],
    "generate clm": [
        "generate",
        "The wolf hears the",
        "--model",
        "runs/clm",
        "--new-tokens",
        "8",
        "--temperature",
        "0",
    ],
    "generate clm by chance": [
        "generate",
        "The cat sees the",
        "--model",
        "runs/clm",
        "--new-tokens",
        "8",
    ],
    "probe attention": ["probe", "attention", "the wolf hears the cat", "--model", "runs/mlm+nsp"],
    "probe neighbors": ["probe", "neighbors", "wolf", "--model", "runs/mlm"],
    "probe similarity": [
        "probe",
        "similarity",
        "goat",
        "--model",
        "runs/clm",
        "--data",
        "corpus.txt",
    ],
    "probe neighbors in a milestone": ["probe", "neighbors", "wolf", "--model", "runs/mlm:step-1"],
    "probe layers": [
        "probe",
        "layers",
        "--task",
        "classify",
        "--data",
        "classes.jsonl",
        "--model",
        "runs/mlm+nsp",
    ],
}
EXPORTS = ("mlm", "clm", "mlm+nsp", "classify", "qa")


def copied(folder: Path) -> Path:
    """The run folders and their data in the folder, where they may be changed."""
    for name in KEPT:
        copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy
        copy(HERE / name, folder / name)
    return folder


def arithmetic() -> str:
    """A hash of a training step of one small block, and of products by numpy, whose library chooses
    its own code for a processor: machines that share it round alike.
    """
    random = torch.Generator().manual_seed(0)
    sizes = (37, 8), (24, 8), (100, 8)
    states, weight, out = (torch.randn(size, generator=random).requires_grad_() for size in sizes)
    projected = functional.linear(functional.layer_norm(states, (8,)), weight)
    queries, keys, values = projected.view(1, 37, 3, 2, 4).permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(queries, keys, values)
    activations = functional.gelu(states + mixed.transpose(1, 2).reshape(37, 8))
    loss = functional.cross_entropy(functional.linear(activations, out), torch.arange(37))
    loss.backward()
    optimizer = torch.optim.AdamW([states, weight, out], lr=0.02)
    optimizer.step()
    found = hashlib.blake2b(digest_size=16)
    for tensor in (loss, states, weight, out, states.grad, weight.grad, out.grad):
        found.update(tensor.detach().numpy().tobytes())
    rows = torch.randn((100, 67), generator=random).numpy()
    for product in (rows @ rows[0], rows[:40] @ rows[40:].T):
        found.update(product.tobytes())
    return found.hexdigest()


def answer(name: str, run: Run) -> dict[str, Any]:
    """What one of QUESTIONS is answered with: scores by their names, and all other numbers.

    The current folder holds `runs`. Words only where the model says them; what the earlier version
    did not tell of a generated text is left out.
    """
    document = json.loads(run([*QUESTIONS[name], "--json"]))
    for artifact in document.get("artifacts", ()):
        artifact.pop("pieces", None)
        artifact["details"].pop("ended", None)
    report = document.get("report", document)
    told = ("scores", "notes", "schema", "title")
    rest = {key: value for key, value in report.items() if key not in told}
    scores = {score["name"]: list(_leaves(score, float)) for score in report.get("scores", [])}
    words = _leaves(rest, str) if name.startswith(("predict", "generate")) else []
    return {"scores": scores, "numbers": list(_leaves(rest, float)), "words": list(words)}


def resumed(name: str, run: Run) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without what a clock decides, of the run resumed to its end."""
    command = "finetune" if name.startswith("classify") else "pretrain"
    words = ["classify"] if command == "finetune" else []
    run([command, *words, "--resume", f"runs/{name}"])
    text = Path("runs", name, "metrics.jsonl").read_text(encoding="utf-8")
    lines = [line for line in map(json.loads, text.splitlines()) if line["split"] != "sample"]
    return [{key: value for key, value in line.items() if key not in CLOCKS} for line in lines]


def as_of_then(
    lines: Sequence[dict[str, Any]], expected: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The lines without metrics that the earlier version had not, and their counts."""
    return [
        {
            key: {name: inner for name, inner in value.items() if name in then.get(key, {})}
            if key in ("metrics", "counts")
            else value
            for key, value in line.items()
        }
        for line, then in zip(lines, expected, strict=True)
    ]


def exported(name: str, run: Run) -> str:
    """A hash of all tensors of the directory that a run is exported to, with their names."""
    run(
        [
            "export",
            f"runs/{name}",
            f"exported/{name}",
            *(["--adapter", "--base", "exported/mlm"] if name == "qa" else []),
        ]
    )
    found = hashlib.blake2b(digest_size=16)
    files = sorted(Path("exported", name).rglob("*.safetensors"))
    assert files
    for path in files:
        with safe_open(path, "pt") as file:
            for key in sorted(file.keys()):
                tensor = file.get_tensor(key)
                found.update(f"{key} {tensor.dtype}".encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def all_answers(run: Run) -> dict[str, Any]:
    """Everything, where the run folders are; these change."""
    return {
        "arithmetic": arithmetic(),
        "answers": {name: answer(name, run) for name in QUESTIONS},
        "exported": {name: exported(name, run) for name in EXPORTS},
        "resumed": {name: resumed(name, run) for name in STOPPED},
    }


def differences(found: Any, wanted: Any, to_the_bit: bool, place: str = "") -> list[str]:
    """Where one tree of plain data is not the other; without `to_the_bit`, beyond rounding."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping) and found.keys() == wanted.keys():
        return [
            line
            for key in found
            for line in differences(found[key], wanted[key], to_the_bit, f"{place}.{key}")
        ]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [
            line
            for number, (one, other) in pairs
            for line in differences(one, other, to_the_bit, f"{place}[{number}]")
        ]
    if isinstance(found, float) and isinstance(wanted, float) and not to_the_bit:
        are_alike = math.isclose(found, wanted, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    else:
        are_alike = found == wanted
    return [] if are_alike else [f"{place}: {found} and not {wanted}"]


def _leaves(tree: Any, kind: type) -> Iterator[Any]:
    """The numbers, or the words, of a tree of plain data in their order."""
    if isinstance(tree, (Mapping, list)):
        for value in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _leaves(value, kind)
    elif isinstance(tree, (int, float) if kind is float else kind) and not isinstance(tree, bool):
        yield kind(tree)
