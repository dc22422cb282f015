"""Measurements that are repeated at every milestone, on the same words, texts and pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.api import (
    Annotated,
    DataError,
    FrozenModel,
    Rng,
    UsageError,
    centred,
    distinct_pairs,
    labelled_uses,
    languages_in,
    linear_probe,
    majority,
    retrieve,
    sense_gaps,
    sense_uses,
    sentence_vectors,
    usable,
    usable_texts,
    word_vectors,
)
from sslplugins.probes.senses.words import comparable

Texts = tuple[Sequence[Annotated], Sequence[Annotated]]
USES_OF_A_SENSE = 20
PAIRS = 600  # translations: half for the means, half to be found
FEWEST_PAIRS = 4


@dataclass(frozen=True)
class Measurement:
    """A measurement with its baseline.

    `baseline`: name and value of the baseline, which a model that has learned nothing reaches.
    """

    name: str
    measure: Callable[[FrozenModel], float]
    baseline: tuple[str, float]
    count: int


def labels_of_words(
    model: FrozenModel, name: str, texts: Texts, most: int, rng: Rng
) -> Measurement:
    """Measure the accuracy of a linear probe on word labels at the last layer.

    See the probe `layers`. `texts`: to train on, and to test with.
    """
    known, asked = (rng.some(name, labelled_uses(model, part), most) for part in texts)
    labels = [use.sense for use in known], [use.sense for use in asked]

    def measure(stage: FrozenModel) -> float:
        first, second = (
            word_vectors(stage, uses, [stage.depth])[stage.depth] for uses in (known, asked)
        )
        return linear_probe(first, labels[0], second, labels[1]).value

    return Measurement(f"{name}, linear", measure, ("majority", majority(*labels)), len(asked))


def labels_of_texts(model: FrozenModel, task: str, most: int, rng: Rng) -> Measurement:
    """Measure a linear probe's accuracy on text labels, from mean-pooled last hidden states."""
    known, asked = (
        rng.some(task, _labelled_texts(model, part), most)
        for part in model.probe_data.annotated(task)
    )
    if not (known and asked):
        raise UsageError(
            f"{task} does not label whole texts", "choose another --downstream, or none"
        )
    labels = [text.labels[0] for text in known], [text.labels[0] for text in asked]

    def measure(stage: FrozenModel) -> float:
        first, second = (
            sentence_vectors(stage, [text.text for text in texts], [stage.depth])[stage.depth]
            for texts in (known, asked)
        )
        return linear_probe(first, labels[0], second, labels[1]).value

    return Measurement(f"{task}, frozen", measure, ("majority", majority(*labels)), len(asked))


def senses(model: FrozenModel, rng: Rng) -> Measurement | None:
    """Measure the sense separation of two-sense words at the last layer.

    Returns None where the data does not know the senses.
    """
    try:
        uses, _ = comparable(usable(model, sense_uses(model.probe_data, USES_OF_A_SENSE, rng)))
    except (UsageError, DataError):
        return None
    words = [f"{use.word.lower()} ({use.language})" for use in uses]

    def measure(stage: FrozenModel) -> float:
        gaps = sense_gaps(
            word_vectors(stage, uses, [stage.depth]), words, [use.sense for use in uses]
        )
        return float(np.mean([by_layer[stage.depth] for by_layer in gaps.values()]))

    return (
        Measurement(
            f"sense gap of {len(set(words))} words", measure, ("input embedding", 0.0), len(uses)
        )
        if uses
        else None
    )


def translations(model: FrozenModel) -> Measurement | None:
    """Measure the retrieval of parallel sentences at the last layer, each language centred.

    Returns None where the data knows no translation.
    """
    try:
        records = list(model.probe_data.records("parallel"))
    except (UsageError, DataError):
        return None
    sides = (
        [[record.text(language) for record in records] for language in languages_in(records[0])[:2]]
        if records
        else [[], []]
    )
    fits = zip(*(usable_texts(model, side) for side in sides), strict=True)
    pairs = distinct_pairs(
        pair for pair, both in zip(zip(*sides, strict=True), fits, strict=True) if all(both)
    )[:PAIRS]
    if len(pairs) < FEWEST_PAIRS:
        return None
    half = len(pairs) // 2

    def measure(stage: FrozenModel) -> float:
        first, second = (
            sentence_vectors(stage, side, [stage.depth])[stage.depth]
            for side in zip(*pairs, strict=True)
        )
        return (
            retrieve(centred(first[half:], first[:half]), centred(second[half:], second[:half]))
            .accuracy("")
            .value
        )

    return Measurement(
        "translations found", measure, ("chance", 1 / (len(pairs) - half)), len(pairs) - half
    )


def _labelled_texts(model: FrozenModel, texts: Sequence[Annotated]) -> list[Annotated]:
    fits = usable_texts(model, [text.text for text in texts])
    return [text for text, fit in zip(texts, fits, strict=True) if fit and len(text.labels) == 1]
