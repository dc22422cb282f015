"""From sample numbers to views: the random half of every step, made before its first backward."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sslcli.contracts import Learnable, Views
from sslcli.data.batches import Sample, collate
from sslcli.data.draws import Draws, SampleDraws
from sslcli.data.sampler import Sampler

EVALUATION = -1  # the epoch that evaluation draws from, so that every evaluation sees the same masks


@dataclass(frozen=True)
class Work:
    """One global batch: its micro-batches, each term's count over all of them, and the position after it."""

    views: Sequence[Views]
    counts: Mapping[str, int]
    tokens: int
    position: int


class Loader:
    """`sample(number, draws)` makes one sample; `twin` is the learnable on the meta device, whose views it calls.

    `micro_batch_size` counts sequences or tokens as `unit` says; a learnable that couples its samples is never split.
    """

    def __init__(
        self,
        sample: Callable[[int, SampleDraws], Sample],
        twin: Learnable,
        sampler: Sampler,
        *,
        seed: int,
        unit: str,
        micro_batch_size: int | None,
        epoch: int | None = None,
    ) -> None:
        self.sample, self.twin, self.sampler = sample, twin, sampler
        self.seed, self.epoch = seed, epoch
        self.by_tokens = unit == "tokens"
        self.micro_batch_size = None if twin.couples else micro_batch_size

    def steps(self, position: int) -> Iterator[Work]:
        """Without end, from `position` (samples seen since the start)."""
        for selection in self.sampler.batches(position):
            draws = Draws(self.seed, selection.epoch if self.epoch is None else self.epoch)
            samples = [self.sample(int(number), draws.sample(int(number))) for number in selection.numbers]
            views, tokens, counts = [], 0, {}
            for start, stop in self._micro_batches([len(sample) for sample in samples]):
                batch = collate(selection.numbers[start:stop], samples[start:stop])
                views.append(self.twin.views(batch, draws))
                tokens += int(batch.starts[-1])
                for term, count in views[-1].counts.items():
                    counts[term] = counts.get(term, 0) + count
            yield Work(views, counts, tokens, selection.position)

    def _micro_batches(self, lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
        start, size = 0, 0
        for stop, length in enumerate(lengths):
            cost = length if self.by_tokens else 1
            if self.micro_batch_size is not None and stop > start and size + cost > self.micro_batch_size:
                yield start, stop
                start, size = stop, 0
            size += cost
        yield start, len(lengths)
