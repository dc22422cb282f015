"""Language identification by layer, and what is left of it when each language's mean is subtracted.

Libovický, Rosa & Fraser 2020, "On the Language Neutrality of Pre-trained Multilingual
Representations" (arXiv 2004.05160): a language classifier on mean-pooled sentence vectors, before
and after centring. A third of the sentences gives the means, a third trains, a third tests: if the
means were those of the training rows, no linear probe could learn anything. A linear probe depends
on the distance of means; the nearest neighbour also sees any other way in which languages are
apart.

Letters: N sentences to train on, M to test with, D width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from sslcli.api import (
    Config,
    Count,
    DataError,
    FrozenModel,
    Probe,
    Report,
    Rng,
    Score,
    UsageError,
    control_labels,
    linear_probe,
    majority,
    mean_score,
    sentence_vectors,
    setting,
)
from sslplugins.probes.bylayer.report import best_layer, layer_plot, layer_table
from sslplugins.probes.bylayer.sentences import usable_sentences

_PARTS = 3
_FEWEST = 12  # sentences of a language
_READ_FOR_ONE = 4  # so that not all come from the beginning of a corpus


class Languages(Probe["Languages.Options"]):
    """Language identification from mean-pooled sentence vectors at every layer, raw and centred."""

    class Options(Config):
        limit: Count = setting(
            1_500,
            (
                "sentences of each language: a third for its "
                "mean, a third to learn from, a third to test with"
            ),
            ge=_FEWEST,
        )

    summary = (
        "the language of a sentence, read from every layer, "
        "and what is left without each language's mean"
    )

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        texts = {
            language: self._texts(model, language, rng) for language in model.probe_data.languages()
        }
        if len(texts) < 2:
            known = f"'{next(iter(texts))}' alone" if texts else "no language that is known"
            raise UsageError(
                f"the texts are in {known}", "give two languages: --data en=FILE --data zh=FILE"
            )
        parts = [
            [text for own in texts.values() for text in own[part::_PARTS]] for part in range(_PARTS)
        ]
        labels = [
            [language for language, own in texts.items() for _ in own[part::_PARTS]]
            for part in range(_PARTS)
        ]
        control = control_labels(
            [*parts[1], *parts[2]], labels[1], rng.sample(0).generator("control")
        )
        layers = range(model.depth + 1)
        vectors = [sentence_vectors(model, own, layers) for own in parts]
        return _report(
            model,
            list(texts),
            [_looked([own[layer] for own in vectors], labels, control) for layer in layers],
        )

    def _texts(self, model: FrozenModel, language: str, rng: Rng) -> list[str]:
        limit = self.options.limit
        read = list(islice(usable_sentences(model, language), limit * _READ_FOR_ONE))
        if len(read) < _FEWEST:
            raise DataError(
                f"there are {len(read)} sentences in '{language}', and {_FEWEST} are needed",
                "give more text of it",
            )
        return rng.of(language).some("sentences", read, limit)


@dataclass(frozen=True)
class _Looked:
    """Results at one layer: linear probe raw and centred, nearest sentences centred, and the
    control.
    """

    raw: Score
    centred: Score
    nearest: Score
    control: Score


def _looked(
    rows: Sequence[np.ndarray], labels: Sequence[Sequence[str]], control: Sequence[str]
) -> _Looked:
    """Compute one layer's results, of rows for the means, to train on and to test with."""
    others, known, asked = rows
    means = {
        language: others[_places(labels[0], language)].mean(axis=0) for language in set(labels[0])
    }
    trained_on, tested = (
        _without(own, said, means) for own, said in ((known, labels[1]), (asked, labels[2]))
    )
    count = len(known)
    return _Looked(
        linear_probe(known, labels[1], asked, labels[2]),
        linear_probe(trained_on, labels[1], tested, labels[2]),
        replace(
            mean_score(
                "nearest",
                np.asarray(labels[1])[_nearest(trained_on, tested)] == np.asarray(labels[2]),
            ),
            baselines={"majority": majority(labels[1], labels[2])},
        ),
        linear_probe(known, control[:count], asked, control[count:]),
    )


def _report(model: FrozenModel, languages: Sequence[str], looked: Sequence[_Looked]) -> Report:
    columns = {
        "raw": [layer.raw for layer in looked],
        "without the means": [layer.centred for layer in looked],
        "nearest sentence, without the means": [layer.nearest for layer in looked],
        "shuffled labels": [layer.control for layer in looked],
    }
    best = [(name, best_layer(scores)) for name, scores in list(columns.items())[:3]]
    control = columns["shuffled labels"]
    scores = [
        _beside(columns[name][layer], f"language, {name} (layer {layer})", control[layer])
        for name, layer in best
    ]
    level = scores[0].baselines["majority"]
    return Report(
        title=(
            f"{', '.join(languages)}: the language of a "
            f"sentence, read from every layer of {model.name}"
        ),
        scores=scores,
        tables=[layer_table("language by layer", columns)],
        plots=[layer_plot("language by layer", "accuracy", columns, {"majority": level})],
        notes=[_reading(scores[0], scores[2], level)],
    )


def _places(labels: Sequence[str], language: str) -> np.ndarray:
    return np.flatnonzero(np.asarray(labels) == language)


def _without(
    rows_ND: np.ndarray, labels: Sequence[str], means: Mapping[str, np.ndarray]
) -> np.ndarray:
    return rows_ND - np.stack([means[label] for label in labels])


def _beside(score: Score, name: str, control: Score) -> Score:
    return replace(
        score, name=name, baselines={**score.baselines, "shuffled labels": control.value}
    )


def _nearest(rows_ND: np.ndarray, tested_MD: np.ndarray) -> np.ndarray:
    """Return the index of the nearest row by cosine: int64 [M]."""
    lengths_N = np.linalg.norm(rows_ND, axis=1)
    return (tested_MD @ (rows_ND / np.where(lengths_N == 0, 1, lengths_N)[:, None]).T).argmax(
        axis=1
    )


def _reading(raw: Score, nearest: Score, level: float) -> str:
    if raw.ends[0] <= level:
        return (
            f"not emerged: the language is read in {raw.value:.3f} of "
            f"the sentences, and {level:.3f} are of the commonest one"
        )
    left = (
        f"{nearest.value:.3f} of the sentences are nearest "
        f"to one of their language, {level:.3f} by chance"
    )
    if nearest.ends[0] <= level:
        return f"only the mean of each language separates them: without it {left}"
    return f"more than the means separates the languages: without them {left}"
