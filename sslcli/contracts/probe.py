"""The contract of a probe: a question to a frozen model, and what it is asked with.

Letters: T tokens of a packed batch, N features, D width, V vocabulary.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Protocol

import numpy as np
import torch
from torch import Tensor

from sslcli.config import Config
from sslcli.contracts.examples import Annotated
from sslcli.contracts.learnable import Learnable, O
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Edit, Hidden, Inputs
from sslcli.core.settings import Architecture
from sslcli.core.transformer import Transformer
from sslcli.data.documents import Document
from sslcli.data.records.records import Record
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError
from sslcli.progress import working
from sslcli.reports import Report

_PART_HEAD = re.compile(r"parts\.[^.]+\.head")
TOKENS_AT_ONCE = 4_096  # of one packed batch


class ProbeData(Protocol):
    """What a subject is looked at with: the data that the line names, else what the model was trained on.

    Each raises UsageError, with what to give instead, where there is none of the kind.
    """

    def languages(self) -> Sequence[str]:
        """Those that the data is said to be in, else those of its first documents."""

    def documents(self, language: str = "") -> Iterator[Document]:
        """Texts with their languages; those of one language alone where it is given."""

    def records(self, kind: str) -> Iterator[Record]:
        """What a generated source knows of itself: "senses", "dictionary", "parallel", or a kind of labelled record."""

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        """Texts whose places have labels, of a task that can say so: to learn from, and to test with."""


@dataclass(frozen=True)
class HiddenBatch:
    """Hidden states of some sequences end to end; `numbers`: which ones, in this order, of those that were asked for."""

    numbers: Sequence[int]
    hidden: Hidden


class Lengths:
    """Texts that a model was to be looked at with, each once, and those that are too long for it."""

    def __init__(self) -> None:
        self._limit_of: dict[str, str] = {}  # what a text is longer than, "" where it is not

    def note(self, texts: Sequence[str], tokens: Sequence[int], most: int) -> None:
        """`most`: so many of its own tokens a text may have."""
        limit = f"the {most:,} tokens that the model reads"
        self._note(texts, tokens, most, limit)

    def shorter(self, texts: Iterable[str], most: int) -> list[str]:
        """Texts of at most so many characters; the others are noted."""
        found = list(texts)
        self._note(found, [len(text) for text in found], most, f"{most:,} characters")
        return [text for text in found if len(text) <= most]

    def _note(self, texts: Sequence[str], sizes: Sequence[int], most: int, limit: str) -> None:
        for text, size in zip(texts, sizes, strict=True):
            self._limit_of[text] = limit if size > most else ""

    def remarks(self) -> list[str]:
        """A sentence for each limit that some are longer than."""
        long = Counter(limit for limit in self._limit_of.values() if limit)
        what = "longer than {}, and left out: {:,} of {:,} texts"
        return [what.format(limit, count, len(self._limit_of)) for limit, count in long.items()]


@dataclass(frozen=True)
class FrozenModel:
    """A frozen model, in evaluation mode, and what it is looked at with.

    `name`: for captions. `step`: of training, None where it is not known. `learnable`: what it was trained with, None for a
    model without a head. `stages`: the same model at each of its milestones, the first the earliest. `lengths`: counts which
    texts were left out for their length.
    """

    name: str
    step: int | None
    backbone: Transformer
    tokenizer: Tokenizer
    learnable: Learnable | None
    probe_data: ProbeData
    stages: Callable[[], Iterator["FrozenModel"]] = lambda: iter(())
    lengths: Lengths = field(default_factory=Lengths, compare=False, repr=False)

    @property
    def depth(self) -> int:
        """The last layer's number; layer 0 is what the embeddings give."""
        return self.backbone.settings.depth

    @property
    def head(self) -> LanguageModelHead | None:
        """The learnable's `head`, or that of one of its parts where several are joined: heads of other networks are not meant."""
        if self.learnable is None:
            return None
        found = {name: module for name, module in self.learnable.named_modules() if isinstance(module, LanguageModelHead)}
        return next((module for name, module in found.items() if name == "head" or _PART_HEAD.fullmatch(name)), None)

    def hidden(
        self, sequences: Sequence[np.ndarray], layers: Collection[int], edit: Mapping[int, Edit] | None = None
    ) -> Iterator[HiddenBatch]:
        """Hidden states of token sequences (special tokens in place), some thousand tokens at once, those of like length together.

        Raises DataError where one is longer than the model has positions for.
        """
        device = self.backbone.embedding.device
        done = 0
        for numbers in _gathered([len(sequence) for sequence in sequences]):
            if done:
                working(f"hidden states, {done:,} of {len(sequences):,} sequences")
            done += len(numbers)
            inputs = Inputs.pack([sequences[number] for number in numbers], device=device)
            with torch.no_grad():
                yield HiddenBatch(numbers, self.backbone(inputs, keep=layers, edit=edit))


def _gathered(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of sequences, the short ones first, about TOKENS_AT_ONCE in one list."""
    gathered: list[int] = []
    tokens = 0
    for number in np.argsort(lengths, kind="stable").tolist():
        if gathered and tokens + lengths[number] > TOKENS_AT_ONCE:
            yield gathered
            gathered, tokens = [], 0
        gathered.append(number)
        tokens += lengths[number]
    if gathered:
        yield gathered


class Probe(ABC, Generic[O]):
    """One question to a frozen model, answered in figures beside their controls."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    architectures: ClassVar[frozenset[Architecture]] = frozenset({"encoder", "decoder"})
    special_tokens: ClassVar[frozenset[SpecialToken]] = frozenset()  # a model whose tokenizer lacks one of them is refused
    positional_fields: ClassVar[str] = ""  # the option that a bare word on the line fills; where there is none, the word is the model

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def run(self, model: FrozenModel, rng: Rng) -> Report:
        """Raises UsageError or DataError for what cannot be looked at. A run that shows nothing says "not emerged" in a note."""


def mean_row(rows: Iterator[Tensor]) -> Tensor:
    """float64 [D]: the mean of rows [N, D] that come some at a time. Raises DataError where there is none."""
    total, count = None, 0
    for rows_ND in rows:
        summed_D = rows_ND.double().sum(dim=0)
        total, count = summed_D if total is None else total + summed_D, count + len(rows_ND)
    if total is None or not count:
        raise DataError("there is no hidden state to take the mean of", "give more text")
    return total / count
