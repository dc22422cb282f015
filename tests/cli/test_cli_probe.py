"""`ssl probe` as typed: which model is meant, where the files go, and what it says where it
cannot.
"""

import json

import pytest


@pytest.fixture
def trained(world_run, tmp_path, monkeypatch):
    """The newest run of the runs folder."""
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "first").symlink_to(world_run)
    monkeypatch.chdir(tmp_path)
    return runs / "first"


def answers(folder):
    return sorted(path.parent.name for path in folder.glob("probes/*/report.json"))


def test_the_newest_run_is_looked_into_and_named(ssl, trained):
    ended = ssl("probe", "similarity", "apple", "--per-sense", "4")
    assert ended.code == 0, ended.err
    assert "first (latest; choose with --model)" in ended.err
    assert "cosine of apple, layer 2" in ended.out
    report = json.loads(
        (trained / "probes/similarity-apple/report.json").read_text(encoding="utf-8")
    )
    assert (
        next(score for score in report["scores"] if score["name"] == "separation")["baselines"][
            "input embedding"
        ]
        == 0
    )
    assert {path.suffix for path in (trained / "probes/similarity-apple").iterdir()} == {
        ".json",
        ".csv",
        ".png",
        ".svg",
    }


def test_another_question_leaves_the_answer_that_was_there(ssl, trained, monkeypatch):
    def ask(*words):
        monkeypatch.setattr("sys.argv", ["ssl", *words])
        assert ssl(*words).code == 0

    line = ("probe", "similarity", "苹果", "--per-sense", "3")
    ask(*line)
    before = answers(trained)
    ask(*line)
    assert answers(trained) == before
    ask(*line, "--layer", "1")
    ask(*line, "--model", "first:step-1")
    assert set(answers(trained)) - set(before) == {"similarity-苹果-2", "similarity-苹果-3"}


def test_json_is_one_document(ssl, trained, tmp_path):
    ended = ssl("probe", "projection", "--json", "--out", str(tmp_path / "out"))
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document["report"]["scatters"]
    assert all(path.startswith(str(tmp_path / "out")) for path in document["files"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "there is no probe 'nonsense'"),
        (["similarityy"], "did you mean 'similarity'"),
        (["layers", "first", "--model", "first"], "are two models"),
        (["layers", "nowhere"], "nowhere"),
        (["similarity", "apple", "--layer", "9"], "layer 9 does not exist"),
        (["similarity", "apple", "--layer", "x"], "--layer"),
        (["similarity", "zeppelin"], "zeppelin"),
        (["similarity", "apple", "--sentences", "missing.txt"], "missing.txt"),
        (["attention", " "], "no token"),
        (["alignment", "--pairs", "missing.tsv"], "missing.tsv"),
        (["layers", "--task", "qa"], "no labels of places"),
        (["layers", "--data", "missing.conllu"], "missing.conllu"),
        (["embryology", "first:step-1", "--task", "nothing"], "nothing"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(ssl, trained, words, says):
    ended = ssl("probe", *words)
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert ended.err.count("error:") == 1
    assert "hint:" in ended.err
    assert "Traceback" not in ended.err


def test_an_output_that_cannot_be_written_is_named(ssl, trained, tmp_path):
    (tmp_path / "file").write_text("")
    ended = ssl("probe", "projection", "--out", str(tmp_path / "file" / "below"))
    assert ended.code == 2
    assert "file is a file, not a folder" in ended.err
    assert "hint:" in ended.err
