"""What `ssl generate` says of the texts that a model gave, whichever model that is."""

import io
import json

import pytest
import yaml

from sslcli.api import Artifact
from sslcli.cli.actions import generating
from sslcli.cli.actions.generating import _collected
from sslcli.cli.screen import Screen
from sslcli.errors import DataError, RunError
from sslcli.folders import sealed
from sslcli.workflows.generate.generate import _in_one_line
from sslcli.workflows.generate.prompts import texts_in

ENDS = "note: the model ends this text at once and adds nothing"
STOPS = "note: what --stop names, or the model's own end, comes at once: nothing is added"
NO_TEXT = "note: the model wrote no text"
PIECES = (("a", -1.0),)


@pytest.fixture
def said_of(ssl, tmp_path, monkeypatch):
    """The notes on made-up artifacts of a run of an objective."""

    def notes(objective, *artifacts, words=()):
        folder = tmp_path / "runs" / "first"
        with sealed(folder / "checkpoints" / "step-000004", {"step": 4}):
            pass
        facts = {"kind": "pretrain", "objective": objective, "status": "done", "started": "2026"}
        (folder / "run.json").write_text(json.dumps(facts))
        (folder / "config.yaml").write_text(yaml.safe_dump({"objective": objective}))
        monkeypatch.setattr(generating, "streamed", lambda *_, **__: iter(artifacts))
        ended = ssl("generate", "a dog", "--model", "first", *words)
        assert ended.code == 0, ended.err
        return [note for note in (ENDS, STOPS, NO_TEXT) if note in ended.err]

    return notes


def continuation(text, ended="stop", pieces=()):
    return Artifact(text, None, {"prompt": "a dog", "ended": ended}, pieces)


@pytest.mark.parametrize("fails", [False, True])
def test_a_text_ends_its_line_before_anything_else_is_said(capfd, fails):
    shown = []

    def made():
        yield "a dog"
        yield " runs"
        if not fails:
            yield continuation("a dog runs", pieces=PIECES)
            shown.append(capfd.readouterr().out)  # what comes from here on are notes
            return
        raise RunError("no memory", "take less")

    screen = Screen()
    if fails:
        with pytest.raises(RunError):
            _collected(made(), screen, streams=True)
        shown.append(capfd.readouterr().out)
    else:
        (artifact,), is_shown = _collected(made(), screen, streams=True)
        assert (artifact.text, is_shown) == ("a dog runs", True)
        assert capfd.readouterr().out == ""
    assert shown == ["a dog runs\n"]


def test_a_continuation_without_a_new_token_is_said(said_of):
    assert said_of("clm", continuation("a dog")) == [ENDS]
    assert said_of("clm", continuation("A dog")) == [ENDS]  # as the tokenizer spells it


def test_one_that_has_new_tokens_is_not(said_of):
    assert said_of("clm", continuation("a dog", pieces=PIECES)) == []
    assert said_of("clm", continuation("a dog", "length", PIECES)) == []
    assert said_of("clm", continuation("a dog"), continuation("a dog", pieces=PIECES)) == []


def test_a_stop_text_may_have_ended_it(said_of):
    assert said_of("clm", continuation("a dog"), words=("--stop", " ")) == [STOPS]
    stopped = continuation("a dog", pieces=PIECES)
    assert said_of("clm", stopped, words=("--stop", " ")) == []


def test_a_text_that_is_written_anew_as_it_was_is_no_such_thing(said_of):
    assert said_of("bart", Artifact("a dog")) == []


def test_where_nothing_is_written_that_is_said(said_of):
    assert said_of("bart", Artifact("")) == [NO_TEXT]
    assert said_of("bart", Artifact("", -1.0), Artifact("x", -2.0)) == []


@pytest.mark.parametrize(
    ("text", "score", "shown"),
    [
        ("a", 0.412, "a .41"),
        ("a", 1.0, "a 1.00"),
        ("a", -10.25, "a -10.25"),
        ("10.5", 0.5, "10.5 .50"),
        ("a dog", None, "a dog"),
    ],
)
def test_scores_beside_what_is_written_while_a_model_learns(text, score, shown):
    assert _in_one_line(iter([Artifact(text, score)])) == shown


KINDS = {
    "mlm": ("mlm", {"architecture": "encoder", "vocabulary": 9}),
    "clm": ("clm", {"architecture": "decoder", "vocabulary": 9}),
    "bart": ("bart", {"architecture": "encoder_decoder", "vocabulary": 9}),
    "mass": ("mass", {"architecture": "encoder_decoder", "vocabulary": 9}),
    "short": ("text-autoencoder", {"architecture": "encoder_decoder", "vocabulary": 9}),
    "images": ("vae", {"grid": {"size": 8}}),
    "tables": ("vae", {"table": {"columns": 2}}),
    "codes": ("autoencoder", {"grid": {"size": 8}}),
    "views": ("contrastive", {"grid": {"size": 8}}),
    "masked": ("mask-frames", {"frames": {"rate": 8}}),
    "ahead": ("clm", {"architecture": "decoder", "frames": {"rate": 8}}),
    "voices": ("disentangle", {"frames": {"rate": 8}}),
}
ANSWERS = "answered"
TOKENS = "generates tokens for every [MASK] of a text"
VOICES = "generates recordings of what one says (--content) in the voice of another (--style)"
ITEMS = "generates images or records from random codes"
NOT = "does not generate"
TEXTS, SOUNDS = ("a text",), ("--content", "a.wav", "--style", "a.wav", "--out", "o")
CONTENT = "--content is for models of disentangle, and "
LINE_OF_VOICES = "ssl generate --content A.wav --style B.wav --out DIR --model voices"


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    """A run of every kind, of which there is no more than what a line looks at."""
    monkeypatch.chdir(tmp_path)
    for name, (objective, shape) in KINDS.items():
        folder = tmp_path / "runs" / name
        with sealed(folder / "checkpoints" / "step-000004", {"step": 4}):
            pass
        facts = {"kind": "pretrain", "objective": objective, "status": "done", "started": "2026"}
        (folder / "run.json").write_text(json.dumps(facts))
        settings = {"objective": objective, "model": {"shape": shape}}
        (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "t.txt").write_text("a text\n")
    monkeypatch.setattr(generating, "generate_action", lambda *_: 0)


# What each kind of model says to each kind of request.
@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (
            (),
            {
                "mlm": f"there is no text: mlm {TOKENS}",
                "clm": ANSWERS,
                "bart": "there is no text: bart generates a text anew",
                "short": "there is no text: short generates a short text of a document",
                "images": ANSWERS,
                "voices": f"there is no --content and no --style: voices {VOICES}",
            },
        ),
        (
            TEXTS,
            {
                **dict.fromkeys(("mlm", "clm", "bart", "short"), ANSWERS),
                "images": f"images {ITEMS}, and reads no text\nhint:  as in: ssl generate --n 16",
                "tables": f"tables {ITEMS}, and reads no text",
                "voices": f"voices {VOICES}, and reads no text\nhint:  as in: {LINE_OF_VOICES}\n",
            },
        ),
        (
            ("--data", "t.txt"),
            {
                **dict.fromkeys(("mlm", "clm", "bart", "short"), ANSWERS),
                "images": f"images {ITEMS}, and reads no text",
                "voices": f"voices {VOICES}, and reads no text",
            },
        ),
        (
            SOUNDS,
            {
                "mlm": f'{CONTENT}mlm is asked as one of mlm\nhint:  it {TOKENS}, as in: ssl generate "julia',
                "clm": f"{CONTENT}clm is asked as one of clm",
                "bart": f"{CONTENT}bart is asked as one of bart",
                "images": f"{CONTENT}images is asked as one of vae",
                "voices": ANSWERS,
            },
        ),
        (SOUNDS[:2], {"voices": f"there is no --style: voices {VOICES}"}),
        (SOUNDS[:4], {"voices": ANSWERS}),  # below the run
        (("--content", "b.wav", *SOUNDS[2:]), {"voices": "b.wav"}),
        (
            ("--n", "4"),
            {
                "mlm": "--n is for models of vae, and mlm is asked as one of mlm",
                "voices": "--n is for models of vae, and voices is asked as one of disentangle",
                **dict.fromkeys(("images", "tables"), ANSWERS),
            },
        ),
        (
            ("a text", "--new-tokens", "3"),
            {
                "mlm": "--new-tokens is for models of clm, and mlm",
                "bart": "--new-tokens is for models of clm, and bart",
                "images": "--new-tokens is for models of clm, and images",
                "clm": ANSWERS,
            },
        ),
        (
            ("a text", "--beams", "2"),
            {"mlm": "--beams is for models of bart and clm, and mlm", "bart": ANSWERS},
        ),
        (("a text", "--out", "o"), {"clm": "clm makes texts, and --out is for images"}),
        (
            ("--chat", "a text"),
            {
                name: "--chat is for a model that continues texts"
                for name in ("mlm", "bart", "short", "images", "voices")
            },
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_every_kind_of_model_says_what_it_generates_from(ssl, kinds, words, answers):
    silent = ("mass", "codes", "views", "masked", "ahead")
    for name, answer in {**answers, **dict.fromkeys(silent, NOT)}.items():
        ended = ssl("generate", *words, "--model", name)
        if answer == ANSWERS:
            assert ended.code == 0, (name, ended.err)
        else:
            assert ended.code == 2, name
            assert answer in ended.err
            assert "\nhint:  " in ended.err


def test_a_directory_of_another_tool_is_none_of_voices(ssl, kinds, tmp_path):
    (tmp_path / "other").mkdir()
    ended = ssl("generate", *SOUNDS, "--model", "other")
    assert ended.code == 2
    assert f"{CONTENT}other is a decoder, an encoder-decoder or an encoder" in ended.err


ROWS = [{"id": "1", "text": "a dog"}, {"id": "2", "text": "two\nlines"}]
OTHERS = [{"id": n, "question": "a dog", "label": "good"} for n in "12"]


@pytest.mark.parametrize(
    ("name", "rows", "field", "expected"),
    [
        ("t.jsonl", ROWS, None, ["a dog", "two\nlines"]),
        ("t.jsonl", ROWS, "id", ["1", "2"]),
        ("t.json", ROWS, None, ["a dog", "two\nlines"]),
        ("t.jsonl", OTHERS, None, ["a dog", "a dog"]),
        ("t.txt", ROWS, None, [json.dumps(row) for row in ROWS]),
    ],
)
def test_texts_of_records_are_a_field_of_them_that_is_named(tmp_path, name, rows, field, expected):
    lines = [json.dumps(row) for row in rows]
    path, said = tmp_path / name, []
    path.write_text(f"[{','.join(lines)}]" if name.endswith(".json") else "\n".join(lines))
    assert texts_in(str(path), field, said.append) == expected
    (note,) = said
    if name == "t.txt":
        assert "every line is taken as it is, though all are JSON records" in note
    else:
        assert f"2 texts of the field '{field or sorted(rows[0])[-1]}' of {path}" in note


def test_texts_of_tables_and_of_lines(tmp_path, monkeypatch):
    table, lines, said = tmp_path / "t.csv", tmp_path / "t.txt", []
    table.write_text('text,label\n"a dog, too",good\na cat,bad\n')
    lines.write_text("a dog\n\n{a cat}\n")
    assert texts_in(str(table), None, said.append) == ["a dog, too", "a cat"]
    assert texts_in(str(lines), None, lambda note: pytest.fail(note)) == ["a dog", "{a cat}"]
    said.clear()
    table.write_text("a dog\na cat\n")
    assert texts_in(str(table), None, said.append) == ["a cat"]
    assert f"the first line of {table} is read as names of its columns, 'a dog' too" in said[1]
    with pytest.raises(DataError, match="'text' is missing") as caught:
        texts_in(str(table), "text", said.append)
    assert caught.value.hint == "say --text-field NAME; it has 'a dog'"
    for name, rows, problem in (
        ("two.jsonl", {"question": "a", "answer": "b"}, "which field holds the text?"),
        ("none.jsonl", {"n": 1}, "which field holds the text?"),
        ("null.jsonl", {"text": None}, "this is null"),
        ("number.jsonl", {"text": 7}, "this is no text"),
    ):
        (tmp_path / name).write_text(json.dumps(rows))
        with pytest.raises(DataError, match=r"record 1|line 1") as caught:
            texts_in(str(tmp_path / name), None, said.append)
        assert problem in caught.value.message


def test_standard_input_holds_records_where_a_field_is_named(tmp_path, monkeypatch):
    said = []
    rows = "".join(f"{json.dumps(row)}\n" for row in ROWS)
    for field, expected in (("text", ["a dog", "two\nlines"]), (None, rows.splitlines())):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
        assert texts_in("-", field, said.append) == expected
    assert "--text-field NAME" in said[1]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("a text", "--text-field", "text"), "--text-field is for the records of a file"),
        (("--data", "t.txt", "--text-field", "q"), "t.txt is read line by line, and has no field 'q'"),
        (("a text", "--data", "t.txt"), "there is a text and --data"),
    ],
)
@pytest.mark.parametrize("chat", [(), ("--chat",)])
def test_fields_are_of_records_alone(ssl, kinds, words, problem, chat):
    ended = ssl("generate", *words, "--model", "clm", *chat)
    assert ended.code == 2
    assert problem in ended.err
