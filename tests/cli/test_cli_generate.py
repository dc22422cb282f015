"""What `ssl generate` says of the texts that a model gave, whichever model that is."""

import json

import pytest
import yaml

from sslcli.api import Artifact
from sslcli.cli.actions import generating
from sslcli.cli.actions.generating import _collected
from sslcli.cli.screen import Screen
from sslcli.errors import RunError
from sslcli.folders import sealed
from sslcli.workflows.generate.generate import _in_one_line

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
