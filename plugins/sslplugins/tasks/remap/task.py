"""Sequence classification of any symbols by a text model: each symbol is mapped to a word.

Kao and Lee 2021, "Is BERT a Cross-Disciplinary Knowledge Learner?" (arXiv 2103.07162): a model that
was pretrained on text alone classifies DNA better than one that was not pretrained.

Letters: V vocabulary.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    Record,
    Rng,
    SequenceTask,
    Tokenizer,
    UsageError,
    current_reading,
    read_json,
    read_records,
    remark,
    setting,
    suffix_of,
)
from sslplugins.tasks.remap.files import FORMATS, label_hint

SEQUENCES = ("sequence", "text", "seq")
ANSWERS = ("label", "labels", "class")
# stands for whatever the training examples did not have; symbols are in capitals
STRANGE = "strange"
SHORTEST_WORD = 3  # letters
LOWER_CASE = "letters in lower case (as of masked repeats) are read as capitals"


def _given(value: Any) -> Any:
    """Parse "A=apple,C=cat" to {"A": "apple", "C": "cat"}; any other text names a file."""
    if isinstance(value, str) and "=" in value:
        return {
            symbol.strip(): word.strip()
            for symbol, word in (
                part.split("=", 1) if "=" in part else (part, "") for part in value.split(",")
            )
        }
    return value


class Remap(SequenceTask["Remap.Options"]):
    """Classification of symbol sequences whose symbols are mapped to words of the vocabulary."""

    class Options(SequenceTask.Options):
        words: Annotated[dict[str, str] | str, BeforeValidator(_given)] = setting(
            "",
            (
                "word of every symbol, as A=apple,C=cat or a JSON "
                "file; sampled from the vocabulary where not given"
            ),
            "--words",
        )
        map_seed: int = setting(
            0, "another seed samples other words", "--map-seed", trains=True, ge=0
        )
        symbols_per_word: int = setting(
            1, "symbols that make one word together (k-mers)", "--symbols-per-word", gt=0, le=32
        )
        stride: int | None = setting(
            None,
            "symbols from the begin of a word to the next; symbols_per_word when not given",
            "--stride",
            gt=0,
        )
        text_field: str = setting(
            "", "column of the sequence, where it has none of the usual names", "--text-field"
        )

    summary = "a class for any sequence of symbols, each written as an ordinary word (DNA)"
    records = "sequences"

    text_columns, label_columns = SEQUENCES, ANSWERS
    prompt_names = ("sequence",)  # the symbols themselves: words stand for them in training alone
    prompt_templates = {
        "en": "Sequence: {sequence}\nLabel: {label}",
        "zh": "序列：{sequence}\n类别：{label}",
    }

    @classmethod
    def positional_fields(cls, options: Options) -> tuple[str, ...]:
        return (options.text_field or SEQUENCES[0],)

    @classmethod
    def asked_columns(cls, options: Options) -> tuple[str, ...]:
        return (options.text_field,) if options.text_field else ()

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        columns = cls.asked_columns(options) or SEQUENCES
        columns = [name for name in columns if name in record.values][:1] or columns
        written = "".join(record.text(*columns).split())
        symbols = written.upper()  # lower case marks repeats in genomes: the letter is the same
        example = cls.example(options, record, (symbols,), ANSWERS)
        return example if symbols == written else replace(example, note=LOWER_CASE)

    @classmethod
    def read(cls, options: Options, reference: str) -> Iterator[Example]:
        suffix = suffix_of(reference)
        if suffix in FORMATS and (columns := current_reading().columns):
            remark(
                f"{reference}: a .{suffix} has no columns to be "
                f"named, so --columns {','.join(columns)} is not used"
            )
        records = FORMATS.get(suffix, read_records)(reference)
        return Parsed(partial(cls.parse, options), cls.chosen(options, records, reference))

    @classmethod
    def label_hint(cls, example: Example) -> str:
        return label_hint(suffix_of(example.where.file), example.id)

    @classmethod
    def resolve_options(
        cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> Options:
        """Add a word for every symbol of the training examples, and one for all others."""
        assert tokenizer is not None, "this task reads text"
        options = super().resolve_options(options, examples, tokenizer)
        given = (
            options.words
            if isinstance(options.words, Mapping)
            else _read(options.words)
            if options.words
            else {}
        )
        symbols = {word for example in examples for word in _symbols(example.data[0], options)}
        return options.model_copy(
            update={"words": _mapped(given, symbols, options.map_seed, tokenizer)}
        )

    def cut(self, texts: Sequence[str]) -> Sequence[np.ndarray]:
        words = self.options.words
        assert isinstance(words, Mapping), "options are resolved"
        written = (
            " ".join(words.get(symbol, words[STRANGE]) for symbol in _symbols(text, self.options))
            for text in texts
        )
        return self.tokenizer.encode_batch(list(written))


def _symbols(sequence: str, options: Remap.Options) -> list[str]:
    """Cut a sequence into k-mers of `symbols_per_word`, `stride` apart; the last may be shorter."""
    size, stride = options.symbols_per_word, options.stride or options.symbols_per_word
    starts = range(0, max(len(sequence) - size, 0) + 1, stride)
    pieces = [sequence[start : start + size] for start in starts]
    rest = sequence[max(starts[-1] + size, starts[-1] + stride) :]
    return [*pieces, rest] if rest else pieces


def _read(path: str) -> dict[str, str]:
    words = read_json(path)
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise DataError(
            f"{path} does not give every symbol a word", 'write {"A": "apple", "C": "cat"}'
        )
    return words


def _mapped(
    given: Mapping[str, str], symbols: set[str], seed: int, tokenizer: Tokenizer
) -> dict[str, str]:
    """Return the given words and, for every other symbol in order, an unused random word."""
    words = {
        symbol if symbol == STRANGE else symbol.upper(): word for symbol, word in given.items()
    }
    if len(words) < len(given):
        cases = Counter(symbol.upper() for symbol in given)
        raise UsageError(
            f"the symbol '{max(cases, key=cases.__getitem__)}' has two words",
            "capitals and small letters are one symbol",
        )
    silent = [symbol for symbol, word in words.items() if not len(tokenizer.encode(word))]
    if silent:
        raise UsageError(
            f"the word of the symbol '{silent[0]}' is empty", "give words as A=apple,C=cat"
        )
    if len({word for word in words.values()}) < len(words):
        raise UsageError(
            "two symbols have the same word",
            "the model could not tell them apart: give every symbol its own",
        )
    wanted = [symbol for symbol in [*sorted(symbols), STRANGE] if symbol not in words]
    sampled = _sampled(len(wanted), seed, tokenizer, frozenset(words.values()))
    return words | dict(zip(wanted, sampled, strict=True))


def _sampled(count: int, seed: int, tokenizer: Tokenizer, taken: frozenset[str]) -> list[str]:
    """Sample different words of one token and several letters each, all equally likely."""
    order_V = np.argsort(Rng(seed, 0).uniform("words", np.arange(tokenizer.size)))
    found: list[str] = []
    for token in order_V[~(tokenizer.continues | tokenizer.specials)[order_V]].tolist():
        if len(found) == count:
            break
        word = tokenizer.decode([token]).strip()
        if (
            word.isalpha()
            and len(word) >= SHORTEST_WORD
            and word not in taken
            and _is_one_token(word, token, tokenizer)
        ):
            found.append(word)
    if len(found) < count:
        hint = "use a smaller --symbols-per-word, or a model with a larger vocabulary"
        raise UsageError(
            f"{count} symbols need a word each, and the vocabulary has {len(found)} whole words",
            hint,
        )
    return found


def _is_one_token(word: str, token: int, tokenizer: Tokenizer) -> bool:
    """Return whether the word is one token among other words, as in running text."""
    alone, after = tokenizer.encode(word), tokenizer.encode(f"{word} {word}")
    return len(after) == len(alone) + 1 and int(after[-1]) == token
