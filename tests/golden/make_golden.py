"""Make the run folders of `runs`, their data, and the figures that every later version has to give.

    python tests/golden/make_golden.py [--figures]

--figures renews expected.json alone, of the run folders that are there. These are kept as an
earlier version wrote them: to make them anew is to give up the proof that they can be read.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
sys.path.append(str(Path(__file__).parents[1]))

import golden
from generated_texts import generated_paragraphs

from sslcli.cli.app import run as ssl
from sslcli.engine.stopping import Stopper

SMALL = (
    "width=8",
    "heads=2",
    "depth=2",
    "feedforward_width=16",
    "longest_tokens=64",
    "dropout=0.1",
)
SHAPE = [word for name in SMALL for word in ("--set", f"model.shape.{name}")]
BIRTH = [
    "--data",
    "corpus.txt",
    "--arch",
    "tiny",
    "--vocabulary",
    "100",
    "--seq-len",
    "24",
    "--set",
    "data.held_out=0.1",
    *SHAPE,
]
FEW = [
    "--batch-size",
    "16",
    "--lr",
    "0.02",
    "--eval-every",
    "20",
    "--no-plot",
    "--device",
    "cpu",
    "--precision",
    "fp32",
]
STEPS, FEWER = (
    ["--max-steps", "40", "--no-milestones"],
    ["--max-steps", "12", "--no-milestones", "--seed", "1", "--log-every", "1"],
)
TUNING = ["finetune", "classify", "--model", "runs/mlm", "--data", "classes.jsonl"]
RUNS = {
    "mlm": ["pretrain", "--objective", "mlm", *BIRTH, *FEW, "--max-steps", "40"],
    "clm": [
        "pretrain",
        "--objective",
        "clm",
        *BIRTH,
        *FEW,
        *STEPS,
        "--max-steps",
        "160",
        "--vocabulary",
        "300",
    ],
    "mlm+nsp": ["pretrain", "--objective", "mlm+nsp", *BIRTH, *FEW, *STEPS],
    "classify": [*TUNING, *FEW, *STEPS],
    "qa": [
        "finetune",
        "qa",
        "--model",
        "runs/mlm",
        "--data",
        "questions.json",
        "--lora-rank",
        "2",
        *FEW,
        *STEPS,
    ],
    "mlm-stopped": ["pretrain", "--objective", "mlm", *BIRTH, *FEW, *FEWER],
    "classify-stopped": [*TUNING, *FEW, *FEWER],
}
STOPPED_AT, CODE_OF_STOPPED = 7, 75


def run(words: Sequence[str], code: int = 0) -> str:
    """What the command writes to standard output."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        mock.patch.object(sys, "argv", ["ssl", *words]),
    ):  # a run keeps its command line
        found = ssl(words)
    assert found == code, (words, found)
    return said.getvalue()


def make(folder: Path) -> None:
    """Data and run folders, in an empty folder that is the current one."""
    write_data(folder)
    for name, words in RUNS.items():
        out = Path("runs", name)
        if name in golden.STOPPED:
            with mock.patch.object(
                Stopper,
                "wanted",
                lambda stopper, out=out: "preempted" if last_step(out) == STOPPED_AT else None,
            ):
                run([*words, "--out", str(out)], CODE_OF_STOPPED)
        else:
            run([*words, "--out", str(out)])
        strip(out)


def last_step(out: Path) -> int:
    """Of the lines of the training that are written."""
    metrics = out / "metrics.jsonl"
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else []
    return max((json.loads(line)["step"] for line in lines), default=0)


def strip(out: Path) -> None:
    """Leave out what is only for the time of the run, and what tells of the machine."""
    for name in ("lock", "log.txt"):
        (out / name).unlink(missing_ok=True)
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    facts |= {"host": "somewhere", "platform": "Linux"}
    (out / "run.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def write_data(folder: Path) -> None:
    paragraphs = generated_paragraphs(80)
    (folder / "corpus.txt").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    sentences = [paragraph.split(". ")[0].rstrip(".") + "." for paragraph in paragraphs]
    parts = [sentence.split() for sentence in sentences]
    names = ["yes" if words[2] in ("hears", "likes") else "no" for words in parts]
    records = [{"text": text, "label": name} for text, name in zip(sentences, names, strict=True)]
    classes = [json.dumps(record) for record in records]
    (folder / "classes.jsonl").write_text("\n".join(classes) + "\n", encoding="utf-8")
    asked = [
        {
            "context": text,
            "qas": [
                {
                    "id": str(number),
                    "question": f"Where {words[2]} the {words[1]} the {words[4]}?",
                    "answers": [
                        {"text": words[-1].rstrip("."), "answer_start": text.rindex(words[-1])}
                    ],
                }
            ],
        }
        for number, (text, words) in enumerate(zip(sentences, parts, strict=True))
    ]
    squad = {"version": "1.1", "data": [{"title": "animals", "paragraphs": asked}]}
    (folder / "questions.json").write_text(json.dumps(squad) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figures", action="store_true", help="of the run folders that are there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as used:
        os.environ |= {"SSLCLI_CACHE_DIR": str(Path(used) / "cache"), "SSLCLI_RUNS_DIR": "runs"}
        if not given.figures:
            os.chdir(made)
            make(Path(made))
            shutil.rmtree(golden.HERE / "runs", ignore_errors=True)
            for name in golden.KEPT:
                copy = shutil.copytree if Path(name).is_dir() else shutil.copy
                copy(name, golden.HERE / name)
        os.chdir(golden.copied(Path(used)))
        figures = golden.all_answers(run)
    (golden.HERE / "expected.json").write_text(_text(figures), encoding="utf-8")


def _text(figures: Mapping[str, Any]) -> str:
    """As JSON, with one answer a line."""
    parts = []
    for kind, answers in figures.items():
        text = json.dumps(answers)
        if isinstance(answers, dict):
            lines = [
                f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in answers.items()
            ]
            text = "{\n" + ",\n".join(lines) + "\n }"
        parts.append(f" {json.dumps(kind)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
