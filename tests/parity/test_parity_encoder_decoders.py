"""BART and mBART directories, read and written: equal numbers in every layer of both halves."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import LENGTHS, LONGEST, VOCABULARY, tokens_of, transformers
from tokenizers import Tokenizer as Library
from tokenizers import models

from sslcli.core.arithmetic import parameters
from sslcli.core.attention_maps import attention_maps
from sslcli.core.generation import generate_tokens
from sslcli.core.inputs import Inputs
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ModelError, UsageError
from sslcli.models.hf_directory import read_directory, write_directory
from sslcli.models.weights import from_seed
from sslcli.workflows.export.parity import (
    oracle_numbers,
    own_numbers,
    refuse_difference,
    sample_inputs,
)

SIZES = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": LONGEST,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}
UNEVEN = {"decoder_layers": 3, "decoder_attention_heads": 2, "decoder_ffn_dim": 40}
KINDS = {
    "bart": ("Bart", {}),
    "bart uneven": ("Bart", UNEVEN),
    "bart scaled": ("Bart", {"scale_embedding": True, "activation_function": "relu"}),
    "bart untied": ("Bart", {"tie_word_embeddings": False}),
    "mbart": ("MBart", {"scale_embedding": True}),
    "mbart uneven": ("MBart", {**UNEVEN, "encoder_layers": 1}),
}
TOLERANCE = 1e-5


def model_of(name, **changes):
    """Every parameter is random at deviation 0.5, and so is what the head adds."""
    stem, values = KINDS[name]
    config = getattr(transformers, f"{stem}Config")(**{**SIZES, **values, **changes})
    config._attn_implementation = "eager"
    model = getattr(transformers, f"{stem}ForConditionalGeneration")(config)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in [*model.parameters(), model.final_logits_bias]:
            parameter.copy_(torch.empty(parameter.shape).normal_(0, 0.5, generator=generator))
    if not config.tie_word_embeddings:  # the halves read one matrix, the head has its own
        for half in (model.model.encoder, model.model.decoder):
            half.embed_tokens.weight = model.model.shared.weight
    else:
        model.tie_weights()
    return model.eval()


def saved(name, folder, **changes):
    model = model_of(name, **changes)
    model.save_pretrained(folder)
    return model


def tokenizer_of(size=VOCABULARY):
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *(f"w{n}" for n in range(size - 5))]
    library = Library(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    library.add_special_tokens(words[:5])
    return Tokenizer(library)


def padded(parts):
    tokens = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=1)
    lengths = torch.tensor([len(part) for part in parts])
    return tokens, (torch.arange(tokens.shape[1]) < lengths[:, None]).long()


def told(inputs):
    """What the decoder reads: other tokens than the encoder, and other lengths."""
    return Inputs.pack(inputs.tokens_T.split(inputs.packing.lengths[::-1]))


@torch.no_grad()
def theirs(model, inputs):
    sources, targets = (
        each.tokens_T.split(each.packing.lengths) for each in (inputs, told(inputs))
    )
    (source, seen), (target, told_seen) = padded(sources), padded(targets)
    return model(
        input_ids=source,
        attention_mask=seen,
        decoder_input_ids=target,
        decoder_attention_mask=told_seen,
        output_hidden_states=True,
    ), (seen.bool(), told_seen.bool())


def assert_equal(pretrained, model, inputs):
    output, (seen, told_seen) = theirs(model, inputs)
    ours = own_numbers(pretrained, inputs)
    expected = [layer[seen] for layer in output.encoder_hidden_states]
    expected += [layer[told_seen] for layer in output.decoder_hidden_states]
    assert len(ours.layers) == len(expected)
    for number, (mine, other) in enumerate(zip(ours.layers, expected, strict=True)):
        assert float((mine - other).abs().max()) <= TOLERANCE, f"layer {number}"
    scale = max(1.0, float(output.logits.abs().max()))
    assert float((ours.logits - output.logits[told_seen]).abs().max()) <= TOLERANCE * scale


def inputs_of(lengths=LENGTHS):
    tokens_T, _ = tokens_of(lengths)
    return Inputs.pack(tokens_T.split(lengths))


@pytest.mark.parametrize("name", KINDS)
def test_what_they_wrote_we_read(name, tmp_path):
    model = saved(name, tmp_path)
    pretrained = read_directory(tmp_path)
    assert not [note for note in pretrained.notes if "no place" in note]
    assert_equal(pretrained, model, inputs_of())


@pytest.mark.parametrize("name", KINDS)
def test_what_we_write_they_read(name, tmp_path):
    model = saved(name, tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    pretrained = read_directory(tmp_path / "theirs")
    assert not write_directory(pretrained, tmp_path / "ours", tokenizer_of())
    inputs = sample_inputs(pretrained.settings, tokenizer_of())
    found = oracle_numbers(tmp_path / "ours", pretrained, inputs)
    assert refuse_difference(own_numbers(pretrained, inputs), found, "it") <= TOLERANCE
    assert_equal(read_directory(tmp_path / "ours"), model, inputs)
    written = load_file(tmp_path / "ours" / "model.safetensors")
    assert written["final_logits_bias"].shape == (1, VOCABULARY)
    copies = [key for key in written if "embed_tokens" in key]
    assert bool(copies) == (name == "bart untied"), "what is shared stands once, as theirs does"


@pytest.mark.parametrize("name", ["bart uneven", "mbart"])
def test_a_body_without_a_head_is_read(name, tmp_path):
    model = model_of(name)
    with torch.no_grad():
        model.final_logits_bias.zero_()
    model.model.save_pretrained(tmp_path)
    assert_equal(read_directory(tmp_path), model, inputs_of())


def rewritten(folder, **tensors):
    found = load_file(folder / "model.safetensors")
    save_file({**found, **tensors}, folder / "model.safetensors", metadata={"format": "pt"})


COPIES = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight")


def test_copies_of_the_shared_matrix_are_read_and_compared(tmp_path):
    model = saved("bart", tmp_path)
    shared = model.model.shared.weight.detach()
    names = (*COPIES, "lm_head.weight")
    rewritten(tmp_path, **{name: shared.clone() for name in names})
    pretrained = read_directory(tmp_path)
    assert pretrained.settings.tied
    assert not [note for note in pretrained.notes if "no place" in note]
    assert_equal(pretrained, model, inputs_of())


@pytest.mark.parametrize("name", COPIES)
def test_a_half_with_a_matrix_of_its_own_is_refused(name, tmp_path):
    model = saved("bart", tmp_path)
    rewritten(tmp_path, **{name: model.model.shared.weight.detach() + 1})
    with pytest.raises(ModelError, match="not the matrix that both halves share"):
        read_directory(tmp_path)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("bart", {"normalize_before": True}),
        ("mbart", {"normalize_before": False}),
        ("bart", {"static_position_embeddings": True}),
        ("bart", {"is_encoder_decoder": False}),
        ("bart", {"decoder_attention_heads": 5}),
    ],
)
def test_what_the_core_does_not_compute_is_refused(kind, changes, tmp_path):
    saved(kind, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ModelError):
        read_directory(tmp_path)


def test_dropped_layers_are_announced(tmp_path):
    saved("bart", tmp_path, encoder_layerdrop=0.1)
    assert "encoder_layerdrop 0.1 is ignored" in " ".join(read_directory(tmp_path).notes)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_layers_that_one_half_alone_does_not_have_are_announced(half, tmp_path):
    """The other half is deeper, so the family has names for them."""
    saved("bart", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), f"{half}_layers": 1}))
    (note,) = read_directory(tmp_path).notes
    assert f"ignored: model.{half}.layers.1." in note


def test_a_damaged_file_about_generation_is_refused(tmp_path):
    """It says what the decoder begins with."""
    saved("bart", tmp_path)
    tokenizer_of().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    (tmp_path / "generation_config.json").write_text('{"decoder_start_')
    with pytest.raises(ModelError, match=r"generation_config\.json cannot be read"):
        read_directory(tmp_path).tokenizer()


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("key", ["decoder_start_token_id", "forced_bos_token_id"])
@pytest.mark.parametrize("value", [VOCABULARY, -1, "2", 2.0, True, [2]])
def test_an_id_that_no_token_has_is_refused(name, key, value, tmp_path):
    """And not replaced by another start, which would change every text that is written."""
    saved("bart", tmp_path)
    tokenizer_of().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    content = json.loads((tmp_path / name).read_text())
    for good in (None, 0, VOCABULARY - 1):
        (tmp_path / name).write_text(json.dumps({**content, key: good}))
        assert read_directory(tmp_path).tokenizer().size == VOCABULARY
    (tmp_path / name).write_text(json.dumps({**content, key: value}))
    with pytest.raises(ModelError, match=f"{name} says {key} .*, which is the id of no token"):
        read_directory(tmp_path).tokenizer()


def test_what_a_directory_says_of_generation_is_kept(tmp_path):
    """The start of the decoder, what is forced, and the codes of its languages."""
    saved("bart", tmp_path / "theirs")
    tokenizer_of().save(tmp_path / "theirs")
    said = {
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 0,
        "forced_eos_token_id": 2,
        "eos_token_id": 2,
        "num_beams": 4,
        "lang_code_to_id": {"en": 7},
    }
    (tmp_path / "theirs" / "generation_config.json").write_text(json.dumps(said))
    # as transformers reads it: a tokenizer of ours has no file about generation
    (tmp_path / "theirs" / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"})
    )
    pretrained = read_directory(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    write_directory(pretrained, tmp_path / "ours", pretrained.tokenizer())
    written = json.loads((tmp_path / "ours" / "generation_config.json").read_text())
    assert said.items() <= written.items()
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert (config["decoder_start_token_id"], config["forced_bos_token_id"]) == (2, 0)


def test_a_model_of_ours_names_what_its_decoder_begins_with(tmp_path):
    """transformers would take the ids of BART's own vocabulary."""
    settings = preset("bart-tiny", "encoder_decoder", 40)
    backbone, _ = from_seed(lambda: torch.nn.Linear(1, 1), settings, 0)
    assert parameters(settings) == sum(each.numel() for each in backbone.parameters())
    words = ["w0", "w1", "[PAD]", "w2", "[CLS]", "w3", "[SEP]", "[UNK]", "[MASK]"]
    words += [f"x{number}" for number in range(40 - len(words))]
    library = Library(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    library.add_special_tokens([word for word in words if word.startswith("[")])
    tokenizer = Tokenizer(library)
    saved("bart", tmp_path / "theirs")
    pretrained = read_directory(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    write_directory(pretrained, tmp_path / "ours", tokenizer)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "ours")
    assert model.generation_config.decoder_start_token_id == 6
    assert model.generation_config.forced_eos_token_id == 6
    assert model.generation_config.pad_token_id == 2
    assert model.config.decoder_start_token_id == 6


@pytest.mark.parametrize("name", ["bart", "bart uneven", "mbart"])
def test_the_likeliest_continuations_are_theirs(name, tmp_path):
    """Sources of mixed lengths in one batch, from caches on both sides."""
    model = saved(name, tmp_path)
    pretrained = read_directory(tmp_path)
    backbone, head = pretrained.network()
    inputs = inputs_of()
    start = torch.tensor([2])
    with torch.no_grad():
        memory = backbone.encode(inputs)
    ours = generate_tokens(
        backbone, head, [start] * len(LENGTHS), new_tokens=12, stops={2}, memory=memory
    )
    source, seen = padded(inputs.tokens_T.split(LENGTHS))
    found = model.generate(
        input_ids=source,
        attention_mask=seen,
        max_new_tokens=12,
        num_beams=1,
        do_sample=False,
        decoder_start_token_id=2,
        eos_token_id=2,
        forced_eos_token_id=None,
        forced_bos_token_id=None,
    )
    for mine, other in zip(ours, found[:, 1:].tolist(), strict=True):
        whole = other[: other.index(2)] if 2 in other else other
        assert mine.tolist() == whole[: len(mine)]
        assert set(whole[len(mine) :]) <= {1}, "the rest is padding"


@pytest.mark.parametrize("name", ["bart uneven", "mbart"])
def test_attention_maps_of_both_halves_are_theirs(name, tmp_path):
    model = saved(name, tmp_path)
    backbone, _ = read_directory(tmp_path).network()
    inputs = inputs_of()
    sources, targets = (
        each.tokens_T.split(each.packing.lengths) for each in (inputs, told(inputs))
    )
    (source, seen), (target, told_seen) = padded(sources), padded(targets)
    with torch.no_grad():
        found = model(
            input_ids=source,
            attention_mask=seen,
            decoder_input_ids=target,
            decoder_attention_mask=told_seen,
            output_attentions=True,
        )
    memory = backbone.encode(inputs)
    encoder = attention_maps(backbone, inputs, range(1, backbone.depth + 1))
    layers = range(1, backbone.decoder.depth + 1)
    decoder = attention_maps(backbone, told(inputs), layers, memory=memory)
    across = attention_maps(backbone, told(inputs), layers, memory=memory, to_memory=True)
    for ours, theirs_of, rows, keys in (
        (encoder, found.encoder_attentions, LENGTHS, LENGTHS),
        (decoder, found.decoder_attentions, LENGTHS[::-1], LENGTHS[::-1]),
        (across, found.cross_attentions, LENGTHS[::-1], LENGTHS),
    ):
        assert len(ours) == len(theirs_of)
        for layer, expected in enumerate(theirs_of, start=1):
            for place, (t, s) in enumerate(zip(rows, keys, strict=True)):
                difference = ours[layer][place] - expected[place, :, :t, :s]
                assert float(difference.abs().max()) <= TOLERANCE


HEADS = {"sequence": "ForSequenceClassification", "spans": "ForQuestionAnswering"}


def answering(name, kind, folder):
    """A model of theirs with a head of the kind, every parameter random, and its tokenizer."""
    stem, values = KINDS[name]
    config = getattr(transformers, f"{stem}Config")(**{**SIZES, **values}, num_labels=3)
    config._attn_implementation = "eager"
    model = getattr(transformers, f"{stem}{HEADS[kind]}")(config)
    generator = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.empty(parameter.shape).normal_(0, 0.5, generator=generator))
    model.save_pretrained(folder)
    tokenizer_of().save(folder)
    return model.eval()


@pytest.mark.parametrize(("name", "kind"), [("bart", "sequence"), ("bart uneven", "spans")])
def test_heads_that_answer_read_the_decoder_of_the_same_text(name, kind, tmp_path):
    model = answering(name, kind, tmp_path / "theirs")
    pretrained = read_directory(tmp_path / "theirs")
    inputs = sample_inputs(pretrained.settings, pretrained.tokenizer())
    source, seen = padded(inputs.tokens_T.split(inputs.packing.lengths))
    with torch.no_grad():
        found = model(input_ids=source, attention_mask=seen)
    if kind == "sequence":
        expected = found.logits
    else:
        both = torch.stack([found.start_logits, found.end_logits], dim=-1)
        expected = both[seen.bool()]
    ours = own_numbers(pretrained, inputs).logits
    assert float((ours - expected).abs().max()) <= TOLERANCE * max(1, float(expected.abs().max()))
    (tmp_path / "ours").mkdir()
    assert not write_directory(pretrained, tmp_path / "ours", pretrained.tokenizer())
    again = oracle_numbers(tmp_path / "ours", pretrained, inputs)
    assert refuse_difference(own_numbers(pretrained, inputs), again, "it") <= TOLERANCE


def test_a_class_that_theirs_reads_elsewhere_is_neither_read_nor_written(tmp_path):
    """mBART ends a text with its language, and theirs reads the token before."""
    answering("mbart", "sequence", tmp_path / "theirs")
    pretrained = read_directory(tmp_path / "theirs")
    assert pretrained.answers is None
    assert pretrained.unread_head == "MBartForSequenceClassification"
    answering("bart", "sequence", tmp_path / "bart")
    answers = read_directory(tmp_path / "bart").answers
    moved = replace(pretrained, answers=answers, head=None)
    with pytest.raises(UsageError, match="no place for a head that answers about sequence"):
        write_directory(moved, tmp_path / "ours", tokenizer_of())
