"""`--gpus N` from a command line: how it ends, and that a lost rank does not end it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.workflows.training import launch

LINE = (
    "pretrain --objective mlm --vocabulary 150 --arch tiny --batch-size "
    "8 --seq-len 24 --log-every 5 --eval-every 1000 --save-every 10"
)
LOSES_A_RANK = ("--max-steps", "60", "--timeout", "5s", "--", "--max-restarts", "2")
PATIENCE_SECONDS, SECONDS_TO_END = 240, 40


class Started:
    """A command in a process of its own, whose stderr is read line by line."""

    def __init__(self, folder, corpus, *words, by_torchrun=False):
        torchrun = ["torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m"]
        launcher = torchrun if by_torchrun else []
        command = [sys.executable, "-m", *launcher, "sslcli", *LINE.split(), "--device", "cpu"]
        command += [] if by_torchrun else ["--gpus", "2"]
        # In a session of its own, so that a signal to it alone is what is tried.
        self.process = subprocess.Popen(
            [*command, "--data", str(corpus), "--out", str(folder), "--no-milestones", *words],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )  # fmt: skip
        self.folder, self.said = folder, []

    def until(self, pattern):
        for line in self.process.stderr:
            self.said.append(line)
            if re.search(pattern, line):
                return
        raise AssertionError("".join(self.said))

    def ranks(self):
        """Process ids of the ranks, which have a variable that the launcher has not."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    variables = file.read()
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read()
            except OSError:
                continue
            if b"\0LOCAL_RANK=" in variables and str(self.folder).encode() in command:
                found.append(int(entry))
        return sorted(found)

    def end(self):
        _, rest = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.said.append(rest)
        return self.process.returncode, "".join(self.said)


def lose_a_rank(started, number):
    started.until(r"checkpoint .*step-000010")
    os.kill(started.ranks()[-1], number)
    return started.end()


def assert_came_to_its_end(started, ended):
    code, said = ended
    assert code == 0, said
    assert re.search(r"resumed from step-0000[1-5]0", said)
    assert "Traceback" not in said
    assert Checkpoints(started.folder, 1, {}).newest()[0].name == "step-000060"
    time.sleep(0.1)
    assert started.ranks() == []


@pytest.fixture(scope="module", autouse=True)
def stopped(text_corpus, tmp_path_factory, module_cache):
    """A run of which a rank is stopped, and its end to come.

    Such a process does not answer to SIGTERM, and torchrun kills it after 30 seconds: it waits
    beside the other tests.
    """
    started = Started(tmp_path_factory.mktemp("stopped") / "run", text_corpus, *LOSES_A_RANK)
    with ThreadPoolExecutor(1) as pool:
        yield started, pool.submit(lose_a_rank, started, signal.SIGSTOP)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_to_the_launcher_saves_and_ends_with_its_code(
    number, code, text_corpus, tmp_path, module_cache
):
    started = Started(tmp_path / "run", text_corpus, "--max-steps", "100000")
    started.until(r"step=5 ")
    started.process.send_signal(number)
    found, said = started.end()
    assert found == code, said
    assert said.count("everything is saved in") == 1
    assert "Traceback" not in said
    step = int(re.search(r"at step (\d+); everything is saved", said)[1])
    assert Checkpoints(tmp_path / "run", 1, {}).newest()[0].name == f"step-{step:06d}"
    assert started.ranks() == []


def test_a_lost_rank_is_started_anew_and_the_run_comes_to_its_end(
    text_corpus, tmp_path, module_cache
):
    started = Started(tmp_path / "run", text_corpus, *LOSES_A_RANK)
    assert_came_to_its_end(started, lose_a_rank(started, signal.SIGKILL))


def test_the_settings_of_a_line_that_cannot_run_are_refused_once(
    text_corpus, tmp_path, module_cache
):
    started = Started(
        tmp_path / "run",
        text_corpus,
        "--max-steps",
        "5",
        "--optimizer",
        "muon",
        "--parallel",
        "fsdp",
    )
    code, said = started.end()
    assert code == 2, said
    assert said.count("Muon needs whole matrices") == 1


@pytest.mark.parametrize("by_torchrun", [True, False])
def test_ranks_end_with_a_launcher_that_was_killed_and_save_before(
    by_torchrun, text_corpus, tmp_path, module_cache
):
    words = ["--max-steps", "100000", "--save-every", "100000"]
    started = Started(tmp_path / "run", text_corpus, *words, by_torchrun=by_torchrun)
    started.until(r"step=5 ")
    assert len(started.ranks()) == 2
    started.process.kill()
    started.process.wait()
    deadline = time.monotonic() + SECONDS_TO_END
    while started.ranks() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert started.ranks() == []
    _, said = started.end()
    assert "everything is saved in" in said
    assert Checkpoints(tmp_path / "run", 1, {}).newest()[0] is not None


def test_what_lay_in_the_folder_before_says_nothing_about_a_run_that_was_stopped_before_it_began(
    tmp_path,
):
    """A run that was done, and another one in its place whose ranks were stopped while they
    started.
    """
    (tmp_path / "run.json").write_text(json.dumps({"status": "done", "started": "yesterday"}))
    assert launch._concluded(tmp_path, 75, "yesterday") == 75
    assert launch._concluded(tmp_path, 75, "the day before") == 0


def test_a_stopped_rank_is_started_anew_and_the_run_comes_to_its_end(stopped):
    """The last test of the file, so that the others run while it waits."""
    started, ended = stopped
    assert_came_to_its_end(started, ended.result())
