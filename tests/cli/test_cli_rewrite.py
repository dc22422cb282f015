"""`ssl finetune rewrite` from a BART directory to predictions, an export and back; resumed to the
bit.
"""

import json
import os

import pytest
import torch
from safetensors.torch import load_file
from stops import StopAtPoll

from sslcli.cli.app import run
from sslcli.core.heads import LanguageModelHead
from sslcli.core.presets import preset
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, from_seed
from sslcli.settings import FinetuneSettings
from sslcli.testing import tiny_records, tiny_tokenizer
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume

QUICK = ["--max-steps", "4", "--batch-size", "8", "--eval-every", "2", "--no-plot"]
SHAPE = {
    "width": 16,
    "heads": 2,
    "depth": 1,
    "feedforward_width": 32,
    "longest_tokens": 32,
}


@pytest.fixture(scope="module")
def bart(tmp_path_factory):
    """A directory of an untrained model that knows the words of the pairs."""
    folder, tokenizer = tmp_path_factory.mktemp("bart"), tiny_tokenizer()
    shape = preset("bart-tiny", "encoder_decoder", tokenizer.size, **SHAPE)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, 0)
    model = Pretrained(shape, folder, backbone.state_dict(), head.state_dict(), loaded=tokenizer)
    write_directory(model, folder, tokenizer)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    lines = [json.dumps(record.values) for record in tiny_records("parallel")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tuned(bart, pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    line = ["finetune", "rewrite", "--model", bart, "--data", pairs, "--out", folder, *QUICK]
    assert run([str(word) for word in line]) == 0
    return folder


def json_of(ended):
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]


def test_a_run_keeps_the_head_and_writes_source_target_and_prediction(tuned, bart):
    facts = json.loads((tuned / "run.json").read_text())
    assert facts["start"] == "pretrained"
    lines = [json.loads(line) for line in (tuned / "predictions.jsonl").read_text().splitlines()]
    assert lines
    assert all({"source", "gold", "prediction"} <= line.keys() for line in lines)
    scores = json.loads((tuned / "scores.json").read_text())
    assert {"chrF", "bleu", "rouge-1", "rouge-2", "rouge-l", "exact match"} <= {
        score["name"] for score in scores
    }
    for score in scores:
        assert {"copy", "chance"} <= score["baselines"].keys()


def test_the_export_answers_as_the_run_does(ssl, tuned, tmp_path):
    assert ssl("export", str(tuned), str(tmp_path / "hf")).code == 0
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["architectures"] == ["BartForConditionalGeneration"]
    assert config["sslcli"]["task"] == "rewrite"
    texts = ["the cat sees the dog in the garden .", "--beams", "3", "--json"]
    first, second = (
        json_of(ssl("predict", "rewrite", "--model", str(model), *texts))
        for model in (tuned, tmp_path / "hf")
    )
    assert [each.get("prediction") for each in first] == [each.get("prediction") for each in second]
    assert any(each.get("source") for each in first)


def test_evaluation_of_other_files(ssl, tuned, tmp_path):
    (tmp_path / "a.tsv").write_text("the cat\tcat\nthe dog\tdog\n", encoding="utf-8")
    ended = ssl("evaluate", "rewrite", "--model", str(tuned), "--data", str(tmp_path / "a.tsv"))
    assert ended.code == 0, ended.err
    assert "its first row is taken for an example" in ended.out + ended.err
    assert "word by word" in ended.out or "copy" in ended.out


def test_a_check_shows_source_and_target(ssl, bart, pairs):
    ended = ssl(
        "finetune",
        "rewrite",
        "--model",
        str(bart),
        "--data",
        str(pairs),
        "--check",
        "--seq-len",
        "6",
    )
    assert ended.code == 0, ended.err
    assert "of its source are cut off (--seq-len)" in ended.out
    assert "were cut at 6 tokens: the source of" in ended.out


def test_an_encoder_is_refused_in_one_sentence(ssl, pairs, tmp_path):
    shape = ["-s", "model.shape.width=16", "-s", "model.shape.depth=1", "-s", "model.shape.heads=2"]
    (tmp_path / "a.txt").write_text("the cat sees the dog .\n\n" * 40, encoding="utf-8")
    line = ["pretrain", "--objective", "mlm", "--data", str(tmp_path / "a.txt"), "--max-steps", "1"]
    assert ssl(*line, "--out", str(tmp_path / "mlm"), "--no-plot", *shape).code == 0
    ended = ssl("finetune", "rewrite", "--model", str(tmp_path / "mlm"), "--data", str(pairs))
    assert ended.code == 2
    assert "'rewrite' needs an encoder-decoder" in ended.err


def settings_for(bart, pairs, folder):
    return FinetuneSettings.model_validate(
        {
            "task": "rewrite",
            "model": {"source": str(bart), "dropout": 0.1},
            "data": {"train": [str(pairs)]},
            "optimizer": {"rate": 1e-2},
            "training": {
                "max_steps": 8,
                "batch_size": 12,
                "micro_batch_size": 5,
                "eval_every": 3,
                "save_every": 2,
            },
            "run": {"folder": str(folder), "plot": False},
        }
    )


@pytest.mark.parametrize("polls", [4, 15])
def test_a_resumed_run_equals_one_that_was_not_stopped(bart, pairs, tmp_path, polls):
    def ignore(event):
        pass

    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert finetune(settings_for(bart, pairs, whole), observe=ignore).outcome.reason == "done"
    settings = settings_for(bart, pairs, parted)
    first = finetune(settings, observe=ignore, stopper=StopAtPoll(polls))
    assert first.outcome.reason == "preempted"
    resume = Resume(parted)
    again = finetune(continued_finetuning(resume, settings), resume=resume, observe=ignore)
    assert again.outcome.reason == "done"
    assert (whole / "predictions.jsonl").read_bytes() == (parted / "predictions.jsonl").read_bytes()
    for name in ("backbone.safetensors", "learnable.safetensors"):
        one, other = (
            load_file(folder / "checkpoints" / "step-000008" / name) for folder in (whole, parted)
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert os.path.getsize(whole / "predictions.jsonl") > 0
