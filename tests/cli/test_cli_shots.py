"""`ssl generate --shots`: the prompts of an evaluation in context by hand, and what is written."""

import json

import pytest

from sslcli.workflows.evaluate import written_in_context
from sslcli.workflows.evaluate.language_model import LanguageModel

PLACES = ("Rome", "Oslo", "Bern", "Lima")
PASSAGE = "Ann number {n} lives in {place} ."


def rows_of(task, start, count):
    for n in range(start, start + count):
        place = PLACES[n % 4]
        passage = PASSAGE.format(n=n, place=place)
        if task == "qa":
            answers = [{"text": place, "answer_start": passage.index(place)}]
            yield {"question": f"Where does {n} live?", "context": passage, "answers": answers}
        elif task == "rewrite":
            yield {"source": passage, "target": f"{place} {n}"}
        else:
            yield {"text": passage, "label": ("good", "bad")[n % 2]}


def typed_of(task, row):
    return {
        "qa": lambda: f"{row['question']}\t{row['context']}",
        "rewrite": lambda: row["source"],
        "sentiment": lambda: row["text"],
    }[task]()


@pytest.fixture
def place(ssl, tmp_path, monkeypatch):
    """A folder with data of three tasks and a tiny decoder."""
    monkeypatch.chdir(tmp_path)
    for task in ("qa", "rewrite", "sentiment"):
        for name, start in (("train", 0), ("test", 100)):
            lines = "".join(json.dumps(row) + "\n" for row in rows_of(task, start, 9))
            (tmp_path / f"{task}-{name}.jsonl").write_text(lines)
    (tmp_path / "text.txt").write_text(
        "\n\n".join(PASSAGE.format(n=n, place="Rome") for n in "abcde")
    )
    pretrained(ssl, "clm", 2048)
    return tmp_path


def pretrained(ssl, name, positions):
    """A tiny decoder that has so many positions."""
    ended = ssl(
        "pretrain", "--objective", "clm", "--data", "text.txt", "--eval-data", "text.txt", "--tokenizer", "bpe",
        "--arch", "tiny", "--seq-len", "32", "--vocabulary", "270", "--max-steps", "1", "--batch-size", "2",
        "--out", name, "--no-plot", "-s", f"model.shape.longest_tokens={positions}",
    )  # fmt: skip
    assert ended.code == 0, ended.err


STEPS = ("--step-by-step",)


@pytest.mark.parametrize(
    ("task", "steps"),
    [("qa", ()), ("qa", STEPS), ("rewrite", ()), ("rewrite", STEPS), ("sentiment", ())],
)
def test_the_prompt_is_that_of_the_evaluation_letter_by_letter(
    ssl, place, monkeypatch, task, steps
):
    read, encoded, own = [], LanguageModel.encoded, written_in_context.written_behind

    def written(model, contexts, *others):
        read.extend(contexts)
        return own(model, contexts, *others)

    def scored(model, context, choices):
        read.append(context.rstrip(" \t"))
        return encoded(model, context, choices)

    monkeypatch.setattr(written_in_context, "written_behind", written)
    monkeypatch.setattr(LanguageModel, "encoded", scored)
    ended = ssl(
        "evaluate", task, "--in-context", "--model", "clm", "--data", f"{task}-test.jsonl",
        "--examples", f"{task}-train.jsonl", "--k", "2", "--draws", "1", "--seed", "7", *steps,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    for row in rows_of(task, 100, 9):
        shown = ssl(
            "generate", typed_of(task, row), "--shots", f"{task}-train.jsonl", "--task", task,
            "--k", "2", "--seed", "7", "--model", "clm", "--show-prompt", "--json", *steps,
        )  # fmt: skip
        assert shown.code == 0, shown.err
        (prompt,) = json.loads(shown.out)["prompts"]
        assert prompt in read
    assert len(set(read)) >= 9


LOST = "9 of 9 prompts are longer than the model's sequences"


@pytest.mark.parametrize("model", ["clm", "short"])
@pytest.mark.parametrize("chat", [(), ("--chat",)])
def test_what_is_written_is_what_the_evaluation_reads(ssl, place, chat, model):
    """Prompts that are too long for the model lose their beginning in both, and both say so."""
    if model == "short":
        pretrained(ssl, model, 128)
    line = (
        "--k", "2", "--seed", "3", "--model", model, "--json",
    )  # fmt: skip
    ended = ssl(
        "evaluate", "rewrite", "--in-context", "--data", "rewrite-test.jsonl", "--examples",
        "rewrite-train.jsonl", "--draws", "1", "--out", "found", "--max-length", "64", *line, *chat,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert (LOST in ended.out) == (model == "short")
    lines = (place / "found" / "predictions.jsonl").read_text().splitlines()
    expected = [json.loads(each)["prediction"] for each in lines]
    texts = "".join(f"{typed_of('rewrite', row)}\n" for row in rows_of("rewrite", 100, 9))
    (place / "asked.txt").write_text(texts)
    ended = ssl(
        "generate", "--data", "asked.txt", "--shots", "rewrite-train.jsonl", "--task", "rewrite", *line, *chat
    )  # fmt: skip
    assert ended.code == 0, ended.err
    artifacts = json.loads(ended.out)["artifacts"]
    assert [each["text"] for each in artifacts] == expected
    assert [each["details"]["prompt"] for each in artifacts] == texts.splitlines()
    assert (LOST in ended.err) == (model == "short")
    recorded = ssl(
        "generate", "--data", "rewrite-test.jsonl", "--shots", "rewrite-train.jsonl", "--task", "rewrite", *line, *chat
    )  # fmt: skip
    assert recorded.code == 0, recorded.err
    assert json.loads(recorded.out)["artifacts"] == artifacts


def test_a_prompt_in_a_chat_is_what_a_user_says(ssl, place):
    line = ("generate", "a b", "--shots", "rewrite-train.jsonl", "--task", "rewrite", "--k", "1")
    line = (*line, "--model", "clm", "--show-prompt", "--json")
    (plain,) = json.loads(ssl(*line).out)["prompts"]
    ended = ssl(*line, "--chat", "--system", "be brief")
    assert ended.code == 0, ended.err
    (chat,) = json.loads(ended.out)["prompts"]
    assert plain.endswith("\n\nSource: a b\nTarget:")
    system, user, asks = chat.partition("user: ")
    assert system.startswith("system: be brief")
    assert (user, asks.startswith(plain), asks.endswith("assistant:")) == ("user: ", True, True)


def test_a_prompt_is_shown_in_its_lines_and_fewer_examples_are_all_of_them(ssl, place):
    (place / "few.jsonl").write_text(
        '{"text": "fine", "label": "good"}\n{"text": "no", "label": "bad"}\n'
    )
    ended = ssl(
        "generate", "so so", "--shots", "few.jsonl", "--task", "sentiment", "--model", "clm", "--show-prompt"
    )  # fmt: skip
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert sorted(lines[:6]) == sorted(
        ["Text: fine", "Label: good", "", "Text: no", "Label: bad", ""]
    )
    assert lines[6:] == ["Text: so so", "Label:"]


def test_steps_are_written_with_the_answer_that_they_lead_to(ssl, place, monkeypatch):
    from sslcli.cli.actions import generating
    from sslcli.contracts.abilities import Artifact

    asked = []

    def written(reference, request, prompts, seed, say):
        asked.append(request)
        for text in prompts:
            yield Artifact("Rome is where Ann is. The answer is Rome.", None, {"prompt": text})

    monkeypatch.setattr(generating, "written_behind_prompts", written)
    ended = ssl(
        "generate", r"Where?\tAnn lives in Rome .", "--shots", "qa-train.jsonl", "--task", "qa",
        "--model", "clm", "--step-by-step", "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    (artifact,) = json.loads(ended.out)["artifacts"]
    assert artifact["text"] == "Rome is where Ann is. The answer is Rome."
    assert artifact["details"]["answer"] == "Rome"
    assert asked == [
        {
            "stop": ["\n\nPassage:"],
            "new_tokens": 224,
            "temperature": 0.0,
        }
    ]
