"""On a GPU: packed kernels against the same attention on the CPU, and no wait for the device within
forward.

Letters: T rows, H query heads, G key and value heads, K features per head.
"""

import pytest
import torch
from core_samples import EVERY_SHAPE, LLAMA, built, packed, seeded, tokens_of

from sslcli.core.attention import attend
from sslcli.core.generation import generate_tokens
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import to_device
from sslcli.core.packing import Packing

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
LENGTHS = (7, 1, 130, 12, 30, 3, 290, 64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("window_tokens", [None, 1, 16])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("key_value_heads", [4, 2])
def test_attention_and_its_gradients_are_those_of_the_cpu(
    dtype, window_tokens, causal, key_value_heads
):
    packing = Packing.of(LENGTHS)
    drawn = [
        torch.randn(packing.total, heads, 64, generator=seeded(heads))
        for heads in (4, key_value_heads, key_value_heads)
    ]
    weight_THK = torch.randn(packing.total, 4, 64, generator=seeded(9))
    results = []
    for device, kind in (("cuda", dtype), ("cpu", torch.float32)):
        inputs = [x.to(device, kind).requires_grad_() for x in drawn]
        there = to_device(packing, torch.device(device))
        mixed_THK = attend(*inputs, there, there, causal=causal, window_tokens=window_tokens)
        gradients = torch.autograd.grad((mixed_THK.float() * weight_THK.to(device)).sum(), inputs)
        results.append([x.float().cpu() for x in (mixed_THK, *gradients)])
    for ours, expected in zip(*results, strict=True):
        assert (ours - expected).norm() < (
            0.02 if dtype == torch.bfloat16 else 1e-4
        ) * expected.norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("key_value_heads", [4, 2])
def test_attention_to_a_memory_and_its_gradients_are_those_of_the_cpu(dtype, key_value_heads):
    queries, keys = (
        Packing.of(LENGTHS),
        Packing.of([length % 50 + 1 for length in reversed(LENGTHS)]),
    )
    sizes = ((queries, 4), (keys, key_value_heads), (keys, key_value_heads))
    drawn = [
        torch.randn(packing.total, heads, 64, generator=seeded(place))
        for place, (packing, heads) in enumerate(sizes)
    ]
    weight_THK = torch.randn(queries.total, 4, 64, generator=seeded(9))
    results = []
    for device, kind in (("cuda", dtype), ("cpu", torch.float32)):
        inputs = [x.to(device, kind).requires_grad_() for x in drawn]
        there = [to_device(packing, torch.device(device)) for packing in (queries, keys)]
        mixed_THK = attend(*inputs, *there, causal=False)
        gradients = torch.autograd.grad((mixed_THK.float() * weight_THK.to(device)).sum(), inputs)
        results.append([x.float().cpu() for x in (mixed_THK, *gradients)])
    for ours, expected in zip(*results, strict=True):
        assert (ours - expected).norm() < (
            0.02 if dtype == torch.bfloat16 else 1e-4
        ) * expected.norm()


@pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())
@pytest.mark.parametrize("half", [False, True])
def test_forward_agrees_with_the_cpu_and_never_waits_for_the_device(settings, half):
    backbone, inputs = built(settings).eval(), packed(tokens_of((7, 1, 30, 64, 12)))
    expected = backbone(inputs, keep=[1]).last_TD
    backbone.cuda()
    there = to_device(inputs, torch.device("cuda"))
    torch.cuda.synchronize()
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=half):
        backbone(there, keep=[1])  # groups are made once, and copied to the device then
        torch.cuda.set_sync_debug_mode("error")
        try:
            ours = backbone(there, keep=[1]).last_TD
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert (ours.float().cpu() - expected).norm() < (0.05 if half else 1e-4) * expected.norm()


def test_generated_tokens_are_those_of_the_cpu():
    backbone, head, prompts = built(LLAMA), LanguageModelHead(LLAMA), tokens_of([3, 11, 1])
    uniforms_SB = torch.rand(10, 3, generator=seeded())
    expected = generate_tokens(backbone, head, prompts, new_tokens=10, uniforms_SB=uniforms_SB)
    ours = generate_tokens(
        backbone.cuda(), head.cuda(), prompts, new_tokens=10, uniforms_SB=uniforms_SB
    )
    assert [row.tolist() for row in ours] == [row.tolist() for row in expected]
