"""What a suite is to run: its parts, their settings, the seeds, and the folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sslcli.contracts.suite import Suite, SuitePart
from sslcli.datasets.labelled import suite_of, suite_reference
from sslcli.datasets.tasks import task_class
from sslcli.engine.processes.rank import rank_and_size
from sslcli.errors import UsageError, choices
from sslcli.layers import Layer
from sslcli.models.loading import decided_source, foundation_for
from sslcli.resolving import naming_sources, resolve
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, read_facts, runs_folder
from sslcli.runs.run_folder import new_name
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.variants import Variant, variant_settings, variants
from sslcli.workflows.training.resolve import ResolvedRun
from sslcli.workflows.training.resume import Resume, continued, from_same_weights, saved_settings


@dataclass(frozen=True)
class SuitePlan:
    """`settings` hold for all parts alike; `data` is the suite's folder, `folder` where its results
    are written.
    """

    name: str
    suite: Suite
    data: Path
    parts: Sequence[SuitePart]
    seeds: Sequence[int]
    settings: FinetuneSettings
    folder: Path

    def runs(self, part: SuitePart) -> Sequence[Variant]:
        """Return one run per seed."""
        base = self.folder.with_name(f"{self.folder.name}-{part.name}")
        return list(variants(base, [self.settings.model.start], self.seeds))

    def settings_for(self, part: SuitePart, variant: Variant) -> FinetuneSettings:
        """Return the fine-tuning settings of one part and variant."""
        train, evaluation = (
            self.reference(part, split) for split in ("train", part.evaluations[0])
        )
        changes = {
            "task": part.task,
            "options": dict(part.options),
            "best_by": self.best_by(part),
            "data": self.settings.data.model_copy(
                update={
                    "train": (train,),
                    "evaluation": (evaluation,),
                    "suite_options": self.settings.options,
                }
            ),
        }
        return variant_settings(variant, self.settings.model_copy(update=changes))

    def best_by(self, part: SuitePart) -> str:
        """Return the scores that choose a part's best checkpoint."""
        return self.settings.best_by or part.best_by

    def reference(self, part: SuitePart, split: str) -> str:
        """Return the reference of a part's split."""
        return suite_reference(self.name, part.name, split, self.data)


def planned(
    settings: FinetuneSettings, names: Sequence[str], seeds: Sequence[int], folder: Path
) -> SuitePlan:
    """Resolve everything that is the same for all parts.

    Raises UsageError, ConfigError or DataError for what does not fit.
    """
    data = settings.data
    if (
        "train" not in data.model_fields_set
        or len(data.train) != 1
        or not Path(data.train[0]).is_dir()
    ):
        raise UsageError(
            f"{settings.task} needs the folder that its parts lie in",
            f"ssl finetune {settings.task} --data FOLDER",
        )
    if data.evaluation or data.test:
        raise UsageError(
            f"{settings.task} has its own held-out data", "leave out --eval-data and --test-data"
        )
    suite = suite_of(settings.task, settings.options)
    parts = _chosen(suite.parts(Path(data.train[0])), names)
    return SuitePlan(
        settings.task,
        suite,
        Path(data.train[0]),
        parts,
        seeds,
        _completed(settings, suite, parts),
        folder,
    )


def resolve_suite(
    layers: Sequence[Layer], resume: Resume | None = None
) -> ResolvedRun[FinetuneSettings]:
    """As `resolve_finetuning`, for a suite, which saves what was said and nothing else.

    Raises ConfigError naming what would make other runs of those that it has begun, UsageError for
    several processes.
    """
    saved = [] if resume is None else [read_layer(resume.folder / RUN_FILE)]
    found = resolve(FinetuneSettings, *saved, *layers)
    if found.settings.hardware.gpus is not None or rank_and_size()[1] > 1:
        raise UsageError(
            "several runs one after the other are not started in several processes",
            "leave out --gpus",
        )
    if resume is None:
        return ResolvedRun(found.settings, found.sources)
    with naming_sources(found.sources):
        before = saved_settings(FinetuneSettings, resume.folder)
        asked = from_same_weights(found.settings, before.model.source)
        continued(resume.folder, before, asked, asked.options)
    return ResolvedRun(asked, found.sources, resume)


def plan_suite(
    run: ResolvedRun[FinetuneSettings], parts: Sequence[str] | None = None, seeds: int | None = None
) -> SuitePlan:
    """A suite that goes on keeps its parts, to which `parts` may add, and its number of seeds,
    where none is said.
    """
    settings, resume = run.settings, run.resume
    facts = read_facts(resume.folder) if resume is not None else {}
    first, begun = settings.training.seed, facts.get("parts", [])
    names = begun if parts is None else [*parts, *begun]
    own = settings.run
    said = Path(own.folder) if own.folder else runs_folder() / (own.name or new_name(settings.task))
    numbers = range(first, first + (seeds or facts.get("seeds", 1)))
    return planned(settings, names, numbers, said if resume is None else resume.folder)


def _chosen(parts: Sequence[SuitePart], names: Sequence[str]) -> Sequence[SuitePart]:
    """All of them where none is named, in the suite's order."""
    there = [part.name for part in parts]
    for name in names:
        if name.lower() not in there:
            raise UsageError(
                f"there is no part '{name}' in the data",
                choices(name.lower(), there),
            )
    wanted = {name.lower() for name in names}
    return [part for part in parts if part.name in wanted or not names]


def _completed(
    settings: FinetuneSettings, suite: Suite, parts: Sequence[SuitePart]
) -> FinetuneSettings:
    """All parts start from one model, which "@latest" would not be after the first of them."""
    training = settings.training
    if training.max_steps is None and training.epochs is None and suite.epochs is not None:
        training = training.model_copy(update={"epochs": suite.epochs})
    source = decided_source(settings.model.source, foundation_for(task_class(parts[0].task)))
    model = settings.model.model_copy(update={"source": source})
    return settings.model_copy(update={"training": training, "model": model})
