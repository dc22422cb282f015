"""Hugging Face's side of fine-tuning, as its example scripts have it (run_glue, run_ner, run_qa):
its tokenizers on the texts themselves, its classes of models, its padding; and its answers as ours
can be, so that one function scores both.

Letters: P places of a padded sequence, C classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sslplugins.tasks.remap.task import STRANGE
from torch import Tensor
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BatchEncoding,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
)

from sslcli.config import Config
from sslcli.contracts.examples import Example, Prediction

IGNORED = -100
CANDIDATES = 20  # starts and ends of a window that are paired, n_best_size of run_qa
EVALUATION_BATCH = 32
Features = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Padding:
    """To a length in tokens, or (None) to the longest of each batch; grouped: batches of like
    lengths, the Trainer's own.
    """

    tokens: int | None = None
    grouped: bool = False


class Peer(ABC):
    """`options` are our task's, settled; `labels` the answers in their order."""

    auto: ClassVar[type]
    collator: ClassVar[Callable[..., Any]] = DataCollatorWithPadding
    reads: ClassVar[tuple[str, ...]] = ("logits",)

    def __init__(self, folder: Path, options: Config, labels: Sequence[str]) -> None:
        self.folder, self.options, self.labels = folder, options, list(labels)
        self.number = {label: number for number, label in enumerate(labels)}
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.longest_tokens: int = options.sequence_tokens

    def model(self, **changes: Any) -> torch.nn.Module:
        """A fresh head on the weights of the folder, from torch's seed. Its attention drops
        nothing, because ours never does.
        """
        named = (
            {"id2label": dict(enumerate(self.labels)), "label2id": self.number}
            if self.labels
            else {}
        )
        return self.auto.from_pretrained(
            self.folder, **{"attention_probs_dropout_prob": 0.0, **named, **changes}
        )

    def collate(self, padding: Padding) -> Callable[[Features], Mapping[str, Tensor]]:
        how = (
            {"padding": "longest"}
            if padding.tokens is None
            else {"padding": "max_length", "max_length": padding.tokens}
        )
        return type(self).collator(self.tokenizer, **how)

    @abstractmethod
    def features(self, examples: Sequence[Example]) -> Features:
        """What is trained on."""

    @abstractmethod
    def predictions(
        self, model: torch.nn.Module, examples: Sequence[Example]
    ) -> list[Prediction]: ...

    @torch.no_grad()
    def read(self, model: torch.nn.Module, features: Features) -> list[tuple[np.ndarray, ...]]:
        """What the model says of each, padded: an array [P, ...] or [C] for each name of
        `reads`.
        """
        model.eval()
        order = sorted(range(len(features)), key=lambda number: len(features[number]["input_ids"]))
        found: dict[int, tuple[np.ndarray, ...]] = {}
        for start in range(0, len(order), EVALUATION_BATCH):
            numbers = order[start : start + EVALUATION_BATCH]
            batch = self.collate(Padding())([features[number] for number in numbers]).to(
                model.device
            )
            output = model(**batch)
            arrays = [output[name].float().cpu().numpy() for name in self.reads]
            found |= {
                number: tuple(array[row] for array in arrays) for row, number in enumerate(numbers)
            }
        return [found[number] for number in range(len(features))]


class SequencePeer(Peer):
    """A class for a text or two. `written`: how a text is given to the tokenizer."""

    auto = AutoModelForSequenceClassification

    def written(self, text: str) -> str:
        return text

    def features(self, examples: Sequence[Example]) -> Features:
        texts = [
            [self.written(text) for text in column]
            for column in zip(*(example.data for example in examples), strict=True)
        ]
        encoded = self.tokenizer(*texts, truncation=True, max_length=self.longest_tokens)
        rows = _rows(encoded)
        return [
            {**row, "labels": self.number[example.gold]}
            for row, example in zip(rows, examples, strict=True)
        ]

    def predictions(self, model: torch.nn.Module, examples: Sequence[Example]) -> list[Prediction]:
        return [
            Prediction(self.labels[int(logits_C.argmax())])
            for (logits_C,) in self.read(model, self.features(examples))
        ]


class SymbolPeer(SequencePeer):
    """Symbols as the words that our task settled on: what they mean to the model is the same on
    both sides.
    """

    def written(self, text: str) -> str:
        words = self.options.words
        return " ".join(words.get(symbol, words[STRANGE]) for symbol in text)


class TagPeer(Peer):
    """A tag for every word, at its first piece; a word that is cut off is given the first tag."""

    auto = AutoModelForTokenClassification
    collator = DataCollatorForTokenClassification

    def encoded(self, examples: Sequence[Example]) -> BatchEncoding:
        words = [list(example.data.words) for example in examples]
        return self.tokenizer(
            words, is_split_into_words=True, truncation=True, max_length=self.longest_tokens
        )

    def features(self, examples: Sequence[Example]) -> Features:
        encoded, rows = self.encoded(examples), []
        for number, (row, example) in enumerate(zip(_rows(encoded), examples, strict=True)):
            labels = [IGNORED] * len(row["input_ids"])
            for word, place in _first_places(encoded.word_ids(number)).items():
                labels[place] = self.number.get(example.gold[word], IGNORED)
            rows.append({**row, "labels": labels})
        return rows

    def predictions(self, model: torch.nn.Module, examples: Sequence[Example]) -> list[Prediction]:
        encoded, answers = self.encoded(examples), []
        for number, ((logits_PC,), example) in enumerate(
            zip(self.read(model, self.features(examples)), examples, strict=True)
        ):
            places, best_P = _first_places(encoded.word_ids(number)), logits_PC.argmax(axis=1)
            given = [
                int(best_P[places[word]]) if word in places else 0
                for word in range(len(example.data.words))
            ]
            answers.append(Prediction([self.labels[tag] for tag in given]))
        return answers


@dataclass(frozen=True)
class Window:
    """`offsets` [P]: the characters of each token of the passage, None of every other token."""

    row: dict[str, Any]
    example: int
    offsets: Sequence[tuple[int, int] | None]


class SpanPeer(Peer):
    """The span of a passage, in windows as run_qa cuts them."""

    auto = AutoModelForQuestionAnswering
    reads = ("start_logits", "end_logits")

    def windows(self, examples: Sequence[Example]) -> Iterator[Window]:
        encoded = self.tokenizer(
            [example.data.text.lstrip() for example in examples],
            [example.data.passage for example in examples],
            truncation="only_second", max_length=self.longest_tokens, stride=self.options.stride,
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip
        owners, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
        for number, row in enumerate(_rows(encoded)):
            parts = encoded.sequence_ids(number)
            yield Window(
                row,
                owners[number],
                [
                    tuple(each) if part == 1 else None
                    for each, part in zip(offsets[number], parts, strict=True)
                ],
            )

    def features(self, examples: Sequence[Example]) -> Features:
        rows = []
        for window in self.windows(examples):
            answer = examples[window.example].gold[0]
            first, last = _places_of(window, answer.start, answer.stop)
            rows.append({**window.row, "start_positions": first, "end_positions": last})
        return rows

    def predictions(self, model: torch.nn.Module, examples: Sequence[Example]) -> list[Prediction]:
        windows = list(self.windows(examples))
        best = [(-np.inf, 0, 0)] * len(examples)
        for window, logits in zip(
            windows, self.read(model, [window.row for window in windows]), strict=True
        ):
            best[window.example] = max(
                best[window.example], self._best(window, *logits), key=lambda found: found[0]
            )
        return [
            Prediction(example.data.passage[start:stop])
            for example, (_, start, stop) in zip(examples, best, strict=True)
        ]

    def _best(
        self, window: Window, starts_P: np.ndarray, ends_P: np.ndarray
    ) -> tuple[float, int, int]:
        """The sum of logits and the characters of a window's best span, as run_qa's postprocessing
        has it.
        """
        places = [place for place, offsets in enumerate(window.offsets) if offsets is not None]
        firsts, lasts = (
            sorted(places, key=lambda place: -logits[place])[:CANDIDATES]
            for logits in (starts_P, ends_P)
        )
        longest = self.options.longest_answer_tokens
        spans = [
            (first, last) for first in firsts for last in lasts if first <= last < first + longest
        ]
        if not spans:
            return -np.inf, 0, 0
        first, last = max(spans, key=lambda span: starts_P[span[0]] + ends_P[span[1]])
        return (
            float(starts_P[first] + ends_P[last]),
            window.offsets[first][0],
            window.offsets[last][1],
        )


Task = Literal["sentiment", "pos", "nli", "qa", "dna"]
PEERS: Mapping[Task, type[Peer]] = {
    "sentiment": SequencePeer,
    "pos": TagPeer,
    "nli": SequencePeer,
    "qa": SpanPeer,
    "dna": SymbolPeer,
}


def _rows(encoded: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Columns -> rows."""
    return [
        dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)
    ]


def _first_places(words: Sequence[int | None]) -> dict[int, int]:
    """Word -> the place of its first piece."""
    places: dict[int, int] = {}
    for place, word in enumerate(words):
        if word is not None:
            places.setdefault(word, place)
    return places


def _places_of(window: Window, start: int, stop: int) -> tuple[int, int]:
    """The first and the last token of the characters [start, stop), or both [CLS] where the window
    has not all of them.
    """
    there = [place for place, offsets in enumerate(window.offsets) if offsets is not None]
    inside = [
        place
        for place in there
        if window.offsets[place][1] > start and window.offsets[place][0] < stop
    ]
    if not there or window.offsets[there[0]][0] > start or window.offsets[there[-1]][1] < stop:
        return 0, 0
    return inside[0], inside[-1]
