"""Real models give real numbers: |difference| <= 1e-5 of the largest value, whose size is in the
thousands in some layers.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import assert_equal_numbers, our_numbers, packed, their_numbers, transformers

from sslcli.models.loading import load_pretrained

TEXTS = [
    "I ate an apple.",
    "The river bank was flooded after a week of rain, and nobody went there.",
    "苹果",
    "Apple sold a new phone.",
]


@pytest.fixture(scope="module")
def real_models():
    folder = os.environ.get("SSLCLI_TEST_MODELS")
    if not folder:
        pytest.skip("SSLCLI_TEST_MODELS is not set")
    return Path(folder)


@pytest.mark.parametrize("name", ["minilm", "e5", "smollm2"])
def test_real_models_agree_on_real_text(real_models, name):
    pretrained = load_pretrained(str(real_models / name))
    tokenizer = pretrained.tokenizer()
    ids = [tokenizer.encode(text) for text in TEXTS]
    theirs = transformers.AutoTokenizer.from_pretrained(real_models / name)
    assert [list(row) for row in ids] == theirs(TEXTS, add_special_tokens=False)["input_ids"]
    lengths = [len(row) for row in ids]
    tokens_T = torch.from_numpy(np.concatenate(ids))
    visible_BP = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    kind = transformers.AutoModelForCausalLM if name == "smollm2" else transformers.AutoModel
    model = kind.from_pretrained(
        real_models / name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ours = our_numbers(pretrained, packed(tokens_T, lengths))
    assert_equal_numbers(ours, their_numbers(model, tokens_T, visible_BP), relative=True)
