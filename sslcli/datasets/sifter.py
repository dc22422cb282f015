"""Filter for unusable records: left out if the command line allows it, never silently."""

from collections.abc import Iterable, Iterator, Mapping

from sslcli.contracts.examples import Example
from sslcli.data.records.continuing import goes_on
from sslcli.errors import DataError, PassedOver, RecordErrors
from sslcli.reports import amount

FLAG = "--skip-bad-records"
LEFT_OUT = "left out"  # records that cannot be used, among a report's counts
MOST_NAMED = 3  # records that cannot be used, in a sentence
MOST_LISTED = 20  # in an error


class Sifter:
    """Counts the records that one command reads.

    `most`: unusable records that may be left out, over all files together, or "all"; None for a
    command without the flag, whose hints do not name it. `read`: records of all kinds so far.
    `remarks`: readers' sentences on how they took a file, each once.
    """

    def __init__(self, most: int | str | None = 0) -> None:
        self.most, self.read = most, 0
        self.remarks: dict[str, None] = {}
        self._unlabelled: dict[str, None] = {}  # sentences
        # by what they say, so that a file that is read twice counts once
        self._bad: dict[str, DataError] = {}
        self._passed: dict[str, dict[str, None]] = {}  # by reason, places in the order of the files
        self._noted: dict[tuple[str, str], dict[str, None]] = {}  # by file and note

    @property
    def left_out(self) -> int:
        """Records that cannot be used."""
        return len(self._bad)

    def usable(self, examples: Iterator[Example]) -> Iterator[Example]:
        """The examples of one file. Raises DataError for more that cannot be used than may be left
        out.
        """
        unsure: DataError | None = None  # an error behind which there may be nothing
        while True:
            try:
                example = next(examples)
            except StopIteration:
                if unsure is not None:
                    raise _ends_reading(unsure) from unsure
                return
            except PassedOver as error:
                self._pass_over(error)
                unsure = None
            except DataError as error:
                behind = goes_on(examples)
                if behind is False and not self.most:
                    raise
                if behind is False:
                    raise _ends_reading(error) from error
                self.read += 1
                self.leave_out(error)
                unsure = error if behind is None else None
            else:
                self._take(example)
                unsure = None
                yield example

    def leave_out(self, error: DataError) -> None:
        """Count a record that cannot be used. Raises the error, or all of them, where that is one
        too many.
        """
        if self.most is None:
            raise error
        if self.most == 0:
            hint = f"{error.hint}; or leave such records out: {FLAG} N (or all)".removeprefix("; ")
            raise DataError(error.message, hint) from error
        self._bad.setdefault(error.message, error)
        if isinstance(self.most, int) and len(self._bad) > self.most:
            listed = list(self._bad)[:MOST_LISTED]
            hint = (
                f"{FLAG} {self.most} leaves out no more than {self.most}, and reading stopped there"
            )
            hint = f"{hint}; {FLAG} all leaves out any number"
            raise RecordErrors(listed, len(self._bad) > len(listed), hint) from error

    def _pass_over(self, error: PassedOver) -> None:
        self.read += 1
        self._passed.setdefault(error.reason, {})[str(error.where)] = None

    def _take(self, example: Example) -> None:
        self.read += 1
        if example.note:
            places = self._noted.setdefault((example.where.file, example.note), {})
            places[str(example.where)] = None

    def distinct(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Without those whose id another example of the same file has: the first one stays."""
        seen: dict[tuple[str, str], Example] = {}
        for example in examples:
            first = seen.setdefault((example.where.file, example.id), example)
            if first is example:
                yield example
            elif first.where == example.where:
                problem = f"{example.where} comes twice, because its file is given twice"
                self.leave_out(DataError(problem, "give each file once"))
            else:
                problem = f"{example.where}: the id '{example.id}' is also that of {first.where}"
                self.leave_out(DataError(problem, "ids tell answers apart: give each its own"))

    def labelled(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Return the examples that have a label."""
        for example in examples:
            if example.gold is None:
                self.leave_out(unlabelled(example))
            else:
                yield example

    def leave_out_unlabelled(self, file: str, labels: Mapping[str, int], of: int) -> None:
        """Note how many of `of` examples have no label; `labels`: what they have instead, and
        how often.
        """
        said = " or ".join(sorted(labels, key=lambda label: -labels[label]))
        count = sum(labels.values())
        verb = "has no label" if count == 1 else "have no label"
        sentence = (
            f"{count:,} of the {of:,} examples of {file} {verb} "
            f"({said}) and {'is' if count == 1 else 'are'} left out"
        )
        said = "--no-label says what means none, and ssl predict answers such examples"
        self._unlabelled[f"{sentence}; {said}"] = None

    def sentences(self) -> list[str]:
        """Return sentences on records left out or skipped and why, and on decisions about
        others.
        """
        found = []
        if self._bad:
            named = "; ".join(list(self._bad)[:MOST_NAMED])
            more = (
                f"; and {len(self._bad) - MOST_NAMED:,} more" if len(self._bad) > MOST_NAMED else ""
            )
            kind = "record" if self.read == 1 else "records"
            verb = "is" if len(self._bad) == 1 else "are"
            found.append(
                f"{len(self._bad):,} of {self.read:,} {kind} "
                f"cannot be used and {verb} left out: {named}{more}"
            )
        found += self._unlabelled
        for reason, places in self._passed.items():
            verb = "record is" if len(places) == 1 else "records are"
            found.append(
                f"{len(places):,} {verb} skipped: {reason} (the first: {next(iter(places))})"
            )
        for (file, note), places in self._noted.items():
            count = f"{amount(len(places), 'example')} of {file}"
            found.append(f"{count}: {note} (the first: {next(iter(places))})")
        return found


def left_out_of(count: int) -> list[str]:
    """A sentence about a model's own data; none where every record of it could be used."""
    if not count:
        return []
    return [
        (f"it was fine-tuned without {amount(count, 'record')} that could not be used ({FLAG})")
    ]


def unlabelled(example: Example) -> DataError:
    """Return the error for an example without a label."""
    problem = f"{example.where}: there is no answer to learn from or to score with"
    return DataError(problem, "unlabelled examples are for ssl predict")


def _ends_reading(error: DataError) -> DataError:
    """Of an error behind which nothing can be read, so that the record cannot be left out."""
    return DataError(
        error.message, f"{error.hint}; {FLAG} cannot help: reading ends there".removeprefix("; ")
    )
