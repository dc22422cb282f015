"""What tags are right, which are taken for which, and the sentences with the most mistakes.

Letters: N sentences.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sslcli.api import Example, Passage, Report, Score, Span, Table, class_tables, span_table, sums_score

MOST_TAGS = 12  # a table of all against all beyond it is too wide for a screen
MOST_CONFUSIONS = 20
WORST = 5
WORDS_SHOWN = 40

Tags = Sequence[Sequence[str]]


def accuracy_score(golds: Tags, given: Tags) -> Score:
    """The share of words tagged rightly. Its interval draws whole sentences, because the words of one are not independent."""
    rows = [(_right(gold, tags), len(gold)) for gold, tags in zip(golds, given, strict=True)]
    score = sums_score("accuracy", lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1), np.asarray(rows, dtype=np.int64).reshape(-1, 2))
    return Score(score.name, score.value, count=sum(words for _, words in rows), interval=score.interval)


def report_of(examples: Sequence[Example], given: Tags, labels: Sequence[str], *, spans: bool) -> Report:
    """`labels`: the tags that the model can give; those that it cannot are told of."""
    golds = [example.gold for example in examples]
    flat_golds, flat_given = ([tag for tags in sentences for tag in tags] for sentences in (golds, given))
    known = set(labels)
    strange = Counter(tag for tag in flat_golds if tag not in known)
    by_tag, confusions = class_tables(flat_golds, flat_given, [*labels, *sorted(strange)])
    rows = sorted((row for row in by_tag.rows if row[-1]), key=lambda row: -row[-1])
    tables = [Table("scores by tag", ["tag", "precision", "recall", "f1", "words"], rows)]
    tables += [span_table(golds, given)] if spans else []
    tables.append(confusions if len(labels) + len(strange) <= MOST_TAGS else _commonest_confusions(flat_golds, flat_given))
    notes = []
    if strange:
        names = ", ".join(sorted(strange)[:8])
        notes.append(f"{sum(strange.values())} words have a tag that training did not know, and count as mistakes: {names}")
    return Report(tables=tables, passages=_worst(examples, given), notes=notes)


def _commonest_confusions(golds: Sequence[str], given: Sequence[str]) -> Table:
    counts = Counter((gold, tag) for gold, tag in zip(golds, given, strict=True) if gold != tag)
    there = Counter(golds)
    rows = [[gold, tag, count, count / there[gold]] for (gold, tag), count in counts.most_common(MOST_CONFUSIONS)]
    return Table("commonest confusions", ["right", "given", "words", "share of the right tag"], rows)


def _worst(examples: Sequence[Example], given: Tags) -> list[Passage]:
    """Sentences with the most words tagged wrongly; a wrong tag stands before the right one."""
    wrong = [len(tags) - _right(example.gold, tags) for example, tags in zip(examples, given, strict=True)]
    order = sorted((place for place in range(len(wrong)) if wrong[place]), key=lambda place: -wrong[place])
    return [
        Passage(f"{examples[place].where}: {wrong[place]} of {len(given[place])} wrong", _spans(examples[place], given[place]))
        for place in order[:WORST]
    ]


def _spans(example: Example, tags: Sequence[str]) -> list[Span]:
    spans = []
    for word, gold, tag in list(zip(example.data.words, example.gold, tags, strict=True))[:WORDS_SHOWN]:
        spans += [Span(f"{word}/"), Span(tag, "plain" if tag == gold else "corrupted")]
        spans += [] if tag == gold else [Span(" "), Span(gold, "correct")]
        spans.append(Span(" "))
    return [*spans, Span("…")] if len(tags) > WORDS_SHOWN else spans


def _right(gold: Sequence[str], tags: Sequence[str]) -> int:
    return sum(left == right for left, right in zip(gold, tags, strict=True))
