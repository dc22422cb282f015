"""Tokens that are unknown are counted, and too many of them are never called fine. Counts here are
made slowly.
"""

import numpy as np
import pytest
from small_runs import HARDWARE, course, ignore, settings, write
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from sslcli import registry
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.unknowns import SEVERE, Unknowns
from sslcli.datasets.shard_reports import show_pieces
from sslcli.models.loading import load_pretrained
from sslcli.settings import AnswerSettings, LabelledSettings
from sslcli.workflows.evaluate.evaluate import evaluate
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.predict.predictor import Answerer

STRANGE = "\u03b6\u03b7"  # letters that no language of the built-in world has


def rows(count, strange):
    """Of `count` texts of ten words, so many strange words in each."""
    words = [*["the"] * (10 - strange), *[STRANGE] * strange]
    return [{"text": f"{' '.join(words)} the", "label": "ab"[n % 2]} for n in range(count)]


def counted(model, records):
    tokenizer = load_pretrained(str(model)).tokenizer()
    ids = [int(token) for record in records for token in tokenizer.encode(record["text"])]
    return ids.count(tokenizer.unknown), len(ids)


@pytest.mark.parametrize("strange", [0, 1, 8])
def test_a_check_says_how_many_tokens_are_unknown(world_run, tmp_path, strange):
    records = {"train": rows(20, strange), "test": rows(10, strange)}
    paths = {name: write(tmp_path / f"{name}.jsonl", own) for name, own in records.items()}
    data = {"train": [paths["train"]], "evaluation": [paths["test"]], "reader_options": {}}
    report = check_data(settings(world_run, task="classify", data=data))
    table = {name: values for name, *values in report.tables[0].rows}
    expected = {name: counted(world_run, own) for name, own in records.items()}
    said = [f"{n:,} of {total:,} tokens ({n / total:.1%})" for n, total in expected.values()]
    assert table["unknown to the tokenizer"] == said
    shares = [n / total for n, total in expected.values()]
    assert (min(shares) > SEVERE) == bool(strange)
    notes = [note for note in report.notes if "unknown to the tokenizer" in note]
    if strange:
        assert [note.partition(" are ")[0] for note in notes] == [
            f"train: {said[0]}",
            f"held out: {said[1]}",
        ]
        assert all("choose a model whose tokenizer knows" in note for note in notes)
        assert "nothing is wrong" not in report.notes
    else:
        assert notes == []


def test_training_and_scores_say_it_too(world_run, tmp_path):
    records = rows(20, 6)
    paths = [write(tmp_path / name, records) for name in ("a.jsonl", "c.jsonl")]
    data = {"train": paths[:1], "evaluation": paths[1:], "reader_options": {}}
    notes = course(world_run, task="classify", data=data).notes
    said = [note for note in notes if "unknown to the tokenizer" in note]
    assert [note.partition(":")[0] for note in said] == ["training", "held out"]
    run = tmp_path / "run"
    finetune(settings(world_run, run, task="classify", data=data), observe=ignore)
    asked = LabelledSettings(evaluation=(write(tmp_path / "b.jsonl", rows(7, 6)),))
    report = evaluate(str(run), "classify", AnswerSettings(data=asked)).report
    unknown, total = counted(world_run, rows(7, 6))
    assert any(note.startswith(f"{unknown:,} of {total:,} tokens (") for note in report.notes)
    answerer = Answerer.load(str(run), "classify", HARDWARE)
    answerer.predictions([], 4)
    assert answerer.remarks() == []


def test_the_share_from_which_on_it_is_too_much():
    assert Unknowns(5, 100).remarks() == []
    assert len(Unknowns(6, 100).remarks()) == 1
    assert Unknowns(1, 40) + Unknowns(4, 60) == Unknowns(5, 100)
    assert Unknowns().remarks() == []


def trained(kind, texts, **options):
    cls = registry.load("tokenizers", kind)
    return Tokenizer(cls(cls.Options(**options)).train(texts * 5, 200))


def test_shown_pieces_say_what_is_lost_of_the_text():
    tokenizer = trained("wordpiece", ["the cat sees a dog"], strip_accents=True)
    text = "Th\u00e9 CAT sees \u82f9 \u0915\u0941 the \u03b6"
    report = show_pieces(text, tokenizer)
    ids = tokenizer.encode(text)
    unknown = int(np.count_nonzero(ids == tokenizer.unknown))
    changed, strange = report.notes
    assert changed.startswith("the tokenizer lower-cases; ")
    assert "strips accents and marks: \u00e9 as e" in changed
    assert "\u0941" in changed
    assert strange.startswith(f"{unknown} of {len(ids)} tokens (")
    assert strange.endswith("unknown to the tokenizer: \u82f9, \u0915\u0941, \u03b6")


def test_shown_pieces_that_lose_nothing_say_nothing():
    assert show_pieces("Th\u00e9 CAT", trained("bpe", ["the cat"])).notes == []


LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", range(26), strict=True))
WORDS = pre_tokenizers.WhitespaceSplit()


@pytest.mark.parametrize(
    ("model", "normalizer", "before", "dropped"),
    [
        (models.BPE(LETTERS, []), None, WORDS, ",\u4e2d!\x01A"),
        (models.BPE({**LETTERS, "?": 26}, [], unk_token="?"), None, WORDS, ""),
        (
            models.BPE({**LETTERS, "?": 26}, [], unk_token="?"),
            normalizers.Replace("x", ""),
            WORDS,
            "x",
        ),
        (
            models.BPE({**LETTERS, "?": 26}, [], unk_token="?"),
            None,
            pre_tokenizers.Punctuation("removed"),
            ",!",
        ),
        (
            models.BPE({**LETTERS, "?": 26}, [], unk_token="?"),
            normalizers.BertNormalizer(lowercase=False),
            WORDS,
            "\x01",
        ),
    ],
)
def test_whatever_becomes_no_piece_is_named_and_counted(model, normalizer, before, dropped):
    """By a vocabulary without an unknown token, a rule of one's own, or a sign that parts words."""
    library = Library(model)
    library.pre_tokenizer = before
    if normalizer is not None:
        library.normalizer = normalizer
    tokenizer = Tokenizer(library)
    text = "ab, \u4e2d x!\x01 A b,"
    lost = [character for character in text if character in dropped]
    said = "; ".join(show_pieces(text, tokenizer).notes)
    if not dropped:
        assert "drops" not in said
        return
    assert f"({len(lost) / len(text):.2%} of the characters)" in said
    for character in list(dict.fromkeys(lost))[:3]:
        assert (character if character.isprintable() else "U+0001") in said
    assert [token for letter in dropped for token in tokenizer.encode(letter)] == []
