"""Continued texts: stop texts, pieces as they grow, many at once, and what a directory says."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sslplugins.objectives import continuing
from sslplugins.objectives.continuing import Continue, completed
from sslplugins.objectives.growing import GrowingText, Prompted

from sslcli import registry
from sslcli.api import (
    Artifact,
    BeamRules,
    Continuation,
    Inputs,
    ModelError,
    Rng,
    UsageError,
    beam_search,
)
from sslcli.testing import Bench

CausalLanguageModel = registry.load("objectives", "clm")
TEXTS = ("the cat sees", "a dog", "the garden")


@pytest.fixture(scope="module")
def learner():
    return Bench.of(CausalLanguageModel, None, "decoder").learner()


def made(learner, texts=TEXTS[:1], **request):
    requests = [Continue(**{"text": text, "new_tokens": 12, **request}) for text in texts]
    return list(learner.learnable.stream(learner.backbone, requests, Rng(5, 0)))


def artifacts(learner, texts=TEXTS[:1], **request):
    return [each for each in made(learner, texts, **request) if isinstance(each, Artifact)]


@pytest.mark.parametrize("request_", [{"temperature": 0.0}, {"temperature": 1.0}, {"lookup": 3}])
def test_pieces_are_the_text(learner, request_):
    *pieces, whole = made(learner, **request_)
    assert len(pieces) > 3
    assert "".join(pieces) == whole.text
    assert whole.text.startswith(TEXTS[0])


def test_many_texts_at_once_are_those_of_one_by_one(learner):
    together = artifacts(learner, TEXTS, temperature=0.0)
    alone = [artifacts(learner, [text], temperature=0.0)[0] for text in TEXTS]
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.details["prompt"] for each in together] == list(TEXTS)
    assert not [each for each in made(learner, TEXTS) if isinstance(each, str)]


def test_as_many_texts_as_asked_in_order(learner):
    found = artifacts(learner, TEXTS, count=3)
    assert [each.details["prompt"] for each in found] == [text for text in TEXTS for _ in range(3)]
    assert len({each.text for each in found}) > len(TEXTS)


def test_a_stop_text_ends_before_itself(learner):
    (free,) = artifacts(learner, temperature=2.0)
    words = free.text[len(TEXTS[0]) :].split()
    stop = next(word for word in words[2:] if word not in words[:2])
    (stopped,) = artifacts(learner, temperature=2.0, stop=(stop, "never said"))
    assert stopped.text == free.text[: len(TEXTS[0]) + free.text[len(TEXTS[0]) :].index(stop)]
    assert stopped.details["ended"] == "stop"
    assert stopped.pieces == free.pieces[: len(stopped.pieces)]
    assert len(stopped.pieces) < len(free.pieces)
    *pieces, again = made(learner, temperature=2.0, stop=(stop,))
    assert "".join(pieces) == again.text == stopped.text


def test_beams_come_in_order_with_their_scores(learner):
    found = artifacts(learner, TEXTS[:2], beams=4, count=3)
    assert [each.details["prompt"] for each in found] == [TEXTS[0]] * 3 + [TEXTS[1]] * 3
    scores = [each.score for each in found[:3]]
    assert scores == sorted(scores, reverse=True)
    (greedy,) = artifacts(learner, temperature=0.0)
    mean = sum(probability for _, probability in greedy.pieces) / len(greedy.pieces)
    assert scores[0] >= mean - 1e-5


def test_what_has_been_said_is_not_said_again(learner):
    (free,) = artifacts(learner, temperature=0.0, new_tokens=30)
    (ruled,) = artifacts(learner, temperature=0.0, new_tokens=30, no_repeat=2)
    tokens = [piece for piece, _ in ruled.pieces]
    pairs = list(pairwise(tokens))
    assert len(set(pairs)) == len(pairs)
    assert ruled.text != free.text


class Bytes:
    """A tokenizer of one token a byte, which decodes half characters as other ones do."""

    specials = np.zeros(256, dtype=bool)

    def decode(self, tokens):
        return bytes(tokens.tolist()).decode("utf-8", "replace")


def grown(new, *stops, prompt="a"):
    """What is sure after every byte of `new`, and the text at its end."""
    own = Continuation(0, list(prompt.encode()), 99)
    text = GrowingText(
        own, Bytes(), Prompted(prompt, np.frombuffer(prompt.encode(), np.uint8)), stops
    )
    sure = []
    for byte in new.encode():
        own.tokens.append(byte)
        text.look()
        sure.append(text.sure())
        if own.ended:
            break
    return sure, text


def test_half_characters_wait():
    sure, text = grown("猫b")
    assert sure == ["a", "a", "a猫", "a猫b"]
    assert text.whole == "a猫b"


def test_the_beginning_of_a_stop_text_waits():
    sure, text = grown("xENxEND!", "END")
    assert sure == ["ax", "ax", "ax", "axENx", "axENx", "axENx", "axENx"]
    assert text.whole == "axENx"
    assert bytes(text.own.tokens) == b"xENx"


def test_a_stop_text_is_not_looked_for_in_the_prompt():
    sure, text = grown("bc", "ab", prompt="ab")
    assert sure[-1] == text.whole == "abbc"


def test_line_breaks_can_be_typed():
    assert Continue(stop=(r"\n", r"a\tb")).stop == ("\n", "a\tb")
    assert Continue(stop=(r"\\n", r"\\\n")).stop == (r"\n", "\\\n")  # a backslash, and an n
    assert r"\n is a line break" in str(Continue.model_fields["stop"].description)


@pytest.mark.parametrize(
    "wrong",
    [
        {"beams": 2, "count": 3},
        {"beams": 2, "temperature": 0.5},
        {"beams": 2, "lookup": 3},
        {"stop": ("",)},
        {"temperature": float("inf")},
        {"repetition_penalty": 0},
        {"early_stopping": "maybe"},
        {"typical_p": 0},
        {"new_tokens": 0},
        {"new_tokens": 10**9},
        {"count": 10**9},
        {"beams": 65},
        {"length_penalty": float("nan")},
        {"length_penalty": 1e300},
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_is_refused(wrong):
    with pytest.raises(ValidationError):
        Continue(**wrong)


@pytest.mark.parametrize(
    ("said", "given", "expected"),
    [
        ({}, {}, {}),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.9}, {}, {"temperature": 0.6, "top_p": 0.9}),
        ({"do_sample": True, "temperature": 0.6}, {"temperature": 0.1}, {"temperature": 0.1}),
        ({"temperature": 0.6, "top_k": 50}, {}, {}),
        ({"do_sample": False}, {}, {"temperature": 0.0}),
        ({"do_sample": False}, {"temperature": 1.0}, {"temperature": 1.0}),
        ({"do_sample": False, "num_beams": 4, "length_penalty": 2.0}, {}, {"beams": 4, "length_penalty": 2.0}),
        ({"num_beams": 4, "early_stopping": True}, {}, {"beams": 4, "early_stopping": "yes"}),
        ({"num_beams": 4}, {"temperature": 0.5}, {"temperature": 0.5, "beams": 1}),
        ({"num_beams": 4, "do_sample": False}, {"beams": 1}, {"beams": 1}),
        ({"max_new_tokens": 7, "no_repeat_ngram_size": 3}, {"new_tokens": 9}, {"new_tokens": 9, "no_repeat": 3}),
        ({"do_sample": True, "top_k": 0}, {}, {"top_k": None}),
        ({"do_sample": True, "top_k": 3, "max_new_tokens": 7}, {"beams": 4}, {"new_tokens": 7}),
    ],
    ids=str,
)  # fmt: skip
def test_the_directory_says_what_the_line_does_not(said, given, expected):
    complete, notes = completed(Continue(**given), said)
    assert complete == Continue(**{**given, **expected})
    taken = {name for name in expected if name not in given and expected[name] is not None}
    assert bool(notes) == bool(taken - {"beams"} or expected.get("beams", 1) > 1)
    assert not notes or notes[0].startswith("generation_config.json says ")


def test_log_probabilities_are_of_the_whole_vocabulary(learner):
    """At any temperature, and among the likeliest few alone."""
    (cold,) = artifacts(learner, temperature=0.0)
    (few,) = artifacts(learner, temperature=0.3, top_k=1)
    assert [piece for piece, _ in cold.pieces] == [piece for piece, _ in few.pieces]
    assert [p for _, p in cold.pieces] == pytest.approx([p for _, p in few.pieces], abs=1e-5)
    prompt = learner.learnable._prompt(TEXTS[0])
    with torch.no_grad():
        hidden = learner.backbone(Inputs.pack([torch.from_numpy(prompt)])).last_TD[-1:]
        log_V = learner.learnable.head(hidden, learner.backbone).log_softmax(dim=-1)
    assert cold.pieces[0][1] == pytest.approx(float(log_V.max()), abs=1e-5)


def test_a_stop_text_in_the_last_token_is_what_ended_it(learner):
    (free,) = artifacts(learner, temperature=2.0, new_tokens=5)
    assert free.details["ended"] == "length"
    (stopped,) = artifacts(learner, temperature=2.0, new_tokens=5, stop=(free.text[-1],))
    assert stopped.details["ended"] == "stop"
    assert free.text.startswith(stopped.text)
    assert len(stopped.text) < len(free.text)


@pytest.mark.parametrize("request_", [{}, {"beams": 2}, {"temperature": 0.0}], ids=str)
def test_a_text_too_long_is_named_before_any_is_written(learner, request_, monkeypatch):
    most = learner.backbone.settings.longest_tokens
    texts = ("a dog", "the cat sees " * most)
    monkeypatch.setattr(continuing, "Writer", None)  # whoever writes fails
    monkeypatch.setattr(continuing, "beam_search", None)
    with pytest.raises(UsageError, match="in the text 'the cat sees the cat sees"):
        made(learner, texts, **request_)
    with pytest.raises(UsageError, match=r"positions for \d+$") as refused:
        made(learner, texts[1:], **request_)
    assert refused.value.hint == "shorten the prompt"


@pytest.mark.parametrize(
    "given", [{"top_k": 5}, {"top_p": 0.5}, {"min_p": 0.1}, {"typical_p": 0.5}, {"lookup": 3}], ids=str
)  # fmt: skip
def test_beams_of_the_directory_give_way_to_drawing(given):
    complete, notes = completed(Continue(**given), {"num_beams": 4})
    assert (complete, notes) == (Continue(**given), [])


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"max_new_tokens": "many"}, "max_new_tokens 'many', and not a number"),
        ({"max_new_tokens": -3}, "max_new_tokens -3, and not greater than 0"),
        ({"num_beams": [4]}, "num_beams [4], and not a number"),
        ({"num_beams": True}, "num_beams True, and not a number"),
        ({"do_sample": True, "temperature": float("nan")}, "temperature nan, and not"),
        ({"repetition_penalty": 0}, "repetition_penalty 0, and not greater than 0"),
        ({"early_stopping": "soon"}, "early_stopping 'soon', and not true, false or 'never'"),
        ({"early_stopping": []}, "early_stopping [], and not true, false or 'never'"),
        ({"length_penalty": 1e300, "num_beams": 2}, "length_penalty 1e+300, and not less than"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_directory_cannot_mean_is_refused(said, what):
    with pytest.raises(ModelError) as refused:
        completed(Continue(), said)
    assert f"generation_config.json of the model says {what}" in refused.value.message


def test_a_directory_with_fewer_beams_than_texts_is_refused():
    with pytest.raises(UsageError, match="says beams 4, but 4 beams give no 5 texts"):
        completed(Continue(count=5), {"num_beams": 4})


def test_more_beams_than_tokens_are_refused(learner):
    known = int(learner.learnable.tokenizer.known.sum())
    assert known < 64
    with pytest.raises(UsageError, match=f"64 beams are more than the {known} tokens"):
        made(learner, beams=64)


def test_what_is_not_done_of_a_directory_is_said(learner, monkeypatch):
    said = {"suppress_tokens": [3], "min_length": 0, "do_sample": True, "bad_words_ids": None}
    monkeypatch.setattr(learner.learnable.tokenizer, "generating", said)
    (note,) = learner.learnable.remarks_on_generation()
    assert note == (
        "generation_config.json says suppress_tokens [3], which ssl generate does not follow"
    )


@pytest.mark.parametrize("penalty", [-10.0, -2.0, 10.0])
def test_any_length_penalty_gives_all_texts(learner, penalty):
    found = artifacts(learner, beams=3, count=3, length_penalty=penalty)
    scores = [each.score for each in found]
    assert len(set(scores)) == 3
    assert scores == sorted(scores, reverse=True)


def test_a_length_penalty_beyond_float32_is_refused(learner):
    rules = BeamRules(2, 4000, 10.0)
    with pytest.raises(UsageError, match="too far from 0 for texts of 4,000 tokens"):
        beam_search(learner.backbone, learner.learnable.head, [torch.tensor([1])], rules, stops=())


def test_a_text_that_changes_while_it_grows_is_whole_at_the_end(learner, monkeypatch):
    tokenizer = learner.learnable.tokenizer
    plain = tokenizer.decode
    monkeypatch.setattr(
        tokenizer, "decode", lambda ids: plain(ids).upper() if len(ids) > 6 else plain(ids)
    )
    *pieces, whole = made(learner, temperature=0.0)
    assert whole.text.isupper()
    assert "".join(pieces).endswith(f"\n{whole.text}")


@pytest.mark.parametrize(
    ("given", "said", "idle"),
    [
        ({"length_penalty": 2.0}, {}, ["--length-penalty changes nothing with one beam"]),
        ({"early_stopping": "yes"}, {}, ["--early-stopping changes nothing with one beam"]),
        ({"length_penalty": 2.0, "beams": 2}, {}, []),
        ({"length_penalty": 2.0}, {"num_beams": 2}, []),
        ({"temperature": 0.0, "top_k": 3}, {}, ["--top-k changes nothing with temperature 0"]),
        ({"top_p": 0.5}, {"do_sample": False}, ["--top-p changes nothing with temperature 0"]),
        ({"temperature": 1.0, "top_p": 0.5}, {}, []),
    ],
    ids=str,
)
def test_a_flag_that_changes_nothing_is_said(given, said, idle):
    _, notes = completed(Continue(**given), said)
    assert [note for note in notes if "changes nothing" in note] == idle
