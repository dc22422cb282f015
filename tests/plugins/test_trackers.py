"""Trackers: what they are told is what metrics.jsonl has, and none of them ever stops a run."""

import json
import os
import subprocess
import sys
import time

import pytest

from sslcli.cli.app import run as run_line
from sslcli.contracts.tracker import TrackedRun
from sslcli.engine.events import Finished, Noted, Stepped
from sslcli.workflows.training import tracking

# Stand-ins write each call as a line into the file that the environment names.
NOTE = """
import json, os
def note(*words):
    with open(os.environ["TOLD"], "a") as file:
        file.write(json.dumps(words, default=str) + "\\n")
"""
STAND_INS = {
    "wandb": NOTE
    + """
class Run:
    id = "w1"
    def define_metric(self, name, **more): note("define", name, more)
    def log(self, values): note("log", values)
    def finish(self, exit_code): note("finish", exit_code)
def init(**words):
    print("wandb: hello on stdout")
    note("init", words)
    return Run()
""",
    "trackio": NOTE
    + """
def init(**words): note("init", words)
def log(values, step): note("log", {"step": step, **values})
def finish(): note("finish")
""",
    "mlflow": NOTE
    + """
class Run:
    class info:
        run_id = "m1"
def set_experiment(name): note("experiment", name)
def start_run(**words):
    note("init", words)
    return Run
def log_params(values): note("params", values)
def log_metrics(values, step): note("log", {"step": step, **values})
def end_run(status): note("finish", status)
""",
}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put modules on the import path; returns what they were told."""
    told = tmp_path / "told"
    monkeypatch.setenv("TOLD", str(told))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            sys.modules.pop(name, None)
        return lambda: [json.loads(line) for line in told.read_text().splitlines()]

    yield make
    for name in STAND_INS:
        sys.modules.pop(name, None)


@pytest.fixture
def train(tmp_path, text_corpus, module_cache):
    """`train("--track", "wandb")` -> the ended process; into the folder "run"."""

    def call(*words):
        if "--resume" in words:
            line = [sys.executable, "-m", "sslcli", "pretrain"]
            return ended([*line, *words])
        line = [sys.executable, "-m", "sslcli", "pretrain", "--data", str(text_corpus)]
        line += ["--max-steps", "8", "--out", str(tmp_path / "run"), "--device", "cpu"]
        line += ["--arch", "tiny", "--set", "model.shape.width=16", "--vocabulary", "300"]
        line += ["--seq-len", "32", "--batch-size", "4", "--log-every", "2", "--eval-every", "4"]
        return ended([*line, *words])

    def ended(line):
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


def metrics(tmp_path):
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["split"] in ("train", "eval")]


def told_figures(calls):
    return {
        (each[1]["step"], name): value
        for each in calls
        if each[0] == "log"
        for name, value in each[1].items()
        if name != "step"
    }


def expected_figures(tmp_path):
    found = {}
    for line in metrics(tmp_path):
        part = {"loss": line["loss"], **line["terms"], **line["metrics"]}
        found |= {(line["step"], f"{line['split']}/{name}"): part[name] for name in part}
        names = ("lr", "gradient_norm", "tokens_per_second") if line["split"] == "train" else ()
        found |= {(line["step"], name): line[name] for name in names}
    return found


@pytest.mark.parametrize("name", STAND_INS)
def test_a_tracker_is_told_settings_and_figures_and_goes_on(tmp_path, train, stand_in, name):
    told = stand_in(**{name: STAND_INS[name]})
    first = train("--track", name, "--json")
    assert first.returncode == 0, first.stderr
    assert all(json.loads(line) for line in first.stdout.splitlines())  # and no "hello"
    calls = told()
    assert told_figures(calls) == expected_figures(tmp_path)
    begun = next(each[1] for each in calls if each[0] == "init")
    assert "run" in (begun.get("name"), begun.get("run_name"))
    settings = begun.get("config") or next(each[1] for each in calls if each[0] == "params")
    assert settings["objective"] == "mlm"
    assert calls[-1][0] == "finish"
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["trackers"] == {name: {"wandb": "w1", "trackio": "run", "mlflow": "m1"}[name]}


def test_a_resumed_run_goes_on_in_the_same_one(tmp_path, train, stand_in):
    told = stand_in(**STAND_INS)
    words = [word for name in STAND_INS for word in ("--track", name)]
    assert train(*words, "--max-time", "2s").returncode in (0, 75)
    done = train("--resume", str(tmp_path / "run"), "--max-time", "1h")
    assert done.returncode == 0, done.stderr
    begun = [each[1] for each in told() if each[0] == "init"][len(STAND_INS) :]
    assert [each.get("id") for each in begun if "id" in each] == ["w1"]
    assert [each["resume"] for each in begun if "resume" in each].count("allow") == 2
    assert [each["run_id"] for each in begun if "run_id" in each] == ["m1"]


BREAKS = {
    "at its import": "raise OSError('no such server')",
    "at its beginning": "def init(**words): raise SystemExit(3)",
    "at the first figure": "class R:\n    id='1'\n    def define_metric(self, *a, **m): 0\n"
    "    def log(self, values): raise ConnectionError('gone')\n"
    "    def finish(self, exit_code): 0\ndef init(**words): return R()",
    "at its end": "class R:\n    id='1'\n    def define_metric(self, *a, **m): 0\n"
    "    def log(self, values): 0\n    def finish(self, exit_code): raise ValueError('late')\n"
    "def init(**words): return R()",
}


@pytest.mark.parametrize("source", BREAKS.values(), ids=BREAKS)
def test_a_tracker_that_breaks_is_said_once_and_the_run_is_whole(tmp_path, train, stand_in, source):
    stand_in(wandb=source)
    done = train("--track", "wandb")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the tracker 'wandb' stopped") == 1
    assert [line["step"] for line in metrics(tmp_path)][-1] == 8
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"


class Slow:
    """A tracker that never answers."""

    def __init__(self, at):
        self.at = at

    def begin(self, run):
        if self.at == "begin":
            time.sleep(60)
        return "1"

    def log(self, step, figures):
        if self.at == "log":
            time.sleep(60)

    def end(self, reason):
        pass


STEP = Stepped(1, 2.0, {}, {"accuracy": 0.5}, 0.1, 1.0, 10.0, 1.0)


@pytest.mark.parametrize("at", ["begin", "log"])
def test_a_tracker_that_hangs_holds_nothing_up_for_long(tmp_path, monkeypatch, at):
    monkeypatch.setattr(tracking, "BEGIN_SECONDS", 0.2)
    monkeypatch.setattr(tracking, "END_SECONDS", 0.2)
    monkeypatch.setattr(tracking, "tracker_of", lambda name, options: Slow(at))
    said = []
    run = TrackedRun("run", "pretrain", tmp_path, {}, 0, "")
    began = time.monotonic()
    found, _ = tracking.tracked(["slow"], {}, run, {}, said.append)
    for _ in range(3):
        found(STEP)
    found(Finished(1, "done", None, None, 1.0))
    found(Finished(1, "done", None, None, 1.0))
    assert time.monotonic() - began < 5
    said = [event for event in said if isinstance(event, Noted)]
    assert len(said) == 1
    assert "the tracker 'slow' stopped" in said[0].text


def test_a_tracker_far_behind_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "END_SECONDS", 0.2)
    monkeypatch.setattr(tracking, "MOST_WAITING", 3)
    monkeypatch.setattr(tracking.queue, "Queue", lambda most, kind=tracking.queue.Queue: kind(3))
    monkeypatch.setattr(tracking, "tracker_of", lambda name, options: Slow("log"))
    said = []
    found, _ = tracking.tracked(
        ["slow"], {}, TrackedRun("run", "pretrain", tmp_path, {}, 0, ""), {}, said.append
    )
    for _ in range(20):
        found(STEP)
    said = [event for event in said if isinstance(event, Noted)]
    assert len(said) == 1
    assert "behind" in said[0].text


def test_tensorboard_reads_its_event_files(tmp_path, train):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    assert train("--track", "tensorboard", "--max-time", "2s").returncode in (0, 75)
    done = train("--resume", str(tmp_path / "run"), "--max-time", "1h")
    assert done.returncode == 0, done.stderr
    found = accumulator(str(tmp_path / "run" / "trackers" / "tensorboard"))
    found.Reload()
    scalars = {
        (event.step, name): event.value
        for name in found.Tags()["scalars"]
        for event in found.Scalars(name)
    }
    assert scalars == pytest.approx(expected_figures(tmp_path), rel=1e-6)
    assert "settings/text_summary" in found.Tags()["tensors"]
    assert len(os.listdir(tmp_path / "run" / "trackers" / "tensorboard")) == 2


def test_steps_that_are_made_again_stand_once(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    from sslplugins.trackers.tensorboard import TensorBoard

    for step, known in ((0, ""), (2, "run")):
        tracker = TensorBoard(TensorBoard.Options())
        tracker.begin(TrackedRun("run", "pretrain", tmp_path, {}, step, known))
        for number in range(step + 1, 6):
            tracker.log(number, {"loss": float(step * 10 + number)})
        tracker.end("done")
    found = accumulator(str(tmp_path))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [
        (1, 1.0), (2, 2.0), (3, 23.0), (4, 24.0), (5, 25.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--track", "tensorbord"], ["there is no tracker 'tensorbord'", "'tensorboard'"]),
        (["--track", "wandb"], ["needs wandb, which is not installed", "pip install wandb"]),
        (
            ["--track", "tensorboard", "--set", "run.track_options.tensorboard.x=1"],
            ["run.track_options.tensorboard.x"],
        ),
        (["--set", "run.track_options.wandb.project=a"], ["no --track names it"]),
    ],
)
@pytest.mark.parametrize("command", [["pretrain"], ["finetune", "sentiment"]])
def test_what_cannot_be_tracked_is_refused_before_torch(capfd, tmp_path, command, line, words):
    if "wandb" in line and "--track" in line and _is_installed("wandb"):
        pytest.skip("wandb is installed")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sslcli", *command, *line],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    errors = done.stderr.partition("error: ")[2]
    assert all(word in errors for word in words), errors
    assert not any(line.endswith("| torch") for line in done.stderr.splitlines())


def _is_installed(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


def test_trackers_are_listed_with_their_options(capfd):
    assert run_line(["plugins", "show", "wandb"]) == 0
    assert "project" in capfd.readouterr().out
