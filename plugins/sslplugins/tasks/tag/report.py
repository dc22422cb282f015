"""Error report of tagging: scores by tag, confusions, and the sentences with most errors.

Letters: N sentences.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sslcli.api import (
    DataError,
    Example,
    Passage,
    Report,
    Score,
    Span,
    Table,
    TagReading,
    amount,
    class_tables,
    span_table,
    sums_score,
    tag_reading,
    unread_tags,
)

MOST_TAGS = 12  # a table of all against all beyond it is too wide for a screen
MOST_CONFUSIONS = 20
WORST = 5
FEWEST_SINGLE = 10  # sentences of one word that are no accident

Tags = Sequence[Sequence[str]]


def counted(examples: Sequence[Example], given: Tags) -> tuple[list[list[str]], list[list[str]]]:
    """Return labels and predictions of the words that have a label.

    Raises DataError where no word of all examples has one.
    """
    pairs = [
        [(gold, tag) for gold, tag in zip(example.gold, tags, strict=True) if gold is not None]
        for example, tags in zip(examples, given, strict=True)
    ]
    if examples and not any(pairs):
        problem = (
            f"{examples[0].where.file}: no word has a tag that counts, so there is nothing to score"
        )
        raise DataError(
            problem, "-100 and -1 mark words that are not counted: give a split that has its tags"
        )
    return [[gold for gold, _ in pair] for pair in pairs], [
        [tag for _, tag in pair] for pair in pairs
    ]


def in_bioes(sentences: Tags, reading: TagReading) -> list[list[str]]:
    """Map the tags of every sentence to BIOES."""
    return [[reading.tags[tag] for tag in tags] for tags in sentences]


def tag_sentences(tags: Sequence[str], examples: Sequence[Example]) -> list[str]:
    """Say which scheme the tags mark spans in, or why none, and how many words have no tag."""
    reading, uncounted = (
        tag_reading(tags),
        sum(tag is None for example in examples for tag in example.gold or ()),
    )
    verb = "word is" if uncounted == 1 else "words are"
    sentences = [f"{uncounted:,} {verb} marked as not counted (-100, -1)"] if uncounted else []
    if len(examples) >= FEWEST_SINGLE and all(len(example.data.words) == 1 for example in examples):
        sentences.append(
            f"all {len(examples):,} sentences have one word: an empty "
            "line, or a column sentence_id of a .csv, parts sentences"
        )
    if tags and all(tag.isdigit() for tag in tags):
        sentences.append(
            "the tags are numbers, which mark no spans "
            "(--label-names O,B-PER,... names them, from 0)"
        )
    elif reading is not None:
        remark = f" ({reading.remark})" if reading.remark else ""
        sentences.append(
            f"the tags mark spans in {reading.scheme}{remark}, so F1 of spans is scored"
        )
    elif sentence := unread_tags(tags):
        sentences.append(sentence)
    return sentences


def accuracy_score(golds: Tags, given: Tags) -> Score:
    """Compute token accuracy.

    Its interval resamples whole sentences, because the words of one are not independent.
    """
    rows = [(_right(gold, tags), len(gold)) for gold, tags in zip(golds, given, strict=True)]
    score = sums_score(
        "accuracy",
        lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1),
        np.asarray(rows, dtype=np.int64).reshape(-1, 2),
    )
    return Score(
        score.name, score.value, count=sum(words for _, words in rows), interval=score.interval
    )


def _words(row: Sequence[str | int | float | None]) -> int:
    """Return the number of words with a row's tag, its last column."""
    count = row[-1]
    assert isinstance(count, int), f"a row of tags ends with their number, not {count!r}"
    return count


def report_of(examples: Sequence[Example], given: Tags, labels: Sequence[str]) -> Report:
    """Build the error report; `labels` are the model's tags, a note names those it lacks."""
    golds, counted_given = counted(examples, given)
    flat_golds, flat_given = (
        [tag for tags in sentences for tag in tags] for sentences in (golds, counted_given)
    )
    known, reading = set(labels), tag_reading({*labels, *flat_golds})
    strange = Counter(tag for tag in flat_golds if tag not in known)
    by_tag, confusions = class_tables(flat_golds, flat_given, [*labels, *sorted(strange)])
    rows = sorted((row for row in by_tag.rows if _words(row)), key=_words, reverse=True)
    tables = [Table("scores by tag", ["tag", "precision", "recall", "f1", "words"], rows)]
    tables += (
        [span_table(in_bioes(golds, reading), in_bioes(counted_given, reading))] if reading else []
    )
    tables.append(
        confusions
        if len(labels) + len(strange) <= MOST_TAGS
        else _commonest_confusions(flat_golds, flat_given)
    )
    notes = []
    if strange:
        names = ", ".join(sorted(strange)[:8])
        count = sum(strange.values())
        words = f"{amount(count, 'word')} {'has' if count == 1 else 'have'}"
        notes.append(f"{words} a tag that training did not know, counted as mistakes: {names}")
    if uncounted := sum(tag is None for example in examples for tag in example.gold):
        notes.append(f"not scored: {amount(uncounted, 'word')} marked as not counted (-100, -1)")
    notes += [sentence] if (sentence := unread_tags({*labels, *flat_golds})) else []
    return Report(tables=tables, passages=_worst(examples, given), notes=notes)


def _commonest_confusions(golds: Sequence[str], given: Sequence[str]) -> Table:
    counts = Counter((gold, tag) for gold, tag in zip(golds, given, strict=True) if gold != tag)
    there = Counter(golds)
    rows = [
        [gold, tag, count, count / there[gold]]
        for (gold, tag), count in counts.most_common(MOST_CONFUSIONS)
    ]
    return Table(
        "commonest confusions", ["right", "given", "words", "share of the right tag"], rows
    )


def _worst(examples: Sequence[Example], given: Tags) -> list[Passage]:
    """Return the sentences with most errors; a wrong tag stands before the right one."""
    wrong = [
        sum(gold not in (None, tag) for gold, tag in zip(example.gold, tags, strict=True))
        for example, tags in zip(examples, given, strict=True)
    ]
    order = sorted(
        (place for place in range(len(wrong)) if wrong[place]), key=lambda place: -wrong[place]
    )
    return [
        Passage(
            f"{examples[place].where}: {wrong[place]} of {len(given[place])} wrong",
            _spans(examples[place], given[place]),
            True,
        )
        for place in order[:WORST]
    ]


def _spans(example: Example, tags: Sequence[str]) -> list[Span]:
    spans = []
    for word, gold, tag in zip(example.data.words, example.gold, tags, strict=True):
        is_right = gold in (None, tag)
        spans += [Span(f"{word}/"), Span(tag, "plain" if is_right else "corrupted")]
        spans += [] if is_right else [Span(" "), Span(gold, "correct")]
        spans.append(Span(" "))
    return spans


def _right(gold: Sequence[str], tags: Sequence[str]) -> int:
    return sum(left == right for left, right in zip(gold, tags, strict=True))
