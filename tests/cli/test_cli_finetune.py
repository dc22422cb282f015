"""`ssl finetune`, `ssl evaluate` and `ssl predict`, as a person types them, from a small model of
the built-in world.
"""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from sslcli.cli.app import run
from sslcli.engine.trainer import Trainer
from sslcli.workflows.finetune import finetune, foundation
from sslcli.workflows.predict.predictor import Answerer

WORLD = ["-s", "data.reader_options.sentences=300", "--limit", "90"]
QUICK = ["--max-steps", "4", "--batch-size", "8", "--eval-every", "2", "--no-plot"]
SHAPE = ["width=16", "heads=2", "depth=1", "feedforward_width=32", "longest_tokens=64"]
SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": f"{name} the baker lives in {place}.",
                    "qas": [
                        {
                            "id": f"{name}-{n}",
                            "question": "where?",
                            "answers": [{"text": place, "answer_start": len(name) + 20}],
                        }
                        for n in range(2)
                    ],
                }
                for name, place in [
                    ("anna", "rome"),
                    ("bob", "paris"),
                    ("eva", "lyon"),
                    ("max", "oslo"),
                    ("tim", "cairo"),
                    ("ida", "rio"),
                ]
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, module_cache):
    """A folder with one pretraining run, a SQuAD file, and a run fine-tuned for sentiment."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "squad.json").write_text(json.dumps(SQUAD))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SSLCLI_RUNS_DIR", "runs")
        shape = [word for each in SHAPE for word in ("-s", f"model.shape.{each}")]
        line = [
            "pretrain",
            "--objective",
            "mlm",
            "--max-steps",
            "2",
            "--batch-size",
            "8",
            "--no-plot",
            *WORLD[:2],
            *shape,
        ]
        assert run([*line, "--name", "first", "-q"]) == 0
        assert run(["finetune", "sentiment", *WORLD, *QUICK, "--name", "moods", "-q"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")


def test_the_line_of_the_readme_works_as_typed(ssl, place):
    ended = ssl("finetune", "qa", "--data", "squad.json", *QUICK, "--name", "answers")
    assert ended.code == 0, ended.err
    assert "runs/first (the newest that fits; choose with --model)" in ended.err
    assert "lead" in ended.out
    assert "exact match" in ended.out
    answers = json.loads((place / "runs/answers/predictions.json").read_text())
    contexts = {qa["id"]: p["context"] for p in SQUAD["data"][0]["paragraphs"] for qa in p["qas"]}
    assert answers
    assert all(text in contexts[name] for name, text in answers.items())


def test_evaluate_says_the_scores_and_holds_them_to_a_bound(ssl):
    ended = ssl("evaluate", "sentiment", "--json", "--min", "accuracy=0")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    accuracy = next(score for score in report["scores"] if score["name"] == "accuracy")
    assert {"majority", "chance"} <= accuracy["baselines"].keys()
    assert 0 < accuracy["count"] <= 90
    below = ssl("evaluate", "sentiment", "--min", "accuracy=1.01")
    assert below.code == 3
    assert "not at least 1.01" in below.err
    for wrong in ("accuracy", "accuracy=nan", "=1", "accuracy=high"):
        assert ssl("evaluate", "sentiment", "--min", wrong).code == 2


def test_a_score_that_is_mistyped_is_refused_before_anything_is_read(ssl, monkeypatch):
    def fail(*words, **more):
        pytest.fail("model or data was read")

    monkeypatch.setattr(Answerer, "load", fail)
    monkeypatch.setattr(finetune, "labelled_data", fail)
    monkeypatch.setattr(foundation, "load_pretrained", fail)
    for words in (("--min", "accurcy=1"), ("--min", "f1=0", "--min", "exact-mach=60")):
        ended = ssl("evaluate", "sentiment", "--model", "moods", *words)
        name = words[-1].partition("=")[0]
        assert (ended.code, f"there is no score '{name}'" in ended.err) == (2, True), ended.err
        assert "accuracy" in ended.err
    ended = ssl("finetune", "sentiment", *WORLD, "--best-by", "accuracy+f3")
    assert (ended.code, "there is no score 'f3'" in ended.err) == (2, True), ended.err


def test_a_score_that_this_data_has_not_is_refused_before_the_model_answers(ssl, monkeypatch):
    monkeypatch.setattr(Answerer, "predictions", lambda *words: pytest.fail("the model answered"))
    ended = ssl("evaluate", "sentiment", "--min", "squared-error=1")
    assert (ended.code, "there is no score 'squared-error'" in ended.err) == (2, True)


def test_evaluate_writes_what_it_found(ssl, place):
    assert ssl("evaluate", "sentiment", "--out", "found", "-q").code == 0
    lines = [
        json.loads(line) for line in (place / "found/predictions.jsonl").read_text().splitlines()
    ]
    scores = {
        score["name"]: score["value"]
        for score in json.loads((place / "found/scores.json").read_text())
    }
    assert scores["accuracy"] == pytest.approx(
        sum(line["prediction"] == line["gold"] for line in lines) / len(lines)
    )


def test_predict_answers_a_text_a_file_and_a_pipe_alike(ssl, place):
    texts = ["the apple is sweet", "the lemon is sour"]
    typed = [
        json.loads(ssl("predict", "sentiment", text, "--model", "moods").out) for text in texts
    ]
    (place / "texts.jsonl").write_text(
        "".join(json.dumps({"text": text, "id": text}) + "\n" for text in texts)
    )
    assert ssl("predict", "sentiment", "--data", "texts.jsonl", "--out", "said.jsonl").code == 0
    read = [json.loads(line) for line in (place / "said.jsonl").read_text().splitlines()]
    piped = subprocess.run(
        [sys.executable, "-m", "sslcli", "predict", "sentiment"],
        input="\n".join(texts),
        capture_output=True,
        text=True,
        cwd=place,
        check=True,
    )
    through = [json.loads(line) for line in piped.stdout.splitlines()]
    assert [line["id"] for line in read] == texts
    for one, two, three in zip(typed, read, through, strict=True):
        assert one["prediction"] == two["prediction"] == three["prediction"]
        assert two["confidence"] == pytest.approx(one["confidence"], abs=1e-5)
        assert three["confidence"] == pytest.approx(one["confidence"], abs=1e-5)


def test_a_table_without_a_header_is_asked_about_and_read_with_columns(ssl, place):
    """No row is lost as a header, in any command."""
    labels = list(
        json.loads(ssl("predict", "sentiment", "--model", "moods", "the cat").out)["probabilities"]
    )
    rows = [f"the cat {n},{labels[n % len(labels)]}" for n in range(40)]
    (place / "plain.csv").write_text("".join(f"{row}\n" for row in rows))
    line, columns = ["sentiment", "--data", "plain.csv"], ["--columns", "text,label"]
    for command in (
        ["finetune", *line, "--check"],
        ["evaluate", *line, "--model", "moods"],
        ["predict", *line, "--model", "moods"],
    ):
        asked = ssl(*command)
        assert asked.code == 2
        assert "plain.csv has no column 'text'; its first row has 'the cat 0'" in asked.err
        assert "--columns" in asked.err
    predicted = [
        json.loads(each)
        for each in ssl("predict", *line, *columns, "--model", "moods").out.splitlines()
    ]
    assert [each["gold"] for each in predicted] == [row.partition(",")[2] for row in rows]
    assert "40 examples" in ssl("evaluate", *line, *columns, "--model", "moods").out
    checked = ssl("finetune", *line, *columns, "--check", "--json")
    assert checked.code == 0, checked.err
    (table,) = [table for table in json.loads(checked.out)["tables"] if table["title"] == "answers"]
    assert sum(count for row in table["rows"] for count in row[1:]) == 40


def test_predict_takes_as_many_texts_as_the_task_reads(ssl):
    ended = ssl("predict", "sentiment", "one", "two")
    assert (ended.code, "takes 1 text" in ended.err) == (2, True)
    assert ssl("predict", "sentiment", "one", "--data", "texts.jsonl").code == 2


def test_check_looks_and_trains_nothing(ssl, place):
    before = sorted((place / "runs").iterdir())
    ended = ssl("finetune", "qa", "--data", "squad.json", "--check")
    assert ended.code == 0, ended.err
    assert "examples" in ended.out
    assert sorted((place / "runs").iterdir()) == before


def test_dry_run_predicts_and_writes_nothing(ssl, place):
    before = sorted((place / "runs").iterdir())
    ended = ssl("finetune", "sentiment", *WORLD, *QUICK, "--dry-run")
    assert ended.code == 0, ended.err
    assert "training time" in ended.out
    assert sorted((place / "runs").iterdir()) == before


def stopping_at_its_second_step(run):
    def stopped(trainer, progress):
        trainer.plan = replace(trainer.plan, total_steps=2)
        outcome = run(trainer, progress)
        return replace(outcome, reason="preempted")

    return stopped


def test_a_study_compares_starts_and_seeds_and_goes_on_where_it_was_stopped(
    ssl, place, monkeypatch
):
    line = [
        "finetune",
        "sentiment",
        *WORLD,
        "--max-steps",
        "4",
        "--batch-size",
        "8",
        "--name",
        "study",
        "--compare-scratch",
        "--seeds",
        "2",
    ]
    stopped = ssl(*line, "--max-time", "0.001s")
    assert stopped.code == 75, stopped.err
    assert "the same command" in stopped.err
    monkeypatch.setattr(Trainer, "run", stopping_at_its_second_step(Trainer.run))
    stopped = ssl(*line)
    assert (stopped.code, "--name study and --resume" in stopped.err) == (75, True), stopped.err
    monkeypatch.undo()
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")
    monkeypatch.chdir(place)
    assert "several runs go on together" in ssl(*line, "--resume", "study").err
    alone = ssl("finetune", "sentiment", "--resume", "study", "--max-time", "1h")
    assert (
        "this goes on with study alone; study-random, "
        "study-seed43, study-random-seed43 belong to the same study"
    ) in alone.err
    ended = ssl(*line, "--resume", "--max-time", "1h", "--json")
    assert ended.code == 0, ended.err
    last = json.loads(ended.out.splitlines()[-1])
    assert last["runs"] == [
        "runs/study",
        "runs/study-random",
        "runs/study-seed43",
        "runs/study-random-seed43",
    ]
    accuracy = last["report"]["scores"][0]
    assert {"majority", "chance", "random"} <= accuracy["baselines"].keys()
    spread = last["report"]["tables"][0]
    assert spread["title"] == "over the seeds"
    assert {row[0] for row in spread["rows"]} == {"pretrained", "random"}
    assert (place / "runs/study/plots/comparison.png").is_file()
    kept = json.loads((place / "runs/study/study/report.json").read_text(encoding="utf-8"))
    assert (kept["scores"], kept["notes"]) == (last["report"]["scores"], last["report"]["notes"])
    # The model of the task is the one that began pretrained with the first seed: not its control,
    # and not a twin.
    assert "runs/study " in ssl("predict", "sentiment", "sweet").err
    assert json.loads(ssl("runs", "show", "@latest:sentiment", "--json").out)["name"] == "study"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["sentimnt"], "did you mean 'sentiment'"),
        ([], "which task?"),
        (["sentiment", "--init", "rando"], "did you mean 'random'"),
        (["sentiment", "--seeds", "0"], "--seeds must be"),
        (["sentiment", "--model", "nowhere"], "there is no run 'nowhere'"),
        (["qa", "--data", "missing.json"], "missing.json"),
        (["qa", "--stridee", "3"], "no such option: --stridee"),
        (["qa", "--data", "squad.json", "--stride", "-3"], "--stride"),
        (["dna"], "demo:world has no sequences"),
        (["sentiment", "--best-by", "charm"], "there is no score 'charm'"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_left_behind(ssl, place, words, named):
    before = {path for path in (place / "runs").iterdir() if (path / "run.json").is_file()}
    ended = ssl("finetune", *words, *(WORLD if words[:1] == ["sentiment"] else []), *QUICK)
    assert ended.code == 2, ended.err
    assert named in ended.err
    assert "Traceback" not in ended.err
    assert {path for path in (place / "runs").iterdir() if (path / "run.json").is_file()} == before


def test_one_line_scores_another_language_between_its_bounds(ssl, place):
    line = [
        "finetune",
        "sentiment",
        *WORLD,
        *QUICK,
        "--data",
        "en=demo:world",
        "--eval-data",
        "zh=demo:world",
    ]
    ended = ssl(*line, "--name", "crossed", "--json")
    assert ended.code == 0, ended.err
    last = json.loads(ended.out.splitlines()[-1])
    assert last["runs"] == ["runs/crossed", "runs/crossed-random", "runs/crossed-zh"]
    english, chinese = last["report"]["scores"][:2]
    assert (english["name"], chinese["name"]) == ("accuracy in en", "accuracy in zh")
    assert {"majority", "chance", "random", "in-language"} <= chinese["baselines"].keys()
    assert "in-language" not in english["baselines"]
    assert any(note.startswith("zh") for note in last["report"]["notes"])
    again = ssl(*line, "--name", "crossed", "--resume", "--json")
    assert json.loads(again.out.splitlines()[-1])["report"] == last["report"]


def test_bounds_are_left_out_where_the_line_says_so(ssl):
    line = [
        "finetune",
        "sentiment",
        *WORLD,
        *QUICK,
        "--data",
        "en=demo:world",
        "--test-data",
        "fake=demo:world",
        "--name",
        "bare",
    ]
    ended = ssl(*line, "--init", "pretrained", "--in-language", "none", "--json")
    assert ended.code == 0, ended.err
    last = json.loads(ended.out.splitlines()[-1])
    assert last["runs"] == ["runs/bare"]
    assert {"majority", "chance"} == last["report"]["scores"][1]["baselines"].keys()
    wrong = ssl(*line, "--in-language", "zh=demo:world")
    assert (wrong.code, "in which nothing is scored" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("more", "environment", "said"),
    [
        ([], {}, 1),
        (["--init", "pretrained", "--in-language", "none"], {}, 0),
        ([], {"RANK": "0", "WORLD_SIZE": "2"}, 0),  # started by the first one, which has said it
        (["--resume"], {}, 0),
    ],
)
def test_several_processes_say_once_that_they_make_no_bounds(
    ssl, monkeypatch, more, environment, said
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sslcli.cli.actions.finetuning.launched", lambda *_: 0)
    across = (
        [] if "--resume" in more else ["--data", "en=demo:world", "--eval-data", "zh=demo:world"]
    )
    ended = ssl(
        "finetune",
        "sentiment",
        *WORLD,
        *QUICK,
        *across,
        "--gpus",
        "2",
        "--device",
        "cpu",
        "--name",
        "moods" if "--resume" in more else "wide",
        *more,
    )
    assert ended.code == 0, ended.err
    assert ended.err.count("none from scratch") == said


def test_help_lists_the_options_of_the_task_on_the_line(ssl):
    assert "--stride" in ssl("finetune", "qa", "--help").out
    assert "--stride" not in ssl("finetune", "sentiment", "--help").out
    assert "--class-weights" in ssl("finetune", "sentiment", "--help").out


def test_answers_may_take_the_place_of_what_was_asked(ssl, place):
    lines = [json.dumps({"text": "sweet", "id": n}) for n in range(3)]
    (place / "same.jsonl").write_text("\n".join(lines))
    assert (
        ssl(
            "predict",
            "sentiment",
            "--data",
            "same.jsonl",
            "--out",
            "same.jsonl",
            "--model",
            "moods",
        ).code
        == 0
    )
    assert [json.loads(line)["id"] for line in (place / "same.jsonl").read_text().splitlines()] == [
        "0",
        "1",
        "2",
    ]
    before = (place / "same.jsonl").read_text()
    (place / "torn.jsonl").write_text("\n".join([*lines, "{"]))
    ended = ssl(
        "predict", "sentiment", "--data", "torn.jsonl", "--out", "same.jsonl", "--model", "moods"
    )
    assert (ended.code, "record 4" in ended.err) == (2, True)
    assert (place / "same.jsonl").read_text() == before
    assert not list(place.glob(".*.part"))


def test_all_runs_of_a_study_start_from_one_model(ssl, place):
    line = [
        "finetune",
        "sentiment",
        *WORLD,
        *QUICK,
        "--name",
        "twice",
        "--seeds",
        "2",
        "--model",
        "@latest",
        "-q",
    ]
    assert ssl(*line).code == 0
    sources = [
        (place / f"runs/{name}/config.yaml").read_text().partition("source: ")[2].split("\n")[0]
        for name in ("twice", "twice-seed43")
    ]
    assert sources[0] == sources[1]


def test_a_study_is_refused_before_its_first_run_where_the_last_one_cannot_be_written(ssl, place):
    (place / "runs" / "taken-random").mkdir(parents=True)
    (place / "runs" / "taken-random" / "notes.txt").write_text("mine")
    ended = ssl(
        "finetune",
        "sentiment",
        "--name",
        "taken",
        "--compare-scratch",
        "--max-steps",
        "2",
        "--limit",
        "40",
    )
    assert ended.code == 2
    assert "taken-random is not empty" in ended.err
    assert not (place / "runs" / "taken").exists()


def test_a_fine_tuned_run_is_no_generator(ssl):
    ended = ssl("generate", "a text", "--model", "moods")
    assert ended.code == 2
    assert "moods was not pretrained but fine-tuned" in ended.err
    assert "@latest:mlm" in ended.err
