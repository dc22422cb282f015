"""Labelled examples out of references, checked as sets: no file empty, no id twice, what is held
out kept whole.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.examples import Example, Split
from sslcli.contracts.reader import GivesRecords, HasLanguages, Reader
from sslcli.contracts.suite import Suite
from sslcli.contracts.task import Task
from sslcli.data.records.continuing import Parsed
from sslcli.data.records.read_context import (
    Labels,
    ReadInContext,
    Reading,
    reading_with,
    separator_of,
)
from sslcli.data.records.record import Record
from sslcli.data.rng import mix, name_key, unit
from sslcli.data.settings import DataSettings
from sslcli.datasets.computed import records_of
from sslcli.datasets.item_records import ItemRecords, label_options
from sslcli.datasets.label_sets import (
    absent_labels,
    contradictions,
    known_labels,
    strange_files,
    with_labels,
)
from sslcli.datasets.locate import split_language
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.sources import Source, reader_of
from sslcli.errors import DataError, UsageError
from sslcli.resolving import checked
from sslcli.settings import LabelledSettings

SPLIT_SEED = 0  # not the run's: two seeds are compared on the same held-out examples


@dataclass(frozen=True)
class Labelled:
    """The examples of a run.

    `evaluation` chooses the checkpoint, `test` (often the same) is scored at the end, and so is
    each of `others`: examples of languages without training data. `how_read`: sentences on how the
    files were read. `left_out`: records that could not be used. `options`: those of the task with
    what the training labels imply about their notation; None if nobody asked.
    """

    train: Sequence[Example]
    evaluation: Sequence[Example]
    test: Sequence[Example]
    notes: Sequence[str] = ()
    others: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    how_read: Sequence[str] = ()
    left_out: int = 0
    options: Any = None


def labelled_data(
    task: type[Task], options: Config, data: LabelledSettings, sifter: Sifter | None = None
) -> Labelled:
    """Raises DataError for whatever cannot be used, naming file and record. `sifter`: of a command
    without --skip-bad-records.
    """
    elsewhere, sifter = other_languages(data, task), sifter or Sifter(data.skip_bad_records)

    def read(references: Sequence[str], split: Split) -> list[Example]:
        return examples_of(task, options, references, split, data, sifter)

    train = read(data.train, "train")
    evaluation, test = (
        read([each for each in references if split_language(each)[0] not in elsewhere], "test")
        for references in (data.evaluation, data.test)
    )
    # its test part, which then must not choose the checkpoint too
    scored_itself = set(data.train) & set(data.test)
    if not evaluation and is_generated(data.train) and not scored_itself:
        evaluation = read(data.train, "test")
    others = {language: read(references, "test") for language, references in elsewhere.items()}
    options, said = task.understand(options, train)
    train = with_labels(task, options, None, train, sifter)
    labels = known_labels(task, options, train)
    evaluation, test = (
        with_labels(task, options, labels, each, sifter) for each in (evaluation, test)
    )
    others = {
        language: with_labels(task, options, labels, each, sifter)
        for language, each in others.items()
    }
    absent = list(absent_labels(task, options, labels, evaluation)) if data.evaluation else []
    absent += [*strange_files(task, options, train), *contradictions(task, options, train)]
    if not evaluation:
        train, evaluation = held_out(task, options, train, data.held_out)
    sets = {"held-out": evaluation, "test": test, **others}
    overlaps = [
        overlap
        for what, examples in sets.items()
        if (overlap := overlap_of(task, train, examples, what))
    ]
    passed_over = _passed_over([*data.train, *data.evaluation, *data.test], data.suite_options)
    how_read = task.how_read(
        options, [*train, *evaluation, *test, *chain.from_iterable(others.values())]
    )
    how_read = [*sifter.remarks, *said, *how_read]
    notes = [*sifter.sentences(), *passed_over, *absent, *overlaps]
    return Labelled(
        train, evaluation, test or evaluation, notes, others, how_read, sifter.left_out, options
    )


def other_languages(data: LabelledSettings, task: type[Task] = Task) -> Mapping[str, Sequence[str]]:
    """Languages of --eval-data and --test-data that --data has not, and the references to score
    each with: those of --test-data first. What `task` reads together is of no single language.

    Raises UsageError where what is trained on has all languages of a source.
    """
    own, evaluation, test = (
        tagged(each for each in task.together(references) if isinstance(each, str))
        for references in (data.train, data.evaluation, data.test)
    )
    found = {
        language: each for language, each in {**evaluation, **test}.items() if language not in own
    }
    for reference in data.train if found else ():
        if (
            is_generated([reference])
            and not split_language(reference)[0]
            and isinstance(_reader(reference, data.reader_options), HasLanguages)
        ):
            raise UsageError(
                (
                    f"{reference} without a language is all of its "
                    "languages, so none is left to be scored without training"
                ),
                f"say which one to train in: --data en={reference}",
            )
    return found


def tagged(references: Iterable[str]) -> dict[str, list[str]]:
    """Return the references that name their language ("zh=news.json"), by language."""
    found: dict[str, list[str]] = {}
    for reference in references:
        if language := split_language(reference)[0]:
            found.setdefault(language, []).append(reference)
    return found


def fingerprint_of(data: Labelled) -> str:
    """Return a hash of the examples and their split, whatever their path."""
    digest = hashlib.blake2b(digest_size=16)
    for examples in (data.train, data.evaluation, data.test, *data.others.values()):
        for example in examples:
            digest.update(repr((example.id, example.data, example.gold)).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def examples_of(
    task: type[Task],
    options: Config,
    references: Sequence[str],
    split: Split,
    data: LabelledSettings,
    sifter: Sifter | None = None,
) -> list[Example]:
    """Return all examples of all references, at most `data.limit`, with labels as written.

    See `with_labels`. Raises DataError also if there is none or an id comes twice.
    """
    sifter = Sifter(data.skip_bad_records) if sifter is None else sifter
    found: list[Example] = []
    for reference in task.together(references):
        before, known = len(found), len(sifter.sentences())
        examples = sifter.usable(read_examples(task, options, reference, split, data, sifter))
        found += islice(examples, None if data.limit is None else data.limit - len(found))
        if len(found) == before and (data.limit is None or before < data.limit):
            named = reference if isinstance(reference, str) else " with ".join(reference)
            if said := "; ".join(sifter.sentences()[known:]):
                raise DataError(
                    f"{named} holds no example that can be used: {said}",
                    "give a file with others",
                )
            hint = "check that it is the right file: ssl finetune TASK --check --data FILE"
            raise DataError(f"{named} holds no example", hint)
    return list(sifter.distinct(found))


def read_examples(
    task: type[Task],
    options: Config,
    reference: str | tuple[str, ...],
    split: Split,
    data: LabelledSettings,
    sifter: Sifter | None = None,
    labels: Labels = "needed",
) -> ReadInContext[Example]:
    """Read a file, a generated source ("demo:world") or a suite ("glue:cola/train:glue_data"); or
    several references that are one (`Task.together`).

    Any of them may name a language. Reading continues behind a record that cannot be used, if the
    reader can. Remarks of readers are added to those of `sifter`.
    """
    quoted = {"auto": None, "yes": True, "no": False}[data.quoted]
    remarks = {} if sifter is None else sifter.remarks
    reading = Reading(data.columns, separator_of(data.separator), quoted, labels, remarks)
    return reading_with(reading, partial(_examples, task, options, reference, split, data))


def _examples(
    task: type[Task],
    options: Config,
    reference: str | tuple[str, ...],
    split: Split,
    data: LabelledSettings,
) -> Iterator[Example]:
    if isinstance(reference, tuple):
        return task.read_together(options, reference)
    if data.rows is not None:
        options, of_label = label_options(options, data.rows)
        records = ItemRecords(reference, data.rows, {**data.reader_options, **of_label})
        return Parsed(partial(task.parse, options), records)
    path = split_language(reference)[1]
    scheme, colon, _ = path.partition(":")
    if colon and scheme in registry.names("suites"):
        suite, place = _suite_reference(path, data.suite_options)
        return _parsed(task, options, suite.records(*place), path)
    if is_generated([reference]):
        return _parsed(
            task, options, _generated(reference, task.records, split, data.reader_options), path
        )
    return task.read(options, path)


def _parsed(
    task: type[Task], options: Config, records: Iterator[Record], reference: str
) -> Iterator[Example]:
    return Parsed(partial(task.parse, options), task.chosen(options, records, reference))


def suite_of(name: str, given: Mapping[str, Any]) -> Suite:
    """Raises ConfigError with every mistake in its options at once."""
    cls = registry.load("suites", name)
    return cls(
        checked(cls.Options, given, "options", f"ssl finetune {name} --help lists the options")
    )


def suite_reference(suite: str, part: str, split: str, folder: Path) -> str:
    """Return the reference of a suite's split: SUITE:PART/SPLIT:FOLDER."""
    return f"{suite}:{part}/{split}:{folder}"


def _suite_reference(
    reference: str, options: Mapping[str, Any]
) -> tuple[Suite, tuple[Path, str, str]]:
    """ "glue:cola/train:glue_data" -> the suite, and its place: glue_data, "cola", "train"."""
    scheme, _, rest = reference.partition(":")
    place, colon, folder = rest.partition(":")
    part, slash, split = place.partition("/")
    if not (colon and slash and part and split and folder):
        raise DataError(
            f"'{reference}' does not say a part, a split and a folder",
            "write it as in glue:cola/train:glue_data",
        )
    return suite_of(scheme, options), (Path(folder), part, split)


def _passed_over(references: Iterable[str], options: Mapping[str, Any]) -> Iterator[str]:
    """What suites say of the rows that they leave out."""
    suites = registry.names("suites")
    for reference in dict.fromkeys(references):
        if reference.partition(":")[0] in suites and ":" in reference:
            suite, place = _suite_reference(reference, options)
            yield from suite.passed_over(*place)


def _generated(
    reference: str, kind: str, split: Split, reader_options: Mapping[str, Any]
) -> Iterator[Record]:
    reader = _reader(reference, reader_options)
    if not isinstance(reader, GivesRecords):
        raise DataError(f"{reference} has no labelled material", "give a file to --data")
    return records_of(reader, split_language(reference)[1], kind, split)


def _reader(reference: str, reader_options: Mapping[str, Any]) -> Reader:
    language, path = split_language(reference)
    return reader_of(
        Source(path, path.partition(":")[0], language),
        DataSettings(reader_options=dict(reader_options)),
    )


def is_generated(references: Sequence[str]) -> bool:
    """Tell whether all references are generated sources, which make a test part too."""
    paths = [split_language(reference)[1] for reference in references]
    return all(
        ":" in path and path.partition(":")[0] in registry.names("readers") for path in paths
    )


def held_out(
    task: type[Task], options: Config, examples: Sequence[Example], share: float
) -> tuple[list[Example], list[Example]]:
    """Train and held out, by a hash of each example's group, so that the same examples are held out
    whatever else is there.

    Raises DataError where one of the two would be empty.
    """
    groups = [task.group(example) for example in examples]
    drawn = {group: float(unit(mix(SPLIT_SEED, name_key(group)))) for group in set(groups)}
    if len(drawn) < 2:
        raise DataError(
            (
                f"{examples[0].where.file} has one passage "
                "or example, of which nothing can be held out"
            ),
            "give held-out data with --eval-data",
        )
    # Of few groups the hash may choose none, or all: the smallest one is held out, and the largest
    # is not.
    least, most = min(drawn, key=drawn.__getitem__), max(drawn, key=drawn.__getitem__)
    chosen = {group for group, value in drawn.items() if value < share or group == least} - {most}
    answers = task.scorer(options).label_names(examples)
    known = {
        answer
        for each, group in zip(answers, groups, strict=True)
        if group not in chosen
        for answer in each
    }
    for each, group in zip(answers, groups, strict=True):
        if group in chosen and not known.issuperset(each):
            # an answer that nothing else has is for training: held out, it could only be missed
            known.update(each)
            chosen.discard(group)
    if not chosen:
        raise DataError(
            (
                f"{examples[0].where.file} is too small to "
                "hold anything out: every answer is given once"
            ),
            "give held-out data with --eval-data",
        )
    train = [
        example for example, group in zip(examples, groups, strict=True) if group not in chosen
    ]
    return train, [
        example for example, group in zip(examples, groups, strict=True) if group in chosen
    ]


def overlap_of(
    task: type[Task], train: Sequence[Example], test: Sequence[Example], what: str
) -> str:
    """A sentence where examples of `test` stand in `train` too, naming the first; empty where none
    does.
    """
    known = {task.key(example): example for example in train}
    both = [example for example in test if task.key(example) in known]
    if not both:
        return ""
    first = both[0]
    return (
        f"{len(both):,} of {len(test):,} {what} examples stand "
        "in the training data too, so their scores are too good:"
        f" {first.where} is {known[task.key(first)].where}"
    )


def chosen_by(task: type[Task], evaluation: Sequence[Example], test: Sequence[Example]) -> str:
    """A sentence where examples of `test` stand among those that choose the checkpoint too; empty
    where none does.
    """
    known = {task.key(example) for example in evaluation}
    count = sum(task.key(example) in known for example in test)
    if not count:
        return ""
    if count == len(test):
        return (
            "scored on the examples that chose the checkpoint; "
            "--test-data gives figures that chose nothing"
        )
    return (
        f"{count:,} of the {len(test):,} examples that are scored helped "
        "to choose the checkpoint, so the scores are a little too good"
    )
