"""`ssl fetch` against a hub on this machine: what comes is whole and right, or it is refused."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_hub import COMMIT, OTHER, TOKEN, Repository, hash_of, running

import sslcli
from sslcli.calls.line import line_of_call
from sslcli.errors import UsageError
from sslcli.runs.hub_cache import cached_model, pinned_name

NAME = "org/name"
WEIGHTS = "model.safetensors"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}" * 50,
    "vocab.txt": b"a\nb\n",
    "chat_template.jinja": b"{{ messages }}",
    WEIGHTS: bytes(range(256)) * 400,
    "pytorch_model.bin": b"pickle",
    "training_args.bin": b"pickle",
    "README.md": b"# a card",
    "modeling_own.py": b"raise SystemExit",
    "onnx/model.safetensors": b"elsewhere",
}
TAKEN = {"config.json", "tokenizer.json", "vocab.txt", "chat_template.jinja", WEIGHTS}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with one repository, and an empty cache."""
    for name in ("HF_HOME", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with running() as found:
        found.repositories[NAME] = Repository({COMMIT: dict(FILES)})
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield found


def snapshot(tmp_path, commit=COMMIT, name=NAME):
    return tmp_path / "hub" / f"models--{name.replace('/', '--')}" / "snapshots" / commit


def blobs_of(tmp_path):
    """The folder of contents, made before anything is fetched; and the place of the weights."""
    blobs = snapshot(tmp_path).parents[1] / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    return blobs, blobs / f"{hash_of(WEIGHTS, FILES[WEIGHTS])}.incomplete"


def refused(ended, code, *words):
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("error:") == 1
    for word in words:
        assert word in ended.err


def test_weights_and_texts_are_fetched_and_nothing_that_runs(ssl, hub, tmp_path):
    ended = ssl("fetch", f"hf:{NAME}")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == f"hf:{NAME}@{COMMIT}"
    folder = snapshot(tmp_path)
    assert {path.name for path in folder.iterdir()} == TAKEN
    assert all((folder / name).read_bytes() == FILES[name] for name in TAKEN)
    assert {name for name, *_ in hub.asked} == TAKEN
    assert (folder.parents[1] / "refs" / "main").read_text() == COMMIT
    assert pinned_name(cached_model(f"hf:{NAME}")) == f"hf:{NAME}@{COMMIT}"


def test_the_cache_is_the_one_that_huggingface_hub_reads(ssl, hub, tmp_path):
    assert ssl("fetch", f"hf:{NAME}").code == 0
    code = (
        "from huggingface_hub import hf_hub_download, try_to_load_from_cache\n"
        f"print(hf_hub_download('{NAME}', '{WEIGHTS}', local_files_only=True))\n"
        f"print(try_to_load_from_cache('{NAME}', 'config.json', revision='{COMMIT}'))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = snapshot(tmp_path)
    assert found.stdout.split() == [str(folder / name) for name in (WEIGHTS, "config.json")]


def test_what_is_there_is_checked_and_not_fetched_again(ssl, hub):
    assert ssl("fetch", f"hf:{NAME}").code == 0
    hub.asked.clear()
    document = json.loads(ssl("fetch", f"hf:{NAME}", "--json").out)
    assert hub.asked == []
    assert document["bytes_fetched"] == 0
    assert document["commit"] == COMMIT
    assert document["files"]["vocab.txt"] == {
        "bytes": 4,
        "hash": hash_of("vocab.txt", FILES["vocab.txt"]),
    }


def test_a_damaged_file_of_the_cache_is_fetched_anew(ssl, hub, tmp_path):
    assert ssl("fetch", f"hf:{NAME}").code == 0
    path = snapshot(tmp_path) / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    hub.asked.clear()
    ended = ssl("fetch", f"hf:{NAME}")
    assert ended.code == 0, ended.err
    assert "damaged" in ended.err
    assert [name for name, *_ in hub.asked] == [WEIGHTS]
    assert path.read_bytes() == FILES[WEIGHTS]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_connection_that_breaks_is_taken_up_again(ssl, hub, tmp_path, monkeypatch, knows_ranges):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.cut[WEIGHTS], hub.no_ranges = 30_000, not knows_ranges
    ended = ssl("fetch", f"hf:{NAME}")
    assert ended.code == 0, ended.err
    firsts = [first for name, first, _ in hub.asked if name == WEIGHTS]
    assert firsts[0] == 0
    assert (0 < firsts[1] <= 30_000) if knows_ranges else firsts == [0, 0]
    assert (snapshot(tmp_path) / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_a_fetch_that_was_killed_goes_on_where_it_stopped(ssl, hub, tmp_path):
    _, part = blobs_of(tmp_path)
    part.write_bytes(FILES[WEIGHTS][:70_000])
    ended = ssl("fetch", f"hf:{NAME}")
    assert ended.code == 0, ended.err
    assert "goes on from there" in ended.err
    assert (WEIGHTS, 70_000, None) in hub.asked
    assert (snapshot(tmp_path) / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert not part.exists()


@pytest.mark.parametrize("content", [b"other" * 100, b"x" * 300_000, b"x" * len(FILES[WEIGHTS])])
def test_a_part_of_something_else_is_not_gone_on_with(ssl, hub, tmp_path, content):
    blobs_of(tmp_path)[1].write_bytes(content)
    ended = ssl("fetch", f"hf:{NAME}")
    assert ended.code == 0, ended.err
    assert (snapshot(tmp_path) / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_a_server_that_fails_leaves_what_came_for_the_next_time(ssl, hub, tmp_path):
    hub.status["tokenizer.json"] = 500
    refused(ssl("fetch", f"hf:{NAME}"), 1, "answered 500", "goes on")
    assert not snapshot(tmp_path).exists()
    hub.status.clear()
    hub.asked.clear()
    assert ssl("fetch", f"hf:{NAME}").code == 0
    assert WEIGHTS not in {name for name, *_ in hub.asked}


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_bytes_with_another_hash_are_not_taken(ssl, hub, tmp_path, name):
    hub.sent[name] = FILES[name][:-1] + b"!"
    refused(ssl("fetch", f"hf:{NAME}"), 1, name, "has not the hash")
    assert not snapshot(tmp_path).exists()
    kept = {path.name.partition(".")[0] for path in blobs_of(tmp_path)[0].iterdir()}
    assert hash_of(name, FILES[name]) not in kept
    refused(ssl("probe", "neighbors", "--model", f"hf:{NAME}"), 2, f"ssl fetch hf:{NAME}")


def test_revisions_are_pinned(ssl, hub, tmp_path):
    found = hub.repositories[NAME]
    found.files[OTHER] = {**FILES, "config.json": b'{"model_type": "gpt2"}'}
    found.revisions |= {"refs/pr/3": OTHER, "v1": OTHER, OTHER: OTHER}
    for words in ([f"hf:{NAME}@refs/pr/3"], [f"hf:{NAME}", "--revision", "v1"]):
        assert ssl("fetch", *words).out.startswith(f"hf:{NAME}@{OTHER}")
    for revision in ("v1", "refs/pr/3", OTHER, OTHER[:8]):
        assert cached_model(f"hf:{NAME}@{revision}") == snapshot(tmp_path, OTHER)
    with pytest.raises(UsageError, match="is not in") as raised:
        cached_model(f"hf:{NAME}")  # main was not fetched
    assert OTHER in raised.value.hint
    assert ssl("fetch", f"hf:{NAME}").code == 0
    found.revisions["main"] = OTHER  # the branch moves on; what was fetched stays what it is
    assert cached_model(f"hf:{NAME}") == snapshot(tmp_path)
    assert ssl("fetch", f"hf:{NAME}").code == 0
    assert cached_model(f"hf:{NAME}") == snapshot(tmp_path, OTHER)


def test_shards_come_with_their_index(ssl, hub, tmp_path):
    shards = {f"model-0000{n}-of-00002.safetensors": bytes([n]) * 100 for n in (1, 2)}
    index = json.dumps({"weight_map": dict(zip("ab", shards, strict=True))}).encode()
    files = {"config.json": b"{}", "model.safetensors.index.json": index, **shards}
    hub.repositories["org/big"] = Repository({COMMIT: files})
    assert ssl("fetch", "hf:org/big").code == 0
    assert {path.name for path in snapshot(tmp_path, name="org/big").iterdir()} == set(files)
    less = {name: files[name] for name in files if "00002-of" not in name}
    hub.repositories["org/gap"] = Repository({COMMIT: less})
    refused(ssl("fetch", "hf:org/gap"), 2, "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"p"}, ["pytorch_model.bin", "may run code"]),
        ({"config.json": b"{}"}, ["has no model.safetensors"]),
        ({WEIGHTS: b"w"}, ["has no config.json"]),
        ({}, ["has no model.safetensors"]),
    ],
)
def test_what_has_no_safetensors_is_refused_before_anything_comes(ssl, hub, files, words):
    hub.repositories["org/odd"] = Repository({COMMIT: files})
    refused(ssl("fetch", "hf:org/odd"), 2, *words)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["hf:org/absent"], ["has no model org/absent", "HF_TOKEN"]),
        ([f"hf:{NAME}@v9"], ["has no revision 'v9'"]),
        (["hf:org/gated"], ["is gated", "agree to them at"]),
        (["hf:org/private"], ["or it is private"]),
        (["hf:../../etc"], ["is no model of a hub"]),
        (["hf:a--b/c"], ["is no model of a hub"]),
        ([f"hf:{NAME}@../x"], ["is no model of a hub"]),
        (["ms:org/name"], ["is no model of a hub"]),
        ([f"hf:{NAME}@v1", "--revision", "v2"], ["say it once"]),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(ssl, hub, tmp_path, line, words):
    hub.repositories["org/gated"] = Repository({COMMIT: dict(FILES)}, gated=True)
    hub.repositories["org/private"] = Repository({COMMIT: dict(FILES)}, private=True)
    refused(ssl("fetch", *line), 2, *words)
    assert not list((tmp_path / "hub").glob("*/snapshots/*/config.json"))


def test_a_token_opens_what_is_gated(ssl, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories["org/gated"] = Repository({COMMIT: dict(FILES)}, gated=True)
    assert ssl("fetch", "hf:org/gated").code == 0
    assert {said for *_, said in hub.asked} == {f"Bearer {TOKEN}"}


def test_without_a_network_it_is_said(ssl, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused(ssl("fetch", f"hf:{NAME}"), 1, "http://127.0.0.1:9 cannot be reached", "HF_ENDPOINT")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused(ssl("fetch", f"hf:{NAME}"), 2, "HF_HUB_OFFLINE is set")


def test_the_address_of_a_page_is_understood(ssl, hub):
    page = f"https://huggingface.co/{NAME}/tree/main"
    assert ssl("fetch", page, "-q").out.split() == [f"hf:{NAME}@{COMMIT}"]


def test_only_one_process_fetches_a_file(ssl, hub, tmp_path):
    with open(blobs_of(tmp_path)[1], "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(ssl("fetch", f"hf:{NAME}"), 2, "by another process")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_HOME": "~/home"},
        {"HF_HUB_CACHE": "$HOME/cache"},
        {"HUGGINGFACE_HUB_CACHE": "/older"},
        {"XDG_CACHE_HOME": "/xdg"},
        {"HF_HOME": "/a", "HF_HUB_CACHE": "/b", "XDG_CACHE_HOME": "/c"},
    ],
)
def test_the_cache_lies_where_huggingface_hub_has_it(variables):
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    code = (
        "from huggingface_hub.constants import HF_HUB_CACHE\n"
        "from sslcli.runs.hub_cache import hub_cache\nprint(HF_HUB_CACHE, hub_cache())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    theirs, ours = found.stdout.split()
    assert ours == theirs


def test_no_other_command_asks_a_hub(ssl, hub, tmp_path):
    data = tmp_path / "x.jsonl"
    data.write_text('{"text": "a", "label": "b"}\n')
    for words in (
        ["pretrain", "--model", f"hf:{NAME}"],
        ["finetune", "classify", "--data", str(data), "--model", f"hf:{NAME}"],
        ["probe", "similarity", "apple", "--model", f"hf:{NAME}"],
        ["generate", "a", "--model", f"hf:{NAME}"],
        ["export", f"hf:{NAME}", "out"],
        ["pretrain", "--tokenizer-from", f"hf:{NAME}"],
    ):
        refused(ssl(*words), 2, f"ssl fetch hf:{NAME}")
    assert hub.asked == []


def test_a_run_records_the_commit_that_it_began_with(ssl, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "own"))
    shutil.copytree(Path(__file__).parents[1] / "golden" / "runs" / "mlm", tmp_path / "run")
    assert ssl("export", str(tmp_path / "run"), str(tmp_path / "model")).code == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    hub.repositories["org/tiny"] = Repository({COMMIT: files})
    assert ssl("fetch", "hf:org/tiny").code == 0
    hub.asked.clear()
    data, tuned = tmp_path / "labelled.jsonl", tmp_path / "tuned"
    rows = [{"text": f"the dog {word} {n}", "label": word} for n in range(12) for word in "ab"]
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    line = ["finetune", "classify", "--data", str(data), "--out", str(tuned), "--max-steps", "2"]
    ended = ssl(*line, "--model", "hf:org/tiny", "--device", "cpu")
    assert ended.code == 0, ended.err
    assert json.loads((tuned / "run.json").read_text())["parent"] == f"hf:org/tiny@{COMMIT}"
    replay = ["finetune", "classify", "-c", str(tuned / "config.yaml")]
    ended = ssl(*replay, "--out", str(tmp_path / "again"), "--max-steps", "4")
    assert ended.code == 0, ended.err
    resumed = ssl(*line, "--model", f"hf:org/tiny@{COMMIT[:9]}", "--resume", str(tuned))
    assert resumed.code == 0, resumed.err
    ended = ssl("predict", "classify", "the dog a 1", "--model", str(tuned))
    assert ended.code == 0, ended.err
    assert hub.asked == []


def test_a_call_fetches_what_the_line_fetches_and_is_a_model_by_its_commit(
    ssl, hub, tmp_path, capfd
):
    found = sslcli.fetch(f"hf:{NAME}")
    assert capfd.readouterr() == ("", "")
    assert (found.name, found.commit) == (f"hf:{NAME}@{COMMIT}", COMMIT)
    assert found.folder == snapshot(tmp_path)
    assert found.moved == found.size == sum(len(FILES[name]) for name in TAKEN)
    assert {file.name for file in found.files} == TAKEN
    line = line_of_call("probe", [("probe", "neighbors")], {"model": found})
    assert line.words[-2:] == ["--model", f"hf:{NAME}@{COMMIT}"]
    again = sslcli.fetch(f"hf:{NAME}", revision=COMMIT, progress=True)
    assert (again.moved, again.folder) == (0, found.folder)
    assert "asking" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"model": "hf:org/other"}, "has no model org/other"),
        ({"model": f"hf:{NAME}", "revision": "none"}, "has no revision 'none'"),
        ({"model": f"hf:{NAME}@main", "revision": "main"}, "names a revision"),
        ({"model": "name"}, "name"),
    ],
)
def test_what_a_call_cannot_fetch_is_an_error_with_a_hint(hub, asked, problem):
    with pytest.raises(sslcli.SslError) as caught:
        sslcli.fetch(asked.pop("model"), **asked)
    assert problem in caught.value.message
    assert caught.value.hint


def test_a_call_that_may_not_use_the_network_is_refused(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="fetching needs the network"):
        sslcli.fetch(f"hf:{NAME}")
    with pytest.raises(TypeError, match="'model' is a text"):
        sslcli.fetch(7)
    assert not hub.asked
