"""`ssl tokenize`: raw documents to memory-mapped shards, with a trained or given tokenizer."""

import hashlib
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli.asides import settled
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.shard_writing import ShardWriter
from sslcli.data.shards import map_shards
from sslcli.data.statistics import Statistics
from sslcli.data.text.tokenizer import FILE as TOKENIZER_FILE
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.array_rows import modality_of, write_rows
from sslcli.datasets.cache import Say, cached, quiet, refuse_damaged
from sslcli.datasets.locate import is_shards
from sslcli.datasets.shard_reports import notes_on_shards, report_of_shards
from sslcli.datasets.shard_writer import portions, write_portion
from sslcli.datasets.sources import Source, documents, expand, fingerprint
from sslcli.datasets.tokenizer_training import train_tokenizer, unfolded_bytes
from sslcli.engine.stopping import Stopping
from sslcli.errors import DataError, Interrupted, ModelError, Preempted, UsageError
from sslcli.reports import Report, amount, mebibytes
from sslcli.rows.schema import Schema
from sslcli.runs.hub_cache import cached_model, is_on_hub
from sslcli.runs.interrupting import stopping_at_once
from sslcli.runs.references import LATEST, TRAINED, find_run

FORMAT = 2  # of the cache; another one makes all shards anew
ROWS_FORMAT = "rows 3"


@dataclass(frozen=True)
class Tokenized:
    """Shards on disk; arrays have no tokenizer. `notes` are sentences that a user should read
    before training on them.
    """

    folder: Path
    tokenizer: Tokenizer | None
    fingerprint: str
    report: Report
    notes: Sequence[str]


def tokenize(
    data: DataSettings, settings: TokenizerSettings, folder: Path, say: Say = quiet
) -> Tokenized:
    """Learn or take a tokenizer and write the shards of all training data to `folder`, which
    appears whole or not at all.

    Shards that stand there are replaced. Raises UsageError where something else stands there,
    StopRequest where a signal asks to stop.
    """
    folder = settled(folder)
    if (
        folder.exists()
        and not is_shards(folder)
        and not (folder.is_dir() and not any(folder.iterdir()))
    ):
        raise UsageError(
            f"{folder} holds something else than shards, which is not replaced",
            "choose another --out",
        )
    with _stopping_in_words():
        _tokenize(expand(data.train, data.reader), data, settings, folder, say)
        return opened(folder)


def shards_for(
    data: DataSettings,
    settings: TokenizerSettings,
    cache: Path,
    learnt: Path | None = None,
    say: Say = quiet,
    table: Schema | None = None,
) -> Tokenized:
    """Return shards from the cache if the same tokenizer processed the same data before, else new
    ones.

    A single reference to a folder that `ssl tokenize` wrote is taken as it is. `learnt` is the path
    of the tokenizer trained on this data before: without it a run whose cache is gone could not be
    resumed, because the library's Unigram training is not exactly reproducible. `table`: that
    of the model, whose columns are looked for. Raises Stopping if a signal asks to stop.
    """
    with stopping_at_once():
        given = (
            opened(Path(data.train[0]))
            if len(data.train) == 1 and is_shards(data.train[0])
            else None
        )
        if given is not None:
            if data.only:
                raise UsageError(
                    f"{data.train[0]} is whole: --only is for files",
                    "give the file that it was made of",
                )
            if given.tokenizer is not None and _taken(settings, learnt)[1] not in (
                None,
                given.tokenizer.hash,
            ):
                raise DataError(
                    f"{data.train[0]} was cut by another tokenizer than {settings.source}",
                    "use the tokenizer of the shards",
                )
            return given
        sources = expand(data.train, data.reader)
        if modality_of(sources) != "text":
            return _rows_for(sources, data, cache, say, table)
        reading, taken = _taken(settings, learnt)
        folder = cache / "shards" / _key(sources, data, settings, taken)
        return cached(
            folder, lambda folder: _tokenize(sources, data, reading, folder, say), opened, say
        )


def _rows_for(
    sources: Sequence[Source], data: DataSettings, cache: Path, say: Say, table: Schema | None
) -> Tokenized:
    """Of arrays, which no tokenizer has a part in."""
    key = [
        ROWS_FORMAT,
        [fingerprint(source, data) for source in sources],
        data.reader_options,
        data.limit,
        *([] if table is None else [table.plain]),
        *([{"only": data.only}] if data.only else []),
    ]
    folder = (
        cache
        / "shards"
        / hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=12).hexdigest()
    )
    return cached(
        folder,
        lambda folder: write_rows(sources, data, modality_of(sources), folder, say, table),
        opened,
        say,
    )


def _taken(
    settings: TokenizerSettings, learnt: Path | None
) -> tuple[TokenizerSettings, str | None]:
    """Settings whose tokenizer is the run's own, and the hash of one that is not learnt.

    A run that was begun when a model directory was read in another way goes on with the tokenizer
    that it saved, as long as the directory is the same.
    """
    own = settings if learnt is None else settings.model_copy(update={"source": str(learnt)})
    if not settings.source:
        return own, None
    given = Tokenizer.load(settings.source).hash
    if learnt is not None and (learnt / TOKENIZER_FILE).is_file():
        kept = Tokenizer.load(learnt).hash
        if kept not in (given,) and kept == Tokenizer.load(settings.source, as_own=True).hash:
            return own, kept
    return settings, given


def opened(folder: Path) -> Tokenized:
    """Shards that stand on disk. Raises DataError or ModelError where they are not what was
    written.
    """
    try:
        refuse_damaged(folder)
    except ModelError as error:
        raise DataError(error.message, "tokenize the data again") from error
    shards = map_shards(folder)
    facts = shards.manifest.get("statistics") or {}
    is_text = shards.manifest["modality"] == "text"
    tokenizer = Tokenizer.load(folder / "tokenizer") if is_text else None
    return Tokenized(
        folder,
        tokenizer,
        shards.fingerprint,
        report_of_shards(facts, folder, is_text),
        notes_on_shards(facts),
    )


def with_tokenizer_of_run(settings: TokenizerSettings, say: Say = quiet) -> TokenizerSettings:
    """Replace a tokenizer source that names a run, or a model of a hub, by its folder; which
    "@latest" is, is said.

    Raises UsageError if "@latest" is none.
    """
    source = settings.source
    if not source or os.path.lexists(source):
        return settings
    if is_on_hub(source):
        return settings.model_copy(update={"source": str(cached_model(source))})
    try:
        run = find_run(source, TRAINED)
    except UsageError:
        if source.startswith(LATEST):
            raise
        return settings
    if source.startswith(LATEST):
        say(f"tokenizer  of {run.folder} (latest)")
    return settings.model_copy(update={"source": str((run.folder / "tokenizer").resolve())})


def tokenizer_for(data: DataSettings, settings: TokenizerSettings, say: Say = quiet) -> Tokenizer:
    """Load the tokenizer that `settings.source` names, else train one. Raises StopRequest as
    `tokenize`.
    """
    if settings.source:
        return Tokenizer.load(settings.source)
    with _stopping_in_words():
        return train_tokenizer(expand(data.train, data.reader), data, settings, say)


@contextmanager
def _stopping_in_words() -> Generator[None]:
    try:
        with stopping_at_once():
            yield
    except (Stopping, KeyboardInterrupt) as stop:
        preempted = isinstance(stop, Stopping) and stop.reason == "preempted"
        kind, what = (Preempted, "preempted") if preempted else (Interrupted, "interrupted")
        raise kind(
            f"{what} while the data was cut, and nothing was written",
            "the same command begins again",
        ) from stop


def _key(
    sources: Sequence[Source], data: DataSettings, settings: TokenizerSettings, taken: str | None
) -> str:
    """The name of shards in the cache: another one where the data, its reading or the tokenizer are
    others.
    """
    found = [fingerprint(source, data) for source in sources]
    key: list[Any] = [
        FORMAT,
        found,
        data.reader_options,
        data.limit,
        settings.model_dump(mode="json"),
        taken,
    ]
    if taken is None and len({source.language for source in sources}) > 1:
        key.append(data.language_exponent)
    if data.sentence_rules > 1:  # shards of version 1 keep the name that they have
        key.append({"sentence_rules": data.sentence_rules})
    return hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=12).hexdigest()


def _tokenize(
    sources: Sequence[Source],
    data: DataSettings,
    settings: TokenizerSettings,
    folder: Path,
    say: Say,
) -> None:
    if (modality := modality_of(sources)) != "text":
        write_rows(sources, data, modality, folder, say)
        return
    tokenizer = (
        Tokenizer.load(settings.source)
        if settings.source
        else train_tokenizer(sources, data, settings, say)
    )
    statistics, facts = Statistics(), {}
    with ShardWriter(folder, facts, tokenizer=tokenizer) as writer:
        for portion in portions(documents(sources, data)):
            write_portion(writer, portion, tokenizer, statistics, data.sentence_rules)
            if statistics.documents == len(portion):
                say(_prediction(statistics, sources, tokenizer, data.limit))
            else:
                say(
                    ", ".join(
                        (
                            amount(statistics.documents, "document"),
                            amount(statistics.tokens, "token"),
                        )
                    )
                )
        if not statistics.tokens:
            raise DataError(
                f"there is no text in {', '.join(data.train)}",
                "check --data, and the field that holds the text",
            )
        changes = tokenizer.changes(statistics.characters, statistics.characters_looked_at)
        facts["statistics"] = {**statistics.facts(), "changes": changes}


def _prediction(
    statistics: Statistics, sources: Sequence[Source], tokenizer: Tokenizer, limit: int | None
) -> str:
    """What the shards will weigh, from the first portion: tokens per byte of the source, and the
    offsets beside them.
    """
    total = sum(unfolded_bytes(source) for source in sources) or statistics.bytes
    if limit is not None:
        total = min(total, limit * statistics.bytes / max(statistics.documents, 1))
    per_byte = (
        statistics.tokens * (2 if tokenizer.size <= 1 << 16 else 4) + statistics.sentences * 16
    ) / max(statistics.bytes, 1)
    return f"the shards will take about {mebibytes(total * per_byte)} on disk"
