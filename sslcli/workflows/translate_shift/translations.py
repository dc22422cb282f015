"""Test data of a shift: a dictionary, parallel text, or both, from files or a generated source.

Letters: N tokens of sentences, R the most right answers that a token has.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sslcli.contracts.probe import ProbeData
from sslcli.data.records.translations import TextPair, distinct_pairs, read_pairs
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.locate import split_language
from sslcli.errors import DataError, UsageError
from sslcli.workflows.translate_shift.head_readings import NONE
from sslcli.workflows.translate_shift.sentences import Sentences

# where half of the pairs have no more on either side, a file is a dictionary
LONGEST_WORD_PIECES = 4
FEWEST_PAIRS = 4
_LOOKED_AT_PAIRS = 1_000


@dataclass(frozen=True)
class Translations:
    """`words`, `sentences`: pairs to test with, of the source language and of the target language.
    `learning`: pairs to estimate on, none has a side in common with a tested one.
    """

    words: Sequence[TextPair] = ()
    sentences: Sequence[TextPair] = ()
    learning: Sequence[TextPair] = ()


def read_translations(
    references: Sequence[str], probe_data: ProbeData, languages: TextPair, tokenizer: Tokenizer
) -> Translations:
    """Read the files of the command line, else what the data provides; nothing is split yet.

    Raises DataError or UsageError for files that cannot be used, and without dictionary and
    parallel text.
    """
    words: list[TextPair] = []
    sentences: list[TextPair] = []
    for named in _grouped(references):
        pairs = [(pair.first, pair.second) for pair in read_pairs(named, languages)]
        (words if _is_dictionary(pairs, tokenizer) else sentences).extend(pairs)
    if words and not right_answers(words, tokenizer):
        named = (
            f"none of the {len(words):,} word pairs of "
            f"{', '.join(references)} is one piece in both languages"
        )
        raise DataError(
            f"{named}, as this model cuts them",
            "give words that its vocabulary has whole, or parallel text",
        )
    words = words or _known(probe_data, "dictionary", languages)
    sentences = sentences or _known(probe_data, "parallel", languages)
    if not words and not sentences:
        first, second = languages
        problem = (
            "there is nothing to evaluate with: the data "
            f"knows no translations from {first} to {second}"
        )
        raise UsageError(
            problem, "give a dictionary or parallel text: ssl translate-shift --evaluate FILE"
        )
    return Translations(words, sentences)


def set_apart(found: Translations, tested: int, learning: int) -> Translations:
    """Split into at most `tested` sentence pairs and, if `learning` is set, that many following
    ones.

    Sentence pairs with a side that occurred before are left out. At least half of the pairs are
    left for training; these are words if there are no sentences, and otherwise all words are
    tested: each with all of its translations, any of which is right. Raises DataError if there are
    too few pairs.
    """
    pairs = distinct_pairs(found.sentences or found.words)
    if len(pairs) < FEWEST_PAIRS:
        raise DataError(
            f"{FEWEST_PAIRS} different translations are needed to test a shift, not {len(pairs)}",
            "give more to --evaluate",
        )
    if not learning:
        return replace(found, sentences=pairs[:tested] if found.sentences else ())
    stop = min(tested, len(pairs) // 2)
    if found.sentences:
        return replace(found, sentences=pairs[:stop], learning=pairs[stop : stop + learning])
    asked = {first.casefold() for first, _ in pairs[:stop]}
    words = [pair for pair in found.words if pair[0].casefold() in asked]
    answers = {second.casefold() for _, second in words}
    others = [pair for pair in pairs[stop:] if pair[1].casefold() not in answers]
    return replace(found, words=words, learning=others[:learning])


def right_answers(words: Sequence[TextPair], tokenizer: Tokenizer) -> Mapping[str, frozenset[int]]:
    """Word of the source language -> tokens that translate it: of words that are one piece each,
    and not the same in both languages.
    """
    tokens_of = _whole_words(tokenizer)
    sources, targets = (
        (_single(side, tokenizer) for side in zip(*words, strict=True)) if words else ((), ())
    )
    found: dict[str, set[int]] = {}
    for source, target in zip(sources, targets, strict=True):
        if source and target and source != target:
            found.setdefault(source, set()).update(tokens_of.get(target, ()))
    return {source: frozenset(tokens) for source, tokens in found.items() if tokens}


def rights_of_tokens(sentences: Sentences, right: Mapping[str, frozenset[int]]) -> np.ndarray:
    """int64 [N, R]: for each token that is a whole word with right answers these, then NONE."""
    tokenizer = sentences.tokenizer
    whole_N = _is_whole(sentences)
    rights = [
        sorted(right.get(tokenizer.texts[token], ())) if whole else []
        for token, whole in zip(sentences.tokens_N, whole_N, strict=True)
    ]
    table_NR = np.full((len(rights), max([1, *map(len, rights)])), NONE, dtype=np.int64)
    for row_R, tokens in zip(table_NR, rights, strict=True):
        row_R[: len(tokens)] = tokens
    return table_NR


def _grouped(references: Sequence[str]) -> list[list[str]]:
    """Files that say their language go together; every other stands for itself."""
    marked = [reference for reference in references if split_language(reference)[0]]
    return [
        *([marked] if marked else []),
        *([reference] for reference in references if reference not in marked),
    ]


def _is_dictionary(pairs: Sequence[TextPair], tokenizer: Tokenizer) -> bool:
    looked_at = pairs[:_LOOKED_AT_PAIRS]
    sizes = [
        np.median([len(tokens) for tokens in tokenizer.encode_batch(side)])
        for side in zip(*looked_at, strict=True)
    ]
    return bool(max(sizes) <= LONGEST_WORD_PIECES)


def _known(probe_data: ProbeData, kind: str, languages: TextPair) -> list[TextPair]:
    """Of data that makes its own material; nothing where it has none of the kind, or not of these
    languages.
    """
    try:
        records = list(probe_data.records(kind))
    except (UsageError, DataError):
        return []
    sides = [[record.values.get(language) for language in languages] for record in records]
    return [
        (first, second)
        for first, second in sides
        if isinstance(first, str) and isinstance(second, str)
    ]


def _whole_words(tokenizer: Tokenizer) -> Mapping[str, Sequence[int]]:
    """Text -> the tokens that stand for it, be it at the beginning of a text or within."""
    found: dict[str, list[int]] = {}
    for token, text in enumerate(tokenizer.texts):
        if text and not tokenizer.specials[token]:
            found.setdefault(text, []).append(token)
    return found


def _single(words: Iterable[str], tokenizer: Tokenizer) -> list[str]:
    """Each as the text of its only piece, as the tokenizer has it; empty where it has several, or
    none that is known.
    """
    found = []
    for tokens_T in tokenizer.encode_batch(list(words)):
        pieces = [token for token in tokens_T if tokenizer.texts[token]]
        found.append(
            tokenizer.texts[pieces[0]]
            if len(pieces) == 1 and not tokenizer.specials[pieces[0]]
            else ""
        )
    return found


def _is_whole(sentences: Sentences) -> np.ndarray:
    """bool [N]: begins a word, and no piece with a letter goes on with it."""
    tokenizer, tokens_N, owners_N = sentences.tokenizer, sentences.tokens_N, sentences.owners_N
    lettered_V = np.asarray([any(map(str.isalnum, text)) for text in tokenizer.texts], dtype=bool)
    first_N = np.diff(owners_N, prepend=-1) > 0
    continues_N = tokenizer.continues[tokens_N] & lettered_V[tokens_N] & ~first_N
    return ~continues_N & ~np.append(continues_N[1:], False)
