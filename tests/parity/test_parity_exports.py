"""From a pretraining run to a directory that transformers loads, with the tokenizer's ids and the
model's numbers.
"""

import json
import shutil

import pytest
import torch
from tiny_models import transformers

from sslcli.data.arrangements import enclose
from sslcli.errors import CheckError, UsageError
from sslcli.models.loading import load_pretrained
from sslcli.settings import PretrainSettings
from sslcli.workflows.export import export as export_module
from sslcli.workflows.export.export import export
from sslcli.workflows.pretrain.pretrain import pretrain

SHAPES = {
    "mlm": {"width": 16, "heads": 2, "feedforward_width": 32},
    "clm": {"width": 16, "heads": 2, "feedforward_width": 32},
    "mlm+nsp": {"width": 16, "heads": 2, "feedforward_width": 32},
    "mlm+sop": {
        "width": 16,
        "heads": 2,
        "feedforward_width": 32,
        "embedding_width": 8,
        "shared_layers": True,
    },
}
TEXTS = ["The cat sees the dog in the garden.", "the [MASK] likes a fish", "zzz 苹果"]


@pytest.fixture(scope="module")
def runs(text_corpus, module_cache, tmp_path_factory):
    """One short run an objective, by its name."""
    folder = tmp_path_factory.mktemp("runs")
    for objective, shape in SHAPES.items():
        settings = {
            "objective": objective,
            "data": {"train": [str(text_corpus)], "sequence_tokens": 32, "held_out": 0.1},
            "tokenizer": {"vocabulary": 300},
            "model": {"preset": "tiny", "shape": shape},
            "training": {"max_steps": 2, "batch_size": 8, "eval_samples": 8},
            "run": {"folder": str(folder / objective), "plot": False},
        }
        pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)
    return folder


@pytest.mark.parametrize(
    ("objective", "loader"),
    [
        ("mlm", "AutoModelForMaskedLM"),
        ("clm", "AutoModelForCausalLM"),
        ("mlm+nsp", "AutoModelForPreTraining"),
        ("mlm+sop", "AutoModelForPreTraining"),
    ],
)
def test_a_run_becomes_a_directory_that_loads_without_a_word(runs, tmp_path, objective, loader):
    report = export(str(runs / objective), tmp_path / "out", transformers=True)
    assert report.notes == []
    assert len(report.tables[0].rows) == 3
    _, loading = getattr(transformers, loader).from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == export_module.OWN_FILES


@pytest.mark.parametrize("objective", ["mlm+nsp", "mlm+sop", "clm"])
def test_a_body_loads_as_automodel_without_a_word(runs, tmp_path, objective):
    export(str(runs / objective), tmp_path / "out", heads=False)
    _, loading = transformers.AutoModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )


def test_a_body_that_never_had_a_pooler_loads_without_one(runs, tmp_path):
    export(str(runs / "mlm"), tmp_path / "out", heads=False)
    _, loading = transformers.AutoModel.from_pretrained(
        tmp_path / "out", output_loading_info=True, add_pooling_layer=False
    )
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_autotokenizer_gives_the_ids_of_our_samples(runs, tmp_path, objective):
    export(str(runs / objective), tmp_path / "out")
    ours, theirs = (
        load_pretrained(str(runs / objective)).tokenizer(),
        transformers.AutoTokenizer.from_pretrained(tmp_path / "out"),
    )
    for text in TEXTS:
        plain = ours.encode(text.replace("[MASK]", " "))
        expected = enclose(plain, ours) if objective == "mlm" else plain
        assert theirs(text.replace("[MASK]", " "))["input_ids"] == expected.tolist()
    assert theirs.model_max_length == 512
    assert theirs.mask_token_id == ours.mask


@pytest.mark.parametrize("before", [False, True])
def test_transformers_cuts_blanks_as_a_run_with_byte_pieces_does(tmp_path, text_corpus, before):
    """Or it is said, of a run from before masks said that they take the space before them."""
    settings = {
        "objective": "mlm",
        "data": {"train": [str(text_corpus)], "sequence_tokens": 32, "held_out": 0.1},
        "tokenizer": {"vocabulary": 300, "kind": "bpe", "options": {"encoder_tokens": True}},
        "model": {"preset": "tiny", "shape": SHAPES["mlm"]},
        "training": {"max_steps": 1, "batch_size": 8, "eval_samples": 8},
        "run": {"folder": str(tmp_path / "run"), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)
    if before:
        path = tmp_path / "run" / "tokenizer" / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        for token in content["added_tokens"]:
            token["lstrip"] = False
        path.write_text(json.dumps(content), encoding="utf-8")
    report = export(str(tmp_path / "run"), tmp_path / "out")
    ours = load_pretrained(str(tmp_path / "run")).tokenizer()
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    (tokens,) = ours.encode_with_blanks(["the <mask> likes a fish"])
    assert (
        theirs("the <mask> likes a fish")["input_ids"] == enclose(tokens, ours).tolist()
    ) != before
    assert theirs("the<mask> likes a fish")["input_ids"] == enclose(tokens, ours).tolist()
    assert any("space before <mask>" in note for note in report.notes) == before


def test_pipelines_run(runs, tmp_path):
    export(str(runs / "mlm"), tmp_path / "mlm")
    blanks = transformers.pipeline("fill-mask", model=str(tmp_path / "mlm"))(
        "The cat sees the [MASK] in the garden."
    )
    assert len(blanks) == 5
    export(str(runs / "clm"), tmp_path / "clm")
    text = transformers.pipeline("text-generation", model=str(tmp_path / "clm"))(
        "The cat", max_new_tokens=4
    )[0]["generated_text"]
    assert text.startswith("The cat")


def test_an_export_is_a_model_to_start_from(runs, tmp_path):
    export(str(runs / "mlm+nsp"), tmp_path / "first")
    export(str(tmp_path / "first"), tmp_path / "second")
    first, second = (load_pretrained(str(tmp_path / name)) for name in ("first", "second"))
    assert first.heads == second.heads == {"head", "pooler", "classifier"}
    for part in ("backbone", "head", "pooled"):
        ours, again = getattr(first, part), getattr(second, part)
        assert ours.keys() == again.keys()
        assert all(torch.equal(ours[name], again[name]) for name in ours)


def test_the_card_says_what_was_trained(runs, tmp_path):
    export(str(runs / "mlm"), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    last = [
        json.loads(line)
        for line in (runs / "mlm" / "metrics.jsonl").read_text().splitlines()
        if '"eval"' in line
    ][-1]
    assert "pipeline_tag: fill-mask" in card
    assert f"{last['loss']:.4g}" in card
    assert "| objective | mlm |" in card


def test_a_difference_is_refused_and_leaves_nothing(runs, tmp_path, monkeypatch):
    def read_wrongly(folder):
        read = load_pretrained(str(folder))
        read.backbone["inputs.token.weight"][7] *= 1.01
        return read

    monkeypatch.setattr(export_module, "read_directory", read_wrongly)
    with pytest.raises(CheckError, match="other numbers"):
        export(str(runs / "mlm"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_stands_in_the_folder_is_safe(runs, tmp_path):
    folder = tmp_path / "out"
    export(str(runs / "mlm"), folder)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="not empty"):
        export(str(runs / "clm"), folder)
    assert (folder / "model.safetensors").read_bytes() == before
    export(str(runs / "clm"), folder, overwrite=True)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "gpt2"
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        export(str(runs / "mlm"), folder, overwrite=True)
    assert (folder / "thesis.tex").read_text() == "years of work"
    shutil.rmtree(folder)
    folder.write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        export(str(runs / "mlm"), folder, overwrite=True)
