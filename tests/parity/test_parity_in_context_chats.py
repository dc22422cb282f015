"""Prompts as what a user says: the text and the tokens of transformers' chat templates."""

import json

import pytest
import torch
from test_parity_in_context import TEMPLATE, WORDS, records, slow_log_probability, slow_pair
from tiny_models import KINDS, transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from sslcli.errors import DataError
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.in_context import evaluate_in_context, write_in_context
from sslcli.workflows.evaluate.shot_settings import InContextSettings

LONGEST, NEW = 200, 8
CHAT = (
    "{{ bos_token }}{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
REFUSES = "{{ raise_exception('no turns here') }}"


@pytest.fixture(scope="module", params=["en", "zh"])
def side(request, tmp_path_factory):
    """A tiny random decoder whose tokenizer begins every text, as its chat template does too."""
    language, folder = request.param, tmp_path_factory.mktemp("chats")
    sets = {"train": records(language, 0, 9), "test": records(language, 9, 5)}
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "</s>", "<|turn|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    own.train_from_iterator([row["text"] for row in sets["train"]], trainer)
    own.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, bos_token="<s>", eos_token="</s>", chat_template=CHAT
    )
    model = KINDS["gpt2 untied"].build(
        vocab_size=len(tokenizer), n_positions=LONGEST, eos_token_id=1, bos_token_id=0
    )
    with torch.no_grad():
        model.transformer.ln_f.bias.zero_()
        for table in (model.lm_head.weight, model.transformer.wte.weight):
            table.normal_(0.0, 1.0, generator=torch.Generator().manual_seed(len(table)))
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    words = "".join(f"{label} = {word}\n" for label, word in WORDS[language].items())
    (folder / "template.txt").write_text(
        f"{TEMPLATE[language]}{{label}}\n---\n{words}", encoding="utf-8"
    )
    return language, folder, model, tokenizer, sets


def rendered(tokenizer, prompt):
    turns = [{"role": "user", "content": prompt.rstrip()}]
    return tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


def evaluated(folder, task, data, **asked):
    settings = AnswerSettings.model_validate(
        {
            "data": {"evaluation": [str(folder / f"{data}test.jsonl")]},
            "hardware": {"device": "cpu", "precision": "fp32"},
            "options": {"target_tokens": NEW} if task == "rewrite" else {},
        }
    )
    asked = InContextSettings(
        k=(0, 2), draws=2, examples=(str(folder / f"{data}train.jsonl"),), chat=True, **asked
    )
    found = evaluate_in_context(str(folder / "model"), task, settings, asked)
    out = folder / f"{task}-out"
    write_in_context(found, out)
    return found, [json.loads(x) for x in (out / found.file).read_text("utf-8").splitlines()]


def test_choices_stand_where_the_answer_begins_without_anything_between(side):
    language, folder, model, tokenizer, sets = side
    found, lines = evaluated(folder, "classify", "", template=str(folder / "template.txt"))
    by_id = {row["id"]: row for rows in sets.values() for row in rows}
    words, cut = WORDS[language], {0: 0, 2: 0}
    assert len(lines) == 5 * (1 + 2)
    for line in lines:
        worked = "".join(
            f"{TEMPLATE[language].format(text=by_id[each]['text'])}{words[by_id[each]['label']]}\n\n"
            for each in line["worked"]
        )
        context = rendered(
            tokenizer, worked + TEMPLATE[language].format(text=by_id[line["id"]]["text"])
        )
        assert tokenizer.encode(context, add_special_tokens=False).count(0) == 1
        for label, word in words.items():
            own, choice, _ = slow_pair(tokenizer, context, word)
            expected = slow_log_probability(model, own, choice, LONGEST)
            assert line["choices"][label] == pytest.approx(expected, abs=1e-3)
        cut[line["k"]] += len(own) + len(choice) > LONGEST + 1
    assert {shots.count: shots.cut for shots in found.shots} == cut
    assert cut[0] == 0


def test_answers_are_written_behind_the_same_tokens_up_to_the_end_of_the_turn(side):
    language, folder, model, tokenizer, _ = side
    for name, start in (("train", 0), ("test", 20)):
        rows = [
            {"id": f"{n}", "source": f"{language} {n}", "target": f"{n}"}
            for n in range(start, start + 5)
        ]
        (folder / f"pairs-{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    _, lines = evaluated(folder, "rewrite", "pairs-")
    assert len(lines) == 5 * (1 + 2)
    written = set()
    for line in lines:
        shots = [f"Source: {language} {each}\nTarget: {each}\n\n" for each in line["worked"]]
        prompt = "".join(shots) + f"Source: {language} {line['id']}\nTarget: "
        ids = tokenizer.encode(rendered(tokenizer, prompt), add_special_tokens=False)
        kept = torch.tensor([ids[-(LONGEST - NEW) :]])
        said = model.generate(
            kept,
            attention_mask=torch.ones_like(kept),
            do_sample=False,
            max_new_tokens=NEW,
            eos_token_id=[1, 3],
            pad_token_id=1,
        )[0, kept.shape[1] :]
        expected = tokenizer.decode(said, skip_special_tokens=True).partition("\n")[0]
        assert line["prediction"] == expected.strip()
        written.add(expected)
    assert len(written) > 3


def test_a_template_that_refuses_the_turns_is_named(side, tmp_path):
    _, folder, *_ = side
    (tmp_path / "model").symlink_to(folder / "model")
    for name in ("train.jsonl", "test.jsonl", "template.txt"):
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "model").unlink()
    (tmp_path / "model").mkdir()
    for path in (folder / "model").iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / "model" / path.name).symlink_to(path)
    (tmp_path / "model" / "chat_template.jinja").write_text(REFUSES)
    with pytest.raises(DataError, match="no turns here"):
        evaluated(tmp_path, "classify", "", template=str(tmp_path / "template.txt"))
