"""`ssl finetune` as a study: the runs of one line, one after the other, and what they come to
together.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sslcli.datasets.labelled import other_languages
from sslcli.datasets.tasks import task_class
from sslcli.engine.processes.rank import rank_and_size
from sslcli.engine.stopping import Stopper
from sslcli.errors import UsageError
from sslcli.models.loading import decided_source, foundation_for
from sslcli.models.rows_read import modalities_of
from sslcli.reports import Report
from sslcli.runs.catalogue import RUN_FILE, runs_folder
from sslcli.runs.facts import title_of
from sslcli.runs.run_folder import new_name, refuse_occupied
from sslcli.settings import FinetuneSettings, LabelledSettings, Start
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.finetune.languages import SCRATCH, in_language_data
from sslcli.workflows.finetune.study import Ended, Watch, study, summary
from sslcli.workflows.finetune.variants import Variant, variant_settings, variants
from sslcli.workflows.training.resolve import ResolvedRun, continued_finetuning
from sslcli.workflows.training.resume import Resume, saved_settings
from sslcli.workflows.training.run import RunResult


@dataclass(frozen=True)
class StudyRequest:
    """What is asked for beyond the settings of one run.

    `starts`: where to begin, the first is the one that counts; empty where nothing is said.
    `seeds`: how many. `in_language`: data of in-language baselines ("zh=FILE"). `goes_on`: with the
    runs that are there; `one`: it is one run by its name that is to go on.
    """

    starts: Sequence[Start] = ()
    seeds: int = 1
    in_language: Sequence[str] = ()
    goes_on: bool = False
    one: bool = False


@dataclass(frozen=True)
class StudyPlan:
    """`settings` hold for all runs alike; `base` is the folder of the first. `in_language`:
    by language the data of its in-language baseline.
    """

    settings: FinetuneSettings
    base: Path
    starts: Sequence[Start]
    seeds: Sequence[int]
    in_language: Mapping[str, LabelledSettings] = field(default_factory=dict)
    goes_on: bool = False

    @property
    def named(self) -> str:
        """How a line names the study."""
        is_below_runs = self.base.parent == runs_folder()
        return f"--name {self.base.name}" if is_below_runs else f"--out {self.base}"


@dataclass(frozen=True)
class StudyResult:
    """`report` over the runs that ended; None where the last of them was asked to stop."""

    ended: Sequence[Ended]
    report: Report | None


def plan_study(
    run: ResolvedRun[FinetuneSettings], asked: StudyRequest
) -> tuple[StudyPlan | None, str]:
    """The study that is asked for, None where that is one run; and a sentence about baselines
    that are not made.

    Raises UsageError where several runs cannot be made like that.
    """
    settings, first = run.settings, run.settings.training.seed
    starts, seeds = asked.starts or ["pretrained"], range(first, first + asked.seeds)
    in_language = in_language_data(settings.data, asked.in_language, task_class(settings.task))
    processes = rank_and_size()[1]
    in_several = settings.hardware.gpus is not None or processes > 1
    across = _names_languages(run)
    if across and not in_several:
        starts = asked.starts or [*starts, SCRATCH]
        return _plan(settings, asked, starts, seeds, in_language), ""
    if len(starts) * len(seeds) > 1:
        if in_several:
            raise UsageError(
                "several runs one after the other are not started in several processes",
                "make one run at a time",
            )
        return _plan(settings, asked, starts, seeds, {}), ""
    # Of the processes that --gpus started, the one that started them has said it.
    is_started = settings.hardware.gpus is not None and processes > 1
    if across and (in_language or not asked.starts) and not is_started:
        what = "none from scratch or from training in the language"
        return None, f"baselines  {what}: several processes make one run; one makes them all"
    return None, ""


def run_study(plan: StudyPlan, watch: Watch, *, overwrite: bool = False) -> StudyResult:
    """Run after run, up to the one that was asked to stop; those that ended before are left as they
    are.

    The time limit is that of the whole study.
    """
    most_seconds = plan.settings.training.max_time
    deadline = None if most_seconds is None else time.monotonic() + most_seconds
    wanted = list(variants(plan.base, plan.starts, plan.seeds, list(plan.in_language)))
    if not plan.goes_on:
        for each in wanted:  # now, and not when the runs before it are done
            refuse_occupied(each.folder, overwrite)
    every = {
        each: variant_settings(each, plan.settings, wanted, plan.in_language) for each in wanted
    }

    def trained(variant: Variant) -> RunResult:
        stopper = Stopper(None if deadline is None else deadline - time.monotonic())
        settings, resume = _going_on(variant, every[variant], plan.goes_on)
        with watch(_title(variant, settings)) as observe:
            return finetune(
                settings, resume=resume, overwrite=overwrite, observe=observe, stopper=stopper
            )

    ended = list(study(wanted, trained))
    if ended[-1].result.outcome.reason != "done":
        return StudyResult(ended, None)
    title = title_of(plan.base, plan.settings.task, plan.settings.data.train)
    task = task_class(plan.settings.task)
    languages = list(other_languages(plan.settings.data, task))
    folder, plot = ended[0].result.folder, plan.settings.run.plot
    return StudyResult(ended, summary(ended, title, folder, plot, languages))


def _plan(
    settings: FinetuneSettings,
    asked: StudyRequest,
    starts: Sequence[Start],
    seeds: Sequence[int],
    in_language: Mapping[str, LabelledSettings],
) -> StudyPlan:
    run = settings.run
    base = Path(run.folder) if run.folder else runs_folder() / (run.name or new_name(settings.task))
    plan = StudyPlan(settings, base, starts, seeds, in_language, asked.goes_on)
    if asked.one:
        hint = f"give {plan.named} --resume"
        raise UsageError("several runs go on together, and not from one of them", hint)
    settings = _from_one_model(settings, base if asked.goes_on else None)
    return StudyPlan(settings, base, starts, seeds, in_language, asked.goes_on)


def _names_languages(run: ResolvedRun[FinetuneSettings]) -> bool:
    """Whether languages are named to be scored without training; a run of such a study that goes on
    alone does not.
    """
    said = {run.sources.get(key, "") for key in ("data.evaluation", "data.test")}
    is_said = run.resume is None or any(source.startswith("--") for source in said)
    return is_said and bool(other_languages(run.settings.data, task_class(run.settings.task)))


def _from_one_model(settings: FinetuneSettings, begun: Path | None) -> FinetuneSettings:
    """Decided once for all runs: "@latest" means another one as soon as the first of them has
    ended.
    """
    if begun is not None and (begun / RUN_FILE).is_file():
        source = saved_settings(FinetuneSettings, begun).model.source
    else:
        source = decided_source(
            settings.model.source,
            foundation_for(task_class(settings.task), modalities_of(settings.data)),
        )
    model = settings.model.model_copy(update={"source": source})
    return settings.model_copy(update={"model": model})


def _going_on(
    variant: Variant, settings: FinetuneSettings, goes_on: bool
) -> tuple[FinetuneSettings, Resume | None]:
    """A run of the study as it is to be trained, and whether it was begun already."""
    if not goes_on or not (variant.folder / RUN_FILE).is_file():
        return settings, None
    resume = Resume(variant.folder)
    return continued_finetuning(resume, settings), resume


def _title(variant: Variant, settings: FinetuneSettings) -> str:
    trained = f" · trained in {variant.language}" if variant.language else ""
    return f"ssl · finetune · {settings.task} · {variant.start}{trained} · seed {variant.seed}"
