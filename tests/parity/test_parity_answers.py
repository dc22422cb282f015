"""Fine-tuned heads in model directories: what transformers computes from ours, and we from theirs,
is equal.

Letters: T rows of all sequences end to end, B sequences, P padded places.
"""

import json
from dataclasses import replace

import pytest
import torch
from test_parity_families import randomly, tokenizer_with
from tiny_models import (
    KINDS,
    LENGTHS,
    LONGEST,
    TOLERANCE,
    VOCABULARY,
    drawn,
    packed,
    tokens_of,
    transformers,
)

from sslcli.core.heads import PooledClassifier, RowClassifier
from sslcli.core.presets import preset
from sslcli.errors import ModelError, UsageError
from sslcli.models.answer_heads import AnswerHead, answer_head
from sslcli.models.hf_directory import read_directory, write_directory

LABELS = ("good", "so so", "bad")
SMALL = {
    "width": 32,
    "heads": 4,
    "feedforward_width": 48,
    "depth": 3,
    "longest_tokens": LONGEST,
    "dropout": 0.1,
}
SHAPES = {
    "bert": preset("tiny", "encoder", VOCABULARY, **SMALL),
    "roberta": preset("tiny", "encoder", VOCABULARY, **SMALL, position_offset=2, segments=1),
    "albert": preset(
        "tiny", "encoder", VOCABULARY, **SMALL, shared_layers=True, embedding_width=16
    ),
    "modernbert": preset("modern", "encoder", VOCABULARY, **SMALL, window_tokens=8),
    "gpt2": preset("tiny", "decoder", VOCABULARY, **SMALL),
    "llama": preset(
        "tiny",
        "decoder",
        VOCABULARY,
        **{**SMALL, "dropout": 0.0},
        positions="rotary",
        norm="rms",
        biases="none",
        feedforward="gated",
        activation="silu",
        tied=False,
    ),
}
HELD = [
    *(
        (name, kind)
        for name in ("bert", "roberta", "albert")
        for kind in ("sequence", "tokens", "spans")
    ),
    ("gpt2", "tokens"),
    ("gpt2", "spans"),
    ("llama", "tokens"),
]
LOADERS = {
    "sequence": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
    "spans": "AutoModelForQuestionAnswering",
}


def head_of(kind, settings, labels=LABELS, problem="classes"):
    """A head as a task has it, with weights that are all drawn, recognised in the task's state."""
    classes = 2 if kind == "spans" else 1 if problem == "number" else len(labels)
    module = (PooledClassifier if kind == "sequence" else RowClassifier)(settings, classes)
    place = "spans" if kind == "spans" else "classifier"
    state = {f"{place}.{name}": value for name, value in drawn_state(module).items()}
    return answer_head(
        state, () if kind == "spans" else labels, problem if kind == "sequence" else None
    )


def drawn_state(module):
    generator = torch.Generator().manual_seed(9)
    return {
        name: torch.empty(value.shape).normal_(0.1, 0.3, generator=generator)
        for name, value in module.state_dict().items()
    }


def model_of(settings, kind, **head):
    """A fine-tuned model with weights that are all drawn."""
    return replace(randomly(settings), head=None, answers=head_of(kind, settings, **head))


@torch.no_grad()
def our_logits(model, tokens_T, segments_T=None):
    hidden = model.network()[0](packed(tokens_T, segments_T=segments_T))
    network = model.answers.network(model.settings)
    return network(hidden) if model.answers.kind == "sequence" else network(hidden.last_TD)


@torch.no_grad()
def their_logits(model, tokens_T, visible_BP, segments_T=None):
    tokens_BP = torch.full(visible_BP.shape, model.config.pad_token_id or 0)
    tokens_BP[visible_BP] = tokens_T
    more = {}
    if segments_T is not None:
        more["token_type_ids"] = torch.zeros(visible_BP.shape, dtype=torch.int64)
        more["token_type_ids"][visible_BP] = segments_T
    output = model(input_ids=tokens_BP, attention_mask=visible_BP.long(), **more)
    if "start_logits" in output:
        return torch.stack([output.start_logits[visible_BP], output.end_logits[visible_BP]], dim=-1)
    return output.logits if len(output.logits.shape) == 2 else output.logits[visible_BP]


def assert_equal_logits(ours, theirs):
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) <= TOLERANCE
    assert float(ours.std()) > 0.05


def loaded(folder, kind):
    model, loading = getattr(transformers, LOADERS[kind]).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager"
    )
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )
    return model.eval()


@pytest.mark.parametrize(("name", "kind"), HELD)
def test_what_we_write_they_compute_and_we_read_back(name, kind, tmp_path):
    model = model_of(SHAPES[name], kind)
    assert (
        write_directory(
            model, tmp_path, tokenizer_with(pad=max(model.settings.position_offset - 1, 0))
        )
        == []
    )
    theirs = loaded(tmp_path, kind)
    tokens_T, visible_BP = tokens_of()
    halves_T = torch.cat([(torch.arange(length) >= length // 2).long() for length in LENGTHS])
    for segments_T in [None, halves_T] if model.settings.segments == 2 else [None]:
        ours = our_logits(model, tokens_T, segments_T)
        assert_equal_logits(ours, their_logits(theirs, tokens_T, visible_BP, segments_T))
        assert torch.equal(our_logits(read_directory(tmp_path), tokens_T, segments_T), ours)
    again = read_directory(tmp_path)
    assert (again.answers.kind, again.labels, again.answers.problem) == (
        kind,
        model.labels,
        model.answers.problem,
    )
    assert again.notes == []
    if kind != "spans":
        assert theirs.config.id2label == dict(enumerate(LABELS))
        assert theirs.config.label2id == {label: number for number, label in enumerate(LABELS)}


@pytest.mark.parametrize(
    ("problem", "theirs", "labels"),
    [
        ("classes", "single_label_classification", LABELS),
        ("labels", "multi_label_classification", LABELS),
        ("labels", "multi_label_classification", ("toxic",)),
        ("number", "regression", ()),
    ],
)
def test_the_problem_is_told(problem, theirs, labels, tmp_path):
    write_directory(
        model_of(SHAPES["bert"], "sequence", problem=problem, labels=labels),
        tmp_path,
        tokenizer_with(pad=0),
    )
    model = loaded(tmp_path, "sequence")
    assert (model.config.problem_type, model.config.num_labels) == (theirs, len(labels) or 1)
    again = read_directory(tmp_path)
    assert (again.labels, again.answers.problem) == (labels, problem)


FOREIGN = {
    "bert": "Bert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "albert": "Albert",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("kind", LOADERS)
def test_what_they_fine_tuned_we_read(name, kind, tmp_path):
    labels = (
        {}
        if kind == "spans"
        else {
            "id2label": dict(enumerate(LABELS)),
            "label2id": {name: i for i, name in enumerate(LABELS)},
        }
    )
    config = getattr(transformers, KINDS[name].config)(**KINDS[name].values, **labels)
    config._attn_implementation = "eager"
    theirs = drawn(
        getattr(transformers, FOREIGN[name] + LOADERS[kind].removeprefix("AutoModel"))(config)
    )
    theirs.save_pretrained(tmp_path)
    model = read_directory(tmp_path)
    tokens_T, visible_BP = tokens_of()
    assert_equal_logits(our_logits(model, tokens_T), their_logits(theirs, tokens_T, visible_BP))
    assert model.labels == (() if kind == "spans" else LABELS)
    assert not [note for note in model.notes if "no place" in note]


def edited(folder, **changes):
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "gone"}))


def test_two_classes_need_no_names_and_one_is_a_number(tmp_path):
    for labels, problem, names, expected in (
        (("no", "yes"), "classes", ("LABEL_0", "LABEL_1"), "classes"),
        ((), "number", (), "number"),
    ):
        write_directory(
            model_of(SHAPES["bert"], "sequence", labels=labels, problem=problem),
            tmp_path,
            tokenizer_with(pad=0),
        )
        edited(
            tmp_path,
            id2label={"0": "LABEL_0"} if problem == "number" else "gone",
            label2id="gone",
            problem_type="gone",
        )
        again = read_directory(tmp_path)
        assert (again.labels, again.answers.problem) == (names, expected)


def test_heads_that_compute_otherwise_are_refused_or_passed_over_aloud(tmp_path):
    for name in ("modernbert", "gpt2", "llama"):
        with pytest.raises(UsageError, match="no place for a head") as caught:
            write_directory(model_of(SHAPES[name], "sequence"), tmp_path, tokenizer_with(pad=0))
        assert caught.value.hint
        assert not list(tmp_path.iterdir())
    config = transformers.ModernBertConfig(**KINDS["modernbert"].values)
    transformers.ModernBertForSequenceClassification(config).save_pretrained(tmp_path)
    model = read_directory(tmp_path)
    assert model.answers is None
    assert "classifier.weight" in " ".join(model.notes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id2label": {"0": "a", "2": "b"}}, "id2label"),
        ({"id2label": {"0": "a", "1": 7}}, "id2label"),
        ({"id2label": ["a", "b"]}, "id2label"),
        ({"id2label": "gone", "num_labels": 10**7}, "num_labels"),
        ({"id2label": {str(i): str(i) for i in range(4)}}, "classifier.weight"),
        ({"problem_type": "ranking"}, "problem_type"),
    ],
)
def test_labels_that_cannot_be_are_refused(changes, says, tmp_path):
    write_directory(model_of(SHAPES["bert"], "sequence"), tmp_path, tokenizer_with(pad=0))
    edited(tmp_path, **changes)
    with pytest.raises(ModelError, match=says):
        read_directory(tmp_path)


def test_a_choice_between_one_class_is_refused(tmp_path):
    with pytest.raises(UsageError, match="one class"):
        write_directory(
            model_of(SHAPES["bert"], "sequence", labels=("only",)), tmp_path, tokenizer_with(pad=0)
        )


def test_heads_are_known_by_names_and_shapes():
    settings = SHAPES["bert"]
    pooled = {
        f"classifier.{name}": value
        for name, value in drawn_state(PooledClassifier(settings, 3)).items()
    }
    rows = {
        f"classifier.{name}": value
        for name, value in drawn_state(RowClassifier(settings, 3)).items()
    }
    ends = {
        f"spans.{name}": value for name, value in drawn_state(RowClassifier(settings, 2)).items()
    }
    assert answer_head(pooled, LABELS, "classes").kind == "sequence"
    assert answer_head(rows, LABELS).kind == "tokens"
    assert answer_head(ends, ()).kind == "spans"
    assert answer_head(pooled, LABELS[:2], "classes") is None
    assert answer_head({**rows, "crf.transitions": torch.zeros(3, 3)}, LABELS) is None
    assert answer_head({**ends, **rows}, LABELS) is None
    assert answer_head({}, ()) is None


def test_a_foreign_head_goes_into_the_task_that_fits_and_into_no_other():
    head = head_of("sequence", SHAPES["bert"])
    task = torch.nn.Module()
    task.classifier = PooledClassifier(SHAPES["bert"], 3)
    head.load_into(task)
    assert all(
        torch.equal(value, head.state[name]) for name, value in task.classifier.state_dict().items()
    )
    for other in (PooledClassifier(SHAPES["bert"], 2), RowClassifier(SHAPES["bert"], 3)):
        task.classifier = other
        with pytest.raises(ModelError, match="3 numbers"):
            head.load_into(task)
    with pytest.raises(ModelError, match="spans"):
        AnswerHead("spans", drawn_state(RowClassifier(SHAPES["bert"], 2))).load_into(task)
