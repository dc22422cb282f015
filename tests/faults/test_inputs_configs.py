"""A foreign config.json reaches neither for code nor for the network, whatever it holds."""

import json
import socket

import pytest
from inputs_configs import ASKS_FOR_CODE, CODE, Watch, sweep
from inputs_models import FAMILIES, write_tiny_model

from sslcli.errors import ModelError
from sslcli.models.loading import load_pretrained


def test_random_configs_are_refused_or_used_without_code_and_network():
    tally = sweep(60)
    assert tally.good, tally.describe


def test_the_watch_hears_of_sockets_and_of_code():
    watch = Watch()
    watch.on = True
    with socket.socket() as one, pytest.raises(OSError):
        one.connect(("127.0.0.1", 1))
    with pytest.raises(ModuleNotFoundError):
        __import__(CODE)
    watch.on = False
    assert {entry.partition(" ")[0] for entry in watch.seen} >= {"socket.connect", "import"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_with_code_of_its_own_loads_without_it_and_says_so(family, tmp_path):
    write_tiny_model(tmp_path, family)
    path = tmp_path / "config.json"
    asked = {
        key: value
        for key, value in ASKS_FOR_CODE.items()
        if key not in ("quantization_config", "text_config")
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), **asked}))
    assert any("auto_map" in note for note in load_pretrained(str(tmp_path)).notes)


@pytest.mark.parametrize(
    "key",
    [
        "hidden_size",
        "vocab_size",
        "num_hidden_layers",
        "max_position_embeddings",
        "intermediate_size",
    ],
)
@pytest.mark.parametrize("size", [10**8, 10**9, 10**18, 10**400, -1, 0, 0.5])
def test_absurd_sizes_are_refused(key, size, tmp_path):
    write_tiny_model(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: size}))
    with pytest.raises(ModelError):
        load_pretrained(str(tmp_path))
