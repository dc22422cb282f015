"""Which process this one is, by what torchrun and Slurm put into the environment."""

import pytest

from sslcli.engine.loading import Work
from sslcli.engine.place import place
from sslcli.engine.world import ALONE


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, (3, 4, 1)),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_STEP_ID": "0"}, (5, 8, 1)),
        # The batch script itself has the names of the tasks it has not started yet.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"}, (0, 1, 0)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0", "SLURM_STEP_ID": "4294967291"}, (0, 1, 0)),
        # torchrun inside a task of srun: torchrun knows better.
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_STEP_ID": "0"}, (1, 2, 1)),
    ],
)
def test_place(environment, expected):
    assert place(environment) == expected


def test_alone_everything_is_told_to_oneself():
    assert ALONE.gather([1.0, 2.5]).tolist() == [[1.0, 2.5]]
    assert ALONE.once(lambda: "here") == "here"
    assert ALONE.told("said") == "said"


def test_work_is_shared_with_everyones_counts_and_padded_to_the_longest():
    mine = Work(["a", "b"], 2, {"nsp": 4, "mlm": 10}, 100, [1, 2], 7)
    theirs = Work(["x"], 0, {"nsp": 0, "mlm": 0}, 0, [], 7)
    rows = ALONE.gather(mine.row())
    rows = rows.repeat(2, axis=0)
    rows[1] = theirs.row()
    for work, views in ((mine, ["a", "b"]), (theirs, ["x", "x"])):
        shared = work.shared(rows)
        assert shared.views == views
        assert shared.counted == work.counted
        assert shared.counts == {"nsp": 4, "mlm": 10}
        assert shared.tokens == 100
