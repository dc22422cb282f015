"""Texts longer than the model's input: truncated parts, counted and reported beside every score."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sslcli.contracts.examples import Encoded, Prediction

CUT = "cut"  # the field of a report's counts: examples of which something was cut
CUT_AT = "cut_at_tokens"  # the field of a prediction's details
Cut = Mapping[str, int]  # part of an example -> the number of tokens that it was cut at
_UNITS = {
    "words": "sentences",
    "questions": "questions",
    "texts": "texts",
    "pairs": "pairs",
    "sequences": "sequences",
}
_WHOLE = ("text", "question")


def cut_of(encoded: Encoded) -> Cut:
    """Return the truncated parts of an example; without the task's word, inferred from lengths."""
    if encoded.cut or len(encoded.samples) != 1:
        return encoded.cut
    length = len(encoded.samples[0])
    return {"text": length} if length < encoded.whole_tokens else {}


def with_cut(prediction: Prediction, cut: Cut) -> Prediction:
    """Add a field to the prediction with what the model did not see, if anything."""
    return (
        replace(prediction, details={**prediction.details, CUT_AT: dict(cut)})
        if cut
        else prediction
    )


def cut_in(prediction: Prediction) -> Cut:
    """Return the truncated parts that a prediction records."""
    return prediction.details.get(CUT_AT, {})


def cut_counts(cuts: Sequence[Cut]) -> Mapping[str, int]:
    """Return the number of examples, and of those that were truncated."""
    return {"examples": len(cuts), CUT: sum(bool(cut) for cut in cuts)}


def cut_sentences(kind: str, cuts: Sequence[Cut]) -> list[str]:
    """ "37 of 500 pairs were cut at 128 tokens: the first text of 30, the second text of 9"; a
    sentence for each limit.

    `kind`: of the task's records. Empty where nothing was cut.
    """
    by_limit: dict[int, list[Sequence[str]]] = {}
    for cut in cuts:
        for limit in set(cut.values()):
            by_limit.setdefault(limit, []).append(
                [part for part, each in cut.items() if each == limit]
            )
    found = []
    for limit, parts in sorted(by_limit.items()):
        verb = "was" if len(parts) == 1 else "were"
        counts = Counter(part for own in parts for part in own)
        which = ", ".join(
            f"the {part} of {count:,}"
            for part, count in sorted(counts.items())
            if part not in _WHOLE
        )
        what = (
            f"{len(parts):,} of {len(cuts):,} "
            f"{_UNITS.get(kind, 'examples')} {verb} cut at {limit:,} tokens"
        )
        found.append(f"{what}: {which}" if which else what)
    return found
