"""Held-out metrics as scores: their names in words, their units, and the baselines beside them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sslcli.reports import Score, higher_is_better, printable
from sslcli.runs.catalogue import by_language, metrics_of


def metric_words(name: str) -> str:
    """The name of a metric in words: "touched_loss" is "touched loss", and "mlm.accuracy", of
    several objectives joined, "accuracy of mlm".
    """
    part, _, own = name.rpartition(".")
    words = own.replace("_", " ")
    return printable(f"{words} of {part}" if part else words)


def measured(name: str, value: float, loss_unit: str = "nats") -> tuple[float, str]:
    """A metric as it is shown, and its unit: a loss has that of losses, a share is in percent."""
    if name.endswith("loss"):
        return value, loss_unit
    return (100 * value, "%") if name.endswith("share") else (value, "")


def with_unit(words: str, unit: str) -> str:
    """Words and the unit of the values below or beside them."""
    return f"{words} ({unit})" if unit else words


def loss_unit_of(facts: Mapping[str, Any]) -> str:
    """Return the unit of a run's losses, from run.json; empty if they have none."""
    return str(facts.get("loss_unit", "nats"))


def shown_metrics(
    line: Mapping[str, Any], facts: Mapping[str, Any], suffix: str = ""
) -> dict[str, float]:
    """The metrics of a line of metrics.jsonl as tables show them: names in words with their
    unit.
    """
    found = dict[str, float]()
    for name, value in metrics_of(line).items():
        shown, unit = measured(name, value, loss_unit_of(facts))
        found[with_unit(metric_words(name) + suffix, unit)] = shown
    return found


@dataclass(frozen=True)
class Baselines:
    """What counting alone reaches, and on what: losses and accuracies by name, beside the loss of a
    term or, where they are of some of its targets alone, a metric of this name.
    """

    term: str = ""
    loss_metric: str = ""
    accuracy_metric: str = ""
    losses: Mapping[str, float] = field(default_factory=dict)
    accuracies: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any], language: str = "") -> "Baselines":
        """Those of a language, or of all data if none is named, from run.json as it may be."""
        found = facts.get("baselines")
        if not isinstance(found, dict):
            return cls()
        names = [found.get(key) for key in ("term", "loss_metric", "accuracy_metric")]
        own = by_language(found).get(language, {}) if language else found
        return cls(
            *(name if isinstance(name, str) else "" for name in names),
            losses=_numbers(own.get("losses")),
            accuracies=_numbers(own.get("accuracies")),
        )

    def loss_in(self, figures: Mapping[str, Any]) -> Any:
        """The loss to be compared with them, of a line of metrics.jsonl or a part of it."""
        if self.loss_metric:
            return metrics_of(figures).get(self.loss_metric)
        return _numbers(figures.get("terms")).get(self.term, figures.get("loss"))

    def is_of_accuracy(self, name: str) -> bool:
        """Whether they are of the metric of this name; older runs do not say which."""
        known = (self.accuracy_metric,) if self.accuracy_metric else self._former
        return name in known

    @property
    def _former(self) -> tuple[str, ...]:
        return ("accuracy", f"{self.term}.accuracy")


def held_out_scores(
    line: Mapping[str, Any], facts: Mapping[str, Any], unit_of: Callable[[str], str]
) -> list[Score]:
    """Losses and metrics of one line of held-out metrics, each beside its baselines: over all data,
    then by language.

    `facts`: run.json, or what it will hold; `unit_of` a loss term.
    """
    parts = {"": line, **by_language(line)}
    return [
        score
        for language, figures in parts.items()
        for score in _scores(figures, Baselines.of(facts, language), unit_of, language)
    ]


def _scores(
    figures: Mapping[str, Any],
    baselines: Baselines,
    unit_of: Callable[[str], str],
    language: str,
) -> Iterator[Score]:
    counts = {name: int(count) for name, count in _numbers(figures.get("counts")).items()}
    suffix = f" {printable(language)}" if language else ""
    terms, whole = _numbers(figures.get("terms")), figures.get("loss")
    if len(terms) < 2 and isinstance(whole, int | float):
        terms = {next(iter(terms), ""): whole}
    for term, value in terms.items():
        several, compared = len(terms) > 1, not baselines.loss_metric
        beside = baselines.losses if compared and (term == baselines.term or not several) else {}
        name = f"held-out loss of {term}" if several else "held-out loss"
        count = counts.get(term, 0)
        yield Score(name + suffix, value, unit_of(term), False, count, baselines=beside)
    for name, value in metrics_of(figures).items():
        beside = baselines.accuracies if baselines.is_of_accuracy(name) else {}
        beside = baselines.losses if name == baselines.loss_metric else beside
        shown, unit = measured(name, value, unit_of(name))
        yield Score(
            metric_words(name) + suffix,
            shown,
            unit,
            higher_is_better(name),
            counts.get(name, 0),
            baselines=beside,
        )


def _numbers(found: Any) -> dict[str, float]:
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, int | float)}
