"""`ssl evaluate TASK --in-context`: what is refused before anything is loaded, and a whole table."""

import json

import pytest


@pytest.fixture
def files(tmp_path):
    for name, start in (("train", 0), ("test", 100)):
        rows = [
            {"text": f"the cat number {start + n} is here", "label": ("good", "bad", "good")[n % 3]}
            for n in range(9)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "wrong.txt").write_text("{txt} is {label}\n")
    (tmp_path / "bytes.txt").write_bytes(b"{text} \xff {label}")
    (tmp_path / "own.txt").write_text("{text} : {label}\n---\ngood = fine\n---\n##\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--k", "1"], "--k is for an evaluation in context"),
        (["--template", "own.txt"], "--template is for an evaluation in context"),
        (["--in-context", "--k", "1,x"], "must be a whole number"),
        (["--in-context", "--k", "0,300"], "numbers from 0 to 256"),
        (["--in-context", "--k", "1,1"], "twice"),
        (["--in-context", "--draws", "0"], "--draws"),
        (["--in-context", "--batch-size", "4"], "--batch-size changes nothing in context"),
        (["--in-context"], "nothing to draw worked examples from"),
        (["--in-context", "--examples", "test.jsonl"], "never those that are scored"),
        (["--in-context", "--examples", "absent.jsonl"], "there is no file or folder absent.jsonl"),
        (["--in-context", "--k", "0", "--template", "bytes.txt"], "bytes.txt cannot be read"),
        (
            ["--in-context", "--k", "0", "--template", "wrong.txt"],
            "names {txt}, which no example has",
        ),
        (
            ["--in-context", "--k", "0", "--template", "absent.txt"],
            "there is no file or folder absent.txt",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_looked_for(
    ssl, files, monkeypatch, words, said
):
    monkeypatch.chdir(files)
    ended = ssl("evaluate", "sentiment", "--model", ".", "--data", "test.jsonl", *words)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pos", "pos puts no example as a prompt"),
        ("rewrite --beams 4", "--beams changes nothing in context"),
        ("rewrite --seq-len 64", "--seq-len changes nothing in context"),
        ("qa --stride 4", "--stride changes nothing in context"),
        ("qa --no-answer yes", "--no-answer changes nothing in context"),
        ("sentiment --seq-len 64", "--seq-len changes nothing in context"),
        ("sentiment --step-by-step", "those of sentiment are chosen"),
        ("qa --template own.txt", "own.txt does not end an example with {answer}"),
        ("rewrite --template answer.txt", "answer.txt does not end an example with {target}"),
        ("qa --template lone.txt", "lone.txt names {text}, which no example has"),
    ],
)
def test_what_a_task_cannot_be_asked_in_context_is_refused(ssl, files, monkeypatch, line, said):
    monkeypatch.chdir(files)
    (files / "answer.txt").write_text("{source}: {answer}\n")
    (files / "lone.txt").write_text("{text}: {answer}\n")
    ended = ssl(
        "evaluate",
        *line.split(),
        "--model",
        ".",
        "--data",
        "test.jsonl",
        "--in-context",
        "--k",
        "0",
    )
    assert (ended.code, said in ended.err) == (2, True), ended.err


def pretrained(ssl, files, objective):
    ended = ssl(
        "pretrain", "--objective", objective, "--data", "train.jsonl", "--eval-data", "test.jsonl", "--tokenizer", "words",
        "--arch", "tiny", "--seq-len", "32", "--max-steps", "1", "--batch-size", "2",
        "--out", objective, "--no-plot",
    )  # fmt: skip
    assert ended.code == 0, ended.err


def test_a_table_beside_chance_and_majority(ssl, files, monkeypatch):
    monkeypatch.chdir(files)
    pretrained(ssl, files, "clm")
    line = (
        "evaluate", "sentiment", "--in-context", "--data", "test.jsonl", "--examples", "train.jsonl",
        "--k", "0,2", "--draws", "2", "--template", "own.txt", "--json", "--out", "found",
    )  # fmt: skip
    ended = ssl(*line, "--model", "clm")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    (table,) = report["tables"]
    assert [row[0] for row in table["rows"]] == [0, 2]
    names = [score["name"] for score in report["scores"]]
    assert names[:5] == [
        "raw sum 0-shot", "per character 0-shot", "per byte 0-shot", "PMI 0-shot", "calibrated 0-shot"
    ]  # fmt: skip
    assert len(names) == 10
    for score in report["scores"]:
        assert score["baselines"] == {"chance": 0.5, "majority": pytest.approx(2 / 3)}
        low, high = score["interval"]
        assert low <= score["value"] <= high
        named = score["name"].rpartition(" ")
        noted = any(
            named[2] in note and "not above chance" in note and ("any" in note or named[0] in note)
            for note in report["notes"]
        )
        assert noted == (low <= 2 / 3)
    lines = (files / "found" / "choices.jsonl").read_text().splitlines()
    assert len(lines) == 9 * (1 + 2)
    again = ssl(*line, "--model", "clm")
    assert json.loads(again.out)["scores"] == report["scores"]


def test_what_is_no_decoder_is_refused(ssl, files, monkeypatch):
    monkeypatch.chdir(files)
    pretrained(ssl, files, "mlm")
    ended = ssl(
        "evaluate",
        "sentiment",
        "--in-context",
        "--k",
        "0",
        "--data",
        "test.jsonl",
        "--model",
        "mlm",
    )
    assert ended.code != 0
    assert "prompts are for a decoder" in ended.err


@pytest.mark.parametrize("steps", [(), ("--step-by-step",)])
def test_written_targets_beside_the_source_itself(ssl, files, monkeypatch, steps):
    monkeypatch.chdir(files)
    pretrained(ssl, files, "clm")
    for name, start in (("pairs", 0), ("asked", 50)):
        rows = [
            {"source": f"the cat number {start + n}", "target": f"cat {start + n} is here"}
            for n in range(6)
        ]
        (files / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = (
        "evaluate", "rewrite", "--in-context", "--data", "asked.jsonl", "--examples", "pairs.jsonl",
        "--k", "0,1", "--draws", "2", "--max-length", "4", "--json", "--out", "found", "--model", "clm",
    )  # fmt: skip
    ended = ssl(*line, *steps)
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    if steps:
        said = "0-shot: 6 of 6 texts do not say 'the answer is'"
        assert any(said in note for note in report["notes"])
        return
    assert [row[0] for row in report["tables"][0]["rows"][:2]] == [0, 1]
    scores = {score["name"]: score for score in report["scores"]}
    assert scores["chrF 0-shot"]["baselines"]["copy"] > 0
    assert scores["exact match 1-shot"]["count"] == 6
    assert any("not above" in note for note in report["notes"])
    lines = [
        json.loads(x) for x in (files / "found" / "predictions.jsonl").read_text().splitlines()
    ]
    assert len(lines) == 6 * (1 + 2)
    assert all(len(each["worked"]) == each["k"] for each in lines)
    assert all(each["prediction"] == each["written"].partition("\n")[0].strip() for each in lines)
    assert json.loads(ssl(*line).out)["scores"] == report["scores"]


def test_min_knows_the_scores_of_a_task_behind_examples(ssl, files, monkeypatch):
    monkeypatch.chdir(files)
    line = (
        "evaluate",
        "rewrite",
        "--in-context",
        "--data",
        "test.jsonl",
        "--k",
        "0",
        "--model",
        ".",
    )
    ended = ssl(*line, "--min", "chrf=1")
    assert (ended.code, "there is no score 'chrf'" in ended.err) == (2, True)
    assert "there is no score" not in ssl(*line, "--min", "chrF-0-shot=1").err
