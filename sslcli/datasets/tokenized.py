"""`ssl tokenize`: raw documents to memory-mapped shards, with a trained or given tokenizer."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslcli import registry
from sslcli.asides import settled
from sslcli.contracts.tokenizer import PieceTrainer
from sslcli.core.settings import Architecture
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.shard_writing import ShardWriter
from sslcli.data.shards import map_shards
from sslcli.data.statistics import Statistics
from sslcli.data.text.guard import as_remark
from sslcli.data.text.normalization import characters_in
from sslcli.data.text.tokenizer import FILE as TOKENIZER_FILE
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.unknowns import Unknowns
from sslcli.datasets.array_rows import modality_of, write_rows
from sslcli.datasets.cache import Say, cached, quiet, refuse_damaged
from sslcli.datasets.locate import is_shards
from sslcli.datasets.shard_writer import portions, write_portion
from sslcli.datasets.sources import Source, documents, expand, fingerprint, source_bytes
from sslcli.engine.stopping import Stopping
from sslcli.errors import DataError, Interrupted, ModelError, Preempted, SslError, UsageError
from sslcli.reports import Passage, Report, Score, Span, Table, mebibytes
from sslcli.resolving import checked
from sslcli.runs.interrupting import in_thread, stopping_at_once
from sslcli.runs.references import LATEST, TRAINED, find_run

# of one text: the library takes some hundred bytes for each while it looks for words
LEARNT_AT_ONCE_CHARACTERS = 100_000
PACKED_GROWTH = 3  # what packed text is assumed to unfold to
SEVERE_DUPLICATES, SEVERE_UNKNOWN = 0.3, 0.005
SHOWN_UNKNOWN = 8  # words of a text that is shown
FORMAT = 2  # of the cache; another one makes all shards anew
ROWS_FORMAT = "rows 1"


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
) -> Tokenized:
    """Return shards from the cache if the same tokenizer processed the same data before, else new
    ones.

    A single reference to a folder that `ssl tokenize` wrote is taken as it is. `learnt` is the path
    of the tokenizer trained on this data before: without it a run whose cache is gone could not be
    resumed, because the library's Unigram training is not exactly reproducible. Raises Stopping if
    a signal asks to stop.
    """
    with stopping_at_once():
        given = (
            opened(Path(data.train[0]))
            if len(data.train) == 1 and is_shards(data.train[0])
            else None
        )
        if given is not None:
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
            return _rows_for(sources, data, cache, say)
        reading, taken = _taken(settings, learnt)
        folder = cache / "shards" / _key(sources, data, settings, taken)
        return cached(
            folder, lambda folder: _tokenize(sources, data, reading, folder, say), opened, say
        )


def _rows_for(sources: Sequence[Source], data: DataSettings, cache: Path, say: Say) -> Tokenized:
    """Of arrays, which no tokenizer has a part in."""
    key = [
        ROWS_FORMAT,
        [fingerprint(source, data) for source in sources],
        data.reader_options,
        data.limit,
    ]
    folder = (
        cache
        / "shards"
        / hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=12).hexdigest()
    )
    return cached(
        folder,
        lambda folder: write_rows(sources, data, modality_of(sources), folder, say),
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
        folder, tokenizer, shards.fingerprint, _report(facts, folder, is_text), _notes(facts)
    )


def show_pieces(text: str, tokenizer: Tokenizer) -> Report:
    """Show the pieces of a text, their ids, and which characters no piece covers."""
    ((ids, places),) = tokenizer.encode_with_places([text])
    pieces = tokenizer.pieces(ids)
    spans = [
        Span(f"{'' if place == 0 else ' '}{piece}", "target" if place % 2 else "plain")
        for place, piece in enumerate(pieces)
    ]
    rows = [
        (place, piece, int(token))
        for place, (piece, token) in enumerate(zip(pieces, ids, strict=True))
    ]
    return Report(
        f"{len(ids)} tokens",
        passages=[Passage("pieces", spans)],
        tables=[Table("pieces", ("place", "piece", "id"), rows)],
        notes=[*_losses(text, ids, places, tokenizer), *tokenizer.notes, *tokenizer.remarks()],
    )


def with_tokenizer_of_run(settings: TokenizerSettings, say: Say = quiet) -> TokenizerSettings:
    """Replace a tokenizer source that names a run by its folder; which "@latest" is, is said.

    Raises UsageError if "@latest" is none.
    """
    source = settings.source
    if not source or os.path.lexists(source):
        return settings
    try:
        run = find_run(source, TRAINED)
    except UsageError:
        if source.startswith(LATEST):
            raise
        return settings
    if source.startswith(LATEST):
        say(f"tokenizer  of {run.folder} (latest)")
    return settings.model_copy(update={"source": str((run.folder / "tokenizer").resolve())})


def _losses(text: str, ids: np.ndarray, places: np.ndarray, tokenizer: Tokenizer) -> Iterator[str]:
    """What is changed before the text is cut, and what stands where a token is unknown."""
    if changed := tokenizer.changes(characters_in(text), len(text)):
        yield _changes_said(changed)
    unknowns = Unknowns.of(tokenizer, [ids])
    if unknowns.unknown:
        strange = [text[start:stop] for start, stop in places[ids == tokenizer.unknown].tolist()]
        found = list(dict.fromkeys(strange))
        shown = ", ".join(found[:SHOWN_UNKNOWN]) + (", ..." if len(found) > SHOWN_UNKNOWN else "")
        yield f"{unknowns} are unknown to the tokenizer: {shown}"


def _changes_said(changes: Sequence[str]) -> str:
    return f"the tokenizer {'; '.join(changes)}"


def tokenizer_for(data: DataSettings, settings: TokenizerSettings, say: Say = quiet) -> Tokenizer:
    """Load the tokenizer that `settings.source` names, else train one. Raises StopRequest as
    `tokenize`.
    """
    if settings.source:
        return Tokenizer.load(settings.source)
    with _stopping_in_words():
        return _learn(expand(data.train, data.reader), data, settings, say)


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
        Tokenizer.load(settings.source) if settings.source else _learn(sources, data, settings, say)
    )
    statistics, facts = Statistics(), {}
    with ShardWriter(folder, facts, tokenizer=tokenizer) as writer:
        for portion in portions(documents(sources, data)):
            write_portion(writer, portion, tokenizer, statistics, data.sentence_rules)
            if statistics.documents == len(portion):
                say(_prediction(statistics, sources, tokenizer, data.limit))
            else:
                say(f"{statistics.documents:,} documents, {statistics.tokens:,} tokens")
        if not statistics.tokens:
            raise DataError(
                f"there is no text in {', '.join(data.train)}",
                "check --data, and the field that holds the text",
            )
        changes = tokenizer.changes(statistics.characters, statistics.characters_looked_at)
        facts["statistics"] = {**statistics.facts(), "changes": changes}


def usual_tokenizer(architecture: Architecture) -> str:
    """The tokenizer that is learnt for a kind of Transformer where none is named; a built-in one
    before others.

    Raises UsageError where there is none.
    """
    found = registry.usual("tokenizers", "usual_for", lambda kinds: architecture in kinds)
    if not found:
        problem = f"no tokenizer is the usual one for the architecture {architecture}"
        raise UsageError(
            problem, f"name one with --tokenizer: {', '.join(registry.names('tokenizers'))}"
        )
    return found[0]


def piece_trainer(settings: TokenizerSettings) -> PieceTrainer:
    """Return the tokenizer trainer of the settings. Raises PluginError or ConfigError."""
    kind = settings.kind or usual_tokenizer("encoder")
    cls = registry.load("tokenizers", kind)
    hint = f"ssl plugins show {kind} lists the options"
    return cls(checked(cls.Options, settings.options, "tokenizer.options", hint))


def _learn(
    sources: Sequence[Source], data: DataSettings, settings: TokenizerSettings, say: Say
) -> Tokenizer:
    kind, trainer = settings.kind or usual_tokenizer("encoder"), piece_trainer(settings)
    say(f"learning {settings.vocabulary:,} pieces ({kind})")

    def learn(go_on: Callable[[], None]) -> Tokenizer:
        texts = _texts_to_learn_from(sources, data, trainer.most_bytes)
        return Tokenizer(trainer.train(_watched(texts, go_on), settings.vocabulary))

    try:
        tokenizer = in_thread(learn)
    except (SslError, Stopping):
        raise
    except Exception as error:  # the library has no class of its own for what it cannot learn
        raise DataError(
            f"{kind} cannot learn {settings.vocabulary:,} pieces: {str(error)[:200]}",
            "try a larger --vocabulary",
        ) from error
    if tokenizer.size - int(tokenizer.specials.sum()) < 1:
        raise DataError(
            f"there is no text in {', '.join(data.train)} to learn pieces from", "check --data"
        )
    return tokenizer


def _watched(texts: Iterator[str], go_on: Callable[[], None]) -> Iterator[str]:
    for text in texts:
        go_on()
        yield text


def _texts_to_learn_from(
    sources: Sequence[Source], data: DataSettings, most_bytes: int
) -> Iterator[str]:
    """Documents spread evenly over each language, so many that about `most_bytes` are read whatever
    the corpus weighs.
    """
    shares, seen, left = (
        _shares_to_learn_from(sources, data.language_exponent, most_bytes),
        Counter[str](),
        most_bytes,
    )
    for document in documents(sources, data):
        if document.text is None:
            raise DataError(
                f"{document.where} is no text",
                "give text to this objective, or another --objective",
            )
        language = document.language if document.language in shares else ""
        share, number = shares[language], seen[language]
        seen[language] += 1
        if int((number + 1) * share) == int(number * share):
            continue
        for start in range(0, len(document.text), LEARNT_AT_ONCE_CHARACTERS):
            portion = document.text[start : start + LEARNT_AT_ONCE_CHARACTERS]
            yield portion
            left -= len(portion.encode())
            if left < 0:
                return


def _shares_to_learn_from(
    sources: Sequence[Source], exponent: float, most_bytes: int
) -> Mapping[str, float]:
    """By the language of the references (those that name none together, as ""), which share of its
    text is read.

    Of languages whose sizes are known, so much that what is read of each is in proportion to its
    bytes to the power of the exponent, as its samples are drawn later (Conneau and Lample 2019,
    section 3.1); all of the smallest where it fits.
    """
    bytes_of = Counter[str]({"": 0})
    for source in sources:
        bytes_of[source.language] += _unfolded(source)
    known = {language: size for language, size in bytes_of.items() if size}
    thinned = {
        language: (size / min(known.values())) ** (exponent - 1) for language, size in known.items()
    }
    fits = min(
        1.0,
        most_bytes / max(sum(share * known[language] for language, share in thinned.items()), 1),
    )
    return {language: thinned.get(language, 1.0) * fits for language in bytes_of}


def _prediction(
    statistics: Statistics, sources: Sequence[Source], tokenizer: Tokenizer, limit: int | None
) -> str:
    """What the shards will weigh, from the first portion: tokens per byte of the source, and the
    offsets beside them.
    """
    total = sum(_unfolded(source) for source in sources) or statistics.bytes
    if limit is not None:
        total = min(total, limit * statistics.bytes / max(statistics.documents, 1))
    per_byte = (
        statistics.tokens * (2 if tokenizer.size <= 1 << 16 else 4) + statistics.sentences * 16
    ) / max(statistics.bytes, 1)
    return f"the shards will take about {mebibytes(total * per_byte)} on disk"


def _unfolded(source: Source) -> int:
    return source_bytes([source]) * (
        PACKED_GROWTH if source.reference.endswith((".gz", ".zst")) else 1
    )


def _report(facts: dict[str, Any], folder: Path, is_text: bool) -> Report:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    tokens = facts.get("tokens", 0)
    if not is_text:
        counted = [
            ("documents", f"{facts.get('documents', 0):,}"),
            ("rows", f"{tokens:,}"),
            ("on disk", f"{mebibytes(size)} in {folder}"),
        ]
        return Report(
            "rows",
            scores=[Score("rows", float(tokens))],
            tables=[Table("corpus", ("what", "figure"), counted)],
        )
    rows: list[tuple[str, str]] = [
        (name, f"{facts.get(name, 0):,}") for name in ("documents", "sentences", "tokens")
    ]
    rows += [
        ("bytes per token", f"{facts.get('bytes', 0) / max(tokens, 1):.2f}"),
        ("unknown tokens", f"{facts.get('unknown_share', 0):.3%}"),
        ("duplicate lines", f"{facts.get('duplicate_line_share', 0):.2%}"),
        (
            "languages",
            ", ".join(
                f"{name} {share:.1%}" for name, share in facts.get("language_shares", {}).items()
            ),
        ),
        *([("changes to the text", "; ".join(facts["changes"]))] if facts.get("changes") else []),
        ("on disk", f"{mebibytes(size)} in {folder}"),
    ]
    return Report(
        "tokenized",
        scores=[Score("tokens", float(tokens))],
        tables=[Table("corpus", ("what", "figure"), rows)],
    )


def _notes(facts: dict[str, Any]) -> list[str]:
    notes = [_changes_said(facts["changes"])] if facts.get("changes") else []
    if facts.get("rounded"):
        notes.append(facts["rounded"])
    if facts.get("special_spellings"):
        notes.append(as_remark(facts["special_spellings"]))
    if facts.get("duplicate_line_share", 0) > SEVERE_DUPLICATES:
        notes.append(
            f"{facts['duplicate_line_share']:.0%} of the lines repeat an "
            f"earlier line, for example: {facts['duplicate_line_example']!r}"
        )
    if facts.get("unknown_share", 0) > SEVERE_UNKNOWN:
        notes.append(
            f"{facts['unknown_share']:.1%} of the tokens are "
            "unknown to the tokenizer; learn one from this data"
            " with a larger --vocabulary, use --tokenizer "
            "bpe, or go on from a model that knows the language"
        )
    return notes
