"""Settings that cannot be meant: refused by their dotted key, before anything is read or
reserved.
"""

import pytest
from inputs_settings import files, sweep
from inputs_trying import PeakMemory

from sslcli.cli.app import run
from sslcli.errors import ConfigError
from sslcli.resolving import resolve
from sslcli.runfiles import parse_assignments, read_layer
from sslcli.settings import PretrainSettings


def test_bad_values_in_any_field_and_any_format_are_refused():
    tally = sweep(600)
    assert tally.tried == 600
    assert tally.good, tally.describe


@pytest.mark.parametrize(
    "name",
    ["objective of aliases.yaml", "objective of great depth.json", "objective of great depth.toml"],
)
def test_a_small_file_never_becomes_a_large_tree(name, tmp_path):
    path = tmp_path / name
    path.write_text(next(content for file, _, content in files() if file == name))
    with PeakMemory() as peak, pytest.raises(ConfigError):
        resolve(PretrainSettings, read_layer(path))
    assert peak.bytes < 100 * path.stat().st_size + 10_000_000


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        (
            "model.shape.depht=3",
            "there is no setting 'model.shape.depht', did you mean 'model.shape.depth'? (--set)",
        ),
        ("model.shape.depth=x", "model.shape.depth must be a whole number, not 'x' (--set)"),
        (
            "model.shape.width=1000000000000",
            "model.shape.width must not be beyond 1,000,000,000, as 1000000000000 is (--set)",
        ),
        (
            "training.seed=1000000000000000000",
            "training.seed must not be beyond 1,000,000,000,000, as 1000000000000000000 is (--set)",
        ),
        (
            "training.epochs=1e300",
            "training.epochs must not be beyond 1,000,000,000,000, as 1e+300 is (--set)",
        ),
        (
            'run.name="a\\0b"',
            "run.name must be a text, and 'a\\x00b' has a NUL or half a character in it (--set)",
        ),
        (
            "training.max_steps=0x" + "f" * 5_000,
            "training.max_steps must not be beyond 1,000,000,000,000, as a number of thousands",
        ),
        (
            "data.unit=0x" + "f" * 5_000,
            "data.unit must be 'fill' or 'sentence', not a number of thousands of digits",
        ),
    ],
)
def test_the_sentence_names_the_key_and_what_is_wrong(assignment, problem):
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainSettings, parse_assignments([assignment]))
    assert caught.value.problems[0].startswith(problem)


def test_a_shape_that_fits_only_with_its_preset_is_taken():
    settings = resolve(
        PretrainSettings, parse_assignments(["model.shape.width=1023", "model.shape.heads=3"])
    ).settings
    assert settings.model.shape == {"width": 1023, "heads": 3}


def test_a_mistake_in_the_shape_is_told_before_data_is_read(capfd):
    assert (
        run(["pretrain", "--data", "missing.txt", "--set", "model.shape.depth=ten", "--lr", "x"])
        == 2
    )
    told = capfd.readouterr().err
    assert "2 mistakes" in told
    assert "model.shape.depth must be a whole number, not 'ten'" in told
