"""A head in a directory of another tool goes on where it is of the same task and labels, and
answers by the task's flags.
"""

import json

import numpy as np
import pytest
import torch
from test_parity_answers import SMALL, model_of
from test_parity_finetuning import SENTENCES, records, tokenizer
from tiny_models import transformers

from sslcli.cli.app import run
from sslcli.core.presets import preset
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import UsageError
from sslcli.models.hf_directory import write_directory
from sslcli.models.loading import load_pretrained
from sslcli.models.task_heads import matched, named_as_in
from sslcli.runs.catalogue import read_metrics
from sslcli.settings import AnswerSettings, FinetuneSettings
from sslcli.workflows.evaluate.evaluate import evaluate
from sslcli.workflows.finetune.finetune import Finetuning, finetune
from sslcli.workflows.predict.predictor import Answerer

LONGEST = 64
LABELS = {
    "sentiment": ("bad", "good"),
    "nli": ("no", "perhaps", "yes"),
    "dna": ("ei", "ie", "n"),
    "pos": ("O", "N"),
    "qa": (),
}
KINDS = {
    "sentiment": "sequence",
    "nli": "sequence",
    "dna": "sequence",
    "pos": "tokens",
    "qa": "spans",
}
HEADS = {"sequence": "classifier", "tokens": "classifier", "spans": "spans"}
HARDWARE = choose_hardware(HardwareSettings(device="cpu", precision="fp32"))
__all__ = ["tokenizer"]


def directory(folder, name, tokenizer, labels=None, problem="classes"):
    shape = preset(
        "tiny", "encoder", tokenizer.size, **{**SMALL, "longest_tokens": LONGEST, "dropout": 0.0}
    )
    model = model_of(
        shape, KINDS[name], labels=LABELS[name] if labels is None else labels, problem=problem
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_directory(model, folder, tokenizer)
    return model


def data_of(folder, name, change=lambda record: record):
    path = folder / "data.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": f"r{n}", **change(each)}) + "\n"
            for n, each in enumerate(records(name))
        ),
        encoding="utf-8",
    )
    return str(path)


def settings_of(model, name, data, folder, **training):
    return FinetuneSettings.model_validate(
        {
            "task": name,
            "model": {"source": str(model)},
            "data": {"train": [data], "evaluation": [data]},
            "training": {"max_steps": 1, "batch_size": 8, **training},
            "run": {"folder": str(folder), "plot": False},
        }
    )


def course(model, name, data, folder):
    return Finetuning.of(settings_of(model, name, data, folder), None, lambda sentence: None)


def head_of(made, name):
    return getattr(made.learner.learnable, HEADS[KINDS[name]]).state_dict()


def relabelled(names):
    return lambda record: {**record, "label": names[record["label"]]}


@pytest.mark.parametrize("name", [name for name in KINDS if name != "dna"])
def test_step_0_scores_what_evaluate_scores(tmp_path, tokenizer, name):
    model = directory(tmp_path / "model", name, tokenizer)
    data = data_of(tmp_path, name)
    found = evaluate(
        str(tmp_path / "model"),
        name,
        AnswerSettings.model_validate({"data": {"train": [], "evaluation": [data]}}),
    )
    finetune(
        settings_of(tmp_path / "model", name, data, tmp_path / "run"), observe=lambda event: None
    )
    first = next(line for line in read_metrics(tmp_path / "run") if line["split"] == "eval")
    assert first["step"] == 0
    scores = {score.name: score.value for score in found.report.scores}
    compared = {score: value for score, value in first["metrics"].items() if score in scores}
    assert compared == pytest.approx({score: scores[score] for score in compared}, abs=1e-9)
    assert compared
    made = course(tmp_path / "model", name, data, tmp_path / "other")
    order = (
        [model.labels.index(label) for label in made.settings.labels]
        if model.labels
        else slice(None)
    )
    for part, value in head_of(made, name).items():
        assert torch.equal(
            value,
            model.answers.state[part][order]
            if part.startswith("classifier.")
            else model.answers.state[part],
        )


@pytest.mark.parametrize(
    ("theirs", "ours", "rows", "how"),
    [
        (("no", "perhaps", "yes"), {"yes": "yes", "no": "no", "perhaps": "perhaps"}, (0, 1, 2), ""),
        (
            ("yes", "no", "perhaps"),
            {"yes": "yes", "no": "no", "perhaps": "perhaps"},
            (1, 2, 0),
            "by name",
        ),
        (
            ("YES", "No", "per_haps"),
            {"yes": "yes", "no": "no", "perhaps": "per haps"},
            (1, 2, 0),
            "written otherwise",
        ),
        (
            ("LABEL_0", "LABEL_1", "LABEL_2"),
            {"yes": "0", "no": "1", "perhaps": "2"},
            (0, 1, 2),
            "by number: LABEL_0 is 0",
        ),
        (
            ("a", "b", "c"),
            {"yes": "2", "no": "0", "perhaps": "1"},
            (0, 1, 2),
            "numbers are taken for the places of its classes: a is 0",
        ),
        (
            ("never", "yes", "no", "perhaps"),
            {"yes": "yes", "no": "no", "perhaps": "perhaps"},
            (2, 3, 1),
            "by name, without never",
        ),
    ],
)
def test_labels_are_matched_by_name_and_it_is_said(tmp_path, tokenizer, theirs, ours, rows, how):
    model = directory(tmp_path / "model", "nli", tokenizer, labels=theirs)
    made = course(
        tmp_path / "model", "nli", data_of(tmp_path, "nli", relabelled(ours)), tmp_path / "run"
    )
    assert made.head.startswith("kept from the model")
    assert how in made.head
    assert (made.head == "kept from the model") == (not how)
    for part, value in head_of(made, "nli").items():
        whole = model.answers.state[part]
        assert torch.equal(value, whole[list(rows)] if part.startswith("classifier.") else whole)


@pytest.mark.parametrize(
    ("name", "theirs", "problem", "change", "why"),
    [
        (
            "nli",
            ("LABEL_0", "LABEL_1", "LABEL_2"),
            "classes",
            None,
            "which of LABEL_0, LABEL_1, LABEL_2 the data's no, perhaps, yes are",
        ),
        (
            "nli",
            ("no", "maybe", "yes"),
            "classes",
            None,
            "does not know perhaps: its classes are no, maybe, yes",
        ),
        (
            "nli",
            ("no", "perhaps", "yes"),
            "labels",
            None,
            "gives any number of labels, and the data have one class of several",
        ),
        (
            "nli",
            ("a", "b", "c"),
            "classes",
            {"yes": "1", "no": "2", "perhaps": "3"},
            "does not know 1, 2, 3",
        ),
    ],
)
def test_a_new_head_is_said_to_be_new_and_why(
    tmp_path, tokenizer, name, theirs, problem, change, why
):
    model = directory(tmp_path / "model", name, tokenizer, labels=theirs, problem=problem)
    data = data_of(tmp_path, name, relabelled(change) if change else lambda record: record)
    made = course(tmp_path / "model", name, data, tmp_path / "run")
    assert made.head.startswith("new, at random: ")
    assert why in made.head
    head = head_of(made, name)
    assert torch.equal(head["pooler.weight"], model.answers.state["pooler.weight"])
    assert not torch.equal(head["classifier.weight"], model.answers.state["classifier.weight"])


def test_the_head_of_another_kind_is_new(tmp_path, tokenizer):
    directory(tmp_path / "model", "pos", tokenizer)
    assert (
        "is about single words"
        in course(tmp_path / "model", "nli", data_of(tmp_path, "nli"), tmp_path / "run").head
    )


def test_a_run_of_ours_keeps_its_head_under_another_order_of_labels(tmp_path, tokenizer, capfd):
    """The commonest tag comes first, so that other data order the same tags otherwise."""
    directory(tmp_path / "model", "pos", tokenizer, labels=("X",))
    data = data_of(tmp_path, "pos")
    finetune(
        settings_of(tmp_path / "model", "pos", data, tmp_path / "first"), observe=lambda event: None
    )
    turned = tmp_path / "turned"
    turned.mkdir()
    swapped = {"N": "O", "O": "N"}
    other = data_of(
        turned, "pos", lambda record: {**record, "tags": [swapped[tag] for tag in record["tags"]]}
    )
    before, made = (
        load_pretrained(str(tmp_path / "first")),
        course(tmp_path / "first", "pos", other, tmp_path / "second"),
    )
    assert made.settings.labels == before.labels[::-1]
    assert made.head == "kept from the model · by name"
    assert torch.equal(
        head_of(made, "pos")["classifier.weight"], before.answers.state["classifier.weight"].flip(0)
    )
    assert (
        run(["finetune", "pos", "--model", str(tmp_path / "first"), "--data", data, "--dry-run"])
        == 0
    )
    assert "kept from the model" in "".join(capfd.readouterr())


def test_names_are_matched_only_where_it_is_no_guess():
    assert matched(["a", "b"], ["b"]).rows_C == [1]
    assert matched(["a", "A"], ["á"]) is None
    assert matched(["x", "X"], ["0", "1"]).rows_C == [0, 1]
    assert matched(["LABEL_1", "LABEL_0"], ["0", "1"]).rows_C == [1, 0]
    assert matched(["LABEL_0", "b"], ["0", "1"]) is None
    assert matched(["a", "b", "c"], ["1", "2"]) is None
    assert matched(["a", "b"], ["0", "2"]) is None
    many = [f"l{n}" for n in range(100_000)]
    assert matched(many, many[::-1]).rows_C == list(range(100_000))[::-1]
    assert named_as_in(("YES", "NO"), [["yes"], ["yes"]]) == (
        ("yes", "NO"),
        "are those of the data by name, though written otherwise: YES is yes",
    )
    assert named_as_in(("YES", "NO"), [["perhaps"]]) == (("YES", "NO"), "")


def test_evaluate_matches_names_too(tmp_path, tokenizer):
    directory(tmp_path / "model", "nli", tokenizer, labels=("NO", "Perhaps", "YES"))
    settings = AnswerSettings.model_validate(
        {"data": {"train": [], "evaluation": [data_of(tmp_path, "nli")]}}
    )
    plain = directory(tmp_path / "plain", "nli", tokenizer, labels=("no", "perhaps", "yes"))
    found, right = (
        evaluate(str(tmp_path / folder), "nli", settings) for folder in ("model", "plain")
    )
    assert plain.labels == ("no", "perhaps", "yes")
    assert [each.value for each in found.predictions] == [each.value for each in right.predictions]
    assert any("written otherwise: NO is no" in note for note in found.report.notes)


QUESTIONS = [
    (
        f"who {SENTENCES[n].split()[-1]} ?",
        f"ann . {SENTENCES[2 * n]} . {SENTENCES[n]} .",
        n % 3 == 0,
    )
    for n in range(30)
]


def squad(path, answered):
    """Questions of which every third has no answer; or all have one."""
    paragraphs = [
        {
            "context": passage,
            "qas": [
                {
                    "id": f"q{n}",
                    "question": question,
                    "is_impossible": none and not answered,
                    "answers": []
                    if none and not answered
                    else [{"text": "ann", "answer_start": 0}],
                }
            ],
        }
        for n, (question, passage, none) in enumerate(QUESTIONS)
    ]
    path.write_text(
        json.dumps({"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]}),
        encoding="utf-8",
    )
    return str(path)


def official(model, tokenizer, question, passage):
    """SQuAD 2.0's null score difference and the best span, of one passage in one window."""
    first, (second, places) = tokenizer.encode(question), tokenizer.encode_with_places([passage])[0]
    ids = np.concatenate(
        [[tokenizer.classify], first, [tokenizer.separate], second, [tokenizer.separate]]
    )
    begin = len(first) + 2
    segments = torch.from_numpy((np.arange(len(ids)) >= begin).astype(np.int64))[None]
    with torch.no_grad():
        out = model(input_ids=torch.from_numpy(ids)[None], token_type_ids=segments)
    starts, ends = (logits[0, begin:-1].tolist() for logits in (out.start_logits, out.end_logits))
    score, i, j = max(
        (a + b, i, j) for i, a in enumerate(starts) for j, b in enumerate(ends) if i <= j < i + 30
    )
    return float(out.start_logits[0, 0] + out.end_logits[0, 0]) - score, passage[
        places[i, 0] : places[j, 1]
    ]


@pytest.fixture(scope="module")
def asking(tmp_path_factory, tokenizer):
    """A directory that does not say how its task was set, and what the official rule makes of each
    question.
    """
    folder = tmp_path_factory.mktemp("asking") / "qa"
    directory(folder, "qa", tokenizer)
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(
        folder, attn_implementation="eager"
    ).eval()
    return folder, [official(theirs, tokenizer, *asked[:2]) for asked in QUESTIONS]


def between(differences, share):
    """A threshold in the widest gap near such a share of the questions, so that rounding moves none
    across it.
    """
    ordered = sorted(differences)
    middle = round(share * len(ordered))
    places = range(max(1, middle - 4), min(len(ordered), middle + 5))
    place = max(places, key=lambda k: ordered[k] - ordered[k - 1])
    assert ordered[place] - ordered[place - 1] > 3e-5
    return (ordered[place] + ordered[place - 1]) / 2


@pytest.mark.parametrize("share", [None, 0.0, 0.3, 0.8])
def test_no_answer_is_given_by_the_official_rule(asking, tmp_path, share, capfd):
    """At the usual threshold of 0, and at one that leaves about such a share of the questions an
    answer.
    """
    folder, scored = asking
    threshold = 0.0 if share is None else between([difference for difference, _ in scored], share)
    flags = [] if share is None else ["--no-answer-threshold", f"{threshold}"]
    data = squad(tmp_path / "dev.json", answered=False)
    right = {
        f"q{n}": "" if difference > threshold else text
        for n, (difference, text) in enumerate(scored)
    }
    assert share is None or 0 < sum(map(bool, right.values())) < len(right)
    assert (
        run(
            [
                "evaluate",
                "qa",
                "--model",
                str(folder),
                "--data",
                data,
                "--out",
                str(tmp_path / "out"),
                *flags,
            ]
        )
        == 0
    )
    assert json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8")) == right
    assert "no answer is yes, as these data have it" in "".join(capfd.readouterr())
    assert (
        run(
            [
                "predict",
                "qa",
                "--model",
                str(folder),
                "--data",
                data,
                "--out",
                str(tmp_path / "lines.jsonl"),
                *flags,
            ]
        )
        == 0
    )
    lines = [
        json.loads(line)
        for line in (tmp_path / "lines.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert {line["id"]: line["prediction"] for line in lines} == right
    assert "no answer is yes, as these data have it" in capfd.readouterr().err


@pytest.mark.parametrize(("answered", "options"), [(True, {}), (False, {"no_answer": "no"})])
def test_every_question_gets_an_answer_where_data_or_a_flag_say_so(
    asking, tmp_path, answered, options
):
    folder, scored = asking
    data = squad(tmp_path / "dev.json", answered=answered)
    settings = {"data": {"train": [], "evaluation": [data]}, "options": options}
    found = evaluate(str(folder), "qa", AnswerSettings.model_validate(settings))
    assert [prediction.value for prediction in found.predictions] == [text for _, text in scored]


def test_flags_that_train_are_none_of_evaluate_and_predict(asking, capfd):
    for command in ("evaluate", "predict"):
        assert run([command, "sentiment", "--help"]) == 0
        said = capfd.readouterr().out
        assert "--text-field" in said
        assert "--class-weights" not in said
        assert run([command, "qa", "--model", str(asking[0]), "--stride", "-1", "--data", "x"]) == 2
        assert "--stride" in capfd.readouterr().err


def test_an_export_answers_by_the_options_of_its_run(asking, tokenizer, tmp_path, capfd):
    """What a run was told, its directory tells; and of a run what is asked for otherwise is
    said.
    """
    data = squad(tmp_path / "dev.json", answered=False)
    settings = settings_of(asking[0], "qa", data, tmp_path / "run").model_copy(
        update={"options": {"stride": 7, "no_answer_threshold": 0.3}}
    )
    finetune(settings, observe=lambda event: None)
    assert run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    transformers.AutoConfig.from_pretrained(tmp_path / "out")
    answerer = Answerer.load(str(tmp_path / "out"), "qa", HARDWARE)
    assert (
        answerer.options.stride,
        answerer.options.no_answer,
        answerer.options.no_answer_threshold,
    ) == (7, "yes", 0.3)
    assert not any("does not say all" in note for note in answerer.notes)
    capfd.readouterr()
    assert (
        run(["evaluate", "qa", "--model", str(tmp_path / "run"), "--data", data, "--stride", "9"])
        == 0
    )
    assert "stride is 9 here, and was 7 in training" in "".join(capfd.readouterr())


def test_a_head_that_has_no_place_here_is_named(tmp_path, tokenizer):
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
    }
    ids = {
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    modern = transformers.ModernBertConfig(
        vocab_size=tokenizer.size, id2label={0: "bad", 1: "good"}, **sizes, **ids
    )
    llama = transformers.LlamaConfig(vocab_size=tokenizer.size, **sizes)
    gpt2 = transformers.GPT2Config(
        vocab_size=tokenizer.size,
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    for config, name in ((modern, "ModernBert"), (llama, "Llama"), (gpt2, "GPT2")):
        folder = tmp_path / name
        getattr(transformers, f"{name}ForSequenceClassification")(config).save_pretrained(folder)
        tokenizer.save(folder)
        with pytest.raises(
            UsageError,
            match=f"was fine-tuned as {name}ForSequenceClassification, whose head computes",
        ) as raised:
            Answerer.load(str(folder), "sentiment", HARDWARE)
        assert "can be fine-tuned anew" in raised.value.hint
    made = course(
        tmp_path / "ModernBert", "sentiment", data_of(tmp_path, "sentiment"), tmp_path / "run"
    )
    assert made.head == (
        "new, at random: that of ModernBertForSequenceClassification "
        "computes what no head here does"
    )
    directory(tmp_path / "bert", "nli", tokenizer)
    theirs = transformers.BertModel.from_pretrained(tmp_path / "bert")
    theirs.save_pretrained(tmp_path / "bert")
    with pytest.raises(UsageError, match="was not fine-tuned for sentiment"):
        Answerer.load(str(tmp_path / "bert"), "sentiment", HARDWARE)
