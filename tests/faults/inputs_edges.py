"""Trainings at the edge of what settings and data allow: no loss that is not a finite number, ever.

python tests/faults/inputs_edges.py --cases 100
"""

import itertools
import json
import math
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.errors import RunError
from sslcli.layers import dotted_layer
from sslcli.resolving import resolve
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain

CORPORA: Mapping[str, str] = {
    "sentences": "\n\n".join(
        f"The cat number {number} sees. A dog runs {number} times." for number in range(20)
    ),
    "letters": "\n\n".join("a" for _ in range(12)),
    "one word over and over": "\n\n".join("word " * 40 for _ in range(6)),
    "what only looks special": "\n\n".join(
        "[MASK] [CLS] [SEP] [PAD] [UNK] <s> </s>" for _ in range(8)
    ),
    "signs that no piece is for": "\n\n".join("☃☃☃ 🙂🙂" for _ in range(8)),
    "two documents": "one two three\n\nfour five six",
}
TINY = {
    "model.preset": "tiny", "model.shape.width": 16, "model.shape.heads": 2, "model.shape.depth": 1,
    "model.shape.feedforward_width": 16,
    "data.held_out": 0.3, "training.max_steps": 3, "training.log_every": 1,
    "training.eval_every": 1, "training.milestones": False,
    "run.plot": False, "tokenizer.vocabulary": 30, "hardware.device": "cpu",
}  # fmt: skip
EDGES: Mapping[str, Mapping[str, Any]] = {
    "the shortest sequences": {"data.sequence_tokens": 4},
    "one sequence at a time": {"training.batch_size": 1},
    "one token at a time": {"training.batch_size": 1, "training.batch_unit": "tokens"},
    "parts of one": {"training.batch_size": 8, "training.micro_batch_size": 1},
    "a batch of everything": {"training.batch_size": 10**9},
    "hardly any mask": {"options.mlm.mask_rate": 1e-12},
    "nothing but masks": {
        "options.mlm.mask_rate": 1.0,
        "options.mlm.mask_share": 1.0,
        "options.mlm.random_share": 0.0,
    },
    "nothing but strangers": {
        "options.mlm.mask_rate": 1.0,
        "options.mlm.mask_share": 0.0,
        "options.mlm.random_share": 1.0,
    },
    "nothing is changed": {
        "options.mlm.mask_rate": 1.0,
        "options.mlm.mask_share": 0.0,
        "options.mlm.random_share": 0.0,
    },
    "whole words": {"options.mlm.whole_words": True, "options.mlm.mask_rate": 1.0},
    "the smallest vocabulary": {"tokenizer.vocabulary": 6},
    "the smallest vocabulary of words": {"tokenizer.vocabulary": 6, "tokenizer.kind": "words"},
    "sentences alone": {"data.unit": "sentence", "data.sequence_tokens": 4},
    "as long as the positions": {"data.sequence_tokens": 512},
}


def sweep(cases: int) -> Tally:
    """Every edge over every corpus with every objective that it is about, in a random order."""
    trial, draw = Trial("edges"), random.Random(23)
    everything = list(itertools.product(CORPORA, EDGES, ("mlm", "clm", "mlm+nsp", "mlm+sop")))
    chosen = [
        case
        for case in everything
        if "mlm" in case[2] or not any(key.startswith("options.mlm") for key in EDGES[case[1]])
    ]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLCLI_CACHE_DIR", f"{name}/cache")
        for number, (corpus, edge, objective) in enumerate(
            draw.sample(chosen, min(cases, len(chosen)))
        ):
            path = Path(name) / f"{corpus}.txt"
            path.write_text(CORPORA[corpus], encoding="utf-8")
            values = {
                **TINY,
                "objective": objective,
                "data.train": [str(path)],
                "run.folder": f"{name}/{number}",
                **EDGES[edge],
            }
            trial.attempt(
                f"{objective}, {corpus}, {edge}",
                lambda values=values: not_finite(values),
                wrong=lambda fault: fault,
            )
    return trial.tally


def not_finite(values: Mapping[str, Any]) -> str:
    """Train, and give what in the metrics is no finite number."""
    settings = resolve(PretrainSettings, dotted_layer(values, "here")).settings
    try:
        result = pretrain(settings, observe=lambda event: None)
    except RunError as error:  # a loss that is no number ends a run in one; data that is too little is refused before it
        return error.message
    lines = (result.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = [
        f"{path} is {number}"
        for line in lines
        for path, number in _numbers(json.loads(line))
        if not math.isfinite(number)
    ]
    return ", ".join(wrong) or ("" if lines else "nothing was measured")


def _numbers(value: Any, path: str = "") -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [entry for key, inner in value.items() for entry in _numbers(inner, f"{path}.{key}")]
    return [(path, value)] if isinstance(value, int | float) else []


if __name__ == "__main__":
    by_hand(sweep, 100)
