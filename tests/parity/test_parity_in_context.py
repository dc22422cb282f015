"""Choices in context: the log-probabilities that transformers gives each whole text by itself."""

import json

import pytest
import torch
from tiny_models import KINDS, transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from sslcli.errors import DataError
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.in_context import CONTENT_FREE, evaluate_in_context, write_in_context
from sslcli.workflows.evaluate.shot_settings import InContextSettings

WORDS = {
    "en": {"good": "good", "rather bad": "rather bad", "so": "so"},
    "zh": {"good": "很好", "rather bad": "有点糟糕", "so": "一般"},
}
NOUNS = {"en": ("film", "meal", "song"), "zh": ("电影", "饭菜", "歌曲")}
SAID = {"en": "the {noun} number {n} was {how} .", "zh": "第{n}个{noun}是{how}的。"}
TEMPLATE = {"en": "Text: {text}\nLabel: ", "zh": "文本：{text}\n类别："}


def records(language, start, count):
    labels = list(WORDS[language])
    return [
        {
            "id": f"{start + n}",
            "text": SAID[language].format(
                noun=NOUNS[language][n % 3], n=start + n, how=WORDS[language][labels[n % 3]]
            ),
            "label": labels[n % 3],
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module", params=["en", "zh"])
def side(request, tmp_path_factory):
    """A tiny random decoder with merges of bytes, data, and a template in one language."""
    language, folder = request.param, tmp_path_factory.mktemp("side")
    sets = {"train": records(language, 0, 9), "test": records(language, 9, 5)}
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    own.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    # joins the end of a context with the first letter of one of the words
    joined = [{"en": ": g", "zh": "：很"}[language]] * 50
    texts = [row["text"] for row in sets["train"]]
    own.train_from_iterator([*joined, *texts], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<end>")
    model = KINDS["gpt2"].build(
        vocab_size=len(tokenizer), n_positions=64, eos_token_id=0, bos_token_id=0
    )
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    template = folder / "template.txt"
    words = "".join(f"{label} = {word}\n" for label, word in WORDS[language].items())
    template.write_text(f"{TEMPLATE[language]}{{label}}\n---\n{words}", encoding="utf-8")
    return language, folder, model, tokenizer, sets


def slow_pair(tokenizer, context, choice):
    """lm-evaluation-harness, api/model.py: spaces go to the choice, one text is encoded."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        choice, context = context[-spaces:] + choice, context[:-spaces]
    own = tokenizer.encode(context, add_special_tokens=False)
    whole = tokenizer.encode(context + choice, add_special_tokens=False)
    return own, whole[len(own) :], whole[: len(own)] != own


def slow_log_probability(model, own, choice, longest):
    whole = (own + choice)[-(longest + 1) :]
    with torch.no_grad():
        log_SV = model(torch.tensor([whole[:-1]])).logits[0].log_softmax(dim=-1)
    rows = log_SV[-len(choice) :]
    return float(rows.gather(1, torch.tensor(choice)[:, None]).sum())


@pytest.fixture(scope="module")
def found(side):
    _, folder, *_ = side
    settings = AnswerSettings.model_validate(
        {
            "data": {"evaluation": [str(folder / "test.jsonl")]},
            "hardware": {"device": "cpu", "precision": "fp32"},
        }
    )
    asked = InContextSettings(
        k=(0, 1, 3),
        draws=2,
        examples=(str(folder / "train.jsonl"),),
        template=str(folder / "template.txt"),
    )
    found = evaluate_in_context(str(folder / "model"), "classify", settings, asked)
    write_in_context(found, folder / "out")
    lines = (folder / "out" / "choices.jsonl").read_text(encoding="utf-8").splitlines()
    return found, [json.loads(line) for line in lines]


def test_every_log_probability_is_that_of_the_whole_text_alone(side, found):
    language, _, model, tokenizer, sets = side
    words, by_id = WORDS[language], {row["id"]: row for rows in sets.values() for row in rows}
    cut, merged = dict.fromkeys((0, 1, 3), 0), dict.fromkeys((0, 1, 3), 0)
    evaluation, lines = found
    assert len(lines) == 5 * (1 + 2 + 2)
    for line in lines:
        worked = "".join(
            f"{TEMPLATE[language].format(text=by_id[each]['text'])}{words[by_id[each]['label']]}\n\n"
            for each in line["worked"]
        )
        texts = {None: by_id[line["id"]]["text"], **dict.fromkeys(CONTENT_FREE)}
        for free in texts:
            shown = texts[None] if free is None else free
            context = worked + TEMPLATE[language].format(text=shown)
            sums = line["choices"] if free is None else line["content_free"][free]
            expected = {}
            for label, word in words.items():
                own, choice, merges = slow_pair(tokenizer, context, word)
                expected[label] = slow_log_probability(model, own, choice, 64)
                if free is None:
                    merged[line["k"]] += merges
            assert sums == pytest.approx(expected, abs=1e-3)
            assert max(sums, key=sums.get) == max(expected, key=expected.get)
            if free is None:
                pairs = [slow_pair(tokenizer, context, word) for word in words.values()]
                cut[line["k"]] += any(len(own) + len(choice) > 65 for own, choice, _ in pairs)
    assert {shots.count: shots.cut for shots in evaluation.shots} == cut
    assert {shots.count: shots.merged for shots in evaluation.shots} == merged
    assert cut == {0: 0, 1: cut[1], 3: 10}
    said = " ".join(evaluation.report.notes)
    assert "3-shot: 10 of 10 prompts are longer than the model's sequences" in said
    assert merged[0] == 5  # one of three words
    assert "0-shot: the tokenizer merges 5 of 15 choices" in said


def test_a_word_that_is_swallowed_by_its_context_is_refused(side):
    language, folder, *_ = side
    template = folder / "swallows.txt"
    template.write_text("{text} a: {label}\n---\ngood = g\n", encoding="utf-8")
    settings = AnswerSettings.model_validate(
        {"data": {"evaluation": [str(folder / "test.jsonl")]}, "hardware": {"device": "cpu"}}
    )
    train = (str(folder / "train.jsonl"),)
    asked = InContextSettings(k=(0,), examples=train, template=str(template))
    model = str(folder / "model")
    if language == "en":  # whose tokenizer joins ': g'
        with pytest.raises(DataError, match="'g' has no token of its own"):
            evaluate_in_context(model, "classify", settings, asked)
    else:
        assert evaluate_in_context(model, "classify", settings, asked).shots[0].merged == 0
