"""GLUE: every file read as the official readers do, by column number; the leaderboard's average and
its files.
"""

import csv
import json
import zipfile

import pytest
from glue_folders import make_glue_data, write
from sslplugins.suites.glue.suite import Glue

from sslcli.api import DataError, Prediction, Score, UsageError
from sslcli.data.records.label_marks import MARKS
from sslcli.datasets.labelled import examples_of
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.tasks import task_class, task_options
from sslcli.settings import LabelledSettings
from sslcli.workflows.suite.submission import add_answers

# What the readers that came with BERT and with the GLUE baselines take: text columns and label
# column, of train and of test.
POSITIONS = {
    "cola": ("CoLA", "train dev test", (3,), 1, (1,)),
    "sst-2": ("SST-2", "train dev test", (0,), 1, (1,)),
    "mrpc": ("MRPC", "train dev test", (3, 4), 0, (3, 4)),
    "sts-b": ("STS-B", "train dev test", (7, 8), -1, (7, 8)),
    "qqp": ("QQP", "train dev test", (3, 4), 5, (1, 2)),
    "mnli": (
        "MNLI",
        "train dev_matched dev_mismatched test_matched test_mismatched",
        (8, 9),
        -1,
        (8, 9),
    ),
    "qnli": ("QNLI", "train dev test", (1, 2), -1, (1, 2)),
    "rte": ("RTE", "train dev test", (1, 2), -1, (1, 2)),
    "wnli": ("WNLI", "train dev test", (1, 2), -1, (1, 2)),
}
NOTHING = LabelledSettings()
SPLITS = [(part, split) for part, (_, splits, *_) in POSITIONS.items() for split in splits.split()]


@pytest.fixture
def data(tmp_path):
    return make_glue_data(tmp_path / "glue_data")


def glue(**options):
    return Glue(Glue.Options(**options))


def official(data, part, split):
    """(texts, label) of every row, None for a label of the tests."""
    folder, _, texts, label, of_test = POSITIONS[part]
    with (data / folder / f"{split}.tsv").open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file, delimiter="\t", quotechar=None, quoting=csv.QUOTE_NONE))
    is_test = split.startswith("test")
    rows = rows[0 if part == "cola" and not is_test else 1 :]
    if is_test:
        return [(tuple(row[place] for place in of_test), None) for row in rows]
    rows = [row for row in rows if len(row) > 5 or part != "qqp"]
    found = [
        (tuple(row[place] for place in texts), row[label]) for row in rows if row[label] != "-"
    ]
    return [(pair, float(value)) for pair, value in found] if part == "sts-b" else found


def read(data, part, split, suite=None):
    """The same through the part's own task."""
    own = next(one for one in (suite or glue()).parts(data) if one.name == part)
    reference = f"glue:{part}/{split}:{data}"
    return [
        (e.data, e.gold)
        for e in examples_of(
            task_class(own.task), task_options(own.task, own.options), [reference], "test", NOTHING
        )
    ]


@pytest.mark.parametrize(("part", "split"), SPLITS)
def test_every_split_is_read_as_the_official_readers_do(data, part, split):
    wanted = official(data, part, split)
    assert len(wanted) > 0
    assert read(data, part, split) == wanted


def test_the_diagnostic_set_is_answered_by_mnli(data):
    assert read(data, "mnli", "diagnostic") == [(("a", "b"), None), (("b", "a"), None)]


def test_parts_are_those_whose_files_are_there_with_their_figures(data, tmp_path):
    parts = {part.name: part for part in glue(sequence_tokens=64).parts(data)}
    assert list(parts) == list(POSITIONS)
    assert {part.best_by for part in parts.values()} == {
        "matthews",
        "accuracy",
        "f1+accuracy",
        "pearson+spearman",
    }
    assert (parts["cola"].task, parts["rte"].task) == ("classify", "pairs")
    assert parts["sts-b"].options == {"kind": "number", "sequence_tokens": 64}
    assert parts["mnli"].evaluations == ["dev_matched", "dev_mismatched"]
    assert parts["mnli"].tests == ["test_matched", "test_mismatched", "diagnostic"]
    for task in ("CoLA", "MRPC"):
        (data / task / "dev.tsv").unlink()
    (data / "RTE" / "test.tsv").unlink()
    left = {part.name: part for part in glue().parts(data)}
    assert set(parts) - set(left) == {"cola", "mrpc"}
    assert left["rte"].tests == []
    with pytest.raises(DataError, match="holds none of the tasks"):
        glue().parts(tmp_path)


def test_folders_and_files_are_found_whatever_their_case(data):
    before = read(data, "sst-2", "dev")
    (data / "SST-2" / "dev.tsv").rename(data / "SST-2" / "DEV.TSV")
    (data / "SST-2").rename(data / "sst2")
    (data / "diagnostic").rename(data / "AX")
    (data / "AX" / "diagnostic.tsv").rename(data / "AX" / "AX.tsv")
    assert read(data, "sst-2", "dev") == before
    assert len(read(data, "mnli", "diagnostic")) == 2


def test_rows_that_are_passed_over_are_counted(data):
    assert glue().passed_over(data, "qqp", "train") == [
        "2 rows of qqp/train are passed over: they have too few columns"
    ]
    (sentence,) = glue().passed_over(data, "mnli", "dev_matched")
    assert sentence == (
        "1 row of mnli/dev_matched is passed over: it has no label that annotators agreed on"
    )
    quiet = [("mnli", "train"), ("qqp", "test"), ("cola", "train"), ("rte", "dev")]
    assert [glue().passed_over(data, *place) for place in quiet] == [[]] * 4


@pytest.mark.parametrize(
    ("part", "label"), [("cola", -1), ("mnli", -1), ("sts-b", -1.0), ("rte", None), ("qnli", "-")]
)
def test_rows_without_a_label_are_left_out_and_counted(tmp_path, part, label):
    own = {
        "cola": ["sentence"],
        "mnli": ["premise", "hypothesis"],
        "qnli": ["question", "sentence"],
    }
    texts = own.get(part, ["sentence1", "sentence2"])
    ends = ["validation_matched"] if part == "mnli" else ["validation"]
    good = [{**dict.fromkeys(texts, f"text {n}"), "label": n, "idx": n} for n in (0, 1)]
    for split in ("train", *ends):
        path = tmp_path / part.replace("-", "") / f"{split}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            "".join(f"{json.dumps(row)}\n" for row in [*good, {**good[0], "label": label}])
        )
    assert len(read(tmp_path, part, "train")) == 2
    (sentence,) = glue().passed_over(tmp_path, part, "train")
    assert sentence.startswith(f"1 row of {part}/train is passed over")
    path.write_text(f"{json.dumps({**good[0], 'label': label})}\n")
    with pytest.raises(DataError, match="record 1, field 'label'"):
        read(tmp_path, part, "dev_matched" if part == "mnli" else "dev")


@pytest.mark.parametrize("mark", ["", *MARKS])
def test_what_means_no_label_elsewhere_means_none_in_glue(tmp_path, mark):
    path = tmp_path / "RTE" / "train.tsv"
    path.parent.mkdir()
    good = [[n, f"a {n}", f"b {n}", "entailment"] for n in range(2)]
    header = ["index", "sentence1", "sentence2", "label"]
    write(path, header, *good, [2, "a", "b", mark])
    write(tmp_path / "RTE" / "dev.tsv", header, *good)
    assert len(read(tmp_path, "rte", "train")) == 2
    (sentence,) = glue().passed_over(tmp_path, "rte", "train")
    assert sentence.startswith("1 row of rte/train is passed over")


def test_the_original_files_of_mrpc_are_split_by_the_listed_pairs(data):
    whole = {split: read(data, "mrpc", split) for split in ("train", "test")}
    for name in ("train", "dev", "test"):
        (data / "MRPC" / f"{name}.tsv").unlink()
    columns = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
    rows = [[1, 10, 11, "A b.", "B a."], [1, 14, 15, "E.", "F."], [0, 12, 13, "C.", "D."]]
    write(data / "MRPC" / "msr_paraphrase_train.txt", columns, *rows, mark="\ufeff")
    write(
        data / "MRPC" / "msr_paraphrase_test.txt", columns, [1, 20, 21, "A.", "B."], mark="\ufeff"
    )
    assert "mrpc" not in [part.name for part in glue().parts(data)]
    write(data / "MRPC" / "dev_ids.tsv", [14, 15])
    assert {split: read(data, "mrpc", split) for split in ("train", "test")} == whole
    assert read(data, "mrpc", "dev") == [(("E.", "F."), "1")]


HUGGING_FACE = {
    "cola": ({"sentence": "a", "label": 1, "idx": 0}, (("a",), "1")),
    "sts-b": ({"sentence1": "a", "sentence2": "b", "label": 3.8, "idx": 0}, (("a", "b"), 3.8)),
    "mnli": (
        {"premise": "a", "hypothesis": "b", "label": 2, "idx": 0},
        (("a", "b"), "contradiction"),
    ),
    "qnli": (
        {"question": "a", "sentence": "b", "label": 1, "idx": 0},
        (("a", "b"), "not_entailment"),
    ),
    "qqp": ({"question1": "a", "question2": "b", "label": 0, "idx": 0}, (("a", "b"), "0")),
    "mrpc": ({"sentence1": "a", "sentence2": "b", "label": 1, "idx": 0}, (("a", "b"), "1")),
}


@pytest.mark.parametrize("part", HUGGING_FACE)
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_files_with_the_columns_of_hugging_face_are_read(tmp_path, part, suffix):
    row, wanted = HUGGING_FACE[part]
    ends = ["validation_matched", "validation_mismatched"] if part == "mnli" else ["validation"]
    for split in ("train", *ends):
        path = tmp_path / part.replace("-", "") / f"{split}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as file:
            if suffix == "jsonl":
                file.write(json.dumps(row))
            else:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
                writer.writerow(row)
    (own,) = glue().parts(tmp_path)
    assert own.name == part
    assert read(tmp_path, part, own.evaluations[-1]) == [wanted]


BROKEN = [
    (
        "cola",
        "CoLA/dev.tsv",
        ["gj04", "", "", "x"],
        "dev.tsv, line 1, field 'label': there is no label",
    ),
    (
        "cola",
        "CoLA/dev.tsv",
        ["gj04", 2, "", "x"],
        "dev.tsv, line 1, field 'label': '2' is no label",
    ),
    ("cola", "CoLA/dev.tsv", ["gj04", 1, "x"], "dev.tsv, line 1 has 3 columns and should have 4"),
    (
        "rte",
        "RTE/dev.tsv",
        [0, "a", "b", "neutral"],
        "dev.tsv, line 2, field 'label': 'neutral' is no label",
    ),
    ("sts-b", "STS-B/dev.tsv", ["5.5"], "dev.tsv, line 2, field 'score': '5.5' is no similarity"),
    ("sts-b", "STS-B/dev.tsv", ["nan"], "dev.tsv, line 2, field 'score': 'nan' is no similarity"),
]


@pytest.mark.parametrize(("part", "name", "row", "said"), BROKEN)
def test_a_broken_row_is_named(data, part, name, row, said):
    header = {
        "rte": [["index", "sentence1", "sentence2", "label"]],
        "sts-b": [["sentence1", "sentence2", "score"]],
    }.get(part, [])
    write(data / name, *header, ["a", "b", *row] if part == "sts-b" else row)
    with pytest.raises(DataError) as caught:
        read(data, part, "dev")
    assert said in str(caught.value)


@pytest.mark.parametrize(("part", "name", "row", "said"), BROKEN[1:5])
def test_a_broken_row_is_left_out_and_counted(data, part, name, row, said):
    header = {
        "rte": [["index", "sentence1", "sentence2", "label"]],
        "sts-b": [["sentence1", "sentence2", "score"]],
    }.get(part, [])
    good = {"rte": [1, "c", "d", "entailment"], "sts-b": ["c", "d", "2.5"]}.get(
        part, ["gj04", 1, "", "c"]
    )
    write(data / name, *header, ["a", "b", *row] if part == "sts-b" else row, good)
    own = next(one for one in glue().parts(data) if one.name == part)
    sifter = Sifter(1)
    task, options = task_class(own.task), task_options(own.task, own.options)
    found = examples_of(task, options, [f"glue:{part}/dev:{data}"], "test", NOTHING, sifter)
    assert [example.data[0] for example in found] == ["c"]
    assert sifter.left_out == 1
    (sentence,) = sifter.sentences()
    assert sentence.startswith("1 of 2 records cannot be used and is left out: ")
    assert said in sentence


def test_a_row_without_a_pair_of_the_original_mrpc_is_left_out_and_counted(data):
    for name in ("train", "dev", "test"):
        (data / "MRPC" / f"{name}.tsv").unlink()
    columns = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
    rows = [[1, 10, 11, "A b.", "B a."], [1, "half"], [1, 14, 15, "E.", "F."]]
    write(data / "MRPC" / "msr_paraphrase_train.txt", columns, *rows)
    write(data / "MRPC" / "msr_paraphrase_test.txt", columns, [1, 20, 21, "A.", "B."])
    write(data / "MRPC" / "dev_ids.tsv", [14, 15])
    sifter = Sifter(1)
    reference = f"glue:mrpc/train:{data}"
    options = task_options("pairs", {"kind": "classes"})
    found = examples_of(task_class("pairs"), options, [reference], "test", NOTHING, sifter)
    assert ([example.data for example in found], sifter.left_out) == ([("A b.", "B a.")], 1)
    assert read(data, "mrpc", "dev") == [(("E.", "F."), "1")]


def test_an_empty_label_is_told_from_a_column_that_is_not_there(data):
    write(data / "SST-2" / "dev.tsv", ["sentence", "gold"], ["a", 1])
    with pytest.raises(DataError, match="field 'label': there is no label"):
        read(data, "sst-2", "dev")
    write(data / "SST-2" / "dev.tsv", ["text", "label"], ["a", 1])
    with pytest.raises(DataError, match="field 'sentence': 'sentence' is missing"):
        read(data, "sst-2", "dev")


def test_a_test_row_is_never_passed_over(data):
    write(data / "QQP" / "test.tsv", ["id", "question1", "question2"], [0, "a"])
    with pytest.raises(DataError, match=r"test\.tsv, line 2 has 2 columns and should have 3"):
        read(data, "qqp", "test")


def test_places_that_are_not_there_are_named(data):
    (data / "CoLA" / "test.tsv").unlink()
    with pytest.raises(DataError, match=r"has no CoLA/test\.tsv"):
        read(data, "cola", "test")
    with pytest.raises(UsageError, match="no part 'ax'"):
        list(glue().records(data, "ax", "test"))
    with pytest.raises(UsageError, match="mnli has no split 'dev'"):
        list(glue().records(data, "mnli", "dev"))


# BERT-large on gluebenchmark.com/leaderboard; Devlin et al. 2019 give its average, 80.5, in their
# abstract.
BERT_LARGE = {
    "cola": {"dev": {"matthews": 60.5}},
    "sst-2": {"dev": {"accuracy": 94.9}},
    "mrpc": {"dev": {"f1": 89.3, "accuracy": 85.4}},
    "sts-b": {"dev": {"pearson": 87.6, "spearman": 86.5}},
    "qqp": {"dev": {"f1": 72.1, "accuracy": 89.3}},
    "mnli": {"dev_matched": {"accuracy": 86.7}, "dev_mismatched": {"accuracy": 85.9}},
    "qnli": {"dev": {"accuracy": 92.7}},
    "rte": {"dev": {"accuracy": 70.1}},
    "wnli": {"dev": {"accuracy": 65.1}},
}


def reached(figures, *offsets):
    """Scores of as many seeds as there are offsets, in points, and one score that does not
    count.
    """
    other = Score("macro f1", 0.1)
    return {
        part: {
            split: [
                [
                    other,
                    *(
                        Score(name, (value + offset) / 100, count=9)
                        for name, value in values.items()
                    ),
                ]
                for offset in offsets
            ]
            for split, values in splits.items()
        }
        for part, splits in figures.items()
    }


def test_the_average_is_the_leaderboards():
    report = glue().summarise(reached(BERT_LARGE, 0.0, -3.0, 2.0, -1.0, 1.0))
    (table,) = report.tables
    rows = {tuple(row[:3]): row[3:] for row in table.rows}
    assert round(rows["average", "", "9 tasks"][0], 1) == 80.5
    assert rows["without wnli", "", "8 tasks"][0] == pytest.approx(
        sum([60.5, 94.9, 87.35, 87.05, 80.7, 86.3, 92.7, 70.1]) / 8
    )
    assert rows["mrpc", "dev", "f1"] == pytest.approx([89.3, 86.3, 91.3, 5, 9, None])
    assert len(table.rows) == len(rows) == 13 + 2
    assert report.notes == []


def test_what_is_no_average_of_glue_is_called_that():
    report = glue().summarise(
        reached({"cola": BERT_LARGE["cola"], "rte": BERT_LARGE["rte"]}, 0.0, 1.0)
    )
    *_, average = report.tables[0].rows
    assert average[:3] == ["average", "", "2 tasks"]
    assert average[3] == pytest.approx((61.0 + 70.6) / 2)
    missing, seeds = report.notes
    assert "there is no sst-2, mrpc, sts-b, qqp, mnli, qnli, wnli" in missing
    assert "--seeds 5" in seeds


def answers(*values):
    return [Prediction(value) for value in values]


SUBMITTED = [
    ("cola", "test", ("0", "1"), {"CoLA.tsv": "index\tprediction\n0\t0\n1\t1\n"}),
    (
        "sts-b",
        "test",
        (-0.2, 2.71828, 5.4),
        {"STS-B.tsv": "index\tprediction\n0\t0.000\n1\t2.718\n2\t5.000\n"},
    ),
    ("mnli", "test_mismatched", ("neutral",), {"MNLI-mm.tsv": "index\tprediction\n0\tneutral\n"}),
    ("mnli", "diagnostic", ("contradiction",), {"AX.tsv": "index\tprediction\n0\tcontradiction\n"}),
    ("qnli", "test", ("not_entailment",), {"QNLI.tsv": "index\tprediction\n0\tnot_entailment\n"}),
]


@pytest.mark.parametrize(("part", "split", "values", "wanted"), SUBMITTED)
def test_a_submitted_file_is_written_to_the_letter(part, split, values, wanted):
    assert glue().submission(part, split, answers(*values)) == wanted


# Lines of every file, header included, as the leaderboard's sample submission has them.
LINES = {
    "CoLA": 1064, "SST-2": 1822, "MRPC": 1726, "STS-B": 1380, "QQP": 390966, "MNLI-m": 9797,
    "MNLI-mm": 9848, "QNLI": 5464, "RTE": 3001,
    "WNLI": 147, "AX": 1105,
}  # fmt: skip


def test_eleven_files_of_the_official_sizes_are_packed(tmp_path):
    files = {
        f"{name}.tsv": "index\tprediction\n" + "0\t1\n" * (lines - 1)
        for name, lines in LINES.items()
    }
    add_answers(
        glue(), tmp_path, {name: content for name, content in files.items() if name != "AX.tsv"}
    )
    assert not list(tmp_path.rglob("*.zip"))
    add_answers(glue(), tmp_path, {"AX.tsv": files["AX.tsv"]})
    with zipfile.ZipFile(tmp_path / "submission" / "submission.zip") as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files
    add_answers(glue(), tmp_path, {"AX.tsv": files["AX.tsv"] + "1\t1\n"})
    assert not list(tmp_path.rglob("*.zip"))


def test_what_the_leaderboard_would_refuse_is_said():
    assert glue().refusals({f"{name}.tsv": "\n" * lines for name, lines in LINES.items()}) == []
    files = {f"{name}.tsv": "\n" * lines for name, lines in LINES.items() if name != "RTE"}
    files["AX.tsv"] += "\n"
    assert glue().refusals(files) == [
        "there is no RTE.tsv",
        "AX.tsv has 1,105 answers and should have 1,104",
    ]
