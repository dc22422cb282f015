"""Arguments of calls from Python that are of a wrong type: a sentence, a hint, and a TypeError."""

import numpy as np
import pytest

import sslcli
from sslcli.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sslcli.finetune(["qa"]), "'task' is a text, not"),
        (lambda: sslcli.finetune(3), "'task' is a text, not 3"),
        (lambda: sslcli.probe(None), "'probe' is a text, not None"),
        (lambda: sslcli.probe("similarity", 3), "'word' is a text, not 3"),
        (lambda: sslcli.evaluate("mood", task=["sentiment"]), "'task' is a text, not"),
        (lambda: sslcli.evaluate(["mood"]), "'model' is one value, not"),
        (lambda: sslcli.load(["first"]), "'model' is one value, not"),
        (lambda: sslcli.pretrain(events=3), "'events' is a function"),
        (lambda: sslcli.finetune("sentiment", events="x"), "'events' is a function"),
        (lambda: sslcli.pretrain([1]), "settings come in groups"),
        (lambda: sslcli.pretrain(set=3), "'set' is settings by name, not 3"),
        (lambda: sslcli.pretrain(objective=["mlm"]), "'objective' is one value, not"),
        (lambda: sslcli.predict("mood", texts=3), "'texts' is a list of texts, not 3"),
        (lambda: sslcli.predict("mood", texts=[None]), "'texts' is a list of texts, not None"),
        (lambda: sslcli.predict("mood", texts=[("a", 3)]), "'texts' is a text, not 3"),
    ],
)
def test_an_argument_of_a_wrong_type_is_a_sentence_with_a_hint(call, said):
    with pytest.raises(UsageError, match=said) as caught:
        call()
    assert isinstance(caught.value, TypeError)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model: model.hidden(3), "a text is wanted, not 3"),
        (lambda model: model.hidden(["a", None]), "a text is wanted, not None"),
        (lambda model: model.hidden("a", layer="x"), "a layer is a number, not 'x'"),
        (lambda model: model.tokens(None), "a text is wanted, not None"),
    ],
)
def test_so_is_what_a_loaded_model_is_asked(world_run, call, said):
    with pytest.raises(UsageError, match=said) as caught:
        call(sslcli.load(world_run))
    assert isinstance(caught.value, TypeError)
    assert caught.value.hint


def test_a_layer_may_be_a_number_of_numpy(world_run):
    model = sslcli.load(world_run)
    rows = model.hidden("the dog sees", layer=np.int64(1))
    assert np.array_equal(rows, model.hidden("the dog sees", layer=1))


def test_settings_that_are_wrong_say_where_the_arguments_are_listed():
    with pytest.raises(ConfigError, match="must be greater than 0") as caught:
        sslcli.pretrain(lr=-1)
    assert caught.value.hint == (
        "ssl pretrain --help lists the flags; config.yaml in a run folder has all settings"
    )
