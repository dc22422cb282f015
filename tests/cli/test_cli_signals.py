"""Ctrl-C and SIGTERM to a real process: it saves, exits with its code, and goes on where it was."""

import json
import signal
import subprocess
import sys
import time

import pytest

LINE = [
    "pretrain",
    "--objective",
    "mlm",
    "--arch",
    "tiny",
    "--vocabulary",
    "120",
    "--seq-len",
    "32",
    "--batch-size",
    "16",
    "--no-plot",
]
LINE += [
    "--max-steps",
    "150",
    "--log-every",
    "2",
    "--save-every",
    "100",
    "--eval-every",
    "100",
    "-s",
    "data.held_out=0.1",
]
PATIENCE_SECONDS = 120


def steps_logged(folder):
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return [json.loads(line)["step"] for line in lines if '"train"' in line]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75)]
)
def test_a_signal_saves_and_exits_with_its_code(
    number, code, text_corpus, tmp_path, module_cache, ssl
):
    folder = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "sslcli",
        *LINE,
        "--data",
        str(text_corpus),
        "--out",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not steps_logged(folder) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert "--resume" in said
    assert json.loads((folder / "run.json").read_text())["status"] == "stopped"
    ended = ssl("pretrain", "--resume", folder)
    assert ended.code == 0, ended.err
    steps = steps_logged(folder)
    assert steps == sorted(set(steps))
    assert steps[-1] == 150


def test_a_training_whose_documents_nobody_reads_any_more_is_saved(
    text_corpus, tmp_path, module_cache
):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "sslcli", *LINE, "--data", str(text_corpus), "--json"]
    with subprocess.Popen(
        [*command, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert any(json.loads(line)["event"] == "stepped" for line in running.stdout)
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait(PATIENCE_SECONDS) == 75, said
    assert "everything is saved" in said
    assert "Traceback" not in said
    assert json.loads((folder / "run.json").read_text())["status"] == "stopped"
    assert list((folder / "checkpoints").glob("step-*"))
