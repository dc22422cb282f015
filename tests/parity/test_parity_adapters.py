"""Adapters in PEFT's layout: peft computes from base and adapter what our merged model computes."""

import json
from dataclasses import replace

import pytest
import torch
from test_parity_answers import (
    HELD,
    LABELS,
    LOADERS,
    SHAPES,
    assert_equal_logits,
    head_of,
    model_of,
    our_logits,
    their_logits,
)
from test_parity_families import randomly, tokenizer_with
from tiny_models import TOLERANCE, tokens_of, transformers

from sslcli.core.adapters import add_adapters, merged_state
from sslcli.core.settings import AdapterSettings
from sslcli.errors import CheckError, UsageError
from sslcli.models.hf_directory import write_directory
from sslcli.models.loading import load_pretrained
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.export.adapters import OWN_FILES, export_adapter, write_adapter
from sslcli.workflows.export.export import export
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.pretrain.pretrain import pretrain

peft = pytest.importorskip("peft")
CASES = [
    *((name, kind, ["all"]) for name, kind in HELD),
    ("bert", "sequence", ["query", "value"]),
    ("bert", "tokens", ["down"]),
    ("roberta", "sequence", ["output", "up"]),
    ("gpt2", "tokens", ["query", "value"]),
    ("gpt2", "spans", ["key", "output"]),
    ("llama", "tokens", ["gate", "value"]),
]


def adapted_model(name, kind, adapters):
    """A base, its state with adapters, and the merged model with a head."""
    base = randomly(SHAPES[name])
    backbone = base.network()[0]
    add_adapters(backbone, adapters, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    adapted = {
        layer: torch.empty(value.shape).normal_(0, 0.3, generator=generator)
        if layer.endswith("lora_b")
        else value
        for layer, value in backbone.state_dict().items()
    }
    merged = replace(
        base,
        head=None,
        backbone=merged_state(adapted, adapters.alpha),
        answers=head_of(kind, base.settings),
    )
    return base, adapted, merged


@pytest.mark.parametrize(("name", "kind", "targets"), CASES)
def test_peft_computes_the_merged_model(name, kind, targets, tmp_path):
    adapters = AdapterSettings(rank=3, alpha=5.0, targets=targets)
    base, adapted, merged = adapted_model(name, kind, adapters)
    (tmp_path / "base").mkdir()
    write_directory(
        base, tmp_path / "base", tokenizer_with(pad=max(base.settings.position_offset - 1, 0))
    )
    write_adapter(merged, adapted, adapters, str(tmp_path / "base"), tmp_path / "adapter")
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == OWN_FILES
    labels = {} if kind == "spans" else {"num_labels": len(LABELS)}
    plain = getattr(transformers, LOADERS[kind]).from_pretrained(
        tmp_path / "base", attn_implementation="eager", **labels
    )
    model = peft.PeftModel.from_pretrained(plain, tmp_path / "adapter").eval()
    tokens_T, visible_BP = tokens_of()
    theirs = their_logits(model, tokens_T, visible_BP)
    assert_equal_logits(our_logits(merged, tokens_T), theirs)
    assert not torch.allclose(
        our_logits(replace(merged, backbone=base.backbone), tokens_T), theirs, atol=1e-3
    )
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())[
        "fan_in_fan_out"
    ] == (name == "gpt2")
    assert_equal_logits(
        our_logits(merged, tokens_T), their_logits(model.merge_and_unload(), tokens_T, visible_BP)
    )


def test_modules_are_named_as_in_every_layer_where_that_says_enough(tmp_path):
    for targets, expected in (
        (["query", "value"], ["attention.self.query", "attention.self.value"]),
        (["down"], [f"bert.encoder.layer.{layer}.output.dense" for layer in range(3)]),
        (["down", "output"], ["attention.output.dense", "output.dense"]),
    ):
        adapters = AdapterSettings(rank=2, targets=targets)
        _, adapted, merged = adapted_model("bert", "sequence", adapters)
        write_adapter(
            merged, adapted, adapters, "google/some-bert", tmp_path / "adapter", overwrite=True
        )
        config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
        assert config["target_modules"] == expected
        assert (config["task_type"], config["base_model_name_or_path"]) == (
            "SEQ_CLS",
            "google/some-bert",
        )
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "base_model: google/some-bert" in card
    assert "1 so so" in card


def test_what_has_no_adapters_is_refused(tmp_path):
    model = model_of(SHAPES["bert"], "sequence")
    for without in (model, replace(model, answers=None)):
        with pytest.raises(UsageError, match="has no"):
            write_adapter(
                without, without.backbone, AdapterSettings(), "base", tmp_path / "adapter"
            )
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        write_adapter(
            model, model.backbone, AdapterSettings(), "base", tmp_path / "adapter", overwrite=True
        )


@pytest.fixture(scope="module")
def tuned(text_corpus, module_cache, tmp_path_factory):
    """base/, a model directory; runs of classify that began with it: runs/lora, and runs/whole
    without adapters.
    """
    folder = tmp_path_factory.mktemp("tuned")
    settings = {
        "objective": "mlm",
        "data": {"train": [str(text_corpus)], "sequence_tokens": 32, "held_out": 0.1},
        "tokenizer": {"vocabulary": 150},
        "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2, "feedforward_width": 32}},
        "training": {"max_steps": 2, "batch_size": 8, "eval_samples": 8},
        "run": {"folder": str(folder / "pretrained"), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)
    export(str(folder / "pretrained"), folder / "base")
    for name, source, rank in (
        ("lora", "base", 2),
        ("later", "pretrained", 2),
        ("whole", "base", 0),
    ):
        settings = {
            "task": "classify",
            "data": {"train": ["demo:world"], "limit": 24},
            "model": {"source": str(folder / source)},
            "adapters": {"rank": rank, "targets": ["query", "down"]},
            "optimizer": {"rate": 0.02},
            "training": {"max_steps": 3, "batch_size": 8},
            "run": {"folder": str(folder / "runs" / name), "plot": False},
        }
        finetune(FinetuneSettings.model_validate(settings), observe=lambda event: None)
    return folder


def test_adapters_of_a_run_stand_beside_the_directory_that_it_began_with(tuned, tmp_path):
    export_adapter(str(tuned / "runs" / "lora"), tmp_path / "adapter")
    merged = load_pretrained(str(tuned / "runs" / "lora"))
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(
        tuned / "base", attn_implementation="eager"
    )
    model = peft.PeftModel.from_pretrained(plain, tmp_path / "adapter").eval()
    tokens_T, visible_BP = tokens_of()
    ours = our_logits(merged, tokens_T)
    assert float((ours - their_logits(model, tokens_T, visible_BP)).abs().max()) <= TOLERANCE
    with model.disable_adapter():
        assert float((ours - their_logits(model, tokens_T, visible_BP)).abs().max()) > 1e-4


def test_adapters_need_their_own_base(tuned, tmp_path):
    with pytest.raises(UsageError, match="no model directory"):
        export_adapter(str(tuned / "runs" / "later"), tmp_path / "adapter")
    export_adapter(str(tuned / "runs" / "later"), tmp_path / "adapter", str(tuned / "base"))
    export(str(tuned / "runs" / "whole"), tmp_path / "other", heads=False)
    with pytest.raises(CheckError, match="another model"):
        export_adapter(str(tuned / "runs" / "lora"), tmp_path / "second", str(tmp_path / "other"))
    for without in ("runs/whole", "pretrained", "base"):
        with pytest.raises(UsageError, match="has no"):
            export_adapter(str(tuned / without), tmp_path / "second")
    assert not (tmp_path / "second").exists()
