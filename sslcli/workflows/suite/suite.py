"""`ssl finetune SUITE`: every part of a suite with one set of settings and all seeds, one table,
the leaderboard's files.

runs/NAME/          config.yaml (what was said), run.json, suite.json, table.csv, submission/
runs/NAME-PART/     the run of a part, with the first seed; runs/NAME-PART-seedN/ those of the
others
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sslcli.asides import clear_away
from sslcli.config import write_yaml
from sslcli.contracts.suite import SuitePart
from sslcli.datasets.cut_texts import CUT
from sslcli.datasets.labelled import examples_of
from sslcli.engine.precision import choose_hardware
from sslcli.engine.stopping import Stopper, Stopping
from sslcli.errors import (
    Diverged,
    RunError,
    SslError,
    StopRequest,
)
from sslcli.folders import remove, write_atomically
from sslcli.reporting.csv_files import write_csv
from sslcli.reporting.saved_reports import REPORT, write_report
from sslcli.reports import Report
from sslcli.runs.catalogue import RUN_FILE
from sslcli.runs.command_line import command_line
from sslcli.runs.interrupting import stopping_at_once
from sslcli.runs.run_folder import environment, locked, new_run_folder, now, write_facts
from sslcli.settings import AnswerSettings, FinetuneSettings, LabelledSettings
from sslcli.workflows.evaluate.evaluate import evaluate
from sslcli.workflows.evaluate.scoring import write_evaluation
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.finetune.study import Watch, named_failures
from sslcli.workflows.finetune.variants import Variant
from sslcli.workflows.predict.predictor import Answerer
from sslcli.workflows.suite.submission import ARCHIVE, SUBMISSION, add_answers, answers_in
from sslcli.workflows.suite.suite_plan import SuitePlan
from sslcli.workflows.suite.suite_scores import FILE as SCORES_FILE
from sslcli.workflows.suite.suite_scores import PartScores, SuiteScores
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume
from sslcli.workflows.training.run import RunResult
from sslcli.workflows.training.stops import stopped_in_words

TABLE = "table.csv"


def run_suite(plan: SuitePlan, watch: Watch, *, resuming: bool, overwrite: bool) -> Report:
    """Run after run, score each on all evaluations of its part; finished ones are kept.

    Raises StopRequest, with how to go on, if one of them is stopped.
    """
    if not resuming:
        new_run_folder(None, str(plan.folder), plan.name, overwrite)
    with locked(plan.folder):
        going = _Suite(plan, watch, overwrite, *_begun(plan, resuming))
        try:
            report = going.go()
        except StopRequest as error:
            going.write_facts("stopped")
            hint = f"go on with: ssl finetune {plan.name} --resume {plan.folder}{going.more_time}"
            raise type(error)(
                f"{error.message}; everything is saved in {plan.folder}", hint
            ) from error
        except SslError as error:
            if not (
                resuming
                or any(
                    variant.folder.exists() for part in plan.parts for variant in plan.runs(part)
                )
            ):
                shutil.rmtree(plan.folder, ignore_errors=True)  # nothing began
            else:
                with suppress(RunError):
                    going.write_facts(
                        "diverged" if isinstance(error, Diverged) else "failed", error.message
                    )
            raise
        going.write_facts("done")
    return report


class _Suite:
    """One start of a suite."""

    def __init__(
        self,
        plan: SuitePlan,
        watch: Watch,
        overwrite: bool,
        facts: dict[str, Any],
        scores: SuiteScores,
    ) -> None:
        self.plan, self.watch, self.overwrite, self.facts, self.scores = (
            plan,
            watch,
            overwrite,
            facts,
            scores,
        )
        self.hardware = choose_hardware(plan.settings.hardware)
        most = plan.settings.training.max_time
        self.deadline = None if most is None else time.monotonic() + most
        # what a line that goes on has to say, where the same limit would make no step
        self.more_time = ""
        self.write_facts("running")

    def go(self) -> Report:
        for part in self.plan.parts:
            for variant in self.plan.runs(part):
                if not self.scores.has(part, variant.seed):
                    with stopped_in_words():
                        self._run(part, variant)
                    self.write_facts("running")
            with stopped_in_words():
                self._answer(part)
        scores = self.scores.by_evaluation(self.plan.parts, self.plan.seeds)
        report = self.plan.suite.summarise(scores)
        table = report.tables[0]
        write_csv(self.plan.folder / TABLE, table.columns, table.rows)
        whole = replace(report, notes=[*report.notes, *self._remarks()])
        write_report(whole, self.plan.folder)
        return whole

    def write_facts(self, status: str, reason: str = "") -> None:
        done = sum(
            self.scores.has(part, seed) for part in self.plan.parts for seed in self.plan.seeds
        )
        counts = {"step": done, "total_steps": len(self.plan.parts) * len(self.plan.seeds)}
        ended = (
            {}
            if status == "running"
            else {"ended": now(), **({"reason": reason} if reason else {})}
        )
        write_facts(self.plan.folder, {**self.facts, **counts, "status": status, **ended})

    def _run(self, part: SuitePart, variant: Variant) -> None:
        left = None if self.deadline is None else self.deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Stopping("out of time")
        begun = not self.overwrite and (variant.folder / RUN_FILE).is_file()
        settings = self.plan.settings_for(part, variant)
        with named_failures(variant.folder):
            result = self._trained(part, variant, settings, Stopper(left), begun)
        if result.outcome.reason != "done":
            self.more_time = result.more_time(self.plan.settings.training.max_time)
            raise Stopping(result.outcome.reason)
        reports = {part.evaluations[0]: result.report}
        with Stopper(), stopping_at_once():
            reports |= {
                split: self._evaluated(part, split, variant.folder)
                for split in part.evaluations[1:]
            }
        scores, counts = (
            {split: getattr(report, name) for split, report in reports.items()}
            for name in ("scores", "counts")
        )
        self.scores.add(part.name, variant.seed, PartScores(str(variant.folder), scores, counts))

    def _trained(
        self,
        part: SuitePart,
        variant: Variant,
        settings: FinetuneSettings,
        stopper: Stopper,
        begun: bool,
    ) -> RunResult:
        resume = Resume(variant.folder) if begun else None
        if resume is not None:
            settings = continued_finetuning(resume, settings)
        overwrite = self.overwrite and resume is None
        with self.watch(f"ssl · finetune · {part.name} · seed {variant.seed}") as observe:
            return finetune(
                settings, resume=resume, overwrite=overwrite, observe=observe, stopper=stopper
            )

    def _evaluated(self, part: SuitePart, split: str, run: Path) -> Report:
        """Of the best checkpoint; its answers are kept beside those that the run itself has
        written.
        """
        data = self._data(part, split, self.plan.settings.data.skip_bad_records)
        found = evaluate(
            str(run), part.task, AnswerSettings(data=data, hardware=self.plan.settings.hardware)
        )
        (run / split).mkdir(exist_ok=True)
        write_evaluation(found, run / split)
        return found.report

    def _answer(self, part: SuitePart) -> None:
        """The tests, by the run that was best on the held-out data."""
        best = self.scores.best(part, self.plan.best_by(part), self.plan.seeds)
        if not part.tests or self.scores.answered.get(part.name) == best.run:
            return
        with Stopper(), stopping_at_once():
            files = self._answers(part, best.run)
        with Stopper() as stopper:  # which lets the writing come to its end
            add_answers(self.plan.suite, self.plan.folder, files)
            self.scores.answered[part.name] = best.run
            self.scores.save()
            stopper.poll()

    def _answers(self, part: SuitePart, run: str) -> dict[str, str]:
        answerer = Answerer.load(run, part.task, self.hardware)
        files: dict[str, str] = {}
        for split in part.tests:
            data = self._data(part, split, 0)  # a leaderboard wants an answer to every row
            examples = examples_of(answerer.task, answerer.options, data.evaluation, "test", data)
            predictions = answerer.predictions(examples, AnswerSettings().batch_size)
            files |= self.plan.suite.submission(part.name, split, predictions)
        return files

    def _data(self, part: SuitePart, split: str, skip_bad_records: int | str) -> LabelledSettings:
        return LabelledSettings(
            train=(),
            evaluation=(self.plan.reference(part, split),),
            limit=self.plan.settings.data.limit,
            skip_bad_records=skip_bad_records,
            suite_options=self.plan.settings.options,
        )

    def _cuts(self) -> Iterator[str]:
        """Of every set that is scored how many texts were cut; the same for all seeds."""
        for part in self.plan.parts:
            reached = self.scores.runs[part.name][self.plan.seeds[0]]
            for split, counts in reached.counts.items():
                if cut := counts.get(CUT):
                    examples = f"{cut:,} of {counts['examples']:,} examples"
                    yield (
                        f"{part.name}/{split}: {examples} were "
                        "cut at the model's length (--seq-len)"
                    )

    def _remarks(self) -> list[str]:
        epochs, most = self.plan.settings.training.epochs, self.plan.suite.epochs
        beyond = most is not None and epochs is not None and epochs > most
        refusals = self.plan.suite.refusals(answers_in(self.plan.folder))
        submission = self.plan.folder / SUBMISSION
        return [
            *self._cuts(),
            *(
                [
                    (
                        f"{epochs:g} epochs leave the protocol of "
                        f"{self.plan.name}, which has {most:g} at most"
                    )
                ]
                if beyond
                else []
            ),
            f"{submission} is no whole submission: {'; '.join(refusals)}"
            if refusals
            else f"the leaderboard takes {submission / ARCHIVE}",
        ]


def _begun(plan: SuitePlan, resuming: bool) -> tuple[dict[str, Any], SuiteScores]:
    """The folder made ready: facts that stay, and what was reached before."""
    clear_away(plan.folder, ours=True)
    if not resuming:
        for name in (SCORES_FILE, TABLE, REPORT, SUBMISSION):
            remove(plan.folder / name)
        write_atomically(plan.folder / RUN_FILE, write_yaml(plan.settings, only_said=True))
    facts = {
        **environment(), "kind": "suite", "objective": plan.name, "command": command_line(),
        "started": now(),
        "parts": [part.name for part in plan.parts], "seeds": len(plan.seeds),
        "parent": plan.settings.model.source,
    }  # fmt: skip
    return facts, SuiteScores.load(plan.folder)
