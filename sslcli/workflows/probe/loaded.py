"""A model for whoever works with it in Python: its hidden states, its tokenizer, its settings, its
parts.

Letters: T tokens of a text, W words, N texts, D width.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args, overload

import numpy as np

from sslcli.contracts.learnable import Learnable
from sslcli.contracts.probe import FrozenModel
from sslcli.core.settings import StackName, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import enclose
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import ArgumentError, UsageError, choices
from sslcli.kits.word_vectors import WordOccurrence, sentence_vectors, word_vectors
from sslcli.models.loading import load_pretrained
from sslcli.models.weights import Pretrained
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.probe.frozen_model import subject_of

Unit = Literal["tokens", "words", "text"]
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True)
class LoadedModel:
    """A trained model, frozen and in evaluation mode."""

    pretrained: Pretrained
    frozen: FrozenModel

    @classmethod
    def of(
        cls, reference: str, hardware: HardwareSettings, stack: StackName | None = None
    ) -> "LoadedModel":
        """Load a model; `stack`: the half of an encoder-decoder, its encoder where not given.

        Raises UsageError if the reference leads nowhere or the model has no halves, ModelError if
        it is damaged or reads no text.
        """
        pretrained = load_pretrained(reference)
        pretrained.tokenizer()
        frozen = subject_of(pretrained, (), choose_hardware(hardware), stack=stack)
        return cls(pretrained, frozen)

    def __repr__(self) -> str:
        shape = self.shape
        size = f"{shape.described_layers} x {shape.width}"
        return f"<{shape.architecture} of {self.frozen.name}: {size}>"

    @property
    def folder(self) -> Path:
        """Folder of the weights: a checkpoint of a run, or a model directory."""
        return self.pretrained.folder

    @property
    def step(self) -> int | None:
        """Training step; None for a directory of another tool."""
        return self.frozen.step

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.frozen.tokenizer

    @property
    def backbone(self) -> Transformer:
        """The torch module, without its head; of an encoder-decoder its encoder, or both halves
        where the decoder is asked for.
        """
        return self.frozen.backbone

    @property
    def learnable(self) -> Learnable | None:
        """The torch module of the objective, with its head; None where there is none, it is a
        task's, or the encoder of an encoder-decoder is looked into.
        """
        return self.frozen.learnable

    @property
    def shape(self) -> TransformerSettings:
        """The shape of the Transformer."""
        return self.pretrained.settings

    @cached_property
    def settings(self) -> PretrainSettings | FinetuneSettings | None:
        """Settings of the run; None for a directory of another tool."""
        trained = self.pretrained.trained
        return None if trained is None else trained.settings

    @property
    def notes(self) -> Sequence[str]:
        """Remarks on these weights for the user."""
        return self.pretrained.notes

    def tokens(self, text: str) -> list[str]:
        """Return the pieces of a text, one per row of `hidden`, without special tokens."""
        return self.tokenizer.pieces(self.tokenizer.encode(self._listed([text])[0]))

    @overload
    def hidden(self, texts: str, layer: int = ..., unit: Unit = ...) -> np.ndarray: ...
    @overload
    def hidden(
        self, texts: Sequence[str], layer: int = ..., unit: Unit = ...
    ) -> list[np.ndarray]: ...
    def hidden(
        self, texts: str | Sequence[str], layer: int = -1, unit: Unit = "tokens"
    ) -> np.ndarray | list[np.ndarray]:
        """Hidden states, float32 [T, D] of a text, and a list of these for several texts.

        `layer`: 0 is what the embeddings give, -1 the last. `unit`: "tokens", a row for each of
        `tokens(text)`; "words", [W, D], the mean over the pieces of every word between white space;
        "text", [D], the mean over all tokens. Special tokens are computed and left out. Raises
        UsageError for a layer or a unit that is not there, DataError for a text that is longer than
        the model reads, or has a word without a token.
        """
        listed = self._listed(texts)
        number = self._layer(layer)
        if unit == "tokens":
            found = self._of_tokens(listed, number)
        elif unit == "words":
            found = self._of_words(listed, number)
        elif unit == "text":
            found = list(sentence_vectors(self.frozen, listed, [number])[number]) if listed else []
        else:
            raise UsageError(f"there is no unit '{unit}'", choices(unit, UNITS))
        return found[0] if isinstance(texts, str) else found

    def _listed(self, texts: Any) -> list[str]:
        listed = [texts] if isinstance(texts, str) or not isinstance(texts, Iterable) else [*texts]
        strange = [each for each in listed if not isinstance(each, str)]
        if strange:
            raise ArgumentError(f"a text is wanted, not {strange[0]!r:.60}", 'write it as "..."')
        return listed

    def _layer(self, layer: int) -> int:
        if not isinstance(layer, Integral):
            raise ArgumentError(f"a layer is a number, not {layer!r:.60}", "-1 is the last")
        depth = self.frozen.depth
        number = layer + depth + 1 if layer < 0 else layer
        if not 0 <= number <= depth:
            raise UsageError(
                f"there is no layer {layer}",
                f"layers go from 0, the embeddings, to {depth}, which is -1 too",
            )
        return number

    def _of_tokens(self, texts: Sequence[str], layer: int) -> list[np.ndarray]:
        tokens = self.tokenizer.encode_batch(list(texts))
        before = self.tokenizer.template.single.before
        found = [np.zeros((0, self.shape.width), np.float32)] * len(texts)
        sequences = [enclose(tokens_T, self.tokenizer) for tokens_T in tokens]
        for batch in self.frozen.hidden(sequences, [layer]):
            rows_TD = batch.hidden.kept[layer].float().cpu().numpy()
            starts = np.cumsum((before, *batch.hidden.packing.lengths[:-1])).tolist()
            for owner, start in zip(batch.numbers, starts, strict=True):
                found[owner] = rows_TD[start : start + len(tokens[owner])].copy()
        return found

    def _of_words(self, texts: Sequence[str], layer: int) -> list[np.ndarray]:
        uses = [
            [WordOccurrence(text, *match.span()) for match in re.finditer(r"\S+", text)]
            for text in texts
        ]
        rows_WD = word_vectors(self.frozen, [use for own in uses for use in own], [layer])[layer]
        stops = np.cumsum([len(own) for own in uses])[:-1]
        return np.split(rows_WD, stops) if texts else []
