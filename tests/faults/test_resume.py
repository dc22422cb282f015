"""A run that was stopped anywhere and resumed equals the run that was not: weights, optimizer,
random state, logged numbers.
"""

import json

import pytest
import torch
from safetensors.torch import load_file
from stops import StopAtPoll

from sslcli.errors import ConfigError, DataError, ModelError, RunError, UsageError
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

OBJECTIVES = ["mlm", "clm", "nsp", "sop", "mlm+nsp", "mlm+sop", "bart", "mass"]
FILES = ("backbone.safetensors", "learnable.safetensors")
# Polls are between micro-batches, between steps and between evaluation batches; these fall into all
# three.
STOPS = [1, 7, 18, 29, 41]


def ignore(event):
    pass


def settings_for(objective, corpus, folder, **training):
    trained = {
        "max_steps": 12,
        "batch_size": 24,
        "micro_batch_size": 10,
        "log_every": 5,
        "eval_every": 4,
        "save_every": 3,
        "eval_samples": 20,
    }
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
            "tokenizer": {"vocabulary": 150},
            "model": {
                "preset": "tiny",
                "shape": {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.1},
            },
            "training": {**trained, **training},
            "run": {"folder": str(folder), "plot": False},
        }
    )


def logged(folder):
    """Every line of metrics.jsonl without what a clock decides."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")}
        for line in lines
    ]


def final_tensors(folder):
    newest = max((folder / "checkpoints").glob("step-*"))
    return newest.name, {file: load_file(newest / file) for file in FILES}


def final_state(folder):
    state = json.loads((folder / "checkpoints" / "step-000012" / "state.json").read_text())
    return {key: value for key, value in state.items() if key != "seconds"}


def assert_equal_runs(one, other):
    assert logged(one) == logged(other)
    assert final_state(one) == final_state(other)
    best = (other / "best").read_text()
    assert best == (one / "best").read_text()
    assert (other / "checkpoints" / best / "manifest.json").is_file()
    (name, tensors), (other_name, other_tensors) = final_tensors(one), final_tensors(other)
    assert name == other_name == "step-000012"
    for file in FILES:
        assert tensors[file].keys() == other_tensors[file].keys()
        for key, value in tensors[file].items():
            assert torch.equal(value, other_tensors[file][key]), f"{file}: {key}"


@pytest.fixture(scope="module", params=OBJECTIVES)
def uninterrupted(request, text_corpus, tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("whole")
    result = pretrain(settings_for(request.param, text_corpus, folder), observe=ignore)
    assert result.outcome.reason == "done"
    assert len([line for line in logged(folder) if line["split"] == "eval"]) == 4
    return request.param, folder, torch.get_rng_state()


@pytest.mark.parametrize("polls", STOPS)
def test_stopped_anywhere_and_resumed_equals_uninterrupted(
    uninterrupted, polls, text_corpus, tmp_path
):
    objective, whole, random_state = uninterrupted
    settings = settings_for(objective, text_corpus, tmp_path)
    first = pretrain(settings, observe=ignore, stopper=StopAtPoll(polls))
    assert first.outcome.reason == "preempted"
    assert (
        pretrain(
            continued_settings(Resume(tmp_path), settings), resume=Resume(tmp_path), observe=ignore
        ).outcome.reason
        == "done"
    )
    assert_equal_runs(whole, tmp_path)
    assert torch.equal(random_state, torch.get_rng_state())


def test_the_saved_settings_replay_the_run(uninterrupted, tmp_path):
    """config.yaml alone, with another folder, gives the same run to the bit."""
    from sslcli.workflows.training.resume import saved_settings

    _, whole, _ = uninterrupted
    settings = saved_settings(PretrainSettings, whole)
    elsewhere = settings.model_copy(
        update={"run": settings.run.model_copy(update={"folder": str(tmp_path)})}
    )
    pretrain(elsewhere, observe=ignore)
    assert_equal_runs(whole, tmp_path)


def test_a_damaged_newest_checkpoint_is_passed_over_aloud(text_corpus, tmp_path, module_cache):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    pretrain(settings_for("mlm", text_corpus, whole), observe=ignore)
    interrupted = settings_for("mlm", text_corpus, cut)
    stopped = pretrain(interrupted, observe=ignore, stopper=StopAtPoll(41))
    assert stopped.outcome.reason == "preempted"
    newest = max((cut / "checkpoints").glob("step-*"))
    victim = newest / "optimizer.safetensors"
    data = bytearray(victim.read_bytes())
    data[-5] ^= 4
    victim.write_bytes(bytes(data))
    heard = []
    pretrain(
        continued_settings(Resume(cut), settings_for("mlm", text_corpus, cut)),
        resume=Resume(cut),
        observe=heard.append,
    )
    assert any(f"{newest.name} is skipped" in getattr(event, "text", "") for event in heard)
    assert_equal_runs(whole, cut)


def test_changed_settings_and_data_are_refused_by_name(text_corpus, tmp_path, module_cache):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text_corpus.read_text())
    settings = settings_for("mlm", corpus, tmp_path / "run", max_steps=2)
    pretrain(settings, observe=ignore)
    changed = settings.model_copy(
        update={"optimizer": settings.optimizer.model_copy(update={"rate": 0.5})}
    )
    with pytest.raises(ConfigError, match=r"optimizer\.rate was"):
        pretrain(
            continued_settings(Resume(tmp_path / "run"), changed),
            resume=Resume(tmp_path / "run"),
            observe=ignore,
        )
    corpus.write_text(text_corpus.read_text() + "\n\nOne more paragraph that was not there.\n")
    with pytest.raises(
        DataError,
        match=r"data changed since the run was started: \S*corpus\.txt is \d+ bytes longer$",
    ):
        pretrain(
            continued_settings(Resume(tmp_path / "run"), settings),
            resume=Resume(tmp_path / "run"),
            observe=ignore,
        )


def test_only_damaged_checkpoints_end_in_an_error(text_corpus, tmp_path, module_cache):
    settings = settings_for("mlm", text_corpus, tmp_path, max_steps=2)
    pretrain(settings, observe=ignore)
    for manifest in (tmp_path / "checkpoints").glob("*/manifest.json"):
        manifest.unlink()
    with pytest.raises(ModelError, match="no complete checkpoint"):
        pretrain(
            continued_settings(Resume(tmp_path), settings), resume=Resume(tmp_path), observe=ignore
        )


def test_what_lies_beyond_a_resumed_step_does_not_push_out_the_new_checkpoint(
    text_corpus, tmp_path, module_cache
):
    settings = settings_for("mlm", text_corpus, tmp_path, keep=4)
    pretrain(settings, observe=ignore, stopper=StopAtPoll(41))
    max((tmp_path / "checkpoints").glob("step-*/manifest.json")).unlink()
    stopped = pretrain(
        continued_settings(Resume(tmp_path), settings),
        resume=Resume(tmp_path),
        observe=ignore,
        stopper=StopAtPoll(5),
    )
    assert stopped.outcome.reason == "preempted"
    step = stopped.outcome.progress.step
    assert (tmp_path / "checkpoints" / f"step-{step:06d}" / "manifest.json").is_file()
    assert (
        pretrain(
            continued_settings(Resume(tmp_path), settings), resume=Resume(tmp_path), observe=ignore
        ).outcome.reason
        == "done"
    )


def test_a_short_model_is_illustrated_within_its_length(text_corpus, tmp_path, module_cache):
    settings = settings_for("clm", text_corpus, tmp_path, max_steps=2)
    shape = {**settings.model.shape, "longest_tokens": 26}
    short = settings.model_copy(
        update={"model": settings.model.model_copy(update={"shape": shape})}
    )
    assert pretrain(short, observe=ignore).outcome.reason == "done"


@pytest.mark.parametrize("vocabulary", [0, 20])
def test_a_vocabulary_smaller_than_the_tokenizer_is_refused(
    vocabulary, text_corpus, tmp_path, module_cache
):
    settings = settings_for("mlm", text_corpus, tmp_path / "run")
    shape = {**settings.model.shape, "vocabulary": vocabulary}
    small = settings.model_copy(
        update={"model": settings.model.model_copy(update={"shape": shape})}
    )
    with pytest.raises(UsageError, match="the model knows"):
        pretrain(small, observe=ignore)
    assert not (tmp_path / "run").exists()


def test_overwriting_takes_runs_only(text_corpus, tmp_path, module_cache):
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "precious").write_text("mine")
    with pytest.raises(UsageError, match="no run"):
        pretrain(settings_for("mlm", text_corpus, tmp_path), overwrite=True, observe=ignore)
    assert (tmp_path / "tokenizer" / "precious").read_text() == "mine"


def test_divergence_says_that_nothing_was_saved_and_what_works(text_corpus, tmp_path, module_cache):
    settings = settings_for("mlm", text_corpus, tmp_path / "wild", max_steps=40)
    wild = settings.model_copy(
        update={"optimizer": settings.optimizer.model_copy(update={"rate": 1e30, "clip": 0.0})}
    )
    with pytest.raises(RunError, match=r"finite.*no checkpoint was saved") as caught:
        pretrain(wild, observe=ignore)
    assert "lower --lr and --overwrite" in caught.value.hint
    for line in (tmp_path / "wild" / "metrics.jsonl").read_text().splitlines():
        assert "NaN" not in line
    for checkpoint in (tmp_path / "wild" / "checkpoints").glob("step-*"):
        state = json.loads((checkpoint / "state.json").read_text())
        assert state["best_loss"] is None or state["best_loss"] == state["best_loss"]


def test_a_run_of_before_sentences_had_versions_goes_on_with_its_own(tmp_path, module_cache):
    corpus = tmp_path / "zh.txt"
    corpus.write_text("“你好吗？”她问。他说：『好。走吧。』她走了。我们去公园吧！\n" * 120)
    settings = {
        name: settings_for("mlm+sop", corpus, tmp_path / name) for name in ("whole", "cut", "new")
    }
    for name in ("whole", "cut"):
        data = settings[name].data.model_copy(update={"sentence_rules": 1})
        older = settings[name].model_copy(update={"data": data})
        stopper = StopAtPoll(18) if name == "cut" else None
        pretrain(older, observe=ignore, **({"stopper": stopper} if stopper else {}))
    config = tmp_path / "cut" / "config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if "sentence_rules" not in line))
    pretrain(settings["new"], observe=ignore)  # the cache knows the same data by the new rules
    assert logged(tmp_path / "new") != logged(tmp_path / "whole")
    pretrain(
        continued_settings(Resume(tmp_path / "cut"), settings["cut"]),
        resume=Resume(tmp_path / "cut"),
        observe=ignore,
    )
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


def test_a_start_that_computes_otherwise_is_said_and_recorded(text_corpus, tmp_path, module_cache):
    """Other precision and threads: not an error, for a run may move to another machine, and not a
    secret either.
    """
    said = []

    def start(precision, resume, polls):
        settings = settings_for("mlm", text_corpus, tmp_path)
        settings = settings.model_copy(
            update={"hardware": settings.hardware.model_copy(update={"precision": precision})}
        )
        if resume is not None:
            settings = continued_settings(resume, settings)
        heard = {"observe": lambda event: said.append(getattr(event, "text", ""))}
        pretrain(settings, resume=resume, **heard, stopper=StopAtPoll(polls))
        sentences = [text for text in said if "computed otherwise" in text]
        said.clear()
        return sentences

    assert start("fp32", None, 30) == []
    assert start("fp32", Resume(tmp_path), 12) == []
    (sentence,) = start("bf16", Resume(tmp_path), 12)
    assert "precision was fp32 and is bf16" in sentence
    assert "torch" not in sentence
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        (sentence,) = start("bf16", Resume(tmp_path), 100)
    finally:
        torch.set_num_threads(threads)
    assert f"threads was {threads} and is {threads + 1}" in sentence
    computed = json.loads((tmp_path / "run.json").read_text())["computed"]
    assert [(entry["precision"], entry["threads"]) for entry in computed] == [
        ("fp32", threads),
        ("bf16", threads),
        ("bf16", threads + 1),
    ]
    steps = [entry["from_step"] for entry in computed]
    assert steps == sorted(steps)
    assert steps[0] == 0
