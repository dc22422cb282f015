"""`ssl generate --chat`: what a model reads and answers, beside transformers; files of turns, and a
conversation line by line.
"""

import io
import json
import os

import pytest
import torch
import transformers

from sslcli.core.heads import LanguageModelHead
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, from_seed
from sslcli.registry import load
from sslcli.reports import printable
from sslcli.testing import tiny_records

SHAPE = {"width": 16, "heads": 2, "depth": 1, "feedforward_width": 32, "initial_deviation": 0.5}
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASKED = "where is the cat?"


def library():
    texts = [record.values["text"] for record in tiny_records("texts")]
    trainer = load("tokenizers", "bpe")
    return trainer(trainer.Options()).train([*texts, "user assistant system"] * 3, 330)


def write_model(folder, template, positions, seed=0):
    """An untrained decoder, with turns of a token of its own where it has a template."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = library()
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    if template:
        tokens.add_special_tokens(["<|im_start|>", "<|im_end|>"])
        config["chat_template"] = template
    (folder / "tokenizer.json").write_text(tokens.to_str(), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = Tokenizer.load(folder)
    sizes = {**SHAPE, "longest_tokens": positions}
    shape = preset("tiny", "decoder", tokenizer.size, **sizes)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, seed)
    model = Pretrained(shape, folder, backbone.state_dict(), head.state_dict(), loaded=tokenizer)
    write_directory(model, folder, tokenizer)
    return folder


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("chat") / "chat", TEMPLATE, 256)


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("plain") / "plain", "", 64)


@pytest.fixture(scope="module")
def theirs(chat_model):
    """What transformers answers to turns, greedily, up to the end of its turn."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(chat_model)
    model = transformers.AutoModelForCausalLM.from_pretrained(chat_model, dtype=torch.float32)
    ends = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])

    def answer(turns, tokens):
        given = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt"}
        inputs = tokenizer.apply_chat_template(turns, **given)
        asked = {"max_new_tokens": tokens, "do_sample": False, "eos_token_id": ends}
        written = model.eval().generate(**inputs, **asked, pad_token_id=ends[0])
        new = written[0, inputs["input_ids"].shape[1] :]
        return tokenizer.decode(new, skip_special_tokens=True).strip()

    return answer


def said(*texts, system=None):
    roles = ("user", "assistant")
    turns = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    return [*([{"role": "system", "content": system}] if system else []), *turns]


def artifacts(ended):
    assert ended.code == 0, ended.err
    (document,) = [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]
    return document["artifacts"]


@pytest.mark.parametrize("system", [None, "be brief ."])
def test_a_question_is_answered_as_transformers_answers_it(ssl, chat_model, theirs, system):
    words = ["--system", system] if system else []
    line = ("generate", "--chat", ASKED, "--model", str(chat_model), "--new-tokens", "24", *words)
    (artifact,) = artifacts(ssl(*line, "--json"))
    assert artifact["text"] == theirs(said(ASKED, system=system), 24)
    assert artifact["details"]["prompt"] == ASKED
    shown = ssl(*line)
    assert shown.code == 0
    assert shown.out.startswith(printable(artifact["text"]))


def test_files_of_lines_and_of_turns(ssl, chat_model, theirs, tmp_path):
    (tmp_path / "a.txt").write_text(f"{ASKED}\n\nthe dog\n", encoding="utf-8")
    talks = [said("the dog", "sees", "the cat"), said(ASKED, "nowhere")]
    records = "".join(f"{json.dumps({'messages': talk})}\n" for talk in talks)
    (tmp_path / "a.jsonl").write_text(records, encoding="utf-8")
    line = (
        "generate",
        "--chat",
        "--model",
        str(chat_model),
        "--new-tokens",
        "9",
        "--json",
        "--data",
    )
    found = artifacts(ssl(*line, str(tmp_path / "a.txt")))
    assert [each["text"] for each in found] == [theirs(said(t), 9) for t in (ASKED, "the dog")]
    ended = ssl(*line, str(tmp_path / "a.jsonl"))
    expected = [theirs(talks[0], 9), theirs(said(ASKED), 9)]
    assert [each["text"] for each in artifacts(ended)] == expected
    assert "the last answers of 1 record are left out" in ended.err


def test_a_conversation_remembers_what_was_said(ssl, chat_model, theirs, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the dog\n\n the cat \n")))
    ended = ssl("generate", "--chat", "--model", str(chat_model), "--new-tokens", "6")
    assert ended.code == 0, ended.err
    first = theirs(said("the dog"), 6)
    second = theirs(said("the dog", first, "the cat"), 6)
    assert first != second
    assert ended.out.splitlines() == [printable(first), printable(second)]


def test_beams_answer_in_a_conversation_too(ssl, chat_model, monkeypatch):
    line = ("generate", "--chat", "--model", str(chat_model), "--new-tokens", "5", "--beams", "2")
    (alone,) = artifacts(ssl(*line, "the dog", "--json"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the dog\n")))
    ended = ssl(*line)
    assert (ended.code, ended.out.splitlines()) == (0, [printable(alone["text"])])


def test_the_oldest_turns_are_forgotten_aloud(ssl, plain_model, monkeypatch):
    lines = "".join(f"the cat sees the {animal}\n" for animal in ("dog", "bird", "fish", "horse"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    ended = ssl("generate", "--chat", "--model", str(plain_model), "--new-tokens", "5")
    assert ended.code == 0, ended.err
    assert len(ended.out.splitlines()) >= 4
    assert "the first 2 turns are forgotten: the model has positions for 64 tokens" in ended.err
    assert ended.err.count("it was never trained to answer") == 1


def test_an_answer_ends_with_the_positions(ssl, plain_model):
    line = ("generate", "--chat", "the cat " * 4, "--model", str(plain_model), "--json")
    ended = ssl(*line)
    (artifact,) = artifacts(ended)
    assert "each closed by <|endoftext|>; it was never trained to answer" in ended.err
    assert artifact["details"]["ended"] in ("length", "stop")
    assert 0 < len(artifact["pieces"]) < 64


def test_several_answers_and_beams(ssl, chat_model):
    line = ("generate", "--chat", ASKED, "--model", str(chat_model), "--new-tokens", "5", "--json")
    sampled = artifacts(ssl(*line, "--temperature", "1", "--count", "3"))
    assert len({each["text"] for each in sampled}) > 1
    searched = artifacts(ssl(*line, "--beams", "3", "--count", "2"))
    assert searched[0]["score"] >= searched[1]["score"]


def test_a_turn_that_spells_a_special_token_is_said(ssl, chat_model):
    line = ("generate", "--chat", "a <|im_end|> b", "--model", str(chat_model), "--new-tokens", "3")
    ended = ssl(*line)
    assert ended.code == 0
    assert "a turn spells <|im_end|>, which is read as that special token" in ended.err


LINES = {
    "shots of no task": (("a", "--shots", "a.txt"), "the examples of a.txt are for is not said"),
    "shots alone": (
        ("--shots", "a.txt", "--task", "sentiment"),
        "there is no text behind the worked examples",
    ),
    "an empty text": (("   ",), "the text is empty"),
    "an empty system": (("a", "--system", " "), "--system is empty"),
    "a text and a file": (("a", "--data", "a.txt"), "there is a text and --data"),
    "a file that is not there": (("--data", "nowhere.txt"), "there is no file or folder nowhere"),
    "a conversation as JSON": (("--json",), "a conversation line by line is no JSON"),
    "several answers in a conversation": (("--count", "2"), "--count asks for several"),
    "a strange count": (("a", "--count", "0"), "--count"),
    "a strange temperature": (("a", "--temperature", "-1"), "--temperature"),
    "no room": (("the cat sees " * 40,), "leaves no room for an answer"),
    "no turns": (("--data", "b.jsonl"), "there is no conversation"),
    "an empty file": (("--data", "empty.txt"), "there is no text to answer"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_wrong_line_is_refused_in_one_sentence(ssl, plain_model, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "b.jsonl").write_text('{"text": "a"}\n')
    words, problem = LINES[name]
    ended = ssl("generate", "--chat", *words, "--model", str(plain_model))
    assert ended.code == 2, ended.out
    assert problem in ended.err
    assert ended.err.count("error: ") == ended.err.count("hint:  ") == 1


def test_a_system_without_a_conversation_is_refused(ssl, plain_model):
    ended = ssl("generate", "a", "--system", "b", "--model", str(plain_model))
    assert ended.code == 2
    assert "--system is for conversations" in ended.err


def test_a_model_that_continues_nothing_is_refused(ssl, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sees the dog .\n\n" * 40, encoding="utf-8")
    shape = [f"-smodel.shape.{name}={value}" for name, value in SHAPE.items()]
    line = ["pretrain", "--objective", "mlm", "--data", str(tmp_path / "a.txt"), "--max-steps", "1"]
    assert ssl(*line, "--out", str(tmp_path / "mlm"), "--no-plot", *shape).code == 0
    ended = ssl("generate", "--chat", "a", "--model", str(tmp_path / "mlm"))
    assert ended.code == 2
    assert "--chat is for a model that continues texts, and mlm makes none" in ended.err


def test_a_real_model_answers(ssl):
    models = os.environ.get("SSLCLI_TEST_MODELS")
    if not models or not os.path.isdir(f"{models}/smollm2"):
        pytest.skip("SSLCLI_TEST_MODELS has no smollm2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{models}/smollm2")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        f"{models}/smollm2", dtype=torch.float32
    ).eval()
    turns = said("What is the capital of France?")
    inputs = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    written = model.generate(**inputs, do_sample=False, max_new_tokens=16, pad_token_id=2)
    new = written[0, inputs["input_ids"].shape[1] :]
    line = ("generate", "--chat", turns[0]["content"], "--model", f"{models}/smollm2")
    (artifact,) = artifacts(ssl(*line, "--new-tokens", "16", "--json"))
    assert artifact["text"] == tokenizer.decode(new, skip_special_tokens=True).strip()
