"""Choices in context by an encoder-decoder: what transformers' BART gives the target of each prompt."""

import json

import pytest
import torch
from test_parity_encoder_decoders import model_of
from test_parity_in_context import TEMPLATE, WORDS, records
from tiny_models import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from sslcli.errors import ModelError
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.in_context import CONTENT_FREE, evaluate_in_context, write_in_context
from sslcli.workflows.evaluate.shot_settings import InContextSettings

LONGEST = 64


@pytest.fixture(scope="module", params=["en", "zh"])
def side(request, tmp_path_factory):
    language, folder = request.param, tmp_path_factory.mktemp("halves")
    sets = {"train": records(language, 0, 9), "test": records(language, 9, 5)}
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    own = Tokenizer(models.BPE(unk_token="<unk>"))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    own.train_from_iterator([row["text"] for row in sets["train"]], trainer)
    own.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=own,
        bos_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        cls_token="<s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )
    model = model_of("bart", vocab_size=len(tokenizer), max_position_embeddings=LONGEST)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    template = folder / "template.txt"
    words = "".join(f"{label} = {word}\n" for label, word in WORDS[language].items())
    template.write_text(f"{TEMPLATE[language]}{{label}}\n---\n{words}", encoding="utf-8")
    return language, folder, model, tokenizer, sets


def settings_of(folder):
    return AnswerSettings.model_validate(
        {
            "data": {"evaluation": [str(folder / "test.jsonl")]},
            "hardware": {"device": "cpu", "precision": "fp32"},
        }
    )


@torch.no_grad()
def slow_log_probability(model, tokenizer, prompt, choice):
    """One source, and one target behind the start of all targets."""
    source = tokenizer.encode(prompt.rstrip(), add_special_tokens=False)[-(LONGEST - 2) :]
    wanted = tokenizer.encode(choice, add_special_tokens=False)
    logits = model(
        input_ids=torch.tensor([[0, *source, 2]]),
        decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id, 0, *wanted]]),
    ).logits[0]
    rows = logits[1:-1].log_softmax(dim=-1)
    return float(rows.gather(1, torch.tensor(wanted)[:, None]).sum())


def test_every_choice_is_a_target_behind_its_own_source(side):
    language, folder, model, tokenizer, sets = side
    asked = InContextSettings(
        k=(0, 1, 3),
        draws=2,
        examples=(str(folder / "train.jsonl"),),
        template=str(folder / "template.txt"),
    )
    found = evaluate_in_context(str(folder / "model"), "classify", settings_of(folder), asked)
    write_in_context(found, folder / "out")
    lines = (folder / "out" / "choices.jsonl").read_text(encoding="utf-8").splitlines()
    by_id = {row["id"]: row for rows in sets.values() for row in rows}
    words, different = WORDS[language], set()
    assert len(lines) == 5 * (1 + 2 + 2)
    for line in map(json.loads, lines):
        worked = "".join(
            f"{TEMPLATE[language].format(text=by_id[each]['text'])}{words[by_id[each]['label']]}\n\n"
            for each in line["worked"]
        )
        own = {None: by_id[line["id"]]["text"], **{free: free for free in CONTENT_FREE}}
        for free, shown in own.items():
            prompt = worked + TEMPLATE[language].format(text=shown)
            sums = line["choices"] if free is None else line["content_free"][free]
            expected = {
                label: slow_log_probability(model, tokenizer, prompt, word)
                for label, word in words.items()
            }
            assert sums == pytest.approx(expected, abs=1e-3)
            different.add(round(sums["good"], 3))
    assert len(different) > 20
    assert found.shots[0].cut == 0 < found.shots[2].cut
    assert not any(shots.merged for shots in found.shots)


def test_an_encoder_decoder_writes_no_answers_in_context(side, tmp_path):
    _, folder, *_ = side
    rows = [{"source": f"one {n}", "target": f"two {n}"} for n in range(4)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = AnswerSettings.model_validate(
        {"data": {"evaluation": [str(tmp_path / "pairs.jsonl")]}, "hardware": {"device": "cpu"}}
    )
    with pytest.raises(ModelError, match="is an encoder-decoder") as raised:
        evaluate_in_context(str(folder / "model"), "rewrite", settings, InContextSettings(k=(0,)))
    assert "ssl finetune rewrite" in raised.value.hint
