"""A call from Python is the line that it stands for: the same settings, numbers, answers and
errors, and nothing printed.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from transformers import AutoModel, AutoTokenizer

import sslcli
from sslcli.calls.line import line_of_call, python_name
from sslcli.cli.app import run as run_line
from sslcli.cli.options import peek
from sslcli.engine import stopping
from sslcli.engine.events import Stepped
from sslcli.errors import CheckError, ConfigError, Interrupted, UsageError
from sslcli.settings import PretrainSettings

CLOCKS = ("seconds", "tokens_per_second")
SHORT = {"batch_size": 8, "device": "cpu", "precision": "fp32", "plot": False}
SHORT_LINE = ["--batch-size", "8", "--device", "cpu", "--precision", "fp32", "--no-plot"]
TEXT = "the wolf sees the cat"


@pytest.fixture(scope="module")
def place(tmp_path_factory, text_corpus, module_cache):
    """A folder with runs that lines made: `first` pretrained, `mood` and `asked` fine-tuned, and
    their data.
    """
    folder = tmp_path_factory.mktemp("calls")
    labels = [
        {"id": n, "text": f"the {'wolf' if n % 2 else 'cat'} sees {n}", "label": "ab"[n % 2]}
        for n in range(40)
    ]
    (folder / "labels.jsonl").write_text("".join(json.dumps(each) + "\n" for each in labels))
    (folder / "corpus.txt").write_text(text_corpus.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SSLCLI_RUNS_DIR", "runs")
        small = ["--arch", "tiny", "--vocabulary", "120", "--seq-len", "32"]
        lines = [
            [
                "pretrain",
                "--data",
                "corpus.txt",
                *small,
                "--mask-rate",
                "0.3",
                "-s",
                "model.shape.depth=1",
                "--max-steps",
                "4",
            ],
            [
                "finetune",
                "classify",
                "--data",
                "labels.jsonl",
                "--model",
                "first",
                "--epochs",
                "1",
                "--lr",
                "0.003",
            ],
        ]
        for line, name in zip(lines, ("first", "mood"), strict=True):
            assert run_line([*line, *SHORT_LINE, "--name", name, "-q"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")


def config_of(name):
    """All settings of a run, without how it is called."""
    settings = yaml.safe_load(Path("runs", name, "config.yaml").read_text())
    return {**settings, "run": {**settings["run"], "name": None, "folder": None}}


def metrics_of(name):
    lines = [
        json.loads(line) for line in Path("runs", name, "metrics.jsonl").read_text().splitlines()
    ]
    return [{key: value for key, value in line.items() if key not in CLOCKS} for line in lines]


def weights_of(name):
    """Of the last checkpoint."""
    last = max(Path("runs", name, "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in last.glob("*.safetensors")}


def assert_same_runs(one, other):
    assert config_of(one) == config_of(other)
    assert metrics_of(one) == metrics_of(other)
    assert weights_of(one) == weights_of(other)


def test_to_import_it_costs_next_to_nothing():
    code = (
        "import sys, sslcli; dir(sslcli); print(sorted({'torch', "
        "'numpy', 'pydantic', 'typer', 'rich'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


@pytest.mark.parametrize(
    "call", ["pretrain(lr='fast')", "finetune('qa', model='nowhere')", "probe('similarty')"]
)
def test_a_wrong_call_is_answered_before_torch_is_loaded(call):
    code = (
        f"import sys, sslcli\ntry: sslcli.{call}\nexcept "
        "sslcli.SslError: print('torch' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "False\n"
    )


def test_pretraining_by_a_call_is_the_same_run(capfd):
    capfd.readouterr()
    heard = []
    run = sslcli.pretrain(
        data="corpus.txt", arch="tiny", vocabulary=120, seq_len=32, mask_rate=0.3,
        set={"model.shape.depth": 1},
        max_steps=4, name="called", events=heard.append, **SHORT,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")
    assert_same_runs("first", "called")
    assert (run.folder, run.reason, run.step, run.runs) == (
        Path("runs/called"),
        "done",
        4,
        (Path("runs/called"),),
    )
    assert [event.step for event in heard if isinstance(event, Stepped)] == [4]
    known = [line["loss"] for line in metrics_of("called") if "loss" in line]
    assert [line["loss"] for line in run.metrics] == known
    assert run.settings.options["mlm"]["mask_rate"] == 0.3
    first, called = (
        json.loads(Path("runs", name, "run.json").read_text()) for name in ("first", "called")
    )
    assert called["command"][:4] == ["ssl", "pretrain", "--data", "corpus.txt"]
    assert {key: first[key] for key in ("data", "tokenizer", "baselines")} == {
        key: called[key] for key in ("data", "tokenizer", "baselines")
    }


def test_the_line_that_a_call_stands_for_makes_the_same_run():
    words = json.loads(Path("runs/called/run.json").read_text())["command"][1:]
    words[words.index("called")] = "typed"
    assert run_line([*words, "-q"]) == 0
    assert_same_runs("called", "typed")


def test_the_recipe_of_the_data_holds_for_calls_too(ssl):
    few = {"max_steps": 1, "set": {"data.reader_options.sentences": 120}}
    sslcli.pretrain(name="world-called", **few, **SHORT)
    ended = ssl(
        "pretrain",
        "--name",
        "world",
        "--max-steps",
        "1",
        "-s",
        "data.reader_options.sentences=120",
        *SHORT_LINE,
    )
    assert "recipe     demo:world sets" in ended.err
    assert_same_runs("world", "world-called")


def test_settings_as_an_object_by_groups_or_of_a_file_are_the_same_run():
    groups = {
        "data": {"train": ["corpus.txt"], "sequence_tokens": 32},
        "model": {"preset": "tiny", "shape": {"depth": 1}},
        "tokenizer": {"vocabulary": 120},
        "options": {"mlm": {"mask_rate": 0.3}},
        "training": {"max_steps": 9},
    }
    sslcli.pretrain(PretrainSettings.model_validate(groups), max_steps=4, name="object", **SHORT)
    sslcli.pretrain(groups, max_steps=4, name="groups", **SHORT)
    Path("groups.yaml").write_text(yaml.safe_dump(groups))
    sslcli.pretrain(config="groups.yaml", max_steps=4, name="file", **SHORT)
    for name in ("object", "groups", "file"):
        assert_same_runs("first", name)


def test_fine_tuning_by_a_call_is_the_same_run():
    run = sslcli.finetune(
        "classify",
        data="labels.jsonl",
        model="first",
        epochs=1,
        lr=0.003,
        name="mood-called",
        **SHORT,
    )
    assert_same_runs("mood", "mood-called")
    saved = json.loads(Path("runs/mood/report.json").read_text())
    assert run.report.to_dict()["scores"] == json.loads(json.dumps(saved["scores"]))


def test_a_study_by_a_call_has_the_same_report(ssl):
    line = [
        "finetune",
        "classify",
        "--data",
        "labels.jsonl",
        "--model",
        "first",
        "--max-steps",
        "2",
        *SHORT_LINE,
    ]
    ended = ssl(*line, "--seeds", "2", "--compare-scratch", "--name", "typed-study", "--json")
    asked = {"data": "labels.jsonl", "model": Path("runs/first"), "max_steps": 2}
    run = sslcli.finetune("classify", **asked, seeds=2, compare_scratch=True, name="study", **SHORT)
    last = json.loads(ended.out.splitlines()[-1])
    assert run.report.to_dict() == last["report"]
    assert [str(folder).replace("study", "typed-study") for folder in run.runs] == last["runs"]


def test_evaluating_by_a_call_gives_what_the_line_prints(ssl):
    line = json.loads(
        ssl(
            "evaluate",
            "classify",
            "--model",
            "mood",
            "--data",
            "labels.jsonl",
            "--device",
            "cpu",
            "--json",
        ).out
    )
    assert sslcli.evaluate("mood", data="labels.jsonl", device="cpu").to_dict() == {
        k: v for k, v in line.items() if k != "schema"
    }
    own = json.loads(
        ssl("evaluate", "classify", "--model", "mood", "--device", "cpu", "--json").out
    )
    assert sslcli.evaluate("@latest:classify", device="cpu").to_dict()["counts"] == own["counts"]
    with pytest.raises(CheckError, match="not at least"):
        sslcli.evaluate("mood", min={"accuracy": 100.1}, device="cpu")


def test_predicting_by_a_call_gives_what_the_line_prints(ssl, capfd):
    typed = [
        json.loads(line)
        for line in ssl(
            "predict", "classify", "--model", "mood", "--data", "labels.jsonl"
        ).out.splitlines()
    ]
    capfd.readouterr()
    found = sslcli.predict("mood", data="labels.jsonl")
    assert (list(found), len(found)) == (typed, 40)
    one = json.loads(ssl("predict", "classify", TEXT, "--model", "mood").out)
    capfd.readouterr()
    assert sslcli.predict("mood", texts=[TEXT])[0] == one
    assert [answer["id"] for answer in sslcli.predict("mood", texts=[TEXT, "cat"])] == ["1", "2"]
    assert list(sslcli.predict("mood", texts=TEXT)) == [one]
    assert len(sslcli.predict("mood", texts=[])) == 0
    assert capfd.readouterr() == ("", "")


def test_probing_by_a_call_gives_what_the_line_prints_and_writes_nothing(ssl):
    typed = json.loads(
        ssl("probe", "neighbors", "wolf", "--model", "first", "--device", "cpu", "--json").out
    )
    before = sorted(Path("runs").rglob("*"))
    assert (
        sslcli.probe("neighbors", "wolf", model="first", device="cpu").to_dict() == typed["report"]
    )
    assert sorted(Path("runs").rglob("*")) == before
    sslcli.probe("neighbors", "wolf", model="first", device="cpu", out="seen")
    assert Path("seen/report.json").is_file()


def test_what_is_to_be_known_of_a_model_is_a_warning():
    shutil.copytree("runs/first", "runs/sick")
    facts = json.loads(Path("runs/sick/run.json").read_text())
    Path("runs/sick/run.json").write_text(
        json.dumps({**facts, "status": "failed", "reason": "the disk is full"})
    )
    try:
        with pytest.warns(UserWarning, match="failed at step 4: the disk is full"):
            sslcli.probe("neighbors", "wolf", model="sick", device="cpu")
    finally:
        shutil.rmtree("runs/sick")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: sslcli.pretrain(objective="bert"), ["pretrain", "--objective", "bert"]),
        (lambda: sslcli.pretrain(objective="mlmm"), ["pretrain", "--objective", "mlmm"]),
        (
            lambda: sslcli.pretrain(lr="x", data="nowhere.txt"),
            ["pretrain", "--lr", "x", "--data", "nowhere.txt"],
        ),
        (lambda: sslcli.pretrain(data="nowhere.txt"), ["pretrain", "--data", "nowhere.txt"]),
        (lambda: sslcli.pretrain(mask_rate=3), ["pretrain", "--mask-rate", "3"]),
        (
            lambda: sslcli.pretrain(set={"training.steps": 3}),
            ["pretrain", "--set", "training.steps=3"],
        ),
        (
            lambda: sslcli.pretrain(model="first", arch="tiny"),
            ["pretrain", "--model", "first", "--arch", "tiny"],
        ),
        (lambda: sslcli.finetune("squad"), ["finetune", "squad"]),
        (lambda: sslcli.finetune("qa", best_by="g1"), ["finetune", "qa", "--best-by", "g1"]),
        (lambda: sslcli.finetune("classify", seeds=0), ["finetune", "classify", "--seeds", "0"]),
        (
            lambda: sslcli.evaluate("first", task="classify"),
            ["evaluate", "classify", "--model", "first"],
        ),
        (
            lambda: sslcli.predict("mood", task="qa", texts=["a"]),
            ["predict", "qa", "a", "--model", "mood"],
        ),
        (lambda: sslcli.probe("similarty", "a"), ["probe", "similarty", "a"]),
        (
            lambda: sslcli.probe("neighbors", "zebra", model="first"),
            ["probe", "neighbors", "zebra", "--model", "first"],
        ),
    ],
)
def test_what_is_wrong_is_said_as_the_line_says_it(ssl, call, line):
    ended = ssl(*line)
    with pytest.raises(sslcli.SslError) as caught:
        call()
    error = caught.value
    lines = "\n       ".join(error.lines)
    hint = f"hint:  {error.hint}\n" if error.hint else ""
    assert ended.code == error.exit_code
    assert ended.err.endswith(f"error: {lines}\n{hint}")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: sslcli.pretrain(objectiv="mlm"),
            r"pretrain\(\) has no argument 'objectiv'; use objective",
        ),
        (lambda: sslcli.pretrain(learning_rate=1), "use lr"),
        (lambda: sslcli.pretrain(dry_run=True), "no argument 'dry_run'"),
        (lambda: sslcli.finetune("classify", stride=3), r"finetune\(\) has no argument 'stride'"),
        (lambda: sslcli.load("first", layer=3), r"load\(\) has no argument 'layer'"),
        (lambda: sslcli.pretrain(plot="no"), "'plot' is True or False"),
        (lambda: sslcli.pretrain("mlm"), "settings come in groups"),
        (lambda: sslcli.probe("alignment", languages=["en", "zh"]), "'languages' is one value"),
    ],
)
def test_a_name_that_is_no_argument_is_a_type_error(call, said):
    with pytest.raises(TypeError, match=said):
        call()


def test_numbers_of_numpy_are_settings_as_they_are():
    line = line_of_call("pretrain", (), {"set": {"a.b": np.int64(2), "a.d": np.array([0.5])}})
    assert line.words == ["pretrain", "--set", "a.b=2", "--set", "a.d=[0.5]"]


def test_a_setting_that_is_called_as_a_short_flag_is_no_flag():
    with pytest.raises(ConfigError, match="no setting 'c'"):
        sslcli.pretrain(set={"c": 1})
    assert peek(["-set", "c=1", "-cb.yaml", "--config=a.yaml"], "--config", "-c") == [
        "b.yaml",
        "a.yaml",
    ]
    assert peek(["-config", "a.yaml"], "--config", "-c") == ["a.yaml"]


def test_what_a_call_cannot_do_is_refused():
    with pytest.raises(UsageError, match="its own process") as caught:
        sslcli.pretrain(gpus=2, device="cpu", data="corpus.txt")
    assert "torchrun --nproc-per-node 2 SCRIPT" in caught.value.hint
    with pytest.raises(UsageError, match="pretrained, and not fine-tuned"):
        sslcli.evaluate("first")
    with pytest.raises(UsageError, match="which task"):
        sslcli.evaluate()
    with pytest.raises(UsageError, match="what to answer"):
        sslcli.predict("mood")
    with pytest.raises(ConfigError, match="would become"):
        sslcli.pretrain(resume="first", mask_rate=0.5)


def test_one_process_that_is_asked_for_is_this_one():
    small = {"arch": "tiny", "seq_len": 32, "vocabulary": 120, "device": "cpu", "plot": False}
    run = sslcli.pretrain(data="corpus.txt", gpus=1, max_steps=1, name="one", **small)
    assert (run.step, run.reason) == (1, "done")


def test_a_model_that_is_not_named_is_the_latest():
    assert sslcli.load(None).folder == sslcli.load().folder


def test_ctrl_c_saves_and_raises_and_a_resume_comes_to_the_same_end():
    def stops_at_once(event):
        if isinstance(event, Stepped) and event.step == 2:
            signal.raise_signal(signal.SIGINT)

    asked = {
        "data": "corpus.txt",
        "arch": "tiny",
        "vocabulary": 120,
        "seq_len": 32,
        "mask_rate": 0.3,
    }
    asked |= {"set": {"model.shape.depth": 1}, "max_steps": 4, "log_every": 1, **SHORT}
    sslcli.pretrain(name="whole", **asked)
    with pytest.raises(Interrupted) as caught:
        sslcli.pretrain(name="cut", events=stops_at_once, **asked)
    assert caught.value.hint == "go on with resume='runs/cut'"
    run = sslcli.pretrain(resume="runs/cut", device="cpu", precision="fp32", plot=False)
    assert (run.reason, run.step) == ("done", 4)
    assert weights_of("cut") == weights_of("whole")


def test_a_run_that_is_out_of_time_says_so(monkeypatch):
    """The clock is put forward by two hours after the second step."""

    def hours_pass(event):
        if isinstance(event, Stepped) and event.step == 2:
            late = SimpleNamespace(monotonic=lambda: time.monotonic() + 7200)
            monkeypatch.setattr(stopping, "time", late)

    asked = {
        "data": "corpus.txt",
        "arch": "tiny",
        "vocabulary": 120,
        "resume": False,
        "log_every": 1,
    }
    run = sslcli.pretrain(
        **asked, max_steps=50, max_time="1h", name="late", events=hours_pass, **SHORT
    )
    assert (run.reason, run.step) == ("out of time", 2)
    assert run.metrics[-1]["step"] == 2


def test_hidden_states_are_those_that_transformers_computes(ssl):
    assert ssl("export", "first", "exported").code == 0
    theirs, tokenizer = (
        AutoModel.from_pretrained("exported"),
        AutoTokenizer.from_pretrained("exported"),
    )
    model = sslcli.load("first", device="cpu")
    states = theirs(**tokenizer(TEXT, return_tensors="pt"), output_hidden_states=True).hidden_states
    for layer in (0, 1, -1):
        expected_TD = states[layer][0, 1:-1].detach().numpy()
        np.testing.assert_allclose(model.hidden(TEXT, layer=layer), expected_TD, atol=1e-5)
    assert model.tokens(TEXT) == tokenizer.tokenize(TEXT)
    assert (model.shape.depth, model.settings.objective, model.step) == (1, "mlm", 4)


def test_words_and_texts_are_means_of_their_tokens():
    model = sslcli.load("first", device="cpu")
    rows_TD, words_WD, text_D = (
        model.hidden(TEXT, unit=unit) for unit in ("tokens", "words", "text")
    )
    np.testing.assert_allclose(text_D, rows_TD.mean(axis=0), atol=1e-6)
    places = model.tokenizer.encode_with_places([TEXT])[0][1]
    starts = [
        TEXT.index(word) if n != 3 else TEXT.rindex("the") for n, word in enumerate(TEXT.split())
    ]
    owner = [
        max(n for n, start in enumerate(starts) if start <= place) for place, _ in places.tolist()
    ]
    slow = [
        rows_TD[[place for place, of in enumerate(owner) if of == n]].mean(axis=0)
        for n in range(len(starts))
    ]
    np.testing.assert_allclose(words_WD, np.stack(slow), atol=1e-6)
    several = model.hidden(["cat", TEXT, "the wolf"])
    np.testing.assert_allclose(several[1], rows_TD, atol=1e-5)
    assert [len(rows) for rows in several] == [
        len(model.tokens(text)) for text in ("cat", TEXT, "the wolf")
    ]
    for wrong in ({"layer": 2}, {"layer": -3}, {"unit": "letters"}):
        with pytest.raises(UsageError):
            model.hidden(TEXT, **wrong)


def test_every_flag_of_a_command_is_an_argument():
    """But those that only show something."""
    commands = {
        "pretrain": (),
        "finetune": ("task", "qa"),
        "evaluate": ("task", "qa"),
        "probe": ("probe", "layers"),
    }
    others = {
        "dry_run",
        "show_batch",
        "check",
        "config",
        "resume",
        "set",
        "objective",
        "reader",
        "tokenizer",
    }
    for name, argument in commands.items():
        positional = [argument] if argument else []
        for flag in line_of_call(name, positional, {}).command.flags:
            long = [python_name(each) for each in flag.names if each.startswith("--")][:1]
            if long and long[0] not in others:
                line = line_of_call(
                    name, positional, {long[0]: True if flag.kind == "truth" else "7"}
                )
                assert flag.key in line.given
                assert long[0] == python_name(line.words[-1 if flag.kind == "truth" else -2])
