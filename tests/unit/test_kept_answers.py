"""What was found in a frozen model is kept: the same to the bit, and never of other weights, data
or questions.
"""

import math
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sslcli.models import kept_answers, question_key
from sslcli.models.kept_answers import Answer, answers_folder, kept, recalled
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.reports import (
    Curve,
    Gallery,
    Matrix,
    Passage,
    Plot,
    Report,
    Scatter,
    Score,
    Span,
    Table,
)
from sslcli.workflows.probe import look
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.probe import probe
from sslcli.workflows.translate_shift import translate_shift
from sslcli.workflows.translate_shift.settings import ShiftSettings

CURVE = Curve("c", [0, 1], [0.1, math.inf], [0.0, 0.0], [1.0, 1.0])
REPORT = Report(
    "all kinds",
    [Score("a", 1 / 3, "%", None, 3, (0.1, math.nan), {"b": 2.0}), Score("n", 1.0)],
    [Table("t", ["x", "y"], [["a", 1], [1.0, None]])],
    [CURVE],
    [Plot("p", "x", "y", [CURVE], logarithmic=True)],
    [Matrix("m", ["r"], ["c"], [[math.nan]], ["g"], low=0.0)],
    [Scatter("s", [1.0], [2.0], ["l"], ["g"], [(0, 0)])],
    [Passage("t", [Span("text", "target")], excerpt=True)],
    ["note", "\u5317\u4eac"],
    {"examples": 3},
    [Gallery("i", [1, 2, 1], ["r"], [["00ff", ""]], ["one", "two"])],
)


@pytest.fixture(autouse=True)
def no_strangers(monkeypatch):
    """Other tests of this process may have imported some, and somebody edit code while they run."""
    monkeypatch.setattr(question_key, "LOADED_AT", math.inf)
    monkeypatch.setattr(kept_answers, "has_met_strangers", lambda: False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    """A folder that stands for a model: a key knows of files alone."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder


def leaves(value):
    """Every value with its type, as text: NaN is itself."""
    if isinstance(value, dict):
        return {name: leaves(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(leaves, value))
    return repr(value)


def answer(report=REPORT):
    return Answer(report, "first, step 2", "similarity-apple", ["remark"])


def key(folder, options=None, plugin=("probes", "similarity"), **where):
    asked = {"options": options or {"word": "apple"}, "seed": 42}
    return question_key.question_key(plugin, asked, str(folder), WeightsRef(folder), **where)


@pytest.mark.usefixtures("cache")
def test_a_report_comes_back_to_the_bit():
    first = kept("k", answer())
    assert leaves(asdict(first)) == leaves(asdict(answer()))
    assert leaves(asdict(recalled("k"))) == leaves(asdict(first))
    assert isinstance(first.report.scores[0].interval, tuple)
    assert isinstance(first.report.matrices[0], Matrix)


@pytest.mark.usefixtures("cache")
def test_numbers_of_numpy_are_plain_now_and_later():
    said = replace(
        REPORT, curves=[Curve("c", range(2), np.asarray([0.5, 1.5]))], counts={"n": np.int64(3)}
    )
    first = kept("k", answer(said))
    assert first.report.curves == [Curve("c", [0, 1], [0.5, 1.5], [], [])]
    assert leaves(asdict(recalled("k"))) == leaves(asdict(first))


def rewritten(path):
    """Other bytes, the same size and time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_changed_weight_is_another_model(model):
    before = key(model)
    assert before is not None
    assert key(model) == before
    rewritten(model / "model.safetensors")
    assert key(model) != before


def test_edited_data_is_other_data(model, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    text = folder / "en.txt"
    text.write_text("an apple\n")
    for reference in (str(text), f"en={text}", str(folder), str(folder / "*.txt")):
        before = key(model, data=[reference])
        assert before is not None
        assert key(model, data=[reference]) == before
        rewritten(text)
        assert key(model, data=[reference]) != before
    before = key(model, {"word": "apple", "sentences": str(text)})
    rewritten(text)
    assert key(model, {"word": "apple", "sentences": str(text)}) != before


def test_another_question_has_another_key(model, monkeypatch):
    keys = [key(model), key(model, {"word": "bank"}), key(model, {"word": "apple", "layer": "1"})]
    keys += [key(model, plugin=("probes", "neighbors")), key(model, data=["demo:world"])]
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    keys.append(key(model))
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_what_cannot_be_told_has_no_key(model, tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for reference in ("-", str(pipe), str(tmp_path / "absent.txt"), "txt:somewhere"):
        assert key(model, data=[reference]) is None
    monkeypatch.setattr(question_key, "MOST_FILES", 3)
    assert key(model) is None


def test_a_file_that_an_option_names_counts_whatever_its_language_is_called(model, tmp_path):
    text = tmp_path / "pairs.tsv"
    text.write_text("an apple\tein Apfel\n")
    for word in (str(text), f"en={text}", f"english={text}", f"EN={text}"):
        before = key(model, {"pairs": ("zh=elsewhere", word)})
        assert before is not None
        rewritten(text)
        assert key(model, {"pairs": ("zh=elsewhere", word)}) != before


def test_what_an_option_reads_once_has_no_key(model, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for word in ("-", "en=-", str(pipe), f"english={pipe}", str(tmp_path)):
        assert key(model, {"pairs": [word]}) is None
    assert key(model, {"word": "-1 + 2 = 3"}) is not None


def test_code_that_changed_since_it_was_loaded_has_no_key(model, monkeypatch):
    monkeypatch.setattr(question_key, "LOADED_AT", Path(question_key.__file__).stat().st_ctime - 1)
    assert key(model) is None


def test_what_a_program_sets_in_torch_is_another_question(model, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "torch")
        unloaded = key(model)
    assert key(model) == unloaded is not None
    keys = [unloaded]
    torch.set_default_dtype(torch.float64)
    try:
        keys.append(key(model))
    finally:
        torch.set_default_dtype(torch.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        keys.append(key(model))
    finally:
        torch.set_num_threads(threads)
    assert len({*keys}) == 3
    assert key(model) == unloaded


def test_a_strangers_plugin_has_no_key(model, monkeypatch):
    find = question_key.registry.find
    monkeypatch.setattr(
        question_key.registry,
        "find",
        lambda kind, name: replace(find(kind, name), distribution="strangers"),
    )
    assert key(model) is None


@pytest.mark.usefixtures("cache")
def test_nothing_is_kept_beside_a_stranger(monkeypatch):
    monkeypatch.setattr(kept_answers, "has_met_strangers", lambda: True)
    kept("k", answer())
    assert recalled("k") is None


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["answer.json", "manifest.json"])
def test_damage_is_noticed_and_made_anew(name):
    kept("k", answer())
    path = answers_folder() / "k" / name
    path.write_bytes(
        path.read_bytes().replace(b"similarity", b"similarita").replace(b"blake2b", b"blake2c")
    )
    assert recalled("k") is None
    kept("k", answer())
    assert recalled("k") is not None


@pytest.mark.usefixtures("cache")
def test_what_was_not_asked_for_the_longest_goes_first(monkeypatch):
    monkeypatch.setattr(kept_answers, "MOST_KEPT", 3)
    for number, name in enumerate("abc"):
        kept(name, answer())
        os.utime(answers_folder() / name, ns=(number, number))
    recalled("a")
    kept("d", answer())
    assert sorted(path.name for path in answers_folder().iterdir()) == ["a", "c", "d"]
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 10)
    kept("e", answer())
    assert recalled("e") is None  # it alone is too large


def test_a_folder_that_takes_nothing_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert leaves(asdict(kept("k", answer()))) == leaves(asdict(answer()))
    assert recalled("k") is None


def forbidden(*given, **named):
    raise AssertionError("it is found out again")


@pytest.fixture
def run(world_run, tmp_path):
    folder = tmp_path / "first"
    shutil.copytree(world_run, folder)
    return folder


def files_of(looked):
    return {path.name: path.read_bytes() for path in looked.files}


def test_a_probe_is_asked_once(run, cache, monkeypatch):
    first = probe("similarity", Aim(str(run)), {"word": "apple"})
    written = files_of(first)
    monkeypatch.setattr(look, "look", forbidden)
    again = probe("similarity", Aim(str(run)), {"word": "apple"})
    assert leaves(asdict(again)) == leaves(asdict(first))
    assert files_of(again) == written
    with pytest.raises(AssertionError):
        probe("similarity", Aim(str(run)), {"word": "bank"})


def test_the_answer_is_that_of_no_cache(run, cache, monkeypatch, tmp_path):
    for _ in range(2):
        found = probe("similarity", Aim(str(run)), {"word": "apple"})
    monkeypatch.setattr(kept_answers, "recall", lambda key: None)
    anew = probe("similarity", Aim(str(run)), {"word": "apple"})
    assert leaves(asdict(anew)) == leaves(asdict(found))


def test_a_run_that_went_on_is_asked_anew(run, cache, monkeypatch):
    probe("similarity", Aim(str(run)), {"word": "apple"})
    checkpoint = locate_weights(str(run)).weights
    shutil.copytree(checkpoint, run / "milestones" / "step-000009")
    monkeypatch.setattr(look, "look", forbidden)
    with pytest.raises(AssertionError):
        probe("similarity", Aim(str(run)), {"word": "apple"})


def test_what_is_kept_is_said_without_torch(run, cache, tmp_path):
    said = f"""
import sys
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.probe import probe
probe("similarity", Aim({str(run)!r}), {{"word": "apple"}})
print("torch" in sys.modules)
"""
    command = [sys.executable, "-c", said]
    answers = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert answers == ["True\n", "False\n"]


def test_a_shift_for_a_text_is_fitted_once(run, cache, monkeypatch):
    settings = ShiftSettings(sentences=40, alpha=(0.5, 1.0), layers=(1, 2))

    def asked(text, **more):
        said = settings.model_copy(update=more)
        return translate_shift.shift_text(
            translate_shift.ShiftSource("centred"), Aim(str(run)), text, said
        )

    first, other = asked("an apple"), asked("the bank")
    fit = translate_shift.fit_for_text
    monkeypatch.setattr(translate_shift, "fit_for_text", forbidden)
    assert leaves(asdict(asked("an apple").report)) == leaves(asdict(first.report))
    assert leaves(asdict(asked("the bank", top=3).report)) == leaves(asdict(other.report))
    with pytest.raises(AssertionError):
        asked("an apple", sentences=41)
    monkeypatch.setattr(translate_shift, "fit_for_text", fit)
    shutil.rmtree(answers_folder())
    assert leaves(asdict(asked("the bank").report)) == leaves(asdict(other.report))
