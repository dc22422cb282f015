"""Words of a list as subword pieces of one running text, and the word of each piece.

Letters: T pieces of a sentence.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from sslcli.api import Tokenizer
from sslplugins.tasks.tag.sentences import visible

NO_WORD = -1
# Chinese and Japanese, their punctuation and full-width forms, between which no blank is written;
# Korean writes them.
_UNSPACED = re.compile(
    "[\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_MARKS = frozenset("“”‘’…—–·")  # with Chinese beside them they are Chinese marks
_ENDS = r"""([][!"#%&'()*,./:;?@{}“”‘’…—–·«»¿¡-]*)"""
_MARKED = re.compile(f"{_ENDS}(.*?){_ENDS}", re.DOTALL)


def words_of(text: str) -> list[str]:
    """Split running text into words at spaces; punctuation at either end is set apart.

    Chinese and Japanese are split into characters, because nothing there marks where a word ends.
    """
    words = []
    for part in _UNSPACED.sub(r" \g<0> ", text).split():
        parted = _MARKED.fullmatch(part)
        assert parted is not None, "its parts may be empty: it matches every text"
        before, word, after = parted.groups()
        words += [*before, *([word] if word else []), *after]
    return words


def joined(words: Sequence[str]) -> tuple[str, np.ndarray]:
    """Return the running text, and the offset of each word."""
    text, starts = "", []
    for word in words:
        text += " " if text and not _touch(text[-1], word[:1]) else ""
        starts.append(len(text))
        text += word
    return text, np.asarray(starts, dtype=np.int64)


def written(words: Sequence[str], text: str) -> tuple[str, np.ndarray]:
    """Return the original text and the offset of each word, or `joined` where they do not match."""
    starts, at = [], 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return joined(words)
        starts.append(at)
        at += len(word)
    return text, np.asarray(starts, dtype=np.int64)


def pieces_of(
    sentences: Sequence[Sequence[str]], tokenizer: Tokenizer
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokenize sentences; returns token ids and the word of each, int64 [T] both.

    NO_WORD marks pieces of spaces alone. No piece belongs to two words: a text whose pieces cross a
    word's end, as they may where no space is written, is cut there and its parts are encoded one by
    one.
    """
    texts = [joined(words) for words in sentences]
    whole = tokenizer.encode_with_places([text for text, _ in texts])
    for (text, starts), (ids, places) in zip(texts, whole, strict=True):
        cuts: set[int] = set()
        while crossed := set(_crossed(places, starts)):
            cuts |= crossed
            ids, places = _encoded_apart(text, sorted(cuts), tokenizer)
        is_empty = places[:, 0] == places[:, 1]
        yield (
            ids,
            np.where(is_empty, NO_WORD, np.searchsorted(starts, places[:, 0], side="right") - 1),
        )


def longest_word(word_of: np.ndarray) -> int:
    """Return the largest number of pieces of a word. `word_of` [T]: as of `pieces_of`."""
    return int(np.bincount(word_of[word_of != NO_WORD]).max(initial=0))


def lost_words(words: Sequence[str], word_of: np.ndarray, capacity: int) -> str:
    """Say which words the model does not see; empty where it sees all.

    `word_of` [T]: as of `pieces_of`.
    """
    lengths = np.bincount(word_of[word_of != NO_WORD], minlength=len(words))
    unseen, long = [np.flatnonzero(found) for found in (lengths == 0, lengths > capacity)]
    lost = []
    if len(unseen):
        verb = "has" if len(unseen) == 1 else "have"
        first = visible(words[unseen[0]])
        lost.append(
            f"{len(unseen):,} of {len(words):,} words {verb} no "
            f"piece in this tokenizer, the first of them {first}"
        )
    if len(long):
        verb = "is" if len(long) == 1 else "are"
        problem = f"{verb} longer than {capacity:,} pieces and read at the first of them only"
        lost.append(
            f"{len(long):,} of {len(words):,} words {problem}, "
            f"the first of them {visible(words[long[0]])}"
        )
    return "; ".join(lost)


def cut_at_words(word_of: np.ndarray, capacity: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Cut a sentence into parts of at most `capacity` pieces: (first, last + 1, words [T]).

    A part that is too long is halved between the two words nearest to its middle. Of a word that
    alone is too long, only the first part is counted to it.
    """
    words, first = np.unique(word_of, return_index=True)
    for start, stop in _halved(first[words != NO_WORD], 0, len(word_of), capacity):
        before = word_of[:start].max(initial=NO_WORD)
        yield start, stop, np.where(word_of[start:stop] > before, word_of[start:stop], NO_WORD)


def _halved(begins: np.ndarray, start: int, stop: int, capacity: int) -> Iterator[tuple[int, int]]:
    if stop - start > capacity:
        inner = begins[(begins > start) & (begins < stop)]
        middle = (start + stop) // 2
        middle = int(inner[np.abs(inner - middle).argmin()]) if len(inner) else middle
        yield from _halved(begins, start, middle, capacity)
        yield from _halved(begins, middle, stop, capacity)
    elif stop > start:
        yield start, stop


def _crossed(places: np.ndarray, starts: np.ndarray) -> list[int]:
    """Return the word beginnings in the middle of a piece."""
    first = np.searchsorted(starts, places[:, 0], side="right")
    after = np.searchsorted(starts, places[:, 1], side="left")
    return [
        int(start) for low, high in zip(first, after, strict=True) for start in starts[low:high]
    ]


def _encoded_apart(
    text: str, cuts: Sequence[int], tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    begins = [0, *cuts]
    parts = tokenizer.encode_with_places(
        [text[begin:end] for begin, end in zip(begins, [*cuts, len(text)], strict=True)]
    )
    ids = np.concatenate([ids for ids, _ in parts])
    return ids, np.concatenate(
        [places + begin for (_, places), begin in zip(parts, begins, strict=True)]
    )


def _touch(left: str, right: str) -> bool:
    pair = [bool(_UNSPACED.match(letter)) for letter in (left, right)]
    return all(
        unspaced or letter in _MARKS for unspaced, letter in zip(pair, (left, right), strict=True)
    ) and any(pair)
