"""Occurrences of a word in sentences: of a file, a source that knows senses, or a corpus."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import yaml

from sslcli.api import (
    ARROW_SUFFIXES,
    DataError,
    FrozenModel,
    Rng,
    UsageError,
    WordOccurrence,
    amount,
    balanced,
    locate_words,
    read_lines,
    read_records,
    sense_uses,
    split_sentences,
    suffix_of,
    usable,
)

MOST_DOCUMENTS = 50_000  # looked through for a word
MOST_CHARACTERS = 400  # of a sentence out of a corpus
RECORD_FILES = ("jsonl", "ndjson", "json", "csv", "tsv", *ARROW_SUFFIXES)
READY = Path(__file__).parent / "sentences.yaml"
# written without spaces
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_MUCH_UNKNOWN = 0.2


@dataclass(frozen=True)
class Found:
    """Occurrences of one word, those of a sense side by side, and a sentence on where they come
    from.
    """

    uses: list[WordOccurrence]
    source: str

    @property
    def senses(self) -> list[str]:
        """The sense of each occurrence; empty texts where they are not known."""
        return [use.sense for use in self.uses]


def occurrence(text: str, word: str) -> int | None:
    """Return where the word first occurs in a text, or None.

    Whole words only, case ignored; a Chinese word also within others.
    """
    whole = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)
    if whole is None and _UNSPACED.search(word):
        whole = re.search(re.escape(word), text)
    return None if whole is None else whole.start()


def find_uses(model: FrozenModel, word: str, sentences: str, per_sense: int, rng: Rng) -> Found:
    """Find at most `per_sense` occurrences of each sense, twice as many where none is known.

    `sentences`: a file; when not given, the best source at hand. Sentences that the model cannot
    read whole are left out and noted. Raises UsageError where the word is found nowhere, DataError
    for a file that cannot be used, for a word that the tokenizer does not know, and where no
    sentence is left.
    """
    if not word.strip():
        raise UsageError("there is no word to look for", "name one, such as apple")
    finders: list[Callable[[], Found]] = (
        [lambda: _from_file(word, sentences)]
        if sentences
        else [
            lambda: Found(
                _known(model, word, per_sense, rng), "of the generated data, which knows the senses"
            ),
            lambda: Found(_ready(word), "built-in; --sentences FILE for others"),
            lambda: Found(
                _from_corpus(model, word, 2 * per_sense),
                "of the data, without senses; --sentences FILE for others",
            ),
        ]
    )
    unread: list[WordOccurrence] = []
    found = next(
        (found for find in finders if (found := _readable(model, find(), unread)).uses), None
    )
    if found is None and unread:
        locate_words(model.tokenizer, unread)  # which names a word that has no piece
        problem = f"every sentence with '{word}' is longer than this model reads"
        raise DataError(problem, "give shorter ones: --sentences FILE")
    if found is None:
        raise UsageError(
            f"'{word}' does not occur in the data of this model",
            "give sentences with it: --sentences FILE, or other --data",
        )
    known = any(found.senses)
    chosen = balanced(found.uses, per_sense if known else 2 * per_sense, rng)
    by_sense = sorted(chosen, key=lambda use: list(dict.fromkeys(found.senses)).index(use.sense))
    refuse_unknown(model, word, by_sense)
    taken = f"{len(chosen)} of " if len(found.uses) > len(chosen) else ""
    source = f'{taken}{amount(len(found.uses), "sentence")} with "{word}" ({found.source})'
    return Found(by_sense, source)


def _readable(model: FrozenModel, found: Found, unread: list[WordOccurrence]) -> Found:
    """Return the occurrences that fit into the model; the others are added to `unread`."""
    uses = usable(model, found.uses)
    unread += [] if uses else found.uses
    return Found(uses, found.source)


def unknown_share(model: FrozenModel, uses: list[WordOccurrence]) -> float:
    """Return the share of unknown tokens among the tokens of the sentences."""
    tokens = np.concatenate(locate_words(model.tokenizer, uses).sequences)
    return (
        float(np.mean(tokens == model.tokenizer.unknown))
        if model.tokenizer.unknown is not None
        else 0.0
    )


def unknown_notes(model: FrozenModel, uses: list[WordOccurrence]) -> list[str]:
    """Return a note where many of the sentences' tokens are unknown to the model, else nothing."""
    share = unknown_share(model, uses)
    return [
        (
            f"{share:.0%} of the sentences' tokens are unknown "
            "to this model: choose sentences it can read"
        )
    ] * (share > _MUCH_UNKNOWN)


def _known(model: FrozenModel, word: str, per_sense: int, rng: Rng) -> list[WordOccurrence]:
    try:
        return sense_uses(model.probe_data, per_sense, rng, word)
    except (UsageError, DataError):
        return []


@cache
def _ready_sentences() -> dict[str, dict]:
    return yaml.safe_load(READY.read_text(encoding="utf-8"))


def _ready(word: str) -> list[WordOccurrence]:
    entry = dict(_ready_sentences().get(word.lower(), {}))
    language = entry.pop("language", "")
    return [
        use
        for sense, texts in entry.items()
        for text in texts
        if (use := _use(text, word, sense, language))
    ]


def _use(text: str, word: str, sense: str = "", language: str = "") -> WordOccurrence | None:
    start = occurrence(text, word)
    return (
        None if start is None else WordOccurrence(text, start, start + len(word), sense, language)
    )


def _from_file(word: str, path: str) -> Found:
    rows = list(_rows(path))
    uses = [use for text, sense in rows if (use := _use(text, word, sense))]
    if not uses:
        raise DataError(
            f"'{word}' stands in none of the {len(rows)} sentences of {path}",
            "give sentences with this word",
        )
    if any(use.sense for use in uses) and not all(use.sense for use in uses):
        raise DataError(
            f"{path} gives a sense to some sentences with '{word}' and none to others",
            "give one to all, or to none",
        )
    without = len(rows) - len(uses)
    return Found(
        uses, f"{path}; lines without the word are left out: {without}" if without else path
    )


def _rows(path: str) -> Iterator[tuple[str, str]]:
    """Read sentences and their senses, empty where there is none.

    Raises DataError naming the place.
    """
    if suffix_of(path) in RECORD_FILES and not _is_plain(path):
        for record in read_records(path):
            _, sense = record.find("sense", "label")
            yield (
                record.text("text", "sentence").strip(),
                "" if sense is None else str(sense).strip(),
            )
        return
    for _, line in read_lines(path):
        text, _, sense = line.strip().partition("\t")
        if text:
            yield text, sense.strip()


def _is_plain(path: str) -> bool:
    """Return whether the first row of a .tsv is a sentence already, and no header."""
    if suffix_of(path) != "tsv":
        return False
    header = next((line for _, line in read_lines(path)), "")
    return {"text", "sentence"}.isdisjoint(name.strip() for name in header.split("\t"))


def _from_corpus(model: FrozenModel, word: str, most: int) -> list[WordOccurrence]:
    """Return the first sentences of the corpus with the word; none where there is no corpus."""
    try:
        documents = model.probe_data.documents()
        return list(islice(_of_corpus(model, documents, word), most))
    except UsageError:
        return []


def _of_corpus(model: FrozenModel, documents: Iterator, word: str) -> Iterator[WordOccurrence]:
    for document in islice(documents, MOST_DOCUMENTS):
        if document.text is None or occurrence(document.text, word) is None:
            continue
        for sentence in split_sentences(document):
            use = _use(sentence.strip(), word, language=document.language)
            if use is not None and model.lengths.shorter([use.text], MOST_CHARACTERS):
                yield use


def refuse_unknown(model: FrozenModel, word: str, uses: list[WordOccurrence]) -> None:
    """Raise DataError where every piece of every occurrence is the unknown token.

    Its vector would say nothing of the word.
    """
    found = locate_words(model.tokenizer, uses)
    if all((found.tokens(number) == model.tokenizer.unknown).all() for number in range(len(uses))):
        raise DataError(
            f"'{word}' is unknown to this model's tokenizer",
            "choose a word of its vocabulary, or another --model",
        )
