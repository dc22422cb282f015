"""`ssl finetune`: a pretrained backbone and a new head, trained on labelled examples by the one
loop.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslcli.contracts.examples import Example
from sslcli.contracts.learnable import Context
from sslcli.contracts.task import ReadoutTask, Task
from sslcli.core.arithmetic import parameters
from sslcli.data.permuting import permuted
from sslcli.data.rng import name_key
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.unknowns import remarks_by_part
from sslcli.datasets.cache import Say, quiet
from sslcli.datasets.cut_texts import CUT, cut_counts, cut_sentences
from sslcli.datasets.data_files import facts_of
from sslcli.datasets.labelled import Labelled, chosen_by, fingerprint_of, labelled_data
from sslcli.datasets.locate import split_language
from sslcli.datasets.sifter import LEFT_OUT, left_out_of
from sslcli.datasets.tasks import task_class, task_options
from sslcli.engine.evaluator import Agree, Evaluation, Evaluator, Illustrate
from sslcli.engine.events import Observer
from sslcli.engine.loader import Loader, training_loader
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.stopping import Stopper
from sslcli.errors import DataError
from sslcli.models.fitting import (
    refuse_missing_tokens,
    refuse_other_architecture,
    refuse_other_shape,
)
from sslcli.models.initialise import learner_to_finetune
from sslcli.models.rows_read import data_for
from sslcli.models.weights import Pretrained
from sslcli.reporting.run_plots import score_curves
from sslcli.reporting.saved_reports import LANGUAGES
from sslcli.reports import Report, amount
from sslcli.runs.catalogue import read_metrics
from sslcli.runs.facts import title_of
from sslcli.settings import FinetuneSettings
from sslcli.workflows.evaluate.score_names import cost_of, refuse_unknown_scores
from sslcli.workflows.evaluate.scoring import scored, write_evaluation
from sslcli.workflows.finetune.foundation import (
    completed_settings,
    foundation_of,
    foundation_of_resumed,
    how_read,
    shape_to_train,
    tokenizer_of,
)
from sslcli.workflows.finetune.languages import across
from sslcli.workflows.predict.predictor import Answerer, EncodedSet, answer, evaluation_loader
from sslcli.workflows.training.plan import hardware_warnings, how_it_is_trained, plan_for
from sslcli.workflows.training.resume import Resume
from sslcli.workflows.training.run import RunResult, run_job
from sslcli.workflows.training.trial import foretold


def finetune(
    settings: FinetuneSettings,
    *,
    resume: Resume | None = None,
    overwrite: bool = False,
    observe: Observer,
    stopper: Stopper | None = None,
) -> RunResult:
    """Train to the end of the plan or until asked to stop, as `run_job` does. `settings` are
    resolved (see `resolve_finetuning`).
    """
    return run_job(
        settings,
        Finetuning.of,
        settings.task,
        resume=resume,
        overwrite=overwrite,
        observe=observe,
        stopper=stopper,
    )


def dry_run_finetune(settings: FinetuneSettings) -> tuple[Mapping[str, str], Report]:
    """The header, and what the run will take in time, memory and disk, from three real steps.
    Writes no run folder.
    """
    hardware, job = choose_hardware(settings.hardware), Finetuning.of(settings, None, quiet)
    plan = plan_for(job.settings.training, job.lengths)
    return foretold(job, plan, hardware, job.warnings(plan, hardware))


class Finetuning:
    """The job of a fine-tuning run on labelled examples.

    `settings` are complete: every field that was left open is resolved.
    """

    kind = "finetune"

    def __init__(
        self,
        settings: FinetuneSettings,
        pretrained: Pretrained,
        tokenizer: Tokenizer | None,
        data: Labelled,
    ) -> None:
        self.task = task_class(settings.task)
        said: Sequence[str] = ()
        if tokenizer is not None:
            tokenizer, said = self.task.tokenizer_to_train(tokenizer)
        self.name, self.tokenizer, self.data = settings.task, tokenizer, data
        given = data.options or task_options(settings.task, settings.options)
        self.options = self.task.resolve_options(given, data.train, tokenizer)
        labels = settings.labels or tuple(self.task.labels(self.options, data.train))
        self.scorer = self.task.scorer(self.options, labels)
        shape = shape_to_train(settings, pretrained)
        self.settings = completed_settings(
            settings, self.options.model_dump(mode="json"), labels, shape, pretrained
        )
        context = Context(shape, tokenizer, labels)
        with torch.device("meta"):
            self.collator: Task = self.task(self.options, context)
        self.training = EncodedSet.of(self.collator, data.train, training=True)
        self.evaluation = EncodedSet.of(
            self.collator, _drawn(data.evaluation, settings.training.eval_samples), training=False
        )
        _refuse_nothing(self.training, "training", "the training data holds nothing to train on")
        _refuse_nothing(self.evaluation, "held-out", "nothing can be scored on the held-out data")
        self._refuse_strange_score()
        whole = self.settings
        self.learner, self.head = learner_to_finetune(
            lambda: self.task(self.options, context),
            whole.model,
            whole.adapters,
            whole.training.seed,
            pretrained,
            shape,
        )
        self.lengths, self.fingerprint = self.training.lengths, fingerprint_of(data)
        cuts = cut_sentences(self.task.records, self.evaluation.cuts)
        cut = [f"held out: {sentence}" for sentence in cuts]
        parts = {"training": self.training, "held out": self.evaluation}
        strange = remarks_by_part({name: each.unknowns(tokenizer) for name, each in parts.items()})
        lost = [*_lost(self.training, "training"), *cut, *strange]
        lost += [] if tokenizer is None else tokenizer.remarks()
        self.notes = [*pretrained.notes, *said, *data.how_read, *data.notes, *lost]

    @classmethod
    def of(cls, settings: FinetuneSettings, resume: Resume | None, say: Say) -> "Finetuning":
        """Load model, tokenizer and data of a run; of one that is resumed, its own tokenizer.

        Raises UsageError, DataError or ModelError for what does not fit.
        """
        task = task_class(settings.task)
        refuse_unknown_scores(task.scorer, settings.best_by.split("+") if settings.best_by else ())
        pretrained = foundation_of_resumed(settings, resume) or foundation_of(settings, task, say)
        refuse_other_architecture(
            {settings.task: task}, pretrained.settings.architecture, str(pretrained.folder)
        )
        if resume is None:
            refuse_other_shape(settings.model.shape, shape_to_train(settings, pretrained))
        told = data_for(pretrained, settings.task, task, settings.data, settings.options)
        settings = settings.model_copy(update={"data": told})
        tokenizer = tokenizer_of(pretrained, resume)
        refuse_missing_tokens({settings.task: task}, tokenizer)
        say(f"reading {', '.join(settings.data.train)}")
        data = labelled_data(task, task_options(settings.task, settings.options), settings.data)
        return cls(settings, pretrained, tokenizer, data)

    def _refuse_strange_score(self) -> None:
        """Raises UsageError where --best-by names a score that this data has not: before anything
        is trained.
        """
        data, best_by = self.data, self.settings.best_by
        guessed = self.scorer.baselines(data.train, data.evaluation) if best_by is not None else {}
        for guesses in list(guessed.values())[:1]:
            cost_of(self.scorer.score(guesses, data.evaluation), best_by)

    def loader(
        self, micro_batch_size: int | None, process_group: ProcessGroup, pinned: bool
    ) -> Loader:
        """Return the training loader."""
        return training_loader(
            self.training.sample,
            self.collator,
            self.lengths,
            self.settings.training,
            micro_batch_size,
            process_group,
            pinned,
        )

    @property
    def sequences_at_once(self) -> int:
        """Batch size of evaluations, in sequences: at most that of training."""
        training = self.settings.training
        whole = (
            training.batch_size
            if training.batch_unit == "sequences"
            else max(1, int(training.batch_size / self.lengths.max()))
        )
        return (
            whole
            if training.micro_batch_size is None or training.batch_unit == "tokens"
            else min(whole, training.micro_batch_size)
        )

    def evaluator(self, hardware: Hardware, process_group: ProcessGroup) -> Evaluator:
        """The task's scores on the held-out examples; what rank 0 found holds for all, so that they
        stop as one.
        """
        training = self.settings.training
        loader = evaluation_loader(
            self.evaluation,
            self.collator,
            self.sequences_at_once,
            training.micro_batch_size,
            training.seed,
        )

        def evaluate(replica: Replica, agree: Agree) -> Evaluation:
            alone = {"agree": agree} if process_group.size == 1 else {}
            sums, predictions = answer(replica, loader, self.evaluation, hardware, **alone)
            scores = self.scorer.score(predictions, self.evaluation.examples)
            loss, terms, _ = sums.read()
            found = [
                loss,
                terms,
                {score.name: score.value for score in scores},
                cost_of(scores, self.settings.best_by),
            ]
            cut = cut_counts(self.evaluation.cuts)[CUT]
            counts = {
                **sums.counts(),
                **{score.name: score.count for score in scores},
                **({CUT: cut} if cut else {}),
            }
            return Evaluation(*json.loads(process_group.told(json.dumps([*found, counts]))))

        return evaluate

    def illustrate(self) -> Illustrate:
        """Return a function without examples: a task's outputs are its scores."""
        return lambda learner: ()

    def header(
        self, plan: Plan, hardware: Hardware, process_group: ProcessGroup
    ) -> Mapping[str, str]:
        """Return title -> line of what is trained, for the start."""
        settings, shape = self.settings, self.learner.backbone.settings
        training, model = settings.training, settings.model
        trained = sum(parameter.numel() for parameter in self.learner.trained_parameters().values())
        how = how_read(shape) if isinstance(self.learner.learnable, ReadoutTask) else ""
        start = "" if model.start == "pretrained" else f" · {model.start}"
        labels = f" · {amount(len(settings.labels), 'answer')}" if settings.labels else ""
        windows = len(self.training.samples) - len(self.data.train)
        return {
            "model": (
                f"{model.source}{start} · {parameters(shape) / 1e6:.2f} "
                f"M parameters · {shape.described_layers} x {shape.width}{how}"
            ),
            "data": (
                f"{', '.join(settings.data.train)} · "
                f"{amount(len(self.data.train), 'example')}, {len(self.data.evaluation):,} held out"
            )
            + (
                f", {len(self.data.test):,} to test"
                if self.data.test is not self.data.evaluation
                else ""
            )
            + "".join(
                f", {len(examples):,} of {language}"
                for language, examples in self.data.others.items()
            )
            + (f" · {amount(len(self.training.samples), 'window')}" if windows > 0 else "")
            + f" · {self.lengths.mean():.0f} {'tokens' if self.tokenizer else 'rows'} on average",
            "task": f"{settings.task}{labels} · trains {amount(trained, 'parameter')}"
            + self._how(),
            "head": self.head,
            "batch": (
                f"{training.batch_size:,} {training.batch_unit} · "
                f"{amount(plan.total_steps, 'step')}"
            ),
            **how_it_is_trained(settings, self.learner, plan, hardware, process_group),
        }

    def _how(self) -> str:
        model, rank = self.settings.model, self.settings.adapters.rank
        head_only = " · the head only" if model.freeze and not rank else ""
        adapters = (
            f" · LoRA of rank {rank} on {', '.join(self.settings.adapters.targets)}" if rank else ""
        )
        return f"{head_only}{adapters}" + (
            f" · layer decay {model.layer_decay:g}" if model.layer_decay != 1 else ""
        )

    def warnings(self, plan: Plan, hardware: Hardware) -> Sequence[str]:
        """Return warnings about the hardware."""
        return hardware_warnings(hardware)

    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Return facts about the data files, so that a resume sees changes."""
        data = self.settings.data
        return facts_of(
            split_language(reference)[1]
            for reference in (*data.train, *data.evaluation, *data.test)
        )

    def facts(self) -> Mapping[str, Any]:
        """Return labels, number of examples and start for run.json."""
        counts = {"examples": len(self.data.train), "records_left_out": self.data.left_out}
        unit = {} if self.collator.loss_unit == "nats" else {"loss_unit": self.collator.loss_unit}
        return {
            "labels": list(self.settings.labels),
            **counts,
            "start": self.settings.model.start,
            **unit,
        }

    def conclude(self, folder: Path, hardware: Hardware, done: bool) -> Report:
        """The curves; and, at the end, the best checkpoint's answers to the test data beside their
        baselines.
        """
        if self.settings.run.plot:
            title = title_of(folder, self.name, self.settings.data.train)
            curves: dict[str, Any] = {self.settings.model.start: read_metrics(folder)}
            score_curves(curves, title, folder / "plots" / "scores.png")
        if not done:
            return Report()
        # the best checkpoint, as anybody will have it from now on
        answerer = Answerer.load(str(folder), self.name, hardware)
        found = scored(answerer, self.data.train, self.data.test, self.sequences_at_once)
        write_evaluation(found, folder)
        counts = {**found.report.counts, LEFT_OUT: self.data.left_out}
        report = replace(
            found.report,
            notes=[*found.report.notes, *left_out_of(self.data.left_out)],
            counts=counts,
        )
        chosen = chosen_by(self.task, self.evaluation.examples, self.data.test)
        report = replace(report, notes=[*report.notes, *filter(None, [chosen])])
        return (
            across(report, self.settings.data.train, self._elsewhere(answerer, folder))
            if self.data.others
            else report
        )

    def _elsewhere(self, answerer: Answerer, folder: Path) -> Mapping[str, Report]:
        """Scores in the languages that nothing was trained in, and the answers themselves, a folder
        a language.
        """
        reports = {}
        for language, examples in self.data.others.items():
            found = scored(answerer, self.data.train, examples, self.sequences_at_once)
            (folder / LANGUAGES / language).mkdir(parents=True, exist_ok=True)
            write_evaluation(found, folder / LANGUAGES / language)
            reports[language] = found.report
        return reports


def _drawn(examples: Sequence[Example], count: int) -> Sequence[Example]:
    """So many of them for the evaluations on the way, always the same ones, in their order; all are
    scored at the end.
    """
    places = permuted(np.arange(min(count, len(examples))), len(examples), name_key("evaluation"))
    return [examples[place] for place in sorted(places.tolist())]


def _refuse_nothing(data: EncodedSet, name: str, problem: str) -> None:
    """Raises DataError where no example of the set has anything that the model sees."""
    if not len(data.samples):
        why = next(iter(_lost(data, name)), "no example has a token")
        raise DataError(f"{problem}: {why}", "look at it with --check")


def _lost(data: EncodedSet, name: str) -> list[str]:
    lost = [
        (example, each.lost)
        for example, each in zip(data.examples, data.encoded, strict=True)
        if each.lost
    ]
    if not lost:
        return []
    example, what = lost[0]
    verb = "loses" if len(lost) == 1 else "lose"
    return [
        (
            f"{len(lost):,} of {len(data.examples):,} {name} "
            f"examples {verb} something: {example.where}: {what}"
        )
    ]
