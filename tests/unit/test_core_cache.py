"""The cache: whoever leaves, changes places, is doubled or shortened reads what an uncached pass
reads.
"""

import numpy as np
import pytest
import torch
from core_samples import DECODER, LLAMA, built, changed, tokens_of

from sslcli.core.cache import SPARE, STEP, Cache
from sslcli.core.generation import Continuation, Writer, guess_from_prompt
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Inputs

SHAPES = {
    "learned": DECODER,
    "rotary-grouped": LLAMA,
    "windows": changed(LLAMA, window_tokens=4, global_every=2, rotary_base_local=50.0),
}
LENGTHS = (3, 21, 1, 7, 12)


def read(backbone, cache, sequences):
    """A pass over new rows of every sequence: the rows of each."""
    held = cache.lengths.tolist() or [0] * len(sequences)
    places = [
        torch.arange(at, at + len(tokens)) for at, tokens in zip(held, sequences, strict=True)
    ]
    inputs = Inputs.pack(sequences, positions=places)
    with torch.no_grad():
        return backbone(inputs, cache=cache).last_TD.split([len(tokens) for tokens in sequences])


def assert_last_rows(backbone, found, whole):
    """Each found row is that of its whole sequence, read at once and alone."""
    for rows, tokens in zip(found, whole, strict=True):
        with torch.no_grad():
            expected = backbone(Inputs.pack([tokens])).last_TD[-len(rows) :]
        torch.testing.assert_close(rows, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize(
    "chosen",
    [
        [0, 1, 2, 3, 4],
        [1, 3],
        [4],
        [4, 2, 0, 1, 3],
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
        [1, 1, 1],
        [3, 2, 2],
    ],
    ids=str,
)
def test_who_stays_goes_on_from_what_it_has_read(settings, chosen):
    backbone, prompts = built(settings), tokens_of(LENGTHS)
    cache = Cache()
    read(backbone, cache, prompts)
    cache.keep(chosen)
    whole = [prompts[number] for number in chosen]
    for turn, rows in enumerate((1, 3, 1)):
        new = tokens_of([rows + (rows > 1) * (number % 2) for number in range(len(chosen))], turn)
        whole = [torch.cat(pair) for pair in zip(whole, new, strict=True)]
        assert_last_rows(backbone, read(backbone, cache, new), whole)


@pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES.keys())
def test_what_is_forgotten_is_read_by_nobody(settings):
    backbone, prompts = built(settings), tokens_of(LENGTHS)
    cache = Cache()
    read(backbone, cache, prompts)
    read(backbone, cache, tokens_of([4] * 5, seed=1))
    cache.shorten([4, 1, 0, 3, 2])
    after = tokens_of([4] * 5, seed=1)
    kept = [
        torch.cat([prompt, tokens[: 4 - gone]])
        for prompt, tokens, gone in zip(prompts, after, (4, 1, 0, 3, 2), strict=True)
    ]
    new = tokens_of([2, 1, 1, 2, 1], seed=2)
    whole = [torch.cat(pair) for pair in zip(kept, new, strict=True)]
    assert_last_rows(backbone, read(backbone, cache, new), whole)


def test_many_passes_leave_in_any_order():
    """Random leavings and doublings, ten passes long, beside the whole sequences."""
    backbone, generator = built(SHAPES["windows"]), np.random.default_rng(0)
    whole, cache = tokens_of(LENGTHS), Cache()
    read(backbone, cache, whole)
    for turn in range(10):
        chosen = generator.integers(0, len(whole), generator.integers(2, 7))
        if turn % 2:
            chosen = np.unique(chosen)
        cache.keep(chosen)
        new = tokens_of(generator.integers(1, 3, len(chosen)).tolist(), seed=turn)
        whole = [torch.cat([whole[old], own]) for old, own in zip(chosen, new, strict=True)]
        assert_last_rows(backbone, read(backbone, cache, new), whole)


def test_memory_is_what_is_held_and_some_room():
    """A long sequence does not lengthen the short ones, and who has left holds nothing."""
    backbone, lengths = built(LLAMA), [60, *[4] * 60]
    cache = Cache()
    read(backbone, cache, tokens_of(lengths))
    a_row = 2 * LLAMA.depth * (LLAMA.key_value_heads or LLAMA.heads) * LLAMA.features_per_head * 4
    room = -(-int(60 * SPARE) // STEP) * STEP + 60 * STEP
    assert sum(lengths) * a_row <= cache.bytes <= room * a_row
    cache.keep([0])
    assert cache.bytes <= -(-int(60 * SPARE) // STEP) * STEP * a_row


def test_guesses_come_from_the_first_place_that_ends_alike():
    assert guess_from_prompt([1, 2, 3, 9, 2, 3, 4, 1, 2, 3], 2) == [9, 2]
    assert guess_from_prompt([5, 6, 7, 8, 6], 3) == [7, 8, 6]
    assert guess_from_prompt([1, 2, 3], 3) == []
    assert guess_from_prompt([1], 3) == []


def test_guesses_that_come_true_save_passes():
    """Behind a prompt that the model repeats, there are fewer passes and the same text."""
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    (prompt,) = tokens_of([4])

    def passes(lookup_tokens):
        text = Continuation(0, prompt.tolist(), 50)
        writer = Writer(backbone, head, lookup_tokens=lookup_tokens)
        return sum(1 for _ in writer.write([text])), text.tokens

    (slow, plain), (fast, guessed) = passes(0), passes(5)
    assert plain == guessed
    assert slow == 50
    assert fast < 50


def test_who_reads_along_ends_a_text_and_the_others_go_on():
    backbone, head = built(LLAMA), LanguageModelHead(LLAMA)
    texts = [
        Continuation(number, tokens.tolist(), 9)
        for number, tokens in enumerate(tokens_of([3, 5, 2]))
    ]
    for grown in Writer(backbone, head).write(texts):
        for text in grown:
            if text.number == 1 and len(text.tokens) == 4:
                text.cut(3)
    assert [len(text.tokens) for text in texts] == [9, 3, 9]
    assert [text.ended for text in texts] == ["length", "halted", "length"]
