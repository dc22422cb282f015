"""Scores of choices: the log-probabilities that transformers gives the whole texts."""

import pytest
import torch
from test_parity_encoder_decoders import model_of
from tiny_models import KINDS, VOCABULARY

from sslcli.core.choices import score_choices
from sslcli.core.inputs import Inputs
from sslcli.errors import DataError, UsageError
from sslcli.models.hf_directory import read_directory

CONTEXTS = (7, 1, 13, 4)
CHOICES = ((1, 1, 1), (3, 1, 5), (2,), (4, 4, 1, 6, 1))


def drawn(length, generator):
    return torch.randint(5, VOCABULARY, (length,), generator=generator)


def texts():
    generator = torch.Generator().manual_seed(1)
    contexts = [drawn(length, generator) for length in CONTEXTS]
    return contexts, [[drawn(length, generator) for length in own] for own in CHOICES]


def assert_scores(found, logits_of, contexts, choices):
    for number, own in enumerate(choices):
        for place, choice in enumerate(own):
            log_SV = logits_of(number, torch.cat([contexts[number], choice])).log_softmax(dim=-1)
            rows_tV = log_SV[len(contexts[number]) - 1 : -1]
            expected = rows_tV.gather(1, choice[:, None]).sum()
            score = found[number][place]
            assert score.log_probability == pytest.approx(float(expected), abs=1e-4)
            assert score.tokens == len(choice)
            assert score.is_likeliest == bool((rows_tV.argmax(dim=-1) == choice).all())


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral"])
def test_choices_behind_contexts_of_all_lengths(name, tmp_path):
    model = KINDS[name].build()
    model.save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    contexts, choices = texts()
    with torch.no_grad():
        found = score_choices(backbone, head, contexts, choices)
        assert_scores(found, lambda _, whole: model(whole[None]).logits[0], contexts, choices)
        likeliest = model(contexts[0][None]).logits[0, -1].argmax()
    ((score,),) = score_choices(backbone, head, contexts[:1], [[likeliest[None]]])
    assert score.is_likeliest


def test_a_prefix_is_read_once_for_the_contexts_that_begin_with_it(tmp_path):
    model = KINDS["llama"].build()
    model.save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    contexts, choices = texts()
    prefixes = [drawn(length, torch.Generator().manual_seed(length)) for length in (9, 3)]
    prefix_of = [1, 0, 0, 1]
    with torch.no_grad():
        found = score_choices(
            backbone, head, contexts, choices, prefixes=prefixes, prefix_of=prefix_of
        )
        whole = [
            torch.cat([prefixes[of], own]) for of, own in zip(prefix_of, contexts, strict=True)
        ]
        assert_scores(found, lambda _, text: model(text[None]).logits[0], whole, choices)


def test_choices_of_an_encoder_decoder_are_of_its_decoder(tmp_path):
    model = model_of("bart")
    model.save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    contexts, choices = texts()
    sources = [drawn(length, torch.Generator().manual_seed(length)) for length in (9, 2, 12, 5)]
    with torch.no_grad():
        memory = backbone.encode(Inputs.pack(sources))
        found = score_choices(backbone, head, contexts, choices, memory=memory)

        def logits_of(number, whole):
            return model(input_ids=sources[number][None], decoder_input_ids=whole[None]).logits[0]

        assert_scores(found, logits_of, contexts, choices)


def test_what_has_no_token_is_refused(tmp_path):
    KINDS["gpt2"].build().save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    nothing, one = torch.empty(0, dtype=torch.int64), torch.tensor([7])
    for contexts, choices in (([nothing], [[one]]), ([one], [[one, nothing]])):
        with pytest.raises(DataError, match="has no token"):
            score_choices(backbone, head, contexts, choices)


def test_contexts_without_choices_have_no_scores(tmp_path):
    KINDS["gpt2"].build().save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    contexts, _ = texts()
    assert score_choices(backbone, head, contexts, [[], [], [], []]) == [[], [], [], []]


def test_a_choice_beyond_the_positions_is_refused(tmp_path):
    KINDS["gpt2"].build().save_pretrained(tmp_path)
    backbone, head = read_directory(tmp_path).network()
    room = backbone.settings.longest_tokens
    context = torch.full((room - 2,), 5)
    ((score,),) = score_choices(backbone, head, [context], [[torch.tensor([6, 7, 8])]])
    assert score.tokens == 3  # the last one is not read
    with pytest.raises(UsageError, match=f"positions for {room}"):
        score_choices(backbone, head, [context], [[torch.tensor([6]), torch.tensor([6, 7, 8, 9])]])
