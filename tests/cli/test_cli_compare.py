"""`ssl compare --objectives` from one end to the other, going on after a stop, and what it refuses
before anything is trained.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import sslcli
from sslcli.runs.catalogue import read_run
from sslcli.workflows.compare import comparison
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.parts import comparison_parts
from sslcli.workflows.compare.planned import FILE

SHAPE = {"width": 16, "depth": 2, "heads": 2, "feedforward_width": 32}
SMALL = [
    *("--set", "data.reader_options.sentences=300", "--vocabulary", "900", "--device", "cpu"),
    *(word for name, value in SHAPE.items() for word in ("--set", f"model.shape.{name}={value}")),
    *("--batch-size", "4", "--set", "finetuning.training.batch_size=4"),
    *("--set", "training.eval_samples=20", "--set", "finetuning.training.eval_samples=20"),
]
WANTED = ["--objectives", "clm,bart", "--tasks", "pos", "--seeds", "2"]
LINE = ["compare", *WANTED, "--budget", "4e9flops", *SMALL]
RUNS = 2 + 2 * (2 + 2)  # with random weights of both architectures
TIMED = ("seconds",)  # the column that no two runs have the same of


@pytest.fixture(scope="module")
def whole(tmp_path_factory, module_cache):
    """A comparison that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run_line(folder, [*LINE, "--name", "whole"])
    return folder / "runs" / "whole"


def run_line(folder, words, **more):
    environment = {**os.environ, "SSLCLI_RUNS_DIR": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-c", "from sslcli.cli.app import main; main()", *words]
    return subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, check=True, **more
    )


def table_of(folder):
    """The rows without what is measured in seconds."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (table,) = report["tables"]
    kept = [place for place, name in enumerate(table["columns"]) if name not in TIMED]
    rows = [[row[place] for place in kept] for row in table["rows"]]
    return [table["columns"][place] for place in kept], rows, report["scores"]


def test_a_whole_comparison(whole):
    columns, rows, scores = table_of(whole)
    by_name = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    models, random = ["clm", "bart"], ["random decoder", "random encoder-decoder"]
    assert list(by_name) == [*models, *random, "best without a model"]
    assert [by_name[name]["layers"] for name in models] == ["2", "1 + 1"]
    assert all(by_name[name]["held-out loss"] > 0 for name in models)
    assert all(by_name[name]["held-out loss"] is None for name in random)
    flops = [float(by_name[name]["FLOPs"]) for name in models]
    assert max(flops) < 1.1 * min(flops)
    assert len(scores) == 4
    for score in scores:
        low, high = score["interval"]
        assert low <= score["value"] <= high
    parts = [read_run(whole / part.name) for part in comparison_parts(settings_of(whole))]
    assert len(parts) == RUNS
    assert {part.status for part in parts} == {"done"}
    fingerprints = {part.facts["tokenizer"] for part in parts}
    assert len(fingerprints) == 1
    assert {"comparison.csv", "report.html", "config.yaml"} <= {
        path.name for path in whole.iterdir()
    }
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "do not compare across objectives" in page
    assert page.count("<svg") >= 2


def settings_of(folder):
    return CompareSettings(**yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))


def test_scores_are_means_of_the_runs_own(whole):
    columns, rows, scores = table_of(whole)
    for folder, name in (("bart", "bart"), ("decoder-random", "random decoder")):
        values = [
            json.loads((whole / f"{folder}-pos{end}" / "scores.json").read_text())[0]["value"]
            for end in ("", "-seed43")
        ]
        found = next(each for each in scores if each["name"] == f"pos accuracy, {name}")
        assert found["value"] == pytest.approx(sum(values) / 2)
        cell = next(row for row in rows if row[0] == name)[columns.index("pos accuracy")]
        assert cell.startswith(f"{sum(values) / 2:.4g} (")


def test_every_model_of_a_task_learns_from_the_same_batches(whole):
    facts = [read_run(whole / f"{name}-pos").facts for name in ("clm", "bart", "decoder-random")]
    assert len({each["step"] for each in facts}) == 1
    assert len({each["data"] for each in facts}) == 1


def test_killed_and_typed_again_it_gives_the_same_table(whole, tmp_path, module_cache):
    line = [*LINE, "--name", "whole"]
    environment = {**os.environ, "SSLCLI_RUNS_DIR": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", "from sslcli.cli.app import main; main()", *line]
    folder = tmp_path / "runs" / "whole"
    for awaited in ("bart/checkpoints", "bart-pos"):
        begun = subprocess.Popen(
            program, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while begun.poll() is None and not (folder / awaited).exists():
            time.sleep(0.05)
        assert begun.poll() is None, begun.stderr.read().decode()
        begun.send_signal(signal.SIGKILL)
        begun.communicate()
    died = read_run(folder)
    assert died.status == "died"
    ended = run_line(tmp_path, line)
    assert "was begun before" in ended.stderr
    assert table_of(folder) == table_of(whole)
    assert read_run(folder).status == "done"


def test_one_that_is_done_is_shown_again_and_a_damaged_plan_is_refused(whole, ssl, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(whole, folder)
    before = (folder / "bart" / "run.json").read_bytes()
    ended = ssl("compare", "--resume", str(folder), "--quiet")
    assert (ended.code, ended.out.strip()) == (0, str(folder))
    assert table_of(folder) == table_of(whole)
    assert (folder / "bart" / "run.json").read_bytes() == before, "nothing is trained again"
    (folder / FILE).write_text("{", encoding="utf-8")
    ended = ssl("compare", "--resume", str(folder))
    assert ended.code == 2
    assert f"{FILE} cannot be read" in ended.err
    assert read_run(folder).status == "failed"


def test_a_stop_says_how_to_go_on_and_is_gone_on_with(ssl, tmp_path, monkeypatch):
    words = ["compare", "--objectives", "mlm,clm", "--tasks", "pos", "--seeds", "1"]
    words += ["--no-scratch", "--budget", "1e9flops", *SMALL, "--name", "stopped"]

    def interrupted(usual):
        def call(*given, **more):
            signal.raise_signal(signal.SIGINT)
            return usual(*given, **more)

        return call

    for name, line in (("plan_comparison", words), ("finetune", ["compare", "--resume"])):
        with monkeypatch.context() as patched:
            patched.setattr(comparison, name, interrupted(getattr(comparison, name)))
            ended = ssl(*line)
        assert ended.code == 130
        assert "go on with: ssl compare --resume" in ended.err
        assert (tmp_path / "runs" / "stopped" / FILE).exists() == (name == "finetune")
    listed = ssl("runs")
    assert "stopped" in listed.out
    assert "mlm-pos" not in listed.out
    ended = ssl("compare", "--resume", "--json")
    assert ended.code == 0, ended.err
    done = json.loads(ended.out.splitlines()[-1])
    assert done["event"] == "done"
    assert [score["name"] for score in done["report"]["scores"]] == [
        "pos accuracy, mlm",
        "pos accuracy, clm",
    ]
    others = ssl(*words, "--layers", "4")
    assert others.code == 2
    assert "(model.layers) was not set and would become 4" in others.err
    assert "choose another --name" in others.err
    assert ssl("report", "stopped").code == 0
    assert ssl("runs", "du").code == 0
    part = ssl("evaluate", "pos", "--model", "stopped/mlm-pos", "--limit", "5", "--json")
    assert part.code == 0, part.err
    assert "no pretraining run" in ssl("finetune", "pos", "--max-steps", "1").err
    assert ssl("runs", "delete", "stopped", "--yes").code == 0
    assert not (tmp_path / "runs" / "stopped").exists()


def test_a_dry_run_shows_the_division_and_writes_nothing(ssl, tmp_path):
    words = ["compare", "--objectives", "mlm,bart", "--tasks", "pos", "--budget", "100m"]
    ended = ssl(*words, *SMALL, "--dry-run")
    assert ended.code == 0, ended.err
    assert "seconds of training steps" in ended.err
    assert "fine-tuning" in ended.out
    assert "steps were timed before the first run" in ended.out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", ["compare", "pretrain"])
def test_what_is_to_be_replaced_stays_where_nothing_new_can_begin(whole, ssl, tmp_path, kind):
    """A comparison goes when the new one is planned, and a run of another kind never."""
    folder = tmp_path / "runs" / "old"
    shutil.copytree(whole if kind == "compare" else whole / "clm", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ended = ssl(*LINE, "--budget", "1e3flops", "--name", "old", "--overwrite")
    assert ended.code == 2
    said = "is too little" if kind == "compare" else "is a run of the kind pretrain"
    assert said in ended.err
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before


PAIR = ["--objectives", "mlm,bart", "--tasks", "pos"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what is to be compared?"),
        (["--objectives", "mlm,clm"], "no task is named"),
        (["--objectives", "mlm", "--tasks", "pos"], "one objective alone cannot be compared"),
        (["--tasks", "pos"], "no objective is named"),
        (["--objectives", "mlm,,clm", "--tasks", "pos"], "leaves a place empty"),
        (["--objectives", "mlm,mlm", "--tasks", "pos"], "'mlm' is named twice"),
        (
            ["--objectives", "mlm+nsp,nsp+mlm", "--tasks", "pos"],
            "'mlm+nsp' and 'nsp+mlm' are the same",
        ),
        (["--objectives", "mlm,mae", "--tasks", "pos"], "'mae' reads images"),
        (["--objectives", "mlm,clmm", "--tasks", "pos"], "did you mean 'clm'"),
        (["--objectives", "mlm,clm+bart", "--tasks", "pos"], "need different kinds of Transformer"),
        (["--objectives", "mlm,clm", "--tasks", "poss"], "there is no task 'poss'"),
        (["--objectives", "mlm,clm", "--tasks", "pos,pos"], "'pos' is named twice"),
        (
            ["--objectives", "bart,mlm", "--tasks", "pos,rewrite"],
            "'rewrite' needs a model of the kind encoder-decoder, and 'mlm' trains encoders",
        ),
        ([*PAIR, "--budget", "900"], "says neither seconds nor FLOPs"),
        ([*PAIR, "--budget", "soon"], "is no time and no FLOPs"),
        ([*PAIR, "--budget", "0s"], "must be above 0"),
        ([*PAIR, "--equal", "tokens"], "'seconds' or 'flops'"),
        ([*PAIR, "--seeds", "0"], "--seeds"),
        ([*PAIR, "--data", "text.txt"], "there is no labelled data for pos"),
        ([*PAIR, "--data", "-"], "can be read once"),
        ([*PAIR, "--task-data", "ner=a.conllu"], "names no task that is compared"),
        ([*PAIR, "--task-data", "pos=absent.conllu"], "absent.conllu"),
        ([*PAIR, "--task-eval-data", "pos=text.txt"], "what is to be learnt is not"),
        ([*PAIR, "--set", "options.mass.width=2"], "nothing that is compared is called 'mass'"),
        ([*PAIR, "--set", "options.mlm.mask_rte=0.2"], "did you mean 'options.mlm.mask_rate'"),
        ([*PAIR, "--set", "finetuning.training.max_steps=5"], "follows from the comparison"),
        ([*PAIR, "--gpus", "2"], "leave out --gpus"),
        ([*PAIR, "--layers", "1"], "one layer cannot be divided"),
        ([*PAIR, "--arch", "bert-base"], "preset 'bert-base' is an encoder"),
        (["first", "second", "--tasks", "pos"], "--tasks compares objectives"),
        (["first"], "there is no run 'first'"),
        ([*PAIR, "--resume", "--overwrite"], "contradict each other"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_torch(words, says, ssl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("a cat. a dog.\n")
    ended = ssl("compare", *words)
    assert ended.code == 2
    assert says in ended.err
    assert "hint:" in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*PAIR, "--tokenizer", "bpe"], "needs a"),
        ([*PAIR, "--budget", "1e6flops"], "is too little"),
        ([*PAIR, "--budget", "1s"], "is too little"),
        (["--objectives", "mlm,bart", "--tasks", "dna"], "demo:world has no sequences"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_step(words, says, ssl, tmp_path):
    ended = ssl("compare", *words, *SMALL, "--name", "refused")
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert not (tmp_path / "runs" / "refused").exists()


def test_two_runs_stand_side_by_side_as_before(ssl, world_run):
    for words in (["compare"], ["runs", "compare"]):
        ended = ssl(*words, str(world_run), str(world_run))
        assert ended.code == 0
        assert "last evaluation" in ended.out


SMALLEST = {
    **{"objectives": "clm,mlm", "tasks": "pos", "seeds": 1, "scratch": False, "budget": "2e9flops"},
    **{"vocabulary": 900, "device": "cpu", "batch_size": 4},
}
SET = {
    "data.reader_options.sentences": 300,
    **{f"model.shape.{name}": value for name, value in SHAPE.items()},
    **dict.fromkeys(("training.eval_samples", "finetuning.training.eval_samples"), 20),
    "finetuning.training.batch_size": 4,
}


def test_a_call_makes_the_comparison_of_its_line_and_its_runs_are_tracked(
    ssl, tmp_path, module_cache, monkeypatch, capfd
):
    """TensorBoard reads what the metrics of every run have."""
    reads = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")
    finished = sslcli.compare(**SMALLEST, set=SET, name="called", track=["tensorboard"])
    assert capfd.readouterr().out == ""
    assert (finished.folder, finished.reason, finished.step) == (Path("runs/called"), "done", 4)
    assert isinstance(finished.settings, CompareSettings)
    assert finished.settings.run.track == ("tensorboard",)
    assert {"report.html", "comparison.csv"} <= {path.name for path in finished.folder.iterdir()}
    for folder in finished.runs:
        reader = reads.EventAccumulator(str(folder / "trackers" / "tensorboard"))
        reader.Reload()
        figures = [event.value for event in reader.Scalars("train/loss")]
        lines = (json.loads(each) for each in (folder / "metrics.jsonl").open())
        expected = [line["loss"] for line in lines if line["split"] == "train"]
        assert figures == pytest.approx(expected)
        assert expected
    words = read_run(finished.folder).facts["command"][1:]
    assert words[:3] == ["compare", "--objectives", "clm,mlm"]
    typed = ssl(*words, "--json")  # which goes on with what the call began
    assert typed.code == 0, typed.err
    assert "going on with" in typed.err
    (table,) = json.loads(typed.out)["report"]["tables"]
    assert table["rows"] == [list(row) for row in finished.report.tables[0].rows]
    again = sslcli.compare(resume="called")
    assert again.report.tables == finished.report.tables
    assert again.runs == finished.runs


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: sslcli.compare(), "what is to be compared?"),
        (lambda: sslcli.compare(objectives=["mlm", "clm"], tasks=["poss"]), "poss"),
        (lambda: sslcli.compare(objectives=["mlm", "clm"], tasks=["pos"], budget="soon"), "budget"),
        (lambda: sslcli.compare(objectives=["mlm", "clm"], tasks=["pos"], track="board"), "board"),
        (lambda: sslcli.compare(resume="nowhere"), "there is no run 'nowhere'"),
    ],
)
def test_a_wrong_call_is_said_as_its_line_says_it(call, problem):
    with pytest.raises(sslcli.SslError) as caught:
        call()
    assert problem in " ".join(caught.value.lines)
    with pytest.raises(TypeError, match="has no argument 'objective'"):
        sslcli.compare(objective="mlm")
