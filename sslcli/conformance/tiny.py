"""A tiny world to try a plugin in: texts and arrays, a tokenizer, the context of a tiny model."""

import hashlib
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
import tokenizers

from sslcli.contracts.learnable import Context
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.data.corpus import Corpus
from sslcli.data.rng import mix
from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.grid import Grid
from sslcli.modalities import Frames, Modality

FEATURES = 8  # of every item of a tiny array document
SEQUENCE_TOKENS = 32
DOCUMENTS = 48
GRID = Grid(8, 8, 3, 4)  # of a tiny image
FRAMES = Frames.at(8_000, FEATURES)  # of a tiny recording
SUBJECTS = ("cat", "dog", "bird", "fish", "horse", "mouse")
VERBS = ("sees", "likes", "follows")
PLACES = ("garden", "house", "river", "forest")
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# so that some words have two
PIECES = ("gar", "##den", "for", "##est", "hor", "##se", "ri", "##ver")


def tiny_texts() -> list[list[str]]:
    """Return documents of three to five sentences about one animal.

    What it does, and where, depends on what it is.
    """
    texts = []
    for number in range(DOCUMENTS):
        draw = [int(value) % 60 for value in mix(number, np.arange(16))]
        subject, length = number % len(SUBJECTS), 3 + draw[0] % 3
        texts.append(
            [
                f"the {SUBJECTS[subject]} {VERBS[subject % 3]} the {SUBJECTS[draw[2 * i + 1] % 6]}"
                f" in the {PLACES[(subject + draw[2 * i + 2] % 2) % 4]} ."
                for i in range(length)
            ]
        )
    return texts


@cache
def tiny_tokenizer() -> Tokenizer:
    """Return a WordPiece tokenizer for the tiny texts; three of its words have two pieces."""
    return Tokenizer(_tiny_library())


@cache
def tiny_tokenizer_without(token: SpecialToken) -> Tokenizer:
    """Return the same vocabulary without a token in this role."""
    roles = {
        f"{name}_token": f"[{name.upper()}]"
        for name in ("pad", "unk", "cls", "sep", "mask")
        if name != token
    }
    return Tokenizer(_tiny_library(), roles)


def _tiny_library() -> tokenizers.Tokenizer:
    words = {word for text in tiny_texts() for sentence in text for word in sentence.split()}
    whole = sorted(words - {"garden", "forest", "horse", "river"})
    vocabulary = {piece: number for number, piece in enumerate((*SPECIALS, *PIECES, *whole))}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]")
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    library.decoder = tokenizers.decoders.WordPiece()
    library.add_special_tokens(list(SPECIALS))
    return library


def corpus_in_memory(
    documents: Sequence[Sequence[np.ndarray]],
    *,
    modality: Modality = "text",
    sequence_tokens: int = SEQUENCE_TOKENS,
    unit: Literal["fill", "sentence"] = "fill",
    bytes_of: Sequence[int] | None = None,
    language_of: Sequence[int] | None = None,
    grid: Grid | None = None,
    labels: Sequence[str] = (),
) -> Corpus:
    """Build a corpus without files.

    Every document is a list of sentences, each its tokens (or one array, its rows). `bytes_of` each
    sentence: one per token where not given. `language_of` each document: all of language 0.
    `grid`: of images. `labels`: of each document.
    """
    sentences = [sentence for document in documents for sentence in document]
    sizes = [len(sentence) for sentence in sentences]
    shard = np.concatenate(sentences)
    languages = (
        np.zeros(len(documents), dtype=np.int64) if language_of is None else np.asarray(language_of)
    )
    ends = np.cumsum([0, *(len(document) for document in documents)])
    return Corpus(
        folder=Path("memory"),
        modality=modality,
        sequence_tokens=sequence_tokens,
        unit=unit,
        languages=tuple(f"language {number}" for number in range(int(languages.max()) + 1)),
        fingerprint=hashlib.blake2b(shard.tobytes(), digest_size=16).hexdigest(),
        sentences=np.cumsum([0, *sizes]),
        documents=ends,
        spans=np.stack([np.arange(len(documents)), ends[:-1], ends[1:]], axis=1),
        _bytes=np.cumsum([0, *(sizes if bytes_of is None else bytes_of)]),
        _language_of=languages,
        _shards=(shard,),
        grid=grid,
        labels=(names := tuple(dict.fromkeys(labels))),
        _label_of=np.asarray([names.index(label) for label in labels]) if labels else None,
    )


def tiny_corpus(
    modality: Modality = "text",
    sequence_tokens: int = SEQUENCE_TOKENS,
    unit: Literal["fill", "sentence"] = "fill",
) -> Corpus:
    """Build the corpus of the tiny texts, or of labelled arrays [items, FEATURES] (images: of
    GRID).
    """
    if modality != "text":
        arrays = [[tiny_array(document, modality)] for document in range(DOCUMENTS)]
        return corpus_in_memory(
            arrays,
            modality=modality,
            sequence_tokens=sequence_tokens,
            unit=unit,
            grid=GRID if modality == "images" else None,
            labels=[SUBJECTS[number % 3] for number in range(DOCUMENTS)],
        )
    texts = tiny_texts()
    return corpus_in_memory(
        [tiny_tokenizer().encode_batch(text) for text in texts],
        sequence_tokens=sequence_tokens,
        unit=unit,
        bytes_of=[len(sentence.encode()) for text in texts for sentence in text],
    )


def tiny_array(document: int, modality: Modality) -> np.ndarray:
    """Return float32 rows: the sum of two waves with phases of the document's own."""
    phases = mix(document, np.arange(2)) % np.uint64(628) / 100.0
    is_image = modality == "images"
    length, width = (8, 24) if is_image else (6 + document % 9, FEATURES)
    items, features = np.arange(length)[:, None], np.arange(width)[None, :]
    values = (np.sin(items / 2 + phases[0] + features) + np.cos(features / 2 + phases[1])).astype(
        np.float32
    )
    return GRID.cut((values.reshape(8, 8, 3) + 2) / 4) if is_image else values


def tiny_context(architecture: Architecture = "encoder", modality: Modality = "text") -> Context:
    """Build a context of two layers of width 32, without dropout; arrays have no tokenizer."""
    tokenizer = tiny_tokenizer() if modality == "text" else None
    shape = TransformerSettings(
        architecture=architecture,
        vocabulary=0 if tokenizer is None else tokenizer.size,
        row_features=prod(tiny_array(0, modality).shape[1:]) if tokenizer is None else 0,
        grid=GRID if modality == "images" else None,
        frames=FRAMES if modality == "sound" else None,
        width=32,
        depth=2,
        heads=2,
        feedforward_width=64,
        longest_tokens=64,
        norm_place="post" if architecture == "encoder" else "pre",
        segments=2 if architecture == "encoder" else 0,
        initial_deviation=0.1,
    )
    return Context(shape, tokenizer)
