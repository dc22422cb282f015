"""Beam search behind a memory: tokens and scores of transformers' generate, rule by rule."""

from itertools import pairwise

import pytest
import torch
from test_parity_encoder_decoders import model_of, tokens_of, transformers

from sslcli.core.beams import BeamRules, beam_search
from sslcli.core.inputs import Inputs
from sslcli.core.rules import TokenRules
from sslcli.errors import UsageError
from sslcli.models.hf_directory import read_directory

# a hundred sources of 1 to 12 tokens in one batch
LENGTHS = (9, 4, 1, 12, 7, 3, *(1 + 5 * number % 12 for number in range(94)))
START, END = 2, 2
MARGIN = 1e-4  # two texts whose scores are nearer may change places
STOPPING = {"no": False, "yes": True, "never": "never"}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A random model whose texts end at different lengths, in both programs."""
    folder = tmp_path_factory.mktemp("bart")
    model = model_of("bart untied")
    with torch.no_grad():
        model.lm_head.weight.mul_(0.5)
        model.final_logits_bias.zero_()
        model.final_logits_bias[0, END] = 2.0
    # what a new model says itself, such as a forced end, would fill in what a test leaves out
    model.generation_config = transformers.GenerationConfig()
    model.save_pretrained(folder)
    backbone, head = read_directory(folder).network()
    return model, backbone, head


def sources():
    tokens_T, _ = tokens_of(LENGTHS)
    return tokens_T.split(LENGTHS)


def theirs(model, rules, count):
    tokens = torch.nn.utils.rnn.pad_sequence(sources(), batch_first=True, padding_value=1)
    seen = torch.arange(tokens.shape[1]) < torch.tensor(LENGTHS)[:, None]
    config = transformers.GenerationConfig(
        num_beams=rules.beams,
        num_return_sequences=count,
        max_length=1 + rules.new_tokens,
        min_length=rules.rules.least_tokens,
        length_penalty=rules.length_penalty,
        early_stopping=STOPPING[rules.early_stopping],
        forced_bos_token_id=rules.rules.forced_first,
        forced_eos_token_id=rules.rules.forced_last,
        repetition_penalty=rules.rules.repetition_penalty,
        no_repeat_ngram_size=rules.rules.no_repeat,
        min_new_tokens=rules.rules.least_new_tokens or None,
        do_sample=False,
        decoder_start_token_id=START,
        eos_token_id=END,
        pad_token_id=1,
        bos_token_id=0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    found = model.generate(tokens, attention_mask=seen.long(), generation_config=config)
    texts = found.sequences[:, 1:].unflatten(0, (len(LENGTHS), count)).tolist()
    return texts, found.sequences_scores.unflatten(0, (len(LENGTHS), count)).tolist()


def until_end(tokens):
    return [*tokens, END][: [*tokens, END].index(END)]


CASES = {
    "default": {},
    "stops early": {"early_stopping": "yes"},
    "never": {"early_stopping": "never"},
    "canonical": {"early_stopping": "never", "length_penalty": 0.0},
    "longer": {"length_penalty": 2.0},
    "longer, never": {"length_penalty": 2.0, "early_stopping": "never"},
    "shorter": {"length_penalty": -1.0},
    "not too short": {"rules": TokenRules(least_tokens=6)},
    "forced": {"rules": TokenRules(forced_first=0, forced_last=END)},
    "repeats nothing": {"rules": TokenRules(no_repeat=2)},
    "repeats less": {"rules": TokenRules(repetition_penalty=1.3, least_new_tokens=4)},
    "many beams": {"beams": 7, "early_stopping": "yes"},
    "short": {"new_tokens": 2},
}


def ours(backbone, head, rules):
    with torch.no_grad():
        memory = backbone.encode(Inputs.pack(list(sources())))
    prompts = [torch.tensor([START])] * len(LENGTHS)
    return beam_search(backbone, head, prompts, rules, stops={END}, memory=memory)


def rules_of(name):
    return BeamRules(**{"beams": 4, "new_tokens": 12, **CASES[name]})


@pytest.mark.parametrize("name", CASES)
def test_beams_are_those_of_transformers(both, name):
    model, backbone, head = both
    rules = rules_of(name)
    texts, scores = theirs(model, rules, rules.beams)
    compared = ties = 0
    for own, wanted, expected in zip(ours(backbone, head, rules), texts, scores, strict=True):
        assert [beam.score for beam in own] == pytest.approx(expected[: len(own)], abs=1e-4)
        for place, beam in enumerate(own):
            neighbours = pairwise(expected[max(place - 1, 0) : place + 2])
            is_tie = any(abs(one - other) < MARGIN for one, other in neighbours)
            same = beam.tokens.tolist() == until_end(wanted[place])
            assert same or is_tie
            compared, ties = compared + same, ties + (not same)
    assert compared > 10 * ties


def test_the_rules_decide_and_texts_end_at_different_lengths(both):
    _, backbone, head = both
    found = {
        name: [[beam.tokens.tolist() for beam in own] for own in ours(backbone, head, rules)]
        for name in ("default", "stops early", "longer", "not too short")
        if (rules := rules_of(name))
    }
    assert len({len(tokens) for own in found["default"] for tokens in own}) > 1
    for name in ("stops early", "longer", "not too short"):
        assert found["default"] != found[name], name


def test_a_text_does_not_depend_on_those_beside_it(both):
    _, backbone, head = both
    rules = rules_of("default")
    together = ours(backbone, head, rules)
    for source, expected in zip(sources(), together, strict=True):
        with torch.no_grad():
            memory = backbone.encode(Inputs.pack([source]))
        (alone,) = beam_search(
            backbone, head, [torch.tensor([START])], rules, stops={END}, memory=memory
        )
        assert [b.tokens.tolist() for b in alone] == [b.tokens.tolist() for b in expected]


@pytest.mark.parametrize(("beams", "new_tokens"), [(0, 3), (2, 0), (2, 1000)])
def test_beams_that_cannot_be_are_refused(both, beams, new_tokens):
    _, backbone, head = both
    with pytest.raises(UsageError):
        ours(backbone, head, BeamRules(beams, new_tokens))
