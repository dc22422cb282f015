"""A model that is looked into on a GPU says what it says on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sslcli.api import (
    WordOccurrence,
    enclose,
    locate_words,
    sentence_vectors,
    static_vectors,
    word_vectors,
    words_told,
)
from sslcli.testing import TinyProbeData, tiny_frozen_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

TEXTS = [document.text for document in TinyProbeData().documents()]
USES = [WordOccurrence(text, 0, 3) for text in TEXTS]


def on_both():
    """The same weights on the CPU and on the GPU."""
    here, there = tiny_frozen_model(), tiny_frozen_model()
    return here, replace(there, backbone=there.backbone.cuda(), learnable=there.learnable.cuda())


@pytest.mark.parametrize("read", [word_vectors, sentence_vectors])
def test_vectors(read):
    asked = USES if read is word_vectors else TEXTS
    ours, theirs = (read(model, asked, range(3)) for model in on_both())
    for layer in range(3):
        np.testing.assert_allclose(ours[layer], theirs[layer], atol=1e-5)


def test_static_vectors():
    ours, theirs = (static_vectors(model, USES) for model in on_both())
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("hidden", [True, False])
def test_what_the_head_says(hidden):
    ours, theirs = (
        words_told(model, locate_words(model.tokenizer, USES), hidden=hidden) for model in on_both()
    )
    np.testing.assert_array_equal(ours, theirs)


def test_a_shift_moves_alike():
    def moved(model):
        device = model.backbone.embedding.device
        way = torch.linspace(-1, 1, model.backbone.settings.width, device=device)
        sequences = [enclose(model.tokenizer.encode(text), model.tokenizer) for text in TEXTS]
        batches = model.hidden(sequences, [2], edit={1: lambda rows, packing: rows + way})
        return torch.cat([batch.hidden.kept[2].cpu() for batch in batches])

    ours, theirs = map(moved, on_both())
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
