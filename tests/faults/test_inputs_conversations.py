"""Conversations and chat templates that cannot be used: one sentence that names the record and the
field, one hint, exit code 2, and nothing written.
"""

import json
import shutil

import pytest
from inputs_models import write_tiny_model
from inputs_plugins import ran

U, A, S = ({"role": role, "content": "a cat"} for role in ("user", "assistant", "system"))
SOUND = {"messages": [U, A]}


def turns(*given):
    return {"messages": list(given)}


def turn(**changes):
    return turns({**U, **changes}, A)


RECORDS = {
    "no conversation": ({"text": "a cat"}, "there is no conversation: the record has 'text'"),
    "an empty record": ({}, "there is no conversation: the record has none"),
    "two lists": ({"messages": [U, A], "conversations": [U, A]}, "has 'messages' too"),
    "a list and columns": ({"messages": [U, A], "instruction": "a"}, "has 'messages' too"),
    "messages are a text": ({"messages": "a cat"}, "'messages': this is no list of turns"),
    "messages are an object": ({"messages": {"role": "user"}}, "this is no list of turns"),
    "no turns": ({"messages": []}, "'messages': there is no turn"),
    "a turn that is a text": (turns("a cat", A), "'messages[0]': this is no turn"),
    "a turn that is null": (turns(U, None), "'messages[1]': this is no turn"),
    "a turn without a role": (turns({"content": "a"}, A), "the turn has no 'role'"),
    "a turn without content": (turns({"role": "user"}, A), "the turn has no 'content'"),
    "a turn without anything": (turns({}, A), "the turn has no 'role'"),
    "from without value": ({"conversations": [{"from": "human"}]}, "the turn has no 'value'"),
    "value without from": ({"conversations": [{"value": "a"}]}, "the turn has no 'from'"),
    "content that is null": (turn(content=None), "the turn has no 'content'"),
    "content that is a number": (turn(content=3), "its content is no text"),
    "content that is an object": (turn(content={"text": "a"}), "its content is no text"),
    "content of parts": (turn(content=[{"type": "text", "text": "a"}]), "is a list of parts"),
    "an answer of parts": (turns(U, {**A, "content": ["a"]}), "'messages[1]': its content is a list"),
    "empty content": (turn(content=""), "'messages[0]': the text is empty"),
    "blank content": (turn(content=" \n\u3000"), "'messages[0]': the text is empty"),
    "an empty answer": (turns(U, {**A, "content": " "}), "'messages[1]': the text is empty"),
    "an unknown role": (turn(role="narrator"), "the role 'narrator' is none of system, user"),
    "a role of tools": (turns(U, {"role": "tool", "content": "7"}, A), "the role 'tool' is none"),
    "a role that is a number": (turn(role=1), "the role 1 is none of system, user"),
    "a role that is long": (turn(role="x" * 900), "the role 'xxx"),
    "two layouts in a turn": (turn(**{"from": "human", "value": "a"}), "in two layouts at once"),
    "the assistant first": (turns(A, U, A), "'messages': the assistant speaks first"),
    "the assistant behind the system": (turns(S, A), "the assistant speaks first"),
    "the system behind others": (turns(U, S, A), "'messages[1]': a system turn stands behind"),
    "two systems": (turns(S, S, U, A), "'messages[1]': a system turn stands behind others"),
    "the system alone": (turns(S), "nobody asks anything"),
    "calls of tools": (turns(U, {**A, "tool_calls": [{"id": 1}]}), "calls tools ('tool_calls')"),
    "calls without content": (turns(U, {"role": "assistant", "function_call": {"a": 1}}), "calls tools"),
    "tools of the record": ({**SOUND, "tools": [{"name": "f"}]}, "'tools': it names tools"),
    "thoughts": (turns(U, {**A, "reasoning_content": "hm"}), "has 'reasoning_content', which is not"),
    "images": (turn(images=["a.png"]), "the turn has 'images', which is not read"),
    "a weight": (turns(U, {**A, "weight": 0}), "the turn has a weight of 0"),
    "no answer": (turns(U), "there is no answer to learn from or to score with"),
    "two answers at the end": (turns(U, A, A), "two turns of the assistant stand at the end"),
    "a last turn of the user": (turns(U, A, U), "there is no answer to learn from"),
    "an instruction alone": ({"instruction": "a"}, "there is no answer to learn from"),
    "an empty instruction": ({"instruction": " ", "output": "a"}, "'instruction': the text is empty"),
    "an instruction of parts": ({"instruction": ["a"], "output": "b"}, "'instruction': this is no text"),
    "an empty output": ({"instruction": "a", "output": " "}, "'output': the text is empty"),
    "an output that is a number": ({"instruction": "a", "output": 3}, "'output': this is no text"),
    "an input that is a list": ({"instruction": "a", "input": [1], "output": "b"}, "'input': this is no"),
    "a prompt of turns": ({"prompt": [U], "completion": [A]}, "'prompt': this is no text"),
}  # fmt: skip
TEMPLATES = {
    "no Jinja": ("{% for m in", "is no Jinja that can be read: line 1"),
    "no end": ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
               "does not end within"),
    "too much": ("{{ 'a' * 10 ** 10 }}", "needs more than 1,024 MiB of memory"),
    "what it may not": ("{{ messages.append(1) }}", "does what no template may"),
    "no user": ("{{ raise_exception('no users here') }}", "refuses it: no users here"),
    "an end that is text": ("{% for m in messages %}{{ m.content }} END {% endfor %}",
                            "ends an answer with no special token"),
    "turns rewritten": ("{{ messages[-1].content }}{{ sep_token }}",
                        "the conversation cannot be learnt"),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    write_tiny_model(folder / "gpt", "gpt2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLCLI_RUNS_DIR", str(folder / "runs"))
        patch.setenv("SSLCLI_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        yield folder


def refused(place, line):
    """The sentence that a line is refused with; nothing is written by then."""
    code, said, told = ran(line)
    assert code == 2, said + told
    assert "Traceback" not in told
    assert sum(each.startswith("error: ") for each in told.splitlines()) == 1
    assert sum(each.startswith("hint:  ") for each in told.splitlines()) == 1
    assert not (place / "out").exists()
    return next(each for each in told.splitlines() if each.startswith("error: "))


def training(place, model="gpt"):
    usual = ["--max-steps", "1", "--no-plot", "--device", "cpu", "--out", str(place / "out")]
    return ["finetune", "instruct", "--model", model, "--data", "a.jsonl", *usual]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_refused_by_its_place(place, name):
    record, said = RECORDS[name]
    lines = [SOUND, SOUND, record, SOUND]
    text = "".join(f"{json.dumps(each)}\n" for each in lines)
    (place / "a.jsonl").write_text(text, encoding="utf-8")
    sentence = refused(place, training(place))
    assert "a.jsonl, record 3" in sentence
    assert said in sentence


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_refused_in_one_sentence(place, name, monkeypatch):
    monkeypatch.setattr("sslcli.data.text.chat_template.MOST_SECONDS", 0.5)
    source, said = TEMPLATES[name]
    shutil.copytree(place / "gpt", place / "other", dirs_exist_ok=True)
    (place / "other" / "chat_template.jinja").write_text(source, encoding="utf-8")
    asked = ({**U, "content": text} for text in ("the cat", "the dog", "the garden"))
    lines = [f"{json.dumps({'messages': [each, A, U, A]})}\n" for each in asked]
    (place / "a.jsonl").write_text("".join(lines), encoding="utf-8")
    assert said in refused(place, training(place, "other"))


@pytest.mark.parametrize("said", [b"\xff\xfe", b"{{ 'a' }}" * 40_000_000], ids=["bytes", "huge"])
def test_a_template_file_that_cannot_be_read_is_named(place, said):
    shutil.copytree(place / "gpt", place / "broken", dirs_exist_ok=True)
    (place / "broken" / "chat_template.jinja").write_bytes(said)
    (place / "a.jsonl").write_text(f"{json.dumps(SOUND)}\n" * 4, encoding="utf-8")
    line = training(place, "broken")
    sentence = refused(place, line)
    assert "chat_template.jinja" in sentence or "tokenizer" in sentence
