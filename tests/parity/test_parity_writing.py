"""`ssl generate` with a BART directory writes what transformers does, as generation_config.json says
it; what it does not follow is said, and what cannot be is refused.
"""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_parity_encoder_decoders import model_of
from tiny_models import VOCABULARY
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, processors

from sslcli.errors import ModelError
from sslcli.workflows.generate.generate import generate

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
TEXTS = ["w3 w9 <mask> w7 w1", "w8", "w11 w2 w2 w6 w14 w5 <mask>", "<mask> w4 w10"]
CASES = {
    "nothing": {},
    "beams": {"num_beams": 4},
    "longer": {"num_beams": 3, "length_penalty": 2.0},
    "shorter": {"num_beams": 3, "length_penalty": -1.0, "early_stopping": True},
    "never": {"num_beams": 4, "early_stopping": "never", "length_penalty": 0.5},
    "not too short": {"min_length": 6},
    "either least": {"min_length": 6, "min_new_tokens": 0},
    "least new tokens": {"min_new_tokens": 7, "num_beams": 2},
    "short": {"max_length": 5},
    "few new tokens": {"max_new_tokens": 3, "num_beams": 2},
    "forced": {"forced_bos_token_id": 0, "forced_eos_token_id": 2, "max_length": 7},
    "forced beams": {"forced_bos_token_id": 9, "forced_eos_token_id": 2, "num_beams": 3},
    "another start": {"decoder_start_token_id": 0},
    "no repeats": {"no_repeat_ngram_size": 2},
    "no repeats of beams": {"no_repeat_ngram_size": 1, "num_beams": 3, "max_length": 9},
    "penalty": {"repetition_penalty": 1.5},
    "empty fields": {"num_beams": None, "length_penalty": None, "early_stopping": None},
}
TERSE = {"shorter", "never", "short", "forced", "forced beams", "few new tokens"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A random model whose texts end at different lengths, with its tokenizer."""
    folder = tmp_path_factory.mktemp("bart")
    model = model_of("bart untied")
    with torch.no_grad():
        model.lm_head.weight.mul_(0.5)
        model.final_logits_bias.zero_()
        model.final_logits_bias[0, 2] = 1.8
        model.final_logits_bias[0, [0, 1, 3, 4]] = -100.0  # of special ones the end alone
    model.save_pretrained(folder)
    # transformers writes a matrix that several modules share once, and reads it for one of them
    tensors = load_file(folder / "model.safetensors")
    for half in ("encoder", "decoder"):
        name = f"model.{half}.embed_tokens.weight"
        tensors[name] = tensors["model.shared.weight"].clone()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    words = [*SPECIALS, *(f"w{number}" for number in range(VOCABULARY - len(SPECIALS)))]
    library = Library(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    )
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    roles = {"bos": 0, "eos": 2, "unk": 3, "sep": 2, "pad": 1, "cls": 0, "mask": 4}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=library,
        **{f"{role}_token": SPECIALS[number] for role, number in roles.items()},
    ).save_pretrained(folder)
    return folder


def says(directory, **fields):
    said = {"decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "bos_token_id": 0}
    said["max_length"] = 20
    if "max_new_tokens" in fields:
        del said["max_length"]
    (directory / "generation_config.json").write_text(json.dumps({**said, **fields}))


def written(directory, text, **request):
    notes = []
    found = [
        each.text for each in generate(str(directory), {"text": text, **request}, 0, notes.append)
    ]
    return found, notes


@pytest.mark.parametrize("name", CASES)
def test_a_text_is_written_as_transformers_writes_it(directory, name):
    says(directory, **CASES[name])
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(directory).eval()
    sizes = set()
    for text in TEXTS:
        with torch.no_grad():
            tokens = model.generate(**tokenizer(text, return_tensors="pt"))[0]
        expected = tokenizer.decode(tokens, skip_special_tokens=True)
        assert written(directory, text) == ([expected], [])
        sizes.add(len(expected.split()))
    assert max(sizes) > 1 or name in TERSE


def test_what_a_line_asks_for_counts_more(directory):
    says(directory, num_beams=4, length_penalty=2.0)
    greedy, _ = written(directory, TEXTS[0], beams=1)
    three, _ = written(directory, TEXTS[0], beams=3, length_penalty=1.0)
    assert (len(greedy), len(three)) == (1, 3)
    says(directory)
    assert written(directory, TEXTS[0])[0] == greedy
    assert written(directory, TEXTS[0], beams=3)[0] == three


@pytest.mark.parametrize(
    "fields",
    [
        {"encoder_no_repeat_ngram_size": 3},
        {"do_sample": True, "diversity_penalty": 1.2},
        {"bad_words_ids": [[7]], "suppress_tokens": [5]},
    ],
)
def test_what_is_not_followed_is_said(directory, fields):
    says(directory, **fields)
    plain = written(directory, TEXTS[0])[0]
    idle = {"encoder_no_repeat_ngram_size": 0, "diversity_penalty": 0.0, "do_sample": False}
    says(directory, **idle, bad_words_ids=None)
    assert written(directory, TEXTS[0]) == (plain, [])
    says(directory, **fields)
    said = ", ".join(f"{name} {value}" for name, value in fields.items())
    assert written(directory, TEXTS[0])[1] == [
        f"note: generation_config.json says {said}, which ssl generate does not follow"
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_beams", 0),
        ("num_beams", "4"),
        ("num_beams", True),
        ("length_penalty", "long"),
        ("length_penalty", False),
        ("early_stopping", "sometimes"),
        ("early_stopping", 2),
        ("max_length", 1),
        ("max_new_tokens", 0),
        ("min_length", -1),
        ("repetition_penalty", 0),
        ("no_repeat_ngram_size", 1.5),
    ],
)
def test_a_value_that_cannot_be_is_refused(directory, field, value):
    says(directory, **{field: value})
    with pytest.raises(ModelError, match=f"generation_config.json of the model says {field}"):
        written(directory, TEXTS[0])
