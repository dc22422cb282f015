"""Tasks of decoders and of encoder-decoders, whose halves both read the text: the rows that a head
reads there have seen only what stands before them.
"""

import json

import pytest
import torch

from sslcli import registry
from sslcli.cli.app import run
from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.packing import Packing
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, from_seed

TASKS = ("sentiment", "nli", "pos", "qa")


@pytest.fixture(scope="module")
def directory(tmp_path_factory, world_run):
    """A tiny BART with random weights and a learnt tokenizer."""
    folder = tmp_path_factory.mktemp("bart")
    tokenizer = Tokenizer.load(world_run / "tokenizer")
    shape = preset("bart-tiny", "encoder_decoder", tokenizer.size, width=32, feedforward_width=64)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, 0)
    weights = Pretrained(shape, folder, backbone.state_dict(), head.state_dict())
    write_directory(weights, folder, tokenizer)
    return folder


def test_the_tokens_that_a_decoder_reads_are_one_place_later():
    inputs = Inputs.pack([torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([9, 10])])
    told = inputs.shifted(2)
    assert told.tokens_T.tolist() == [2, 5, 6, 2, 2, 9]
    assert told.packing is inputs.packing
    assert inputs.tokens_T.tolist() == [5, 6, 7, 8, 9, 10], "the inputs stay as they are"


def test_a_class_is_read_where_the_decoder_has_read_all():
    rows_TD = torch.randn(6, 32)
    hidden = Hidden(rows_TD, Packing.of([3, 1, 2]))
    for architecture, rows in (
        ("encoder", [0, 3, 4]),
        ("decoder", [2, 3, 5]),
        ("encoder_decoder", [2, 3, 5]),
    ):
        head = PooledClassifier(preset("tiny", architecture, 10, width=32), 4)
        expected = head.classifier(head.pooler(rows_TD[rows]).tanh())
        torch.testing.assert_close(head(hidden), expected)


@pytest.mark.parametrize("name", TASKS)
def test_both_halves_learn_a_task(name, directory, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["finetune", name, "--model", str(directory), "--name", "it", "--max-steps", "4"]
    words += ["-s", "training.batch_size=8", "--limit", "200"]
    code = run(words)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "both halves read the text, the decoder answers" in printed.out + printed.err
    assert "2 + 2 layers" in printed.out + printed.err


def test_a_readout_task_takes_every_architecture():
    for name in TASKS:
        architectures = registry.attribute("tasks", name, "architectures")
        assert architectures == {"encoder", "decoder", "encoder_decoder"}


@pytest.fixture(scope="module")
def decoder(tmp_path_factory, world_run):
    """A tiny GPT-2 with random weights and a tokenizer with [CLS] and [SEP]."""
    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = Tokenizer.load(world_run / "tokenizer")
    shape = preset("tiny", "decoder", tokenizer.size, width=32, feedforward_width=64)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, 0)
    weights = Pretrained(shape, folder, backbone.state_dict(), head.state_dict())
    write_directory(weights, folder, tokenizer)
    return folder


@pytest.mark.parametrize("name", TASKS)
def test_a_decoder_learns_a_task_and_is_exported_where_a_class_holds_its_head(
    name, decoder, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["finetune", name, "--model", str(decoder), "--name", "it", "--max-steps", "4"]
    words += ["-s", "training.batch_size=8", "--limit", "200"]
    code = run(words)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "a decoder: each token is read without those after it" in printed.out + printed.err
    of_sequences = name in ("sentiment", "nli")
    assert run(["export", "it", "out", "--transformers"]) == (2 if of_sequences else 0)
    printed = capsys.readouterr()
    refused = "a gpt2 directory has no place for a head that answers about sequence as ours does"
    assert (refused in printed.err) == of_sequences


def test_what_a_class_is_read_from_has_seen_the_whole_text(decoder, tmp_path, monkeypatch):
    """Another last word changes a decoder's answer: that of the first row would stay."""
    monkeypatch.chdir(tmp_path)
    rows = [f'{{"text": "the fruit is {word}", "label": "{word}"}}' for word in ("sweet", "sour")]
    (tmp_path / "ends.jsonl").write_text("\n".join(rows * 40))
    words = ["finetune", "sentiment", "--model", str(decoder), "--name", "ends", "--lr", "3e-3"]
    words += ["--data", "ends.jsonl", "--eval-data", "ends.jsonl", "--max-steps", "30"]
    assert run([*words, "-s", "training.batch_size=8"]) == 0
    (accuracy, *_) = json.loads((tmp_path / "runs" / "ends" / "scores.json").read_text())
    assert (accuracy["name"], accuracy["value"]) == ("accuracy", 1.0)


def test_what_would_learn_nothing_is_refused(directory, tmp_path, capsys, monkeypatch):
    """The head of a task that writes is the embedding matrix, and frozen with the backbone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.tsv").write_text("source\ttarget\n" + "a cat\ta dog\nall\tcats\n" * 8)
    words = ["finetune", "rewrite", "--model", str(directory), "--data", "pairs.tsv", "--freeze"]
    assert run([*words, "--dry-run"]) == 2
    assert "with --freeze nothing would learn" in capsys.readouterr().err
    assert run([*words, "--lora-rank", "2", "--max-steps", "1", "--name", "adapted"]) == 0
