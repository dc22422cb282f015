"""What stays of texts that are together too long for a sequence."""

from collections.abc import Sequence


def kept_tokens(sizes: Sequence[int], room: int) -> list[int]:
    """How many tokens of one or two texts stay, from the left, where there is room for so many.

    Of two the longer is cut, and both to halves where even that is not enough, as transformers' "longest_first" does; of
    an odd room the longer text, or the second of equal ones, has the token more.
    """
    if len(sizes) == 1:
        return [min(sizes[0], room)]
    shorter, longer = sorted(sizes)
    if shorter + longer > room:
        shorter = min(shorter, room // 2)
        longer = min(longer, room - shorter)
    return [longer, shorter] if sizes[0] > sizes[1] else [shorter, longer]
