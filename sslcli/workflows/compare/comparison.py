"""`ssl compare --objectives`: pretrain with each objective, fine-tune each model for every task,
one table.

runs/NAME/          config.yaml (what holds for all), comparison.json (the plan), run.json,
                    tokenizer/, report.json with its table and picture, report.html
runs/NAME/PART/     a run of its own: see `parts`
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli.asides import clear_away
from sslcli.config import write_yaml
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say, cache_folder
from sslcli.datasets.tokenized import shards_for
from sslcli.deferred import Deferred
from sslcli.engine.stopping import Stopper, Stopping
from sslcli.errors import DataError, Diverged, RunError, SslError, StopRequest, UsageError
from sslcli.folders import write_atomically
from sslcli.reporting.report_files import save_report
from sslcli.reports import Report
from sslcli.runs.catalogue import FACTS_FILE, RUN_FILE, asked_folder, read_facts, read_run
from sslcli.runs.command_line import command_line
from sslcli.runs.disk_use import carry_out, chosen, deletion
from sslcli.runs.interrupting import stopping_at_once
from sslcli.runs.references import TOKENIZER
from sslcli.runs.run_folder import (
    environment,
    locked,
    new_run_folder,
    now,
    refuse_occupied,
    write_facts,
)
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.comparison_report import comparison_report
from sslcli.workflows.compare.part_settings import finetune_settings, pretrain_settings
from sslcli.workflows.compare.parts import ComparisonPart, comparison_parts, pretraining_of
from sslcli.workflows.compare.planned import ComparisonPlan, load_plan, save_plan
from sslcli.workflows.compare.planning import plan_comparison, with_tokenizer_kind
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.finetune.study import Watch, named_failures
from sslcli.workflows.training.resolve import ResolvedRun, continued_finetuning
from sslcli.workflows.training.resume import Resume, continued_settings
from sslcli.workflows.training.run import RunResult
from sslcli.workflows.training.stops import stopped_in_words

pretraining = Deferred("sslcli.workflows.pretrain.pretrain")
KIND = "compare"
# Called before the first run: settings, plan and folder.
Introduce = Callable[[CompareSettings, ComparisonPlan, Path], None]


@dataclass(frozen=True)
class Compared:
    """A comparison that came to its end: its folder, what it found, and the folders of its runs,
    pretrainings first.
    """

    folder: Path
    report: Report
    runs: Sequence[Path]


def run_comparison(
    run: ResolvedRun[CompareSettings],
    watch: Watch,
    say: Say,
    introduce: Introduce,
    *,
    overwrite: bool = False,
) -> Compared:
    """Plan, then run after run; those that ended before are kept.

    `introduce` is called with settings, plan and folder before the first run. A comparison that is
    overwritten goes when the new one is planned. Raises StopRequest, with how to go on, where
    somebody asked to stop.
    """
    settings = run.settings if run.resume is not None else with_tokenizer_kind(run.settings)
    planned = None
    if overwrite and run.resume is None and (old := _old_folder(settings)) is not None:
        with stopped_in_words(), Stopper(), stopping_at_once():
            planned = plan_comparison(settings, say)
        carry_out([deletion(each) for each in chosen([str(old)], exactly=True)])
    folder = _folder_for(settings, run.resume)
    with locked(folder):
        going = _Comparison(settings, folder, watch, say, planned)
        try:
            report = going.go(introduce, resuming=run.resume is not None)
        except StopRequest as error:
            going.write_facts("stopped", error.message)
            hint = f"go on with: ssl compare --resume {folder}"
            stopped = f"{error.message}; everything is saved in {folder}"
            raise type(error)(stopped, hint) from error
        except SslError as error:
            with suppress(RunError):
                if going.plan is None and run.resume is None:
                    shutil.rmtree(folder, ignore_errors=True)  # nothing began
                else:
                    how = "diverged" if isinstance(error, Diverged) else "failed"
                    going.write_facts(how, error.message)
            raise
        going.write_facts("done")
    return Compared(folder, report, [folder / part.name for part in going.parts])


def _old_folder(settings: CompareSettings) -> Path | None:
    """The comparison that is to be replaced; None where there is none. Raises UsageError for a run
    of another kind, and for what is no run.
    """
    asked = asked_folder(settings.run.name, settings.run.folder)
    if asked is None:
        return None
    refuse_occupied(asked, overwrite=True)
    if not (asked / FACTS_FILE).is_file():
        return None
    if (kind := read_run(asked).kind) != KIND:
        raise UsageError(
            f"{asked} is a run of the kind {kind}, and no comparison", "choose another --name"
        )
    return asked


def _folder_for(settings: CompareSettings, resume: Resume | None) -> Path:
    """That of the comparison that goes on, else a new one."""
    own = settings.run
    if resume is not None:
        return resume.folder
    return new_run_folder(own.name, own.folder, KIND, overwrite=False)


class _Comparison:
    """One start of a comparison."""

    def __init__(
        self,
        settings: CompareSettings,
        folder: Path,
        watch: Watch,
        say: Say,
        planned: tuple[ComparisonPlan, Tokenizer] | None = None,
    ) -> None:
        self.settings, self.folder, self.watch, self.say = settings, folder, watch, say
        self.planned = planned
        self.plan: ComparisonPlan | None = None
        self.begun, self.before = time.monotonic(), float(read_facts(folder).get("seconds", 0.0))
        self.parts: Sequence[ComparisonPart] = list(comparison_parts(settings))
        self.facts: dict[str, Any] = {
            **environment(), "kind": KIND, "objective": ",".join(settings.objectives),
            "tasks": list(settings.tasks), "seeds": settings.seeds, "command": command_line(),
            "started": now(),
        }  # fmt: skip

    def go(self, introduce: Introduce, resuming: bool) -> Report:
        with stopped_in_words(), Stopper(), stopping_at_once():
            clear_away(self.folder, ours=True)
            self.plan = plan = (load_plan(self.folder) if resuming else None) or self._planned()
        introduce(self.settings, plan, self.folder)
        for part in self.parts:
            if not self._is_done(part):
                self.write_facts("running")
                with stopped_in_words(), named_failures(self.folder / part.name):
                    self._run(part, plan)
        with stopped_in_words(), Stopper(), stopping_at_once():
            report = comparison_report(self.settings, plan, self.folder, self.seconds)
            save_report(report, self.folder, f"{self.folder.name}: budget {self.settings.budget}")
        return report

    @property
    def seconds(self) -> float:
        """Of all starts together, up to now."""
        return self.before + time.monotonic() - self.begun

    def write_facts(self, status: str, reason: str = "") -> None:
        """Write run.json, with how many of the runs are done."""
        done = sum(map(self._is_done, self.parts))
        counts = {"step": done, "total_steps": len(self.parts), "seconds": self.seconds}
        ended = {} if status == "running" else {"ended": now()}
        reasons = {"reason": reason} if reason else {}
        write_facts(self.folder, {**self.facts, **counts, "status": status, **ended, **reasons})

    def _planned(self) -> ComparisonPlan:
        """The plan of a new comparison, which one that was killed before it makes again."""
        self.write_facts("running")
        write_atomically(self.folder / RUN_FILE, write_yaml(self.settings))
        plan, tokenizer = self.planned or plan_comparison(self.settings, self.say)
        tokenizer.save_with_generation(self.folder / TOKENIZER)
        save_plan(plan, self.folder)
        return plan

    def _is_done(self, part: ComparisonPart) -> bool:
        return read_run(self.folder / part.name).status == "done"

    def _run(self, part: ComparisonPart, plan: ComparisonPlan) -> None:
        folder = self.folder / part.name
        resume = Resume(folder) if (folder / RUN_FILE).is_file() else None
        what = f"{part.task} · {part.model.name} · seed {part.seed}" if part.task else part.name
        with self.watch(f"ssl · compare · {what}") as observe:
            result = (self._finetuned if part.task else self._pretrained)(
                part, plan, folder, resume, observe
            )
        if result.outcome.reason != "done":
            raise Stopping(result.outcome.reason)

    def _pretrained(
        self,
        part: ComparisonPart,
        plan: ComparisonPlan,
        folder: Path,
        resume: Resume | None,
        observe: Any,
    ) -> RunResult:
        steps = plan.of(part.model.objective).steps
        settings = pretrain_settings(self._with_tokenizer(plan), part.model, steps, folder)
        if resume is not None:
            settings = continued_settings(resume, settings)
        return pretraining.pretrain(settings, resume=resume, observe=observe)

    def _with_tokenizer(self, plan: ComparisonPlan) -> CompareSettings:
        """That of the plan for every objective, also where the cache has lost it and it is learnt
        to other pieces now.
        """
        settings = self.settings
        shards = shards_for(settings.data, settings.tokenizer, cache_folder(), say=self.say)
        if shards.tokenizer is None or shards.tokenizer.hash == plan.tokenizer:
            return settings
        own = Tokenizer.load(self.folder / TOKENIZER)
        if own.hash != plan.tokenizer:
            problem = (
                f"{self.folder / TOKENIZER} is not the tokenizer that the comparison began with"
            )
            raise DataError(problem, "give it back, or compare anew")
        taken = settings.tokenizer.model_copy(update={"source": str(self.folder / TOKENIZER)})
        return settings.model_copy(update={"tokenizer": taken})

    def _finetuned(
        self,
        part: ComparisonPart,
        plan: ComparisonPlan,
        folder: Path,
        resume: Resume | None,
        observe: Any,
    ) -> RunResult:
        source = self.folder / pretraining_of(part.model).name
        settings = finetune_settings(
            self.settings, part, plan.steps_of(part.task), str(source), folder
        )
        if resume is not None:
            settings = continued_finetuning(resume, settings)
        return finetune(settings, resume=resume, observe=observe)
