"""Precision, recall and F1 of whole spans with exact boundaries: the CoNLL score.

Tjong Kim Sang & De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task", section 3. Letters:
N sentences, K kinds of spans, R resamples.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.metrics.precision_recall import f1_of, ratio
from sslcli.metrics.scores import sums_score
from sslcli.metrics.spans import spans_of_tags
from sslcli.reports import Score, Table

Sentences = Sequence[Sequence[str]]


def span_counts(
    gold: Sentences, predicted: Sentences, scheme: str | None = None
) -> tuple[list[str], np.ndarray]:
    """The kinds, sorted, and int64 [N, K, 3]: spans found rightly, predicted, and there to find.
    Tags as in spans_of_tags.

    Raises DataError as spans_of_tags does. ValueError where sentences have no partner.
    """
    pairs = [
        (set(spans_of_tags(tags, scheme)), set(spans_of_tags(guess, scheme)))
        for tags, guess in zip(gold, predicted, strict=True)
    ]
    kinds = sorted({span.kind for pair in pairs for spans in pair for span in spans})
    number = {kind: place for place, kind in enumerate(kinds)}
    counts = np.zeros((len(pairs), len(kinds), 3), dtype=np.int64)
    for row, (rights, guesses) in enumerate(pairs):
        for column, spans in enumerate((rights & guesses, guesses, rights)):
            for span in spans:
                counts[row, number[span.kind], column] += 1
    return kinds, counts


def span_scores(
    gold: Sentences, predicted: Sentences, scheme: str | None = None
) -> Sequence[Score]:
    """F1, precision and recall over all spans, then the mean of the kinds' F1; fractions. Tags as
    in spans_of_tags.

    0 where there is nothing to divide by. Raises DataError where there is no sentence, and as
    spans_of_tags does.
    """
    _, counts = span_counts(gold, predicted, scheme)
    overall, by_kind = counts.sum(axis=1), counts.reshape(len(counts), -1)
    return [
        sums_score("f1", lambda sums: f1_of(sums[:, 0], sums[:, 1], sums[:, 2]), overall),
        sums_score("precision", lambda sums: ratio(sums[:, 0], sums[:, 1]), overall),
        sums_score("recall", lambda sums: ratio(sums[:, 0], sums[:, 2]), overall),
        sums_score("macro f1", _macro_f1, by_kind),
    ]


def span_table(gold: Sentences, predicted: Sentences, scheme: str | None = None) -> Table:
    """A row for each kind of span: precision, recall, F1, and how many there are to find."""
    kinds, counts = span_counts(gold, predicted, scheme)
    hits, guessed, there = counts.sum(axis=0).T
    columns = zip(
        kinds,
        ratio(hits, guessed),
        ratio(hits, there),
        f1_of(hits, guessed, there),
        there,
        strict=True,
    )
    rows = [
        [kind, float(precision), float(recall), float(f1), int(count)]
        for kind, precision, recall, f1, count in columns
    ]
    return Table("spans by kind", ["kind", "precision", "recall", "f1", "spans"], rows)


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    """[R, 3 K] -> [R], over kinds that are there or predicted."""
    hits, guessed, there = np.moveaxis(sums.reshape(len(sums), -1, 3), 2, 0)
    return ratio(f1_of(hits, guessed, there).sum(axis=1), (guessed + there > 0).sum(axis=1))
