"""What is trained and how fast, where it starts, when it ends, and how it goes on."""

import json
import os
import shutil
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small_runs import course, ignore, settings, write
from sslplugins.tokenizers.bpe import BytePairTrainer
from stops import StopAtPoll

from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.tasks import task_class
from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.engine.events import Evaluated
from sslcli.engine.processes.process_group import ALONE
from sslcli.errors import ConfigError, UsageError
from sslcli.models.initialise import rates
from sslcli.models.loading import foundation_for, load_pretrained, newest_fitting
from sslcli.runs.references import FOUNDATION
from sslcli.settings import StartSettings
from sslcli.workflows.evaluate.scoring import scored
from sslcli.workflows.finetune import finetune as finetune_module
from sslcli.workflows.finetune.finetune import Finetuning, finetune
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume


def weights_after(folder, file="backbone.safetensors"):
    return load_file(max((folder / "checkpoints").glob("step-*")) / file)


def plain(source, **groups):
    """The backbone as the run starts with it."""
    return course(source, **groups).learner.backbone.state_dict()


def test_everything_is_trained_unless_it_is_asked_to_stay(model, tmp_path):
    before = plain(model)
    finetune(settings(model, tmp_path / "all"), observe=ignore)
    assert all(
        not torch.equal(before[name], value)
        for name, value in weights_after(tmp_path / "all").items()
        if "segment" not in name
    )
    finetune(settings(model, tmp_path / "frozen", model={"freeze": True}), observe=ignore)
    assert all(
        torch.equal(before[name], value)
        for name, value in weights_after(tmp_path / "frozen").items()
    )
    head = course(model).learner.learnable.state_dict()
    assert all(
        not torch.equal(head[name], value)
        for name, value in weights_after(tmp_path / "frozen", "learnable.safetensors").items()
    )


def test_adapters_alone_are_trained_and_folded_in_where_the_model_is_read(model, tmp_path):
    before = plain(model)
    finetune(
        settings(model, tmp_path / "low", adapters={"rank": 2, "targets": ["query", "up"]}),
        observe=ignore,
    )
    after = weights_after(tmp_path / "low")
    assert all(torch.equal(before[name], after[name]) for name in before)
    added = {name for name in after if name not in before}
    assert {name.split(".")[-2] for name in added} == {"query", "up"}
    folded = load_pretrained(str(tmp_path / "low")).backbone
    assert folded.keys() == before.keys()
    changed = {name for name in before if not torch.allclose(folded[name], before[name], atol=1e-7)}
    assert {".".join(name.split(".")[-2:]) for name in changed} == {"query.weight", "up.weight"}


def test_layers_learn_at_decaying_rates(model):
    """Howard and Ruder 2018: each layer at a fixed share of the one above it, the embeddings
    last.
    """
    groups = course(model, model={"layer_decay": 0.5, "head_rate": 3.0}).learner.groups()
    rates = {group.match: group.rate for group in groups}
    assert rates == {
        "backbone.blocks.0.*": 0.25,
        "backbone.blocks.1.*": 0.5,
        "backbone.inputs.*": 0.125,
        "learnable.*": 3.0,
        "*": 1.0,
    }


@pytest.mark.parametrize("start", ["random", "shuffled-weights"])
def test_other_starts_have_the_shape_and_not_the_knowledge(model, start):
    known, other = load_pretrained(str(model)).backbone, plain(model, model={"start": start})
    assert {name: value.shape for name, value in known.items()} == {
        name: value.shape for name, value in other.items()
    }
    matrices = [name for name, value in known.items() if value.ndim == 2]
    assert not any(torch.equal(known[name], other[name]) for name in matrices)
    same_entries = [
        torch.equal(known[name].flatten().sort().values, other[name].flatten().sort().values)
        for name in matrices
    ]
    assert all(same_entries) == (start == "shuffled-weights")


def test_all_starts_see_the_same_batches(model):
    one, other = (course(model, model={"start": start}) for start in ("pretrained", "random"))
    first, second = (
        [
            work.samples
            for work, _ in zip(each.loader(None, ALONE, False).steps(0), range(5), strict=False)
        ]
        for each in (one, other)
    )
    assert first == second


def test_the_best_checkpoint_is_the_one_with_the_best_score(model, tmp_path):
    seen = []
    finetune(
        settings(model, tmp_path, training={"max_steps": 12}),
        observe=lambda event: seen.append(event),
    )
    judged = [
        (event.metrics["accuracy"], -event.loss, event.step)
        for event in seen
        if isinstance(event, Evaluated) and event.step
    ]
    assert (tmp_path / "best").read_text() == f"step-{max(judged)[2]:06d}"


def test_patience_ends_a_run_that_does_not_get_better(model, tmp_path):
    still = settings(
        model, tmp_path, training={"max_steps": 200, "patience": 3, "save_every": 100}
    ).model_copy(deep=True)
    still = still.model_copy(
        update={"optimizer": still.optimizer.model_copy(update={"rate": 1e-12})}
    )
    outcome = finetune(still, observe=ignore).outcome
    # best at step 2, then three that are no better
    assert (outcome.reason, outcome.progress.step) == ("done", 8)
    assert Checkpoints(tmp_path, 1, {}).newest_name() == "step-000008"
    again = finetune(
        continued_finetuning(Resume(tmp_path), still), resume=Resume(tmp_path), observe=ignore
    ).outcome
    assert (again.reason, again.progress.step) == ("done", 8)


def test_a_score_that_is_not_there_cannot_decide(model, tmp_path):
    with pytest.raises(UsageError, match="there is no score 'f2'"):
        finetune(settings(model, tmp_path, best_by="f2"), observe=ignore)


def test_the_newest_run_that_fits_is_taken_and_said(model, monkeypatch):
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(model.parent))
    assert newest_fitting(replace(FOUNDATION, architectures={"encoder"}))[0].folder == model
    said = []
    built = Finetuning.of(
        settings(model).model_copy(update={"model": type(settings(model).model)()}),
        None,
        said.append,
    )
    assert said[0].startswith(f"model  {model} (the newest that fits")
    assert built.settings.model.source.startswith(str(model))
    with pytest.raises(UsageError, match=r"no pretraining run in .* is an encoder-decoder"):
        newest_fitting(replace(FOUNDATION, architectures={"encoder_decoder"}))


def test_a_newer_run_whose_tokenizer_lacks_what_the_task_needs_is_passed_over(model, tmp_path):
    """As that of a decoder, which has no [SEP], for pairs of texts."""
    for name in ("older", "newer"):
        shutil.copytree(model, tmp_path / name)
        facts = json.loads((tmp_path / name / "run.json").read_text())
        facts["started"] = f"20{99 if name == 'newer' else 98}{facts['started'][4:]}"
        (tmp_path / name / "run.json").write_text(json.dumps(facts))
    use, folder = foundation_for(task_class("nli")), tmp_path / "newer" / "tokenizer"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSLCLI_RUNS_DIR", str(tmp_path))
        assert newest_fitting(use)[0].name == "newer"
        trained = BytePairTrainer(BytePairTrainer.Options()).train(["a b c"] * 9, 300)
        shutil.rmtree(folder)
        Tokenizer(trained).save(folder)
        assert newest_fitting(use)[0].name == "older"
        shutil.rmtree(tmp_path / "older")
        with pytest.raises(UsageError, match=r"with a separator token \(\[SEP\]\)"):
            newest_fitting(use)


@pytest.mark.parametrize("dropout", [None, 0.25])
def test_another_shape_than_the_models_is_refused(model, dropout):
    """But not what the config.yaml of a run says that it found."""
    own = load_pretrained(str(model)).settings
    depth = {"shape": {"depth": own.depth + 1}, "dropout": dropout}
    problem = f"model.shape.depth would be {own.depth + 1}, and is {own.depth} in the model"
    with pytest.raises(ConfigError, match=problem):
        course(model, model=depth)
    same = {"depth": own.depth, "dropout": own.dropout if dropout is None else dropout}
    course(model, model={"shape": same, "dropout": dropout})
    found = own.model_copy(update={"depth": own.depth + 1}).model_dump()
    assert course(model, model={"shape": found}).settings.model.shape["depth"] == own.depth


def test_a_run_fine_tuned_for_the_same_answers_goes_on_with_its_head(model, tmp_path):
    finetune(settings(model, tmp_path / "one"), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable
    same, another = course(tmp_path / "one"), course(tmp_path / "one", task="nli")
    assert all(
        torch.equal(learnt[name], value)
        for name, value in same.learner.learnable.state_dict().items()
    )
    mine = another.learner.learnable.state_dict()
    assert not torch.equal(
        mine["classifier.classifier.weight"][:2], learnt["classifier.classifier.weight"]
    )


def test_controls_take_no_head_that_learnt_anything(model, tmp_path):
    finetune(settings(model, tmp_path / "one"), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable
    for start in ("random", "shuffled-weights"):
        head = course(tmp_path / "one", model={"start": start}).learner.learnable.state_dict()
        assert not any(
            torch.equal(head[name], learnt[name]) for name in head if name.endswith("weight")
        )


def test_a_regression_that_goes_on_keeps_where_it_was(model, tmp_path):
    numbers = [
        {"text": f"text {n} {'good' if n % 2 else 'bad'}", "score": n + 0.5, "id": n}
        for n in range(30)
    ]
    data = {"train": [write(tmp_path / "numbers.jsonl", numbers)], "limit": None}
    finetune(settings(model, tmp_path / "one", task="classify", data=data), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable["classifier.classifier.bias"]
    further = course(tmp_path / "one", task="classify", data=data).learner
    further.begin(lambda: None)
    assert torch.equal(further.learnable.state_dict()["classifier.classifier.bias"], learnt)
    fresh = course(model, task="classify", data=data).learner
    fresh.begin(lambda: None)
    assert 5 < float(fresh.learnable.state_dict()["classifier.classifier.bias"]) < 25


def test_a_run_goes_on_without_the_model_that_it_began_with(model, tmp_path):
    shutil.copytree(model, tmp_path / "base")
    own = settings(tmp_path / "base", tmp_path / "run", training={"max_steps": 8})
    finetune(own, observe=ignore, stopper=StopAtPoll(16))
    assert list((tmp_path / "run/checkpoints").iterdir())
    shutil.rmtree(tmp_path / "base")
    resume = Resume(tmp_path / "run")
    ended = finetune(continued_finetuning(resume, own), resume=resume, observe=ignore)
    assert ended.outcome.progress.step == 8


def test_a_stop_in_the_last_scoring_leaves_a_run_that_a_resume_ends(model, tmp_path, monkeypatch):
    def scored_by_nobody(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return scored(*args)

    monkeypatch.setattr(finetune_module, "scored", scored_by_nobody)
    stopped = finetune(settings(model, tmp_path), observe=ignore)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert (stopped.outcome.reason, facts["status"], facts["step"]) == ("preempted", "stopped", 4)
    assert not (tmp_path / "scores.json").exists()
    monkeypatch.undo()
    ended = finetune(
        continued_finetuning(Resume(tmp_path), settings(model, tmp_path)),
        resume=Resume(tmp_path),
        observe=ignore,
    )
    assert (ended.outcome.reason, json.loads((tmp_path / "run.json").read_text())["status"]) == (
        "done",
        "done",
    )
    assert (tmp_path / "scores.json").is_file()


def test_of_equal_scores_the_lower_loss_is_the_better(model, tmp_path):
    """Where all answers are the same one, accuracy says nothing, and the loss still falls."""
    seen = []
    lopsided = [{"text": f"text {n}", "label": "a" if n % 10 else "b", "id": n} for n in range(120)]
    data = {"train": [write(tmp_path / "data.jsonl", lopsided)], "limit": None}
    own = settings(
        model,
        tmp_path / "run",
        data=data,
        training={"max_steps": 12, "patience": 2},
        model={"freeze": True},
    )
    finetune(own, observe=seen.append)
    judged = [event for event in seen if isinstance(event, Evaluated) and event.step]
    costs = [(-event.metrics["accuracy"], event.loss) for event in judged]
    assert [event.best for event in judged] == [
        cost < min(costs[:place], default=(9,)) for place, cost in enumerate(costs)
    ]
    assert len({cost[0] for cost in costs}) < len(costs)


def test_shared_layers_have_one_rate(model):
    shared = TransformerSettings(
        vocabulary=9,
        width=4,
        depth=3,
        heads=1,
        feedforward_width=4,
        longest_tokens=4,
        shared_layers=True,
    )
    with pytest.raises(UsageError, match="at one rate"):
        rates(StartSettings(layer_decay=0.9), shared)
    assert [group.match for group in rates(StartSettings(), shared)] == ["learnable.*"]


def test_an_encoder_decoder_learns_slower_the_lower_the_layer_across_both_halves():
    shape = TransformerSettings(architecture="encoder_decoder", depth=2, decoder_depth=1)
    found = {group.match: group.rate for group in rates(StartSettings(layer_decay=0.5), shape)}
    assert found == {
        "backbone.decoder.blocks.0.*": 0.5,
        "backbone.decoder.inputs.*": 0.25,
        "backbone.blocks.1.*": 0.25,
        "backbone.blocks.0.*": 0.125,
        "backbone.inputs.*": 0.0625,
        "learnable.*": 1.0,
    }
