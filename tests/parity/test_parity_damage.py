"""Directories that cannot be used: each is refused with one sentence and one hint, and nothing in
them is ever run.
"""

import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import KINDS

from sslcli.errors import ModelError
from sslcli.models.loading import load_pretrained


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    for name in ("bert", "roberta", "albert", "modernbert", "gpt2", "llama", "qwen2"):
        KINDS[name].build().save_pretrained(folder / name)
    return folder


def config(**changes):
    """Change keys of config.json."""

    def damage(folder):
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def text(content):
    """Another config.json altogether."""
    return lambda folder: (folder / "config.json").write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def weights(change):
    """Change the tensors, a dict, in place."""

    def damage(folder):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def raw(change):
    """Change the bytes of model.safetensors."""

    def damage(folder):
        path = folder / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))

    return damage


def index(content):
    return lambda folder: (folder / "model.safetensors.index.json").write_text(content)


def renamed(name):
    return lambda folder: (folder / "model.safetensors").rename(folder / name)


def pickled(name):
    """A pickle that would leave a file behind, were it ever loaded."""

    def damage(folder):
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(
            b"cos\nsystem\n(S'touch " + str(folder / "ran").encode() + b"'\ntR."
        )

    return damage


def put(name, value):
    return weights(lambda tensors: tensors.update({name: value(tensors[name])}))


def with_nan(value):
    value[0] = float("nan")
    return value


def in_its_place(name):
    """A folder where a file should be."""
    return lambda folder: ((folder / name).unlink(), (folder / name).mkdir())


def in_two_files(folder):
    shutil.copy(folder / "model.safetensors", folder / "a.safetensors")
    renamed("b.safetensors")(folder)


QUERY = "bert.encoder.layer.3.attention.self.query.weight"
WORDS = "bert.embeddings.word_embeddings.weight"
HALF_A_POOLER = {"bert.pooler.dense.weight": torch.ones(32, 32)}
CASES = {
    # config.json
    "no config": ("bert", lambda folder: (folder / "config.json").unlink(), "neither a run nor"),
    "empty config": ("bert", text(""), "not JSON"),
    "half a config": ("bert", text('{"model_type": "be'), "not JSON"),
    "config of other bytes": ("bert", text(b"\xff\xfe\x00"), "not JSON"),
    "config is a list": ("bert", text("[1, 2]"), "must hold an object"),
    "config of great depth": ("bert", text("[" * 100_000), "not JSON"),
    "config is a folder": ("bert", in_its_place("config.json"), "neither a run nor"),
    "no model_type": ("bert", config(model_type=None), "model_type"),
    "model_type is a number": ("bert", config(model_type=3), "model_type"),
    "unknown model_type": ("bert", config(model_type="berta"), "'berta'"),
    "another model_type": ("bert", config(model_type="roberta"), "under 'bert'"),
    "quantised": ("llama", config(quantization_config={"bits": 4}), "quantised"),
    "no width": ("bert", config(hidden_size=None), "hidden_size"),
    "width is text": ("bert", config(hidden_size="wide"), "hidden_size"),
    "width is true": ("bert", config(hidden_size=True), "hidden_size"),
    "width is 0": ("bert", config(hidden_size=0), "hidden_size"),
    "width is negative": ("bert", config(hidden_size=-32), "hidden_size"),
    "width is immense": ("bert", config(hidden_size=10**18), "hidden_size"),
    "width does not divide": ("bert", config(num_attention_heads=5), "not divisible"),
    "heads do not share": ("llama", config(num_key_value_heads=3), "share"),
    "a billion layers": ("bert", config(num_hidden_layers=90_000_000), "depth"),
    "epsilon is no number": ("bert", config(layer_norm_eps=float("nan")), "layer_norm_eps"),
    "unknown activation": ("bert", config(hidden_act="gelu_fancy"), "hidden_act"),
    "activation is a list": ("bert", config(hidden_act=["gelu"]), "hidden_act"),
    "relative positions": (
        "bert",
        config(position_embedding_type="relative_key"),
        "position_embedding_type",
    ),
    "a BERT that decodes": ("bert", config(is_decoder=True), "is_decoder"),
    "dropout of 1": ("bert", config(hidden_dropout_prob=1.0), "dropout"),
    "roberta with another activation": ("roberta", config(hidden_act="relu"), "hidden_act"),
    "roberta whose pad token leaves no position": (
        "roberta",
        config(pad_token_id=40),
        "pad_token_id",
    ),
    "albert of two groups": ("albert", config(num_hidden_groups=2), "num_hidden_groups"),
    "albert with wide embeddings": ("albert", config(embedding_size=32), "embedding_size"),
    "modernbert with biases": ("modernbert", config(attention_bias=True), "attention_bias"),
    "modernbert without its bias": ("modernbert", config(decoder_bias=False), "decoder_bias"),
    "modernbert of another rhythm": (
        "modernbert",
        config(layer_types=["sliding_attention"] * 4 + ["full_attention"]),
        "layer_types",
    ),
    "modernbert of unknown layers": (
        "modernbert",
        config(layer_types=["linear_attention"] * 5),
        "layer_types",
    ),
    "modernbert with another head": (
        "modernbert",
        config(classifier_activation="relu"),
        "classifier_activation",
    ),
    "modernbert with scaled positions": (
        "modernbert",
        config(rope_parameters={"full_attention": {"rope_type": "yarn"}}),
        "yarn",
    ),
    "gpt2 with scaled attention": (
        "gpt2",
        config(scale_attn_by_inverse_layer_idx=True),
        "scale_attn_by_inverse_layer_idx",
    ),
    "llama with scaled positions": (
        "llama",
        config(rope_parameters={"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}),
        "llama3",
    ),
    "llama scaled as before 2026": (
        "llama",
        config(rope_parameters=None, rope_scaling={"type": "linear", "factor": 2.0}),
        "linear",
    ),
    "llama that turns a part": (
        "llama",
        config(rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.5}),
        "0.5",
    ),
    "llama with a rotary base of 0": (
        "llama",
        config(rope_parameters={"rope_theta": 0}),
        "rotary_base",
    ),
    "llama whose rope is a number": ("llama", config(rope_parameters=7), "rope_parameters"),
    "llama with biases": ("llama", config(attention_bias=True), "q_proj.bias"),
    "qwen2 of mixed layers": (
        "qwen2",
        config(use_sliding_window=True, sliding_window=4, max_window_layers=2, layer_types=None),
        "window",
    ),
    # weights
    "no weights": (
        "bert",
        lambda folder: (folder / "model.safetensors").unlink(),
        "no model.safetensors",
    ),
    "only a pickle": ("bert", pickled("pytorch_model.bin"), "pytorch_model.bin"),
    "only a checkpoint": ("bert", pickled("model.ckpt"), "model.ckpt"),
    "a pickle under another name": ("bert", pickled("model.safetensors"), "safetensors"),
    "empty weights": ("bert", raw(lambda data: b""), "model.safetensors"),
    "half the weights": ("bert", raw(lambda data: data[: len(data) // 2]), "model.safetensors"),
    "a byte short": ("bert", raw(lambda data: data[:-1]), "model.safetensors"),
    "bytes too many": ("bert", raw(lambda data: data + b"more"), "model.safetensors"),
    "an immense header": (
        "bert",
        raw(lambda data: struct.pack("<Q", 2**62) + data[8:]),
        "model.safetensors",
    ),
    "a torn header": (
        "bert",
        raw(lambda data: data[:8] + b"x" * 40 + data[48:]),
        "model.safetensors",
    ),
    "weights are a folder": ("bert", in_its_place("model.safetensors"), "model.safetensors"),
    "no tensor at all": ("bert", weights(dict.clear), "no tensor|are 0 tensors"),
    "a tensor is missing": ("bert", weights(lambda tensors: tensors.pop(QUERY)), QUERY),
    "the embeddings are missing": ("bert", weights(lambda tensors: tensors.pop(WORDS)), WORDS),
    "half a head": (
        "bert",
        weights(lambda tensors: tensors.pop("cls.predictions.transform.dense.weight")),
        "transform.dense.weight",
    ),
    "half a pooler": (
        "bert",
        weights(lambda tensors: tensors.update(HALF_A_POOLER)),
        "pooler.dense.bias",
    ),
    "a tensor of another shape": ("bert", put(QUERY, lambda value: value[:-1].clone()), QUERY),
    "a tensor with one dimension more": (
        "bert",
        put(QUERY, lambda value: value[None].clone()),
        QUERY,
    ),
    "a transposed tensor": (
        "gpt2",
        put("transformer.h.1.mlp.c_fc.weight", lambda value: value.T.contiguous()),
        "c_fc.weight",
    ),
    "whole numbers": ("bert", put(QUERY, lambda value: value.to(torch.int8)), "quantised"),
    "not a number": ("bert", put(QUERY, with_nan), QUERY),
    "infinite": ("bert", put(WORDS, lambda value: value / 0), WORDS),
    "another vocabulary": ("bert", config(vocab_size=61), WORDS),
    "two models in one": (
        "bert",
        weights(lambda tensors: tensors.update({f"teacher.{WORDS}": tensors[WORDS].clone()})),
        "2 models",
    ),
    "fewer layers than it says": ("bert", config(num_hidden_layers=6), "layer.5"),
    # several files
    "an index that is a list": ("bert", index("[]"), "index.json"),
    "an index without a map": ("bert", index("{}"), "index.json"),
    "an index of numbers": ("bert", index('{"weight_map": {"a": 3}}'), "index.json"),
    "an index that leaves the folder": (
        "bert",
        index('{"weight_map": {"a": "../bert/model.safetensors"}}'),
        "index.json",
    ),
    "an index of missing files": (
        "bert",
        index('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
        "model-00001-of-00002",
    ),
    "files without an index": ("bert", in_two_files, "2 safetensors"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_is_refused_in_a_sentence(case, originals, tmp_path):
    name, damage, says = CASES[case]
    folder = tmp_path / "model"
    shutil.copytree(originals / name, folder)
    damage(folder)
    with pytest.raises(ModelError, match=says) as caught:
        load_pretrained(str(folder))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert not (folder / "ran").exists()


def test_one_file_under_another_name_is_read(originals, tmp_path):
    shutil.copytree(originals / "bert", tmp_path / "model")
    renamed("weights.safetensors")(tmp_path / "model")
    assert load_pretrained(str(tmp_path / "model")).head is not None


def test_random_damage_never_gives_other_weights_unnoticed_by_shape(originals, tmp_path):
    """Bits of the header are flipped: what loads all the same has every tensor in its shape, what
    does not is refused.
    """
    generator = torch.Generator().manual_seed(1)
    whole = (originals / "bert" / "model.safetensors").read_bytes()
    header = struct.unpack("<Q", whole[:8])[0] + 8
    shutil.copytree(originals / "bert", tmp_path / "model")
    refused = 0
    for _ in range(60):
        place, bit = (int(torch.randint(limit, (), generator=generator)) for limit in (header, 8))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        (tmp_path / "model" / "model.safetensors").write_bytes(bytes(damaged))
        try:
            pretrained = load_pretrained(str(tmp_path / "model"))
        except ModelError:
            refused += 1
            continue
        pretrained.network()
    assert refused > 30
