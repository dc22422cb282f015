"""What is said of texts is refused where data holds images, tables or recordings, and the label of
a table's records is the column that is asked for.
"""

import csv
import json

import numpy as np
import pytest

import sslcli
from sslcli.cli.app import run
from sslcli.runs.references import generators, what_generates

TINY = [
    "--arch",
    "tiny",
    "-s",
    "model.shape.width=32",
    "-s",
    "model.shape.heads=2",
    "--device",
    "cpu",
    "--no-plot",
    "--batch-size",
    "16",
    "--max-steps",
    "2",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("items")
    random = np.random.default_rng(0)
    np.savez(place / "im.npz", images=random.integers(0, 256, (60, 8, 8), dtype=np.uint8),
             labels=np.arange(60) % 2)  # fmt: skip
    with open(place / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["p", "q", "kind", "label"])
        for number in range(160):
            cells = random.normal(size=2)
            writer.writerow([*(f"{x:.3f}" for x in cells), "uvw"[number % 3], int(cells[0] > 0)])
    with open(place / "bare.csv", "w", newline="") as file:
        csv.writer(file).writerows([["p", "q"], ["0.1", "0.2"], ["1", "-1"]])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for data, more in (("t.csv", ["--leave-out", "kind"]), ("im.npz", [])):
            line = ["pretrain", "--objective", "autoencoder", "--data", data, *more, *TINY]
            assert run([*line, "--name", data.partition(".")[0]]) == 0
    return place


@pytest.mark.parametrize(
    "flags",
    ["--seq-len 64", "--tokenizer bpe", "--vocabulary 300", "--language-exponent 0.5",
     "-s data.unit=sentence", "--tokenizer-from t"],
)  # fmt: skip
@pytest.mark.parametrize(("data", "held"), [("t.csv", "tables"), ("im.npz", "images")])
def test_settings_of_text_are_refused_with_arrays(flags, data, held, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    line = ["pretrain", "--objective", "autoencoder", "--data", data, "--name", "new", *TINY]
    assert run([*line, *flags.split()]) == 2
    said = capsys.readouterr().err
    name = flags.split()[0] if flags[1] == "-" else "data.unit"
    assert f"error: {name} is for text, and {data} holds {held}" in said
    assert not (place / "runs" / "new").exists()


def test_they_are_refused_with_shards_too_and_a_saved_run_can_be_typed_again(
    place, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    assert run(["tokenize", "--data", "im.npz", "--out", "cut"]) == 0
    line = ["pretrain", "--objective", "autoencoder", *TINY]
    assert run([*line, "--data", "cut", "--seq-len", "64", "--name", "of-cut"]) == 2
    assert "--seq-len is for text, and cut holds images" in capsys.readouterr().err
    assert run([*line, "--data", "cut", "--name", "of-cut"]) == 0
    (saved,) = (place / "runs" / "of-cut").glob("*.yaml")
    assert run(["pretrain", "-c", str(saved), "--name", "again", "--no-plot"]) == 0
    assert run(["tokenize", "--data", "t.csv", "--vocabulary", "99"]) == 2
    assert "--vocabulary is for text, and t.csv holds tables" in capsys.readouterr().err


FINETUNE = ["finetune", "classify", "--max-steps", "2", "--device", "cpu", "--no-plot"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--model t --data t.csv --seq-len 9", "--seq-len is for texts, and t.csv holds tables"),
        ("--model t --data t.csv --text-field p", "--text-field is for texts"),
        ("--model t --data t.csv --separator tab", "--separator is for texts"),
        ("--model t --data t.csv --columns a,b", "--columns is for texts"),
        ("--model im --data im.npz --quoted yes", "--quoted is for texts, and im.npz holds images"),
        ("--model im --data im.npz --label-field a", "a column of a table, and the data holds ima"),
        ("--model t --data t.csv --label-field kind,label", "names 2 columns"),
        ("--model t --data t.csv --label-field p", "column 'p' is one that the model reads"),
        ("--model t --data t.csv --label-field nix", "has no column 'nix'"),
    ],
)
def test_options_of_texts_are_refused_in_fine_tuning_of_items(
    flags, said, place, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    assert run([*FINETUNE, *flags.split(), "--name", "new"]) == 2
    found = capsys.readouterr().err
    assert said in found, found
    assert "hint:" in found


def test_the_label_of_a_record_is_the_column_that_is_asked_for(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    line = [*FINETUNE, "--model", "t", "--data", "t.csv"]
    assert run([*line, "--name", "usual"]) == 0
    assert run([*line, "--label-field", "kind", "--name", "kinds"]) == 0
    assert run([*line, "-s", "data.reader_options.label=kind", "--name", "same"]) == 0
    for name, labels in (("usual", {"0", "1"}), ("kinds", set("uvw")), ("same", set("uvw"))):
        capsys.readouterr()
        words = ["predict", "classify", "--model", name, "--data", "t.csv", "--out", f"{name}.json"]
        assert run(words) == 0
        found = [json.loads(each) for each in (place / f"{name}.json").open()]
        assert {each["prediction"] for each in found} <= labels, found[0]
        assert len(found) == 160
    assert run(["predict", "classify", "--model", "kinds", "--data", "bare.csv"]) == 0  # no label


def test_a_hint_on_bytes_names_what_the_reader_has(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (place / "latin.csv").write_bytes("x,city\n1,Zürich\n2,Oslo\n".encode("latin-1"))
    (place / "latin.txt").write_bytes("Zürich\n".encode("latin-1"))
    assert run(["pretrain", "--objective", "mae", "--data", "latin.csv", "--name", "new"]) == 2
    said = capsys.readouterr().err
    assert "is not UTF-8" in said
    assert "errors=replace" not in said
    assert run(["pretrain", "--objective", "mlm", "--data", "latin.txt", "--name", "new"]) == 2
    assert "--set data.reader_options.errors=replace" in capsys.readouterr().err


def test_answers_to_several_files_are_told_apart(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    lines = (place / "t.csv").read_text().splitlines(keepends=True)
    (place / "a.csv").write_text("".join(lines[:20]))
    (place / "b.csv").write_text("".join(lines[:1] + lines[40:50]))
    assert run([*FINETUNE, "--model", "t", "--data", "t.csv", "--name", "told"]) == 0
    line = ["predict", "classify", "--model", "told"]
    assert run([*line, "--data", "a.csv", "--data", "b.csv", "--out", "both.json"]) == 0
    found = [json.loads(each) for each in (place / "both.json").open()]
    assert len(found) == 19 + 10
    assert len({(each["file"], each["id"]) for each in found}) == len(found)
    by_call = sslcli.predict("told", task="classify", data=["a.csv", "b.csv"])
    assert [each["file"] for each in by_call] == [each["file"] for each in found]
    capsys.readouterr()
    assert run([*line, "--data", "b.csv"]) == 0
    alone = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert "file" not in alone[0]
    assert run([*line, "--data", "a.csv", "--data", "a.csv"]) == 2
    assert "a.csv is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"),
    [("t.csv", "of models that read tables, those of vae generate"),
     ("im.npz", "of models that read images, those of vae generate")],
)  # fmt: skip
def test_what_generates_of_what_a_model_reads_is_said(data, said, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert run(["generate", "--model", data.partition(".")[0]]) == 2
    assert said in capsys.readouterr().err


def test_what_generates_is_named_by_what_it_reads():
    assert "those of disentangle generate" in what_generates("sound")
    assert generators("text") == ["bart", "clm", "mlm", "text-autoencoder"]
    assert "fine-tuned for instruct" in what_generates("text")
