"""A corpus cut into samples: the rows are made once, kept in the cache, and read back
memory-mapped.
"""

import inspect
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sslcli import plainfiles
from sslcli.config import Config
from sslcli.contracts.objective import Objective
from sslcli.data.arrangements import Arrangement, Rows
from sslcli.data.batches import Sample
from sslcli.data.corpus import Corpus
from sslcli.data.mixing import Mixture
from sslcli.data.rng import SampleRng, name_key
from sslcli.datasets.cache import Say, cache_folder, cached, quiet, refuse_damaged
from sslcli.errors import DataError, PluginError
from sslcli.folders import sealed
from sslcli.runs.interrupting import stopping_at_once

FORMAT = 3  # of the cached rows; another one makes all rows anew
# Bare little-endian numbers: n rows of equal width, n lengths, and which samples are of each
# language.
VALUES, LENGTHS, OF_LANGUAGE = "values.int64", "lengths.int64", "language-{}.int64"
NOT_SAID = "not said"
_INTEGER = np.dtype("<i8")


@dataclass(frozen=True)
class SampleSource:
    """An arranged corpus: samples by number.

    `rows` int64 [n, k], `lengths` int64 [n] in tokens or items. `languages`: indices of each
    language's samples, int64, ascending; empty if the arranger does not know them.
    """

    objective: Objective
    corpus: Corpus
    rows: np.ndarray
    lengths: np.ndarray
    languages: Mapping[str, np.ndarray] = field(default_factory=dict)

    def mixture(self, exponent: float) -> Mixture | None:
        """Return how languages are sampled; None if every sample comes once per epoch."""
        return (
            Mixture(list(self.languages.values()), exponent)
            if len(self.languages) > 1 and exponent != 1
            else None
        )

    def some(self, numbers: np.ndarray) -> "SampleSource":
        """Return only those samples, renumbered; `numbers` int64, ascending."""
        languages = {
            language: np.flatnonzero(_among(numbers, own))
            for language, own in self.languages.items()
        }
        found = {language: own for language, own in languages.items() if len(own)}
        return replace(
            self, rows=self.rows[numbers], lengths=self.lengths[numbers], languages=found
        )

    def sample(self, number: int, rng: SampleRng) -> Sample:
        """Return sample `number`."""
        return self.objective.sample(self.corpus, self.rows[number], rng)

    def __len__(self) -> int:
        return len(self.rows)


def arranged(
    objective: Objective,
    classes: Mapping[str, type[Objective]],
    options: Mapping[str, Config],
    corpus: Corpus,
    say: Say = quiet,
) -> SampleSource:
    """The rows of a corpus, from the cache where they are whole, else arranged in memory that does
    not grow with them.

    The code of whoever arranges is part of the key, so that an author who edits it gets new rows.
    Raises DataError where there is not one sample, PluginError where the rows are not of one shape,
    Stopping where a signal asks to stop.
    """
    code = [_code_of(cls) for cls in (Arrangement, *classes.values())]
    given = {name: part.model_dump(mode="json") for name, part in options.items()}
    key = name_key(
        json.dumps(
            [FORMAT, code, given, corpus.fingerprint, corpus.sequence_tokens, corpus.unit],
            sort_keys=True,
        )
    )

    def make(folder: Path) -> None:
        with sealed(folder, {"objective": "+".join(classes)}) as aside:
            _write(objective.arrange(corpus), aside)

    with stopping_at_once():
        rows, lengths, by_place = cached(
            cache_folder() / "rows" / f"{key:016x}", make, _mapped, say
        )
    return SampleSource(
        objective,
        corpus,
        rows,
        lengths,
        {corpus.languages[place] or NOT_SAID: own for place, own in by_place.items()},
    )


def refuse_single_sentences(
    classes: Mapping[str, type[Objective]], data: Sequence[str], corpus: Corpus
) -> None:
    """Raise DataError where an objective pairs sentences, and no document has two of them."""
    pairing = next((name for name, cls in classes.items() if cls.arranges == "pairs"), None)
    if pairing is None or int((corpus.spans[:, 2] - corpus.spans[:, 1]).max(initial=0)) > 1:
        return
    raise DataError(
        f"{pairing} pairs sentences, and every document of {', '.join(data)} is a single one",
        "give documents of several sentences, as paragraphs with a blank line between them; "
        "ssl plugins show READER says what ends a document",
    )


def _among(numbers: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """bool [n]: which of the numbers are there; reads no more of a mapped file than the search
    touches.
    """
    return ascending[np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)] == numbers


def _code_of(cls: type) -> str:
    """The source text of the module that defines a class; where there is none (compiled, or typed
    in), its name and version.
    """
    try:
        return inspect.getsource(sys.modules[cls.__module__])
    except (OSError, TypeError):
        distributions = metadata.packages_distributions().get(cls.__module__.partition(".")[0], ())
        versions = [f"{name} {metadata.version(name)}" for name in sorted(set(distributions))]
        return " ".join([f"{cls.__module__}.{cls.__qualname__}", *versions])


def _write(chunks: Iterable[Rows], folder: Path) -> None:
    width = count = 0
    with ExitStack() as stack:
        values, lengths = (
            stack.enter_context((folder / name).open("wb")) for name in (VALUES, LENGTHS)
        )
        by_place: dict[int, BinaryIO] = {}
        for chunk in chunks:
            if not len(chunk.lengths):
                continue
            width = width or chunk.values.shape[-1]
            if chunk.values.shape != (len(chunk.lengths), width) or not width:
                raise PluginError(
                    (
                        f"rows of shape {chunk.values.shape} came where "
                        f"{len(chunk.lengths)} rows of {width} numbers belong"
                    ),
                    "arrange() gives `values` [n, k] with one k, and `lengths` [n]",
                )
            values.write(np.ascontiguousarray(chunk.values, dtype=_INTEGER).data)
            lengths.write(np.ascontiguousarray(chunk.lengths, dtype=_INTEGER).data)
            for place in () if chunk.languages is None else np.unique(chunk.languages).tolist():
                if place not in by_place:
                    by_place[place] = stack.enter_context(
                        (folder / OF_LANGUAGE.format(place)).open("wb")
                    )
                by_place[place].write(
                    (count + np.flatnonzero(chunk.languages == place)).astype(_INTEGER).data
                )
            count += len(chunk.lengths)
    if not width:
        raise DataError(
            "the data gives not a single sample",
            (
                "its documents are too short for --seq-len and the objective; "
                "pairs of sentences need documents of several"
            ),
        )


def _mapped(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Rows, lengths, and by its place in the corpus which samples a language has; none unless every
    sample has one.

    Raises ModelError where the folder is not what was written.
    """
    refuse_damaged(folder)
    values, lengths = (_mapped_file(folder / name) for name in (VALUES, LENGTHS))
    places = sorted(
        int(path.name.split("-")[1].split(".")[0]) for path in folder.glob(OF_LANGUAGE.format("*"))
    )
    by_place = {place: _mapped_file(folder / OF_LANGUAGE.format(place)) for place in places}
    whole = sum(map(len, by_place.values())) == len(lengths)
    return values.reshape(len(lengths), -1), lengths, by_place if whole else {}


def _mapped_file(path: Path) -> np.ndarray:
    plainfiles.refuse_other_kinds(path)
    return np.memmap(path, dtype=_INTEGER, mode="r").view(np.ndarray)  # a memmap's rows are slower
