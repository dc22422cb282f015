"""Damaged tokenizer files, patterns that hardly end, and texts that spell special tokens."""

import json
import subprocess
import sys

import numpy as np
import pytest
from inputs_models import tiny_tokenizer
from inputs_tokenizers import KINDS, sweep

from sslcli.data.text.tokenizer import FILE, Tokenizer
from sslcli.errors import ModelError


def test_edited_files_are_refused_or_cut_any_text_soundly():
    tally = sweep(400)
    assert tally.tried == 400
    assert tally.good, tally.describe


def edited(folder, kind, change):
    tiny_tokenizer(kind).save(folder)
    description = json.loads((folder / FILE).read_text(encoding="utf-8"))
    change(description)
    (folder / FILE).write_text(json.dumps(description), encoding="utf-8")


def test_an_unknown_piece_that_is_the_mask_is_no_way_to_mask(tmp_path):
    """Without one piece before it, the number of the unknown piece points to the mask."""
    edited(tmp_path, "unigram", lambda description: description["model"].update(unk_id=4))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.pieces([4]) == ["<mask>"]
    with pytest.raises(ModelError, match="makes its special token '<mask>' of plain text"):
        tokenizer.encode("☃")


@pytest.mark.parametrize("token", [["[UNK]"], {}, 3, True])
def test_an_unknown_token_that_is_no_text_is_refused(token, tmp_path):
    edited(tmp_path, "wordpiece", lambda description: description["model"].update(unk_token=token))
    with pytest.raises(ModelError, match="its unknown token"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_special_token_spelt_in_a_text_is_plain_text(kind):
    tokenizer = tiny_tokenizer(kind)
    special = tokenizer.pieces(np.flatnonzero(tokenizer.specials))
    assert special
    for name in special:
        for text in (name, f"a{name}b", f" {name} ", name * 3, name.lower(), f"{name}\n{name}"):
            ids = tokenizer.encode(text)
            assert not (tokenizer.specials[ids] & (ids != tokenizer.unknown)).any(), text


USE = """
import sys
from sslcli.data.text.tokenizer import ModelError, Tokenizer
for folder in sys.argv[1:]:
    try:
        Tokenizer.load(folder).encode("a" * 40 + "!")
    except ModelError as error:
        print(error)
"""
PATTERNS = (
    "(a+)+$",
    "(a|aa)+$",
    "(a*)*b",
    "(a|a?)+$",
    "([a-z]+)*$",
    "(?=(a+)+$)b",
    "(x+x+)+y|(a+a+)+b",
)


@pytest.mark.parametrize("place", ["pre_tokenizer", "normalizer"])
def test_patterns_that_try_forever_end(place, tmp_path):
    """In a process of its own, which can be stopped while native code runs."""
    part = (
        {"type": "Split", "behavior": "Isolated", "invert": False}
        if place == "pre_tokenizer"
        else {"type": "Replace", "content": ""}
    )
    folders = [tmp_path / str(number) for number in range(len(PATTERNS))]
    for folder, pattern in zip(folders, PATTERNS, strict=True):
        edited(
            folder,
            "bpe",
            lambda description, rule={"Regex": pattern}: description.update(
                {place: {**part, "pattern": rule}}
            ),
        )
    done = subprocess.run(
        [sys.executable, "-c", USE, *map(str, folders)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
