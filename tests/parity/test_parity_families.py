"""Model directories of every family, read and written: equal numbers in every layer, no key
missing, none too many.
"""

import json
from pathlib import Path

import pytest
import tokenizers
import torch
from safetensors.torch import load_file, save_file
from tiny_models import (
    KINDS,
    LENGTHS,
    LONGEST,
    VOCABULARY,
    assert_equal_numbers,
    our_numbers,
    packed,
    their_numbers,
    tokens_of,
    transformers,
)

from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.presets import preset
from sslcli.core.transformer import Transformer
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError
from sslcli.models.hf_directory import read_directory, write_directory
from sslcli.models.weights import Pretrained


def tokenizer_with(pad):
    """As many words as the models know, of which the one numbered `pad` is the pad token."""
    others = iter(
        ["[CLS]", "[SEP]", "[UNK]", "[MASK]", *(f"w{number}" for number in range(VOCABULARY))]
    )
    words = {"[PAD]" if number == pad else next(others): number for number in range(VOCABULARY)}
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    library.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
    return Tokenizer(library)


def saved(name, folder, **changes):
    model = KINDS[name].build(**changes)
    model.save_pretrained(folder)
    return model


def compare(model, pretrained, segments_T=None):
    tokens_T, visible_BP = tokens_of()
    ours = our_numbers(pretrained, packed(tokens_T, segments_T=segments_T))
    assert_equal_numbers(ours, their_numbers(model, tokens_T, visible_BP, segments_T))
    return ours


@pytest.mark.parametrize("name", KINDS)
def test_what_they_wrote_we_read(name, tmp_path):
    model = saved(name, tmp_path)
    pretrained = read_directory(tmp_path)
    assert not [note for note in pretrained.notes if "no place" in note]
    compare(model, pretrained)


@pytest.mark.parametrize("name", KINDS)
def test_what_we_write_they_read(name, tmp_path):
    model = saved(name, tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    pretrained = read_directory(tmp_path / "theirs")
    tokenizer = tokenizer_with(pad=max(pretrained.settings.position_offset - 1, 0))
    notes = write_directory(pretrained, tmp_path / "ours", tokenizer)
    # transformers cuts text by Qwen2's own rules whatever the directory says, and no other model
    # has windows and biases.
    assert bool(notes) == (name == "qwen2 windowed"), notes
    again, loading = getattr(transformers, auto_class(name)).from_pretrained(
        tmp_path / "ours", output_loading_info=True, attn_implementation="eager"
    )
    assert not any(
        loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )
    tokens_T, visible_BP = tokens_of()
    assert_equal_numbers(
        their_numbers(again.eval(), tokens_T, visible_BP),
        their_numbers(model, tokens_T, visible_BP),
    )
    compare(again, read_directory(tmp_path / "ours"))


def auto_class(name):
    if name.endswith((" nsp", " sop")):
        return "AutoModelForPreTraining"
    return "AutoModelForCausalLM" if KINDS[name].is_decoder else "AutoModelForMaskedLM"


def test_a_window_and_its_absence_give_other_numbers(tmp_path):
    for name, wider in (
        ("modernbert", {"local_attention": 60}),
        ("mistral", {"sliding_window": None}),
    ):
        narrow, wide = saved(name, tmp_path / name), saved(name, tmp_path / f"{name}-wide", **wider)
        tokens_T, visible_BP = tokens_of()
        logits, others = (
            their_numbers(narrow, tokens_T, visible_BP)[1],
            their_numbers(wide, tokens_T, visible_BP)[1],
        )
        assert float((logits - others).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_segments_are_read(name, tmp_path):
    model = saved(name, tmp_path)
    segments_T = torch.cat([(torch.arange(length) >= length // 2).long() for length in LENGTHS])
    zeros = compare(model, read_directory(tmp_path), torch.zeros_like(segments_T))
    halves = compare(model, read_directory(tmp_path), segments_T)
    assert float((zeros[0][0] - halves[0][0]).abs().max()) > 0.01


@pytest.mark.parametrize(
    ("name", "output"), [("bert nsp", "seq_relationship_logits"), ("albert sop", "sop_logits")]
)
def test_the_classifier_of_two_sentences_is_read(name, output, tmp_path):
    model = saved(name, tmp_path)
    pretrained = read_directory(tmp_path)
    *_, hidden = compare(model, pretrained)
    classifier = PooledClassifier(pretrained.settings, 2)
    classifier.load_state_dict(dict(pretrained.pooled))
    tokens_T, visible_BP = tokens_of()
    with torch.no_grad():
        difference = (
            (classifier(hidden) - their_numbers(model, tokens_T, visible_BP)[2][output]).abs().max()
        )
    assert float(difference) <= 1e-5


def test_positions_are_those_of_the_packing(tmp_path):
    """The third token of a sequence is at position 2, and at row 2 + offset of their table."""
    for name, offset in (("bert", 0), ("roberta", 2), ("gpt2", 0)):
        model = saved(name, tmp_path / name)
        pretrained = read_directory(tmp_path / name)
        assert (pretrained.settings.position_offset, pretrained.settings.longest_tokens) == (
            offset,
            LONGEST,
        )
        table = next(
            value
            for key, value in model.state_dict().items()
            if "position_embeddings.weight" in key or key.endswith("wpe.weight")
        )
        assert torch.equal(pretrained.backbone["inputs.position.weight"], table)


def test_a_body_without_heads_is_read(tmp_path):
    for name in ("bert", "roberta", "albert", "modernbert", "gpt2", "llama"):
        whole = KINDS[name].build()
        whole.base_model.save_pretrained(tmp_path / name)
        pretrained = read_directory(tmp_path / name)
        tokens_T, visible_BP = tokens_of()
        ours = our_numbers(pretrained, packed(tokens_T))[0]
        assert_equal_numbers((ours, None), (their_numbers(whole, tokens_T, visible_BP)[0], None))
        assert (pretrained.head is None) == (name != "gpt2")


def rewritten(folder, change):
    """Pass every tensor of a saved model through `change(name, tensor)` -> [(name, tensor)]."""
    tensors = load_file(folder / "model.safetensors")
    changed = dict(pair for name, value in tensors.items() for pair in change(name, value))
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})


OLD = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


def old_names(name, value):
    for new, old in OLD.items():
        name = name.replace(new, old)
    return [(name, value)]


BUFFERS = {
    "bert": {"bert.embeddings.position_ids": torch.arange(LONGEST)[None]},
    "gpt2": {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 4, 4),
        "transformer.h.0.attn.masked_bias": torch.ones(()),
    },
    "llama": {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)},
}
CHANGES = {
    "gamma and beta": ("bert", old_names),
    "a longer prefix": ("bert", lambda name, value: [(f"model.{name}", value)]),
    "buffers of bert": ("bert", lambda name, value: [(name, value), *BUFFERS["bert"].items()]),
    "buffers of gpt2": ("gpt2", lambda name, value: [(name, value), *BUFFERS["gpt2"].items()]),
    "buffers of llama": ("llama", lambda name, value: [(name, value), *BUFFERS["llama"].items()]),
    "gpt2 without prefix": (
        "gpt2",
        lambda name, value: [(name.removeprefix("transformer."), value)],
    ),
    "llama without prefix": ("llama", lambda name, value: [(name.removeprefix("model."), value)]),
    "the tied matrix of modernbert": (
        "modernbert",
        lambda name, value: with_copy(name, value, "tok_embeddings", "decoder.weight"),
    ),
    "the tied matrix of gpt2": (
        "gpt2",
        lambda name, value: with_copy(name, value, "wte", "lm_head.weight"),
    ),
    "the other name of the bias": (
        "bert",
        lambda name, value: [(name.replace("predictions.bias", "predictions.decoder.bias"), value)],
    ),
}


def with_copy(name, value, part, copy):
    return [(name, value), (copy, value.clone())] if part in name else [(name, value)]


@pytest.mark.parametrize("what", CHANGES)
def test_names_of_other_times_are_read(what, tmp_path):
    name, change = CHANGES[what]
    model = saved(name, tmp_path)
    rewritten(tmp_path, change)
    pretrained = read_directory(tmp_path)
    assert not [note for note in pretrained.notes if "no place" in note or "different" in note]
    compare(model, pretrained)


def test_a_head_that_differs_from_the_embeddings_is_used_and_announced(tmp_path):
    model = saved("gpt2", tmp_path)
    weight = model.transformer.wte.weight.detach()
    rewritten(tmp_path, lambda name, value: [(name, value), ("lm_head.weight", 2 * weight)])
    pretrained = read_directory(tmp_path)
    assert "two different ones" in pretrained.notes[-1]
    tokens_T, visible_BP = tokens_of()
    logits = our_numbers(pretrained, packed(tokens_T))[1]
    assert torch.allclose(logits, 2 * their_numbers(model, tokens_T, visible_BP)[1], atol=1e-5)


def test_several_files_and_half_precision_are_read(tmp_path):
    model = KINDS["llama"].build().to(torch.bfloat16)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    pretrained = read_directory(tmp_path)
    assert {value.dtype for value in pretrained.backbone.values()} == {torch.float32}
    compare(
        type(model)
        .from_pretrained(tmp_path, dtype=torch.float32, attn_implementation="eager")
        .eval(),
        pretrained,
    )


def edited(folder, **changes):
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "gone"}))


def test_configurations_of_before_2026_are_read(tmp_path):
    model = saved("modernbert", tmp_path / "modernbert")
    edited(
        tmp_path / "modernbert", layer_types="gone", rope_parameters="gone",
        global_attn_every_n_layers=3, global_rope_theta=160_000.0,
        local_rope_theta=10_000.0,
    )  # fmt: skip
    compare(model, read_directory(tmp_path / "modernbert"))
    model = saved("llama tied", tmp_path / "llama")
    edited(tmp_path / "llama", rope_parameters="gone", rope_theta=500.0, rope_scaling=None)
    compare(model, read_directory(tmp_path / "llama"))


def test_what_is_ignored_is_announced(tmp_path):
    saved("bert", tmp_path)
    edited(tmp_path, auto_map={"AutoModel": "evil.Model"}, attention_probs_dropout_prob=0.1)
    rewritten(tmp_path, lambda name, value: [(name, value), ("bert.adapter.weight", torch.ones(2))])
    notes = " ".join(read_directory(tmp_path).notes)
    assert all(
        word in notes
        for word in ("auto_map", "attention_probs_dropout_prob 0.1", "bert.adapter.weight")
    )


PRESETS = [
    ("tiny", "encoder"),
    ("bert-base", "encoder"),
    ("bert-large", "encoder"),
    ("modern", "encoder"),
    ("mini", "decoder"),
    ("gpt2", "decoder"),
]


@pytest.mark.parametrize(("name", "architecture"), PRESETS)
def test_every_preset_can_be_exported(name, architecture, tmp_path):
    shape = preset(
        name,
        architecture,
        VOCABULARY,
        width=32,
        heads=4,
        feedforward_width=48,
        depth=4,
        longest_tokens=LONGEST,
    )
    pretrained = randomly(shape)
    write_directory(pretrained, tmp_path, tokenizer_with(pad=0))
    again = read_directory(tmp_path)
    tokens_T, _ = tokens_of()
    assert_equal_numbers(
        our_numbers(pretrained, packed(tokens_T)), our_numbers(again, packed(tokens_T))
    )
    assert again.settings.model_copy(update={"dropout": 0.0}) == shape.model_copy(
        update={"dropout": 0.0}
    )


def randomly(shape):
    generator = torch.Generator().manual_seed(3)
    with torch.device("meta"):
        modules = Transformer(shape), LanguageModelHead(shape)
    states = [
        {name: torch.empty(value.shape) for name, value in module.state_dict().items()}
        for module in modules
    ]
    for state in states:
        for value in state.values():
            value.normal_(0, 0.2, generator=generator)
    return Pretrained(shape, Path("nowhere"), *states)


UNHELD = {
    "an encoder with rotary positions": preset("tiny", "encoder", VOCABULARY, positions="rotary"),
    "an encoder without segments": preset("tiny", "encoder", VOCABULARY, segments=0),
    "a decoder with local positions": preset(
        "tiny", "decoder", VOCABULARY, window_tokens=4, global_every=2
    ),
    "a decoder with a norm after embeddings": preset(
        "tiny", "decoder", VOCABULARY, norm_embeddings=True
    ),
    "shared layers as wide as the embeddings": preset(
        "tiny", "encoder", VOCABULARY, shared_layers=True
    ),
    "grouped heads in an encoder": preset("tiny", "encoder", VOCABULARY, key_value_heads=1),
}


@pytest.mark.parametrize("what", UNHELD)
def test_a_shape_that_no_family_holds_is_refused(what, tmp_path):
    with pytest.raises(UsageError, match="no family"):
        write_directory(randomly(UNHELD[what]), tmp_path, tokenizer_with(pad=0))
    assert not list(tmp_path.iterdir())


def test_a_pad_token_elsewhere_is_refused(tmp_path):
    saved("roberta", tmp_path / "theirs")
    with pytest.raises(UsageError, match="pad token"):
        write_directory(read_directory(tmp_path / "theirs"), tmp_path, tokenizer_with(pad=0))
