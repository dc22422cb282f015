"""Tokenizer files with random edits: refused, or sound enough for any text, of which none becomes a
special token.

python tests/faults/inputs_tokenizers.py --cases 20000
"""

import copy
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from inputs_models import tiny_tokenizer
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.data.text.tokenizer import FILE, Tokenizer

KINDS = ("wordpiece", "bpe", "unigram", "words")
TEXTS = (
    "", " ", "The cat.", "[MASK] <mask> [CLS]<s></s>[SEP] <|endoftext|>[PAD]<pad>", "苹果很好吃。",
    "a\u0301" * 300,
    "\u202e\x01\x00 x", "🙂" * 50, "x" * 2_000,
)  # fmt: skip
JUNK = (
    None, True, -1, 0, 1, 2**31, 2**32, 2**63, 2**70, 0.5, float("nan"), "", "a", "[MASK]", "##",
    "\0", "x" * 10_000, "(a+)+$", "(",
    "\ud800", [], [[]], [1, 2], ["a", "b"], {}, {"type": "Sequence"}, {"Regex": "("},
    {"String": ""}, {"type": "ByteLevel"},
    {"type": "Split"}, {"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""},
    {"type": "Precompiled", "precompiled_charsmap": "AAAA"}, {"type": "BPE"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 2**40, "stop": 2**40},
    {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}},
    {"type": "Metaspace", "replacement": "ab"},
)  # fmt: skip


def sweep(cases: int) -> Tally:
    trial, draw = Trial("tokenizers"), random.Random(11)
    with tempfile.TemporaryDirectory() as name:
        originals = []
        for kind in KINDS:
            tiny_tokenizer(kind).save(Path(name) / kind)
            originals.append(
                (
                    Path(name) / kind,
                    json.loads((Path(name) / kind / FILE).read_text(encoding="utf-8")),
                )
            )
        for number in range(cases):
            folder, original = draw.choice(originals)
            description = copy.deepcopy(original)
            edits = [edited(draw, description) for _ in range(draw.randint(1, 3))]
            (folder / FILE).write_text(json.dumps(description), encoding="utf-8")
            trial.attempt(
                f"{number}: {edits!r}",
                lambda folder=folder: used(folder),
                wrong=lambda fault: fault,
            )
    return trial.tally


def edited(draw: random.Random, description: dict[str, Any]) -> str:
    """Change one place of a tokenizer, anywhere, in place; says which."""
    places = list(_places(description, draw))
    holder, key, path = draw.choice(places)
    kind = draw.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[draw.choice(("", "x", "type", "[MASK]", "vocab", "merges"))] = copy.deepcopy(
            holder[key]
        )
    elif kind == 2:
        other, other_key, _ = draw.choice(places)
        holder[key] = (
            copy.deepcopy(other[other_key])
            if other_key in other or isinstance(other, list)
            else None
        )
    else:
        holder[key] = copy.deepcopy(draw.choice(JUNK))  # a later edit may fall inside it
    return f"{path} {kind}"


def _places(value: Any, draw: random.Random, path: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every place, but of long tables, such as a vocabulary, only three."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    for key in draw.sample(keys, 3) if len(keys) > 20 else keys:
        yield value, key, f"{path}/{str(key)[:30]}"
        if isinstance(value[key], dict | list):
            yield from _places(value[key], draw, f"{path}/{str(key)[:30]}")


def used(folder: Path) -> str:
    """Everything that a run does with a tokenizer; gives what is wrong with what came of it."""
    tokenizer = Tokenizer.load(folder)
    forbidden_V = tokenizer.specials.copy()
    if tokenizer.unknown is not None:
        forbidden_V[tokenizer.unknown] = False
    for ids in tokenizer.encode_batch(TEXTS):
        if ids.size and (ids.min() < 0 or ids.max() >= tokenizer.size):
            return f"an id that has no row: {ids.max()} of {tokenizer.size}"
        if forbidden_V[ids].any():
            return f"a text became the special token {tokenizer.pieces(ids[forbidden_V[ids]])}"
        tokenizer.decode(ids)
    assert tokenizer.continues.shape == (tokenizer.size,)
    tokenizer.decode(np.arange(tokenizer.size)[:200])
    tokenizer.save(folder / "saved")
    if Tokenizer.load(folder / "saved").hash != tokenizer.hash:
        return "saved and loaded it is another"
    return ""


if __name__ == "__main__":
    by_hand(sweep, 20_000)
