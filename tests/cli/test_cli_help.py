"""Help and listings are quick because they import next to nothing."""

import json
import re
import subprocess
import sys

import pytest

from sslcli.cli.app import COMMANDS, GLOBAL_NAMES
from sslcli.cli.options import GLOBALS, spellings
from sslcli.core.presets import NAMES
from sslcli.registry import everything

HEAVY = (
    "torch",
    "numpy",
    "sslplugins",
    "matplotlib",
    "sklearn",
    "tokenizers",
    "safetensors",
    "transformers",
)
PROBE = """
import json, sys
from sslcli.cli.app import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def imported_by(*words):
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0, ended.stderr
    return ended.stdout, set(modules)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--help",
        "-h",
        "--version",
        "pretrain --help",
        "runs --help",
        "plugins",
        "plugins list readers",
        "runs",
        "runs ls",
    ],
)
def test_help_and_listings_import_neither_torch_nor_a_plugin(line):
    out, modules = imported_by(*line.split())
    assert out
    assert not set(HEAVY) & modules


def test_the_front_page_does_not_even_import_the_settings():
    _, modules = imported_by("--help")
    assert not {"pydantic", "yaml", "jinja2"} & modules


def test_naming_a_plugin_lists_its_flags_without_importing_it():
    out, modules = imported_by("pretrain", "--objective", "mlm", "--help")
    assert "--mask-rate" in out
    assert not set(HEAVY) & modules


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_examples(ssl, command, flag):
    ended = ssl(command, flag)
    assert (ended.code, ended.err) == (0, "")
    assert "Examples:" in ended.out
    assert f"ssl {command}" in ended.out
    assert "--json" in ended.out


def test_the_help_of_pretraining_names_our_own_objectives_and_every_preset(ssl):
    words = set(re.split(r"[\s,;+│]+", ssl("pretrain", "--help").out))
    own = {found.name for found in everything() if found.kind == "objectives" and found.built_in}
    assert {"mlm", "bart"} < own
    assert not {*own, *NAMES} - words


def test_no_words_print_the_help(ssl):
    assert ssl().out == ssl("--help").out


def test_the_global_flags_are_the_same_on_both_sides_of_the_import():
    assert spellings(GLOBALS) == GLOBAL_NAMES


def test_python_dash_m_is_the_same_program():
    ended = subprocess.run(
        [sys.executable, "-m", "sslcli", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("ssl ")


def test_square_brackets_in_descriptions_survive_the_markup(ssl):
    assert "[MASK]" in ssl("pretrain", "--objective", "mlm", "--help").out


@pytest.mark.parametrize("width", [60, 80, 100])
def test_many_choices_wrap_between_words(ssl, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    words = ssl("pretrain", "--help").out.replace("│", " ").split()
    place = words.index("--scheduler")
    assert " ".join(words[place : place + 6]) == "--scheduler NAME linear, cosine, constant or"
    assert "wsd:" in words
    assert "adamw|muon" in words
