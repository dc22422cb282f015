"""From sample numbers to model batches: the random half of every step, before its first
backward.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sslcli.contracts.learnable import Learnable
from sslcli.contracts.loss import ModelBatch
from sslcli.core.inputs import in_pinned_memory
from sslcli.data.batches import Sample, collate
from sslcli.data.mixing import Mixture
from sslcli.data.rng import Rng, SampleRng
from sslcli.data.sampler import Sampler, Selection
from sslcli.engine.ahead import Ahead
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.schedule import share_done
from sslcli.engine.settings import TrainingSettings

EVALUATION = -1  # the epoch of evaluation, so that every evaluation sees the same masks
AHEAD_STEPS = 2


@dataclass(frozen=True)
class StepBatch:
    """One rank's part of a global batch: its micro-batches, and each term's count over all of them.

    Only the first `counted` micro-batches count. The others are there because every rank has to
    call the network equally often; their gradients are zero.
    """

    batches: Sequence[ModelBatch]
    counted: int
    counts: Mapping[str, int]
    tokens: int
    samples: Sequence[int]
    position: int

    def row(self) -> list[float]:
        """Return what the other ranks need to know of it, as numbers."""
        return [
            len(self.batches),
            self.tokens,
            *(self.counts[term] for term in sorted(self.counts)),
        ]

    def shared(self, rows: np.ndarray) -> "StepBatch":
        """Return it with the counts summed over all ranks, and as many micro-batches as any rank
        has.

        `rows` [size, ...]: the `row` of every rank.
        """
        counts = dict(
            zip(sorted(self.counts), rows[:, 2:].sum(axis=0).astype(int).tolist(), strict=True)
        )
        missing = int(rows[:, 0].max()) - len(self.batches)
        return replace(
            self,
            batches=[*self.batches, *[self.batches[-1]] * missing],
            counts=counts,
            tokens=int(rows[:, 1].sum()),
        )


class Loader:
    """Makes the batches of a training or an evaluation.

    `sample(number, rng)` makes one sample; `collator` is the learnable on the meta device, whose
    `collate` it calls. `micro_batch_size` counts sequences or tokens as `unit` says; a learnable
    that couples its samples is never split. Of every batch a rank takes each `size`-th sample, so
    that all ranks have samples of similar length.
    """

    def __init__(
        self,
        sample: Callable[[int, SampleRng], Sample],
        collator: Learnable,
        sampler: Sampler,
        *,
        seed: int,
        unit: str,
        micro_batch_size: int | None,
        epoch: int | None = None,
        process_group: ProcessGroup = ALONE,
        pinned: bool = False,
    ) -> None:
        self.sample, self.collator, self.sampler = sample, collator, sampler
        self.seed, self.epoch, self.process_group, self.pinned = seed, epoch, process_group, pinned
        self.by_tokens = unit == "tokens"
        self.micro_batch_size = None if collator.couples else micro_batch_size

    def shrink(self, micro_batch_size: int | None) -> None:
        """Limit micro-batches to this size from now on; None changes nothing."""
        sizes = [size for size in (self.micro_batch_size, micro_batch_size) if size is not None]
        self.micro_batch_size = min(sizes, default=None)

    def ahead(self, position: int, step: int, total_steps: int) -> Ahead[StepBatch]:
        """Return `steps`, prefetched by a thread; close it after use."""
        return Ahead(self.steps(position, step, total_steps), AHEAD_STEPS)

    def steps(self, position: int, step: int = 0, total_steps: int = 1) -> Iterator[StepBatch]:
        """Yield batches without end, from `position` (samples seen since the start), that of
        `step`.
        """
        for number, selection in enumerate(self.sampler.batches(position), start=step):
            yield self._work(selection, share_done(number, total_steps))

    def one_pass(self) -> Iterator[StepBatch]:
        """Yield all of the data once."""
        for work in self.steps(0):
            yield work
            if work.position >= len(self.sampler):
                return

    def _work(self, selection: Selection, progress: float) -> StepBatch:
        rng = Rng(self.seed, selection.epoch, progress=progress)
        if self.epoch is not None:  # of evaluation, which stands at the end of all schedules
            rng = Rng(self.seed, self.epoch)
        mine = slice(self.process_group.rank, None, self.process_group.size)
        counts_nothing = self.process_group.rank >= len(selection.numbers)
        numbers, keys = (
            each[:1] if counts_nothing else each[mine]
            for each in (selection.numbers, selection.keys)
        )
        samples = [
            self.sample(int(number), rng.sample(int(key)))
            for number, key in zip(numbers, keys, strict=True)
        ]
        batches, tokens, counts = [], 0, {}
        for start, stop in self._micro_batches([sample.size for sample in samples]):
            batch = collate(keys[start:stop], samples[start:stop])
            made = replace(self.collator.collate(batch, rng), progress=rng.progress)
            batches.append(in_pinned_memory(made) if self.pinned else made)
            tokens += batch.size
            for term, count in made.counts.items():
                counts[term] = counts.get(term, 0) + count
        if counts_nothing:
            tokens, counts, numbers = 0, dict.fromkeys(counts, 0), numbers[:0]
        counted = 0 if counts_nothing else len(batches)
        return StepBatch(
            batches,
            counted,
            counts,
            tokens,
            [int(number) for number in numbers],
            selection.position,
        )

    def _micro_batches(self, lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
        start, size = 0, 0
        for stop, length in enumerate(lengths):
            cost = length if self.by_tokens else 1
            if (
                self.micro_batch_size is not None
                and stop > start
                and size + cost > self.micro_batch_size
            ):
                yield start, stop
                start, size = stop, 0
            size += cost
        yield start, len(lengths)


def training_loader(
    sample: Callable[[int, SampleRng], Sample],
    collator: Learnable,
    lengths: np.ndarray,
    training: TrainingSettings,
    micro_batch_size: int | None,
    process_group: ProcessGroup,
    pinned: bool,
    mixture: Mixture | None = None,
) -> Loader:
    """Build the loader of a run: epoch after epoch over samples of these `lengths` [n]."""
    sampler = Sampler(
        lengths,
        training.batch_size,
        training.batch_unit,
        training.seed,
        mixture=mixture,
        window_batches=training.window_batches,
    )
    unit = training.batch_unit
    return Loader(
        sample,
        collator,
        sampler,
        seed=training.seed,
        unit=unit,
        micro_batch_size=micro_batch_size,
        process_group=process_group,
        pinned=pinned,
    )
