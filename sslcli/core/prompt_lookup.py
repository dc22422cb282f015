"""Guesses of what comes next, from what the text has said before."""

from collections.abc import Sequence

LONGEST_NGRAM = 2


def guess_from_prompt(tokens: Sequence[int], most: int) -> list[int]:
    """Return at most `most` tokens that stand behind the first earlier place of the last two
    tokens, or of the last one where the two stand nowhere else.
    """
    for size in range(min(LONGEST_NGRAM, len(tokens) - 1), 0, -1):
        last = list(tokens[-size:])
        for start in range(len(tokens) - size):
            if list(tokens[start : start + size]) == last:
                return list(tokens[start + size : start + size + most])
    return []
