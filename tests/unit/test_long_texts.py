"""Texts that are too long for a model are counted by whatever looks into it. Counts here are those
of the tokenizer.
"""

from pathlib import Path

import numpy as np
import pytest

from sslcli.contracts.probe import Lengths
from sslcli.models.loading import load_pretrained
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.probe import probe
from sslcli.workflows.translate_shift.sentences import LONGEST_TOKENS, Sentences, cut_notes, encoded
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.translate_shift import ShiftSource, shift_evaluated

SHORT = {"en": "leon rests every evening {}.", "zh": "{} \u72d7\u5728\u8dd1\u3002"}


@pytest.fixture(scope="module")
def texts(world_run, tmp_path_factory):
    """Of two languages thirty short sentences and some long ones, a line each."""
    folder = tmp_path_factory.mktemp("long")
    longest = load_pretrained(str(world_run)).settings.longest_tokens
    long = {"en": "the " * longest + "evening {}.", "zh": "\u72d7 " * longest + "{}\u3002"}
    references = []
    for language, many in (("en", 5), ("zh", 3)):
        lines = [SHORT[language].format(n) for n in range(30)]
        lines += [long[language].format(n) for n in range(many)]
        path = folder / f"{language}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        references.append(f"{language}={path}")
    return references


def lines_of(reference):
    return Path(reference.partition("=")[2]).read_text(encoding="utf-8").splitlines()


def test_a_probe_says_how_many_texts_it_left_out(world_run, texts, tmp_path):
    pretrained = load_pretrained(str(world_run))
    tokenizer, most = pretrained.tokenizer(), pretrained.settings.longest_tokens - 2
    found = {each for reference in texts for each in lines_of(reference)}
    long = sum(len(tokenizer.encode(each)) > most for each in found)
    assert long == 8
    looked = probe("languages", Aim(str(world_run), texts), {"limit": 60}, folder=tmp_path / "out")
    said = (
        f"longer than the {most} tokens that the model reads, and left out: 8 of {len(found)} texts"
    )
    assert said in looked.report.notes


def test_a_shift_says_how_many_sentences_were_cut(world_run, texts, tmp_path):
    settings = ShiftSettings(sentences=40, limit=10)
    long = [line for line in lines_of(texts[0]) if line.startswith("the")]
    pairs = [f"{line}\t{SHORT['zh'].format(n)}" for n, line in enumerate(long)]
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join(pairs) + "\n", encoding="utf-8")
    aim = Aim(str(world_run), texts)
    looked = shift_evaluated(ShiftSource("mean"), aim, [str(file)], settings, tmp_path / "out")
    most = min(load_pretrained(str(world_run)).settings.longest_tokens - 2, LONGEST_TOKENS)
    assert f"en: 5 of 35 sentences were cut at {most} tokens" in looked.report.notes
    assert f"zh: 3 of 33 sentences were cut at {most} tokens" in looked.report.notes
    assert f"en, tested: 5 of 5 sentences were cut at {most} tokens" in looked.report.notes


def test_sentences_that_are_whole_say_nothing(world_run):
    tokenizer = load_pretrained(str(world_run)).tokenizer()
    found = encoded(["the " * 6, "the " * 7], tokenizer, 9)
    assert found.cuts == [{}, {}]
    assert cut_notes({"en": found, "zh": Sentences([np.zeros(3)], tokenizer)}) == []
    assert encoded(["the " * 7, "the " * 8], tokenizer, 9).part(1, 2).cuts == [{"text": 7}]


def test_a_text_counts_once():
    lengths = Lengths()
    assert lengths.remarks() == []
    for _ in range(2):
        lengths.note(["a", "b", "c"], [3, 4, 9], 3)
    assert lengths.remarks() == [
        "longer than the 3 tokens that the model reads, and left out: 2 of 3 texts"
    ]
