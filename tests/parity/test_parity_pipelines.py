"""Exported task models on text: transformers' pipelines and classes give the answers that ours
give.

Letters: T rows of all sequences end to end.
"""

import numpy as np
import pytest
import torch
from generated_texts import generated_paragraphs
from test_parity_answers import LABELS, SHAPES, loaded, model_of
from tiny_models import VOCABULARY, packed, transformers

from sslcli.data.arrangements import enclose, join_pair
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.loading import load_pretrained
from sslcli.registry import load
from sslcli.workflows.export.export import export

TEXTS = ["The cat sees the dog.", "the wolf follows a bird", "zzz 苹果, really?"]
PAIRS = [
    ("The cat sees the dog.", "the lion likes"),
    ("a bird", "The goat hears the mouse in the house."),
]


@pytest.fixture(scope="module")
def tokenizer():
    """Pieces of words, as a run learns them."""
    trainer = load("tokenizers", "wordpiece")
    return Tokenizer(trainer(trainer.Options()).train(generated_paragraphs(40), VOCABULARY))


@pytest.fixture(params=["bert", "roberta", "albert"])
def exported(request, tokenizer, tmp_path):
    """Make a directory, export it, and give its folder; every number was compared on the way."""
    settings = SHAPES[request.param]
    if settings.position_offset:
        settings = settings.model_copy(update={"position_offset": tokenizer.pad + 1})

    def make(kind, **head):
        (tmp_path / "made").mkdir()
        write_directory(model_of(settings, kind, **head), tmp_path / "made", tokenizer)
        report = export(str(tmp_path / "made"), tmp_path / "out", transformers=True)
        assert [row[0] for row in report.tables[0].rows][1:] == [
            "largest difference read back",
            "largest difference in transformers",
        ]
        return tmp_path / "out"

    return make


@torch.no_grad()
def our_logits(folder, tokens_T, segments_T=None):
    model = load_pretrained(str(folder))
    segments_T = None if segments_T is None else torch.from_numpy(segments_T)
    hidden = model.network()[0](packed(torch.from_numpy(tokens_T), [len(tokens_T)], segments_T))
    network = model.answers.network(model.settings)
    return network(hidden)[0] if model.answers.kind == "sequence" else network(hidden.last_TD)


def test_classes_of_texts_and_of_pairs(exported, tokenizer):
    folder = exported("sequence")
    pipeline = transformers.pipeline("text-classification", model=str(folder))
    first, second = ([tokenizer.encode(pair[side]) for pair in PAIRS] for side in (0, 1))
    cases = [
        (text, our_logits(folder, enclose(tokenizer.encode(text), tokenizer))) for text in TEXTS
    ]
    for (text, other), a, b in zip(PAIRS, first, second, strict=True):
        cases.append(
            ({"text": text, "text_pair": other}, our_logits(folder, *join_pair(a, b, tokenizer)))
        )
    for given, logits in cases:
        theirs = {answer["label"]: answer["score"] for answer in pipeline(given, top_k=None)}
        ours = dict(zip(LABELS, logits.softmax(0).tolist(), strict=True))
        assert theirs == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize("exported", ["bert"], indirect=True)
@pytest.mark.parametrize("problem", ["labels", "number"])
def test_several_labels_and_numbers(exported, tokenizer, problem):
    folder = exported("sequence", problem=problem)
    pipeline = transformers.pipeline("text-classification", model=str(folder))
    for text in TEXTS:
        logits = our_logits(folder, enclose(tokenizer.encode(text), tokenizer))
        theirs = {answer["label"]: answer["score"] for answer in pipeline(text, top_k=None)}
        if problem == "labels":
            assert theirs == pytest.approx(
                dict(zip(LABELS, logits.sigmoid().tolist(), strict=True)), abs=1e-5
            )
        else:
            assert theirs == pytest.approx({"LABEL_0": logits.item()}, abs=1e-5)


def test_classes_of_tokens(exported, tokenizer):
    folder = exported("tokens")
    pipeline = transformers.pipeline("token-classification", model=str(folder), ignore_labels=[])
    for text in TEXTS:
        tokens = tokenizer.encode(text)
        probabilities = our_logits(folder, enclose(tokens, tokenizer))[1:-1].softmax(1)
        theirs = pipeline(text)
        assert [answer["index"] for answer in theirs] == list(range(1, len(tokens) + 1))
        assert [answer["entity"] for answer in theirs] == [
            LABELS[place] for place in probabilities.argmax(1).tolist()
        ]
        assert [answer["score"] for answer in theirs] == pytest.approx(
            probabilities.amax(1).tolist(), abs=1e-5
        )


def test_spans_of_a_passage(exported, tokenizer):
    folder = exported("spans")
    theirs, model = transformers.AutoTokenizer.from_pretrained(folder), loaded(folder, "spans")
    for question, passage in PAIRS:
        tokens_T, segments_T = join_pair(
            tokenizer.encode(question), tokenizer.encode(passage), tokenizer
        )
        inputs = theirs(question, passage, return_tensors="pt")
        assert np.array_equal(inputs["input_ids"][0].numpy(), tokens_T)
        with torch.no_grad():
            output = model(**inputs)
        logits = torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
        assert float((logits - our_logits(folder, tokens_T, segments_T)).abs().max()) <= 1e-5


@pytest.mark.parametrize("exported", ["bert"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "pipeline", "loader"),
    [
        ("sequence", "text-classification", "AutoModelForSequenceClassification"),
        ("tokens", "token-classification", "AutoModelForTokenClassification"),
        ("spans", "question-answering", "AutoModelForQuestionAnswering"),
    ],
)
def test_the_card_says_how_to_load_it_and_what_it_tells_apart(exported, kind, pipeline, loader):
    folder = exported(kind)
    card = (folder / "README.md").read_text()
    assert f"pipeline_tag: {pipeline}" in card
    assert f"import {loader}" in card
    assert ("0 good, 1 so so, 2 bad" in card) == (kind != "spans")


@pytest.mark.parametrize("exported", ["bert"], indirect=True)
def test_the_backbone_alone_keeps_its_pooler(exported, tmp_path):
    exported("sequence")
    export(str(tmp_path / "out"), tmp_path / "body", heads=False)
    _, loading = transformers.AutoModel.from_pretrained(tmp_path / "body", output_loading_info=True)
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )
    body, whole = load_pretrained(str(tmp_path / "body")), load_pretrained(str(tmp_path / "out"))
    assert body.answers is None
    assert torch.equal(body.pooled["pooler.weight"], whole.answers.state["pooler.weight"])
