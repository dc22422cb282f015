"""Other layouts of a frozen model's weights: the same values, the same texts, and nothing left of
them.
"""

import pytest
import torch
from core_samples import DECODER, LLAMA, built, changed, tokens_of

from sslcli.core import beams, generation, weight_layouts
from sslcli.core.beams import BeamRules, beam_search
from sslcli.core.generation import Continuation, Writer, generate_tokens
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Inputs
from sslcli.core.weight_layouts import laid_out

SHAPES = {
    "tied": changed(LLAMA, tied=True),
    "own": changed(LLAMA, tied=False),
    "biases": DECODER,
    "shared": changed(DECODER, shared_layers=True),
}


@pytest.fixture(autouse=True)
def pays_at_once(monkeypatch):
    monkeypatch.setattr(weight_layouts, "FEWEST_BYTES", 0)
    for module in (weight_layouts, generation, beams):
        monkeypatch.setattr(module, "PASSES_THAT_PAY", 0)


def model_of(settings):
    backbone, head = built(settings), LanguageModelHead(settings)
    for number, parameter in enumerate(head.parameters()):
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(number))
    return backbone.eval(), head.eval()


def held(*modules):
    return {
        (at, name): tensor.detach().clone()
        for at, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }


def logits_of(backbone, head, prompt):
    return head(backbone(Inputs.pack([prompt])).last_TD, backbone)


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES.keys())
@torch.no_grad()
def test_products_are_the_same_and_weights_come_back_to_the_bit(settings, rows):
    backbone, head = model_of(settings)
    prompt, before = tokens_of([9])[0], held(backbone, head)
    plain = logits_of(backbone, head, prompt)
    strides = {name: weight.stride() for name, weight in backbone.named_parameters()}
    with laid_out(backbone, head, rows=rows, passes=9):
        moved = [
            name
            for name, weight in backbone.named_parameters()
            if weight.stride() != strides[name] or not weight.numel()
        ]
        torch.testing.assert_close(logits_of(backbone, head, prompt), plain, rtol=0, atol=1e-5)
    assert any("feedforward.up" in name for name in moved), "nothing was laid out"
    after = held(backbone, head)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {name: weight.stride() for name, weight in backbone.named_parameters()} == strides
    assert torch.equal(logits_of(backbone, head, prompt), plain)


@pytest.mark.parametrize("count", [1, 5])
def test_texts_are_the_same(count, monkeypatch):
    backbone, head = model_of(LLAMA)
    prompts, rules = tokens_of([3, 11, 1, 7, 5])[:count], BeamRules(3, 8)

    def written():
        greedy = generate_tokens(backbone, head, prompts, new_tokens=12)
        guessed = generate_tokens(backbone, head, prompts, new_tokens=12, lookup_tokens=4)
        searched = beam_search(backbone, head, prompts, rules, stops=())
        found = [own[0].tokens.tolist() for own in searched]
        return [tokens.tolist() for tokens in greedy + guessed] + found

    laid = written()
    monkeypatch.setattr(weight_layouts, "FEWEST_BYTES", 1 << 60)
    assert written() == laid


@pytest.mark.parametrize("rows", [1, 8])
@torch.no_grad()
def test_weights_come_back_after_an_error_and_a_text_that_nobody_waits_for(rows):
    backbone, head = model_of(LLAMA)
    before = held(backbone, head)
    with pytest.raises(KeyboardInterrupt), laid_out(backbone, head, rows=rows, passes=9):
        raise KeyboardInterrupt
    texts = [Continuation(number, [1, 2], 9) for number in range(rows)]
    for _ in Writer(backbone, head).write(texts):
        break
    after = held(backbone, head)
    assert all(torch.equal(after[name], before[name]) for name in before)


@torch.no_grad()
def test_one_inside_another_and_ended_before_it():
    backbone, head = model_of(LLAMA)
    prompt, before = tokens_of([9])[0], held(backbone, head)
    plain = logits_of(backbone, head, prompt)
    outer = laid_out(backbone, head, rows=8, passes=9)
    inner = laid_out(backbone, head, rows=8, passes=9)
    for step in (outer.__enter__, inner.__enter__):
        step()
        torch.testing.assert_close(logits_of(backbone, head, prompt), plain, rtol=0, atol=1e-5)
    for context in (outer, inner):
        context.__exit__(None, None, None)
        torch.testing.assert_close(logits_of(backbone, head, prompt), plain, rtol=0, atol=1e-5)
    after = held(backbone, head)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert head.multiply is torch.nn.functional.linear


@pytest.mark.parametrize("rows", [1, 8])
@torch.no_grad()
def test_what_is_no_plain_float32_layer_is_left_alone(rows):
    backbone, head = model_of(LLAMA)
    backbone.to(torch.bfloat16)
    before = {name: weight.data_ptr() for name, weight in backbone.named_parameters()}
    with laid_out(backbone, head, rows=rows, passes=9):
        within = {name: weight.data_ptr() for name, weight in backbone.named_parameters()}
    assert within == before


@torch.no_grad()
def test_few_passes_and_small_models_are_left_alone(monkeypatch):
    backbone, head = model_of(LLAMA)
    monkeypatch.setattr(weight_layouts, "PASSES_THAT_PAY", 10)
    pointers = {name: weight.data_ptr() for name, weight in backbone.named_parameters()}
    for passes, fewest in ((9, 0), (10, 1 << 60)):
        monkeypatch.setattr(weight_layouts, "FEWEST_BYTES", fewest)
        with laid_out(backbone, head, rows=8, passes=passes):
            assert {n: w.data_ptr() for n, w in backbone.named_parameters()} == pointers


def test_a_layout_waits_until_it_pays(monkeypatch):
    """Whoever asks for many tokens mostly gets few: nothing is laid out before."""
    backbone, head = model_of(LLAMA)
    monkeypatch.setattr(generation, "PASSES_THAT_PAY", 5)
    before = {name: weight.data_ptr() for name, weight in backbone.named_parameters()}
    moved = []
    for _ in Writer(backbone, head).write([Continuation(0, [1, 2], 9)]):
        moved.append({n: w.data_ptr() for n, w in backbone.named_parameters()} != before)
    assert moved == [False] * 5 + [True] * 4
