"""ROUGE-N and ROUGE-L: F1 of n-grams, and of the longest common subsequence (Lin 2004, "ROUGE").

Words are those of `script_words`, so that no script vanishes; there is no stemming. Of several
references the best counts, as in rouge-score.
"""

from collections.abc import Sequence

from sslcli.metrics.ngrams import ngrams, script_words

ROUGE_SIGNATURE = "case:lower|stem:no|tok:cjk-characters+unicode-words|agg:mean-f1"


def rouge_f1(text: str, references: Sequence[str]) -> tuple[float, float, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L of one text, each from 0 to 1."""
    said = script_words(text)
    found = [_f1s(said, script_words(reference)) for reference in references]
    one, two, longest = (max(each) for each in zip(*found, strict=True))
    return one, two, longest


def _f1s(said: Sequence[str], wanted: Sequence[str]) -> tuple[float, float, float]:
    one, two = (
        _f1((ngrams(said, n) & ngrams(wanted, n)).total(), len(said) - n + 1, len(wanted) - n + 1)
        for n in (1, 2)
    )
    return one, two, _f1(_longest_common(said, wanted), len(said), len(wanted))


def _f1(both: int, said: int, wanted: int) -> float:
    return 2 * both / (said + wanted) if both else 0.0


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        before = row
        row = [0]
        for place, other in enumerate(second):
            row.append(before[place] + 1 if word == other else max(before[place + 1], row[place]))
    return row[-1]
