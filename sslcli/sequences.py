"""Tasks with one answer for a whole sequence: a class of several, any number of labels, or a number.

The sequence is one text, or two with a separator between them; the answer is read from its first row through BERT's
pooler (Devlin et al. 2019, arXiv 1810.04805, section 4.1).

Letters: B samples, C classes or labels (1 for a number), D width.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from sslcli.config import Config, setting
from sslcli.contracts import Frame, Loss, Ratio, Views
from sslcli.core.heads import PooledClassifier
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch, Sample
from sslcli.data.draws import Draws
from sslcli.data.golds import (
    Kind,
    checked,
    converted,
    counted,
    in_order,
    kind_of,
    mean_of,
    settled_weights,
    weights_of,
)
from sslcli.data.tokenizer import Tokenizer
from sslcli.data.truncation import kept_tokens
from sslcli.errors import DataError, UsageError, did_you_mean
from sslcli.labelled import Encoded, Example, Prediction, ReadoutTask
from sslcli.labelreading import LabelOptions, ReadsLabels, chosen_kind, refuse_single
from sslcli.reports import Passage, Report, Score, Span
from sslcli.scoring.classes import binary_scores, class_scores, class_tables
from sslcli.scoring.correlations import correlation_notes, correlation_scores
from sslcli.scoring.figures import mean_score
from sslcli.scoring.multilabel import label_table, multilabel_scores

_PORTION = 1_000  # examples that are cut into tokens together
_PARTS = {1: ("text",), 2: ("first text", "second text")}  # by how many texts an example has
_LIKELY = 0.5  # probability from which on a label is given, where there may be several
_WORST = 10  # errors that are shown
_MOST_COINS = 10_000_000  # tossed for the baseline of chance
MOST_SHOWN = 100  # probabilities in an answer


@dataclass(frozen=True)
class SequenceViews(Views):
    """`targets`: the class, int64 [B]; labels given or not, float [B, C]; or the number, float [B]. Where there is no
    answer, `weights_B` is 0."""

    targets: Tensor
    weights_B: Tensor


@dataclass(frozen=True)
class _Part:
    """What is kept of a sample's values [C]: all of few; of many the likeliest, and every label that is given.

    `places`: of `values`, in order. `confidence`: the probability of the answer, computed from all.
    """

    places: Sequence[int]
    values: np.ndarray
    best: int
    confidence: float

    @classmethod
    def of(cls, values_C: np.ndarray, kind: Kind) -> Self:
        best, places = int(values_C.argmax()), np.arange(len(values_C))
        if len(values_C) > MOST_SHOWN:
            likeliest = np.argpartition(-values_C, MOST_SHOWN)[:MOST_SHOWN]
            given = np.flatnonzero(values_C >= _LIKELY) if kind == "labels" else [best]
            places = np.union1d(likeliest, given)
        sure = np.prod(np.maximum(values_C, 1 - values_C)) if kind == "labels" else values_C[best]
        return cls(places.tolist(), values_C[places], best, float(sure))


class SequenceTask(ReadsLabels, ReadoutTask[SequenceViews]):
    """`Example.data` is a tuple of one or two texts. A plugin says in `parse` where they stand in a record."""

    class Options(LabelOptions):
        class_weights: Annotated[Literal["none", "balanced"] | dict[str, float], BeforeValidator(weights_of)] = setting(
            "none", "what an example of a class counts in the loss: none, balanced, or as no=1,yes=3", "--class-weights", trains=True
        )
        first_number: float | None = setting(None, "what a number begins at; the mean of the training examples when not given", trains=True)

    score_names = (
        "accuracy", "macro f1", "weighted f1", "matthews", "f1", "precision", "recall",
        "micro f1", "exact match", "pearson", "spearman", "squared error",
    )  # fmt: skip

    def __init__(self, options: Options, frame: Frame) -> None:
        super().__init__(options, frame)
        if frame.tokenizer is None:
            raise UsageError("this task reads text, and the model has no tokenizer", "use a model that was pretrained on text")
        self.tokenizer = frame.tokenizer
        self.names = tuple(frame.labels or ())
        self.number = {name: place for place, name in enumerate(self.names)}
        self.kind = chosen_kind(options, self.names)
        template = self.tokenizer.template
        self.specials = {1: template.single.room, 2: template.pair.room}  # beside so many texts
        if self.sequence_tokens <= max(self.specials.values()):
            problem = f"sequences of {self.sequence_tokens} tokens leave no room beside {max(self.specials.values())} special ones"
            raise UsageError(problem, "use a larger --seq-len")
        self.classifier = PooledClassifier(frame.architecture, 1 if self.kind == "number" else len(self.names), frame.architecture.dropout)

    @classmethod
    def settle(cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer) -> Config:
        """The kind of the answers, the weight of every class so that their mean is 1, and the mean of numbers."""
        golds = [example.gold for example in examples if example.gold is not None]
        if not golds:
            raise DataError("no training example has an answer", "say which column holds it with --label-field")
        kind = kind_of(golds) if options.kind == "auto" else options.kind
        if options.kind == "auto" and kind == "labels":
            refuse_single(examples)
        settled: dict[str, Any] = {"kind": kind}
        if options.class_weights != "none":
            settled["class_weights"] = settled_weights(options.class_weights, kind, counted(golds, kind))
        if kind == "number" and options.first_number is None:
            settled["first_number"] = mean_of(golds)
        return options.model_copy(update=settled)

    @classmethod
    def labels(cls, options: Options, examples: Sequence[Example]) -> Sequence[str]:
        counts = counted([example.gold for example in examples if example.gold is not None], options.kind)
        if options.kind == "classes" and len(counts) < 2:
            raise DataError(f"every training example has the label '{next(iter(counts), '')}'", "there must be two at least to tell apart")
        if options.kind == "labels" and not counts:
            raise DataError("no training example has a label", "lists of labels may be empty, but not all of them")
        if options.kind == "labels" and options.label_names:
            return options.label_names
        return in_order(counts)

    def begin(self, backbone: Transformer) -> None:
        bias = self.classifier.classifier.bias
        is_new = not bias.any()  # a head that goes on from another run has learnt its own
        if self.kind == "number" and self.options.first_number is not None and is_new:
            with torch.no_grad():
                bias.fill_(self.options.first_number)

    def cut(self, texts: Sequence[str]) -> Sequence[np.ndarray]:
        """Each text's tokens, int64, without special ones."""
        return self.tokenizer.encode_batch(texts)

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        for start in range(0, len(examples), _PORTION):
            portion = examples[start : start + _PORTION]
            tokens = iter(self.cut([text for example in portion for text in example.data]))
            for example in portion:
                yield self._encoded(example, [next(tokens) for _ in example.data])

    def _encoded(self, example: Example, parts: Sequence[np.ndarray]) -> Encoded:
        target, weight = self._target(example)
        sizes, specials = [len(part) for part in parts], self.specials[len(parts)]
        kept = kept_tokens(sizes, self.sequence_tokens - specials)
        tokens, segments = self._joined([part[:count] for part, count in zip(parts, kept, strict=True)])
        sample = Sample(tokens, segments=segments, fields={"target": target, "weight": weight})
        lost = {name: (size - count, size) for name, size, count in zip(_PARTS[len(parts)], sizes, kept, strict=True) if size > count}
        said = [f"{off:,} of {size:,} tokens of its {name} are cut off" for name, (off, size) in lost.items()]
        said += [
            f"its {name} {text!r:.40} has no piece in this tokenizer"
            for name, text, size in zip(_PARTS[len(parts)], example.data, sizes, strict=True)
            if not size and text.strip()
        ]
        cut = dict.fromkeys(lost, self.sequence_tokens)
        return Encoded([sample], sum(sizes) + specials, " and ".join(said), cut=cut)

    def _joined(self, parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        template = self.tokenizer.template
        return (template.single if len(parts) == 1 else template.pair).build(*parts)

    def _target(self, example: Example) -> tuple[int | float | np.ndarray, float]:
        """What is to be learnt, and what it counts: nothing where there is no answer."""
        try:
            gold = None if example.gold is None else checked(example.gold, self.kind)
        except ValueError as error:
            raise DataError(f"{example.where}: {error}", "give answers of the same kind to all files") from error
        weight = 0.0 if gold is None else 1.0
        if self.kind == "number":
            return gold or 0.0, weight
        if self.kind == "labels":
            given = np.empty((), dtype=object)  # the places of the labels: a row of zeros and ones would fill the memory
            given[()] = sorted({self._known(label, example) for label in gold or ()})
            return given, weight
        if gold is None:
            return 0, weight
        weights = self.options.class_weights
        return self._known(gold, example), weights.get(gold, 1.0) if isinstance(weights, Mapping) else 1.0

    def _known(self, label: str, example: Example) -> int:
        if label not in self.number:
            hint = did_you_mean(label, self.names) or f"it learnt {', '.join(self.names[:12])}"
            raise DataError(f"{example.where}: no training example has the label '{label}'", hint)
        return self.number[label]

    def views(self, batch: Batch, draws: Draws) -> SequenceViews:
        weights_B = batch.fields["weight"].astype(np.float32)
        answers = int(np.count_nonzero(weights_B)) * (len(self.names) if self.kind == "labels" else 1)
        targets = batch.fields["target"]
        if self.kind == "labels":
            given_B, targets = targets, np.zeros((len(batch), len(self.names)), dtype=np.float32)
            for row, places in zip(targets, given_B, strict=True):
                row[places] = 1.0
        elif self.kind == "number":
            targets = targets.astype(np.float32)
        return SequenceViews(Inputs.of(batch), {"answer": answers}, torch.from_numpy(targets), torch.from_numpy(weights_B))

    def loss(self, hidden: Hidden, views: SequenceViews) -> Loss:
        """Cross entropy; binary cross entropy, its mean over the labels; or the squared error."""
        logits_BC, targets = self.classifier(hidden).float(), views.targets
        answered_B = views.weights_B > 0
        if self.kind == "number":
            errors_B = (logits_BC[:, 0] - targets).square()
            return Loss({"answer": (errors_B * views.weights_B).sum()})
        if self.kind == "labels":
            errors_B = binary_cross_entropy_with_logits(logits_BC, targets, reduction="none").sum(dim=1)
            name, right_B = "exact match", ((logits_BC.sigmoid() >= _LIKELY) == targets.bool()).all(dim=1)
        else:
            errors_B = cross_entropy(logits_BC, targets, reduction="none")
            name, right_B = "accuracy", logits_BC.argmax(dim=1) == targets
        return Loss({"answer": (errors_B * views.weights_B).sum()}, {name: Ratio((right_B & answered_B).sum(), answered_B.sum())})

    def answers(self, hidden: Hidden, views: SequenceViews) -> Sequence[_Part]:
        """The number, or what is kept of the probabilities of the classes or labels."""
        logits_BC = self.classifier(hidden).float()
        if self.kind == "classes":
            logits_BC = logits_BC.softmax(dim=1)
        elif self.kind == "labels":
            logits_BC = logits_BC.sigmoid()
        return [_Part.of(values_C, self.kind) for values_C in logits_BC.cpu().double().numpy()]

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[_Part]) -> Prediction:
        """Of more than MOST_SHOWN classes the details name the likeliest, and every label that is given."""
        (part,) = parts
        if self.kind == "number":
            return Prediction(float(part.values[0]))
        names = [self.names[place] for place in part.places]
        details = {"probabilities": dict(zip(names, part.values.tolist(), strict=True))}
        if self.kind == "labels":
            given = [name for name, probability in zip(names, part.values, strict=True) if probability >= _LIKELY]
            return Prediction(given, part.confidence, details)
        return Prediction(self.names[part.best], part.confidence, details)

    @classmethod
    def score(
        cls, options: Options, labels: Sequence[str], predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        """Of two classes there is also the F1 of the second one."""
        kind = chosen_kind(options, labels)
        gold, given = _golds(kind, examples), [prediction.value for prediction in predictions]
        if kind == "number":
            squares = np.square(np.subtract(given, gold))
            return [*correlation_scores(gold, given), mean_score("squared error", squares, higher_is_better=False)]
        if kind == "labels":
            return multilabel_scores(gold, given, labels)
        binary = binary_scores(gold, given, labels, labels[1]) if len(labels) == 2 else ()
        return [*class_scores(gold, given, labels), *binary]

    @classmethod
    def baselines(
        cls, options: Options, labels: Sequence[str], train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        kind, draws = chosen_kind(options, labels), np.random.default_rng(0)
        golds = _golds(kind, [example for example in train if example.gold is not None])
        if kind == "number":
            return {"mean": [Prediction(mean_of(golds))] * len(test)}
        counts = counted(golds, kind)
        if kind == "labels":
            usual = [label for label in labels if counts[label] >= _LIKELY * len(golds)]
            if len(test) * len(labels) > _MOST_COINS:
                return {"majority": [Prediction(usual)] * len(test)}
            coins = draws.random((len(test), len(labels))) < _LIKELY
            chance = [Prediction([label for label, given in zip(labels, row, strict=True) if given]) for row in coins]
            return {"majority": [Prediction(usual)] * len(test), "chance": chance}
        majority = max(labels, key=lambda label: counts[label])
        chance = [Prediction(labels[place]) for place in draws.integers(len(labels), size=len(test))]
        return {"majority": [Prediction(majority)] * len(test), "chance": chance}

    @classmethod
    def findings(cls, options: Options, labels: Sequence[str], predictions: Sequence[Prediction], examples: Sequence[Example]) -> Report:
        kind = chosen_kind(options, labels)
        gold, given = _golds(kind, examples), [prediction.value for prediction in predictions]
        worst = _worst(kind, gold, predictions, examples)
        if kind == "number":
            return Report(passages=worst, notes=correlation_notes(gold, given))
        tables = class_tables(gold, given, labels) if kind == "classes" else [label_table(gold, given, labels)]
        two = kind == "classes" and len(labels) == 2
        return Report(tables=tables, passages=worst, notes=[f"f1, precision and recall are those of '{labels[1]}'"] if two else [])

    @classmethod
    def answered(cls, options: Options, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        golds = [example.gold for example in examples if example.gold is not None]
        kind = kind_of(golds) if options.kind == "auto" else options.kind
        return [() if example.gold is None else tuple(counted([example.gold], kind)) for example in examples]

    @classmethod
    def key(cls, example: Example) -> str:
        """The texts, however they are spaced."""
        return "\n".join(" ".join(text.split()) for text in example.data)

    @classmethod
    def shown(cls, example: Example, prediction: Prediction) -> Report:
        return Report(passages=[_passage(_worded(prediction), example)])


def _golds(kind: Kind, examples: Sequence[Example]) -> list[Any]:
    return [converted(example.gold, kind) for example in examples]


def _worst(kind: Kind, gold: Sequence[Any], predictions: Sequence[Prediction], examples: Sequence[Example]) -> list[Passage]:
    """The surest of the wrong answers, or the numbers that are furthest off."""
    if kind == "number":
        errors = [abs(prediction.value - right) for prediction, right in zip(predictions, gold, strict=True)]
    else:
        right_ones = [tuple(sorted(right)) if kind == "labels" else right for right in gold]
        values = [tuple(sorted(each.value)) if kind == "labels" else each.value for each in predictions]
        sureness = [each.confidence or 0.0 for each in predictions]
        errors = [sure if value != right else -1.0 for sure, value, right in zip(sureness, values, right_ones, strict=True)]
    order = sorted((place for place, error in enumerate(errors) if error >= 0), key=lambda place: -errors[place])
    return [_passage(f"{_worded(predictions[place])}, and right is {_named(gold[place])}", examples[place]) for place in order[:_WORST]]


def _passage(title: str, example: Example) -> Passage:
    return Passage(title, [Span(text if not place else f" | {text}") for place, text in enumerate(example.data)], excerpt=True)


def _worded(prediction: Prediction) -> str:
    sure = "" if prediction.confidence is None else f" ({prediction.confidence:.1%})"
    return f"{_named(prediction.value)}{sure}"


def _named(answer: Any) -> str:
    if isinstance(answer, float):
        return f"{answer:.4g}"
    return answer if isinstance(answer, str) else ", ".join(answer) or "no label"
