"""A real encoder with a head of each kind, saved by transformers: its answers on real texts are
those of transformers.

Letters: B texts, P padded places.
"""

import gzip
import itertools
import json

import numpy as np
import pytest
import torch
from test_parity_real import real_models
from tiny_models import transformers

from sslcli.cli.app import run

__all__ = ["real_models"]
QUICK, MANY, AT_ONCE = 40, 1_000, 50
COUNTS = [QUICK, pytest.param(MANY, marks=pytest.mark.slow)]
LONGEST, STRIDE, ANSWER = 384, 128, 30
CLASSES = {
    "sentiment": ("bad", "good", "neutral"),
    "nli": ("contradiction", "entailment", "neutral"),
    "pos": ("NOUN", "VERB", "X"),
    "qa": ("a", "b"),
}
FILES = {"sentiment": "en-dev.jsonl.gz", "nli": "dev.jsonl.gz"}
HEADS = {
    "sentiment": "SequenceClassification",
    "nli": "SequenceClassification",
    "pos": "TokenClassification",
    "qa": "QuestionAnswering",
}


@pytest.fixture(scope="module")
def directory(real_models, tmp_path_factory):
    def made(name):
        """Weights of a head that tell texts apart, though nothing was learnt."""
        names = dict(enumerate(CLASSES[name]))
        kind = getattr(transformers, f"AutoModelFor{HEADS[name]}")
        config = transformers.AutoConfig.from_pretrained(
            real_models / "minilm", id2label=names, label2id={v: k for k, v in names.items()}
        )
        torch.manual_seed(4)
        model = kind.from_pretrained(
            real_models / "minilm", config=config, dtype=torch.float32
        ).eval()
        with torch.no_grad():
            for part in (
                model.classifier if hasattr(model, "classifier") else model.qa_outputs
            ).parameters():
                part.normal_(0.0, 0.5)
        folder = tmp_path_factory.mktemp("real") / name
        model.save_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(real_models / "minilm")
        tokenizer.save_pretrained(folder)
        return folder, model, tokenizer

    return made


def lines_of(path, count):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, count)]


def answers(folder, task, records, tmp_path):
    """What `ssl predict` writes, in order."""
    data = tmp_path / "data.jsonl"
    data.write_text(
        "".join(json.dumps({"id": str(n), **record}) + "\n" for n, record in enumerate(records)),
        encoding="utf-8",
    )
    words = [
        "--model",
        str(folder),
        "--data",
        str(data),
        "--out",
        str(tmp_path / "out.jsonl"),
        "--precision",
        "fp32",
        "-q",
    ]
    assert run(["predict", task, *words]) == 0
    return [
        json.loads(line)
        for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def batches(model, tokenizer, *columns, **options):
    """Encodings of transformers' own tokenizer and what its model makes of them."""
    for start in range(0, len(columns[0]), AT_ONCE):
        parts = [column[start : start + AT_ONCE] for column in columns]
        encoded = tokenizer(
            *parts, padding=True, truncation=True, max_length=512, return_tensors="pt", **options
        )
        with torch.no_grad():
            yield encoded, model(**encoded)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("task", "file", "columns"),
    [
        ("sentiment", "en-dev.jsonl.gz", ("text",)),
        ("nli", "dev.jsonl.gz", ("premise", "hypothesis")),
    ],
)
def test_classes_of_texts_and_pairs(directory, real_data, tmp_path, task, file, columns, count):
    folder, model, tokenizer = directory(task)
    records = [
        {name: record[name] for name in columns}
        for record in lines_of(real_data / task / FILES[task], count)
    ]
    found = answers(folder, task, records, tmp_path)
    theirs = [
        out.logits.softmax(dim=1)
        for _, out in batches(
            model, tokenizer, *([record[name] for record in records] for name in columns)
        )
    ]
    right_BC = torch.cat(theirs).numpy()
    ours_BC = np.array([[each["probabilities"][name] for name in CLASSES[task]] for each in found])
    assert len(found) == count
    assert np.abs(ours_BC - right_BC).max() < 1e-4
    assert right_BC.std(axis=0).max() > 0.02
    clear_B = np.diff(np.sort(right_BC, axis=1)[:, -2:])[:, 0] > 2e-4
    assert [each["prediction"] for each, clear in zip(found, clear_B, strict=True) if clear] == [
        CLASSES[task][row.argmax()] for row, clear in zip(right_BC, clear_B, strict=True) if clear
    ]


@pytest.mark.parametrize("count", COUNTS)
def test_tags_of_words(directory, real_data, tmp_path, count):
    folder, model, tokenizer = directory("pos")
    with gzip.open(real_data / "pos" / "brown-dev.conllu.gz", "rt", encoding="utf-8") as file:
        blocks = file.read().split("\n\n")[:count]
    sentences = [
        [line.split("\t")[1] for line in block.splitlines() if line[:1].isdigit()]
        for block in blocks
    ]
    found = answers(folder, "pos", [{"words": words} for words in sentences], tmp_path)
    number = 0
    for encoded, out in batches(model, tokenizer, sentences, is_split_into_words=True):
        for row in range(len(encoded["input_ids"])):
            first = {}
            for place, word in enumerate(encoded.word_ids(row)):
                if word is not None:
                    first.setdefault(word, out.logits[row, place])
            for word, logits in first.items():
                shares = logits.softmax(dim=0)
                assert found[number]["probabilities"][word] == pytest.approx(
                    float(shares.max()), abs=1e-4
                )
                if float(shares.topk(2).values.diff().abs()) > 2e-4:
                    assert found[number]["prediction"][word] == CLASSES["pos"][int(shares.argmax())]
            number += 1
    assert number == len(found) == len(sentences)


def spans_of(model, tokenizer, question, context):
    """Score -> text of the best two spans over all windows, as BERT's own code counts them."""
    encoded = tokenizer(
        question, context, max_length=LONGEST, stride=STRIDE, truncation="only_second",
        return_overflowing_tokens=True,
        return_offsets_mapping=True, padding=True, return_tensors="pt",
    )  # fmt: skip
    kept = {name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
    with torch.no_grad():
        out = model(**kept)
    best = {}
    for window in range(len(encoded["input_ids"])):
        places = [place for place, part in enumerate(encoded.sequence_ids(window)) if part == 1]
        first, last = places[0], places[-1] + 1
        scores = (
            out.start_logits[window, first:last, None] + out.end_logits[window, None, first:last]
        )
        allowed = torch.ones_like(scores).triu() - torch.ones_like(scores).triu(ANSWER)
        scores = scores.masked_fill(allowed == 0, -torch.inf)
        for value, place in zip(*(part.tolist() for part in scores.flatten().topk(2)), strict=True):
            i, j = divmod(place, last - first)
            offsets = encoded["offset_mapping"][window]
            text = context[offsets[first + i, 0] : offsets[first + j, 1]]
            best[text] = max(value, best.get(text, -np.inf))
    return sorted(best.items(), key=lambda entry: -entry[1])


@pytest.mark.parametrize("count", [QUICK // 2, pytest.param(MANY, marks=pytest.mark.slow)])
def test_answers_to_questions(directory, real_data, tmp_path, count):
    folder, model, tokenizer = directory("qa")
    content = json.loads((real_data / "qa" / "dev.json").read_text(encoding="utf-8"))
    asked = [
        (qa["question"], part["context"])
        for article in content["data"]
        for part in article["paragraphs"]
        for qa in part["qas"]
    ]
    asked = asked[:: max(1, len(asked) // count)][:count]
    found = answers(
        folder,
        "qa",
        [{"question": question, "context": context} for question, context in asked],
        tmp_path,
    )
    clear = 0
    for each, (question, context) in zip(found, asked, strict=True):
        (text, score), *others = spans_of(model, tokenizer, question, context)
        second = others[0][1] if others else -np.inf
        if score - second > 1e-3:
            clear += 1
            assert each["prediction"] == text
    assert clear > 0.9 * count
