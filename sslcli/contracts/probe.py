"""The contract of a probe: a question about a frozen model, and the data it is asked with.

Letters: T tokens of a packed batch, N features, D width, V vocabulary.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Generic, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from sslcli.config import Config
from sslcli.contracts.examples import Annotated
from sslcli.contracts.learnable import Learnable
from sslcli.contracts.options import O
from sslcli.core.attention_maps import attention_maps
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Edit, Hidden, Inputs, in_double
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.documents import Document
from sslcli.data.items import Items
from sslcli.data.records.record import Record
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError, ModelError
from sslcli.modalities import Modality
from sslcli.progress import working_on
from sslcli.reports import Report

_PART_HEAD = re.compile(r"parts\.[^.]+\.head")
TOKENS_AT_ONCE = 4_096  # of one packed batch
Part = Literal["train", "held_out", "own_held_out"]


class ProbeData(Protocol):
    """The data that a frozen model is probed with: what --data names, else its training data.

    Each method raises UsageError, with a hint what to give instead, if there is none of the kind.
    """

    def languages(self) -> Sequence[str]:
        """Return the languages that the data is declared to be in, else those of its first
        documents.
        """

    def documents(self, language: str = "") -> Iterator[Document]:
        """Yield texts with their languages, or only those of one language."""

    def records(self, kind: str) -> Iterator[Record]:
        """Yield records of a generated source: "senses", "dictionary", "parallel", or a record
        kind.
        """

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        """Return texts with labelled spans of a task that implements Annotates: to train on, to
        test on.
        """

    def items(self, part: Part) -> Items:
        """Return the items of the run's training data, or those held out of it, instead of which
        --data may name others; "own_held_out" are those of the run in any case.
        """


@dataclass(frozen=True)
class HiddenBatch:
    """Hidden states of packed sequences; `numbers` are their indices in the request, in this
    order.
    """

    numbers: Sequence[int]
    hidden: Hidden


class Lengths:
    """Counts the distinct texts that were given to a model, and those that are too long for it."""

    def __init__(self) -> None:
        self._limit_of: dict[str, str] = {}  # text -> the limit that it exceeds, "" if none

    def note(self, texts: Sequence[str], tokens: Sequence[int], most: int) -> None:
        """Record the lengths of texts; `most` is the number of tokens that a text may have."""
        limit = f"the {most:,} tokens that the model reads"
        self._note(texts, tokens, most, limit)

    def shorter(self, texts: Iterable[str], most: int) -> list[str]:
        """Return the texts of at most `most` characters, and record the others."""
        found = list(texts)
        self._note(found, [len(text) for text in found], most, f"{most:,} characters")
        return [text for text in found if len(text) <= most]

    def _note(self, texts: Sequence[str], sizes: Sequence[int], most: int, limit: str) -> None:
        for text, size in zip(texts, sizes, strict=True):
            self._limit_of[text] = limit if size > most else ""

    def remarks(self) -> list[str]:
        """Return a sentence for each limit that texts exceed."""
        long = Counter(limit for limit in self._limit_of.values() if limit)
        what = "longer than {}, and left out: {:,} of {:,} texts"
        return [what.format(limit, count, len(self._limit_of)) for limit, count in long.items()]


@dataclass(frozen=True)
class FrozenModel:
    """A frozen model in evaluation mode, with the data to probe it with.

    A model of images has no tokenizer; see `kits.items` for what it makes of them.

    `name`: for captions. `step`: of training, None if unknown. `learnable`: what it was trained
    with, None for a model without a head. `stages`: the same model at each milestone, earliest
    first. `lengths`: counts the texts that were left out for their length. Of an encoder-decoder
    the encoder is a model of its own, with `is_half`; its decoder is one with `reads_memory`: it
    reads what the encoder makes of the same text, as in BART's fine-tuning (Lewis et al. 2020,
    section 3).
    """

    name: str
    step: int | None
    backbone: Transformer
    own_tokenizer: Tokenizer | None
    learnable: Learnable | None
    probe_data: ProbeData
    stages: Callable[[], Iterator["FrozenModel"]] = lambda: iter(())
    lengths: Lengths = field(default_factory=Lengths, compare=False, repr=False)
    reads_memory: bool = False
    is_half: bool = False

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer. Raises ModelError where the model reads no text."""
        if self.own_tokenizer is None:
            raise ModelError(f"{self.name} reads no text", "choose another probe, or a --model")
        return self.own_tokenizer

    @cached_property
    def settings(self) -> TransformerSettings:
        """The shape of the stack that is looked into.

        A decoder that reads a memory has a position less for text: it reads its start token first.
        """
        shape = self.backbone.settings
        if not self.reads_memory:
            return shape
        room = max(1, shape.longest_tokens - 1)
        return shape.of_decoder().model_copy(
            update={"architecture": "decoder", "longest_tokens": room}
        )

    @property
    def depth(self) -> int:
        """The number of the last layer; layer 0 is the output of the embeddings."""
        return self.settings.depth

    @property
    def head(self) -> LanguageModelHead | None:
        """The language-model head of the learnable, or of one of its joined parts; None if it has
        none.

        Heads of other networks within the learnable are ignored.
        """
        if self.learnable is None:
            return None
        found = {
            name: module
            for name, module in self.learnable.named_modules()
            if isinstance(module, LanguageModelHead)
        }
        return next(
            (
                module
                for name, module in found.items()
                if name == "head" or _PART_HEAD.fullmatch(name)
            ),
            None,
        )

    def hidden(
        self,
        sequences: Sequence[np.ndarray],
        layers: Collection[int],
        edit: Mapping[int, Edit] | None = None,
    ) -> Iterator[HiddenBatch]:
        """Yield hidden states of token sequences (special tokens in place), in batches of similar
        length.

        A batch has about TOKENS_AT_ONCE tokens. Raises DataError if a sequence is longer than the
        model's positions.
        """
        device = self.backbone.embedding.device
        done = 0
        for numbers in _gathered([len(sequence) for sequence in sequences]):
            if done:
                working_on("hidden states", done, len(sequences), "sequences")
            done += len(numbers)
            inputs = Inputs.pack([sequences[number] for number in numbers], device=device)
            with torch.no_grad():
                yield HiddenBatch(numbers, self._read(inputs, layers, edit))

    def as_read(self, tokens: np.ndarray) -> np.ndarray:
        """Return the tokens [t] as the stack reads them: a decoder that reads a memory reads its
        start token first.
        """
        return np.append(self.tokenizer.start_of_decoder(), tokens) if self.reads_memory else tokens

    def attention_maps(
        self, tokens: np.ndarray, layers: Collection[int], *, to_memory: bool = False
    ) -> dict[int, Tensor]:
        """Return by layer, from 1, the attention weights of a sequence, float32 [H, t, t].

        The t tokens are those of `as_read`. `to_memory`: the weights of a decoder's tokens on the
        encoder's, [H, t, len(tokens)]. Raises UsageError if a layer does not exist.
        """
        inputs = Inputs.pack([tokens], device=self.backbone.embedding.device)
        if not self.reads_memory:
            found = attention_maps(self.backbone, inputs, layers)
            return {layer: map_HTT for layer, (map_HTT,) in found.items()}
        with torch.no_grad():
            memory = self.backbone.encode(inputs)
        decoder_inputs = self._decoder_inputs(inputs)
        found = attention_maps(
            self.backbone, decoder_inputs, layers, memory=memory, to_memory=to_memory
        )
        return {layer: map_HTS for layer, (map_HTS,) in found.items()}

    def _read(
        self, inputs: Inputs, layers: Collection[int], edit: Mapping[int, Edit] | None
    ) -> Hidden:
        """Hidden states, a row for each of the inputs'."""
        if not self.reads_memory:
            return self.backbone(inputs, keep=layers, edit=edit)
        decoder_inputs = self._decoder_inputs(inputs)
        memory = self.backbone.encode(inputs)
        hidden = self.backbone.decode(decoder_inputs, memory, keep=layers, edit=edit)
        is_text_T = torch.ones(decoder_inputs.packing.total, dtype=torch.bool)
        is_text_T[np.cumsum((0, *decoder_inputs.packing.lengths[:-1]))] = False
        is_text_T = is_text_T.to(hidden.last_TD.device)
        kept = {layer: rows_TD[is_text_T] for layer, rows_TD in hidden.kept.items()}
        return Hidden(hidden.last_TD[is_text_T], inputs.packing, kept)

    def _decoder_inputs(self, inputs: Inputs) -> Inputs:
        """What the decoder reads: its start token, then the text."""
        start = inputs.ids_T.new_tensor([self.tokenizer.start_of_decoder()])
        parts = inputs.ids_T.split(inputs.packing.lengths)
        return Inputs.pack([torch.cat([start, part]) for part in parts], device=start.device)


def _gathered(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield indices of sequences, the short ones first, about TOKENS_AT_ONCE tokens in one list."""
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
    """A question about a frozen model, answered by scores beside their baselines."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    architectures: ClassVar[frozenset[Architecture]] = frozenset({"encoder", "decoder"})
    # what the models read that it can be asked of
    modalities: ClassVar[frozenset[Modality]] = frozenset({"text"})
    # a model whose tokenizer lacks one of them is refused
    special_tokens: ClassVar[frozenset[SpecialToken]] = frozenset()
    # the option that a bare word on the line fills; where there is none, the word is the model
    positional_fields: ClassVar[str] = ""

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def run(self, model: FrozenModel, rng: Rng) -> Report:
        """Probe the model and report scores.

        Raises UsageError or DataError for what cannot be probed. A note that begins with "not
        emerged" marks a score that is no better than its baseline.
        """


def mean_row(rows: Iterator[Tensor]) -> Tensor:
    """Return the mean [D], in float64, of rows that come as chunks [N, D].

    Raises DataError if there is no row.
    """
    total, count = None, 0
    for rows_ND in rows:
        summed_D = in_double(rows_ND).sum(dim=0)
        total, count = summed_D if total is None else total + summed_D, count + len(rows_ND)
    if total is None or not count:
        raise DataError("there is no hidden state to take the mean of", "give more text")
    return total / count
