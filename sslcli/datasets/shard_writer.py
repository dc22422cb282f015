"""Documents into shards: sentences, tokens and what is worth knowing of them, a portion at a time
in constant memory.

Letters: D documents of a portion, S sentences of it, T tokens of it.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from sslcli.data.documents import Document
from sslcli.data.shard_writing import ShardWriter, Texts
from sslcli.data.statistics import Statistics
from sslcli.data.text.sentences import guess_language, split_sentences
from sslcli.data.text.tokenizer import Tokenizer

# Read, split and encoded at once. Whoever wants to stop waits for the library to give a portion
# back, so it is a second's work.
PORTION_CHARACTERS = 200_000


def portions(stream: Iterator[Document]) -> Iterator[list[Document]]:
    """Group documents into lists of about PORTION_CHARACTERS."""
    gathered: list[Document] = []
    size = 0
    for document in stream:
        gathered.append(document)
        size += len(document.text or "")
        if size >= PORTION_CHARACTERS:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def write_portion(
    writer: ShardWriter,
    portion: Sequence[Document],
    tokenizer: Tokenizer,
    statistics: Statistics,
    rules: int,
) -> None:
    """Tokenize and write documents; those without a token leave no trace in the shards.

    `rules` is the version of the rules that split text into sentences.
    """
    guessed = [_guessed(document, rules) for document in portion]
    split = [
        split_sentences(document, language, rules)
        for document, language in zip(portion, guessed, strict=True)
    ]
    sentences = list(chain.from_iterable(split))
    tokens_T, tokens_S = _encoded(sentences, tokenizer)
    kept_S = tokens_S > 0
    document_S = np.repeat(np.arange(len(split)), [len(pieces) for pieces in split])[kept_S]
    bytes_S = np.fromiter(map(_utf8_bytes, sentences), dtype=np.int64, count=len(sentences))[kept_S]
    sentences_D = np.bincount(document_S, minlength=len(split))
    kept = np.flatnonzero(sentences_D).tolist()
    texts = Texts(
        tokens_T,
        tokens_S[kept_S],
        bytes_S,
        sentences_D[kept],
        [portion[place].language for place in kept],
    )
    writer.add_texts(texts)
    languages = [
        portion[place].language or f"not said, split as {guessed[place]}" for place in kept
    ]
    statistics.add(texts, languages, tokenizer.unknown)
    statistics.add_characters(document.text or "" for document in portion)
    statistics.special_spellings.update(tokenizer.guard.taken())
    for document in portion:
        statistics.duplicates.add_lines(document.text or "")


def _guessed(document: Document, rules: int) -> str:
    if document.language or document.text is None:
        return ""
    return guess_language(document.text, rules)


def _encoded(sentences: Sequence[str], tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """All tokens, and how many each sentence has; the library is never given more than a portion,
    however long a document is.
    """
    ends = np.cumsum([len(sentence) for sentence in sentences])
    cuts = [
        0,
        *np.searchsorted(
            ends, np.arange(PORTION_CHARACTERS, ends[-1] if len(ends) else 0, PORTION_CHARACTERS)
        ).tolist(),
    ]
    parts = [
        tokenizer.encode_together(sentences[start:stop])
        for start, stop in zip(cuts, [*cuts[1:], None], strict=True)
    ]
    tokens, sizes = zip(*parts, strict=True)
    return np.concatenate(tokens), np.concatenate(sizes)


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
