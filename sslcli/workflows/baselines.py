"""What counting alone reaches on the same held-out targets: the floors a model has to beat."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sslcli.contracts import PredictsTokens, TokenTargets, Views
from sslcli.data.draws import Draws, name_key
from sslcli.data.floors import count_neighbours, floors
from sslcli.data.sampler import permuted
from sslcli.engine.composite import CompositeViews, joined, with_ability
from sslcli.workflows.preparing import Prepared

MOST_TOKENS_COUNTED = 5_000_000
MOST_TARGETS = 5_000
PORTION_SAMPLES = 1 << 12


@dataclass(frozen=True)
class Floors:
    """`losses`: cross entropy in nats per target, `accuracies`: shares, by baseline. Empty where no tokens are predicted.

    `term` and `accuracy_metric` are what the learnable calls the loss and the accuracy to be compared with them.
    """

    term: str = ""
    accuracy_metric: str = ""
    losses: Mapping[str, float] = field(default_factory=dict)
    accuracies: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        return {"term": self.term, "losses": dict(self.losses), "accuracies": dict(self.accuracies)}


def floors_of(prepared: Prepared) -> Floors:
    """Unigram, bigram and, for small vocabularies, two-sided bigram, counted on training tokens, on held-out targets."""
    found = next(with_ability(prepared.twin, PredictsTokens), None)
    if found is None:
        return Floors()
    name, part = found
    targets = list(_targets(part, name, (views for work in prepared.evaluation_loader().one_pass() for views in work.views)))
    total = sum(len(t.tokens_N) for t in targets)
    every = max(1, -(-total // MOST_TARGETS))  # evenly, because the loader gives samples by length
    tokens_N, left_N, right_N = (np.concatenate([getattr(t, kind) for t in targets])[::every] for kind in ("tokens_N", "left_N", "right_N"))
    counts = count_neighbours(_training_tokens(prepared), prepared.tokenizer.size, MOST_TOKENS_COUNTED)
    reached, left_out = floors(counts, tokens_N, left_N, right_N, ~prepared.tokenizer.specials)
    return Floors(
        term=name or prepared.settings.objective,
        accuracy_metric="accuracy" if name is None else joined(name, "accuracy"),
        losses={floor.name: floor.cross_entropy for floor in reached},
        accuracies={floor.name: floor.accuracy for floor in reached},
        notes=[
            *([f"the floors are computed on every {every}th of {total:,} held-out targets"] if every > 1 else []),
            *(f"no {baseline} floor: {why}" for baseline, why in left_out.items()),
        ],
    )


def _targets(part: PredictsTokens, name: str | None, passes: Iterator[Views]) -> Iterator[TokenTargets]:
    for views in passes:
        yield part.targets(views.parts[name] if isinstance(views, CompositeViews) else views)


def _training_tokens(prepared: Prepared) -> Iterator[np.ndarray]:
    """Samples from all over the data; enough of them, for counting."""
    draws, size = Draws(prepared.settings.training.seed, 0), len(prepared.train)
    for start in range(0, size, PORTION_SAMPLES):
        for number in permuted(np.arange(start, min(start + PORTION_SAMPLES, size)), size, name_key("floors")).tolist():
            yield prepared.train.sample(number, draws.sample(number)).tokens
