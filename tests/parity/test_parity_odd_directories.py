"""Model directories that say odd things: read as transformers reads them, noted, or refused in
words.
"""

import json

import pytest
import torch
import transformers as hf
from hub_directories import DIRECTORIES
from hub_texts import texts
from test_parity_directories import LABELS, model_in

from sslcli.cli.app import run
from sslcli.errors import ModelError
from sslcli.models.hf_directory import read_directory
from sslcli.models.loading import load_pretrained
from sslcli.settings import PretrainSettings
from sslcli.workflows.export.export import export
from sslcli.workflows.generate.generate import generate
from sslcli.workflows.pretrain.pretrain import pretrain


@pytest.fixture
def classifier(tmp_path):
    folder = DIRECTORIES["BERT uncased"](tmp_path / "model")
    model_in(folder, "SequenceClassification", id2label=LABELS, label2id={"no": 0, "yes": 1})
    return folder


def changed(folder, name="config.json", **values):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, **values}))


def test_two_classes_of_one_name_are_refused(classifier):
    changed(classifier, id2label={"0": "no", "1": "no"}, label2id={"no": 1})
    with pytest.raises(ModelError, match="id2label calls several classes 'no'"):
        read_directory(classifier)


def test_id2label_names_the_classes_and_label2id_is_noted_where_it_disagrees(classifier):
    assert not any("label2id" in note for note in read_directory(classifier).notes)
    changed(classifier, label2id={"yes": 0, "no": 1})
    found = read_directory(classifier)
    theirs = hf.AutoConfig.from_pretrained(classifier)
    assert list(found.labels) == [theirs.id2label[number] for number in range(2)]
    assert any("disagree" in note for note in found.notes)


def test_odd_names_of_classes_that_no_head_has_are_passed_over(tmp_path):
    folder = DIRECTORIES["BERT uncased"](tmp_path / "model")
    model_in(folder, "MaskedLM")
    changed(folder, id2label={"0": ["a"], "1": None}, label2id={"b": {}})
    assert read_directory(folder).answers is None


def test_an_adapter_alone_is_named(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds an adapter, and not the model"):
        load_pretrained(str(tmp_path))


def test_a_vocabulary_without_tokenizer_json_is_named(classifier):
    (classifier / "tokenizer.json").rename(classifier / "vocab.txt")
    with pytest.raises(ModelError, match=r"has no tokenizer\.json") as refused:
        load_pretrained(str(classifier)).tokenizer()
    assert "it has vocab.txt alone" in refused.value.hint


def test_an_export_below_a_file_is_refused_before_any_work(classifier, capfd):
    assert run(["export", str(classifier), str(classifier / "config.json" / "deep" / "out")]) == 2
    assert "config.json is a file, not a folder" in capfd.readouterr().err


ASKED = {"do_sample": False, "max_new_tokens": 12, "pad_token_id": 0}


def chat_that_ends(folder, file):
    """A directory with two ends of a text in this file; transformers' tokenizer, the text that is
    asked, and what transformers makes of it, which the second end ends."""
    DIRECTORIES["SmolLM2-Instruct"](folder)
    model, theirs = model_in(folder, "CausalLM")
    for text in filter(str.strip, texts(40)):
        given = theirs(text, return_tensors="pt")
        whole = model.generate(**given, **ASKED, eos_token_id=[])[0].tolist()
        added = whole[given["input_ids"].shape[1] :]
        if len(set(added)) > 1:
            break
    ends = [theirs.eos_token_id, next(token for token in added if token != added[0])]
    assert ends[0] not in added
    if file == "config.json":
        (folder / "generation_config.json").unlink()
    changed(folder, file, eos_token_id=ends)
    expected = made_by_transformers(folder, given)
    assert len(expected) < len(whole)
    return theirs, text, expected


def made_by_transformers(folder, given):
    model = hf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        return model.generate(**given, **ASKED)[0].tolist()


def made(folder, text):
    (artifact,) = generate(str(folder), {"text": text, "temperature": 0.0, "new_tokens": 12}, 0)
    return artifact.text


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_a_text_ends_at_every_token_that_the_directory_names(file, tmp_path):
    """As chat models have it: the end of a turn, and the end of a text."""
    folder = tmp_path / "model"
    theirs, text, expected = chat_that_ends(folder, file)
    assert made(folder, text) == theirs.decode(expected[:-1], skip_special_tokens=True)
    export(str(folder), tmp_path / "out")
    given = theirs(text, return_tensors="pt")
    assert made_by_transformers(tmp_path / "out", given) == expected
    assert made(tmp_path / "out", text) == theirs.decode(expected[:-1], skip_special_tokens=True)


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_a_run_from_a_directory_ends_texts_as_it_did(file, tmp_path, monkeypatch, text_corpus):
    """And so does a run from that run, and an export of both; the steps change next to nothing."""
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "model"
    theirs, text, expected = chat_that_ends(source, file)
    given = theirs(text, return_tensors="pt")
    for name in ("first", "second"):
        settings = {
            "objective": "clm",
            "data": {"train": [str(text_corpus)], "sequence_tokens": 32, "held_out": 0.1},
            "model": {"source": str(source)},
            "optimizer": {"rate": 1e-12},
            "training": {"max_steps": 1, "batch_size": 4, "eval_samples": 4},
            "run": {"folder": str(tmp_path / name), "plot": False},
        }
        pretrain(PretrainSettings.model_validate(settings), observe=lambda event: None)
        source = tmp_path / name
        assert made(source, text) == theirs.decode(expected[:-1], skip_special_tokens=True)
        export(str(source), tmp_path / f"{name}-out")
        assert made_by_transformers(tmp_path / f"{name}-out", given) == expected


def test_an_export_of_a_directory_may_be_replaced(classifier, tmp_path):
    (classifier / "added_tokens.json").write_text('{"[MASK]": 5}')
    export(str(classifier), tmp_path / "out")
    export(str(classifier), tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "added_tokens.json").is_file()
