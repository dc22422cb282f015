"""Frozen models with random weights, and what they are looked at with: enough for a probe to be
tried in a moment.
"""

import torch
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from sslcli.api import (
    Document,
    FrozenModel,
    Record,
    Tokenizer,
    Transformer,
    TransformerSettings,
    UsageError,
    Where,
)
from sslcli.conformance.tiny import SPECIALS

# "orchard" has two pieces, and so has 银行, as every Chinese word of two characters has.
_WORDS = (
    "the a an is in by she he eats sells buys old new red river "
    "bank money phone apple orange rises falls . , or ##chard"
)
_CHARACTERS = "苹蘋果银行她吃了一个手机的卖新红。，河边钱"


class Nothing:
    """A model that does not say what it was trained on."""

    def documents(self):
        raise UsageError("there is no text to look at", "give some")

    def records(self, kind):
        raise UsageError(f"there is no {kind} for this model", "give a file")


class Generated(Nothing):
    """Texts, and records by kind."""

    def __init__(self, texts=(), **kinds):
        self.texts, self.kinds = texts, kinds

    def documents(self):
        for number, (language, text) in enumerate(self.texts, start=1):
            yield Document(Where("generated", number), text=text, language=language)

    def records(self, kind):
        if kind not in self.kinds:
            return super().records(kind)
        return (
            Record(Where("generated", number), values)
            for number, values in enumerate(self.kinds[kind], start=1)
        )


def sense_record(text, word, sense, language="en"):
    return {
        "text": text,
        "word": word,
        "start": text.index(word),
        "sense": sense,
        "language": language,
    }


def tiny_subject(probe_data=None, **shape):
    """An encoder of two layers, unless `shape` says otherwise, every weight drawn."""
    vocabulary = {
        piece: number for number, piece in enumerate((*SPECIALS, *_WORDS.split(), *_CHARACTERS))
    }
    library = Library(models.WordPiece(vocabulary, unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer(lowercase=True)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.add_special_tokens(list(SPECIALS))
    settings = {
        "width": 16,
        "depth": 2,
        "heads": 2,
        "feedforward_width": 32,
        "longest_tokens": 32,
        **shape,
    }
    backbone = Transformer(TransformerSettings(vocabulary=len(vocabulary), **settings))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.copy_(torch.empty(parameter.shape).normal_(0.05, 0.3, generator=generator))
    return FrozenModel(
        "tiny",
        None,
        backbone.eval().requires_grad_(False),
        Tokenizer(library),
        None,
        probe_data or Nothing(),
    )


def run(probe, model, rng, **options):
    return probe(probe.Options(**options)).run(model, rng)
