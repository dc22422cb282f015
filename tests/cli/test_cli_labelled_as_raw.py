"""A labelled file in the place of raw data is answered with the line that takes it."""

import json
import re

import pytest

ANSWER = {"text": "Ann", "answer_start": 0}
QUESTION = {"id": "1", "question": "Who wrote it?", "answers": [ANSWER]}
PARAGRAPH = {"context": "Ann wrote it in May.", "qas": [QUESTION]}
FILES = {
    "squad.json": (json.dumps({"data": [{"paragraphs": [PARAGRAPH]}]}), "qa"),
    "moods.csv": ("text,label\na good day,glad\na bad day,sad\n", "classify"),
    "words.conllu": ("1\tAnn\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n", "pos"),
    "genes.fasta": (">one 1\nACGT\n", "dna"),
}


@pytest.mark.parametrize("command", ["pretrain", "tokenize"])
@pytest.mark.parametrize("name", FILES)
def test_the_task_that_reads_it_is_named(ssl, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    content, task = FILES[name]
    (tmp_path / name).write_text(content)
    ended = ssl(command, "--data", name)
    assert ended.code == 2
    problems = ["moods.csv holds tables", "moods.csv has no column that can be read"]
    problems = problems if name.endswith(".csv") else [f"error: {name}: unsupported file type"]
    assert any(problem in ended.err for problem in problems)
    assert f"ssl finetune {task} --data {name}" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


RECORDS = {
    "qa": {"question": "Who ran?", "context": "Ann ran.", "answer": "Ann"},
    "rewrite": {"source": "Ann ran.", "target": "Ann went fast."},
    "instruct": {"question": "Who ran?", "answer": "Ann"},
    "classify": {"sentence": "a good day", "label": "glad"},
}


@pytest.mark.parametrize("command", ["pretrain", "tokenize"])
@pytest.mark.parametrize("task", RECORDS)
def test_so_it_is_for_records_without_a_text(ssl, tmp_path, monkeypatch, command, task):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(RECORDS[task])}\n" * 8)
    ended = ssl(command, "--data", "a.jsonl")
    assert ended.code == 2
    assert "error: a.jsonl, record 1, field 'text' is missing" in ended.err
    assert f"ssl finetune {task} --data a.jsonl; or say which field holds the text" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_records_of_no_task_are_asked_for_their_field(ssl, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "a good day"}\n' * 8)
    ended = ssl("pretrain", "--data", str(tmp_path / "a.jsonl"))
    assert ended.code == 2
    assert "hint:  say which field holds the text with --text-field" in ended.err


def test_one_that_no_task_reads_is_answered_with_the_readers(ssl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.mid").write_bytes(b"MThd")
    ended = ssl("pretrain", "--data", "song.mid")
    assert ended.code == 2
    assert re.search(
        r"hint:  readers: .*demo, .*jsonl, .*txt.*; choose one with --reader", ended.err
    )
