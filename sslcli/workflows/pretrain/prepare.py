"""Everything between the settings and the loop: data cut into samples, the model, the objective,
its settings completed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from sslcli.config import Config
from sslcli.contracts.learnable import Context
from sslcli.contracts.objective import Objective
from sslcli.core.presets import preset
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.data.batches import Sample
from sslcli.data.corpus import SPLIT_SEED, Corpus
from sslcli.data.mixing import Mixture
from sslcli.data.permuting import permuted
from sslcli.data.rng import Rng, name_key
from sslcli.data.sampler import Sampler
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.arrange import SampleSource, arranged, refuse_single_sentences
from sslcli.datasets.array_rows import refuse_unread
from sslcli.datasets.cache import Say, cache_folder, quiet
from sslcli.datasets.coded_tables import coded_table
from sslcli.datasets.locate import trained_on_too
from sslcli.datasets.tokenized import Tokenized, shards_for, with_tokenizer_of_run
from sslcli.datasets.tokenizer_training import usual_tokenizer
from sslcli.engine.composite import build_objective, with_ability
from sslcli.engine.learner import Learner
from sslcli.engine.loader import EVALUATION, Loader, training_loader
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.errors import ConfigError, UsageError
from sslcli.grid import Grid
from sslcli.modalities import Modality
from sslcli.models.fitting import refuse_missing_tokens, refuse_other_shape
from sslcli.models.line_checks import ANY_VOCABULARY, refuse_untrained_backbone
from sslcli.models.loading import load_pretrained
from sslcli.models.objectives import architecture_for, objective_classes, objective_options
from sslcli.models.weights import NEW, Pretrained, from_seed
from sslcli.reports import Report
from sslcli.resolving import problems_of
from sslcli.runs.references import FOUNDATION, decided
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.misfits import (
    hint_for_tokens,
    refuse_giant,
    refuse_known_tokenizer,
    refuse_long_documents,
    refuse_model_misfit,
    refuse_other_kind,
    refuse_raw_data,
    refuse_strange_data,
)
from sslcli.workflows.training.resume import Resume

MOST_SHOWN = 3  # held-out samples, at every evaluation


@dataclass(frozen=True)
class Prepared:
    """`settings` are complete: every field that was left open is decided. `head`: whether it is
    kept or new, in words.
    """

    settings: PretrainSettings
    tokenizer: Tokenizer | None
    learner: Learner
    collator: Objective
    train: SampleSource
    evaluation: SampleSource
    fingerprint: str
    data_report: Report
    notes: Sequence[str]
    head: str = NEW

    def shown_samples(
        self, rng: Rng, most: int = MOST_SHOWN
    ) -> tuple[Sequence[int], Sequence[Sample]]:
        """The numbers of a few held-out samples, evenly over all of them, and the samples: what a
        run shows while it learns.
        """
        count = min(most, len(self.evaluation))
        numbers = [int(number) for number in np.linspace(0, len(self.evaluation) - 1, count)]
        return numbers, [self.evaluation.sample(number, rng.sample(number)) for number in numbers]

    def loader(
        self,
        micro_batch_size: int | None,
        process_group: ProcessGroup = ALONE,
        pinned: bool = False,
    ) -> Loader:
        """Return the training loader."""
        training, train = self.settings.training, self.train
        return training_loader(
            train.sample,
            self.collator,
            train.lengths,
            training,
            micro_batch_size,
            process_group,
            pinned,
            self.mixture,
        )

    @cached_property
    def mixture(self) -> Mixture | None:
        """The sampling of the training data's languages."""
        return self.train.mixture(self.settings.data.language_exponent)

    def evaluation_loaders(self, process_group: ProcessGroup = ALONE) -> Mapping[str, Loader]:
        """Return a loader per language, or one of all samples if languages are not
        distinguished.
        """
        parts = self.evaluation.languages
        if len(parts) < 2 or self.collator.couples:
            return {"": self.evaluation_loader(process_group)}
        return {
            language: self.evaluation_loader(process_group, numbers)
            for language, numbers in parts.items()
        }

    def evaluation_loader(
        self, process_group: ProcessGroup = ALONE, among: np.ndarray | None = None
    ) -> Loader:
        """Return the loader of the held-out samples, or of those `among` them."""
        training = self.settings.training
        sampler = Sampler(
            self.evaluation.lengths,
            training.batch_size,
            training.batch_unit,
            training.seed,
            shuffle=False,
            among=among,
        )
        return Loader(
            self.evaluation.sample,
            self.collator,
            sampler,
            seed=training.seed,
            unit=training.batch_unit,
            micro_batch_size=training.micro_batch_size,
            epoch=EVALUATION,
            process_group=process_group,
        )


def _start(source: str, say: Say) -> Pretrained:
    """Load the weights that training starts from; what was skipped to find them is said."""
    source, notes = decided(source, FOUNDATION)
    for note in notes:
        say(f"note: {note}")
    return load_pretrained(source)


def prepare(settings: PretrainSettings, resume: Resume | None = None, say: Say = quiet) -> Prepared:
    """Read the shards (or find them in the cache), arrange samples, and build the model.

    The model starts from its seed or from `model.source`. `resume`: a run that is resumed, whose
    tokenizer is taken. `say` receives progress messages.
    """
    classes = objective_classes(settings.objective)
    options = objective_options(classes, settings.options)
    modality = refuse_unread({name: cls.modalities for name, cls in classes.items()}, settings.data)
    pretrained = _start(settings.model.source, say) if settings.model.source else None
    refuse_untrained_backbone(settings)
    named = with_tokenizer_of_run(settings.tokenizer, say)
    wanted = _tokenizer_settings(named, classes, pretrained)
    learnt = None if resume is None else resume.tokenizer
    hint = hint_for_tokens(classes, of_model=pretrained is not None)
    # before data is read: of a new model all but its vocabulary or its rows is known
    shape = _shape(settings, architecture_for(classes), _looked_for(modality), pretrained)
    refuse_model_misfit(settings, classes, shape)
    if resume is None:
        refuse_raw_data(settings.data)
        if pretrained is not None:
            refuse_other_kind(settings.model.source, pretrained.settings, settings.data, modality)
            refuse_other_shape(settings.model.shape, shape)
    if modality == "text" and learnt is None:
        refuse_known_tokenizer(classes, options, settings.data, wanted, shape, hint)
    table = None if pretrained is None else pretrained.settings.table
    shards = shards_for(settings.data, wanted, cache_folder(), learnt, say, table)
    refuse_missing_tokens(classes, shards.tokenizer, hint)
    corpus, notes = coded_table(_opened(shards, settings.data), settings.data, table)
    shape = _shape(settings, architecture_for(classes), _read(corpus, shards.tokenizer), pretrained)
    refuse_strange_data(shards.tokenizer, {_names(settings.data.train): corpus}, shape)
    refuse_single_sentences(classes, settings.data.train, corpus)
    refuse_giant(shape, settings.hardware.device)
    corpora = _parts(corpus, settings.data, wanted, shards, say)
    if settings.data.evaluation:
        refuse_single_sentences(classes, settings.data.evaluation, corpora[1])
        refuse_strange_data(shards.tokenizer, {_names(settings.data.evaluation): corpora[1]}, shape)
    tokenizer = _generating_as(pretrained, wanted.source, shards.tokenizer)
    options = _resolved(classes, options, shape, corpora[0])
    context = Context(shape, tokenizer)
    with torch.device("meta"):
        collator = build_objective(classes, options, context)
    options = _decided_options(classes, collator)
    settings = _completed(settings, wanted, options, shape, pretrained)
    train, evaluation = (arranged(collator, classes, options, corpus, say) for corpus in corpora)
    refuse_long_documents(train, evaluation, shape)
    evaluation = _drawn(evaluation, settings.training.eval_samples)
    learner, head = _learner(
        lambda: build_objective(classes, options, context), shape, settings, pretrained
    )
    notes = [*shards.notes, *notes, *(pretrained.notes if pretrained is not None else ())]
    notes += trained_on_too(settings.data)
    return Prepared(
        settings,
        tokenizer,
        learner,
        collator,
        train,
        evaluation,
        f"{train.corpus.fingerprint}-{evaluation.corpus.fingerprint}",
        shards.report,
        notes,
        head,
    )


def _resolved(
    classes: Mapping[str, type[Objective]],
    options: Mapping[str, Config],
    shape: TransformerSettings,
    corpus: Corpus,
) -> dict[str, Config]:
    """With those that the training samples decide."""
    return {
        name: cls.of_shape(shape).resolve_options(options[name], corpus)
        for name, cls in classes.items()
    }


def _tokenizer_settings(
    asked: TokenizerSettings, classes: Mapping[str, type[Objective]], pretrained: Pretrained | None
) -> TokenizerSettings:
    """A model that is trained further keeps its tokenizer; a new one learns the pieces that suit
    its architecture.
    """
    source = asked.source
    if pretrained is not None and source is None and pretrained.tokenizer_folder is not None:
        source = str(pretrained.tokenizer_folder)
    kind = usual_tokenizer(architecture_for(classes)) if asked.kind is None else asked.kind
    return asked.model_copy(update={"source": source, "kind": kind})


def _decided_options(
    classes: Mapping[str, type[Objective]], collator: Objective
) -> Mapping[str, Config]:
    """An objective decides what was left to the width of its data."""
    parts = zip(classes, with_ability(collator, Objective), strict=True)
    return {name: part.options for name, (_, part) in parts}


def _completed(
    asked: PretrainSettings,
    tokenizer: TokenizerSettings,
    options: Mapping[str, Config],
    shape: TransformerSettings,
    pretrained: Pretrained | None,
) -> PretrainSettings:
    """With everything that data and model decide; nothing of it changes from here on."""
    # "@latest" will mean another run tomorrow
    source = None if pretrained is None else pretrained.recorded
    decided_here = {
        "model": asked.model.model_copy(update={"shape": shape.model_dump(), "source": source}),
        "options": {name: part.model_dump(mode="json") for name, part in options.items()},
        "tokenizer": tokenizer,
    }
    return asked.model_copy(update=decided_here)


def _generating_as(
    pretrained: Pretrained | None,
    source: str | None,
    tokenizer: Tokenizer | None,
) -> Tokenizer | None:
    """A model trained further with its own tokenizer generates, and ends texts, as it did."""
    if (
        tokenizer is None
        or pretrained is None
        or pretrained.tokenizer_folder is None
        or source is None
    ):
        return tokenizer
    if Path(source).resolve() != pretrained.tokenizer_folder.resolve():
        return tokenizer
    return tokenizer.generating_as(pretrained.tokenizer())


def _looked_for(modality: Modality) -> dict[str, Any]:
    """What stands for the data in a shape before that is read."""
    if modality == "text":
        return {"vocabulary": ANY_VOCABULARY}
    return {"row_features": 1, **({"grid": Grid(1, 1, 1, 1)} if modality == "images" else {})}


def _read(corpus: Corpus, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """What data decides of a model's shape: tokens, rows, or the rows of images or tables."""
    if tokenizer is not None:
        return {"vocabulary": tokenizer.size}
    if corpus.frames is not None:
        return {"row_features": corpus.frames.features, "frames": corpus.frames}
    layout = corpus.grid or corpus.coded_as
    if layout is None:
        return {"row_features": prod(corpus.row_shape)}
    kept = "table" if corpus.grid is None else "grid"
    return {"row_features": layout.features, kept: layout, "longest_tokens": layout.rows}


def _shape(
    settings: PretrainSettings,
    architecture: Architecture,
    read: Mapping[str, Any],
    pretrained: Pretrained | None,
) -> TransformerSettings:
    """That of the model that is trained further, or the preset with the differences from the run
    file, for what it has to `read`.
    """
    if pretrained is not None:
        return pretrained.settings
    name = settings.model.preset or "mini"
    overrides: dict[str, Any] = {"vocabulary": 0, **read, **settings.model.shape}
    try:
        return preset(
            name,
            overrides.pop("architecture", architecture),
            overrides.pop("vocabulary"),
            **overrides,
        )
    except ValidationError as error:
        raise ConfigError(
            problems_of(error, TransformerSettings, prefix="model.shape"), ""
        ) from error


def _names(references: Sequence[str]) -> str:
    return ", ".join(references)


def _opened(shards: Tokenized, data: DataSettings) -> Corpus:
    return Corpus.open(shards.folder, data.sequence_tokens, data.unit)


def _parts(
    corpus: Corpus, data: DataSettings, tokenizer: TokenizerSettings, shards: Tokenized, say: Say
) -> tuple[Corpus, Corpus]:
    """The samples to train on, and those that are held out of them or come from data of their
    own.
    """
    if not data.evaluation:
        return corpus.split(data.held_out, SPLIT_SEED)
    taken = tokenizer.model_copy(update={"source": str(shards.folder)})
    table, data = corpus.coded_as, data.model_copy(update={"train": data.evaluation})
    held_out = shards_for(data, taken, cache_folder(), say=say, table=table)
    found = _opened(held_out, data)
    return corpus, found if table is None else found.coded(table, ", ".join(data.train))


def _drawn(source: SampleSource, count: int) -> SampleSource:
    """So many samples of all parts of the data, always the same ones, in their order."""
    numbers = np.sort(
        permuted(np.arange(min(count, len(source))), len(source), name_key("evaluation"))
    )
    return source.some(numbers)


def _learner(
    build: Callable[[], Objective],
    shape: TransformerSettings,
    settings: PretrainSettings,
    pretrained: Pretrained | None,
) -> tuple[Learner, str]:
    """And whether its head is kept or new. Raises UsageError where the backbone is not to learn,
    and nothing else can.
    """
    backbone, objective = from_seed(build, shape, settings.training.seed)
    head = NEW
    if pretrained is not None:
        head = pretrained.load_into(backbone, objective)
    if settings.model.train == "head":
        backbone.requires_grad_(False)
    learner = Learner(backbone, objective)
    if not learner.trained_parameters():
        raise UsageError(
            (
                f"'{settings.objective}' has nothing of its own to "
                "train: its head is the model's embedding matrix"
            ),
            "leave out --train head",
        )
    return learner, head
