"""What is wrong with a line is said before anything is loaded, read or learnt for it."""

import json
import subprocess
import sys

import pytest
import yaml

from sslcli.engine.settings import HardwareSettings
from sslcli.errors import RunError, UsageError
from sslcli.folders import sealed
from sslcli.workflows.training import launch


@pytest.fixture
def model(tmp_path):
    """A run of whose weights there is no more than what a line looks at."""
    folder = tmp_path / "runs" / "first"
    with sealed(folder / "checkpoints" / "step-000004", {"step": 4}):
        pass  # whole, and holds nothing
    facts = {"kind": "pretrain", "objective": "mlm", "status": "done", "started": "2026"}
    (folder / "run.json").write_text(json.dumps(facts))
    settings = {"objective": "mlm", "model": {"shape": {"architecture": "encoder"}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "there is no text: the newest run generates tokens for every [MASK] of a text\nhint:  as in"),
        (["--top", "3"], "there is no text: the newest run generates tokens for every [MASK]"),
        (["a [MASK]", "--top", "0"], "--top must be greater than 0, not '0'\nhint:  ssl generate"),
    ],
)
def test_what_is_asked_of_a_model_is_looked_at_before_it_is_loaded(ssl, model, words, answer):
    ended = ssl("generate", *words)
    assert ended.code == 2
    assert answer in ended.err
    assert "loading" not in ended.err


def test_a_folder_of_texts_is_no_file(ssl, model):
    folder = str(model)
    for words in (["generate", "--data", folder], ["translate-shift", "a", "--load", folder]):
        ended = ssl(*words, "--model", "first")
        assert ended.code == 2
        assert ended.err.startswith(f"error: {folder} is a folder, not a file\nhint:  give a file")


def test_texts_may_come_from_a_device(ssl, model):
    ended = ssl("generate", "--data", "/dev/null", "--model", "first")
    assert ended.code == 2
    assert "there is no text to answer" in ended.err


def test_without_a_text_torch_is_not_imported(model, monkeypatch):
    code = (
        "import sys; from sslcli.cli.app import run; "
        "assert run(['generate', '--model', 'first']) == 2; assert 'torch' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("error: there is no text: first generates")


@pytest.mark.parametrize("objective", ["nsp", "denoise"])
def test_a_model_that_does_not_generate_is_refused_before_it_is_loaded(ssl, model, objective):
    (model / "config.yaml").write_text(yaml.safe_dump({"objective": objective}))
    ended = ssl("generate", "a text", "--model", "first")
    assert ended.code == 2
    assert f"was pretrained with {objective}, which does not generate" in ended.err
    assert "those of bart, clm, mlm, text-autoencoder generate" in ended.err


NOWHERE = "/proc/nowhere"
SAVING = [
    ["pretrain", "--data", "texts.txt", "--out", NOWHERE],
    ["finetune", "sentiment", "--model", "first", "--out", NOWHERE],
    ["tokenize", "--data", "texts.txt", "--out", NOWHERE],
    ["export", "first", NOWHERE],
    ["evaluate", "sentiment", "--data", "labels.csv", "--model", "first", "--out", NOWHERE],
    ["probe", "attention", "a cat", "--model", "first", "--out", NOWHERE],
    ["translate-shift", "a cat", "--model", "first", "--out", NOWHERE],
    ["plugins", "new", "task", "mine", "--out", NOWHERE],
]


@pytest.mark.parametrize("words", SAVING, ids=lambda words: words[0])
def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    ssl, model, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("a cat sees a dog\n" * 100)
    (tmp_path / "labels.csv").write_text("text,label\na cat,0\n")
    ended = ssl(*words)
    assert ended.code == 1, ended.err
    assert "error: cannot write in /proc: " in ended.err
    assert "hint:  choose a folder that can be written in" in ended.err
    assert not any(word in ended.err for word in ("reading", "learning", "loading the model"))


def test_so_is_a_runs_folder_that_cannot_be_written(ssl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("a cat sees a dog\n" * 100)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "/proc/runs")
    ended = ssl("pretrain", "--data", "texts.txt")
    assert ended.code == 1
    assert "cannot write in /proc: " in ended.err
    assert "learning" not in ended.err


@pytest.mark.parametrize(
    ("gpus", "device", "answer"),
    [
        ("8", "auto", "--gpus 8 --device cpu"),
        ("1", "auto", "--gpus 1 --device cpu"),
        ("all", "auto", "--gpus 2 --device cpu"),
        ("2", "cuda", "--gpus 2 --device cpu"),
        ("all", "cpu", "--gpus 2 --device cpu"),
    ],
)
def test_processes_without_a_gpu_are_not_started_unasked(monkeypatch, gpus, device, answer):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(UsageError, match="there is no CUDA GPU here") as caught:
        launch.processes_to_start(HardwareSettings(gpus=gpus, device=device))
    assert answer in caught.value.hint


def test_on_the_cpu_as_many_are_started_as_are_asked_for(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert launch.processes_to_start(HardwareSettings(gpus="8", device="cpu")) == 8
    assert launch.processes_to_start(HardwareSettings(gpus="1", device="cpu")) == 0


def test_more_gpus_than_there_are_is_a_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(UsageError, match="this machine has 2"):
        launch.processes_to_start(HardwareSettings(gpus="8"))
    assert launch.processes_to_start(HardwareSettings(gpus="all")) == 2


def test_a_disk_that_is_read_only_is_told_by_its_own_words(tmp_path, monkeypatch):
    from sslcli.asides import refuse_unwritable

    refuse_unwritable(tmp_path / "not" / "there")
    assert list(tmp_path.iterdir()) == []

    def refused(dir):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(RunError, match=f"cannot write in {tmp_path}: Read-only"):
        refuse_unwritable(tmp_path / "not" / "there")
