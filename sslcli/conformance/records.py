"""Tiny labelled records of the usual kinds, with the columns that files have.

Every label follows from its record, so that it can be learned.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product
from typing import Any

from sslcli.conformance.tiny import PLACES, SUBJECTS, VERBS
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.errors import CheckError

RECORDS = 32
LONG_PASSAGE = 7  # every so many passages one has more sentences than fit into one window
MANNERS = ("calm", "glad", "busy")  # of seeing, liking and following
TAGS = ("DET", "NOUN", "VERB", "DET", "NOUN", "ADP", "DET", "NOUN", "PUNCT")
Values = Mapping[str, Any]


def tiny_sentences() -> Sequence[str]:
    """Return RECORDS different sentences of nine words."""
    told = product(PLACES, SUBJECTS, VERBS)
    spread = (each for number, each in enumerate(told) if number % 2 == 0)
    return [
        f"the {subject} {verb} the {SUBJECTS[-1]} in the {place} ."
        for place, subject, verb in islice(spread, RECORDS)
    ]


def tiny_records(kind: str) -> Sequence[Record]:
    """Return records of a kind. Raises CheckError where there are none of it."""
    if kind not in KINDS:
        hint = f"give examples of your own, or take one of {', '.join(KINDS)} for `records`"
        raise CheckError(f"there are no generated records of the kind '{kind}'", hint)
    made = [KINDS[kind](number, sentence) for number, sentence in enumerate(tiny_sentences())]
    return [
        Record(Where("generated", number), values) for number, values in enumerate(made, start=1)
    ]


def _text(number: int, sentence: str) -> Values:
    return {"text": sentence, "label": MANNERS[VERBS.index(sentence.split()[2])]}


def _pair(number: int, sentence: str) -> Values:
    """Make a pair whose label says whether both texts name the same place."""
    *before, place, stop = sentence.split()
    other = place if number % 2 else PLACES[(PLACES.index(place) + 1) % len(PLACES)]
    label = "entailment" if other == place else "contradiction"
    return {
        "premise": sentence,
        "hypothesis": " ".join([*before[-2:], other, stop]),
        "label": label,
    }


def _words(number: int, sentence: str) -> Values:
    return {"tokens": sentence.split(), "tags": list(TAGS)}


def _question(number: int, sentence: str) -> Values:
    """Make a question for a place, on a passage of two sentences or of many."""
    _, subject, verb, *_, place, _ = sentence.split()
    rest = [other for other in tiny_sentences() if other.split()[1] != subject][
        : 9 if number % LONG_PASSAGE == 0 else 1
    ]
    passage = " ".join([sentence, *rest])
    return {
        "question": f"the {subject} {verb} in",
        "context": passage,
        "answers": {"text": [place], "answer_start": [passage.index(place)]},
    }


def _symbols(number: int, sentence: str) -> Values:
    """Make a sequence whose label says whether A and T or C and G are in the majority."""
    common, rare = ("AT", "CG") if number % 2 else ("CG", "AT")
    sequence = "".join(
        (rare if (number + place) % 4 == 0 else common)[(number * place // 3) % 2]
        for place in range(12 + number % 5)
    )
    return {"sequence": sequence, "label": "weak" if number % 2 else "strong"}


def _parallel(number: int, sentence: str) -> Values:
    """Make a pair of a sentence and one about the same, without its frequent words."""
    _, subject, verb, *_, place, _ = sentence.split()
    return {"source": sentence, "target": f"{subject} {verb} {place}"}


def _instruction(number: int, sentence: str) -> Values:
    """Make a conversation whose last answer is the place in the last thing said; some answer
    before.
    """
    place = sentence.split()[-2]
    turns = [("user", sentence), ("assistant", place)]
    if number % 4 == 0:
        earlier = tiny_sentences()[number - 1]
        turns = [("user", earlier), ("assistant", earlier.split()[-2]), *turns]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


KINDS: Mapping[str, Callable[[int, str], Values]] = {
    "texts": _text, "pairs": _pair, "words": _words, "questions": _question, "sequences": _symbols,
    "parallel": _parallel, "instructions": _instruction,
}  # fmt: skip
