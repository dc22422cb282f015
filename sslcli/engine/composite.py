"""Objectives joined with "+": losses of one backbone pass, or with passes of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.contracts.learnable import Context, Learnable
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.objective import Objective, Readout
from sslcli.contracts.parameters import Follower, Group
from sslcli.core.inputs import Inputs
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import Rows
from sslcli.data.batches import Batch, Sample
from sslcli.data.corpus import Corpus
from sslcli.data.rng import Rng, SampleRng
from sslcli.engine.joining import Joinable, refuse_unjoinable
from sslcli.reports import Report


@dataclass(frozen=True)
class CompositeBatch(ModelBatch):
    """A model batch with that of each part, by name."""

    parts: Mapping[str, ModelBatch]


def joined(name: str, term: str) -> str:
    """Return a part's term as the whole names it: "mlm" of mlm stays, "accuracy" becomes
    "mlm.accuracy".
    """
    return term if term == name else f"{name}.{term}"


class Composite(Objective[CompositeBatch]):
    """Several objectives as one.

    At most one part arranges otherwise than "single", and at most one Readout corrupts. All parts
    see the samples of the arranging part. All Readouts share one pass of the backbone, over the
    inputs of the corrupting part; every other part calls the backbone with its own.
    """

    summary = "several objectives on one backbone"

    def __init__(
        self, classes: Mapping[str, type[Objective]], options: Mapping[str, Any], context: Context
    ) -> None:
        super().__init__(next(iter(options.values())), context)
        arrangers = [name for name, cls in classes.items() if cls.arranges != "single"]
        self.readers = [name for name, cls in classes.items() if issubclass(cls, Readout)]
        corrupters = [
            name for name, cls in classes.items() if issubclass(cls, Readout) and cls.corrupts
        ]
        self.parts = nn.ModuleDict(
            {name: cls(options[name], context) for name, cls in classes.items()}
        )
        units = {cls.loss_unit for cls in classes.values()}
        self.loss_unit = units.pop() if len(units) == 1 else ""
        self.couples = any(cls.couples for cls in classes.values())
        self.arranges_for_all = (arrangers or list(classes))[0]
        reading_arrangers = [name for name in arrangers if name in self.readers]
        self.reads_from = (corrupters or reading_arrangers or self.readers or list(classes))[0]

    @property
    def objectives(self) -> dict[str, Objective]:
        """The parts by name."""
        return {name: part for name, part in self.parts.items() if isinstance(part, Objective)}

    @property
    def arranger(self) -> Objective:
        """The part that arranges the samples of all."""
        return self.objectives[self.arranges_for_all]

    def begin(self, backbone: Transformer, first_batch: Callable[[], CompositeBatch]) -> None:
        for name, part in self.objectives.items():
            part.begin(backbone, lambda name=name: first_batch().parts[name])

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        return self.arranger.arrange(corpus)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        return self.arranger.sample(corpus, row, rng)

    def collate(self, batch: Batch, rng: Rng) -> CompositeBatch:
        made = {name: part.collate(batch, rng.of(name)) for name, part in self.objectives.items()}
        parts = {
            name: replace(model_batch, progress=rng.progress) for name, model_batch in made.items()
        }
        counts = {
            joined(name, term): count
            for name, model_batch in parts.items()
            for term, count in model_batch.counts.items()
        }
        return CompositeBatch(self._shared_inputs(parts), counts, parts)

    def _shared_inputs(self, parts: Mapping[str, ModelBatch]) -> Inputs:
        """The inputs of the pass that all Readouts share, with the rows that any of them reads."""
        inputs = parts[self.reads_from].inputs
        every = [parts[name].inputs.reads for name in self.readers]
        named = [reads for reads in every if reads is not None]
        if not named or len(named) < len(every):
            return replace(inputs, reads=None)
        return inputs.reading(torch.cat([reads.rows_N for reads in named]))

    def forward(self, backbone: Transformer, batch: CompositeBatch) -> Loss:
        losses: dict[str, Loss] = {}
        if self.readers:
            hidden = backbone(batch.inputs)
            readers = {name: part for name, part in self.parts.items() if isinstance(part, Readout)}
            losses = {
                name: part.read(hidden, batch.parts[name], backbone)
                for name, part in readers.items()
            }
        losses |= {
            name: part(backbone, batch.parts[name])
            for name, part in self.parts.items()
            if name not in losses
        }

        def merge(kind: str) -> dict[str, Any]:
            return {
                joined(name, term): value
                for name, loss in losses.items()
                for term, value in getattr(loss, kind).items()
            }

        return Loss(merge("sums"), merge("metrics"), merge("state"))

    def groups(self) -> Sequence[Group]:
        """Return the groups of all parts, with their parameter names in the whole."""
        parts = self.objectives.items()
        return [
            replace(group, match=_inside(name, group.match))
            for name, part in parts
            for group in part.groups()
        ]

    def followers(self) -> Sequence[Follower]:
        return [
            replace(
                follower, match=_inside(name, follower.match), leader=_inside(name, follower.leader)
            )
            for name, part in self.objectives.items()
            for follower in part.followers()
        ]

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        for name, part in self.objectives.items():
            own = {
                term.removeprefix(f"{name}."): value
                for term, value in state.items()
                if term == name or term.startswith(f"{name}.")
            }
            part.after_step(backbone, own, rng.of(name))

    def show(self, batch: CompositeBatch) -> Report:
        reports = {name: part.show(batch.parts[name]) for name, part in self.objectives.items()}
        passages = [
            replace(passage, title=f"{name}: {passage.title}")
            for name, report in reports.items()
            for passage in report.passages
        ]
        joined_fields: dict[str, Any] = {
            kind: [entry for report in reports.values() for entry in getattr(report, kind)]
            for kind in ("scores", "tables", "curves", "plots", "matrices", "scatters", "galleries")
        }
        notes = [f"{name}: {note}" for name, report in reports.items() for note in report.notes]
        return Report("+".join(self.parts), passages=passages, notes=notes, **joined_fields)

    def overrides(self, method: str) -> bool:
        """Tell whether any part overrides a method of the contract."""
        return any(part.overrides(method) for part in self.objectives.values())


def _inside(name: str, match: str) -> str:
    """Return the name of a part's parameter within the whole."""
    own = match.removeprefix("learnable.")
    return match if own == match else f"learnable.parts.{name}.{own}"


def build_objective(
    classes: Mapping[str, type[Objective]], options: Mapping[str, Any], context: Context
) -> Objective:
    """Build one objective, or a Composite of several. Raises UsageError if they cannot be
    joined.
    """
    classes = {name: cls.of_shape(context.architecture) for name, cls in classes.items()}
    if len(classes) == 1:
        (name,) = classes
        return classes[name](options[name], context)
    refuse_unjoinable(
        {
            name: Joinable(
                cls.architectures,
                cls.arranges,
                issubclass(cls, Readout) and cls.corrupts,
                cls.modalities,
            )
            for name, cls in classes.items()
        }
    )
    return Composite(classes, options, context)


def unit_of(learnable: Learnable, term: str) -> str:
    """Return the unit of one loss term."""
    parts = learnable.objectives if isinstance(learnable, Composite) else {}
    return parts.get(term.partition(".")[0], learnable).loss_unit


def without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove from a state what earlier versions stored twice: the arranging part of several."""
    is_joined = any(name.startswith("parts.") for name in state)
    return {
        name: value
        for name, value in state.items()
        if not (is_joined and name.startswith("arranger."))
    }


def with_ability(learnable: Learnable, ability: type) -> Iterator[tuple[str | None, Any]]:
    """Yield the learnable (named None), or its parts, that implement a runtime-checkable
    Protocol.
    """
    if isinstance(learnable, Composite):
        yield from (
            (name, part) for name, part in learnable.parts.items() if isinstance(part, ability)
        )
    elif isinstance(learnable, ability):
        yield None, learnable
