"""Generation: the cache changes no token, and what is drawn follows the model's probabilities.

Letters: B sequences, V vocabulary, S steps.
"""

import pytest
import torch
from core_samples import DECODER, ENCODER, LLAMA, built, changed, packed, seeded, tokens_of

from sslcli.core.generation import generate_tokens
from sslcli.core.heads import LanguageModelHead
from sslcli.core.rules import TokenRules
from sslcli.core.sampling import Sampling, choose
from sslcli.errors import DataError, RunError, UsageError

STEPS = 12
SHAPES = {
    "learned": DECODER,
    "rotary-grouped": LLAMA,
    "windows": changed(LLAMA, window_tokens=4, global_every=2, rotary_base_local=50.0),
    "shared": changed(DECODER, shared_layers=True),
}


def without_cache(backbone, head, prompt, uniforms_S, sampling):
    """One prompt, the whole sequence anew for every token."""
    sequence = prompt
    for uniform in uniforms_S:
        logits_V = head(backbone(packed([sequence])).last_TD[-1:], backbone)
        token = (
            logits_V.argmax(dim=-1)
            if sampling.temperature == 0
            else choose(logits_V, uniform[None], sampling)
        )
        sequence = torch.cat([sequence, token])
    return sequence[len(prompt) :]


@pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_tokens_are_the_same_with_and_without_cache(settings, temperature):
    backbone, head, prompts = built(settings), LanguageModelHead(settings), tokens_of([3, 11, 1, 7])
    sampling = Sampling(temperature, 20, 0.95)
    uniforms_SB = torch.rand(STEPS, 4, generator=seeded(3))
    generated = generate_tokens(
        backbone, head, prompts, new_tokens=STEPS, uniforms_SB=uniforms_SB, sampling=sampling
    )
    for number, prompt in enumerate(prompts):
        assert torch.equal(
            generated[number],
            without_cache(backbone, head, prompt, uniforms_SB[:, number], sampling),
        )


def test_draws_decide_and_company_does_not():
    backbone, head, prompts = built(LLAMA), LanguageModelHead(LLAMA), tokens_of([3, 11, 5])
    first, second = (torch.rand(STEPS, 3, generator=seeded(seed)) for seed in (1, 2))

    def run(prompts, uniforms_SB):
        return [
            tokens.tolist()
            for tokens in generate_tokens(
                backbone, head, prompts, new_tokens=STEPS, uniforms_SB=uniforms_SB
            )
        ]

    assert run(prompts, first) == run(prompts, first)
    assert run(prompts, first) != run(prompts, second)
    assert run(prompts[1:2], first[:, 1:2]) == run(prompts, first)[1:2]


def test_a_stop_token_ends_its_own_sequence_only():
    backbone, head, prompts = built(LLAMA), LanguageModelHead(LLAMA), tokens_of([3, 11, 5, 6])
    uniforms_SB = torch.rand(STEPS, 4, generator=seeded(1))
    free = [
        row.tolist()
        for row in generate_tokens(
            backbone, head, prompts, new_tokens=STEPS, uniforms_SB=uniforms_SB
        )
    ]
    stop = free[0][4]
    stopped = generate_tokens(
        backbone, head, prompts, new_tokens=STEPS, uniforms_SB=uniforms_SB, stops={stop}
    )
    assert [row.tolist() for row in stopped] == [
        row[: row.index(stop)] if stop in row else row for row in free
    ]
    assert len(stopped[0]) <= 4


def test_chosen_tokens_have_the_frequencies_of_the_distribution():
    logits_V = torch.tensor([0.3, 2.0, -1.0, 1.9, 0.0])
    count = 20_000
    uniforms_B = (torch.arange(count) + 0.5) / count
    tokens_B = choose(logits_V.expand(count, -1), uniforms_B, Sampling(0.7))
    frequencies = torch.bincount(tokens_B, minlength=5) / count
    torch.testing.assert_close(frequencies, (logits_V / 0.7).softmax(dim=0), rtol=0, atol=2 / count)


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [
        (1, 1.0, {1}),
        (2, 1.0, {1, 3}),
        (9, 1.0, {0, 1, 2, 3}),
        (None, 0.4, {1}),
        (None, 0.75, {1, 3}),
        (3, 0.99, {0, 1, 3}),
        (None, 1e-9, {1}),
    ],
)
def test_top_k_and_top_p_keep_the_likeliest(top_k, top_p, kept):
    logits_V = torch.tensor([0.15, 0.45, 0.1, 0.3]).log()
    uniforms_B = torch.cat([torch.linspace(0, 1, 1_001)[:-1], torch.tensor([1 - 2**-24])])
    tokens_B = choose(
        logits_V.expand(len(uniforms_B), -1), uniforms_B, Sampling(top_k=top_k, top_p=top_p)
    )
    assert set(tokens_B.tolist()) == kept


def test_dropout_is_off_meanwhile_and_on_again_after():
    settings = changed(LLAMA, dropout=0.5)
    backbone, head, prompts = built(settings), LanguageModelHead(settings), tokens_of([3, 6])
    backbone.train()
    first, second = (generate_tokens(backbone, head, prompts, new_tokens=8) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert backbone.training
    assert backbone.blocks[0].training
    backbone.eval()
    generate_tokens(backbone, head, prompts, new_tokens=1)
    assert not backbone.training


def test_nothing_asked_is_nothing_given():
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    assert generate_tokens(backbone, head, [], new_tokens=3) == []
    assert [
        len(row) for row in generate_tokens(backbone, head, tokens_of([2, 3]), new_tokens=0)
    ] == [0, 0]


@pytest.mark.parametrize(
    ("error", "settings", "lengths", "options"),
    [
        (UsageError, ENCODER, [3], {"new_tokens": 2}),
        (UsageError, DECODER, [3], {"new_tokens": -1}),
        (UsageError, DECODER, [3], {"new_tokens": 1, "sampling": Sampling(-0.1)}),
        (UsageError, DECODER, [3], {"new_tokens": 1, "sampling": Sampling(top_k=0)}),
        (UsageError, DECODER, [3], {"new_tokens": 1, "sampling": Sampling(top_p=0.0)}),
        (UsageError, DECODER, [3, 60], {"new_tokens": 5}),
        (DataError, DECODER, [3, 0], {"new_tokens": 1}),
    ],
)
def test_what_cannot_be_generated_is_refused_with_a_hint(error, settings, lengths, options):
    with pytest.raises(error) as caught:
        generate_tokens(built(settings), LanguageModelHead(settings), tokens_of(lengths), **options)
    assert caught.value.hint


LOGITS = (1.0, 3.0, -torch.inf, 2.9, 0.0)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-45, 1e-7, 1e-4])
def test_the_coldest_temperatures_take_the_likeliest_as_0_does(temperature):
    uniforms_B = torch.tensor([0.0, 0.5, 1 - 2**-24])
    logits_BV = torch.tensor(LOGITS).expand(3, -1)
    for scale in (1.0, 1e30):
        tokens_B = choose(logits_BV * scale, uniforms_B, Sampling(temperature))
        assert tokens_B.tolist() == [1, 1, 1]


@pytest.mark.parametrize("temperature", [1e10, 1e300, 1.7e308])
def test_the_hottest_temperatures_choose_among_all_finite_logits_alike(temperature):
    count = 4_000
    uniforms_B = (torch.arange(count) + 0.5) / count
    logits_BV = torch.tensor(LOGITS).expand(count, -1)
    tokens_B = choose(logits_BV, uniforms_B, Sampling(temperature))
    assert torch.bincount(tokens_B, minlength=5).tolist() == [1_000, 1_000, 0, 1_000, 1_000]


@pytest.mark.parametrize("top_p", [5e-324, 1e-300, 1e-45, 1e-9])
def test_the_smallest_top_p_keeps_one_token(top_p):
    uniforms_B = torch.tensor([0.0, 0.5, 1 - 2**-24])
    logits_BV = torch.tensor([0.1, 0.3, 0.2]).expand(3, -1)
    for temperature in (1e-300, 1.0, 1e300):
        tokens_B = choose(logits_BV, uniforms_B, Sampling(temperature, top_p=top_p))
        assert len({*tokens_B.tolist()}) == 1
    assert choose(logits_BV, uniforms_B, Sampling(top_k=1, top_p=top_p)).tolist() == [1] * 3


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"min_p": 1.1},
        {"typical_p": 0.0},
    ],
)
def test_what_cannot_be_sampled_with_is_refused(options):
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    with pytest.raises(UsageError, match="cannot be sampled with"):
        generate_tokens(
            backbone,
            head,
            tokens_of([3]),
            new_tokens=1,
            uniforms_SB=torch.rand(1, 1),
            sampling=Sampling(**options),
        )


def test_ids_without_a_token_are_never_chosen():
    """Greedily and at any temperature: rows beyond the tokenizer, and holes in it."""
    backbone, head, prompts = built(LLAMA), LanguageModelHead(LLAMA), tokens_of([3, 6])
    known_V = torch.zeros(LLAMA.vocabulary - 20, dtype=torch.bool)
    known_V[::3] = True
    allowed = {*torch.arange(0, len(known_V), 3).tolist()}
    free = generate_tokens(backbone, head, prompts, new_tokens=STEPS)
    assert not {token for row in free for token in row.tolist()} <= allowed
    for uniforms_SB, temperature in (
        (None, 1.0),
        (torch.rand(STEPS, 2), 1.0),
        (torch.rand(STEPS, 2), 1e30),
    ):
        found = generate_tokens(
            backbone,
            head,
            prompts,
            new_tokens=STEPS,
            uniforms_SB=uniforms_SB,
            sampling=Sampling(temperature),
            known_V=known_V,
        )
        assert {token for row in found for token in row.tolist()} <= allowed
    everything = torch.ones(LLAMA.vocabulary, dtype=torch.bool)
    again = generate_tokens(backbone, head, prompts, new_tokens=STEPS, known_V=everything)
    assert all(torch.equal(a, b) for a, b in zip(free, again, strict=True))


def test_scores_that_are_no_numbers_end_in_a_sentence():
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    with torch.no_grad():
        backbone.blocks[0].feedforward.down.weight.fill_(torch.inf)
    with pytest.raises(RunError, match="no finite numbers"):
        generate_tokens(backbone, head, tokens_of([3]), new_tokens=1)


def test_rules_that_leave_no_token_end_in_a_sentence():
    """No token may come twice, and there are fewer than the text is to have."""
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    known_V = torch.zeros(LLAMA.vocabulary, dtype=torch.bool)
    known_V[5:9] = True
    given = {"rules": TokenRules(no_repeat=1), "known_V": known_V}
    (written,) = generate_tokens(backbone, head, [torch.tensor([20])], new_tokens=4, **given)
    assert sorted(written.tolist()) == [5, 6, 7, 8]
    with pytest.raises(UsageError, match="leave a text no token to go on with"):
        generate_tokens(backbone, head, [torch.tensor([20])], new_tokens=5, **given)
