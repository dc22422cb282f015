"""Tasks with one answer for a whole sequence: a class of several, any number of labels, or a
number.

The sequence is one text, or two with a separator between them; the answer is read from its first
row, of a decoder from its last, through BERT's pooler (Devlin et al. 2019, arXiv 1810.04805,
section 4.1).

Letters: B samples, C classes or labels (1 for a number), D width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BeforeValidator
from torch import Tensor
from typing_extensions import TypeVar

from sslcli.config import setting
from sslcli.contracts.examples import Encoded, Example, Prediction
from sslcli.contracts.learnable import Context
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.prompts import Prompt
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.task import ReadoutTask
from sslcli.core.heads import ItemClassifier, PooledClassifier
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch, Sample
from sslcli.data.records.item import Item
from sslcli.data.records.labels import weights_of
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.data.rng import Rng
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.truncation import kept_tokens
from sslcli.errors import DataError, choices, did_you_mean
from sslcli.kits.answer_kind import AnswerKind, Part
from sslcli.kits.answer_kinds import answer_kind, kind_of_labels
from sslcli.kits.label_reading import LabelOptions, ReadsLabels
from sslcli.reports import Passage, Report, Score, Span

_PORTION = 1_000  # examples that are cut into tokens together
_PARTS = {1: ("text",), 2: ("first text", "second text")}  # by how many texts an example has
_WORST = 10  # errors that are shown


@dataclass(frozen=True)
class SequenceBatch(ModelBatch):
    """`targets`: the class, int64 [B]; labels given or not, float [B, C]; or the number, float [B].
    Where there is no answer, `weights_B` is 0.
    """

    targets: Tensor
    weights_B: Tensor


class SequenceScorer(Scorer):
    """Scores of a class, of labels or of a number."""

    score_names = (
        "accuracy", "macro f1", "weighted f1", "matthews", "f1", "precision", "recall",
        "micro f1", "exact match", "pearson", "spearman", "squared error",
    )  # fmt: skip

    def __init__(self, options: Any, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        self.kind = answer_kind(options, labels)

    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        return self.kind.scores(
            self._golds(examples), [prediction.value for prediction in predictions]
        )

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        labelled = [example for example in train if example.gold is not None]
        return self.kind.baselines(self._golds(labelled), len(test))

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        """The tables of the kind, and the worst errors: the surest wrong answers, or the numbers
        that are furthest off.
        """
        golds = self._golds(examples)
        report = self.kind.error_report(golds, [prediction.value for prediction in predictions])
        severities = self.kind.severities(golds, predictions)
        order = sorted(
            (index for index, severity in enumerate(severities) if severity >= 0),
            key=lambda index: -severities[index],
        )
        worst = [
            _passage(
                f"{_worded(predictions[index])}, and right is {_named(golds[index])}",
                examples[index],
            )
            for index in order[:_WORST]
        ]
        return replace(report, passages=worst)

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        kind = kind_of_labels(
            self.options, [example.gold for example in examples if example.gold is not None]
        )
        return [() if example.gold is None else kind.names_in(example.gold) for example in examples]

    def refuse_other_kinds(self, examples: Sequence[Example]) -> None:
        for example in examples if self.options.kind != "auto" else ():
            checked_answer(self.kind, example)

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        return Report(passages=[_passage(_worded(prediction), example)])

    def _golds(self, examples: Sequence[Example]) -> list[Any]:
        return [self.kind.converted(example.gold) for example in examples]


SO = TypeVar("SO", bound="SequenceTask.Options", default=Any)


class SequenceTask(ReadsLabels[SO], ReadoutTask[SequenceBatch, SO]):
    """A task with one label per sequence of one or two texts.

    `Example.data` is a tuple of the texts, or an Item of a task whose `modalities` are more than
    text; an item's answer is read from the mean of its rows. A plugin's `parse` says in which
    columns texts are, and `prompt_names` what a template calls them.
    """

    class Options(LabelOptions):
        class_weights: Annotated[
            Literal["none", "balanced"] | dict[str, float], BeforeValidator(weights_of)
        ] = setting(
            "none",
            "what an example of a class counts in the loss: none, balanced, or as no=1,yes=3",
            "--class-weights",
            trains=True,
        )
        first_number: float | None = setting(
            None,
            "what a number begins at; the mean of the training examples when not given",
            trains=True,
        )

    scorer = SequenceScorer
    prompt_names: ClassVar[Sequence[str]] = ("text",)
    prompt_answer: ClassVar[str] = "label"
    prompt_unread: ClassVar[frozenset[str]] = frozenset({"sequence_tokens"})
    prompt_templates: ClassVar[Mapping[str, str]] = {
        "en": "Text: {text}\nLabel: {label}",
        "zh": "文本：{text}\n类别：{label}",
    }

    def __init__(self, options: SO, context: Context) -> None:
        super().__init__(options, context)
        self.names = tuple(context.labels or ())
        self.kind = answer_kind(options, self.names)
        self.loss_unit = self.kind.loss_unit
        shape, self.reads_items = context.architecture, False
        if not shape.vocabulary and self.modalities != SequenceTask.modalities:
            self.reads_items = True
            self.classifier = ItemClassifier(shape, self.kind.outputs, shape.dropout)
            return
        self.tokenizer = context.needed_tokenizer()
        template = self.tokenizer.template
        self.specials = {1: template.single.room, 2: template.pair.room}  # beside so many texts
        self.refuse_no_room(max(self.specials.values()))
        self.classifier = PooledClassifier(shape, self.kind.outputs, shape.dropout)

    @classmethod
    def resolve_options(
        cls, options: SO, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> SO:
        """The kind of the answers, the weight of every class so that their mean is 1, and the mean
        of numbers.
        """
        golds = [example.gold for example in examples if example.gold is not None]
        if not golds:
            raise DataError(
                "no training example has an answer", "say which column holds it with --label-field"
            )
        kind = kind_of_labels(options, golds)
        if options.kind == "auto":
            kind.refuse_mixed(examples)
        return options.model_copy(update=kind.resolved(options, golds))

    @classmethod
    def labels(cls, options: SO, examples: Sequence[Example]) -> Sequence[str]:
        golds = [example.gold for example in examples if example.gold is not None]
        return kind_of_labels(options, golds).head_labels(options, golds)

    @classmethod
    def prompt(
        cls, options: SO, labels: Sequence[str], example: Example, template: PromptTemplate
    ) -> Prompt:
        """Return the texts as the template has them, and its words for the labels as choices."""
        if len(labels) < 2 or not isinstance(example.gold, str | None):
            problem = f"{example.where}: the answer is no one of several classes"
            raise DataError(problem, "a prompt asks for one class")
        if example.gold is not None and example.gold not in labels:
            raise DataError(
                f"{example.where}: no label is called '{example.gold}'",
                choices(example.gold, labels[:12], "labels:"),
            )
        answer = None if example.gold is None else list(labels).index(example.gold)
        context = template.context(cls.prompt_texts(example))
        return Prompt(context, template.words_of(labels), answer)

    @classmethod
    def prompt_texts(cls, example: Example) -> Mapping[str, str]:
        """Return the texts by their names. Raises DataError where there are more of one."""
        if len(example.data) != len(cls.prompt_names):
            problem = f"templates have no names for the {len(example.data)} texts of an example"
            raise DataError(problem, f"set prompt_names of {cls.__name__}")
        return dict(zip(cls.prompt_names, example.data, strict=True))

    def begin(self, backbone: Transformer, first_batch: Callable[[], SequenceBatch]) -> None:
        bias = self.classifier.classifier.bias
        is_new = not bias.any()  # a head from another run keeps its trained bias
        if self.kind.first_output is not None and is_new:
            with torch.no_grad():
                bias.fill_(self.kind.first_output)

    def cut(self, texts: Sequence[str]) -> Sequence[np.ndarray]:
        """Return each text's tokens, int64, without special ones."""
        return self.tokenizer.encode_batch(texts)

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        if self.reads_items:
            yield from map(self._encoded_item, examples)
            return
        for start in range(0, len(examples), _PORTION):
            portion = examples[start : start + _PORTION]
            tokens = iter(self.cut([text for example in portion for text in example.data]))
            for example in portion:
                yield self._encoded(example, [next(tokens) for _ in example.data])

    def _encoded(self, example: Example, parts: Sequence[np.ndarray]) -> Encoded:
        target, weight = self._target(example)
        sizes, specials = [len(part) for part in parts], self.specials[len(parts)]
        kept = kept_tokens(sizes, self.sequence_tokens - specials)
        tokens, segments = self._joined(
            [part[:count] for part, count in zip(parts, kept, strict=True)]
        )
        sample = Sample(tokens, segments=segments, fields={"target": target, "weight": weight})
        lost = {
            name: (size - count, size)
            for name, size, count in zip(_PARTS[len(parts)], sizes, kept, strict=True)
            if size > count
        }
        said = [
            f"{off:,} of {size:,} tokens of its {name} are cut off"
            for name, (off, size) in lost.items()
        ]
        said += [
            f"its {name} {text!r:.40} has no piece in this tokenizer"
            for name, text, size in zip(_PARTS[len(parts)], example.data, sizes, strict=True)
            if not size and text.strip()
        ]
        cut = dict.fromkeys(lost, self.sequence_tokens)
        whole = max(sum(sizes) + specials, len(tokens))
        return Encoded([sample], whole, " and ".join(said), cut=cut)

    def _encoded_item(self, example: Example) -> Encoded:
        target, weight = self._target(example)
        rows_LF = example.data.rows_LF
        sample = Sample(rows=rows_LF, fields={"target": target, "weight": weight})
        return Encoded([sample], len(rows_LF))

    def _joined(self, parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """A sequence of no token has no row to read: where a tokenizer adds nothing to a text
        without pieces, one token stands for it.
        """
        template = self.tokenizer.template
        tokens, types = (template.single if len(parts) == 1 else template.pair).build(*parts)
        if len(tokens):
            return tokens, types
        return np.full(1, min(self.tokenizer.special_tokens.values(), default=0)), np.zeros(1, int)

    def _target(self, example: Example) -> tuple[int | float | np.ndarray, float]:
        """What is to be learnt, and what it counts: nothing where there is no answer."""
        if example.gold is None:
            return self.kind.target(None)
        answer = checked_answer(self.kind, example)
        unknown = next(
            (label for label in self.kind.names_in(example.gold) if label not in self.kind.index),
            None,
        )
        if unknown is not None:
            hint = (
                did_you_mean(unknown, self.names) or f"the labels are {', '.join(self.names[:12])}"
            )
            raise DataError(f"{example.where}: no training example has the label '{unknown}'", hint)
        return self.kind.target(answer)

    def collate(self, batch: Batch, rng: Rng) -> SequenceBatch:
        weights_B = batch.fields["weight"].astype(np.float32)
        answers = int(np.count_nonzero(weights_B)) * self.kind.terms
        targets = torch.from_numpy(self.kind.collate(batch.fields["target"]))
        inputs = Inputs.of(batch)
        if isinstance(self.classifier, PooledClassifier):
            inputs = inputs.reading(self.classifier.rows_of(inputs.packing))
        return SequenceBatch(inputs, {"answer": answers}, targets, torch.from_numpy(weights_B))

    def loss(self, hidden: Hidden, batch: SequenceBatch) -> Loss:
        """Cross entropy; binary cross entropy, its mean over the labels; or the squared error."""
        return self.kind.loss(self.classifier(hidden).float(), batch.targets, batch.weights_B)

    def answers(self, hidden: Hidden, batch: SequenceBatch) -> Sequence[Part]:
        """The number, or what is kept of the probabilities of the classes or labels."""
        values_BC = self.kind.decode(self.classifier(hidden).float()).cpu().double().numpy()
        return [self.kind.part(values_C) for values_C in values_BC]

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Part]) -> Prediction:
        (part,) = parts
        return self.kind.prediction(part)

    @classmethod
    def key(cls, example: Example) -> str:
        """The texts, however they are spaced, or the numbers of the item."""
        if isinstance(example.data, Item):
            return example.data.key
        return "\n".join(" ".join(text.split()) for text in example.data)


def checked_answer(kind: AnswerKind, example: Example) -> Any:
    """Return the label in the form of its kind. Raises DataError if it is of another kind than
    training.
    """
    try:
        return kind.checked(example.gold)
    except ValueError as error:
        raise DataError(
            f"{example.where}: {error}", "give answers of the same kind to all files"
        ) from error


def _passage(title: str, example: Example) -> Passage:
    if isinstance(example.data, Item):
        return Passage(title, [Span(str(example.where))])
    return Passage(
        title,
        [Span(text if not place else f" | {text}") for place, text in enumerate(example.data)],
        excerpt=True,
    )


def _worded(prediction: Prediction) -> str:
    sure = "" if prediction.confidence is None else f" ({prediction.confidence:.1%})"
    return f"{_named(prediction.value)}{sure}"


def _named(answer: Any) -> str:
    if isinstance(answer, float):
        return f"{answer:.4g}"
    return answer if isinstance(answer, str) else ", ".join(answer) or "no label"
