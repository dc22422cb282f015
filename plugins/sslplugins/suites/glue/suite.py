"""GLUE: nine tasks of one sentence or two, with the leaderboard's metrics and files."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sslcli.api import (
    Config,
    Count,
    DataError,
    Prediction,
    Record,
    Report,
    Score,
    Suite,
    SuitePart,
    Table,
    UsageError,
    amount,
    setting,
)
from sslplugins.suites.glue.files import SIMILARITY, file_of, passed_over, split_records
from sslplugins.suites.glue.tasks import SHEETS, TASKS, GlueTask

COLUMNS = ("task", "split", "score", "median", "least", "most", "seeds", "n", "no model")
PROTOCOL_SEEDS = 5
# whose dev set contradicts its training set; papers since Devlin et al. 2019 leave it out
HARDEST = "wnli"
HEADER = "index\tprediction"


class Glue(Suite["Glue.Options"]):
    """The GLUE benchmark.

    Protocol as in Geiping and Goldstein 2022 (arXiv 2212.14034, section 5): one set of
    hyper-parameters for all tasks, at most five epochs, the median of five seeds.
    """

    class Options(Config):
        sequence_tokens: Count | None = setting(
            None, "longest sequence; as long as the model allows when not given", "--seq-len", gt=1
        )

    summary = "nine tasks of one sentence or two (Wang et al. 2019)"
    epochs = 5.0

    def parts(self, folder: Path) -> Sequence[SuitePart]:
        found = [
            self._part(task, folder)
            for task in TASKS.values()
            if file_of(task, folder, "train") and _scored(task, folder)
        ]
        if not found:
            raise DataError(
                f"{folder} holds none of the tasks of GLUE",
                f"it should hold folders as {', '.join(t.folders[0] for t in TASKS.values())}",
            )
        return found

    def _part(self, task: GlueTask, folder: Path) -> SuitePart:
        options = {
            "kind": "classes" if task.labels else "number",
            "sequence_tokens": self.options.sequence_tokens,
        }
        tests = [split for split in task.sheets if file_of(task, folder, split)]
        name = "classify" if len(task.texts[0]) == 1 else "pairs"
        return SuitePart(
            task.name, name, options, "+".join(task.scores), _scored(task, folder), tests
        )

    def records(self, folder: Path, part: str, split: str) -> Iterator[Record]:
        return split_records(_task(part, split), folder, split)

    def passed_over(self, folder: Path, part: str, split: str) -> Sequence[str]:
        short, unlabelled = passed_over(_task(part, split), folder, split)
        reasons = {"too few columns": short, "no label that annotators agreed on": unlabelled}
        return [
            f"{amount(count, 'row')} of {part}/{split} "
            f"{'is passed over: it has' if count == 1 else 'are passed over: they have'} {reason}"
            for reason, count in reasons.items()
            if count
        ]

    def summarise(self, scores: Mapping[str, Mapping[str, Sequence[Sequence[Score]]]]) -> Report:
        """Return scores in percent with the leaderboard's average.

        Every task counts once, with the mean of its metrics; MNLI with the mean of both its sets.
        WNLI is included; the average without it, as papers report it, stands beside.
        """
        rows: list[list[str | int | float | None]] = []
        tasks: dict[str, float] = {}
        for part, evaluations in scores.items():
            own = [
                row
                for split, seeds in evaluations.items()
                for row in _rows(TASKS[part], split, seeds)
            ]
            tasks[part] = statistics.fmean(map(_median, own))
            rows += own
        rows += _averages(tasks)
        return Report(
            "GLUE", tables=[Table("points of a hundred", COLUMNS, rows)], notes=_remarks(scores)
        )

    def submission(
        self, part: str, split: str, predictions: Sequence[Prediction]
    ) -> Mapping[str, str]:
        task = _task(part, split)
        lines = [
            f"{number}\t{_written(task, prediction)}\n"
            for number, prediction in enumerate(predictions)
        ]
        return {f"{task.sheets[split].name}.tsv": "".join([f"{HEADER}\n", *lines])}

    def refusals(self, files: Mapping[str, str]) -> Sequence[str]:
        missing = [name for name in SHEETS if name not in files]
        files = {name: content for name, content in files.items() if name in SHEETS}
        rows = {name: content.count("\n") - 1 for name, content in files.items()}
        wrong = [
            f"{name} has {rows[name]:,} answers and should have {SHEETS[name].rows:,}"
            for name in files
        ]
        return [
            *([f"there is no {', '.join(missing)}"] if missing else []),
            *(
                sentence
                for name, sentence in zip(files, wrong, strict=True)
                if rows[name] != SHEETS[name].rows
            ),
        ]


def _median(row: Sequence[str | int | float | None]) -> float:
    value = row[COLUMNS.index("median")]
    assert isinstance(value, int | float), f"a row of scores has no median: {row}"
    return value


def _task(part: str, split: str) -> GlueTask:
    """Return the task. Raises UsageError where there is no such part or split."""
    if part not in TASKS:
        raise UsageError(f"GLUE has no part '{part}'", f"its parts are {', '.join(TASKS)}")
    if split not in TASKS[part].splits:
        raise UsageError(
            f"{part} has no split '{split}'", f"it has {', '.join(TASKS[part].splits)}"
        )
    return TASKS[part]


def _scored(task: GlueTask, folder: Path) -> list[str]:
    return [split for split in task.evaluations if file_of(task, folder, split)]


def _rows(
    task: GlueTask, split: str, seeds: Sequence[Sequence[Score]]
) -> Iterator[list[str | int | float | None]]:
    """Build one row per leaderboard metric, over the seeds."""
    for name in task.scores:
        found = [score for scores in seeds for score in scores if score.name == name]
        values = [100 * score.value for score in found]
        baselines = [100 * value for value in found[0].baselines.values()]
        spread = [statistics.median(values), min(values), max(values), len(values)]
        yield [task.name, split, name, *spread, found[0].count, max(baselines, default=None)]


def _averages(tasks: Mapping[str, float]) -> Iterator[list[str | int | float | None]]:
    for title, left_out in (("average", ""), (f"without {HARDEST}", HARDEST)):
        values = [value for part, value in tasks.items() if part != left_out]
        if values and left_out in ("", *tasks):
            yield [
                title,
                "",
                f"{amount(len(values), 'task')}",
                statistics.fmean(values),
                *[None] * 5,
            ]


def _remarks(scores: Mapping[str, Mapping[str, Sequence[Sequence[Score]]]]) -> list[str]:
    fewest = min(
        (len(seeds) for evaluations in scores.values() for seeds in evaluations.values()), default=0
    )
    missing = [part for part in TASKS if part not in scores]
    return [
        *(
            [f"the average is not that of GLUE: there is no {', '.join(missing)}"]
            if missing
            else []
        ),
        *(
            [f"scores are compared as medians of {PROTOCOL_SEEDS} seeds: --seeds {PROTOCOL_SEEDS}"]
            if fewest < PROTOCOL_SEEDS
            else []
        ),
    ]


def _written(task: GlueTask, prediction: Prediction) -> str:
    if task.labels:
        return str(prediction.value)
    least, most = SIMILARITY
    return f"{min(max(prediction.value, least), most):.3f}"
