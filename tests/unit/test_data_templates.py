"""What stands around texts, beside what the tokenizers library itself puts there."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, processors

from sslcli.data.text.guard import Guard, as_remark
from sslcli.data.text.templates import Template
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ModelError

TOKENS = [("[CLS]", 7), ("[SEP]", 8), ("<s>", 9)]
PROCESSORS = {
    "nothing": None,
    "bytes": processors.ByteLevel(trim_offsets=False),
    "BERT": processors.BertProcessing(("[SEP]", 8), ("[CLS]", 7)),
    "RoBERTa": processors.RobertaProcessing(("[SEP]", 8), ("[CLS]", 7), True, False),
    "template": processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=TOKENS
    ),
    "begin": processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=TOKENS
    ),
    "end, classes last": processors.TemplateProcessing(
        single="$A [SEP] [CLS]:2", pair="$A [SEP] $B:1 [SEP]:1 [CLS]:2", special_tokens=TOKENS
    ),
}
PROCESSORS["sequence"] = processors.Sequence([PROCESSORS["bytes"], PROCESSORS["begin"]])


def words(processor):
    library = Library(models.WordLevel({"a": 0, "b": 1, "c": 2, "?": 3}, unk_token="?"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    if processor is not None:
        library.post_processor = processor
    return library


@pytest.mark.parametrize("name", PROCESSORS)
def test_a_post_processor_is_what_the_library_does(name):
    library = words(PROCESSORS[name])
    described = json.loads(library.to_str())["post_processor"]
    template = Template.of_post_processor(described, gives_types=True, classify=None, end=None)
    first, second = "a b c", "c a"
    for texts in ((first,), (first, second), ("", first), (second, "")):
        expected = library.encode(*texts)
        parts = [
            np.asarray(library.encode(text, add_special_tokens=False).ids, dtype=np.int64)
            for text in texts
        ]
        around = template.single if len(texts) == 1 else template.pair
        tokens, types = around.build(*parts)
        assert (tokens.tolist(), types.tolist()) == (expected.ids, expected.type_ids)
        assert (
            around.room
            == len(tokens) - sum(map(len, parts))
            == library.num_special_tokens_to_add(len(texts) > 1)
        )
        for number, part in enumerate(parts):
            start = around.start_of(number, parts)
            assert tokens[start : start + len(part)].tolist() == part.tolist()
    assert template.single.before == len(template.single.tokens[0])


@pytest.mark.parametrize("pair", ["$B:1 [SEP] $A", "$A [SEP] $A"])
def test_texts_that_are_turned_round_or_repeated_are_refused(pair):
    processor = processors.TemplateProcessing(
        single="$A", pair=pair if "$B" in pair else "$A $B $A", special_tokens=TOKENS
    )
    described = json.loads(words(processor).to_str())["post_processor"]
    with pytest.raises(ModelError, match="in order"):
        Template.of_post_processor(described, gives_types=True, classify=None, end=None)


def test_type_ids_that_do_not_reach_the_model_are_zero():
    described = json.loads(words(PROCESSORS["template"]).to_str())["post_processor"]
    template = Template.of_post_processor(described, gives_types=False, classify=7, end=8)
    assert template.pair.build(np.arange(2), np.arange(2))[1].tolist() == [0] * 7
    assert template.largest_type == 0


def test_our_own_tokenizers():
    a, b = np.asarray([1, 2]), np.asarray([3])
    template = Template.of_roles(7, 8, None)
    assert [part.tolist() for part in template.single.build(a)] == [[7, 1, 2, 8], [0, 0, 0, 0]]
    assert [part.tolist() for part in template.pair.build(a, b)] == [
        [7, 1, 2, 8, 3, 8],
        [0, 0, 0, 0, 1, 1],
    ]
    decoder = Template.of_roles(None, None, 5)
    assert decoder.single.build(a)[0].tolist() == [1, 2, 5]
    assert decoder.prompt.build(a)[0].tolist() == [1, 2]
    assert (decoder.begin, decoder.end, template.end) == ((), (5,), (8,))
    assert Template.of_roles(None, None, None).pair.build(a, b)[0].tolist() == [1, 2, 3]


def directory(folder, processor, **config):
    library = words(processor)
    library.add_special_tokens(["?", "[CLS]", "[SEP]", "<s>", "<|turn|>"])
    folder.mkdir()
    library.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "TokenizersBackend", **config})
    )
    return Tokenizer.load(folder)


def test_directories_that_add_different_tokens_share_no_cache(tmp_path):
    """The hash of a tokenizer is in the key of shards and rows."""
    made = {}
    for number, (name, single) in enumerate(
        {"one": "<s> $A", "two": "<s> $A <s>", "none": "$A"}.items()
    ):
        processor = processors.TemplateProcessing(
            single=single, pair=f"{single} $B", special_tokens=[("<s>", 6)]
        )
        made[name] = directory(tmp_path / str(number), processor, bos_token="<s>")
    made["split"] = directory(tmp_path / "split", None, bos_token="<s>", split_special_tokens=True)
    assert len({tokenizer.hash for tokenizer in made.values()}) == 4
    assert made["one"].encode("a <|turn|> b").tolist() == [0, 7, 1]
    assert 7 not in made["split"].encode("a <|turn|> b")


def test_a_directory_of_usual_specials_has_the_hash_of_our_own(tmp_path):
    """As a run has it that was begun from such a directory before post-processors counted."""
    usual = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 4), ("[SEP]", 5)],
    )
    given = {
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "unk_token": "?",
        "bos_token": "<s>",
        "eos_token": "<|turn|>",
    }
    names = ["input_ids", "token_type_ids", "attention_mask"]
    theirs = directory(
        tmp_path / "theirs",
        usual,
        **{key: given[key] for key in list(given)[:3]},
        model_input_names=names,
    )
    ours = Tokenizer.load(tmp_path / "theirs", as_own=True)
    assert theirs._literals == {"<s>", "<|turn|>", "?"}
    assert theirs.hash != ours.hash
    whole = directory(tmp_path / "whole", usual, **given, model_input_names=names)
    assert whole._literals == {"?"}
    assert whole.hash == Tokenizer.load(tmp_path / "whole", as_own=True).hash


def test_a_guard_counts_what_texts_spell():
    guard = Guard({4: "[CLS]", 5: "<s>"}, literals=["<s>NOT"])
    guard.count(["[CLS] a <s>", "<s>NOT <s>", "nothing", "[CL"])
    assert as_remark(guard.taken()).endswith("<s> (2 times), [CLS] (1 times)")
    assert as_remark(guard.taken()) == ""
    starts, parts = guard.apart("a [CLS] <s>NOT<s>")
    assert "".join(parts) == "a [CLS] <s>NOT<s>"
    assert starts == [0, 3, 15]
