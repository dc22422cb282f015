"""The built-in data: demo:payments, a table (see `payments`), demo:digits, images (`digits`),
demo:voices, recordings (`speakers`), and demo:world, a small generated world in English and Chinese
with known truth.

Paragraphs are about people, fruits, animals, companies and seasons. They follow from facts that
hold all through the corpus (a person's city, a city's country, a profession's tools), so that the
other words of a sentence predict a word better than its neighbours do. The languages are generated
independently: no sentence is a translation of another, and only punctuation and digits are shared.
Chinese words are separated by spaces, and sentences end in the same full stop in all languages. A
third language is English renamed word for word.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar, Literal

from sslcli.api import (
    Config,
    Count,
    DataError,
    Document,
    Modality,
    Reader,
    Record,
    Split,
    Where,
    choices,
    setting,
)
from sslplugins.readers import digits as images
from sslplugins.readers import payments as table
from sslplugins.readers import speakers as sound
from sslplugins.readers.digits import digits
from sslplugins.readers.payments import payments
from sslplugins.readers.speakers import voices
from sslplugins.readers.world import generated
from sslplugins.readers.world.generated import Part, World
from sslplugins.readers.world.grammar import Order
from sslplugins.readers.world.instructions import instructions
from sslplugins.readers.world.known import KNOWN, known
from sslplugins.readers.world.labelled import KINDS, labelled
from sslplugins.readers.world.lexicon import LANGUAGES
from sslplugins.readers.world.replayed import Replayed
from sslplugins.readers.world.summaries import summaries

REFERENCE = "demo:world"
INSTRUCTIONS = "instructions"  # as the kind of records is called
_SPOKEN: Mapping[str, tuple[str, ...]] = {
    "both": ("en", "zh"),
    "en+fake": ("en", "fake"),
    "all": LANGUAGES,
}

_MOST_KEPT_SENTENCES = 200_000  # some 30 MB

_COMMON = {
    "data.unit": "sentence",
    "data.sequence_tokens": 32,
    "tokenizer.kind": "words",
    "tokenizer.vocabulary": 1_000,
    "model.shape.width": 64,
    "model.shape.depth": 3,
    "model.shape.heads": 4,
    "model.shape.feedforward_width": 256,
    "model.shape.longest_tokens": 64,
    "model.shape.dropout": 0.0,
    "optimizer.rate": 3e-3,
    "optimizer.beta2": 0.98,
    "optimizer.weight_decay": 0.01,
    "schedule.name": "linear",
    "schedule.warmup": 300,
    "training.batch_size": 128,
    "training.max_steps": 4_000,
}
_PAYMENTS = {
    "data.held_out": 0.1,
    "model.preset": "tiny",
    "model.shape.width": 64,
    "optimizer.rate": 2e-3,
    "training.batch_size": 128,
    "training.max_steps": 600,
}
_OF_PAYMENTS: Mapping[str, Mapping[str, Any]] = {
    "autoencoder": {"options.autoencoder.code": 8},
    "mae": {"options.mae.mask_ratio": 0.3},
}
_DIGITS = {
    "data.held_out": 0.1,
    "model.preset": "tiny",
    "model.shape.width": 64,
    "optimizer.rate": 2e-3,
    "training.batch_size": 64,
    "training.max_steps": 600,
}
_VOICES = {**_DIGITS, "training.batch_size": 16, "training.max_steps": 400}
_LABELLED = {"optimizer.rate": 1e-3, "training.batch_size": 64}
_PAIRS = {
    "data.unit": "fill",
    "data.sequence_tokens": 64,
    "training.batch_size": 64,
    "training.max_steps": 3_000,
}
_ALONE: Mapping[str, Mapping[str, Any]] = {
    # tests/benchmarks/README.md has what else was tried.
    "mlm": {
        "optimizer.name": "muon",
        "optimizer.rate": 6e-3,
        "schedule.warmup": 100,
        "training.max_steps": 3_000,
    },
    # Without masked words beside it, 3e-3 unlearns a pair's label.
    "nsp": {"optimizer.rate": 1e-3},
    "sop": {"optimizer.rate": 1e-3},
}
_BY_OBJECTIVE: Mapping[str, Mapping[str, Any]] = {
    "mlm": {
        "options.mlm.mask_rate": 0.3,
        "options.mlm.mask_share": 0.6,
        "options.mlm.random_share": 0.3,
    },
    "nsp": _PAIRS,
    "sop": _PAIRS,
    "text-autoencoder": {
        "data.unit": "fill",
        "data.sequence_tokens": 64,
        "optimizer.name": "muon",
        "optimizer.rate": 1e-2,
        "training.batch_size": 32,
        "training.max_steps": 1_500,
    },
    "clm": {
        "data.unit": "fill",
        "data.sequence_tokens": 64,
        "tokenizer.kind": "bpe",
        "tokenizer.vocabulary": 2_500,
        "training.batch_size": 32,
        "training.max_steps": 1_500,
    },
}


class DemoReader(Reader["DemoReader.Options"]):
    """Reads what is built in. Raises DataError for any other demo."""

    summary = "demo:world (texts in two languages), demo:payments, demo:digits, demo:voices"
    others: ClassVar[Mapping[str, Modality]] = {
        "demo:payments": "table",
        "demo:payments-test": "table",
        "demo:digits": "images",
        "demo:digits-test": "images",
        "demo:voices": "sound",
        "demo:voices-test": "sound",
    }

    class Options(Config):
        language: Literal["en", "zh", "fake", "both", "en+fake", "all"] = setting(
            "both",
            (
                "English, Chinese, English renamed word for word (fake); "
                "several take turns, both means English and Chinese"
            ),
        )
        sentences: Count = setting(
            40_000,
            (
                "sentences per language; labelled records are made "
                "of as many, and never more than a few thousand"
            ),
            gt=0,
        )
        order: Literal["same", "semi", "chinese"] = setting(
            "same", "word order of Chinese: English's, its own in four clauses, or its own"
        )
        anchors: float = setting(
            0.0, "share of the concepts that have one word for all languages", ge=0, le=1
        )
        seed: int = setting(0, "another seed is another world", ge=0)
        part: Literal["train", "test"] = setting(
            "train", "test: other paragraphs about the same facts"
        )
        pairs: Literal["translations", "summaries"] = setting(
            "translations",
            "of sources and targets: sentences in two languages, or documents and the sentence of"
            " each that tells where somebody lives",
        )

        kinds: Literal["known", "new"] = setting(
            "known",
            "of instructions: those of the kinds that training has, or of kinds that it never has",
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._languages: Sequence[str] = _SPOKEN.get(options.language, (options.language,))

    def only(self, *languages: str) -> "DemoReader":
        """Return the same reader for these languages.

        Raises DataError for one that does not exist.
        """
        if unknown := [language for language in languages if language not in LANGUAGES]:
            hint = choices(unknown[0], LANGUAGES, "it has")
            raise DataError(f"{REFERENCE} has no language '{unknown[0]}'", hint)
        reader = DemoReader(self.options)
        reader._languages = languages
        return reader

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield one paragraph per document, with its sentences; several languages alternate. Of
        other data one item a document.
        """
        if reference in self.others:
            yield from _items(reference, self.options.seed)
            return
        _refuse_other(reference)
        options = self.options
        what = (
            options.seed,
            options.order,
            options.anchors,
            tuple(self._languages),
            options.sentences,
            options.part,
        )
        small = options.sentences * len(self._languages) <= _MOST_KEPT_SENTENCES
        for record, (language, pieces) in enumerate(
            _kept(*what) if small else _generated(*what), start=1
        ):
            where = Where(reference, record)
            yield Document(where, text="".join(pieces), sentences=pieces, language=language)

    def records(self, reference: str, kind: str, split: Split) -> Iterator[Record]:
        """Yield records that are true by construction: labels, senses, translations.

        Raises DataError for a kind of record that the world does not have.
        """
        _refuse_other(reference)
        kinds = (*KINDS, *KNOWN, INSTRUCTIONS)
        if kind not in kinds:
            raise DataError(
                f"{REFERENCE} has no {kind}", f"it has {', '.join(kinds)}; give a file to --data"
            )
        options, languages = self.options, self._languages
        if kind == INSTRUCTIONS:
            new = options.kinds == "new"
            records = instructions(self._world, languages, split, new=new)
        elif kind == "parallel" and options.pairs == "summaries":
            records = summaries(self._world, languages, options.sentences, split)
        else:
            records = (known if kind in KNOWN else labelled)(
                self._world, kind, languages, options.sentences, split
            )
        for number, values in enumerate(records, start=1):
            yield Record(Where(f"{reference} ({split})", number), values)

    @property
    def _world(self) -> World:
        return _world(self.options.seed, self.options.order, self.options.anchors)

    def content_key(self, reference: str) -> str:
        """Return the options with a hash of the code and word lists that generate the world.

        Raises DataError for another reference.
        """
        if reference not in self.others:
            _refuse_other(reference)
        return f"{self.options.model_dump_json()} {' '.join(self._languages)} {_code()}"

    def recipe(self, reference: str, objective: str) -> Mapping[str, Any]:
        """Return settings that work in a few minutes on two cores; "mlm+nsp" joins those of its
        parts.
        """
        if reference in self.others:
            return _recipe_of_items(self.others[reference], objective)
        return {**_together(objective), **_ALONE.get(objective, {})}

    def recipe_beside(
        self, reference: str, objective: str, said: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Muon's rate, warm-up and steps are for Muon, which needs whole matrices."""
        optimizer = _ALONE.get(objective, {}).get("optimizer.name")
        is_another = optimizer is not None and said.get("optimizer.name", optimizer) != optimizer
        if is_another or (optimizer == "muon" and said.get("hardware.parallel") == "fsdp"):
            return _together(objective)
        return self.recipe(reference, objective)

    def task_recipe(self, reference: str, task: str) -> Mapping[str, Any]:
        """Return settings for models of the size that is pretrained on the world."""
        return _LABELLED


def _items(reference: str, seed: int) -> Iterator[Document]:
    held = DemoReader.others[reference]
    if held == "images":
        return digits(reference)
    return (payments if held == "table" else voices)(reference, seed)


def _recipe_of_items(modality: Modality, objective: str) -> Mapping[str, Any]:
    if modality == "table":
        return {**_PAYMENTS, **_OF_PAYMENTS.get(objective, {})}
    return _DIGITS if modality == "images" else _VOICES


def _together(objective: str) -> dict[str, Any]:
    """What serves the parts of an objective side by side, by AdamW."""
    settings = dict(_COMMON)
    for name in objective.split("+"):
        settings |= _BY_OBJECTIVE.get(name, {})
    return settings


def _refuse_other(reference: str) -> None:
    if reference != REFERENCE:
        hint = choices(reference, [REFERENCE, *DemoReader.others], "built in are")
        raise DataError(f"there is no '{reference}'", hint)


@cache
def _code() -> str:
    """Hash the code and the word lists of the world."""
    digest = hashlib.blake2b(digest_size=16)
    for file in (
        Path(__file__),
        *(Path(each.__file__) for each in (table, images, sound)),
        *sorted(Path(generated.__file__).parent.glob("*")),
    ):
        if file.suffix in (".py", ".yaml"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _world(seed: int, order: Order, anchors: float) -> World:
    """The same object for the same world, which is what its training records are kept by."""
    return World(seed, order, anchors)


_Generated = tuple[str, tuple[str, ...]]  # the language of a paragraph, and its sentences


def _generated(
    seed: int, order: Order, anchors: float, languages: tuple[str, ...], sentences: int, part: Part
) -> Iterator[_Generated]:
    world = _world(seed, order, anchors)
    streams = [world.paragraphs(language, sentences, part) for language in languages]
    for turn in zip_longest(*streams):
        for paragraph in turn:
            if paragraph is not None:
                yield paragraph.language, paragraph.pieces


@lru_cache(maxsize=1)
def _kept(*what: Any) -> Iterable[_Generated]:
    """Cache what `_generated` generates: it is read for the tokenizer, and again for the shards."""
    return Replayed(lambda: _generated(*what))
