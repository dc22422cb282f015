"""Directories as the hub lays them out: transformers' token ids, special tokens and type ids are
ours.

Every family, 200 texts and 200 pairs, windows over passages, prompts, texts with blanks. `COUNTS`
says how many of each were compared; the last test prints and records it.
"""

import json
from collections import Counter

import pytest
import torch
from hub_directories import DIRECTORIES
from hub_texts import ROLES, texts
from tiny_models import transformers

from sslcli import registry
from sslcli.contracts.examples import Example
from sslcli.contracts.learnable import Context
from sslcli.core.settings import TransformerSettings
from sslcli.data.arrangements import enclose, join_pair
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.data.text.tokenizer import Tokenizer

COUNTS = Counter()
SINGLES = texts(200)
PAIRS = list(zip(texts(200, 2), texts(200, 3)[::-1], strict=True))
DECODERS = ("GPT-2", "Llama 2", "Llama 3", "Mistral", "Qwen2", "SmolLM2-Instruct")
MBARTS = ("mBART", "mBART, Chinese", "mBART-50")
CHATS = ("Qwen2", "SmolLM2-Instruct")
ENCODERS = tuple(name for name in DIRECTORIES if name not in DECODERS)
TASK = {"width": 32, "depth": 1, "heads": 2, "feedforward_width": 32, "longest_tokens": 512}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The folder of a family, transformers' tokenizer of it and ours; each is made once."""
    made = {}

    def load(name):
        if name not in made:
            folder = DIRECTORIES[name](tmp_path_factory.mktemp("hub") / "model")
            theirs = transformers.AutoTokenizer.from_pretrained(folder)
            made[name] = folder, theirs, Tokenizer.load(folder)
        return made[name]

    return load


def their_types(encoding):
    return encoding.get("token_type_ids") or [[0] * len(ids) for ids in encoding["input_ids"]]


def assert_same(theirs, ours, singles, pairs):
    """Of all texts and pairs the ids and the type ids."""
    encoding = theirs(list(singles))
    for text, ids, types in zip(singles, encoding["input_ids"], their_types(encoding), strict=True):
        assert enclose(ours.encode(text), ours).tolist() == ids, text
        assert not any(types)
        with_places, _ = ours.encode_with_places([text])[0]
        assert with_places.tolist() == ours.encode(text).tolist()
    encoding = theirs([first for first, _ in pairs], [second for _, second in pairs])
    for pair, ids, types in zip(pairs, encoding["input_ids"], their_types(encoding), strict=True):
        tokens, segments = join_pair(*ours.encode_batch(pair), ours)
        assert (tokens.tolist(), segments.tolist()) == (ids, types), pair


@pytest.mark.parametrize("name", DIRECTORIES)
def test_texts_and_pairs(loaded, name):
    _, theirs, ours = loaded(name)
    assert_same(theirs, ours, SINGLES, PAIRS)
    assert ours.remarks() == []
    COUNTS["families"] += 1
    COUNTS["texts"] += len(SINGLES)
    COUNTS["pairs"] += len(PAIRS)


@pytest.mark.parametrize("name", DIRECTORIES)
def test_roles(loaded, name):
    """A role that transformers knows is ours too."""
    _, theirs, ours = loaded(name)
    found = {
        "mask": ours.mask,
        "cls": ours.classify,
        "sep": ours.separate,
        "pad": ours.pad,
        "unk": ours.unknown,
    }
    known = {role: getattr(theirs, f"{role}_token_id") for role in found}
    assert {role: token for role, token in found.items() if token is not None} == {
        role: token for role, token in known.items() if token is not None
    }
    if name in DECODERS:
        assert (ours.begin, ours.end) == (theirs.bos_token_id, theirs.eos_token_id)


def task_of(name, ours, **options):
    cls = registry.load("tasks", name)
    context = Context(
        TransformerSettings(**TASK, vocabulary=ours.size, segments=2), ours, ("no", "yes")
    )
    with torch.device("meta"):
        return cls(cls.Options(**options), context)


@pytest.mark.parametrize("name", ENCODERS)
def test_windows_of_a_passage(loaded, name):
    """As transformers cuts them: truncation="only_second" with a stride."""
    _, theirs, ours = loaded(name)
    task, (longest, stride) = task_of("qa", ours, sequence_tokens=48, stride=9), (48, 9)
    for number, (question, passage) in enumerate(PAIRS[40:80]):
        question, passage = question[:12], " ".join([passage] * (1 + number % 4))
        if not passage.strip() or not len(ours.encode(passage)):
            continue
        values = {"id": str(number), "question": question, "context": passage}
        example = task.parse(task.options, Record(Where("memory", number), values))
        (encoded,) = task.encode([example], training=False)
        expected = theirs(
            [example.data.text], [example.data.passage], truncation="only_second",
            max_length=longest, stride=stride,
            return_overflowing_tokens=True,
        )  # fmt: skip
        found = [(sample.tokens.tolist(), sample.segments.tolist()) for sample in encoded.samples]
        assert found == list(zip(expected["input_ids"], their_types(expected), strict=True))
        COUNTS["windows"] += len(found)


@pytest.mark.parametrize("name", ENCODERS)
def test_texts_and_pairs_that_are_cut(loaded, name):
    _, theirs, ours = loaded(name)
    for task, examples in (
        ("classify", [(text,) for text in SINGLES[-40:]]),
        ("pairs", PAIRS[-40:]),
    ):
        built = task_of(task, ours, sequence_tokens=20, kind="classes")
        given = [
            Example(str(number), Where("memory", number), tuple(each), None, "")
            for number, each in enumerate(examples)
        ]
        expected = theirs(*map(list, zip(*examples, strict=True)), truncation=True, max_length=20)
        for encoded, ids, types in zip(
            built.encode(given, False), expected["input_ids"], their_types(expected), strict=True
        ):
            (sample,) = encoded.samples
            assert (sample.tokens.tolist(), sample.segments.tolist()) == (ids, types)
            COUNTS["cut texts and pairs"] += 1


def objective_of(name, ours):
    cls = registry.load("objectives", name)
    shape = {
        **TASK,
        "vocabulary": ours.size,
        "architecture": "decoder" if name == "clm" else "encoder",
    }
    with torch.device("meta"):
        return cls(cls.Options(), Context(TransformerSettings(**shape), ours))


@pytest.mark.parametrize("name", ENCODERS)
def test_texts_with_blanks(loaded, name):
    _, theirs, ours = loaded(name)
    blanks = objective_of("mlm", ours)
    for number, (before, after) in enumerate(PAIRS[60:100]):
        space = ("", " ")[number % 2]
        text = f"{before}{space}{theirs.mask_token}{space}{after}"
        assert blanks._with_blanks(text).tolist() == theirs(text)["input_ids"], text
        assert (
            blanks._with_blanks(text.replace(theirs.mask_token, "[MASK]")).tolist()
            == theirs(text)["input_ids"]
        )
        COUNTS["texts with blanks"] += 1
    assert ours.remarks() == []


def with_flags(content, token, flags):
    """JSON in which every description of an added token has these flags."""
    if isinstance(content, list):
        return [with_flags(each, token, flags) for each in content]
    if not isinstance(content, dict):
        return content
    own = flags if content.get("content") == token else {}
    return {name: with_flags(value, token, flags) for name, value in content.items()} | own


@pytest.mark.parametrize("lstrip", [True, False])
@pytest.mark.parametrize("rstrip", [True, False])
@pytest.mark.parametrize("name", ENCODERS)
def test_blanks_take_the_spaces_that_their_flags_say(tmp_path, name, lstrip, rstrip):
    folder = DIRECTORIES[name](tmp_path)
    mask = "<mask>" if name in ("RoBERTa", "XLM-R", "CamemBERT", *MBARTS) else "[MASK]"
    for file in folder.glob("*.json"):
        said = json.loads(file.read_text(encoding="utf-8"))
        said = with_flags(said, mask, {"lstrip": lstrip, "rstrip": rstrip})
        file.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    theirs, ours = transformers.AutoTokenizer.from_pretrained(folder), Tokenizer.load(folder)
    blanks = objective_of("mlm", ours)
    around = [
        (before, after) for before in ("the cat", "", "x ") for after in (".", " sees", "  a ")
    ]
    for before, after in [*around, *PAIRS[60:80]]:
        for space in ("", " ", "  "):
            text = f"{before}{space}{mask}{after} and {mask}"
            assert blanks._with_blanks(text).tolist() == theirs(text)["input_ids"], text
            COUNTS["texts with blanks"] += 1


@pytest.mark.parametrize("name", DECODERS)
def test_prompts(loaded, name):
    _, theirs, ours = loaded(name)
    prompts = objective_of("clm", ours)
    for text in SINGLES[len(SINGLES) // 4 :]:
        assert prompts._prompt(text).tolist() == theirs(text)["input_ids"], text
        COUNTS["prompts"] += 1


@pytest.mark.parametrize("name", CHATS)
def test_chats(loaded, name):
    """A prompt may be written as the chat template writes it."""
    _, theirs, ours = loaded(name)
    prompts = objective_of("clm", ours)
    for first, second in PAIRS[50:70]:
        chat = [{"role": "system", "content": first}, {"role": "user", "content": second}]
        given = {"add_generation_prompt": True}
        text = theirs.apply_chat_template(chat, tokenize=False, **given)
        ids = theirs.apply_chat_template(chat, tokenize=True, return_dict=True, **given)[
            "input_ids"
        ]
        assert prompts._prompt(text).tolist() == ids
        COUNTS["chats"] += 1


def test_a_prompt_that_begins_itself_is_not_begun_twice(loaded):
    _, theirs, ours = loaded("Llama 2")
    prompts = objective_of("clm", ours)
    text = "<s>[INST] the cat [/INST]"
    assert prompts._prompt(text).tolist() == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", DIRECTORIES)
def test_raw_text_plays_no_role(loaded, name):
    """[CLS], [SEP], [MASK] and the like in a text are text, which is said; the rest is as
    transformers has it.
    """
    _, theirs, ours = loaded(name)
    guarded = {getattr(theirs, f"{role}_token_id") for role in ("cls", "sep", "mask")} - {None}
    if name not in DECODERS:
        guarded.add(theirs.pad_token_id)
    pieces = set(ours.pieces(sorted(guarded)))
    for token in ROLES:
        text = f"the {token} cat {token}sees"
        ids = ours.encode(text).tolist()
        if token not in pieces:
            assert ids == theirs(text, add_special_tokens=False)["input_ids"]
            assert ours.remarks() == []
            continue
        assert not guarded & {*ids}
        (remark,) = ours.remarks()
        assert f"{token} (2 times)" in remark
        # whose models hold these tokens as if they were words
        if name not in ("XLM-R", "CamemBERT", "ALBERT", *MBARTS):
            assert (
                ids
                == theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            )
        COUNTS["role tokens in texts"] += 1


@pytest.mark.parametrize("name", DIRECTORIES)
def test_what_is_saved_is_read_as_before(loaded, name, tmp_path):
    """As in a run's folder, without a config.json: by us and by transformers."""
    _, theirs, ours = loaded(name)
    ours.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert (again.hash, again.template, again.size) == (ours.hash, ours.template, ours.size)
    assert_same(
        transformers.AutoTokenizer.from_pretrained(tmp_path), again, SINGLES[:60], PAIRS[:60]
    )
    assert_same(theirs, again, SINGLES[60:100], PAIRS[60:100])


OVERRIDES = {
    "not lower": ("BERT uncased", {"do_lower_case": False}),
    "lower": ("BERT cased", {"do_lower_case": True, "tokenizer_class": "BertTokenizerFast"}),
    "accents stay": ("BERT uncased", {"strip_accents": False}),
    "accents go": ("BERT cased", {"strip_accents": True}),
    "Chinese words": ("BERT Chinese", {"tokenize_chinese_chars": False}),
    "a space first": ("RoBERTa", {"add_prefix_space": True}),
    "a space first in GPT-2": ("GPT-2", {"add_prefix_space": True}),
    "GPT-2 begins": ("GPT-2", {"add_bos_token": True}),
    "no space first": ("XLM-R", {"add_prefix_space": False}),
    "ALBERT with accents": ("ALBERT", {"keep_accents": True, "do_lower_case": False}),
    "ALBERT with type ids": (
        "ALBERT",
        {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]},
    ),
    "legacy Llama": ("Llama 2", {"legacy": True}),
    "Llama that ends": ("Llama 2", {"add_eos_token": True, "add_bos_token": False}),
    "Llama without a class": ("Llama 2", {"tokenizer_class": None}),
    "Llama 3 called Llama": ("Llama 3", {"tokenizer_class": "LlamaTokenizer"}),
    "Qwen2 called otherwise": ("Qwen2", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    "SmolLM2 as it was saved": ("SmolLM2-Instruct", {"tokenizer_class": "TokenizersBackend"}),
    "markers": ("BERT uncased", {"additional_special_tokens": ["[unused1]"]}),
    "markers of several kinds": ("GPT-2", {"extra_special_tokens": {"image_token": "the"}}),
    "nothing is special": ("SmolLM2-Instruct", {"split_special_tokens": True}),
    "a token of a model": ("RoBERTa", {"image_token": "Berlin"}),
    "generic BERT": ("BERT cased", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    "BERT without type ids": ("BERT cased", {"model_input_names": ["input_ids", "attention_mask"]}),
    "sentence pieces in a BERT": ("XLM-R", {"model_type": "bert"}),
    "LayoutLM": ("BERT cased", {"tokenizer_class": "LayoutLMTokenizerFast"}),
    "Longformer": ("RoBERTa", {"tokenizer_class": "LongformerTokenizer", "add_prefix_space": True}),
    "a distilled one": ("BERT uncased", {"tokenizer_class": "DistilBertTokenizer"}),
}


def assert_types_of_the_file(theirs, ours):
    """A generic class gives no type ids since transformers 5; its post-processor knows them."""
    assert "token_type_ids" not in theirs(*PAIRS[0])
    for first, second in PAIRS[:60]:
        expected = theirs._tokenizer.encode(first, second)
        tokens, types = join_pair(*ours.encode_batch([first, second]), ours)
        assert (tokens.tolist(), types.tolist()) == (expected.ids, expected.type_ids)


@pytest.mark.parametrize("what", OVERRIDES)
def test_what_tokenizer_config_says_counts(loaded, what, tmp_path):
    name, changes = OVERRIDES[what]
    folder = loaded(name)[0]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for file, own in (("config.json", ("model_type",)), ("tokenizer_config.json", None)):
        content = json.loads((tmp_path / file).read_text())
        content |= {
            key: value
            for key, value in changes.items()
            if (key == "model_type") == (own is not None)
        }
        (tmp_path / file).write_text(
            json.dumps({key: value for key, value in content.items() if value is not None})
        )
    theirs, ours = transformers.AutoTokenizer.from_pretrained(tmp_path), Tokenizer.load(tmp_path)
    if what == "generic BERT":
        assert_types_of_the_file(theirs, ours)
    else:
        assert_same(theirs, ours, SINGLES[:60], PAIRS[:60])
    if what in ("generic BERT", "BERT without type ids"):
        assert any("type id" in note for note in ours.notes)
    ours.save(tmp_path / "saved")
    assert Tokenizer.load(tmp_path / "saved").hash == ours.hash
    COUNTS["overrides"] += 1


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("BERT uncased", {"tokenizer_class": "GPT2Tokenizer"}, "cannot read a WordPiece model"),
        ("BERT uncased", {"tokenizer_class": "T5Tokenizer"}, "T5Tokenizer are not known"),
        ("GPT-2", {"auto_map": {"AutoTokenizer": ["a.B", None]}}, "auto_map"),
        ("BERT cased", {"truncation_side": "left"}, "at their beginning"),
        ("RoBERTa", {"additional_special_tokens": ["[E1]"]}, "no row in the model"),
    ],
)
def test_what_is_not_done_as_transformers_does_is_said(loaded, name, changes, says, tmp_path):
    for path in loaded(name)[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**content, **changes}))
    assert any(says in note for note in Tokenizer.load(tmp_path).notes)


def test_how_much_was_compared(record_property, capsys):
    """The counts of the tests above; all of them ran, or none."""
    record_property("compared", dict(COUNTS))
    with capsys.disabled():
        print(f"\ncompared with transformers {transformers.__version__}: {dict(COUNTS)}")
    assert COUNTS["families"] in (0, len(DIRECTORIES))
    assert (COUNTS["texts"], COUNTS["pairs"]) == (200 * COUNTS["families"],) * 2
