"""Finite weights, so large that what they compute is not finite: no command gives a figure."""

import json

import pytest
from safetensors.torch import load_file, save_file
from test_parity_directories import model_in
from test_parity_heads import data_of, directory, tokenizer
from test_parity_odd_directories import DIRECTORIES

from sslcli.cli.app import run

__all__ = ["tokenizer"]
WORDS = "what this model computes is no finite number"
TEXTS = {
    "sentiment": ["a good day"],
    "nli": ["a dog", "a cat"],
    "pos": ["a dog sleeps"],
    "qa": ["who ?", "a dog sleeps"],
}


BODY = {"layer.0.output.dense.weight": 1e38}
# All that a head reads is then about 10, or the 1 of its tanh, and the sum beyond float32.
SEQUENCE_HEAD = {"pooler.dense.bias": 10.0, "classifier.weight": 3e38}
LAST_BIAS = "output.LayerNorm.bias"
HEADS = {
    "sentiment": SEQUENCE_HEAD,
    "nli": SEQUENCE_HEAD,
    "pos": {LAST_BIAS: 10.0, "classifier.weight": 3e38},
    "qa": {LAST_BIAS: 10.0, "qa_outputs.weight": 3e38},
}


def overflowing(folder, values):
    """Some tensors hold one number everywhere, which float32 holds."""
    tensors = load_file(folder / "model.safetensors")
    for part, value in values.items():
        name = sorted(name for name in tensors if name.endswith(part))[-1]
        tensors[name] = tensors[name] * 0 + value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def refused(words, capfd):
    code = run([str(word) for word in words])
    out, err = capfd.readouterr()
    assert code == 2
    assert "nan" not in out.lower()
    return WORDS in err and "should not have happened" not in err


@pytest.mark.parametrize("part", ["body", "head"])
@pytest.mark.parametrize("name", TEXTS)
def test_answers_and_scores(tokenizer, tmp_path, capfd, name, part):
    directory(tmp_path / "m", name, tokenizer)
    model = overflowing(tmp_path / "m", HEADS[name] if part == "head" else BODY)
    data = data_of(tmp_path, name)
    assert refused(["predict", name, *TEXTS[name], "--model", model], capfd)
    assert refused(["evaluate", name, "--data", data, "--model", model], capfd)


@pytest.mark.parametrize("values", [BODY, {"transform.LayerNorm.weight": 3e38}])
def test_blanks(tmp_path, capfd, values):
    folder = DIRECTORIES["BERT uncased"](tmp_path / "m")
    model_in(folder, "MaskedLM")
    model = overflowing(folder, values)
    assert refused(["generate", "the [MASK]", "--model", model], capfd)


def test_probes_shifts_and_exports(tmp_path, capfd):
    folder = DIRECTORIES["BERT uncased"](tmp_path / "m")
    model_in(folder, "MaskedLM")
    model = overflowing(folder, BODY)
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"the dog sees cat {n} today" for n in range(30)), encoding="utf-8")
    given = ["--model", model, "--data", text, "--out", tmp_path / "out"]
    for probe in ("similarity", "neighbors"):
        assert refused(["probe", probe, "dog", *given], capfd)
    both = ["--data", f"en={text}", "--data", f"zh={text}", "--out", tmp_path / "out"]
    assert refused(["translate-shift", "the dog", "--model", model, *both], capfd)
    assert refused(["export", model, tmp_path / "export"], capfd)
    assert not (tmp_path / "export").exists()


def test_a_training_that_begins_so_blames_the_weights(tokenizer, tmp_path, capfd):
    directory(tmp_path / "m", "sentiment", tokenizer)
    model, data = overflowing(tmp_path / "m", BODY), data_of(tmp_path, "sentiment")
    words = ["--model", model, "--data", data, "--eval-data", data, "--max-steps", "2", "--no-plot"]
    assert run(["finetune", "sentiment", *words, "--out", str(tmp_path / "out")]) == 1
    said = capfd.readouterr().err
    assert "the weights that it begins with are damaged" in said
    assert "--lr" not in said.partition("error:")[2]


def test_large_weights_that_compute_numbers_are_used(tokenizer, tmp_path, capfd):
    directory(tmp_path / "m", "sentiment", tokenizer)
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    tensors["classifier.weight"] *= 1e20
    save_file(tensors, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    assert run(["predict", "sentiment", "a good day", "--model", str(tmp_path / "m")]) == 0
    (answer,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert answer["prediction"] in ("bad", "good")
    assert 0 <= answer["confidence"] <= 1
