"""What a model of recordings is good for: it tells singers apart, by fine-tuning and by probes."""

import json

import numpy as np
import pytest
import soundfile
from songs import sung

from sslcli.cli.app import run

TRAINED = (
    "pretrain --objective mask-frames --data songs --arch tiny --batch-size 8 --lr 3e-3 --device cpu --no-plot"
    " --max-steps 10 --set data.held_out=0.25 --name model"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, module_cache):
    """Singer a sings high, singer b low; and a model of both."""
    folder = tmp_path_factory.mktemp("sound")
    sung(folder / "songs", 60, seconds=0.4, hertz={"a": (600, 900), "b": (150, 300)})
    sung(folder / "others", 20, seconds=0.4, hertz={"a": (600, 900), "b": (150, 300)}, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(TRAINED.split()) == 0
    return folder


def test_singers_are_told_apart_after_fine_tuning(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = "finetune classify --model model --data songs --test-data others --max-steps 30 --device cpu"
    assert run([*line.split(), "--no-plot", "--name", "singers"]) == 0
    found = json.loads((folder / "runs" / "singers" / "report.json").read_text())
    scores = {score["name"]: score["value"] for score in found["scores"]}
    assert scores["accuracy"] > 0.9


def test_answers_are_told_apart_by_files_and_segments(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = "finetune classify --model model --data songs --max-steps 1 --device cpu --no-plot -q"
    halves = ["--set", "data.reader_options.segment=0.2", "--name", "told"]
    assert run([*line.split(), *halves]) == 0
    capsys.readouterr()
    words = ["predict", "classify", "--model", "told", "--data", "others", "--device", "cpu", "-q"]
    assert run(words) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("others/*/*.wav"))
    ids = [each["id"] for each in found]
    assert sorted(ids) == sorted([*files, *(f"{file}, record 2" for file in files)])


def test_layers_are_probed_beside_the_frames_themselves(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["probe", "layers", "--model", "model", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    linear = document["report"]["scores"][0]
    assert linear["name"].startswith("linear, layer")
    assert {"majority", "numbers of the items", "untrained, same layer"} <= linear[
        "baselines"
    ].keys()
    assert linear["value"] > 0.8


def test_other_rates_than_the_models_are_refused(folder, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(folder)
    sung(tmp_path / "fast", 12, rate=16_000)
    assert run(["probe", "layers", "--model", "model", "--data", str(tmp_path / "fast")]) != 0
    said = capsys.readouterr().err
    assert "16,000 samples a second" in said
    assert "--rate 8000" in said


def test_another_rate_with_as_many_bands_is_refused_and_brought_to_the_models(
    folder, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(folder)
    sung(tmp_path / "fast", 12, rate=16_000, hertz={"a": (600, 900), "b": (150, 300)})
    line = "finetune classify --model model --max-steps 1 --device cpu --no-plot --name brought"
    words = [*line.split(), "--data", str(tmp_path / "fast"), "--set"]
    assert run([*words, "data.reader_options.bands=40"]) == 2
    said = capsys.readouterr().err
    assert "16,000 samples a second, 40 mel bands" in said
    assert "the model reads 8,000 samples a second, 40 mel bands" in said
    assert run([*words, said.split("--set ")[1].split(";")[0].strip()]) == 0


def test_where_all_recordings_are_silent_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("still.wav", np.zeros(8_000), 8_000)
    assert run(["pretrain", "--objective", "mask-frames", "--data", "still.wav"]) == 2
    said = capsys.readouterr().err
    assert "there is no row in still.wav" in said
    assert "still.wav is silent, and is left out" in said


def test_images_are_not_for_a_model_of_recordings(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    np.save("images.npy", np.zeros((40, 8, 8), dtype=np.uint8))
    line = "pretrain --objective autoencoder --data images.npy --model model --device cpu"
    assert run(line.split()) == 2
    assert "images.npy holds images, and model reads sound" in capsys.readouterr().err
