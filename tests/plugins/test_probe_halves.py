"""`ssl probe --stack`: the halves of an encoder-decoder as models that are looked into."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sense_subjects import tiny_subject
from sslplugins.probes.attention import AttentionMaps

from sslcli.api import Inputs, Rng, attention_maps
from sslcli.cli.app import run
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained

SHAPE = {
    "architecture": "encoder_decoder",
    "decoder_depth": 3,
    "decoder_heads": 4,
    "position_offset": 2,
    "norm_epsilon": 1e-5,
}
TEXTS = ("she eats an apple", "an apple in the orchard .", "she")


@pytest.fixture(scope="module")
def decoder():
    return replace(tiny_subject(**SHAPE), reads_memory=True)


def tokens_of(model, text):
    tokenizer = model.tokenizer
    return np.asarray([tokenizer.classify, *tokenizer.encode(text), tokenizer.separate])


def test_a_decoders_states_are_of_the_text_behind_its_start(decoder):
    sequences = [tokens_of(decoder, text) for text in TEXTS]
    found = {}
    for batch in decoder.hidden(sequences, [0, 3]):
        rows = (batch.hidden.kept[layer].split(batch.hidden.packing.lengths) for layer in (0, 3))
        found |= dict(zip(batch.numbers, zip(*rows, strict=True), strict=True))
    start = decoder.tokenizer.separate
    for number, tokens in enumerate(sequences):
        told = Inputs.pack([np.append(start, tokens)])
        memory = decoder.backbone.encode(Inputs.pack([tokens]))
        expected = decoder.backbone.decode(told, memory, keep=[0, 3])
        for mine, layer in zip(found[number], (0, 3), strict=True):
            torch.testing.assert_close(mine, expected.kept[layer][1:], atol=1e-6, rtol=0)


def test_a_decoder_has_the_depth_heads_and_positions_that_it_has(decoder):
    assert (decoder.depth, decoder.settings.heads) == (3, 4)
    assert decoder.settings.causal
    longest = np.full(decoder.settings.longest_tokens, 7)
    assert sum(len(batch.numbers) for batch in decoder.hidden([longest], [1])) == 1


def test_attention_of_a_decoder_is_to_itself_and_to_the_encoder(decoder):
    tokens = tokens_of(decoder, TEXTS[0])
    told = Inputs.pack([np.append(decoder.tokenizer.separate, tokens)])
    memory = decoder.backbone.encode(Inputs.pack([tokens]))
    report = AttentionMaps(AttentionMaps.Options(text=TEXTS[0])).run(decoder, Rng(0, 0, "probe"))
    own = attention_maps(decoder.backbone, told, [2], memory=memory)[2][0]
    across = attention_maps(decoder.backbone, told, [2], memory=memory, to_memory=True)[2][0]
    by_title = {matrix.title: matrix for matrix in report.matrices}
    for title, expected in (
        ("layer 2 head 3", own),
        ("attention to the encoder, layer 2 head 3", across),
    ):
        matrix = by_title[title]
        np.testing.assert_allclose(matrix.values, expected[2].numpy(), atol=1e-6)
        assert len(matrix.rows) == len(tokens) + 1
        assert len(matrix.columns) == expected.shape[-1]
        np.testing.assert_allclose(np.sum(matrix.values, axis=1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bart")
    subject = tiny_subject(**SHAPE)
    state = subject.backbone.state_dict()
    head = {"bias": torch.zeros(subject.settings.vocabulary)}
    write_directory(
        Pretrained(subject.backbone.settings, folder, state, head), folder, subject.tokenizer
    )
    return folder


def asked(capsys, *words):
    code = run(["probe", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.mark.parametrize(
    ("said", "half", "layers"), [((), "encoder", 2), (("decoder",), "decoder", 3)]
)
def test_the_half_that_is_looked_into_is_said(directory, tmp_path, capsys, said, half, layers):
    stack = ("--stack", *said) if said else ()
    code, printed = asked(
        capsys, "attention", TEXTS[0], "--model", directory, "--out", tmp_path / "out", *stack
    )
    assert code == 0, printed
    assert f"its {half}" in printed
    assert f"layer {layers} of {layers}" in printed


def test_the_encoder_alone_is_what_the_whole_model_encodes(directory):
    from sslcli import load

    whole = tiny_subject(**SHAPE)
    tokens = tokens_of(whole, TEXTS[1])
    expected = whole.backbone.encode(Inputs.pack([tokens])).last_TD[1:-1]
    found = load(str(directory)).hidden(TEXTS[1])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert isinstance(load(str(directory)).backbone, Transformer)


def test_the_decoder_is_loaded_where_it_is_asked_for(directory, decoder, world_run):
    from sslcli import load

    tokens = tokens_of(decoder, TEXTS[1])
    (batch,) = decoder.hidden([tokens], [3])
    model = load(str(directory), stack="decoder")
    np.testing.assert_allclose(
        model.hidden(TEXTS[1]), batch.hidden.kept[3][1:-1].numpy(), atol=1e-6
    )
    with pytest.raises(UsageError, match="has no halves"):
        load(world_run, stack="decoder")


def test_a_half_that_is_not_there_is_refused(directory, world_run, capsys):
    code, printed = asked(capsys, "attention", TEXTS[0], "--model", directory, "--stack", "decodr")
    assert code == 2
    assert "did you mean 'decoder'" in printed
    code, printed = asked(capsys, "attention", "a", "--model", world_run, "--stack", "decoder")
    assert code == 2
    assert "has no halves" in printed


@pytest.mark.parametrize("model", [[], ["--model", "nowhere"]])
def test_a_half_that_a_probe_does_not_look_into_is_refused_before_a_model_is_chosen(model, capsys):
    code, printed = asked(capsys, "embryology", "--stack", "decoder", *model)
    assert code == 2
    assert "'embryology' does not look into a decoder" in printed
    assert "use --stack encoder, or choose another probe" in printed


def test_a_half_has_no_head_to_read_words_with(directory, capsys):
    code = run(["translate-shift", "she eats", "--model", str(directory)])
    printed = capsys.readouterr()
    assert code == 2
    assert "its encoder has no head" in printed.err
    assert "choose an encoder: --model @latest:mlm" in printed.err
