"""Run folders as they may be: finished, torn, foreign, alive; and references to them."""

import fcntl
import json

import pytest

from sslcli.cli.completing import candidates
from sslcli.errors import UsageError
from sslcli.runs.catalogue import all_runs
from sslcli.runs.references import find_run, resumable_run

EVALUATIONS = [(10, 3.5, 0.1), (20, 2.5, 0.4)]


@pytest.fixture
def make_run(tmp_path):
    def make(name, config="optimizer: {rate: 0.1}\n", **facts):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        facts = {
            "kind": "pretrain",
            "objective": "mlm",
            "started": f"2026-01-01T00:00:0{len(list(folder.parent.iterdir()))}",
            **facts,
        }
        (folder / "run.json").write_text(
            json.dumps({"status": "done", "step": 20, "total_steps": 20, "data": "d", **facts})
        )
        lines = [
            {"step": step, "split": "train", "loss": loss + 1} for step, loss, _ in EVALUATIONS
        ]
        lines += [
            {"step": step, "split": "eval", "loss": loss, "metrics": {"accuracy": accuracy}}
            for step, loss, accuracy in EVALUATIONS
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "config.yaml").write_text(config)
        return folder

    return make


def test_the_list_shows_every_run_with_its_last_evaluation(make_run, ssl):
    make_run("first")
    make_run("second", objective="clm", status="stopped")
    document = json.loads(ssl("runs", "--json").out)
    assert [
        (run["name"], run["status"], run["evaluation"]["loss"]) for run in document["runs"]
    ] == [
        ("second", "stopped", 2.5),
        ("first", "done", 2.5),
    ]
    assert ssl("runs", "list", "-q").out.split() == ["second", "first"]
    shown = ssl("runs").out
    assert "20/20" in shown
    assert "accuracy 0.4" in shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", ""),
        ("run.json", "[1, 2]"),
        (
            "run.json",
            '{"status": 3, "step": "x", "objective": null, "started": 7, "seconds": "long"}',
        ),
        ("run.json", "[" * 100_000),
        ("metrics.jsonl", '{"step": 1, "split": "eval", "loss": 1}\n{"step": 2, "sp'),
        (
            "metrics.jsonl",
            'null\n3\n{"step": "x"}\n{"step": 1, "split": "eval", "metrics": 3, "loss": "y"}\n',
        ),
        ("metrics.jsonl", "\x00\xff"),
        ("config.yaml", "a: [\n"),
        ("config.yaml", "- 1\n"),
    ],
)
def test_a_torn_or_foreign_folder_is_shown_as_far_as_it_can_be(make_run, ssl, name, text):
    make_run("good")
    (make_run("odd") / name).write_text(text)
    for line in (
        ("runs",),
        ("runs", "--json"),
        ("runs", "show", "odd"),
        ("compare", "good", "odd"),
    ):
        ended = ssl(*line)
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err


def test_folders_that_are_no_runs_are_passed_over(make_run, tmp_path):
    make_run("good")
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "file.txt").write_text("x")
    assert [run.name for run in all_runs()] == ["good"]


def test_a_run_is_alive_while_its_lock_is_held(make_run):
    folder = make_run("alive", status="running")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert find_run("alive").status == "running"
    assert find_run("alive").status == "died"
    assert resumable_run("pretrain").name == "alive"


def test_references(make_run, tmp_path):
    make_run("mlm-one")
    folder = make_run("mlm-two")
    make_run("clm-one", objective="clm")
    assert find_run("mlm-two").name == "mlm-two"
    assert find_run("clm").name == "clm-one"
    assert find_run(str(folder)).name == "mlm-two"
    assert find_run("@latest").name == "clm-one"
    assert find_run("@latest:mlm").name == "mlm-two"
    with pytest.raises(UsageError, match="beginning of 2 runs") as caught:
        find_run("mlm")
    assert "@latest:OBJECTIVE" in caught.value.hint
    with pytest.raises(UsageError, match="no run of nsp"):
        find_run("@latest:nsp")
    with pytest.raises(UsageError) as caught:
        find_run("mlm-tow")
    assert "did you mean 'mlm-two'?" in caught.value.hint
    with pytest.raises(UsageError):
        resumable_run("pretrain")


def test_comparing_shows_what_differs_and_only_that(make_run, ssl):
    make_run("a", config="optimizer: {rate: 0.1, clip: 1}\nrun: {name: a}\n")
    make_run("b", config="optimizer: {rate: 0.2, clip: 1}\nrun: {name: b}\n", data="other")
    out = ssl("compare", "a", "b").out
    assert "optimizer.rate" in out
    assert "optimizer.clip" not in out
    assert "run.name" not in out
    assert "their data differ" in out
    assert ssl("runs", "compare", "a", "b").out == out


def test_settings_that_cannot_be_read_are_not_passed_over_in_silence(make_run, ssl):
    make_run("a")
    (make_run("b") / "config.yaml").write_text("a: [\n")
    ended = ssl("compare", "a", "b")
    assert ended.code == 0
    assert "the settings of b are left out" in ended.err
    assert "the settings of a" not in ended.err


def test_facts_are_shown_as_people_read_them(make_run, ssl):
    command = ["__main__.py", "pretrain", "--data", "my text.txt"]
    floors = {"term": "mlm", "losses": {"unigram": 2.5077494, "bigram": 1.25}}
    make_run(
        "first",
        command=command,
        packages={"torch": "2.13", "numpy": "2.4"},
        floors=floors,
        files={"a_b.txt": {"bytes": 1200, "written_ns": 17960562, "head": "75ff", "tail": "80aa"}},
        computed=[{"from_step": 0, "device": "cpu"}],
        launch="one",
        skipped=2,
        data="68a0",
        parent=None,
        seconds=53.358,
    )
    out = ssl("runs", "show", "first").out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "command ssl pretrain --data 'my text.txt'" in lines
    assert "packages torch 2.13 · numpy 2.4" in lines
    assert "baselines: losses unigram 2.508 · bigram 1.25" in lines
    assert "files: a_b.txt bytes 1,200" in lines
    assert "computed from step 0 · device cpu" in lines
    assert "data fingerprint 68a0" in lines
    assert "skipped updates 2" in lines
    assert not any(word in out for word in ("floors", "written", "launch", "head", "75ff"))
    assert "time 53 s" in lines
    assert not {"{", "null", "parent"} & set(out.split())


def test_showing_says_how_to_go_on(make_run, ssl):
    make_run("half", status="stopped", step=10, command=["ssl", "pretrain", "--lr", "1"])
    out = ssl("runs", "show", "half").out
    assert "ssl pretrain --resume half" in out
    assert "ssl pretrain --lr 1" in out


@pytest.mark.parametrize(
    "line",
    [
        "--json runs show first",
        "runs --json show first",
        "runs show --json first",
        "runs show first --json",
    ],
)
def test_a_global_flag_stands_anywhere(make_run, ssl, line):
    make_run("first")
    assert json.loads(ssl(*line.split()).out)["name"] == "first"


def test_tags_are_given_shown_and_taken_away(make_run, ssl):
    make_run("first")
    make_run("second")
    assert "tags" not in ssl("runs").out
    assert ssl("runs", "tag", "first", "base", "paper:1").out == "first: base, paper:1\n"
    assert json.loads(ssl("runs", "tag", "first", "base", "--json").out)["tags"] == [
        "base",
        "paper:1",
    ]
    assert ssl("runs", "list", "--tag", "base", "-q").out.split() == ["first"]
    shown = ssl("runs").out
    assert "tags" in shown
    assert "base paper:1" in shown
    assert "base, paper:1" in ssl("runs", "show", "first").out
    assert ssl("runs", "tag", "first", "base", "--remove").out == "first: paper:1\n"
    assert json.loads(ssl("runs", "list", "--tag", "base", "--json").out)["runs"] == []
    assert candidates("tag", "TAG", "pa") == ["paper:1"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["first", "two words"], "'two words' is no tag"),
        (["first", "../up"], "is no tag"),
        (["first", "x", "--remove"], "first has no tag 'x'"),
        (["absent", "x"], "there is no run 'absent'"),
    ],
)
def test_what_is_no_tag_is_refused(make_run, ssl, line, words):
    folder = make_run("first")
    ended = ssl("runs", "tag", *line)
    assert ended.code == 2
    assert words in ended.err
    assert not (folder / "tags.json").exists()


@pytest.mark.parametrize("text", ["", "{", "3", "[1]", '{"a": 1}'])
def test_a_damaged_file_of_tags_is_no_tags(make_run, ssl, text):
    folder = make_run("first")
    (folder / "tags.json").write_text(text)
    assert json.loads(ssl("runs", "--json").out)["runs"][0]["tags"] == []
    assert ssl("runs", "tag", "first", "x").out == "first: x\n"


def test_the_list_says_how_the_newest_unfinished_runs_go_on(make_run, ssl):
    for name in ("one", "two", "three", "four"):
        make_run(name, status="stopped", command=["ssl", "pretrain"])
    make_run("whole")
    hints = [line for line in ssl("runs").out.splitlines() if "go on with" in line]
    assert [line.split()[0] for line in hints] == ["four", "three", "two"]
    assert hints[0].endswith("--resume four")


def test_models_of_a_hub_are_completed(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "models--org--name" / "snapshots" / ("0" * 40)).mkdir(parents=True)
    assert candidates("model.source", "MODEL", "hf:") == ["hf:org/name"]
    assert candidates("run.track", "TEXT", "ten") == ["tensorboard"]
