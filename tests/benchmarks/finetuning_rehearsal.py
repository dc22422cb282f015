"""Made-up files of every task's format and a tiny model with random weights, to rehearse
`against_finetuning.py` on.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from finetuning_sides import Job

from sslcli import registry
from sslcli.core.presets import preset
from sslcli.core.settings import Architecture
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, expected_shapes, part_of

VOCABULARY, LONGEST = 120, 384
SHAPE = {"depth": 12, "width": 16, "heads": 2, "feedforward_width": 32, "longest_tokens": LONGEST}
ANIMALS = ("cat", "dog", "bird", "fish")
SENTENCES = [
    f"The {animal} sees the {other} in the garden" for animal in ANIMALS for other in ANIMALS[:3]
]
# words of the dictionaries that come with examples of two languages
CHINESE = ["猫 在 花 园 里", "鸟 和 鱼"]


def write_data(folder: Path, jobs: Iterable[Job]) -> None:
    """The training and the evaluation file of each job, below `folder`."""
    for job in jobs:
        for name in (job.train, job.evaluation):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = _content(job.task).encode()
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_model(folder: Path, architecture: Architecture = "encoder") -> None:
    trainer = registry.load("tokenizers", "wordpiece")
    tokenizer = Tokenizer(trainer(trainer.Options()).train([*SENTENCES, *CHINESE], VOCABULARY))
    settings = preset("tiny", architecture, tokenizer.size, **SHAPE)
    generator = torch.Generator().manual_seed(1)
    tensors = {
        name: 0.1 * torch.randn(shape, generator=generator)
        for name, shape in expected_shapes(settings).items()
        if name != "head.weight" or not settings.tied
    }
    folder.mkdir(parents=True)
    write_directory(
        Pretrained(settings, folder, part_of(tensors, "backbone."), part_of(tensors, "head.")),
        folder,
        tokenizer,
    )


def _content(task: str) -> str:
    if task == "pos":
        return "\n\n".join(_tagged(sentence) for sentence in SENTENCES) + "\n\n"
    if task == "qa":
        return json.dumps(
            {"version": "1.1", "data": [{"title": "animals", "paragraphs": list(_paragraphs())}]}
        )
    return "".join(json.dumps(record) + "\n" for record in _records(task))


def _tagged(sentence: str) -> str:
    """One sentence as CoNLL-U."""
    tags = ("NOUN" if word in ANIMALS else "X" for word in sentence.split())
    rows = enumerate(zip(sentence.split(), tags, strict=True), 1)
    return "\n".join(
        f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_" for number, (word, tag) in rows
    )


def _paragraphs() -> Iterator[dict[str, Any]]:
    for number, sentence in enumerate(SENTENCES):
        answer = sentence.split()[1]
        answers = [{"text": answer, "answer_start": sentence.index(answer)}]
        question = {"id": str(number), "question": "What sees?", "answers": answers}
        yield {"context": f"{sentence}.", "qas": [question]}


def _records(task: str) -> Iterator[dict[str, str]]:
    for number, sentence in enumerate(SENTENCES):
        label = ("one", "two", "three")[number % 3]
        if task == "nli":
            yield {"premise": sentence, "hypothesis": SENTENCES[-1 - number], "label": label}
        else:
            yield {"text": ("ACGT" * 10)[number:] if task == "dna" else sentence, "label": label}
