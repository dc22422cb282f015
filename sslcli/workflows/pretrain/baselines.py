"""N-gram baselines on the held-out targets, for a model to beat.

Letters: N targets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sslcli.contracts.abilities import HasRowBaselines
from sslcli.contracts.objective import PredictsTokens, TokenTargets
from sslcli.data.permuting import permuted
from sslcli.data.rng import Rng, name_key
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.ngrams import NeighbourCounts, count_neighbours, ngram_baselines, summed_counts
from sslcli.engine.composite import CompositeBatch, joined, with_ability
from sslcli.engine.loader import Loader
from sslcli.workflows.pretrain.prepare import Prepared

MOST_TOKENS_COUNTED = 5_000_000
MOST_TARGETS = 5_000
MOST_FITTED = 5_000  # samples that a baseline of rows is fitted on
PORTION_SAMPLES = 1 << 12


@dataclass(frozen=True)
class NgramScores:
    """`losses`: cross entropy in nats per target, `accuracies`: shares, by baseline."""

    losses: Mapping[str, float] = field(default_factory=dict)
    accuracies: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """Return losses and accuracies for run.json."""
        return {"losses": dict(self.losses), "accuracies": dict(self.accuracies)}


@dataclass(frozen=True)
class PretrainingBaselines:
    """N-gram baselines on all held-out targets, and by language with counts of that language.

    `term` and `accuracy_metric` are the learnable's loss and accuracy to compare with them;
    `loss_metric` is the loss where they are of one kind of targets alone. Empty if no tokens are
    predicted.
    """

    term: str = ""
    loss_metric: str = ""
    accuracy_metric: str = ""
    whole: NgramScores = NgramScores()
    languages: Mapping[str, NgramScores] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return the baselines for run.json, in all and by language."""
        languages = {language: reached.facts() for language, reached in self.languages.items()}
        return {
            "term": self.term,
            **({"loss_metric": self.loss_metric} if self.loss_metric else {}),
            "accuracy_metric": self.accuracy_metric,
            **self.whole.facts(),
            **({"languages": languages} if languages else {}),
        }


def baselines_of(prepared: Prepared) -> PretrainingBaselines:
    """Unigram, bigram and, for small vocabularies, two-sided bigram, counted on training tokens, on
    held-out targets; of rows what the objective itself names.
    """
    found = next(with_ability(prepared.collator, PredictsTokens), None)
    if found is None:
        return _row_baselines(prepared)
    name, part = found
    loaders = prepared.evaluation_loaders()
    counted = {
        language: _counts(prepared, prepared.train.languages[language], len(loaders))
        for language in loaders
        if len(loaders) > 1 and language in prepared.train.languages
    }
    whole = _targets(part, name, prepared.evaluation_loader())
    kind = next((f"{each.kind}_" for each in whole if each.kind), "")
    loss, accuracy = (
        f"{kind}{metric}" if name is None else joined(name, f"{kind}{metric}")
        for metric in ("loss", "accuracy")
    )
    return PretrainingBaselines(
        term=name or prepared.settings.objective,
        loss_metric=loss if kind else "",
        accuracy_metric=accuracy,
        whole=_reached(prepared, whole, _counts_of_all(prepared, counted, len(loaders))),
        languages={
            language: _reached(prepared, _targets(part, name, loaders[language]), counts)
            for language, counts in counted.items()
        },
    )


def _row_baselines(prepared: Prepared) -> PretrainingBaselines:
    found = next(with_ability(prepared.collator, HasRowBaselines), None)
    if found is None or not len(prepared.evaluation):
        return PretrainingBaselines()
    name, part = found
    rng = Rng(prepared.settings.training.seed, 0, progress=0.0)
    count = min(len(prepared.train), MOST_FITTED)
    numbers = np.linspace(0, len(prepared.train) - 1, count).astype(int).tolist()
    train = [prepared.train.sample(number, rng.sample(number)).values for number in numbers]
    held_out = _held_out_batches(name, prepared.evaluation_loader())
    losses = part.baseline_losses(train, held_out)
    return PretrainingBaselines(
        term=name or prepared.settings.objective, whole=NgramScores(losses=losses)
    )


def _counts(prepared: Prepared, among: np.ndarray | None = None, parts: int = 1) -> NeighbourCounts:
    """Of the samples `among` the training data; one of so many `parts` reads its part of the
    tokens.
    """
    tokens = _training_tokens(prepared, among)
    return count_neighbours(tokens, _tokenizer(prepared).size, MOST_TOKENS_COUNTED // parts)


def _counts_of_all(
    prepared: Prepared, counted: Mapping[str, NeighbourCounts], parts: int
) -> NeighbourCounts:
    """Nothing is read again where the languages are all of the data, each read to its end."""
    own = prepared.train.languages
    to_the_end = all(
        part.tokens_V.sum() < MOST_TOKENS_COUNTED // parts for part in counted.values()
    )
    if (
        counted
        and to_the_end
        and sum(len(own[language]) for language in counted) == len(prepared.train)
    ):
        return summed_counts(list(counted.values()))
    return _counts(prepared)


def _reached(
    prepared: Prepared, targets: Sequence[TokenTargets], counts: NeighbourCounts
) -> NgramScores:
    """By counters of the training data, on those targets."""
    total = sum(len(t.tokens_N) for t in targets)
    every = max(1, -(-total // MOST_TARGETS))  # evenly, because the loader gives samples by length
    tokens_N, left_N, right_N = (
        np.concatenate([getattr(t, kind) for t in targets])[::every]
        for kind in ("tokens_N", "left_N", "right_N")
    )
    reached, left_out = ngram_baselines(
        counts, tokens_N, left_N, right_N, ~_tokenizer(prepared).specials
    )
    return NgramScores(
        losses={each.name: each.cross_entropy for each in reached},
        accuracies={each.name: each.accuracy for each in reached},
        notes=[
            *(
                [f"the baselines are computed on one in {every} of {total:,} held-out targets"]
                if every > 1
                else []
            ),
            *(f"no {baseline} baseline: {why}" for baseline, why in left_out.items()),
        ],
    )


def _tokenizer(prepared: Prepared) -> Tokenizer:
    assert prepared.tokenizer is not None, "baselines are of objectives that predict tokens"
    return prepared.tokenizer


def _targets(part: PredictsTokens, name: str | None, loader: Loader) -> list[TokenTargets]:
    """`name`: of the part, where the objective has several."""
    return [part.targets(batch) for batch in _held_out_batches(name, loader)]


def _held_out_batches(name: str | None, loader: Loader) -> list[Any]:
    """Those of one part of the objective, where it has several."""
    return [
        batch.parts[name] if name is not None and isinstance(batch, CompositeBatch) else batch
        for work in loader.one_pass()
        for batch in work.batches
    ]


def _training_tokens(prepared: Prepared, among: np.ndarray | None) -> Iterator[np.ndarray]:
    """Samples from all over the data; enough of them, for counting."""
    rng, size = (
        Rng(prepared.settings.training.seed, 0, progress=0.0),  # as in training
        len(prepared.train if among is None else among),
    )
    for start in range(0, size, PORTION_SAMPLES):
        places = permuted(
            np.arange(start, min(start + PORTION_SAMPLES, size)), size, name_key("floors")
        )
        for number in (places if among is None else among[places]).tolist():
            yield prepared.train.sample(number, rng.sample(number)).ids
