"""A small world for a plugin to be tried in: generated data, a tiny Transformer, and the steps that the loop takes.

Letters: S sentences, M documents.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import tokenizers
import torch

from sslcli.config import Config
from sslcli.contracts import Frame, Loss, Objective, Views
from sslcli.core.initialize import initialize
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch, collate
from sslcli.data.documents import Modality
from sslcli.data.draws import Draws, mix
from sslcli.data.tokenizer import Tokenizer
from sslcli.engine.learner import Learner

FEATURES = 8  # of every item of a tiny array document
SEQUENCE_TOKENS = 32
DOCUMENTS = 48
SUBJECTS = ("cat", "dog", "bird", "fish", "horse", "mouse")
VERBS = ("sees", "likes", "follows")
PLACES = ("garden", "house", "river", "forest")
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECES = ("gar", "##den", "for", "##est", "hor", "##se", "ri", "##ver")  # so that some words have two


def tiny_texts() -> list[list[str]]:
    """Documents of three to five sentences about one animal; what it does, and where, depends on what it is."""
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
    """Word pieces for the tiny texts; three of its words have two pieces."""
    words = {word for text in tiny_texts() for sentence in text for word in sentence.split()}
    whole = sorted(words - {"garden", "forest", "horse", "river"})
    vocabulary = {piece: number for number, piece in enumerate((*SPECIALS, *PIECES, *whole))}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]")
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    library.decoder = tokenizers.decoders.WordPiece()
    library.add_special_tokens(list(SPECIALS))
    return Tokenizer(library)


class TinyCorpus:
    """Documents in memory, with the face of a Corpus."""

    def __init__(self, modality: Modality = "text", sequence_tokens: int = SEQUENCE_TOKENS, unit: str = "fill") -> None:
        self.modality, self.sequence_tokens, self.unit = modality, sequence_tokens, unit
        self.languages = ("en",)
        texts = tiny_texts()
        encoded = [tiny_tokenizer().encode(sentence) for text in texts for sentence in text]
        self._tokens = np.concatenate(encoded)
        self._bytes = np.cumsum([0, *(len(sentence.encode()) for text in texts for sentence in text)])
        self.sentences = np.cumsum([0, *(len(tokens) for tokens in encoded)])
        sizes = [len(text) for text in texts] if modality == "text" else [1] * DOCUMENTS
        self.documents = np.cumsum([0, *sizes])
        self.spans = np.stack([np.arange(DOCUMENTS), self.documents[:-1], self.documents[1:]], axis=1)
        self.fingerprint = hashlib.blake2b(self._tokens.tobytes(), digest_size=8).hexdigest()

    def tokens(self, start: int, stop: int) -> np.ndarray:
        return self._tokens[start:stop]

    def bytes_between(self, start: int, stop: int) -> float:
        return float(np.diff(np.interp([start, stop], self.sentences, self._bytes))[0])

    def language_of(self, document: int) -> int:
        return 0

    def array(self, document: int) -> np.ndarray:
        """Sums of two waves with phases of the document's own: [items, FEATURES], or [8, 8, 3] for an image."""
        phases = mix(document, np.arange(2)) % np.uint64(628) / 100.0
        length, width = (8, 24) if self.modality == "images" else (6 + document % 9, FEATURES)
        items, features = np.arange(length)[:, None], np.arange(width)[None, :]
        values = (np.sin(items / 2 + phases[0] + features) + np.cos(features / 2 + phases[1])).astype(np.float32)
        return values.reshape(8, 8, 3) if self.modality == "images" else values


def tiny_frame(architecture: Architecture = "encoder", modality: Modality = "text") -> Frame:
    """Two layers of width 32 without dropout; no tokenizer where the data is arrays."""
    tokenizer = tiny_tokenizer() if modality == "text" else None
    shape = TransformerSettings(
        architecture=architecture,
        vocabulary=0 if tokenizer is None else tokenizer.size,
        width=32,
        depth=2,
        heads=2,
        feedforward_width=64,
        longest_tokens=64,
        norm_place="post" if architecture == "encoder" else "pre",
        segments=2 if architecture == "encoder" else 0,
        initial_deviation=0.1,
    )
    return Frame(shape, tokenizer)


@dataclass(frozen=True)
class Bench:
    """One objective with its data, as the loop would have it."""

    cls: type[Objective]
    options: Config
    frame: Frame
    corpus: TinyCorpus
    rows: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, objective: type[Objective], options: Config | None, architecture: Architecture) -> "Bench":
        modality: Modality = "text" if "text" in objective.reads else min(objective.reads)
        options = objective.Options() if options is None else options
        frame, corpus = tiny_frame(architecture, modality), TinyCorpus(modality)
        chunks = list(objective(options, frame).arrange(corpus))
        rows, lengths = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("values", "lengths"))
        return cls(objective, options, frame, corpus, rows, lengths)

    def learner(self, seed: int = 0) -> Learner:
        """With initial weights out of `seed`, and begun."""
        backbone, objective = Transformer(self.frame.architecture), self.cls(self.options, self.frame)
        generator = torch.Generator().manual_seed(seed)
        initialize(backbone, generator)
        initialize(objective, generator)
        with torch.no_grad():
            objective.begin(backbone)
        return Learner(backbone, objective)

    def twin(self) -> Objective:
        """The objective as the loader has it: on the meta device, where a parameter has no value to be read."""
        with torch.device("meta"):
            return self.cls(self.options, self.frame)

    def batch(self, numbers: Sequence[int], epoch: int = 0) -> Batch:
        twin, draws = self.twin(), Draws(0, epoch)
        numbers = [int(number) % len(self.rows) for number in numbers]
        return collate(numbers, [twin.sample(self.corpus, self.rows[number], draws.sample(number)) for number in numbers])

    def views(self, numbers: Sequence[int], epoch: int = 0) -> Views:
        return self.twin().views(self.batch(numbers, epoch), Draws(0, epoch))

    def total(self, loss: Loss, views: Views) -> torch.Tensor:
        """What the loop minimises, for a batch that is one micro-batch."""
        return sum(value / views.counts[term] for term, value in loss.sums.items() if views.counts[term])


def architectures(objective: type[Objective]) -> Iterator[Architecture]:
    yield from sorted(objective.needs)
