"""Settings of a run are resolved once: the recipe of the data below files, files below --set, --set
below flags.
"""

import pytest

from sslcli import registry
from sslcli.datasets.tokenizer_training import usual_tokenizer
from sslcli.errors import ConfigError, UsageError
from sslcli.layers import dotted_layer
from sslcli.runfiles import parse_assignments, read_layer
from sslcli.workflows.training.resolve import RECIPE, resolve_finetuning, resolve_pretraining


def layers(tmp_path, file="", assigned=(), **flags):
    path = tmp_path / "run.yaml"
    path.write_text(file)
    flags = {key.replace("__", "."): value for key, value in flags.items()}
    sources = {key: f"--{key.rpartition('.')[2]}" for key in flags}
    return [read_layer(path), parse_assignments(assigned), dotted_layer(flags, sources)]


def test_what_is_said_later_wins_and_the_recipe_of_the_data_yields_to_all(tmp_path):
    file = "optimizer: {rate: 0.1, beta1: 0.2, beta2: 0.3}"
    assigned = ["optimizer.beta1=0.4", "optimizer.beta2=0.5"]
    alone = resolve_pretraining([])
    found = resolve_pretraining(layers(tmp_path, file, assigned, optimizer__beta2="0.6"))
    optimizer = found.settings.optimizer
    assert (optimizer.rate, optimizer.beta1, optimizer.beta2) == (0.1, 0.4, 0.6)
    assert found.sources["optimizer.rate"].endswith("run.yaml:1")
    assert (found.sources["optimizer.beta1"], found.sources["optimizer.beta2"]) == (
        "--set",
        "--beta2",
    )
    assert alone.sources["optimizer.rate"] == RECIPE
    assert alone.settings.optimizer.rate != 0.1
    assert found.settings.data == alone.settings.data
    assert any(said.startswith("optimizer.rate ") for said in alone.recommended)
    assert not any(said.startswith("optimizer.rate ") for said in found.recommended)
    assert any(said.startswith("schedule.name ") for said in found.recommended)


def test_data_without_a_recipe_has_plain_defaults(tmp_path, text_corpus):
    found = resolve_pretraining(layers(tmp_path, data__train=[str(text_corpus)]))
    assert (found.recommended, list(found.sources)) == ([], ["data.train"])


@pytest.mark.parametrize("said", ["epochs", "max_steps"])
def test_another_way_to_say_how_long_takes_the_place_of_the_recommended_one(tmp_path, said):
    recommended = resolve_pretraining([]).settings.training
    training = resolve_pretraining(layers(tmp_path, **{f"training__{said}": "2"})).settings.training
    other = "max_steps" if said == "epochs" else "epochs"
    assert recommended.max_steps or recommended.epochs
    assert (getattr(training, said), getattr(training, other)) == (2, None)


def test_options_of_plugins_are_checked_with_the_place_where_they_were_said(tmp_path):
    with pytest.raises(ConfigError, match=r"^--mask_rate \(options.mlm.mask_rate\) must be less"):
        resolve_pretraining(layers(tmp_path, options__mlm__mask_rate="3"))
    with pytest.raises(ConfigError, match=r"options.stride must be a whole number.*run.yaml:2"):
        resolve_finetuning(layers(tmp_path, "task: qa\noptions: {stride: far}"))


def test_a_task_has_its_own_recipe(tmp_path):
    found = resolve_finetuning(layers(tmp_path, task="qa"))
    assert (found.settings.task, found.sources["optimizer.rate"]) == ("qa", RECIPE)
    assert (
        resolve_finetuning(layers(tmp_path, task="qa", optimizer__rate="1")).settings.optimizer.rate
        == 1
    )


def test_the_usual_tokenizer_follows_from_what_tokenizers_say(monkeypatch):
    kinds = ("encoder", "decoder", "encoder_decoder")
    assert [usual_tokenizer(kind) for kind in kinds] == ["wordpiece", "bpe", "wordpiece"]
    monkeypatch.setattr(registry, "attribute", lambda *_: frozenset())
    with pytest.raises(UsageError, match="the usual one for the architecture encoder_decoder"):
        usual_tokenizer("encoder_decoder")
