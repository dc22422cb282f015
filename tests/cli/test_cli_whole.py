"""The commands one after another, as a person types them, on a small text."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from sslcli.cli.app import run
from sslcli.contracts.abilities import Artifact

SMALL = [
    "--arch",
    "tiny",
    "--vocabulary",
    "120",
    "--seq-len",
    "32",
    "--batch-size",
    "16",
    "--no-plot",
    "-s",
    "training.eval_samples=8",
]
SMALL += [
    "-s",
    "model.shape.width=32",
    "-s",
    "model.shape.heads=2",
    "-s",
    "model.shape.feedforward_width=64",
    "-s",
    "data.held_out=0.1",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, text_corpus, module_cache):
    """A folder with one finished run, `runs/first`, and the run file it was made from."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SSLCLI_RUNS_DIR", "runs")
        line = [
            "pretrain",
            "--objective",
            "mlm",
            "--data",
            str(text_corpus),
            *SMALL,
            "--mask-rate",
            "0.3",
            "--max-steps",
            "8",
        ]
        assert run([*line, "--name", "first", "-q"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")


def test_the_run_file_holds_what_the_line_said(place, ssl):
    text = (place / "runs" / "first" / "config.yaml").read_text()
    assert "mask_rate: 0.3" in text
    assert "whole_words: false" in text
    assert "max_steps: 8" in text


def test_the_run_file_replays_the_run_to_the_bit(ssl):
    ended = ssl("pretrain", "-c", "runs/first/config.yaml", "--name", "again", "--json")
    assert ended.code == 0, ended.err
    compared = [
        json.loads(ssl("runs", "show", name, "--json").out)["evaluation"]
        for name in ("first", "again")
    ]
    assert compared[0] == compared[1]


def test_events_are_json_lines_and_the_last_says_where(ssl, text_corpus):
    ended = ssl(
        "pretrain",
        "--data",
        str(text_corpus),
        *SMALL,
        "--max-steps",
        "2",
        "--name",
        "lines",
        "--json",
    )
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert {line["schema"] for line in lines} == {"sslcli/1"}
    assert (lines[0]["event"], lines[-1]["event"], lines[-1]["run"]) == (
        "started",
        "done",
        "runs/lines",
    )
    assert ended.err == ""


DOCUMENTS = (
    "runs",
    "runs show first",
    "runs compare first first",
    "compare first first",
    "report first",
    "plugins",
    "plugins show mlm",
    "doctor",
    "generate '[MASK] cat' --model first",
    "tokenize --tokenizer-from first --show cat",
    "pretrain -c runs/first/config.yaml --dry-run",
    "pretrain -c runs/first/config.yaml --show-batch",
)


@pytest.mark.parametrize("line", DOCUMENTS)
def test_json_of_whatever_does_not_train_is_one_document(ssl, line):
    ended = ssl(*shlex.split(line), "--json")
    assert ended.code == 0, ended.err
    (document,) = map(json.loads, ended.out.splitlines())
    assert document["schema"] == "sslcli/1"


@pytest.mark.parametrize("name", ["pretrain", "finetune", "evaluate"])
def test_help_says_what_json_is(ssl, name):
    said = " ".join(ssl(name, "--help").out.replace("│", " ").split())
    assert "one document, or of a training one event a line" in said


@pytest.mark.parametrize("name", ["first", "runs/first", "@latest:mlm"])
def test_the_tokenizer_of_a_run_is_taken_by_any_name_of_the_run(ssl, place, text_corpus, name):
    ended = ssl("tokenize", "--tokenizer-from", name, "--show", "The cat")
    assert (ended.code, ended.out.splitlines()[-1].split()[0]) == (0, "pieces"), ended.err
    folder = f"as-{name.strip('@').replace('/', '-').replace(':', '-')}"
    line = [
        "pretrain",
        "--data",
        str(text_corpus),
        *SMALL[:2],
        *SMALL[4:],
        "--max-steps",
        "1",
        "--tokenizer-from",
        name,
    ]
    ended = ssl(*line, "--out", folder, "-q")
    assert ended.code == 0, ended.err
    hashes = [
        json.loads((place / run / "run.json").read_text())["tokenizer"]
        for run in ("runs/first", folder)
    ]
    assert hashes[0] == hashes[1]
    kept = (place / folder / "config.yaml").read_text()
    assert "@latest" not in kept
    again = ssl(*line, "--out", folder, "--resume", "-q")  # by then "@latest" may be another one
    assert again.code == 0, again.err


def test_a_run_that_is_not_there_has_no_tokenizer(ssl):
    ended = ssl("tokenize", "--tokenizer-from", "@latest:sop", "--show", "The cat")
    assert (ended.code, "there is no run of sop" in ended.err) == (2, True)


def test_a_run_that_stands_is_not_overwritten_unasked(ssl, place):
    before = (place / "runs" / "first" / "run.json").read_text()
    ended = ssl("pretrain", "-c", "runs/first/config.yaml", "--name", "first")
    assert (ended.code, "--resume" in ended.err) == (2, True)
    assert (place / "runs" / "first" / "run.json").read_text() == before


def test_out_of_time_exits_with_75_and_resume_finishes(ssl, text_corpus):
    line = ["pretrain", "--data", str(text_corpus), *SMALL, "--max-steps", "6", "--name", "stopped"]
    ended = ssl(*line, "--max-time", "0.001s")
    assert ended.code == 75, ended.err
    assert "stopped: " in ended.err
    assert json.loads(ssl("runs", "--json").out)["runs"][0]["status"] == "stopped"
    said = [
        re.search("go on with: ssl (.*)", text)[1].split()
        for text in (ended.err, ssl("runs", "show", "stopped").out)
    ]
    # with the limit of the run, which no step comes before
    assert ssl("pretrain", "--resume", "stopped").code == 75
    assert "--max-time" in said[1]
    ended = ssl(*said[0])  # as it is copied
    assert ended.code == 0, ended.err
    assert json.loads(ssl("runs", "show", "stopped", "--json").out)["facts"]["step"] == 6


def test_resume_alone_begins_anew_where_the_name_is_new(ssl, text_corpus):
    ended = ssl(
        "pretrain",
        "--data",
        str(text_corpus),
        *SMALL,
        "--max-steps",
        "1",
        "--name",
        "requeued",
        "--resume",
        "-q",
    )
    assert (ended.code, ended.out.strip()) == (0, "runs/requeued")


def test_resuming_with_other_settings_is_refused_by_key(ssl):
    ended = ssl("pretrain", "--resume", "first", "--lr", "3")
    assert (ended.code, "optimizer.rate" in ended.err) == (2, True)


def test_resuming_with_the_same_settings_in_other_words_is_no_change(ssl):
    assert (
        ssl("pretrain", "--resume", "first", "--mask-rate", "3e-1", "--max-steps", "8.0", "-q").code
        == 0
    )


def test_a_resumed_line_knows_the_options_of_the_runs_objective(ssl):
    assert "--mask-rate" in ssl("pretrain", "--resume", "first", "--help").out


@pytest.mark.parametrize("flag", ["--dry-run", "--show-batch"])
def test_looking_writes_no_run(ssl, place, text_corpus, flag):
    before = sorted(path.name for path in (place / "runs").iterdir())
    ended = ssl("pretrain", "--data", str(text_corpus), *SMALL, "--max-steps", "2", flag)
    assert ended.code == 0, ended.err
    assert ("tokens per second" if flag == "--dry-run" else "sample 1") in ended.out
    assert sorted(path.name for path in (place / "runs").iterdir()) == before


def test_a_dry_run_says_what_the_run_would_say_of_its_data(ssl, tmp_path):
    rows = "".join(f"{n},{n * n % 7},{n % 2}\n" for n in range(60))
    (tmp_path / "table.csv").write_text(f"a,b,y\n{rows}")
    line = ("--objective", "autoencoder", "--data", str(tmp_path / "table.csv"), "--arch", "tiny")
    ended = ssl("pretrain", *line, "--max-steps", "1", "--dry-run")
    assert ended.code == 0, ended.err
    assert "y as the label, which the model does not see" in ended.out
    assert "held out, so their figures are coarse" in ended.out


def test_verbose_says_where_each_setting_is_from(ssl, text_corpus):
    ended = ssl("pretrain", "--data", str(text_corpus), *SMALL, "--show-batch", "-v")
    assert "data.train is from --data" in ended.err
    assert "model.shape.width is from --set" in ended.err


def test_what_the_data_recommends_is_announced(ssl):
    line = ["pretrain", "--show-batch", "--limit", "300", "--max-steps", "5", "--lr", "0.5"]
    recipes = [text for text in ssl(*line).err.splitlines() if text.startswith("recipe ")]
    assert len(recipes) == 1
    assert re.fullmatch(r"recipe +demo:world sets \d+ settings \(flags and .*\)", recipes[0])
    (whole,) = [
        text for text in ssl(*line, "--verbose").err.splitlines() if text.startswith("recipe ")
    ]
    assert "schedule.name linear" in whole
    assert "optimizer.rate" not in whole
    assert "recipe" not in ssl(*line, "--quiet").err


def test_generate_says_which_model_answers_and_whether_it_fills_blanks(ssl, text_corpus):
    named = ssl("generate", "The [MASK].", "--model", "first")
    assert "model  runs/first\n" in named.err
    assert "warning" not in named.err
    line = [
        "pretrain",
        "--objective",
        "clm",
        "--data",
        str(text_corpus),
        *SMALL,
        "--max-steps",
        "1",
        "--name",
        "zero",
        "-q",
    ]
    assert ssl(*line).code == 0
    latest = ssl("generate", "The [MASK]")
    assert (latest.code, "model  runs/zero (latest; choose with --model)" in latest.err) == (
        0,
        True,
    ), latest.err
    assert "--model @latest:mlm" in latest.err
    assert latest.out.startswith("The [MASK]")


def test_generate_answers_every_line_of_a_file_as_it_answers_it_alone(ssl, place, monkeypatch):
    lines = ["the cat sees", "", "a dog", "the garden"]
    (place / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    how = ("--model", "zero", "--temperature", "0", "--new-tokens", "6")
    together = ssl("generate", "--data", "lines.txt", *how)
    assert together.code == 0, together.err
    alone = [ssl("generate", line, *how) for line in lines if line]
    assert together.out == "".join(each.out for each in alone)
    for line, text in zip(together.out.splitlines(), filter(None, lines), strict=True):
        assert line.startswith(text)
    told = json.loads(ssl("generate", "--data", "lines.txt", *how, "--json").out)["artifacts"]
    assert [each["details"]["prompt"] for each in told] == [line for line in lines if line]
    assert all(probability < 0 for each in told for _, probability in each["pieces"])
    no_blank = ssl("generate", "--data", "lines.txt", "--model", "first")
    assert no_blank.code == 2
    assert "in the text 'the cat sees'" in no_blank.err
    (place / "blanks.txt").write_text("the [MASK] sees\na [MASK]\n", encoding="utf-8")
    filled = ssl("generate", "--data", "blanks.txt", "--model", "first", "--top", "2", "--json")
    prompts = [each["details"]["prompt"] for each in json.loads(filled.out)["artifacts"]]
    assert prompts == ["the [MASK] sees"] * 2 + ["a [MASK]"] * 2
    for wrong, said in (
        (("a text", "--data", "lines.txt"), "there is a text and --data"),
        (("--data", "nowhere.txt"), "there is no file or folder nowhere.txt"),
        (("a", "--beams", "2", "--count", "3", "--model", "zero"), "2 beams give no 3 texts"),
        (
            ("a", "--beams", "2", "--top-k", "3", "--model", "zero"),
            "--top-k means nothing to beams",
        ),
    ):
        refused = ssl("generate", *wrong)
        assert (refused.code, said in refused.err) == (2, True), refused.err


def test_generate_fills_the_blanks_as_asked(ssl):
    ended = ssl("generate", "The cat sees the [MASK].", "--model", "first", "--top", "3", "--json")
    artifacts = json.loads(ended.out)["artifacts"]
    assert len(artifacts) == 3
    assert [a["score"] for a in artifacts] == sorted((a["score"] for a in artifacts), reverse=True)
    assert "--top" in ssl("generate", "--model", "first", "--help").out
    assert ssl("generate", "no blank", "--model", "first").code == 2
    assert "--top must be" in ssl("generate", "a [MASK]", "--model", "first", "--top", "0").err


def test_export_writes_a_directory_that_generate_reads(ssl, place):
    ended = ssl("export", "first", "--to", "hf", "exported")
    assert ended.code == 0, ended.err
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in (place / "exported").iterdir()
    }
    line = ["generate", "The cat sees the [MASK].", "--json", "--model"]
    ours, theirs = (json.loads(ssl(*line, name).out)["artifacts"] for name in ("first", "exported"))
    assert [a["text"] for a in ours] == [a["text"] for a in theirs]
    assert ssl("export", "first", "exported").code == 2


def test_tokenize_writes_shards_that_pretrain_takes(ssl, text_corpus):
    ended = ssl(
        "tokenize", "--data", str(text_corpus), "--vocabulary", "120", "--out", "shards", "--json"
    )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["folder"] == "shards"
    assert ssl("tokenize", "--data", str(text_corpus), "--out", "shards").code == 2
    assert (
        "pieces" in ssl("tokenize", "--tokenizer-from", "shards/tokenizer", "--show", "The cat").out
    )
    assert (
        ssl(
            "pretrain",
            "--data",
            "shards",
            *SMALL,
            "--max-steps",
            "1",
            "--name",
            "from-shards",
            "-q",
        ).code
        == 0
    )


def test_a_pipe_that_closes_early_is_no_error(place):
    command = f"{sys.executable} -m sslcli runs show first | head -1"
    ended = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=True, cwd=place
    )
    assert "Traceback" not in ended.stderr
    assert ended.stdout.startswith("first")


@pytest.mark.parametrize(("made", "said"), [("the cat ", True), ("the cat sees", False)])
def test_a_text_that_is_ended_at_once_is_said(place, ssl, monkeypatch, made, said):
    pieces = () if said else ((" sees", -0.1),)
    artifact = Artifact(made, None, {"prompt": "the cat", "ended": "stop"}, pieces)
    monkeypatch.setattr(
        "sslcli.cli.actions.generating.streamed", lambda *given, **more: iter([artifact])
    )
    ended = ssl("generate", "the cat", "--model", "first")
    assert ended.code == 0
    assert ("adds nothing" in ended.err) is said


def test_sharding_of_one_process_is_said_to_shard_nothing(text_corpus, tmp_path, capsys):
    words = ["pretrain", "--data", str(text_corpus), "--out", str(tmp_path / "run"), *SMALL]
    for parallel in ("ddp", "fsdp"):
        assert run([*words, "--parallel", parallel, "--dry-run"]) == 0
        printed = capsys.readouterr()
        is_said = "one process, so that nothing is sharded" in printed.out + printed.err
        assert is_said == (parallel == "fsdp")
