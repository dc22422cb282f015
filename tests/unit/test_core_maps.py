"""Attention maps against softmax written out, and against what attention makes of its values."""

from math import exp, sqrt

import pytest
import torch
from core_samples import EVERY_SHAPE, MODERN, built, changed, packed, tokens_of

from sslcli.core.attention_maps import attention_maps
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError

LENGTHS = (9, 1, 14)
SHAPES = {
    **EVERY_SHAPE,
    "windowed decoder": changed(EVERY_SHAPE["llama"], window_tokens=4, global_every=2),
}


def seen(settings, layer, i, j):
    """Whether place i of a sequence sees place j."""
    window = settings.window_of(layer - 1)
    if settings.architecture == "decoder":
        return j <= i and (window is None or i - j < window)
    return window is None or abs(i - j) <= window // 2


def slowly(q_TK, k_TK, settings, layer):
    rows = []
    for i, q in enumerate(q_TK):
        weights = [
            exp(float(q @ k) / sqrt(len(q))) if seen(settings, layer, i, j) else 0.0
            for j, k in enumerate(k_TK)
        ]
        rows.append([weight / sum(weights) for weight in weights])
    return torch.tensor(rows)


@pytest.mark.parametrize("name", SHAPES)
def test_maps_are_softmax_written_out_and_weigh_the_values_as_attention_does(name):
    settings = SHAPES[name]
    backbone = built(settings)
    inputs = packed(tokens_of(LENGTHS))
    projected, given = {}, {}
    for block in set(backbone.blocks):
        block.attention.output.register_forward_pre_hook(
            lambda _, args: given.setdefault(len(given) + 1, args[0])
        )
        project = block.attention.project

        def remembered(x_TD, rotary, project=project):
            projected[len(projected) + 1] = project(x_TD, rotary)
            return projected[len(projected)]

        block.attention.project = remembered
    with torch.no_grad():
        backbone(inputs)
    read = dict(projected)
    found = attention_maps(backbone, inputs, range(1, settings.depth + 1))
    for layer, maps in found.items():
        q_THK, k_TGK, v_TGK = read[layer]
        shared = q_THK.shape[1] // k_TGK.shape[1]
        parts = zip(
            maps,
            *(part.split(LENGTHS) for part in (q_THK, k_TGK, v_TGK, given[layer])),
            strict=True,
        )
        for map_HTT, q, k, v, mixed in parts:
            assert map_HTT.sum(dim=-1).sub(1).abs().max() < 1e-6
            for head in range(settings.heads):
                torch.testing.assert_close(
                    map_HTT[head],
                    slowly(q[:, head], k[:, head // shared], settings, layer),
                    atol=1e-5,
                    rtol=0,
                )
            weighed = torch.stack(
                [map_HTT[head] @ v[:, head // shared] for head in range(settings.heads)], dim=1
            )
            torch.testing.assert_close(weighed.flatten(1), mixed, atol=1e-5, rtol=1e-4)


def test_windowed_and_global_layers_turn_differently():
    """The first layer of three sees all, with a rotary base of its own."""
    maps = attention_maps(built(MODERN), packed(tokens_of((14,))), [1, 2])
    assert (maps[1][0] > 0).all()
    assert (maps[2][0][:, 0, 4:] == 0).all()


@pytest.mark.parametrize("layer", [0, 4])
def test_a_layer_without_attention_is_refused(layer):
    with pytest.raises(UsageError, match=f"layer {layer} has no attention"):
        attention_maps(Transformer(EVERY_SHAPE["encoder"]), packed(tokens_of((3,))), [layer])
