"""Heads of fine-tuned models: their kind, the names of their classes, and their config.json."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from sslcli.core.heads import ItemClassifier, PooledClassifier, RowClassifier
from sslcli.core.settings import TransformerSettings
from sslcli.errors import ModelError, UsageError
from sslcli.models.hf_config import ANSWERS, AnswerKind, ConfigReader

Problem = Literal["classes", "labels", "number"]
State = Mapping[str, Tensor]

# Where a task has the head of a kind, and of which class it is.
PLACES: Mapping[AnswerKind, tuple[str, type[nn.Module]]] = {
    "sequence": ("classifier", PooledClassifier),
    "tokens": ("classifier", RowClassifier),
    "spans": ("spans", RowClassifier),
    "items": ("classifier", ItemClassifier),
}
PROBLEMS: Mapping[str, Problem] = {
    "single_label_classification": "classes",
    "multi_label_classification": "labels",
    "regression": "number",
}
SHOWN = 12  # names in a hint
POOLED = ("sequence", "items")  # heads that answer about all of what is read
ENDS = 2  # of a span: its start and its end
MOST_CLASSES = 100_000  # no model tells more apart, and their names are written out


@dataclass(frozen=True)
class AnswerHead:
    """A head on sequences (PooledClassifier), on tokens, on starts and ends of spans
    (RowClassifier), or on items (ItemClassifier).

    `state`: under the names of its class. `labels`: names of the classes; () for numbers and spans.
    `problem`, for sequences and items: one class of several, any number of labels, or a number.
    """

    kind: AnswerKind
    state: State
    labels: Sequence[str] = ()
    problem: Problem | None = None

    @property
    def classes(self) -> int:
        """Number of outputs of the head."""
        return len(self.state["classifier.weight"])

    def network(self, settings: TransformerSettings) -> nn.Module:
        """The head with these weights, not in training."""
        with torch.device("meta"):
            module = PLACES[self.kind][1](settings, self.classes)
        module.load_state_dict(dict(self.state), assign=True)
        return module.eval()

    def load_into(self, learnable: nn.Module) -> None:
        """Copy the weights into a task's head. Raises ModelError where the task has none of this
        kind and size.
        """
        place, cls = PLACES[self.kind]
        module = getattr(learnable, place, None)
        if not isinstance(module, cls) or _shapes(module.state_dict()) != _shapes(self.state):
            shown = ", ".join(self.labels[:SHOWN])
            hint = (
                f"its classes: {shown}"
                if shown
                else "evaluate it with the task that it was fine-tuned for"
            )
            raise ModelError(
                (
                    f"the model answers about {self.kind} with "
                    f"{self.classes} numbers, and this task needs another head"
                ),
                hint,
            )
        module.load_state_dict(dict(self.state))

    def entries(self) -> dict[str, Any]:
        """Return its entries of config.json.

        Raises UsageError for a choice between one class, which no such file can express.
        """
        if self.problem == "classes" and self.classes == 1:
            raise UsageError(
                f"there is one class only, '{self.labels[0]}', and model directories need two",
                "train it on data with both",
            )
        names = list(self.labels) or [f"LABEL_{number}" for number in range(self.classes)]
        problem = next((theirs for theirs, ours in PROBLEMS.items() if ours == self.problem), None)
        return {
            **({"problem_type": problem} if problem else {}),
            "id2label": {str(number): name for number, name in enumerate(names)},
            "label2id": {name: number for number, name in enumerate(names)},
        }


def problem_of(kind: Any) -> Problem | None:
    """Return a task's option "kind", if it is one of these."""
    return kind if kind in PROBLEMS.values() else None


def answer_head(
    learnable: State,
    labels: Sequence[str],
    problem: Problem | None = None,
    *,
    of_items: bool = False,
) -> AnswerHead | None:
    """The head of a task that is nothing but one head of a known kind, by its names and shapes;
    None for any other. `of_items`: the model reads items in the place of text.
    """
    for kind, (place, _) in PLACES.items():
        if of_items != (kind == "items"):
            continue
        state = {
            name.removeprefix(f"{place}."): value
            for name, value in learnable.items()
            if name.startswith(f"{place}.")
        }
        layers = ("pooler", "classifier") if kind == "sequence" else ("classifier",)
        if len(state) < len(learnable) or state.keys() != {
            f"{layer}.{part}" for layer in layers for part in ("weight", "bias")
        }:
            continue
        classes = ENDS if kind == "spans" else 1 if problem == "number" else len(labels)
        if state["classifier.weight"].ndim == 2 and len(state["classifier.weight"]) == classes:
            return AnswerHead(
                kind,
                state,
                () if kind == "spans" or problem == "number" else tuple(labels),
                problem,
            )
    return None


@dataclass(frozen=True)
class Announced:
    """A head as a config.json announces it, of which the weights are to be found."""

    kind: AnswerKind
    names: Sequence[str]
    problem: Problem | None

    @classmethod
    def by(cls, config: Mapping[str, Any]) -> Self | None:
        """Raises ModelError where the classes are not numbered 0, 1, ..., or the kind of problem is
        unknown.
        """
        listed = config.get("architectures")
        name = (
            listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else ""
        )
        kind = next((kind for kind, suffix in ANSWERS.items() if name.endswith(suffix)), None)
        if kind is None:
            return None
        reader = ConfigReader(config)
        names = _names(reader)
        usual = "regression" if len(names) == 1 else "single_label_classification"
        return cls(
            kind,
            names,
            reader.choice("problem_type", PROBLEMS, usual) if kind in POOLED else None,
        )

    def shapes(self, settings: TransformerSettings) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the head's tensors, under the names that keys use."""
        with torch.device("meta"):
            module = PLACES[self.kind][1](
                settings, ENDS if self.kind == "spans" else len(self.names)
            )
        return {
            f"{self.kind}.{name}": shape for name, shape in _shapes(module.state_dict()).items()
        }

    def found(self, tensors: State) -> AnswerHead | None:
        """The head out of tensors under the names that keys use; None where there is none of it."""
        state = {
            name.removeprefix(f"{self.kind}."): value
            for name, value in tensors.items()
            if name.startswith(f"{self.kind}.")
        }
        unnamed = self.kind == "spans" or self.problem == "number"
        return (
            AnswerHead(self.kind, state, () if unnamed else tuple(self.names), self.problem)
            if state
            else None
        )


def _names(reader: ConfigReader) -> list[str]:
    """What the classes are called, by number. Where a config is silent there are two, as in
    transformers.
    """
    given = reader.group("id2label")
    if not given:
        count = reader.count("num_labels", 2)
        if count > MOST_CLASSES:
            raise ModelError(
                f"config.json: num_labels must not be beyond {MOST_CLASSES:,}, as {count:,} is",
                "the file is damaged",
            )
        return [f"LABEL_{number}" for number in range(count)]
    found = [given.get(str(number)) for number in range(len(given))]
    names = [name for name in found if isinstance(name, str)]
    if len(names) < len(found):
        raise ModelError(
            "config.json: id2label must give a name to every number from 0", "the file is damaged"
        )
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        problem = f"config.json: id2label calls several classes '{twice:.40}'"
        raise ModelError(
            problem,
            "give each class a name of its own in config.json: answers could not be told apart",
        )
    return names


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}
