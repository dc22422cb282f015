"""Optional abilities of a learnable and the protocols that workflows ask for, never plugin
names.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from sslcli.config import Config
from sslcli.core.inputs import Inputs
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.corpus import Corpus
from sslcli.data.rng import Rng
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.modalities import Frames


@dataclass(frozen=True)
class Artifact:
    """A generated text with its score, if there is one, and further columns; or an item.

    `rows`: of an item that is no text, as [L, F] of the model's layout; `frames`: of a recording,
    how they are made, and then `details["name"]` is what its file is called. Artifacts of one
    request with equal `details` are candidates for the same place. `pieces`: new tokens with the
    model's own log-probability of each, before any rule or temperature.
    """

    text: str
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    pieces: Sequence[tuple[str, float]] = ()
    rows: np.ndarray | None = None
    frames: Frames | None = None


@runtime_checkable
class ReadsText(Protocol):
    """A request that has a text, which a bare word on the command line gives."""

    @property
    def text(self) -> str:
        """The text."""
        ...


@runtime_checkable
class Generates(Protocol):
    """A learnable that generates texts, or items.

    The fields of `Request` (a Config) become flags of `ssl generate`; a bare word on the command
    line fills its field `text`.
    """

    Request: ClassVar[type[Config]]

    def generate(self, backbone: Transformer, request: Any, rng: Rng) -> Iterator[Artifact]:
        """Yield the artifacts of one request, sampling from `rng` alone."""


@runtime_checkable
class Streams(Generates, Protocol):
    """A generator that answers many requests at once, and one piece by piece."""

    def completed(self, request: Any) -> tuple[Any, Sequence[str]]:
        """Return the request with what the model's own files say where it says nothing, and
        sentences of what was taken from them.
        """

    def stream(
        self, backbone: Transformer, requests: Sequence[Any], rng: Rng
    ) -> Iterator[str | Artifact]:
        """Yield the artifacts of requests that differ in their texts alone, in order; before the
        artifact of a single one, pieces of its text as it grows.
        """


@runtime_checkable
class ContinuesTokens(Streams, Protocol):
    """A generator that goes on behind tokens that somebody else has laid out, as those of a
    conversation.
    """

    def go_on(
        self,
        backbone: Transformer,
        prompts: Sequence[tuple[str, np.ndarray]],
        request: Any,
        rng: Rng,
        tokenizer: Tokenizer,
    ) -> Iterator[str | Artifact]:
        """Yield what is written behind each prompt, without it: pieces before where it is one.

        `prompts`: what each is called in `details["prompt"]`, and its tokens, int64 [T], which
        leave room for one more. What is written ends where `tokenizer` ends texts, and with the
        model's positions.
        """


@runtime_checkable
class RemarksOnGeneration(Protocol):
    """A generator that knows what its model's directory says of generation, and is not done."""

    def remarks_on_generation(self) -> Sequence[str]:
        """Return sentences, which `ssl generate` says beside the text."""


@runtime_checkable
class Illustrates(Generates, Protocol):
    """A generator that makes requests of held-out samples itself; its answers are shown during
    training.
    """

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, Config]]:
        """Return (title, request) pairs; fewer than samples, or none, where a sample does not
        suit.
        """


@dataclass(frozen=True)
class Restoration:
    """One sample: its input, corrupted as the network reads it, and restored; texts or rows [t, F].

    `error`: the mean loss over what was to be restored, in the learnable's `loss_unit`, unless
    `unit` says what else it is. `codes`: what the sample became in between, one row a code, where
    the method has such. `hidden`: bool [t], the rows that were to be restored, where those are not
    all.
    """

    input: str | np.ndarray
    corrupted: str | np.ndarray
    restored: str | np.ndarray
    error: float
    codes: np.ndarray | None = None
    hidden: np.ndarray | None = None
    unit: str | None = None


@runtime_checkable
class Restores(Protocol):
    """A learnable that restores what `collate` corrupted, or what went through codes; shown during
    training, unless it illustrates itself.
    """

    def restore(self, backbone: Transformer, batch: Any) -> Sequence[Restoration]:
        """Return one restoration per sample of a collated batch, without gradients or
        randomness.
        """


@runtime_checkable
class Encodes(Protocol):
    """A learnable on arrays with a code between what it reads and what it restores."""

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """Return the code of each item as it is, [B, K], without randomness."""

    def decoded(self, codes_BK: Tensor) -> Tensor:
        """Return the rows [T, F] that codes stand for."""


@runtime_checkable
class Quantizes(Encodes, Protocol):
    """A learnable whose code of an item is G numbers of a few values each."""

    @property
    def code_sizes(self) -> Sequence[int]:
        """How many values each of the G has."""
        ...

    def code_ids(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """Return these numbers, int64 [B, G], each below its size, without randomness."""

    def of_ids(self, ids_BG: Tensor) -> Tensor:
        """Return the codes [B, K] that `decoded` takes."""


@runtime_checkable
class Converts(Protocol):
    """A learnable on arrays that parts an item into codes along it and one style of the whole, and
    makes an item of the codes of one and the style of others.
    """

    def codes_along(self, backbone: Transformer, inputs: Inputs) -> Sequence[Tensor]:
        """Return the codes [c, K] of each item as it is, without randomness."""

    def styles(self, inputs: Inputs) -> Tensor:
        """Return the style [B, S] of each item as it is, whose mean over items, weighed by their
        rows, is that of all.
        """

    def converted(self, backbone: Transformer, inputs: Inputs, style_S: Tensor) -> Tensor:
        """Return the rows [T, F] of items as they are, in another style."""


@runtime_checkable
class HasRowBaselines(Protocol):
    """An objective on arrays that knows what its loss is without any learning."""

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[Any]
    ) -> Mapping[str, float]:
        """Return the mean loss on collated held-out batches, by name of what needs no training, in
        `loss_unit`. `train`: the rows [t, F] of samples to fit it on.
        """


@runtime_checkable
class Concludes(Protocol):
    """A learnable that says in words what its held-out metrics show, or do not."""

    def conclusions(self, loss: float, metrics: Mapping[str, float]) -> Sequence[str]:
        """Return sentences about its mean held-out loss and its metrics; where nothing has been
        learnt one begins with "not emerged".
        """


@runtime_checkable
class HasIdleOptions(Protocol):
    """An objective some of whose options belong to a way of doing it that was not chosen."""

    def idle_options(self) -> Collection[str]:
        """Return the names of options that nothing reads, given the others; those are not listed
        among the settings of a run, and one that is said all the same is remarked on.
        """


@runtime_checkable
class RemarksOnData(Protocol):
    """An objective that sees in its samples alone what it can make nothing of."""

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Return sentences about the samples of these rows, as of a noise that changes none of
        them; said before training.
        """
