"""Attention maps of every kind of model beside those that transformers gives out."""

import pytest
import torch
from tiny_models import KINDS, LENGTHS, TOLERANCE, packed, tokens_of

from sslcli.core.attention_maps import attention_maps
from sslcli.models.hf_directory import read_directory

NAMES = (
    "bert",
    "roberta",
    "albert",
    "modernbert",
    "modernbert every other",
    "gpt2",
    "llama",
    "mistral",
    "qwen2 windowed",
)


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_theirs(name, tmp_path):
    model = KINDS[name].build()
    model.save_pretrained(tmp_path)
    pretrained = read_directory(tmp_path)
    backbone, _ = pretrained.network()
    tokens_T, visible_BP = tokens_of()
    tokens_BP = torch.full(visible_BP.shape, model.config.pad_token_id or 0)
    tokens_BP[visible_BP] = tokens_T
    with torch.no_grad():
        theirs = model(
            input_ids=tokens_BP, attention_mask=visible_BP.long(), output_attentions=True
        ).attentions
    depth = pretrained.settings.depth
    found = attention_maps(backbone, packed(tokens_T), range(1, depth + 1))
    assert len(theirs) == depth
    for layer, maps in found.items():
        for number, (map_HTT, length) in enumerate(zip(maps, LENGTHS, strict=True)):
            difference = (map_HTT - theirs[layer - 1][number, :, :length, :length]).abs().max()
            assert float(difference) <= TOLERANCE, f"layer {layer}, sequence {number}"
