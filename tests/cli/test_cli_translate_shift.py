"""`ssl translate-shift` as typed: what it shows and leaves behind, and what it says where it
cannot.
"""

import json
from dataclasses import replace

import pytest

from sslcli.conformance.subjects import tiny_frozen_model
from sslcli.workflows.translate_shift import translate_shift
from sslcli.workflows.translate_shift.shift_files import load_shift


def test_a_text_is_moved_and_the_report_lies_below_the_run(ssl, world_run):
    ended = ssl(
        "translate-shift",
        "anna eats an apple.",
        "--model",
        str(world_run),
        "--alpha",
        "0,1",
        "--sentences",
        "40",
        "--top",
        "2",
    )
    assert ended.code == 0, ended.err
    assert "layer 2 of 2" in ended.out
    assert "apple" in ended.out
    assert "estimated on 40 sentences of en and 40 of zh" in ended.out
    (report,) = (world_run / "probes").glob("translate-shift-en-zh/report.json")
    assert json.loads(report.read_text())["tables"][0]["columns"] == ["en", "alpha 0", "alpha 1"]


def test_an_evaluation_stands_beside_its_controls(ssl, world_run, tmp_path):
    line = (
        "--evaluate",
        "--model",
        str(world_run),
        "--sentences",
        "40",
        "--limit",
        "10",
        "--layers",
        "2",
        "--alpha",
        "1",
        "--out",
    )
    ended = ssl("translate-shift", *line, str(tmp_path / "out"), "--random-vectors", "2", "--json")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)["report"]
    rows = [row[0] for row in report["tables"][0]["rows"]]
    assert rows == [
        "alpha 0",
        "alpha 1",
        "alpha 0, zh tokens only",
        "alpha 1, zh tokens only",
        "random vector as long (mean of 2)",
    ]
    verdicts = [
        note
        for note in report["notes"]
        if note.startswith(("not emerged: accuracy", "the shift translates: accuracy"))
    ]
    # after two steps of training
    assert [verdict.partition(":")[0] for verdict in verdicts] == ["not emerged"]
    assert any(note.startswith("no template: the model has no token") for note in report["notes"])
    assert (tmp_path / "out" / "report.json").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "there is no text to move"),
        (["one", "two"], "one text is moved at a time, not 2"),
        (["one", "--shift", "meen"], "there is no shift 'meen'"),
        (["one", "--from", "zh"], "--from and --to are both 'zh'"),
        (["one", "--alpha", "far"], "--alpha"),
        (["", "--model", "RUN"], "there is no word in the text"),
        (["one", "--model", "RUN", "--to", "fr"], "there is no text in 'fr'"),
        (["one", "--model", "RUN", "--layers", "3"], "layer 3 does not exist"),
        (["--evaluate", "missing.tsv", "--model", "RUN"], "missing.tsv"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(ssl, world_run, words, says):
    ended = ssl("translate-shift", *[str(world_run) if word == "RUN" else word for word in words])
    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("subject", "says", "hint"),
    [
        (
            replace(tiny_frozen_model(), learnable=None),
            "has no language-model head",
            "ssl pretrain --objective mlm --model x --train head",
        ),
        (tiny_frozen_model("decoder"), "is a decoder", "choose an encoder"),
    ],
)
def test_a_model_that_cannot_read_words_is_told_what_to_do(ssl, monkeypatch, subject, says, hint):
    monkeypatch.setattr(translate_shift, "load_frozen_model", lambda *_: subject)
    monkeypatch.setattr(translate_shift, "locate_weights", lambda reference: None)
    monkeypatch.setattr(translate_shift, "refuse_unwritable_files", lambda *_: None)
    monkeypatch.setattr("sslcli.cli.line_checks.refuse_absent_model", lambda reference: None)
    monkeypatch.setattr(
        "sslcli.cli.actions.shifting.chosen_model", lambda reference, *_: (reference, None)
    )
    ended = ssl("translate-shift", "the cat", "--model", "x", "--from", "aa", "--to", "bb")
    assert ended.code == 2
    assert says in ended.err
    assert hint in ended.err


def test_a_dictionary_none_of_whose_words_the_model_has_is_refused_and_not_replaced_by_another(
    ssl, world_run, tmp_path
):
    path = tmp_path / "words.tsv"
    path.write_text("zeppelin\t飞艇\nquark\t夸克\nsonnet\t十四行诗\n", encoding="utf-8")
    ended = ssl(
        "translate-shift",
        "--evaluate",
        str(path),
        "--model",
        str(world_run),
        "--sentences",
        "20",
        "--limit",
        "10",
    )
    assert ended.code == 2
    assert "none of the 3 word pairs" in ended.err
    assert "hint:" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("one", "--alpha", "x"),
        ("one", "--layers", "abc"),
        ("one", "--top", "0"),
        ("one", "--seed", "x"),
    ],
)
def test_every_mistake_has_a_hint(ssl, words):
    ended = ssl("translate-shift", *words)
    assert ended.code == 2
    assert "hint:" in ended.err


def test_a_shift_that_was_saved_moves_as_it_did_and_is_not_estimated(
    ssl, world_run, tmp_path, monkeypatch
):
    path = str(tmp_path / "shift.safetensors")
    line = ("translate-shift", "anna eats an apple.", "--model", str(world_run), "--json", "--out")
    first = ssl(*line, str(tmp_path / "a"), "--sentences", "40", "--save", path)
    monkeypatch.delattr(translate_shift, "estimate")
    again = ssl(*line, str(tmp_path / "b"), "--load", path)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    tables = [json.loads(ended.out)["report"]["tables"] for ended in (first, again)]
    assert tables[0] == tables[1]
    assert (
        f"{path}: --shift mean, estimated on 40 sentences of en and 40 of zh"
        in json.loads(again.out)["report"]["notes"][-1]
    )


def test_a_link_to_a_saved_shift_is_written_through(ssl, world_run, tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.touch()
    link.symlink_to(kept)
    ended = ssl(
        "translate-shift",
        "anna",
        "--model",
        str(world_run),
        "--sentences",
        "9",
        "--save",
        str(link),
        "--out",
        str(tmp_path / "o"),
    )
    assert ended.code == 0, ended.err
    assert (link.is_symlink(), list(load_shift(kept).shifts)) == (True, [2])


def test_one_of_the_languages_of_a_saved_shift_may_be_said(ssl, world_run, tmp_path):
    """The other one is the file's, whatever it is where nothing is loaded."""
    path, line = (
        str(tmp_path / "shift"),
        ("translate-shift", "anna", "--model", str(world_run), "--out", str(tmp_path / "out")),
    )
    assert ssl(*line, "--from", "zh", "--to", "en", "--sentences", "9", "--save", path).code == 0
    ended = ssl(*line, "--load", path, "--from", "zh")
    assert ended.code == 0, ended.err
    assert "zh moved into en" in ended.out
    for words in (
        ("--from", "en"),
        ("--to", "zh"),
        ("--to", "fake"),
        ("--from", "en", "--to", "zh"),
        ("--from", "zh", "--to", "zh"),
    ):
        ended = ssl(*line, "--load", path, *words)
        assert (ended.code, "moves zh into en" in ended.err) == (2, True), ended.err


def test_a_saved_shift_is_tested_like_one_that_is_estimated(ssl, world_run, tmp_path):
    path = str(tmp_path / "shift.safetensors")
    line = (
        "translate-shift",
        "--evaluate",
        "--model",
        str(world_run),
        "--sentences",
        "40",
        "--limit",
        "10",
        "--layers",
        "2",
        "--json",
    )
    asked = (*line, "--alpha", "1", "--random-vectors", "2", "--out")
    first = ssl(*asked, str(tmp_path / "a"), "--save", path)
    again = ssl(*asked, str(tmp_path / "b"), "--load", path)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    reports = [json.loads(ended.out)["report"] for ended in (first, again)]
    assert reports[0]["scores"] == reports[1]["scores"]
    assert reports[0]["tables"] == reports[1]["tables"]


@pytest.mark.parametrize(
    "words",
    [["anna", "--limit", "5"], ["anna", "--random-vectors", "3"], ["--evaluate", "--top", "2"]],
)
def test_a_flag_that_nothing_reads_is_refused(ssl, words):
    """Before a model is looked for."""
    ended = ssl("translate-shift", *words, "--model", "nowhere")
    flag = words[-2]
    assert (ended.code, ended.err.count("\n")) == (2, 2)
    assert f"error: {flag} is for " in ended.err
    assert "--evaluate" in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--load", "FILE", "--shift", "mean"], "--load and --shift contradict each other"),
        (["--load", "FILE", "--data", "x.txt"], "--load and --data contradict each other"),
        (["--load", "FILE", "--sentences", "40"], "--load and --sentences contradict each other"),
        (["--load", "FILE", "--save", "x"], "--load and --save contradict each other"),
        (["--load", "FILE", "--to", "fake"], "moves en into zh"),
        (["--load", "missing"], "there is no file or folder missing"),
        (["--save", "OTHER"], "is no saved shift"),
        (["--save", "no/folder/x"], "there is no folder no/folder"),
        (["--load", "OTHER"], "cannot be read as a saved shift"),
    ],
)
def test_files_of_shifts_that_cannot_be_used_are_refused(ssl, world_run, tmp_path, words, says):
    saved, other = tmp_path / "shift", tmp_path / "other"
    other.write_text("mine")
    if "FILE" in words:
        assert (
            ssl(
                "translate-shift",
                "anna",
                "--model",
                str(world_run),
                "--sentences",
                "9",
                "--save",
                str(saved),
            ).code
            == 0
        )
    named = {"FILE": str(saved), "OTHER": str(other)}
    ended = ssl(
        "translate-shift",
        "anna",
        "--model",
        str(world_run),
        *[named.get(word, word) for word in words],
    )
    assert ended.code == 2
    assert says in ended.err
    assert "hint:" in ended.err
    assert other.read_text() == "mine"
