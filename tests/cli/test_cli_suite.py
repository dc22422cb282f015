"""`ssl finetune glue` from one end to the other: every run, the table, the answers, and going on
after a stop.
"""

import csv
import json
import signal
import statistics
from pathlib import Path

import pytest

import sslcli
from sslcli.cli.app import run
from sslcli.reports import Report
from sslcli.workflows.suite import suite

SHAPE = [
    f"model.shape.{name}={value}"
    for name, value in {"width": 32, "depth": 1, "heads": 2, "feedforward_width": 64}.items()
]
LINE = [
    "finetune",
    "glue",
    "--data",
    "glue_data",
    "--model",
    "start",
    "--device",
    "cpu",
    "--max-steps",
    "4",
    "--no-plot",
    "--lr",
    "0.003",
]
WORDS = ["the", "cat", "dog", "bird", "sees", "likes", "follows", "house", "garden", "river"]
NLI = ("entailment", "neutral", "contradiction")


def sentence(number):
    """No two below a hundred are alike."""
    return " ".join(
        WORDS[place % len(WORDS)]
        for place in (number, number // len(WORDS), 3 * number, 7 * number)
    )


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def write_data(folder):
    """CoLA, whose sentences are right where their number is even, and MNLI with both its sets and
    the diagnostic one.
    """
    for split, numbers in (("train", range(24)), ("dev", range(40, 52))):
        write(
            folder / "CoLA" / f"{split}.tsv",
            *[["x", 1 - number % 2, "", sentence(number)] for number in numbers],
        )
    write(
        folder / "CoLA" / "test.tsv",
        ["index", "sentence"],
        *[[number, sentence(60 + number)] for number in range(5)],
    )
    columns = ["index", "sentence1", "sentence2"]
    for split, count in (("train", 24), ("dev_matched", 9), ("dev_mismatched", 12)):
        rows = [
            [number, sentence(number), sentence(number + 1), NLI[number % 3]]
            for number in range(count)
        ]
        write(folder / "MNLI" / f"{split}.tsv", [*columns, "gold_label"], *rows)
    for path, count in (
        ("MNLI/test_matched.tsv", 3),
        ("MNLI/test_mismatched.tsv", 4),
        ("diagnostic/diagnostic.tsv", 2),
    ):
        write(
            folder / path,
            columns,
            *[[number, sentence(number), sentence(number + 2)] for number in range(count)],
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory, text_corpus, module_cache):
    """A folder with a pretraining run, `runs/start`, the data, and a suite of two parts and two
    seeds, `runs/both`.
    """
    folder = tmp_path_factory.mktemp("suite")
    write_data(folder / "glue_data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SSLCLI_RUNS_DIR", "runs")
        shape = [word for setting in SHAPE for word in ("-s", setting)]
        start = [
            "pretrain",
            "--data",
            str(text_corpus),
            "--arch",
            "tiny",
            *shape,
            "--vocabulary",
            "120",
            "--seq-len",
            "32",
            "--max-steps",
            "2",
        ]
        assert run([*start, "--no-plot", "--device", "cpu", "--name", "start", "-q"]) == 0
        assert run([*LINE, "--seeds", "2", "--name", "both", "-q"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")


def value(folder, name):
    return next(
        score["value"]
        for score in json.loads((folder / "scores.json").read_text())
        if score["name"] == name
    )


def table(folder):
    with (folder / "table.csv").open(newline="") as file:
        return {(row["task"], row["split"]): row for row in csv.DictReader(file)}


def test_the_table_holds_the_median_of_all_seeds_of_all_evaluations(place):
    runs, rows = place / "runs", table(place / "runs" / "both")
    wanted = {
        ("cola", "dev"): [
            100 * value(runs / name, "matthews") for name in ("both-cola", "both-cola-seed43")
        ],
        ("mnli", "dev_matched"): [
            100 * value(runs / name, "accuracy") for name in ("both-mnli", "both-mnli-seed43")
        ],
        ("mnli", "dev_mismatched"): [
            100 * value(runs / name / "dev_mismatched", "accuracy")
            for name in ("both-mnli", "both-mnli-seed43")
        ],
    }
    for place_of, values in wanted.items():
        row = rows[place_of]
        found = [float(row[column]) for column in ("median", "least", "most", "seeds")]
        assert found == pytest.approx([statistics.median(values), min(values), max(values), 2])
    assert [row["n"] for row in rows.values()][:3] == ["12", "9", "12"]
    medians = [float(rows[key]["median"]) for key in wanted]
    assert float(rows["average", ""]["median"]) == pytest.approx(
        (medians[0] + statistics.mean(medians[1:])) / 2
    )


def test_the_answers_are_those_of_the_seed_that_is_best_on_the_held_out_data(place, ssl):
    for part, task, score, tests in (
        ("cola", "classify", "matthews", {"test": "CoLA"}),
        (
            "mnli",
            "pairs",
            "accuracy",
            {"test_matched": "MNLI-m", "test_mismatched": "MNLI-mm", "diagnostic": "AX"},
        ),
    ):
        names = [f"both-{part}", f"both-{part}-seed43"]
        best = max(names, key=lambda name: value(place / "runs" / name, score))
        for split, name in tests.items():
            ended = ssl(
                "predict",
                task,
                "--model",
                best,
                "--data",
                f"glue:{part}/{split}:glue_data",
                "--device",
                "cpu",
            )
            answers = [json.loads(line)["prediction"] for line in ended.out.splitlines()]
            content = "index\tprediction\n" + "".join(
                f"{number}\t{answer}\n" for number, answer in enumerate(answers)
            )
            assert (place / "runs" / "both" / "submission" / f"{name}.tsv").read_text() == content
    assert not (place / "runs" / "both" / "submission" / "submission.zip").exists()


def test_all_runs_have_the_same_settings_but_for_part_and_seed(ssl, place):
    documents = {
        document["name"]: document["facts"]
        for document in json.loads(ssl("runs", "--json").out)["runs"]
    }
    assert {"both", "both-cola", "both-cola-seed43", "both-mnli", "both-mnli-seed43"} <= set(
        documents
    )
    facts = documents["both"]
    assert [facts[key] for key in ("kind", "objective", "status", "step", "total_steps")] == [
        "suite",
        "glue",
        "done",
        4,
        4,
    ]
    assert len({documents[name]["parent"] for name in documents if name.startswith("both")}) == 1


def test_a_part_is_evaluated_by_its_reference(ssl, place):
    ended = ssl(
        "evaluate",
        "pairs",
        "--model",
        "both-mnli",
        "--data",
        "glue:mnli/dev_mismatched:glue_data",
        "--device",
        "cpu",
        "--json",
    )
    assert ended.code == 0, ended.err
    accuracy = next(
        score for score in json.loads(ended.out)["scores"] if score["name"] == "accuracy"
    )
    assert accuracy["value"] == value(place / "runs" / "both-mnli" / "dev_mismatched", "accuracy")
    assert {"majority", "chance"} <= set(accuracy["baselines"])


def test_ctrl_c_between_two_runs_says_how_to_go_on_and_that_ends_as_if_nothing_had_been(
    ssl, place, monkeypatch
):
    trained = suite.finetune
    # a shell that starts us in the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(settings, **rest):
        if settings.run.folder.endswith("seed43"):
            signal.raise_signal(signal.SIGINT)
        return trained(settings, **rest)

    monkeypatch.setattr(suite, "finetune", interrupted)
    ended = ssl(*LINE, "--seeds", "2", "--parts", "CoLA", "--name", "stopped")
    assert ended.code == 130
    assert "ssl finetune glue --resume runs/stopped" in ended.err
    monkeypatch.undo()
    monkeypatch.chdir(place)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")
    written = (place / "runs" / "stopped-cola" / "run.json").stat().st_mtime_ns
    ended = ssl("finetune", "glue", "--resume", "runs/stopped", "--json")
    assert ended.code == 0, ended.err
    assert (place / "runs" / "stopped-cola" / "run.json").stat().st_mtime_ns == written
    assert json.loads(ended.out.splitlines()[-1])["report"]["tables"][0]["rows"][0][:3] == [
        "cola",
        "dev",
        "matthews",
    ]
    assert (
        table(place / "runs" / "stopped")["cola", "dev"]
        == table(place / "runs" / "both")["cola", "dev"]
    )


def test_the_same_line_goes_on_also_where_it_names_the_model(ssl, place):
    ended = ssl(*LINE, "--seeds", "2", "--parts", "CoLA", "--name", "stopped", "--resume")
    assert ended.code == 0, ended.err
    assert (
        table(place / "runs" / "stopped")["cola", "dev"]
        == table(place / "runs" / "both")["cola", "dev"]
    )


def test_a_run_that_diverges_ends_the_suite_which_names_it_and_keeps_what_was_done(
    ssl, place, monkeypatch
):
    trained = suite.finetune

    def diverging(settings, **rest):
        if settings.run.folder.endswith("seed43"):
            settings = settings.model_copy(
                update={"optimizer": settings.optimizer.model_copy(update={"rate": 1e12})}
            )
        return trained(settings, **rest)

    monkeypatch.setattr(suite, "finetune", diverging)
    ended = ssl(*LINE, "--seeds", "2", "--parts", "CoLA", "--max-steps", "6", "--name", "lost")
    assert ended.code == 1
    assert "error: runs/lost-cola-seed43: the gradient was not finite in the last" in ended.err
    assert "saved in" not in ended.err
    for name, status in (
        ("lost", "diverged"),
        ("lost-cola", "done"),
        ("lost-cola-seed43", "diverged"),
    ):
        assert json.loads((place / "runs" / name / "run.json").read_text())["status"] == status
    assert not (place / "runs" / "lost" / "table.csv").exists()


def test_out_of_time_within_a_run_exits_with_75(ssl):
    ended = ssl(*LINE, "--parts", "cola", "--name", "slow", "--max-time", "0.001s")
    assert (ended.code, "ssl finetune glue --resume runs/slow" in ended.err) == (75, True)
    assert ssl("finetune", "--resume", "slow", "--max-time", "1h", "-q").out.strip() == "runs/slow"


def test_a_call_that_is_out_of_time_gives_back_what_was_reached():
    asked = {"data": "glue_data", "model": "start", "device": "cpu", "max_steps": 4, "plot": False}
    late = sslcli.finetune("glue", **asked, parts="cola", name="late", max_time="0.001s")
    assert (late.folder, late.reason, late.step) == (Path("runs/late"), "out of time", 0)
    assert late.report == Report()
    ended = sslcli.finetune(resume="late", max_time="1h")
    assert (ended.folder, ended.reason, ended.step) == (Path("runs/late"), "done", 1)
    assert ended.report.scores or ended.report.tables


def test_looking_writes_nothing(ssl, place):
    before = sorted(path.name for path in (place / "runs").iterdir())
    checked = ssl(*LINE, "--check")
    assert checked.code == 0, checked.err
    assert "cola: classify" in checked.out
    assert "mnli: pairs" in checked.out
    assert "training time" in ssl(*LINE, "--parts", "cola", "--dry-run").out
    assert sorted(path.name for path in (place / "runs").iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parts", "colla"], "did you mean 'cola'?"),
        (["--eval-data", "dev.tsv"], "has its own held-out data"),
        (["--init", "pretrained,random"], "starts all its runs in one way"),
        (["--seq-len", "9999"], "positions of the model"),
        (["--name", "both"], "is not empty"),
        (["--resume", "both", "--batch-size", "7"], "training.batch_size"),
        (["--seq-length", "3"], "--seq-len"),
    ],
)
def test_what_a_suite_cannot_do_is_refused_and_leaves_nothing(ssl, place, words, said):
    before = sorted(path.name for path in (place / "runs").iterdir())
    ended = ssl(*LINE, *words)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert sorted(path.name for path in (place / "runs").iterdir()) == before


def test_more_epochs_than_the_protocol_has_are_said(ssl):
    line = [word for word in LINE if word not in ("--max-steps", "4")]
    ended = ssl(*line, "--parts", "cola", "--epochs", "6", "--limit", "8", "--name", "long")
    assert ended.code == 0, ended.err
    assert "6 epochs leave the protocol of glue, which has 5 at most" in ended.out


def test_texts_that_are_cut_are_counted_beside_the_table(ssl, place):
    """Two sentences of four words and three special tokens never fit into eight."""
    ended = ssl(*LINE, "--name", "cut", "--parts", "mnli", "--seq-len", "8")
    assert ended.code == 0, ended.err
    for split, count in (("dev_matched", 9), ("dev_mismatched", 12)):
        assert (
            f"mnli/{split}: {count} of {count} examples were cut at the model's length (--seq-len)"
            in ended.out
        )
