"""What is trained and how fast, where it starts, when it ends, and what the best checkpoint answers."""

import json
import os
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file

from sslcli.core.settings import TransformerSettings
from sslcli.data.documents import Where
from sslcli.data.records import Record
from sslcli.engine.events import Evaluated
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.engine.stopping import Stopper
from sslcli.engine.world import ALONE
from sslcli.errors import CheckError, DataError, UsageError
from sslcli.reports import Report, Score
from sslcli.workflows import finetuning
from sslcli.workflows.answering import Answerer
from sslcli.workflows.evaluating import evaluate, refuse_below, scored
from sslcli.workflows.finetuning import Finetuning, finetune
from sslcli.workflows.labelling import held_out, labelled_data, task_class
from sslcli.workflows.models import load_pretrained, newest_fitting
from sslcli.workflows.pretraining import pretrain
from sslcli.workflows.running import Result
from sslcli.workflows.settings import AnswerSettings, FinetuneSettings, LabelledSettings, PretrainSettings, StartSettings
from sslcli.workflows.starting import rates
from sslcli.workflows.studying import Ended, Variant, settings_of, summary, variants

HARDWARE = choose_hardware(HardwareSettings(device="cpu", precision="fp32"))


def ignore(event):
    pass


@pytest.fixture(scope="module")
def model(tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("runs") / "first"
    settings = {
        "data": {"train": ["demo:world"], "reader_options": {"sentences": 300}, "sequence_tokens": 32, "unit": "sentence"},
        "tokenizer": {"kind": "words", "vocabulary": 900},
        "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2, "depth": 2, "feedforward_width": 32, "longest_tokens": 64}},
        "training": {"max_steps": 2, "batch_size": 8},
        "run": {"folder": str(folder), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=ignore)
    return folder


def settings(source, folder=None, task="sentiment", **groups):
    training = {"max_steps": 4, "batch_size": 8, "eval_every": 2, **groups.pop("training", {})}
    return FinetuneSettings.model_validate(
        {
            "task": task,
            "model": {"source": str(source), **groups.pop("model", {})},
            "data": {"reader_options": {"sentences": 100}, "limit": 80, **groups.pop("data", {})},
            "optimizer": {"rate": 1e-2},
            "training": training,
            "run": {"folder": None if folder is None else str(folder), "plot": False},
            **groups,
        }
    )


def course(*args, **groups):
    return Finetuning.of(settings(*args, **groups), None, ignore)


def weights_after(folder, file="backbone.safetensors"):
    return load_file(max((folder / "checkpoints").glob("step-*")) / file)


class StopAfter(Stopper):
    """Asks to stop when it was polled so often."""

    def __init__(self, polls):
        super().__init__()
        self.polls = polls

    def poll(self):
        self.polls -= 1
        if self.polls == 0:
            self.asked = "preempted"
        super().poll()


def plain(source, **groups):
    """The backbone as the run starts with it."""
    return course(source, **groups).learner.backbone.state_dict()


def test_everything_is_trained_unless_it_is_asked_to_stay(model, tmp_path):
    before = plain(model)
    finetune(settings(model, tmp_path / "all"), observe=ignore)
    assert all(not torch.equal(before[name], value) for name, value in weights_after(tmp_path / "all").items() if "segment" not in name)
    finetune(settings(model, tmp_path / "frozen", model={"freeze": True}), observe=ignore)
    assert all(torch.equal(before[name], value) for name, value in weights_after(tmp_path / "frozen").items())
    head = course(model).learner.learnable.state_dict()
    assert all(not torch.equal(head[name], value) for name, value in weights_after(tmp_path / "frozen", "learnable.safetensors").items())


def test_adapters_alone_are_trained_and_folded_in_where_the_model_is_read(model, tmp_path):
    before = plain(model)
    finetune(settings(model, tmp_path / "low", adapters={"rank": 2, "targets": ["query", "up"]}), observe=ignore)
    after = weights_after(tmp_path / "low")
    assert all(torch.equal(before[name], after[name]) for name in before)
    added = {name for name in after if name not in before}
    assert {name.split(".")[-2] for name in added} == {"query", "up"}
    folded = load_pretrained(str(tmp_path / "low")).backbone
    assert folded.keys() == before.keys()
    changed = {name for name in before if not torch.allclose(folded[name], before[name], atol=1e-7)}
    assert {".".join(name.split(".")[-2:]) for name in changed} == {"query.weight", "up.weight"}


def test_layers_learn_at_decaying_rates(model):
    """Howard and Ruder 2018: each layer at a fixed share of the one above it, the embeddings last."""
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
    assert {name: value.shape for name, value in known.items()} == {name: value.shape for name, value in other.items()}
    matrices = [name for name, value in known.items() if value.ndim == 2]
    assert not any(torch.equal(known[name], other[name]) for name in matrices)
    same_entries = [torch.equal(known[name].flatten().sort().values, other[name].flatten().sort().values) for name in matrices]
    assert all(same_entries) == (start == "shuffled-weights")


def test_all_starts_see_the_same_batches(model):
    one, other = (course(model, model={"start": start}) for start in ("pretrained", "random"))
    first, second = (
        [work.samples for work, _ in zip(each.loader(None, ALONE, False).steps(0), range(5), strict=False)] for each in (one, other)
    )
    assert first == second


def test_the_best_checkpoint_is_the_one_with_the_best_score(model, tmp_path):
    seen = []
    finetune(settings(model, tmp_path, training={"max_steps": 12}), observe=lambda event: seen.append(event))
    judged = [(event.metrics["accuracy"], -event.loss, event.step) for event in seen if isinstance(event, Evaluated) and event.step]
    assert (tmp_path / "best").read_text() == f"step-{max(judged)[2]:06d}"


def test_patience_ends_a_run_that_does_not_get_better(model, tmp_path):
    still = settings(model, tmp_path, training={"max_steps": 200, "patience": 3}).model_copy(deep=True)
    still = still.model_copy(update={"optimizer": still.optimizer.model_copy(update={"rate": 1e-12})})
    outcome = finetune(still, observe=ignore).outcome
    assert (outcome.reason, outcome.progress.step) == ("done", 8)  # best at step 2, then three that are no better
    again = finetune(still, resume=tmp_path, observe=ignore).outcome
    assert (again.reason, again.progress.step) == ("done", 8)


def test_a_score_that_is_not_there_cannot_decide(model, tmp_path):
    with pytest.raises(UsageError, match="there is no score 'f2'"):
        finetune(settings(model, tmp_path, best_by="f2"), observe=ignore)


def test_the_newest_run_that_fits_is_taken_and_said(model, monkeypatch):
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(model.parent))
    assert newest_fitting({"encoder"}).folder == model
    said = []
    built = Finetuning.of(settings(model).model_copy(update={"model": type(settings(model).model)()}), None, said.append)
    assert said[0].startswith(f"model  {model} (the newest that fits")
    assert built.settings.model.source.startswith(str(model))
    with pytest.raises(UsageError, match=r"no pretraining run in .* is an encoder_decoder"):
        newest_fitting({"encoder_decoder"})


def test_a_run_fine_tuned_for_the_same_answers_goes_on_with_its_head(model, tmp_path):
    finetune(settings(model, tmp_path / "one"), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable
    same, another = course(tmp_path / "one"), course(tmp_path / "one", task="nli")
    assert all(torch.equal(learnt[name], value) for name, value in same.learner.learnable.state_dict().items())
    mine = another.learner.learnable.state_dict()
    assert not torch.equal(mine["classifier.classifier.weight"][:2], learnt["classifier.classifier.weight"])


def test_evaluate_gives_the_scores_that_the_run_ended_with(model, tmp_path):
    report = finetune(settings(model, tmp_path), observe=ignore).report
    again = evaluate(str(tmp_path), "sentiment", AnswerSettings())
    assert [(score.name, score.value, score.count, dict(score.baselines)) for score in again.report.scores] == [
        (score.name, score.value, score.count, dict(score.baselines)) for score in report.scores
    ]
    lines = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    assert [line["prediction"] for line in lines] == [prediction.value for prediction in again.predictions]
    right = sum(line["prediction"] == line["gold"] for line in lines) / len(lines)
    assert report.scores[0].value == pytest.approx(right)


def test_answers_do_not_depend_on_what_is_answered_beside_them(model, tmp_path):
    finetune(settings(model, tmp_path, task="qa", options={"sequence_tokens": 40, "stride": 10}), observe=ignore)
    answerer = Answerer.load(str(tmp_path), "qa", HARDWARE)
    examples = course(model, task="qa").data.evaluation[:12]
    together = answerer.predictions(examples, 5)
    alone = [answerer.predictions([example], 1)[0] for example in examples]
    assert [each.value for each in together] == [each.value for each in alone]
    assert [each.confidence for each in together] == pytest.approx([each.confidence for each in alone], abs=1e-5)


def test_the_wrong_task_is_named(model, tmp_path):
    finetune(settings(model, tmp_path), observe=ignore)
    with pytest.raises(UsageError, match="was fine-tuned for sentiment, not for qa"):
        Answerer.load(str(tmp_path), "qa", HARDWARE)
    with pytest.raises(UsageError, match="was not fine-tuned for sentiment"):
        Answerer.load(str(model), "sentiment", HARDWARE)


def test_bounds_are_checked_in_the_direction_of_the_score():
    scores = [Score("f1", 70.0, "%"), Score("exact match", 60.0), Score("squared error", 0.5, higher_is_better=False)]
    refuse_below(scores, {"f1": 70.0, "squared error": 0.5, "exact-match": 60})
    with pytest.raises(CheckError, match=r"f1 is 70 and not at least 70\.1"):
        refuse_below(scores, {"f1": 70.1})
    with pytest.raises(CheckError, match=r"squared error is 0\.5 and not at most 0\.4"):
        refuse_below(scores, {"squared error": 0.4})
    with pytest.raises(UsageError, match="there is no score 'f3'"):
        refuse_below(scores, {"f3": 1.0})


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def reviews(count, start=0):
    return [{"id": start + n, "text": f"text {start + n} is {'good' if n % 2 else 'bad'}", "label": "ab"[n % 2]} for n in range(count)]


def data_of(tmp_path, train, **more):
    task = task_class("classify")
    return labelled_data(task, task.Options(), LabelledSettings(train=(write(tmp_path / "train.jsonl", train),), **more))


def test_what_is_held_out_does_not_depend_on_the_rest(tmp_path):
    few, many = data_of(tmp_path, reviews(40), held_out=0.3), data_of(tmp_path, reviews(80), held_out=0.3)
    few_held, many_held = ({example.id for example in data.evaluation} for data in (few, many))
    assert few_held == {name for name in many_held if int(name) < 40}
    assert not few_held & {example.id for example in few.train}


def test_questions_about_one_passage_stay_together():
    task = task_class("qa")
    records = [
        {"id": str(n), "context": f"passage {n // 4} ends", "question": f"what {n}?", "answers": {"text": ["ends"], "answer_start": [10]}}
        for n in range(40)
    ]
    examples = [task.parse(task.Options(), Record(Where("x", 1), record)) for record in records]
    train, evaluation = held_out(task, task.Options(), examples, 0.4)
    assert {task.group(example) for example in train}.isdisjoint({task.group(example) for example in evaluation})
    assert train
    assert evaluation


def test_sets_are_refused_or_named_by_their_records(tmp_path):
    with pytest.raises(DataError, match=r"train\.jsonl, record 3.*the id '0' is also that of .*record 1"):
        data_of(tmp_path, [*reviews(2), reviews(1)[0]])
    with pytest.raises(DataError, match=r"record 2: there is no answer to"):
        data_of(tmp_path, [reviews(1)[0], {"text": "no label", "id": 7}])
    test = write(tmp_path / "test.jsonl", [*reviews(2, start=100), {"id": 9, "text": " text  3 is good", "label": "b"}])
    (note,) = data_of(tmp_path, reviews(30), evaluation=(test,)).notes
    assert note.startswith("1 of 3 held-out examples stand in the training data too")
    assert "test.jsonl, record 3" in note


def ended(folder, start, seed, value):
    report = Report(scores=[Score("f1", value, baselines={"chance": 0.1})])
    return Ended(Variant(start, seed, folder), Result(folder, None, report))


def test_a_study_gives_medians_spreads_and_what_pretraining_is_worth(tmp_path):
    runs = [ended(tmp_path, "pretrained", seed, value) for seed, value in enumerate((0.8, 0.7, 0.9))]
    runs += [ended(tmp_path, "random", seed, value) for seed, value in enumerate((0.5, 0.4, 0.3))]
    report = summary(runs, "qa", tmp_path, plot=False)
    (score,) = report.scores
    assert (score.value, dict(score.baselines)) == (0.8, {"chance": 0.1, "random": 0.4})
    assert report.tables[0].rows == [["pretrained", "f1", 0.8, 0.7, 0.9, 3], ["random", "f1", 0.4, 0.3, 0.5, 3]]
    assert report.notes == ["pretrained is +0.4 f1 beside random on the same batches"]
    close = [ended(tmp_path, "pretrained", 0, 0.5), ended(tmp_path, "pretrained", 1, 0.6)]
    close += [ended(tmp_path, "random", 0, 0.5), ended(tmp_path, "random", 1, 0.55)]
    assert "within the spread of the seeds" in summary(close, "qa", tmp_path, plot=False).notes[0]


def test_variants_have_their_own_folders_and_the_first_has_the_name(tmp_path, model):
    found = list(variants(tmp_path / "x", ["pretrained", "random"], [42, 43]))
    assert [variant.folder.name for variant in found] == ["x", "x-random", "x-seed43", "x-random-seed43"]
    own = settings_of(found[3], settings(model))
    assert (own.model.start, own.training.seed, own.run.folder) == ("random", 43, str(tmp_path / "x-random-seed43"))


def test_controls_take_no_head_that_learnt_anything(model, tmp_path):
    finetune(settings(model, tmp_path / "one"), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable
    for start in ("random", "shuffled-weights"):
        head = course(tmp_path / "one", model={"start": start}).learner.learnable.state_dict()
        assert not any(torch.equal(head[name], learnt[name]) for name in head if name.endswith("weight"))


def test_an_answer_that_is_given_once_is_never_held_out(tmp_path):
    rare = {"id": "r", "text": "nothing like it", "label": "rare"}
    for position in range(0, 40, 5):
        records = reviews(40)
        records.insert(position, rare)
        assert "rare" in {example.gold for example in data_of(tmp_path, records, held_out=0.9).train}


def test_the_same_text_is_never_on_both_sides(tmp_path):
    records = [{**record, "id": f"{record['id']}-{copy}"} for record in reviews(40) for copy in range(3)]
    data = data_of(tmp_path, records, held_out=0.4)
    assert not data.notes
    assert len(data.train) + len(data.evaluation) == 120


def test_evaluate_says_that_the_data_is_another_by_now(model, tmp_path):
    file = write(tmp_path / "train.jsonl", reviews(40))
    own = settings(model, tmp_path / "run", data={"train": [file], "limit": None})
    finetune(own, observe=ignore)
    assert not evaluate(str(tmp_path / "run"), "sentiment", AnswerSettings()).report.notes
    write(tmp_path / "train.jsonl", reviews(44))
    (note,) = evaluate(str(tmp_path / "run"), "sentiment", AnswerSettings()).report.notes
    assert note.startswith("the data is not what the model was fine-tuned on any more")


def test_a_regression_that_goes_on_keeps_where_it_was(model, tmp_path):
    numbers = [{"text": f"text {n} {'good' if n % 2 else 'bad'}", "score": n + 0.5, "id": n} for n in range(30)]
    data = {"train": [write(tmp_path / "numbers.jsonl", numbers)], "limit": None}
    finetune(settings(model, tmp_path / "one", task="classify", data=data), observe=ignore)
    learnt = load_pretrained(str(tmp_path / "one")).trained.learnable["classifier.classifier.bias"]
    further = course(tmp_path / "one", task="classify", data=data).learner
    further.learnable.begin(further.backbone)
    assert torch.equal(further.learnable.state_dict()["classifier.classifier.bias"], learnt)
    fresh = course(model, task="classify", data=data).learner
    fresh.learnable.begin(fresh.backbone)
    assert 5 < float(fresh.learnable.state_dict()["classifier.classifier.bias"]) < 25


def test_a_run_goes_on_without_the_model_that_it_began_with(model, tmp_path):
    shutil.copytree(model, tmp_path / "base")
    own = settings(tmp_path / "base", tmp_path / "run", training={"max_steps": 8})
    finetune(own, observe=ignore, stopper=StopAfter(16))
    assert list((tmp_path / "run/checkpoints").iterdir())
    shutil.rmtree(tmp_path / "base")
    assert finetune(own, resume=tmp_path / "run", observe=ignore).outcome.progress.step == 8


def test_a_stop_in_the_last_scoring_leaves_a_run_that_a_resume_ends(model, tmp_path, monkeypatch):
    def scored_by_nobody(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return scored(*args)

    monkeypatch.setattr(finetuning, "scored", scored_by_nobody)
    stopped = finetune(settings(model, tmp_path), observe=ignore)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert (stopped.outcome.reason, facts["status"], facts["step"]) == ("preempted", "stopped", 4)
    assert not (tmp_path / "scores.json").exists()
    monkeypatch.undo()
    ended = finetune(settings(model, tmp_path), resume=tmp_path, observe=ignore)
    assert (ended.outcome.reason, json.loads((tmp_path / "run.json").read_text())["status"]) == ("done", "done")
    assert (tmp_path / "scores.json").is_file()


def test_of_equal_scores_the_lower_loss_is_the_better(model, tmp_path):
    """Where all answers are the same one, accuracy says nothing, and the loss still falls."""
    seen = []
    lopsided = [{"text": f"text {n}", "label": "a" if n % 10 else "b", "id": n} for n in range(120)]
    data = {"train": [write(tmp_path / "data.jsonl", lopsided)], "limit": None}
    own = settings(model, tmp_path / "run", data=data, training={"max_steps": 12, "patience": 2}, model={"freeze": True})
    finetune(own, observe=seen.append)
    judged = [event for event in seen if isinstance(event, Evaluated) and event.step]
    costs = [(-event.metrics["accuracy"], event.loss) for event in judged]
    assert [event.best for event in judged] == [cost < min(costs[:place], default=(9,)) for place, cost in enumerate(costs)]
    assert len({cost[0] for cost in costs}) < len(costs)


def test_shared_layers_have_one_rate(model):
    shared = TransformerSettings(vocabulary=9, width=4, depth=3, heads=1, feedforward_width=4, longest_tokens=4, shared_layers=True)
    with pytest.raises(UsageError, match="at one rate"):
        rates(StartSettings(layer_decay=0.9), shared)
    assert [group.match for group in rates(StartSettings(), shared)] == ["learnable.*"]


def test_numbers_in_a_table_are_the_same_ones_when_a_run_goes_on_and_when_it_is_scored(model, tmp_path):
    """Some have a decimal point and some have none; what is held out does not depend on when that is known."""
    rows = "".join(f"text {n} {'good' if n % 2 else 'bad'},{n % 7}{'.5' if n % 3 == 0 else ''}\n" for n in range(80))
    (tmp_path / "numbers.csv").write_text(f"text,score\n{rows}")
    own = settings(model, tmp_path / "run", task="classify", data={"train": [str(tmp_path / "numbers.csv")], "limit": None})
    assert finetune(own, observe=ignore, stopper=StopAfter(9)).outcome.reason == "preempted"
    report = finetune(own, resume=tmp_path / "run", observe=ignore).report
    again = evaluate(str(tmp_path / "run"), "classify", AnswerSettings()).report
    assert [score.value for score in again.scores] == [score.value for score in report.scores]
    assert not [note for note in again.notes if "any more" in note]


def test_scoring_what_was_trained_on_is_said(model, tmp_path):
    file = write(tmp_path / "train.jsonl", reviews(40))
    finetune(settings(model, tmp_path / "run", data={"train": [file], "limit": None}), observe=ignore)
    notes = evaluate(str(tmp_path / "run"), "sentiment", AnswerSettings(data=LabelledSettings(train=(), evaluation=(file,)))).report.notes
    assert any("of 40 scored examples stand in the training data too" in note for note in notes)
