"""Strange plugins are named and hurt nobody else; what files name is never imported."""

import json
import sys

import pytest
from inputs_models import write_tiny_model
from inputs_plugins import NOISE, ran, sweep, write_distribution

from sslcli.errors import SslError
from sslcli.models.loading import load_pretrained


def test_strange_plugins_are_named_and_hurt_nobody_else():
    tally = sweep(60)
    assert tally.good, tally.describe


def test_nothing_that_an_import_prints_reaches_stdout(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    printed = (
        f"import os, sys\nprint('{NOISE}')\nos.write(1, "
        f"b'{NOISE}')\nos.system('echo {NOISE}')\nsys.__stdout__.write('{NOISE}')\n"
    )
    write_distribution(
        tmp_path, "strange_noise", "objectives", "strange_noise:Plugin", f"{printed}Plugin = 3"
    )
    _, out, err = ran(["plugins", "show", "strange", "--json"])
    assert json.loads(out)["event"] == "error"
    assert err.count(NOISE) == 4


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """A module on the path that no plugin is made of, and that nobody may import."""
    (tmp_path / "strange_code.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert "strange_code" not in sys.modules


NAMING = (
    "strange_code",
    "strange_code:Plugin",
    "strange_code.Plugin",
    "./strange_code.py",
    "file://strange_code.py",
)


KEYS = (
    "objective",
    "data.reader",
    "tokenizer.kind",
    "model.preset",
    "data.train",
    "model.source",
    "tokenizer.source",
)


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("key", KEYS)
def test_a_run_file_that_names_a_module_imports_nothing(strange, key, name):
    group, _, field = key.rpartition(".")
    value = [name] if key == "data.train" else name
    (strange / "run.json").write_text(
        json.dumps({group: {field: value}} if group else {field: value})
    )
    code, _, err = ran(["pretrain", "-c", "run.json", "--show-batch"])
    assert code == 2, err


@pytest.mark.parametrize("key", ["model_type", "architectures", "tokenizer_class", "auto_map"])
def test_a_model_that_names_a_module_imports_nothing(strange, key):
    write_tiny_model(strange / "model")
    for file in ("config.json", "tokenizer_config.json"):
        path = strange / "model" / file
        path.write_text(json.dumps({**json.loads(path.read_text()), key: "strange_code.Plugin"}))
    if key == "model_type":
        with pytest.raises(SslError, match=r"strange_code\.Plugin"):
            load_pretrained(str(strange / "model"))
    else:
        assert load_pretrained(str(strange / "model")).head is not None
