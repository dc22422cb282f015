"""Real models on real text: 1,000 sentences, 1,000 pairs, 1,000 questions with passages.

Token ids, special tokens and type ids equal those of transformers; so do hidden states of rows with
special tokens, and greedy answers of a chat model.
"""

import gzip
import json
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import packed, transformers

from sslcli import registry
from sslcli.contracts.learnable import Context
from sslcli.core.settings import TransformerSettings
from sslcli.data.arrangements import enclose, join_pair
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.loading import load_pretrained
from sslcli.workflows.generate.generate import generate

COUNT = 1_000
LONGEST, STRIDE, QUESTION = 256, 64, 48
NAMES = ("minilm", "e5", "smollm2")


@pytest.fixture(scope="module")
def model_of():
    folder = os.environ.get("SSLCLI_TEST_MODELS")
    if not folder:
        pytest.skip("SSLCLI_TEST_MODELS is not set")
    return lambda name: Path(folder) / name


@pytest.fixture(scope="module")
def both(model_of):
    made = {}

    def load(name):
        if name not in made:
            folder = model_of(name)
            made[name] = transformers.AutoTokenizer.from_pretrained(folder), Tokenizer.load(folder)
        return made[name]

    return load


def lines(path, *fields):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            values = json.loads(line)
            yield tuple(str(values[field]) for field in fields)


def types_of(encoding):
    return encoding.get("token_type_ids") or [[0] * len(ids) for ids in encoding["input_ids"]]


@pytest.mark.parametrize("name", NAMES)
def test_sentences(both, real_data, name):
    theirs, ours = both(name)
    files = [
        real_data / "sentiment" / f"{language}-dev.jsonl.gz" for language in ("en", "zh", "fr")
    ]
    sentences = [text for file in files for (text,) in islice(lines(file, "text"), COUNT // 3 + 1)]
    assert len(sentences) >= COUNT
    for text, ids in zip(sentences, theirs(sentences)["input_ids"], strict=True):
        assert enclose(ours.encode(text), ours).tolist() == ids


@pytest.mark.parametrize("name", NAMES)
def test_pairs(both, real_data, name):
    theirs, ours = both(name)
    fields = ("premise", "hypothesis")
    pairs = list(islice(lines(real_data / "nli" / "dev.jsonl.gz", *fields), COUNT))
    assert len(pairs) == COUNT
    expected = theirs(*map(list, zip(*pairs, strict=True)))
    for pair, ids, types in zip(pairs, expected["input_ids"], types_of(expected), strict=True):
        tokens, segments = join_pair(*ours.encode_batch(pair), ours)
        assert (tokens.tolist(), segments.tolist()) == (ids, types)


def questions(real_data):
    content = json.loads((real_data / "qa" / "dev.json").read_text(encoding="utf-8"))
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield question["question"], paragraph["context"]


@pytest.mark.parametrize("name", NAMES[:2])
def test_questions_with_passages(both, real_data, name):
    theirs, ours = both(name)
    asked = list(islice(questions(real_data), COUNT))
    assert len(asked) == COUNT
    cls = registry.load("tasks", "qa")
    options = cls.Options(sequence_tokens=LONGEST, stride=STRIDE, longest_question_tokens=QUESTION)
    shape = {"width": 32, "depth": 1, "heads": 2, "feedforward_width": 32, "longest_tokens": 512}
    settings = TransformerSettings(**shape, vocabulary=ours.size, segments=2)
    with torch.device("meta"):
        task = cls(options, Context(settings, ours, ()))
    records = [
        Record(
            Where("memory", number), {"id": str(number), "question": question, "context": passage}
        )
        for number, (question, passage) in enumerate(asked)
    ]
    examples = [task.parse(options, record) for record in records]
    windows = 0
    for example, encoded in zip(examples, task.encode(examples, False), strict=True):
        question, passage = example.data.text, example.data.passage
        if len(ours.encode(question)) > QUESTION:
            continue  # a longer question is cut here, and not by transformers
        expected = theirs(
            [question],
            [passage],
            truncation="only_second",
            max_length=LONGEST,
            stride=STRIDE,
            return_overflowing_tokens=True,
        )
        found = [(sample.tokens.tolist(), sample.segments.tolist()) for sample in encoded.samples]
        assert found == list(zip(expected["input_ids"], types_of(expected), strict=True))
        windows += len(found)
    assert windows > COUNT


@pytest.mark.parametrize("name", NAMES[:2])
def test_hidden_states_of_pairs(model_of, both, real_data, name):
    theirs, ours = both(name)
    fields = ("premise", "hypothesis")
    pairs = list(islice(lines(real_data / "nli" / "dev.jsonl.gz", *fields), 24))
    built = [join_pair(*ours.encode_batch(pair), ours) for pair in pairs]
    tokens_T = torch.from_numpy(np.concatenate([tokens for tokens, _ in built]))
    segments_T = torch.from_numpy(np.concatenate([segments for _, segments in built]))
    backbone, _ = load_pretrained(str(model_of(name))).network()
    encoding = theirs(*map(list, zip(*pairs, strict=True)), return_tensors="pt", padding=True)
    model = transformers.AutoModel.from_pretrained(model_of(name), dtype=torch.float32).eval()
    with torch.no_grad():
        mine = backbone(packed(tokens_T, [len(tokens) for tokens, _ in built], segments_T)).last_TD
        other = model(**encoding).last_hidden_state[encoding["attention_mask"].bool()]
    assert float((mine - other).abs().max()) <= 1e-4 * max(1.0, float(other.abs().max()))


CHATS = (
    [{"role": "user", "content": "What is the capital of France?"}],
    [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": "Is the sky blue?"},
    ],
)


@pytest.mark.parametrize("chat", CHATS, ids=["question", "system and question"])
def test_greedy_answers_of_a_chat(model_of, both, chat):
    theirs, _ = both("smollm2")
    folder = model_of("smollm2")
    text = theirs.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    given = theirs(text, return_tensors="pt", add_special_tokens=False)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    whole = model.generate(**given, do_sample=False, max_new_tokens=16, pad_token_id=2)[0]
    request = {"text": text, "temperature": 0.0, "new_tokens": 16}
    (artifact,) = generate(str(folder), request, 0)
    assert artifact.text == theirs.decode(whole, skip_special_tokens=True)
