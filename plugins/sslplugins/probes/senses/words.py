"""Sense separation of many words: in the static embedding, at every layer, and the rise between."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sslcli.api import Curve, FrozenModel, Plot, Pool, Report, Table, WordOccurrence, mean_score
from sslplugins.probes.senses.layers import SHUFFLED, STATIC, SensesByLayer, vectors_by_layer

Words = Mapping[tuple[str, str], SensesByLayer]  # by word and language


def comparable(uses: Sequence[WordOccurrence]) -> tuple[list[WordOccurrence], list[str]]:
    """Split words into those with two senses of two occurrences each or more, and the others."""
    counts = Counter((use.word, use.language, use.sense) for use in uses)
    senses: dict[tuple[str, str], list[int]] = {}
    for (word, language, _), count in counts.items():
        senses.setdefault((word, language), []).append(count)
    whole = {word for word, found in senses.items() if len(found) > 1 and min(found) > 1}
    return [use for use in uses if (use.word, use.language) in whole], [
        word for word, language in senses if (word, language) not in whole
    ]


def senses_of_words(model: FrozenModel, uses: Sequence[WordOccurrence], pool: Pool) -> Words:
    """Compute the sense separation of each word at every layer.

    Raises DataError where a word has not two senses with two occurrences each.
    """
    vectors = vectors_by_layer(model, uses, pool)
    places: dict[tuple[str, str], list[int]] = {}
    for place, use in enumerate(uses):
        places.setdefault((use.word, use.language), []).append(place)
    return {
        word: SensesByLayer(
            model,
            [uses[place] for place in own],
            {layer: rows_ND[own] for layer, rows_ND in vectors.items()},
            pool,
        )
        for word, own in places.items()
    }


def words_report(words: Words, layer: int) -> Report:
    """Build the report: one row per word and one for the mean, curves by layer, words without
    effect.
    """
    found = list(words.values())
    layers = list(found[0].at)
    gaps_WL = np.asarray([[each.at[at].value for at in layers] for each in found])
    static = float(np.mean([each.static.value for each in found]))
    mean = mean_score("sense gap", gaps_WL[:, layer])
    rise = mean_score("rise from layer 0", gaps_WL[:, layer] - gaps_WL[:, 0])
    shuffled = float(np.mean([each.at[layer].shuffled for each in found]))
    baselines = {
        STATIC: static,
        "layer 0": float(gaps_WL[:, 0].mean()),
        "shuffled senses": shuffled,
    }
    absent = ", ".join(word for (word, _), each in words.items() if not each.emerged(layer))
    return Report(
        scores=[replace(mean, baselines=baselines), rise],
        tables=[_table(words, layer, gaps_WL)],
        plots=[_plot(words, gaps_WL, static)],
        notes=[f"not emerged, no more than shuffled senses or layer 0 give: {absent}"]
        if absent
        else [],
    )


def _table(words: Words, layer: int, gaps_WL: np.ndarray) -> Table:
    names = [f"layer {at}" for at in range(gaps_WL.shape[1])]
    columns = ["word", "language", "senses", "uses", STATIC, *names, "rise", SHUFFLED, "p"]
    rows: list[list[str | int | float | None]] = []
    figures: list[list[float]] = []
    for (word, language), each in words.items():
        at = each.at[layer]
        gaps = [found.value for found in each.at.values()]
        figures.append([each.static.value, *gaps, gaps[layer] - gaps[0], at.shuffled_high])
        rows.append([word, language, "/".join(at.within), at.count, *figures[-1], at.p])
    rows.append(
        [
            "mean",
            None,
            None,
            None,
            *(float(np.mean(column)) for column in zip(*figures, strict=True)),
            None,
        ]
    )
    return Table(
        (
            "sense gap by layer: within senses - across, "
            f"cosine; rise, shuffled and p at layer {layer}"
        ),
        columns,
        rows,
    )


def _plot(words: Words, gaps_WL: np.ndarray, static: float) -> Plot:
    layers = list(range(gaps_WL.shape[1]))
    curves = [
        Curve(f"{word} ({language})" if language else word, layers, gaps.tolist())
        for (word, language), gaps in zip(words, gaps_WL, strict=True)
    ]
    curves += [
        Curve("mean", layers, gaps_WL.mean(axis=0).tolist()),
        Curve(STATIC, layers, [static] * len(layers)),
    ]
    return Plot("sense gap by layer", "layer", "within - across, cosine", curves)
