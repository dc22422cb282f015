"""Texts that decoders write: transformers' own, for 100 prompts of mixed lengths in one batch.

transformers pads on the left; a text that differs is a tie where two scores are nearer than MARGIN.
"""

from dataclasses import replace

import pytest
import torch
from tiny_models import KINDS, VOCABULARY, transformers

from sslcli.core.beams import BeamRules, beam_search
from sslcli.core.generation import Continuation, Writer, generate_tokens
from sslcli.core.rules import TokenRules
from sslcli.models.hf_directory import read_directory

PROMPTS, FEW, NEW, PAD = 100, 20, 14, 0
MARGIN = 1e-4
KIND_NAMES = ("gpt2", "llama", "mistral")
STOPPING = {"no": False, "yes": True, "never": "never"}
RULES = {
    "plain": TokenRules(),
    "repeats less": TokenRules(repetition_penalty=1.4),
    "no bigram twice": TokenRules(no_repeat=2),
    "not too short": TokenRules(least_new_tokens=9),
    "last forced": TokenRules(forced_last=0),
    "all": TokenRules(1.2, no_repeat=3, least_tokens=12, forced_last=0),
}


def prompts(count):
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, 17, (count,), generator=generator).tolist()
    return [torch.randint(5, VOCABULARY, (length,), generator=generator) for length in lengths]


@pytest.fixture(scope="module", params=KIND_NAMES)
def both(request, tmp_path_factory):
    """A model in both programs, and the token that ends its texts: one that it often writes."""
    folder = tmp_path_factory.mktemp("decoder")
    model = KINDS[request.param].build()
    model.generation_config = transformers.GenerationConfig(pad_token_id=PAD)
    model.save_pretrained(folder)
    backbone, head = read_directory(folder).network()
    free = generate_tokens(backbone, head, prompts(PROMPTS), new_tokens=NEW)
    end = int(torch.stack(free)[:, 2:9].flatten().bincount().argmax())
    return model, backbone, head, end


def padded(own):
    longest = max(map(len, own))
    tokens = torch.full((len(own), longest), PAD)
    for row, prompt in enumerate(own):
        tokens[row, longest - len(prompt) :] = prompt
    seen = torch.arange(longest) >= longest - torch.tensor([len(prompt) for prompt in own])[:, None]
    return tokens, seen.long()


def config_of(rules, end, longest, **more):
    return transformers.GenerationConfig(
        max_length=longest + NEW,
        min_new_tokens=rules.least_new_tokens or None,
        min_length=rules.least_tokens,
        repetition_penalty=rules.repetition_penalty,
        no_repeat_ngram_size=rules.no_repeat,
        forced_eos_token_id=rules.forced_last,
        do_sample=False,
        pad_token_id=PAD,
        eos_token_id=end,
        return_dict_in_generate=True,
        output_scores=True,
        **more,
    )


def until_end(tokens, end):
    return [*tokens, end][: [*tokens, end].index(end)]


def one_by_one(model, own, rules, end, **more):
    """Alone and unpadded, because rules count the prompt and there the padding too."""
    for prompt in own:
        config = config_of(rules, end, len(prompt), **more)
        yield prompt, model.generate(prompt[None], generation_config=config)


def forced(rules, end):
    """A test's rules with the model's end as the last token."""
    return replace(rules, forced_last=None if rules.forced_last is None else end)


@pytest.mark.parametrize("name", RULES)
def test_the_likeliest_texts_are_those_of_transformers(both, name):
    model, backbone, head, end = both
    rules, own = forced(RULES[name], end), prompts(PROMPTS if name == "plain" else FEW)
    ours = generate_tokens(backbone, head, own, new_tokens=NEW, rules=rules, stops={end})
    same, smallest = 0, torch.inf
    theirs = one_by_one(model, own, rules, end)
    for written, (prompt, found) in zip(ours, theirs, strict=True):
        best = [step[0].topk(2).values for step in found.scores]
        margin = min(float(top[0] - top[1]) for top in best)
        smallest = min(smallest, margin)
        is_same = written.tolist() == until_end(found.sequences[0, len(prompt) :].tolist(), end)
        assert is_same or margin < MARGIN
        same += is_same
    print(f"{same} of {len(own)} texts are the same; the smallest margin is {smallest:.2g}")
    assert same > 0.9 * len(own)
    if name == "plain":
        assert len({len(written) for written in ours}) > 1


@pytest.mark.parametrize("case", ["default", "never", "yes", "ruled"])
def test_beams_behind_prompts_of_all_lengths_are_those_of_transformers(both, case):
    model, backbone, head, end = both
    own = prompts(PROMPTS if case == "default" else FEW)
    rules = TokenRules(no_repeat=3, least_new_tokens=3) if case == "ruled" else TokenRules()
    stopping = case if case in ("never", "yes") else "no"
    beams = {"num_beams": 4, "num_return_sequences": 2, "early_stopping": STOPPING[stopping]}
    if case == "ruled":
        found = [(prompt, each) for prompt, each in one_by_one(model, own, rules, end, **beams)]
        texts = [each.sequences[:, len(prompt) :].tolist() for prompt, each in found]
        scores = [each.sequences_scores.tolist() for _, each in found]
    else:
        tokens, seen = padded(own)
        config = config_of(rules, end, tokens.shape[1], **beams)
        found = model.generate(tokens, attention_mask=seen, generation_config=config)
        texts = found.sequences[:, tokens.shape[1] :].unflatten(0, (len(own), 2)).tolist()
        scores = found.sequences_scores.unflatten(0, (len(own), 2)).tolist()
    asked = BeamRules(4, NEW, early_stopping=stopping, rules=rules)
    ours = beam_search(backbone, head, own, asked, stops={end})
    same = 0
    for written, wanted, expected in zip(ours, texts, scores, strict=True):
        assert written[0].score == pytest.approx(expected[0], abs=MARGIN)
        is_same = written[0].tokens.tolist() == until_end(wanted[0], end)
        assert is_same or abs(expected[0] - expected[1]) < MARGIN
        same += is_same
    print(f"{same} of {len(own)} texts are the same")
    assert same > 0.9 * len(own)


def test_prompts_in_chunks_and_guesses_change_no_text(both, monkeypatch):
    _, backbone, head, end = both
    own = prompts(PROMPTS)
    expected = generate_tokens(backbone, head, own, new_tokens=NEW, stops={end})
    monkeypatch.setattr("sslcli.core.generation.CHUNK_TOKENS", 3)
    chunked = generate_tokens(backbone, head, own, new_tokens=NEW, stops={end})
    guessed = generate_tokens(backbone, head, own, new_tokens=NEW, stops={end}, lookup_tokens=4)
    for found in (chunked, guessed):
        assert sum(map(torch.equal, found, expected)) > 0.97 * PROMPTS


def test_log_probabilities_are_the_models_own(both):
    """Before the rules: of the text that was written, token by token, in one pass without cache."""
    model, backbone, head, end = both
    own = prompts(FEW)
    texts = [Continuation(number, prompt.tolist(), NEW) for number, prompt in enumerate(own)]
    writer = Writer(backbone, head, rules=TokenRules(1.4), stops={end}, tells_probabilities=True)
    for _ in writer.write(texts):
        pass
    for text in texts:
        whole = torch.tensor([[*text.prompt, *text.tokens]])
        with torch.no_grad():
            log_SV = model(whole).logits[0].log_softmax(dim=-1)
        expected = [
            float(log_SV[len(text.prompt) + place - 1, token])
            for place, token in enumerate(text.tokens)
        ]
        assert text.log_probabilities == pytest.approx(expected, abs=1e-4)
        assert text.ended == ("length" if len(text.tokens) == NEW else "stop")
