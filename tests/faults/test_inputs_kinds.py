"""Where a file is expected there lies a pipe, a link to a device, a socket, a folder or JSON
without end: a sentence, at once.
"""

import os
import shutil
import signal
import socket
from contextlib import contextmanager
from itertools import islice

import pytest
from inputs_models import write_tiny_model

from sslcli import plainfiles
from sslcli.cli.app import run
from sslcli.errors import SslError
from sslcli.models.loading import learner_of, load_pretrained

DEEP = "[" * 100_000
PATIENCE_SECONDS = 20
INDEX = "model.safetensors.index.json"


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def link_to_a_pipe(path):
    os.mkfifo(path.with_name(f"{path.name}.pipe"))
    path.symlink_to(f"{path.name}.pipe")


def unix_socket(path):
    """Bound by a short name: the system takes about a hundred letters."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def folder(path):
    path.mkdir()


def deep(path):
    path.write_text(DEEP, encoding="utf-8")


KINDS = (pipe, device, link_to_a_pipe, unix_socket, folder, deep)
NO_FILES = ((pipe, 6), (device, 2))  # and how many of the lines below


@contextmanager
def at_once():
    """Raises TimeoutError where what is inside waits for something that never comes."""

    def end(number, context):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def replaced(path, kind):
    path.unlink(missing_ok=True)
    kind(path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_file_of_a_model_directory_is_refused(tmp_path, kind):
    sound = tmp_path / "sound"
    write_tiny_model(sound)
    learner_of(load_pretrained(str(sound)))
    files = sorted(path.name for path in sound.iterdir())
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {
        *files
    }
    for file in (*files, INDEX):
        broken = tmp_path / f"broken-{file}"
        shutil.copytree(sound, broken)
        replaced(broken / file, kind)
        with at_once(), pytest.raises(SslError) as raised:
            learner_of(load_pretrained(str(broken)))
        assert raised.value.exit_code == 2, file
        assert file in raised.value.message or str(broken) in raised.value.message


def lines_over(run_folder, out):
    yield ["generate", "the [MASK]", "--model", str(run_folder), "-q"]
    yield ["report", str(run_folder)]
    yield ["compare", str(run_folder), str(run_folder)]
    yield ["runs"]
    yield ["pretrain", "--resume", str(run_folder), "-q"]
    yield ["export", str(run_folder), str(out), "--overwrite", "-q"]


@pytest.mark.parametrize(("kind", "count"), NO_FILES)
def test_no_file_of_a_run_is_waited_for(world_run, tmp_path, monkeypatch, capfd, kind, count):
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(tmp_path))
    names = sorted(path.relative_to(world_run) for path in world_run.rglob("*") if path.is_file())
    assert len(names) > 12
    for name in names:
        broken = tmp_path / "run"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(world_run, broken)
        replaced(broken / name, kind)
        for words in islice(lines_over(broken, tmp_path / "out"), count):
            with at_once():
                code = run(words)
            said = capfd.readouterr()
            assert code in (0, 1, 2), (name, words)
            assert "should not have happened" not in said.err + said.out, (name, words)
            assert code == 0 or "error:" in said.err, (name, words)


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.__name__)
def test_a_plain_file_and_nothing_else_is_read(tmp_path, kind):
    kind(tmp_path / "x")
    with at_once(), pytest.raises(OSError, match="not a plain file"):
        plainfiles.read_bytes(tmp_path / "x")
    with at_once(), pytest.raises(OSError, match="not a plain file"):
        plainfiles.open_plain(tmp_path / "x")


def test_a_file_is_read_up_to_its_bound_and_through_links(tmp_path):
    (tmp_path / "x").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "link").symlink_to("x")
    assert plainfiles.read_whole_json(tmp_path / "link", most=8) == {"a": 1}
    with pytest.raises(OSError, match="larger than 7 bytes"):
        plainfiles.read_whole_json(tmp_path / "x", most=7)
    with pytest.raises(FileNotFoundError):
        plainfiles.read_whole_json(tmp_path / "y")


def test_json_that_is_nested_too_deep_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deep"):
        plainfiles.parse_whole_json(DEEP)
