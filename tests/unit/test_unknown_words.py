"""Words that a model's vocabulary does not have are named, and no others."""

import re

import pytest

from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.unknown_words import unknown_in
from sslcli.workflows.generate.generate import generate

TEXTS = {
    "zebra lives in [MASK].": ["zebra"],
    "[MASK] quaffs the quince, [MASK] quaffs.": ["quaffs", "quince"],
    "the [MASK] .": [],
    "[MASK]": [],
}


@pytest.mark.parametrize(("text", "unknown"), TEXTS.items())
def test_generate_names_the_words_that_it_cannot_read(model, text, unknown):
    said = []
    artifacts = list(generate(str(model), {"text": text}, 1, said.append))
    assert artifacts
    named = [
        line.rpartition(": ")[2] for line in said if "unknown to the model's vocabulary" in line
    ]
    assert named == ([", ".join(unknown)] if unknown else [])


def test_the_same_words_are_unknown_as_by_looking_them_up(model):
    tokenizer = Tokenizer.load(model)
    known = {piece for piece in tokenizer.pieces(range(tokenizer.size))}
    for text in (*TEXTS, "emma works for nokia in munich .", "Self-supervised, or supervised ?"):
        words = re.findall(r"\w+|[^\w\s]", text.replace("[MASK]", " ").lower())
        missing = list(dict.fromkeys(word for word in words if word not in known))
        assert [word.lower() for word in unknown_in(tokenizer, text)] == missing
