"""What a model is scored on and beside what: sets that do not leak, answers that stand alone,
studies of several runs.
"""

import json

import pytest
from small_runs import HARDWARE, course, ignore, reviews, settings, write
from stops import StopAtPoll

from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.datasets.labelled import held_out, labelled_data
from sslcli.datasets.tasks import task_class
from sslcli.errors import CheckError, DataError, UsageError
from sslcli.reports import Report, Score
from sslcli.settings import AnswerSettings, LabelledSettings
from sslcli.workflows.evaluate.evaluate import evaluate, refuse_below
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.finetune.study import Ended, summary
from sslcli.workflows.finetune.variants import Variant, variant_settings, variants
from sslcli.workflows.predict.predictor import Answerer
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume
from sslcli.workflows.training.run import RunResult


def test_evaluate_gives_the_scores_that_the_run_ended_with(model, tmp_path):
    report = finetune(settings(model, tmp_path), observe=ignore).report
    again = evaluate(str(tmp_path), "sentiment", AnswerSettings())
    assert [
        (score.name, score.value, score.count, dict(score.baselines))
        for score in again.report.scores
    ] == [(score.name, score.value, score.count, dict(score.baselines)) for score in report.scores]
    lines = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    assert [line["prediction"] for line in lines] == [
        prediction.value for prediction in again.predictions
    ]
    right = sum(line["prediction"] == line["gold"] for line in lines) / len(lines)
    assert report.scores[0].value == pytest.approx(right)


def test_answers_do_not_depend_on_what_is_answered_beside_them(model, tmp_path):
    finetune(
        settings(model, tmp_path, task="qa", options={"sequence_tokens": 40, "stride": 10}),
        observe=ignore,
    )
    answerer = Answerer.load(str(tmp_path), "qa", HARDWARE)
    examples = course(model, task="qa").data.evaluation[:12]
    together = answerer.predictions(examples, 5)
    alone = [answerer.predictions([example], 1)[0] for example in examples]
    assert [each.value for each in together] == [each.value for each in alone]
    assert [each.confidence for each in together] == pytest.approx(
        [each.confidence for each in alone], abs=1e-5
    )


def test_the_wrong_task_is_named(model, tmp_path):
    finetune(settings(model, tmp_path), observe=ignore)
    with pytest.raises(UsageError, match="was fine-tuned for sentiment, not for qa"):
        Answerer.load(str(tmp_path), "qa", HARDWARE)
    with pytest.raises(UsageError, match="was not fine-tuned for sentiment"):
        Answerer.load(str(model), "sentiment", HARDWARE)


def test_bounds_are_checked_in_the_direction_of_the_score():
    scores = [
        Score("f1", 70.0, "%"),
        Score("exact match", 60.0),
        Score("squared error", 0.5, higher_is_better=False),
    ]
    refuse_below(scores, {"f1": 70.0, "squared error": 0.5, "exact-match": 60})
    with pytest.raises(CheckError, match=r"f1 is 70 and not at least 70\.1"):
        refuse_below(scores, {"f1": 70.1})
    with pytest.raises(CheckError, match=r"squared error is 0\.5 and not at most 0\.4"):
        refuse_below(scores, {"squared error": 0.4})
    with pytest.raises(UsageError, match="there is no score 'f3'"):
        refuse_below(scores, {"f3": 1.0})


def data_of(tmp_path, train, **more):
    task = task_class("classify")
    return labelled_data(
        task,
        task.Options(),
        LabelledSettings(train=(write(tmp_path / "train.jsonl", train),), **more),
    )


def test_what_is_held_out_does_not_depend_on_the_rest(tmp_path):
    few, many = (
        data_of(tmp_path, reviews(40), held_out=0.3),
        data_of(tmp_path, reviews(80), held_out=0.3),
    )
    few_held, many_held = ({example.id for example in data.evaluation} for data in (few, many))
    assert few_held == {name for name in many_held if int(name) < 40}
    assert not few_held & {example.id for example in few.train}


def test_questions_about_one_passage_stay_together():
    task = task_class("qa")
    records = [
        {
            "id": str(n),
            "context": f"passage {n // 4} ends",
            "question": f"what {n}?",
            "answers": {"text": ["ends"], "answer_start": [10]},
        }
        for n in range(40)
    ]
    examples = [task.parse(task.Options(), Record(Where("x", 1), record)) for record in records]
    train, evaluation = held_out(task, task.Options(), examples, 0.4)
    assert {task.group(example) for example in train}.isdisjoint(
        {task.group(example) for example in evaluation}
    )
    assert train
    assert evaluation


def test_sets_are_refused_or_named_by_their_records(tmp_path):
    with pytest.raises(
        DataError, match=r"train\.jsonl, record 3.*the id '0' is also that of .*record 1"
    ):
        data_of(tmp_path, [*reviews(2), reviews(1)[0]])
    with pytest.raises(DataError, match=r"record 1: there is no answer to"):
        data_of(tmp_path, [{"text": "no label", "id": 7}])
    found = data_of(tmp_path, [*reviews(4), {"text": "no label", "id": 7}])
    assert len(found.train) + len(found.evaluation) == 4
    assert found.notes[0].startswith("1 of the 5 examples of")
    assert "has no label" in found.notes[0]
    test = write(
        tmp_path / "test.jsonl",
        [*reviews(2, start=100), {"id": 9, "text": " text  3 is good", "label": "b"}],
    )
    note = data_of(tmp_path, reviews(30), evaluation=(test,)).notes[-1]
    assert note.startswith("1 of 3 held-out examples stand in the training data too")
    assert "test.jsonl, record 3" in note


def ended(folder, start, seed, value):
    report = Report(scores=[Score("f1", value, baselines={"chance": 0.1})])
    return Ended(Variant(start, seed, folder), RunResult(folder, None, report))


def test_a_study_gives_medians_spreads_and_what_pretraining_is_worth(tmp_path):
    runs = [
        ended(tmp_path, "pretrained", seed, value) for seed, value in enumerate((0.8, 0.7, 0.9))
    ]
    runs += [ended(tmp_path, "random", seed, value) for seed, value in enumerate((0.5, 0.4, 0.3))]
    report = summary(runs, "qa", tmp_path, plot=False)
    (score,) = report.scores
    assert (score.value, dict(score.baselines)) == (0.8, {"chance": 0.1, "random": 0.4})
    assert report.tables[0].rows == [
        ["pretrained", "f1", 0.8, 0.7, 0.9, 3],
        ["random", "f1", 0.4, 0.3, 0.5, 3],
    ]
    assert report.notes[-1] == "pretrained is +0.4 f1 beside random on the same batches"
    close = [ended(tmp_path, "pretrained", 0, 0.5), ended(tmp_path, "pretrained", 1, 0.6)]
    close += [ended(tmp_path, "random", 0, 0.5), ended(tmp_path, "random", 1, 0.55)]
    assert "within the spread of the seeds" in summary(close, "qa", tmp_path, plot=False).notes[-1]


def test_variants_have_their_own_folders_and_the_first_has_the_name(tmp_path, model):
    found = list(variants(tmp_path / "x", ["pretrained", "random"], [42, 43]))
    assert [variant.folder.name for variant in found] == [
        "x",
        "x-random",
        "x-seed43",
        "x-random-seed43",
    ]
    own = variant_settings(found[3], settings(model))
    assert (own.model.start, own.training.seed, own.run.folder) == (
        "random",
        43,
        str(tmp_path / "x-random-seed43"),
    )


def test_an_answer_that_is_given_once_is_never_held_out(tmp_path):
    rare = {"id": "r", "text": "nothing like it", "label": "rare"}
    for position in range(0, 40, 5):
        records = reviews(40)
        records.insert(position, rare)
        assert "rare" in {
            example.gold for example in data_of(tmp_path, records, held_out=0.9).train
        }


def test_the_same_text_is_never_on_both_sides(tmp_path):
    records = [
        {**record, "id": f"{record['id']}-{copy}"} for record in reviews(40) for copy in range(3)
    ]
    data = data_of(tmp_path, records, held_out=0.4)
    assert not data.notes
    assert len(data.train) + len(data.evaluation) == 120


def test_evaluate_says_that_the_data_is_another_by_now(model, tmp_path):
    file = write(tmp_path / "train.jsonl", reviews(40))
    own = settings(model, tmp_path / "run", data={"train": [file], "limit": None})
    finetune(own, observe=ignore)
    changed = "the data is not what the model was fine-tuned on any more"
    for records, is_said in ((reviews(40), False), (reviews(44), True)):
        write(tmp_path / "train.jsonl", records)
        notes = evaluate(str(tmp_path / "run"), "sentiment", AnswerSettings()).report.notes
        assert any(note.startswith(changed) for note in notes) == is_said


def test_numbers_in_a_table_are_the_same_ones_when_a_run_goes_on_and_when_it_is_scored(
    model, tmp_path
):
    """Some have a decimal point and some have none; what is held out does not depend on when that
    is known.
    """
    rows = "".join(
        f"text {n} {'good' if n % 2 else 'bad'},{n % 7}{'.5' if n % 3 == 0 else ''}\n"
        for n in range(80)
    )
    (tmp_path / "numbers.csv").write_text(f"text,score\n{rows}")
    own = settings(
        model,
        tmp_path / "run",
        task="classify",
        data={"train": [str(tmp_path / "numbers.csv")], "limit": None},
    )
    assert finetune(own, observe=ignore, stopper=StopAtPoll(9)).outcome.reason == "preempted"
    report = finetune(
        continued_finetuning(Resume(tmp_path / "run"), own),
        resume=Resume(tmp_path / "run"),
        observe=ignore,
    ).report
    again = evaluate(str(tmp_path / "run"), "classify", AnswerSettings()).report
    assert [score.value for score in again.scores] == [score.value for score in report.scores]
    assert not [note for note in again.notes if "any more" in note]


def test_scoring_what_was_trained_on_is_said(model, tmp_path):
    file = write(tmp_path / "train.jsonl", reviews(40))
    finetune(
        settings(model, tmp_path / "run", data={"train": [file], "limit": None}), observe=ignore
    )
    notes = evaluate(
        str(tmp_path / "run"),
        "sentiment",
        AnswerSettings(data=LabelledSettings(train=(), evaluation=(file,))),
    ).report.notes
    assert any("of 40 scored examples stand in the training data too" in note for note in notes)


NAMES = ("bad", "good", "odd")


def one_hot(path, rows):
    lines = [
        ",".join([row["text"], *("1" if row["label"] == name else "0" for name in NAMES)])
        for row in rows
    ]
    path.write_text("\n".join([f"text,{','.join(NAMES)}", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize("kind", ["classes", "labels"])
@pytest.mark.parametrize("learnt_from", ["texts", "columns"])
def test_labels_as_texts_and_as_columns_of_zeros_and_ones_are_the_same(
    learnt_from, kind, model, tmp_path
):
    rows = [{"text": f"text {n} is {NAMES[n % 3]}", "label": NAMES[n % 3]} for n in range(36)]
    files = {
        "texts": write(tmp_path / "a.jsonl", rows),
        "columns": one_hot(tmp_path / "a.csv", rows),
    }
    data = {"train": [files[learnt_from]], "reader_options": {}}
    finetune(
        settings(model, tmp_path / "run", task="classify", data=data, options={"kind": kind}),
        observe=ignore,
    )
    found = {}
    for name, file in files.items():
        fields = {"texts": "label", "columns": ",".join(NAMES) if learnt_from == "columns" else ""}
        asked = {"label_field": fields[name]} if name != learnt_from else {}
        answers = AnswerSettings(data=LabelledSettings(train=(), evaluation=(file,)), options=asked)
        found[name] = evaluate(str(tmp_path / "run"), "classify", answers)
    scores = {
        name: [(each.name, each.value, each.count) for each in result.report.scores]
        for name, result in found.items()
    }
    assert scores["texts"] == scores["columns"]
    assert found["texts"].report.scores[0].count == 36
    gold = [example.gold for example in found["columns"].examples]
    assert gold == [row["label"] if kind == "classes" else (row["label"],) for row in rows]
    if kind == "classes":
        right = [
            prediction.value == label
            for prediction, label in zip(found["columns"].predictions, gold, strict=True)
        ]
        assert found["columns"].report.scores[0].value == pytest.approx(sum(right) / 36)
