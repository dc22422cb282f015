"""`ssl finetune instruct` from a pretraining run or a directory with a chat template to answers, an
export that transformers reads, adapters, and a resume to the bit.
"""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file
from stops import StopAtPoll

from sslcli.cli.app import run
from sslcli.core.heads import LanguageModelHead
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.loading import load_pretrained
from sslcli.models.weights import Pretrained, from_seed
from sslcli.settings import FinetuneSettings
from sslcli.testing import tiny_records
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume

QUICK = ["--max-steps", "4", "--batch-size", "8", "--eval-every", "2", "--no-plot"]
SHAPE = {"width": 16, "heads": 2, "depth": 1, "feedforward_width": 32, "longest_tokens": 96}
ASKED = "the cat sees the dog in the garden ."


@pytest.fixture(scope="module")
def base(tmp_path_factory, module_cache):
    """A pretraining run of a decoder that no chat template comes with."""
    folder = tmp_path_factory.mktemp("base")
    texts = [record.values["text"] for record in tiny_records("texts")]
    (folder / "a.txt").write_text("\n\n".join(texts * 3), encoding="utf-8")
    shape = [
        word for name, value in SHAPE.items() for word in ("-s", f"model.shape.{name}={value}")
    ]
    line = ["pretrain", "--objective", "clm", "--data", folder / "a.txt", "--max-steps", "2"]
    size = ["--seq-len", "24", "-s", "tokenizer.vocabulary=320"]
    assert (
        run([str(word) for word in [*line, *size, *shape, "--no-plot", "--out", folder / "run"]])
        == 0
    )
    return folder / "run"


@pytest.fixture(scope="module")
def conversations(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "conversations.jsonl"
    lines = [json.dumps(record.values) for record in tiny_records("instructions")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tuned(base, conversations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    line = ["finetune", "instruct", "--model", base, "--data", conversations, "--out", folder]
    assert run([str(word) for word in [*line, *QUICK]]) == 0
    return folder


def json_of(ended):
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]


def test_a_run_keeps_the_template_and_what_was_asked(tuned, base):
    assert not (base / "tokenizer" / "chat_template.jinja").exists()
    assert "{{ eos_token }}" in (tuned / "tokenizer" / "chat_template.jinja").read_text()
    lines = [json.loads(line) for line in (tuned / "predictions.jsonl").read_text().splitlines()]
    assert lines
    assert all({"asked", "gold", "prediction"} <= line.keys() for line in lines)
    scores = json.loads((tuned / "scores.json").read_text())
    assert {score["name"] for score in scores} == {"exact match", "chrF"}
    assert all({"copy", "majority"} <= score["baselines"].keys() for score in scores)


def test_the_same_model_untuned_is_scored_beside_it(ssl, base, tuned, conversations):
    for model, said in ((base, "does not say that it was fine-tuned"), (tuned, "instruct")):
        ended = ssl("evaluate", "instruct", "--model", str(model), "--data", str(conversations))
        assert ended.code == 0, ended.err
        assert "exact match" in ended.out
        assert said in ended.out
        assert ("the model has no chat template" in ended.out) == (model == base)


def test_the_export_is_read_by_transformers_with_its_template(ssl, tuned, tmp_path):
    folder = tmp_path / "hf"
    assert ssl("export", str(tuned), str(folder)).code == 0
    assert ssl("export", str(tuned), str(folder), "--overwrite").code == 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    talk = [{"role": "user", "content": ASKED}]
    ids = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=True)
    ids = torch.tensor([ids["input_ids"]])
    ours = load_pretrained(str(tuned)).tokenizer()
    text = ours.chat_template.text(talk, generation_prompt=True)
    assert ours.encode_rendered([text])[0].tolist() == ids[0].tolist()
    written = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8
    )[0, ids.shape[1] :]
    expected = tokenizer.decode(written, skip_special_tokens=True).strip()
    for each in (tuned, folder):
        ended = ssl(
            "predict", "instruct", "--model", str(each), ASKED, "--max-length", "8", "--json"
        )
        assert json_of(ended)[0]["prediction"] == expected


@pytest.fixture(scope="module")
def directory(tmp_path_factory, base):
    """A directory with a template of its own, whose turns end with another token than texts do."""
    folder = tmp_path_factory.mktemp("directory")
    description = json.loads((base / "tokenizer" / "tokenizer.json").read_text())
    size = len(description["model"]["vocab"])
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    for number, token in enumerate(("<|im_start|>", "<|im_end|>")):
        own = {"id": size + number, "content": token, "special": True, **flags}
        description["added_tokens"].append(own)
    (folder / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|endoftext|>",
        "chat_template": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = Tokenizer.load(folder)
    shape = preset("tiny", "decoder", tokenizer.size, **SHAPE)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, 0)
    model = Pretrained(shape, folder, backbone.state_dict(), head.state_dict(), loaded=tokenizer)
    write_directory(model, folder, tokenizer)
    return folder


def test_the_token_that_ends_a_turn_ends_what_is_written(ssl, directory, conversations, tmp_path):
    line = ("finetune", "instruct", "--model", str(directory), "--data", str(conversations))
    ended = ssl(*line, "--out", str(tmp_path / "run"), "--lora-rank", "2", *QUICK)
    assert ended.code == 0, ended.err
    assert "LoRA of rank 2" in ended.out + ended.err
    assert ssl("export", str(tmp_path / "run"), str(tmp_path / "hf")).code == 0
    generation = transformers.GenerationConfig.from_pretrained(tmp_path / "hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    names = ["<|endoftext|>", "<|im_end|>"]
    assert sorted(generation.eos_token_id) == sorted(tokenizer.convert_tokens_to_ids(names))
    assert tokenizer.chat_template.startswith("{% for m in messages %}<|im_start|>")


def settings_for(base, conversations, folder):
    return FinetuneSettings.model_validate(
        {
            "task": "instruct",
            "model": {"source": str(base), "dropout": 0.1},
            "data": {"train": [str(conversations)]},
            "optimizer": {"rate": 1e-2},
            "training": {
                "max_steps": 8,
                "batch_size": 12,
                "micro_batch_size": 5,
                "eval_every": 3,
                "save_every": 2,
            },
            "run": {"folder": str(folder), "plot": False},
        }
    )


@pytest.mark.parametrize("polls", [4, 15])
def test_a_resumed_run_equals_one_that_was_not_stopped(base, conversations, tmp_path, polls):
    def ignore(event):
        pass

    whole, parted = tmp_path / "whole", tmp_path / "parted"
    settings = settings_for(base, conversations, whole)
    assert finetune(settings, observe=ignore).outcome.reason == "done"
    settings = settings_for(base, conversations, parted)
    first = finetune(settings, observe=ignore, stopper=StopAtPoll(polls))
    assert first.outcome.reason == "preempted"
    resume = Resume(parted)
    again = finetune(continued_finetuning(resume, settings), resume=resume, observe=ignore)
    assert again.outcome.reason == "done"
    assert (whole / "predictions.jsonl").read_bytes() == (parted / "predictions.jsonl").read_bytes()
    for name in ("backbone.safetensors", "learnable.safetensors"):
        one, other = (
            load_file(folder / "checkpoints" / "step-000008" / name) for folder in (whole, parted)
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one), name


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"messages": [{"role": "user", "content": "a"}]},
            "record 1: there is no answer to learn from",
        ),
        ({"instruction": "a"}, "record 1: there is no answer to learn from"),
    ],
)
def test_what_has_no_answer_is_not_trained_on(ssl, base, tmp_path, record, said):
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(record)}\n" * 9, encoding="utf-8")
    line = ("finetune", "instruct", "--model", str(base), "--data", str(tmp_path / "a.jsonl"))
    ended = ssl(*line, "--out", str(tmp_path / "run"), *QUICK)
    assert ended.code == 2
    assert said in ended.err
