"""Every step knows how much of the training is done; everything else stands at the end."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sslcli.api import Inputs, ModelBatch, Sample
from sslcli.data.sampler import Sampler
from sslcli.engine.loader import EVALUATION, Loader
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.schedule import share_done

STEPS, LENGTHS = 5, np.arange(3, 16)


@dataclass(frozen=True)
class SeenBatch(ModelBatch):
    drawn: torch.Tensor


class Twin:
    couples = False

    def collate(self, batch, rng):
        return SeenBatch(
            Inputs.of(batch),
            {"term": len(batch)},
            torch.tensor(rng.progress, dtype=torch.float64),
        )


def loader(process_group=None, epoch=None, micro_batch_size=None):
    sampler = Sampler(LENGTHS, 4, "sequences", seed=1)
    words = {} if process_group is None else {"process_group": process_group}
    return Loader(
        lambda number, rng: Sample(np.full(LENGTHS[number], number)), Twin(), sampler,
        seed=1, unit="sequences", micro_batch_size=micro_batch_size, epoch=epoch, **words,
    )  # fmt: skip


def test_the_share_grows_by_one_step_and_never_reaches_one():
    assert [share_done(step, 4) for step in range(7)] == [0.0, 0.25, 0.5, 0.75, 0.75, 0.75, 0.75]


@pytest.mark.parametrize("micro_batch_size", [None, 1, 3])
@pytest.mark.parametrize("rank", [None, 0, 1])
def test_batches_and_random_numbers_know_it_on_every_rank_in_every_micro_batch(
    rank, micro_batch_size
):
    made = loader(
        None if rank is None else ProcessGroup(rank, 2), micro_batch_size=micro_batch_size
    )
    for step, work in zip(range(STEPS), made.steps(0, 0, STEPS), strict=False):
        assert {batch.progress for batch in work.batches} == {step / STEPS}
        assert {float(batch.drawn) for batch in work.batches} == {step / STEPS}


def test_a_resume_meets_what_an_undisturbed_run_would():
    whole = [
        (work.position, work.batches[0].progress)
        for work, _ in zip(loader().steps(0, 0, STEPS), range(STEPS), strict=False)
    ]
    after = [
        (work.position, work.batches[0].progress)
        for work, _ in zip(loader().steps(whole[1][0], 2, STEPS), range(3), strict=False)
    ]
    assert after == whole[2:]


def test_an_evaluation_stands_at_the_end():
    for work in loader(epoch=EVALUATION).one_pass():
        assert work.batches[0].progress == float(work.batches[0].drawn) == 1.0
