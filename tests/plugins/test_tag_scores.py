"""Scores, tables and notes of tagging: spans in every scheme, words that count and words that do
not.
"""

import pytest
from sslplugins.tasks.tag.task import Tag
from task_bench import record

from sslcli.api import Prediction


def scorer(labels=()):
    return Tag.scorer(Tag.Options(), labels)


def tagged(words, tags):
    return Tag.parse(Tag.Options(), record(tokens=words, tags=tags))


def test_spans_are_scored_as_spans_and_plain_tags_by_word():
    gold = tagged(["EU", "rejects", "German", "call"], ["B-ORG", "O", "B-MISC", "O"])
    given = scorer(["O"]).baselines([gold], [gold])
    labels = ["O", "B-ORG", "B-MISC"]
    scores = {score.name: score.value for score in scorer(labels).score(given["majority"], [gold])}
    assert next(iter(scores)) == "f1"
    assert (scores["f1"], scores["recall"], scores["accuracy"]) == (0.0, 0.0, 0.5)
    assert scorer(labels).score(given["by word"], [gold])[0].value == 1.0
    plain = tagged(["a", "b"], ["O", "P"])
    usual = scorer().baselines([plain], [plain])["majority"]
    assert [score.name for score in scorer(["O", "P"]).score(usual, [plain])] == ["accuracy"]


@pytest.mark.parametrize("letters", ["BIES", "BILU", "BMES", "BMEW"])
def test_every_scheme_has_the_scores_and_the_table_of_its_spans(letters):
    begin, inside, end, single = letters
    words = ["Ann", "saw", "New", "York", "City", "Rome"]
    gold = tagged(
        words,
        [f"{single}-PER", "O", f"{begin}-LOC", f"{inside}-LOC", f"{end}-LOC", f"{single}-LOC"],
    )
    given = [Prediction([f"{single}-PER", "O", f"{begin}-LOC", f"{end}-LOC", "O", f"{single}-LOC"])]
    labels = Tag.labels(Tag.Options(), [gold])
    scores = {score.name: score.value for score in scorer(labels).score(given, [gold])}
    assert scores["precision"] == scores["recall"] == scores["f1"] == pytest.approx(2 / 3)
    tables = {
        table.title: table.rows for table in scorer(labels).error_report(given, [gold]).tables
    }
    assert [row[0] for row in tables["spans by kind"]] == ["LOC", "PER"]
    assert any("mark spans in" in sentence for sentence in Tag.how_read(Tag.Options(), [gold]))


def test_tags_of_no_scheme_are_scored_by_word_and_named():
    gold = tagged(["Ann", "saw", "Rome", "now"], ["B-PER", "O", "LOC", "I-PER"])
    labels, given = Tag.labels(Tag.Options(), [gold]), [Prediction(["O"] * 4)]
    assert [score.name for score in scorer(labels).score(given, [gold])] == ["accuracy"]
    assert "'LOC' fit" in scorer(labels).error_report(given, [gold]).notes[0]
    assert "'LOC' fit" in Tag.how_read(Tag.Options(), [gold])[0]


def test_the_report_counts_confusions_and_shows_the_worst_sentence():
    examples = [tagged(["a", "b", "c"], ["X", "Y", "Z"]), tagged(["d"], ["X"])]
    predictions = [
        scorer().baselines([tagged(["q"], ["Y"])], [example])["majority"][0] for example in examples
    ]
    report = scorer(["X", "Y", "Z"]).error_report(predictions, examples)
    by_tag, confusions = report.tables
    assert {row[0]: row[1:] for row in by_tag.rows} == {
        "X": [0.0, 0.0, 0.0, 2], "Y": [pytest.approx(1 / 4), 1.0, pytest.approx(0.4), 1], "Z": [0.0,
        0.0, 0.0, 1],
    }  # fmt: skip
    assert [list(row) for row in confusions.rows] == [
        ["X", 0, 2, 0],
        ["Y", 0, 1, 0],
        ["Z", 0, 1, 0],
    ]
    assert "2 of 3 wrong" in report.passages[0].title
    assert [span.text for span in report.passages[0].spans if span.role == "corrupted"] == [
        "Y",
        "Y",
    ]
    assert [span.text for span in report.passages[0].spans if span.role == "correct"] == ["X", "Z"]
    many = [f"T{number}" for number in range(30)]
    crowd = [tagged(["w"] * 30, many)]
    usual = scorer().baselines(crowd, crowd)["majority"]
    confused = scorer(many).error_report(usual, crowd).tables[1]
    assert confused.title == "commonest confusions"
    assert all(row[2:] == [1, 1.0] for row in confused.rows)
