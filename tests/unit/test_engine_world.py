"""Which process this one is, by what torchrun and Slurm put into the environment."""

import os
import subprocess
import sys

import pytest

from sslcli.engine.loader import StepBatch
from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.processes.rank import known_rank_and_size, rank_and_size
from sslcli.errors import UsageError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, (3, 4, 1)),
        (
            {"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_STEP_ID": "0"},
            (5, 8, 1),
        ),
        # The batch script itself has the names of the tasks it has not started yet.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"}, (0, 1, 0)),
        (
            {
                "SLURM_PROCID": "0",
                "SLURM_NTASKS": "8",
                "SLURM_LOCALID": "0",
                "SLURM_STEP_ID": "4294967291",
            },
            (0, 1, 0),
        ),
        # torchrun inside a task of srun: torchrun knows better.
        (
            {
                "RANK": "1",
                "WORLD_SIZE": "2",
                "LOCAL_RANK": "1",
                "SLURM_PROCID": "0",
                "SLURM_NTASKS": "1",
                "SLURM_STEP_ID": "0",
            },
            (1, 2, 1),
        ),
    ],
)
def test_place(environment, expected):
    assert rank_and_size(environment) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {
                "OMPI_COMM_WORLD_RANK": "2",
                "OMPI_COMM_WORLD_SIZE": "4",
                "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            },
            (2, 4, 0),
        ),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, (1, 2, 0)),
        (
            {
                "PMI_RANK": "0",
                "PMI_SIZE": "2",
                "SLURM_STEP_ID": "0",
                "SLURM_PROCID": "1",
                "SLURM_NTASKS": "2",
            },
            (1, 2, 0),
        ),
        (
            {
                "OMPI_COMM_WORLD_RANK": "0",
                "OMPI_COMM_WORLD_SIZE": "1",
                "RANK": "1",
                "WORLD_SIZE": "2",
            },
            (1, 2, 0),
        ),
    ],
)
def test_place_under_mpirun(environment, expected):
    assert rank_and_size(environment) == expected


STRANGE = [
    {"RANK": "0", "WORLD_SIZE": "abc"},
    {"RANK": "x", "WORLD_SIZE": "1"},
    {"RANK": "-1", "WORLD_SIZE": "2"},
    {"RANK": "2", "WORLD_SIZE": "2"},
    {"RANK": "0", "WORLD_SIZE": "0"},
    {"RANK": "", "WORLD_SIZE": "2"},
    {"RANK": "1.0", "WORLD_SIZE": "2"},
    {"RANK": "²", "WORLD_SIZE": "3"},
    {"RANK": "9" * 5000, "WORLD_SIZE": "2"},
    {"RANK": "1"},
    {"WORLD_SIZE": "2"},
    {"LOCAL_RANK": "1"},
    {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "2"},
    {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "2"},
    {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "a"},
    {"SLURM_STEP_ID": "abc"},
    {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1"},
    {"SLURM_STEP_ID": "0", "SLURM_PROCID": "4", "SLURM_NTASKS": "4"},
    {"OMPI_COMM_WORLD_RANK": "1"},
    {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "1"},
    {"PMI_RANK": "0", "PMI_SIZE": "two"},
]


@pytest.mark.parametrize("environment", STRANGE, ids=lambda environment: " ".join(environment)[:40])
def test_a_place_that_makes_no_sense_is_a_sentence_that_names_a_variable_and_elsewhere_not_looked_at(
    environment,
):
    with pytest.raises(UsageError) as found:
        rank_and_size(environment)
    assert any(name in found.value.message for name in environment)
    assert len(found.value.message) < 150
    assert known_rank_and_size(environment) == (0, 1, 0)


def ssl(words, **environment):
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    }
    line = [sys.executable, "-m", "sslcli", *words]
    return subprocess.run(
        line, env={**variables, **environment}, capture_output=True, text=True, check=False
    )


def test_lines_that_are_not_launched_do_not_look_at_variables_of_launchers():
    for environment in ({"RANK": "x", "WORLD_SIZE": "1"}, {"SLURM_STEP_ID": "abc"}):
        assert ssl(["--version"], **environment).returncode == 0
    ended = ssl(["runs", "show", "nothing"], RANK="1", WORLD_SIZE="2")
    assert ended.returncode == 2
    assert "there is no run 'nothing'" in ended.stderr


def test_a_line_that_trains_refuses_them_and_says_its_own_mistakes_whatever_its_rank():
    for environment in ({"RANK": "x", "WORLD_SIZE": "1"}, {"RANK": "3", "WORLD_SIZE": "2"}):
        ended = ssl(["pretrain", "--objective", "mlm"], **environment)
        assert (ended.returncode, ended.stderr.count("error:")) == (2, 1)
        assert "RANK is" in ended.stderr
    ended = ssl(["pretrain", "--objective", "no-such"], RANK="1", WORLD_SIZE="2")
    assert ended.returncode == 2
    assert "no-such" in ended.stderr


def test_alone_everything_is_told_to_oneself():
    assert ALONE.gather([1.0, 2.5]).tolist() == [[1.0, 2.5]]
    assert ALONE.once(lambda: "here") == "here"
    assert ALONE.told("said") == "said"


def test_work_is_shared_with_everyones_counts_and_padded_to_the_longest():
    mine = StepBatch(["a", "b"], 2, {"nsp": 4, "mlm": 10}, 100, [1, 2], 7)
    theirs = StepBatch(["x"], 0, {"nsp": 0, "mlm": 0}, 0, [], 7)
    rows = ALONE.gather(mine.row())
    rows = rows.repeat(2, axis=0)
    rows[1] = theirs.row()
    for work, batch in ((mine, ["a", "b"]), (theirs, ["x", "x"])):
        shared = work.shared(rows)
        assert shared.batches == batch
        assert shared.counted == work.counted
        assert shared.counts == {"nsp": 4, "mlm": 10}
        assert shared.tokens == 100
