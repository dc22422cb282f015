"""Answers in context: what transformers writes greedily behind each prompt by itself."""

import json

import pytest
import torch
from tiny_models import KINDS, transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.in_context import evaluate_in_context, write_in_context
from sslcli.workflows.evaluate.shot_settings import InContextSettings

PASSAGES = {
    "en": "Ann lives in {place} with number {n} .",
    "zh": "安娜住在{place}，门牌是{n}号。",
}
PLACES = {"en": ("Rome", "Oslo", "New York"), "zh": ("罗马", "奥斯陆", "纽约市")}
ASKED = {"en": "Where does Ann live ?", "zh": "安娜住在哪里？"}
SHOWN = {
    "en": "Passage: {context}\nQuestion: {question}\nAnswer: ",
    "zh": "文章：{context}\n问题：{question}\n答案：",
}
NONE = {"en": "unanswerable", "zh": "无法回答"}
LONGEST, NEW = 120, 12


def records(language, start, count):
    made = []
    for n in range(start, start + count):
        place = PLACES[language][n % 3]
        passage = PASSAGES[language].format(place=place, n=n)
        answers = [{"text": place, "answer_start": passage.index(place)}] if n % 4 else []
        made.append(
            {
                "id": f"{n}",
                "context": passage,
                "question": ASKED[language],
                "answers": answers,
                "is_impossible": not answers,
            }
        )
    return made


@pytest.fixture(scope="module", params=["en", "zh"])
def side(request, tmp_path_factory):
    """A tiny random decoder of bytes and merges, and questions in one language."""
    language, folder = request.param, tmp_path_factory.mktemp("side")
    sets = {"train": records(language, 0, 9), "test": records(language, 9, 6)}
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    own.train_from_iterator([json.dumps(r, ensure_ascii=False) for r in sets["train"]], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<end>")
    model = KINDS["gpt2 untied"].build(
        vocab_size=len(tokenizer), n_positions=LONGEST, eos_token_id=0, bos_token_id=0
    )
    with torch.no_grad():  # what all rows say alike is the same token everywhere
        model.transformer.ln_f.bias.zero_()
        model.lm_head.weight.normal_(0.0, 1.0, generator=torch.Generator().manual_seed(4))
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return language, folder, model, tokenizer, sets


@pytest.fixture(scope="module")
def found(side):
    _, folder, *_ = side
    settings = AnswerSettings.model_validate(
        {
            "data": {"evaluation": [str(folder / "test.jsonl")]},
            "hardware": {"device": "cpu", "precision": "fp32"},
            "options": {"longest_answer_tokens": NEW},
        }
    )
    asked = InContextSettings(k=(0, 1, 3), draws=2, examples=(str(folder / "train.jsonl"),))
    found = evaluate_in_context(str(folder / "model"), "qa", settings, asked)
    write_in_context(found, folder / "out")
    lines = (folder / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return found, [json.loads(line) for line in lines]


def slow_written(model, tokenizer, prompt):
    """One prompt by itself: its last tokens, the likeliest ones behind them, the first line."""
    ids = tokenizer.encode(prompt.rstrip(" "), add_special_tokens=False)
    kept = torch.tensor([ids[-(LONGEST - NEW) :]])
    said = model.generate(
        kept,
        attention_mask=torch.ones_like(kept),
        do_sample=False,
        max_new_tokens=NEW,
        eos_token_id=0,
        pad_token_id=0,
    )[0, kept.shape[1] :]
    return tokenizer.decode(said, skip_special_tokens=True), len(ids) > kept.shape[1]


def test_every_answer_is_the_first_line_of_what_transformers_writes(side, found):
    language, _, model, tokenizer, sets = side
    evaluation, lines = found
    by_id = {row["id"]: row for rows in sets.values() for row in rows}
    assert len(lines) == 6 * (1 + 2 + 2)
    cut, texts = dict.fromkeys((0, 1, 3), 0), set()
    for line in lines:
        worked = "".join(
            SHOWN[language].format(**by_id[each])
            + ([a["text"] for a in by_id[each]["answers"]] or [NONE[language]])[0]
            + "\n\n"
            for each in line["worked"]
        )
        assert len(line["worked"]) == line["k"]
        prompt = worked + SHOWN[language].format(**by_id[line["id"]])
        expected, is_cut = slow_written(model, tokenizer, prompt)
        assert line["written"].partition("\n")[0] == expected.partition("\n")[0]
        assert line["prediction"] == expected.partition("\n")[0].strip()
        cut[line["k"]] += is_cut
        texts.add(expected)
    assert len(texts) > 5
    assert {s.count: sum(t.cut for own in s.texts for t in own) for s in evaluation.shots} == cut
    assert cut[0] == 0 < cut[3]
    said = " ".join(evaluation.report.notes)
    assert f"3-shot: {cut[3]} of 12 prompts are longer than the model's sequences" in said
    assert f"answers go beyond {NEW} tokens" in said


def test_scores_are_those_of_the_pooled_answers_beside_what_needs_no_model(found):
    evaluation, lines = found
    report = evaluation.report
    names = [score.name for score in report.scores]
    assert names[:2] == ["f1 0-shot", "exact match 0-shot"]
    # Chinese is compared by MLQA's rule, which knows of no halves
    assert ("unanswerable f1 3-shot" in names) == ("SQuAD 2.0" in " ".join(report.notes))
    for count in (0, 1, 3):
        own = [line for line in lines if line["k"] == count]
        right = [
            line["prediction"] == ([text for _, text in line["gold"]] or [""])[0] for line in own
        ]
        score = report.score(f"exact match {count}-shot")
        assert score.value == pytest.approx(100 * sum(right) / len(right))
        assert score.count == 6
        assert set(score.baselines) == {"chance", "lead", "alike", "no answer"}
        assert score.ends[0] <= score.value <= score.ends[1]
    rows = [row[0] for table in report.tables for row in table.rows]
    assert rows == [0, 1, 3, "chance", "lead", "alike", "no answer"]
