"""Truncation of texts that are together too long for a sequence."""

from collections.abc import Sequence


def kept_tokens(sizes: Sequence[int], room: int) -> list[int]:
    """Return how many tokens of one or two texts stay, from the left, given the room for them.

    Of two the longer is truncated, and both to halves where even that is not enough, as in
    transformers' "longest_first"; with odd room the longer text, or the second of equal ones, has
    the token more.
    """
    if len(sizes) == 1:
        return [min(sizes[0], room)]
    shorter, longer = sorted(sizes)
    if shorter + longer > room:
        shorter = min(shorter, room // 2)
        longer = min(longer, room - shorter)
    return [longer, shorter] if sizes[0] > sizes[1] else [shorter, longer]
