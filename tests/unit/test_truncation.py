"""What is cut at the model's length is counted: beside every score, and in every answer. The counts
here are those of the tokenizer.
"""

import json

import numpy as np
import pytest
from small_runs import HARDWARE, ignore, settings, write

from sslcli.contracts.examples import Encoded
from sslcli.data.batches import Sample
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.datasets.cut_texts import cut_of, cut_sentences
from sslcli.runs.catalogue import read_metrics
from sslcli.settings import AnswerSettings, LabelledSettings
from sslcli.workflows.evaluate.evaluate import evaluate
from sslcli.workflows.evaluate.scoring import line_of
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.predict.predictor import Answerer

LIMIT = 12
SPECIALS = {"text": 2, "pair": 3}


def text_of(words):
    return "the " * words


def rows(lengths, label="ab"):
    return [
        {"id": str(n), "text": text_of(words), "label": label[n % 2]}
        for n, words in enumerate(lengths)
    ]


def pairs(lengths):
    texts = [(text_of(first), text_of(second)) for first, second in lengths]
    return [
        {"id": str(n), "sentence1": a, "sentence2": b, "label": "yn"[n % 2]}
        for n, (a, b) in enumerate(texts)
    ]


def tuned(model, folder, task, records, test=(), **options):
    data = {"train": [write(folder / "train.jsonl", records)], "reader_options": {}}
    if test:
        data["evaluation"] = [write(folder / "test.jsonl", test)]
    run = folder / "run"
    result = finetune(
        settings(model, run, task=task, data=data, options={"sequence_tokens": LIMIT, **options}),
        observe=ignore,
    )
    return run, result


@pytest.fixture(scope="module")
def texts(world_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    test = rows([3, LIMIT - SPECIALS["text"], LIMIT - SPECIALS["text"] + 1, 30, 4, 5])
    return tuned(world_run, folder, "classify", rows([4] * 20), test)


def test_a_set_with_cut_texts_says_so_beside_its_scores(texts):
    run, result = texts
    said = f"2 of 6 texts were cut at {LIMIT} tokens"
    assert said in result.report.notes
    assert result.report.counts == {"examples": 6, "cut": 2, "left out": 0}
    assert json.loads((run / "report.json").read_text())["counts"]["cut"] == 2
    evaluated = [line for line in read_metrics(run) if line["split"] == "eval"]
    assert [line["counts"]["cut"] for line in evaluated] == [2] * len(evaluated)
    again = evaluate(str(run), "classify", AnswerSettings())
    assert said in again.report.notes
    assert again.report.counts["cut"] == 2


def test_every_answer_says_what_was_cut(texts, tmp_path):
    run, _ = texts
    lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    assert [line.get("cut_at_tokens") for line in lines] == [
        None,
        None,
        {"text": LIMIT},
        {"text": LIMIT},
        None,
        None,
    ]


def test_nothing_is_said_where_nothing_is_cut(texts, tmp_path):
    run, _ = texts
    data = LabelledSettings(train=(), evaluation=(write(tmp_path / "a.jsonl", rows([3, 4])),))
    report = evaluate(str(run), "classify", AnswerSettings(data=data)).report
    assert report.counts == {"examples": 2, "cut": 0, "left out": 0}
    assert not any("cut" in note for note in report.notes)


def test_of_pairs_the_side_is_named(world_run, tmp_path):
    # 9 tokens beside the special ones: the longer is cut, and of two that are too long both are.
    test = pairs([(4, 5), (4, 6), (7, 2), (2, 8), (9, 9), (3, 3)])
    run, result = tuned(world_run, tmp_path, "pairs", pairs([(2, 3)] * 20), test)
    kept = {"second text": LIMIT}
    lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    assert [line.get("cut_at_tokens", {}) for line in lines] == [
        {}, kept, {}, kept, {"first text": LIMIT, "second text": LIMIT}, {}
    ]  # fmt: skip
    assert (
        f"3 of 6 pairs were cut at {LIMIT} tokens: the first text of 1, the second text of 3"
        in result.report.notes
    )


def test_passages_are_windowed_and_only_questions_are_cut(world_run, tmp_path):
    passage = "the cat " * 60
    asked = [
        {
            "id": str(number),
            "context": f"{number} {passage}",
            "question": text_of(words),
            "answers": {"text": ["cat"], "answer_start": [len(f"{number} the ")]},
        }
        for number, words in enumerate([2, 4, 5, 3] * 6)
    ]
    run, result = tuned(world_run, tmp_path, "qa", asked, asked[:4], longest_question_tokens=4)
    assert "1 of 4 questions was cut at 4 tokens" in result.report.notes
    answerer = Answerer.load(str(run), "qa", HARDWARE)
    record = Record(Where("typed", 1), {"question": asked[2]["question"], "context": passage})
    example = answerer.task.parse(answerer.options, record)
    (given,) = answerer.predictions([example], 2)
    assert json.loads(line_of(example, given))["cut_at_tokens"] == {"question": 4}


def test_a_task_that_says_nothing_of_cuts_is_counted_by_its_lengths():
    whole, part = (Encoded([Sample(np.arange(length))], 8) for length in (8, 5))
    windows = Encoded([Sample(np.arange(5))] * 2, 8)
    assert [cut_of(each) for each in (whole, part, windows)] == [{}, {"text": 5}, {}]


def test_the_sentence():
    assert cut_sentences("texts", [{}, {}]) == []
    assert cut_sentences("other", [{"text": 9}, {}]) == ["1 of 2 examples was cut at 9 tokens"]
    assert cut_sentences("words", [{"word": 9}, {"word": 9}, {}]) == [
        "2 of 3 sentences were cut at 9 tokens: the word of 2"
    ]
    assert cut_sentences("questions", [{"question": 4}]) == ["1 of 1 questions was cut at 4 tokens"]
