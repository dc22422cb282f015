"""Whole directories of each family: answers, continuations and exports beside transformers,
commands that say what they did with special tokens, and runs that were begun before a directory's
own counted.
"""

import json

import numpy as np
import pytest
import torch
from hub_directories import DIRECTORIES, roberta
from hub_texts import texts
from safetensors.torch import load_file
from stops import StopAtPoll
from tiny_models import drawn, transformers

from sslcli.cli.app import run
from sslcli.contracts.examples import Example
from sslcli.data.arrangements import enclose, join_pair
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Where
from sslcli.data.text import tokenizer as tokenizer_module
from sslcli.data.text.templates import usual_template
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.models.hf_directory import read_directory, write_directory
from sslcli.settings import PretrainSettings
from sslcli.workflows.export.export import export
from sslcli.workflows.generate.generate import generate
from sslcli.workflows.predict.predictor import Answerer
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

ENCODERS = (
    "BERT uncased",
    "BERT Chinese",
    "multilingual BERT",
    "RoBERTa",
    "XLM-R",
    "CamemBERT",
    "ALBERT",
)
DECODERS = ("GPT-2", "Llama 2", "Llama 3", "Mistral", "Qwen2", "SmolLM2-Instruct")
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 160,
}
GPT_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 160}
LABELS = {0: "no", 1: "yes"}
PAIRS = list(zip(texts(40, 5)[31:], texts(40, 6)[31:], strict=True))


def ignore(event):
    pass


def model_in(folder, kind, **more):
    """A tiny model with drawn weights beside the tokenizer of a directory."""
    content = json.loads((folder / "config.json").read_text())
    name = content.pop("model_type")
    rows = content.pop("vocab_size")
    sizes = (
        GPT_SIZES
        if name == "gpt2"
        else {**SIZES, "embedding_size": 16}
        if name == "albert"
        else SIZES
    )
    if name in ("llama", "mistral", "qwen2"):
        sizes = {**sizes, "num_key_value_heads": 1}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    content.setdefault("pad_token_id", tokenizer.pad_token_id)
    config = transformers.AutoConfig.for_model(name, vocab_size=rows, **sizes, **content, **more)
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    config._attn_implementation = "eager"
    model = drawn(getattr(transformers, f"AutoModelFor{kind}").from_config(config))
    model.save_pretrained(folder)
    return model, tokenizer


@pytest.mark.parametrize("name", ENCODERS)
def test_answers_about_pairs(name, tmp_path):
    folder = DIRECTORIES[name](tmp_path / "model")
    model, theirs = model_in(
        folder, "SequenceClassification", id2label=LABELS, label2id={"no": 0, "yes": 1}
    )
    answerer = Answerer.load(str(folder), "pairs", choose_hardware(HardwareSettings(device="cpu")))
    examples = [Example(str(n), Where("memory", n), pair, None, "") for n, pair in enumerate(PAIRS)]
    for pair, prediction in zip(PAIRS, answerer.predictions(examples, 4), strict=True):
        with torch.no_grad():
            logits = model(**theirs([pair[0]], [pair[1]], return_tensors="pt")).logits[0]
        expected = dict(zip(LABELS.values(), logits.softmax(0).tolist(), strict=True))
        assert prediction.details["probabilities"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_greedy_continuations(name, tmp_path):
    folder = DIRECTORIES[name](tmp_path / "model")
    model, theirs = model_in(folder, "CausalLM")
    for text in (
        "the cat sees",
        "foo_bar 2024 café",
        *(["<|im_start|>user\nthe dog<|im_end|>\n"] if "<|im_end|>" in theirs.get_vocab() else []),
    ):
        given = theirs(text, return_tensors="pt")
        whole = model.generate(
            given["input_ids"],
            attention_mask=given["attention_mask"],
            do_sample=False,
            max_new_tokens=12,
            pad_token_id=0,
        )
        (artifact,) = generate(str(folder), {"text": text, "temperature": 0.0, "new_tokens": 12}, 0)
        assert artifact.text == theirs.decode(whole[0], skip_special_tokens=True)


@pytest.mark.parametrize("name", [*ENCODERS, *DECODERS, "ModernBERT"])
def test_an_export_gives_transformers_the_ids_of_the_directory(name, tmp_path):
    folder = DIRECTORIES[name](tmp_path / "model")
    _, theirs = model_in(folder, "CausalLM" if name in DECODERS else "MaskedLM")
    report = export(str(folder), tmp_path / "out")
    assert not any("other tokens" in note for note in report.notes)
    again, ours = (
        transformers.AutoTokenizer.from_pretrained(tmp_path / "out"),
        Tokenizer.load(tmp_path / "out"),
    )
    for first, second in PAIRS:
        expected, found = theirs([first], [second]), again([first], [second])
        tokens, types = join_pair(*ours.encode_batch([first, second]), ours)
        assert found["input_ids"][0] == expected["input_ids"][0] == tokens.tolist()
        assert found.get("token_type_ids", [[0] * len(tokens)])[0] == types.tolist()
        assert (
            again(first)["input_ids"]
            == theirs(first)["input_ids"]
            == enclose(ours.encode(first), ours).tolist()
        )
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    if name in DECODERS and theirs.bos_token_id is not None:
        assert config["bos_token_id"] == theirs.bos_token_id
        assert (again.bos_token, again.eos_token) == (theirs.bos_token, theirs.eos_token)
    assert again.chat_template == theirs.chat_template


def test_a_shape_of_qwen2_with_other_tokens_is_exported_as_one_that_keeps_them(tmp_path):
    """transformers cuts text for model_type qwen2 by rules of its own, whatever tokenizer.json
    says.
    """
    folder = DIRECTORIES["Qwen2"](tmp_path / "model")
    model_in(folder, "CausalLM")
    other = DIRECTORIES["GPT-2"](tmp_path / "other")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).write_bytes((other / file).read_bytes())
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    run_like = Tokenizer.load(other)
    pretrained = read_directory(folder)
    (tmp_path / "out").mkdir()
    assert write_directory(pretrained, tmp_path / "out", run_like) == []
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "llama"
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    for text in texts(80):
        assert theirs(text)["input_ids"] == run_like.encode(text).tolist()
    again = read_directory(tmp_path / "out")
    assert again.settings == pretrained.settings
    assert all(
        torch.equal(value, again.backbone[name]) for name, value in pretrained.backbone.items()
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", attn_implementation="eager"
    ).eval()
    tokens = torch.from_numpy(run_like.encode("the cat sees a dog in Berlin"))[None]
    expected = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        assert float((model(tokens).logits - expected(tokens).logits).abs().max()) < 1e-5


def test_commands_say_what_they_read_as_text(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(tmp_path / "runs"))
    folder = roberta(tmp_path / "model")
    model_in(folder, "SequenceClassification", id2label=LABELS, label2id={"no": 0, "yes": 1})
    said = "read as plain text: </s> (1 times)"
    assert run(["predict", "classify", "--model", str(folder), "the cat </s> sees"]) == 0
    assert said in capfd.readouterr().err
    assert run(["tokenize", "--tokenizer-from", str(folder), "--show", "the </s> cat"]) == 0
    assert said in " ".join("".join(capfd.readouterr()).split())
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat </s> sees a dog\n\nthe dog sees Berlin\n" * 3)
    assert (
        run(
            [
                "tokenize",
                "--tokenizer-from",
                str(folder),
                "--data",
                str(corpus),
                "--out",
                str(tmp_path / "shards"),
            ]
        )
        == 0
    )
    assert "read as plain text: </s> (3 times)" in capfd.readouterr().err


def test_documents_parted_by_the_end_of_text_are_parted_by_one_token(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    folder = DIRECTORIES["GPT-2"](tmp_path / "model")
    (tmp_path / "corpus.txt").write_text(
        "the cat sees a dog.<|endoftext|>a dog in Berlin<|endoftext|>the Garden\n" * 4
    )
    line = [
        "tokenize",
        "--tokenizer-from",
        str(folder),
        "--data",
        str(tmp_path / "corpus.txt"),
        "--out",
        str(tmp_path / "shards"),
    ]
    assert run(line) == 0
    tokenizer = Tokenizer.load(tmp_path / "shards")
    found = np.concatenate([np.asarray(part) for part in tokens_of(tmp_path / "shards")])
    assert (found == tokenizer.end).sum() == 8


def tokens_of(shards):
    corpus = Corpus.open(shards, 32, "fill")
    yield corpus.tokens(0, int(corpus.sentences[-1]))


@pytest.mark.parametrize("name", ["RoBERTa", "Llama 2"])
def test_a_run_begun_before_goes_on_with_the_tokenizer_it_saved(
    name, tmp_path, monkeypatch, text_corpus
):
    """Such a run read directories as our own: [CLS] x [SEP], and special tokens were text."""
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(tmp_path / "runs"))
    folder = DIRECTORIES[name](tmp_path / "model")
    model_in(folder, "CausalLM" if name == "Llama 2" else "MaskedLM")
    settings = {
        run_name: PretrainSettings.model_validate(
            {
                "objective": "clm" if name == "Llama 2" else "mlm",
                "data": {"train": [str(text_corpus)], "sequence_tokens": 32, "held_out": 0.1},
                "model": {"source": str(folder)},
                "training": {
                    "max_steps": 6,
                    "batch_size": 8,
                    "save_every": 2,
                    "eval_every": 6,
                    "eval_samples": 8,
                },
                "run": {"folder": str(tmp_path / "runs" / run_name), "plot": False},
            }
        )
        for run_name in ("old", "whole", "new")
    }
    with monkeypatch.context() as patch:
        patch.setattr(tokenizer_module, "is_own", lambda *_: True)
        pretrain(settings["whole"], observe=ignore)
        assert (
            pretrain(settings["old"], observe=ignore, stopper=StopAtPoll(9)).outcome.reason
            == "preempted"
        )
    old = tmp_path / "runs" / "old"
    assert "split_special_tokens" not in (old / "tokenizer" / "tokenizer_config.json").read_text()
    assert (
        pretrain(
            continued_settings(Resume(old), settings["old"]), resume=Resume(old), observe=ignore
        ).outcome.reason
        == "done"
    )
    ends = [
        load_file(folder / "checkpoints" / "step-000006" / "backbone.safetensors")
        for folder in (old, tmp_path / "runs" / "whole")
    ]
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())
    pretrain(settings["new"], observe=ignore)
    kept, new = (Tokenizer.load(tmp_path / "runs" / run_name) for run_name in ("old", "new"))
    assert kept.template == usual_template(kept._roles())
    assert new.template != usual_template(new._roles())
    assert new.hash == Tokenizer.load(folder).hash != kept.hash
