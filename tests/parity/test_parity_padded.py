"""Embeddings with more rows than the tokenizer has tokens: such a row is never chosen, whatever its
score, and crashes nothing.
"""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import transformers
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from sslcli.cli.app import run
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.checkpoints.checkpoint_files import BACKBONE
from sslcli.errors import ModelError
from sslcli.folders import MANIFEST, sealed
from sslcli.models.loading import load_pretrained
from sslcli.workflows.generate.generate import generate

TEXTS = ["ann wrote the book in may and bob read it in june .", "the cat sat on the mat ."] * 4
ROWS = 384  # of the embeddings, of which the tokenizer has fewer
SIZES = {
    "vocab_size": ROWS,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 64,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
BERT = {
    "vocab_size": ROWS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip
LLAMA = {**BERT, "bos_token_id": 0, "eos_token_id": 0}
SPECIALS = ["<|endoftext|>", "[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]"]
NAMES = {"eos_token": SPECIALS[0], "unk_token": SPECIALS[0]}
BERT_NAMES = {
    "mask_token": "[MASK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
}


def byte_pairs():
    library = Library(models.BPE())
    library.pre_tokenizer, library.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    library.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return library


def written(folder, model, names):
    """A model of large weights, so that rows beyond the tokenizer are often the likeliest; of a
    head with a bias, always.
    """
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        if hasattr(model, "cls"):
            model.cls.predictions.bias[300:] = 9.0
    model.eval().save_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_pairs(), **names)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("padded")
    built = {
        "gpt2": (transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZES)), NAMES),
        "llama": (transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)), NAMES),
        "bert": (transformers.BertForMaskedLM(transformers.BertConfig(**BERT)), BERT_NAMES),
    }
    return {
        name: (folder / name, *written(folder / name, model, names))
        for name, (model, names) in built.items()
    }


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_decoder_chooses_as_transformers_does_among_the_tokens_there_are(directories, name):
    folder, model, tokenizer = directories[name]
    assert len(tokenizer) < ROWS
    for prompt in ("ann wrote the book", "the cat", "bob"):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        options = {"do_sample": False, "max_new_tokens": 24, "pad_token_id": 0}
        free = model.generate(ids, **options)[0]
        right = model.generate(ids, **options, suppress_tokens=list(range(len(tokenizer), ROWS)))[0]
        assert (free >= len(tokenizer)).any()
        (made,) = generate(
            str(folder), {"text": prompt, "temperature": 0, "new_tokens": 24}, seed=1
        )
        assert made.text == tokenizer.decode(right, skip_special_tokens=True)


def test_blanks_are_filled_with_tokens_that_are_and_keep_their_probability(directories):
    folder, model, tokenizer = directories["bert"]
    own = Tokenizer.load(folder)
    ids = np.asarray(tokenizer("ann [MASK]the book").input_ids)
    with torch.no_grad():
        shares = (
            model(torch.from_numpy(ids)[None]).logits[0, list(ids).index(own.mask)].softmax(dim=-1)
        )
    assert int(shares.argmax()) >= own.size
    right = shares[: own.size].topk(3)
    made = list(generate(str(folder), {"text": "ann [MASK]the book", "top": 3}, seed=1))
    assert [artifact.text for artifact in made] == [
        own.decode([token]).strip() for token in right.indices.tolist()
    ]
    assert [artifact.score for artifact in made] == pytest.approx(right.values.tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "objective"), [("gpt2", "clm"), ("llama", "clm"), ("bert", "mlm")]
)
def test_such_a_model_is_trained_further_and_shows_what_it_makes_up(
    directories, tmp_path, capfd, name, objective
):
    text = tmp_path / "text.txt"
    text.write_text(
        "\n\n".join(f"ann wrote book {n} in may and bob read it" for n in range(80)) + "\n",
        encoding="utf-8",
    )
    words = [
        "--model",
        str(directories[name][0]),
        "--data",
        str(text),
        "--seq-len",
        "32",
        "--batch-size",
        "4",
        "--max-steps",
        "2",
    ]
    assert (
        run(
            [
                "pretrain",
                "--objective",
                objective,
                *words,
                "--no-plot",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    assert "should not have happened" not in capfd.readouterr().err


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(directories, tmp_path, capfd):
    folder, model, tokenizer = directories["gpt2"]
    model.save_pretrained(tmp_path / "m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<more{n}>" for n in range(ROWS)])
    tokenizer.save_pretrained(tmp_path / "m")
    with pytest.raises(
        ModelError, match=f"has {len(tokenizer)} tokens, and the model knows {ROWS}"
    ):
        load_pretrained(str(tmp_path / "m")).tokenizer()
    (tmp_path / "text.txt").write_text("ann wrote\n\nbob read\n", encoding="utf-8")
    for words in (
        ["generate", "ann"],
        ["pretrain", "--objective", "clm", "--seq-len", "32", "--data", str(tmp_path / "text.txt")],
    ):
        assert run([*words, "--model", str(tmp_path / "m")]) == 2
        assert "they do not belong together" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("dtype", "value", "words"),
    [
        (torch.float64, 1e300, "beyond what float32 can hold"),
        (torch.float64, 3.5e38, "beyond what float32 can hold"),
        (torch.float64, float("nan"), "no finite numbers"),
        (torch.float16, float("inf"), "no finite numbers"),
        (torch.bfloat16, float("nan"), "no finite numbers"),
    ],
)
def test_weights_that_are_no_float32_are_refused(directories, tmp_path, dtype, value, words):
    """Of a head too, and one value among many."""
    for part in ("bert.encoder.layer.1.output.dense.weight", "cls.predictions.bias"):
        folder = tmp_path / part
        directories["bert"][1].save_pretrained(folder)
        tensors = load_file(folder / "model.safetensors")
        changed = tensors[part].to(dtype)
        changed.view(-1)[5] = value
        save_file(
            {**tensors, part: changed}, folder / "model.safetensors", metadata={"format": "pt"}
        )
        with pytest.raises(ModelError, match=words) as raised:
            load_pretrained(str(folder))
        assert part in raised.value.message


def test_float64_weights_that_are_float32_numbers_load(directories, tmp_path):
    folder = tmp_path / "m"
    directories["bert"][1].save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: value.double() for name, value in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    backbone = load_pretrained(str(folder)).backbone
    assert {value.dtype for value in backbone.values()} == {torch.float32}


def test_a_checkpoint_with_numbers_that_are_none_is_refused(world_run, tmp_path):
    """As a run that diverged leaves it: the seal is whole."""
    broken = tmp_path / "run"
    shutil.copytree(world_run, broken)
    (step,) = [
        path for path in (broken / "checkpoints").glob("step-*") if path.name == "step-000002"
    ]
    tensors = load_file(step / BACKBONE)
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] = float("nan")
    facts = json.loads((step / MANIFEST).read_text(encoding="utf-8"))
    files = {path.name: path.read_bytes() for path in step.iterdir() if path.name != MANIFEST}
    with sealed(
        step, {key: facts[key] for key in facts if key not in ("files", "seal", "format")}
    ) as aside:
        for file, content in files.items():
            (aside / file).write_bytes(content)
        save_file(tensors, aside / BACKBONE)
    with pytest.raises(ModelError, match=f"'{name}' holds values that are no finite numbers"):
        load_pretrained(f"{broken}:step-2")
