"""A model made by hand for which the shift must translate: a word's vector is its concept's plus
its language's, and nothing else.

Languages aa, bb and cc say a0, b0 and c0 for the first concept, and so on; the full stop is common
to them.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import tokenizers
import torch

from sslcli.conformance.subjects import tiny_frozen_model
from sslcli.contracts.probe import FrozenModel
from sslcli.core.heads import LanguageModelHead
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.documents import Document, Where
from sslcli.data.records.record import Record
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError

CONCEPTS, WIDTH, DEPTH = 10, 32, 2
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = {"aa": "a", "bb": "b", "cc": "c"}
WORDS = [f"{letter}{concept}" for letter in LETTERS.values() for concept in range(CONCEPTS)]


def tokenizer(*more):
    vocabulary = {piece: number for number, piece in enumerate((*SPECIALS, ".", *WORDS, *more))}
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    library.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    library.add_special_tokens(list(SPECIALS))
    return Tokenizer(library)


def sentence(number, language):
    """Of five concepts, others for every number up to 62; those of one number are translations of
    one another.
    """
    concepts = list(combinations(range(CONCEPTS), 5))[4 * number]
    return " ".join(f"{LETTERS[language]}{concept}" for concept in concepts) + " ."


@dataclass(frozen=True)
class ProbeData:
    """Every language tells of every concept equally often, and of nothing else, so that the means
    differ by the languages alone.
    """

    spoken: tuple = ("aa", "bb")
    known: bool = True

    def languages(self):
        if not self.spoken:
            raise UsageError("there is no text to look at", "give some")
        return self.spoken

    def documents(self, language=""):
        for number in range(CONCEPTS * 20):
            for own in self.spoken:
                if language in ("", own):
                    yield Document(
                        Where("made", number),
                        text=f"{LETTERS[own]}{number % CONCEPTS}",
                        language=own,
                    )

    def records(self, kind):
        if not self.known:
            raise UsageError(f"there is no {kind}", "give a file")
        if kind == "dictionary":
            return (Record(Where("made"), {"aa": f"a{n}", "bb": f"b{n}"}) for n in range(CONCEPTS))
        return (
            Record(Where("made"), {"aa": sentence(n, "aa"), "bb": sentence(n, "bb")})
            for n in range(40)
        )

    def annotated(self, task):
        raise UsageError("there are no labels", "give a file")


def subject(probe_data=None):
    """Blocks add nothing, the last norm only scales: rows of the embedding are as long as one
    another and have the mean 0.
    """
    pieces = tokenizer()
    settings = TransformerSettings(
        architecture="decoder", vocabulary=pieces.size, width=WIDTH, depth=DEPTH, heads=2,
        feedforward_width=WIDTH,
        norm_place="pre", norm_embeddings=False, positions="none", longest_tokens=64,
    )  # fmt: skip
    backbone, head = Transformer(settings).eval().requires_grad_(False), LanguageModelHead(settings)
    for name, weight in backbone.named_parameters():
        weight.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    backbone.embedding.copy_(_rows())
    learnable = tiny_frozen_model().learnable
    learnable.head = head
    return FrozenModel("by hand", 0, backbone, pieces, learnable, probe_data or ProbeData())


def headless(of):
    return replace(of, learnable=None)


def _rows():
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(
        np.concatenate([np.ones((WIDTH, 1)), generator.standard_normal((WIDTH, WIDTH - 1))], axis=1)
    )[0].T[1:]
    concepts, languages, rest = (
        basis[:CONCEPTS],
        basis[CONCEPTS : CONCEPTS + 3],
        basis[CONCEPTS + 3 :],
    )
    words = [
        concepts[number % CONCEPTS] + languages[number // CONCEPTS] for number in range(len(WORDS))
    ]
    return torch.tensor(
        np.stack([*(np.sqrt(2) * rest[: len(SPECIALS) + 1]), *words]), dtype=torch.float32
    )
