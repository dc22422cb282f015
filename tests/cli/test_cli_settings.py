"""Run files, --set and flags: who wins, what is refused, and that every refusal is a sentence with
the key and the place.
"""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sslcli.cli.options import flags_for, layers_of, plugin_flags, spellings
from sslcli.config import Config, Count, Seconds, setting, write_yaml
from sslcli.errors import ConfigError, SslError
from sslcli.layers import dotted_layer
from sslcli.resolving import resolve
from sslcli.runfiles import DEEPEST, parse_assignments, read_layer
from sslcli.settings import PretrainSettings

FLAGS = flags_for(PretrainSettings)


def settings_of(given):
    return resolve(PretrainSettings, *layers_of(given, FLAGS))


def problems(*assignments):
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainSettings, parse_assignments(assignments))
    return caught.value.problems


def test_flags_win_over_set_and_set_over_files_and_later_files_over_earlier(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "optimizer: {rate: 1e-1, clip: 0.1}\ntraining: {seed: 1, keep: 1, batch_size: 1}\n"
    )
    (tmp_path / "b.toml").write_text("[training]\nseed = 2\nkeep = 2\nbatch_size = 2\n")
    line = {
        "config": [str(tmp_path / "a.yaml"), str(tmp_path / "b.toml")],
        "set": ["training.keep=3", "training.batch_size=3"],
    }
    resolved = settings_of({**line, "training.batch_size": "4"})
    training = resolved.settings.training
    assert (
        training.seed,
        training.keep,
        training.batch_size,
        resolved.settings.optimizer.rate,
    ) == (2, 3, 4, 0.1)
    assert resolved.settings.optimizer.clip == 0.1
    assert resolved.sources["optimizer.rate"] == f"{tmp_path / 'a.yaml'}:1"
    assert resolved.sources["training.keep"] == "--set"
    assert resolved.sources["training.batch_size"] == "--batch-size"


def test_a_recommendation_yields_to_everything_that_was_said(tmp_path):
    recipe = dotted_layer({"optimizer.rate": 0.5, "training.seed": 9}, "recipe")
    settings = resolve(PretrainSettings, recipe, parse_assignments(["training.seed=1"])).settings
    assert (settings.optimizer.rate, settings.training.seed) == (0.5, 1)


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_what_is_written_reads_back_equal(tmp_path, suffix):
    settings = settings_of(
        {
            "set": [
                "optimizer.rate=1e-7",
                "data.train=[a b, '中', '2024-01-01', 'no', '1e-4', \"q'\"]",
                "options.mlm.x=[1, null]",
            ]
        }
    )
    path = tmp_path / f"run{suffix}"
    if suffix == ".json":
        path.write_text(settings.settings.model_dump_json())
    else:
        path.write_text(write_yaml(settings.settings))
    assert resolve(PretrainSettings, read_layer(path)).settings == settings.settings


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@hypothesis_settings(deadline=None, max_examples=50)
@given(TEXT, st.floats(min_value=1e-300, max_value=1e12), st.lists(TEXT, min_size=1))
def test_any_text_and_any_number_survive_a_run_file(tmp_path_factory, name, rate, data):
    settings = PretrainSettings.model_validate(
        {"run": {"name": name}, "optimizer": {"rate": rate}, "data": {"train": data}}
    )
    path = tmp_path_factory.mktemp("any") / "run.yaml"
    path.write_text(write_yaml(settings), encoding="utf-8")
    assert resolve(PretrainSettings, read_layer(path)).settings == settings


def test_every_mistake_is_named_at_once_with_key_and_place(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("optimizer:\n  lr: 3\n  name: adam\ntraining:\n  batch_size: -1\ndta: {}\n")
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainSettings, read_layer(path))
    found = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert f"'optimizer.lr', did you mean 'optimizer.rate'? ({path}:2)" in found
    assert f"did you mean 'adamw'? ({path}:3)" in found
    assert f"training.batch_size must be greater than 0, not -1 ({path}:5)" in found
    assert "did you mean 'data'?" in found


def test_a_mistake_is_not_hidden_by_a_later_layer():
    layers = [
        parse_assignments([text])
        for text in ("optimizer=3", "optimizer.rate=1e-3", "training.seed=x")
    ]
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainSettings, *layers)
    assert len(caught.value.problems) == 2
    assert "optimizer must be a group" in caught.value.problems[0]


def test_yaml_truth_is_neither_number_nor_text():
    assert "must be a number" in problems("training.max_steps=yes")[0]
    assert "quote it" in problems("run.name=no")[0]
    assert resolve(PretrainSettings, parse_assignments(["run.plot=no"])).settings.run.plot is False


def test_an_empty_group_says_nothing(tmp_path):
    (tmp_path / "run.yaml").write_text("training:\n  # max_steps: 3\nmodel:\n")
    assert (
        resolve(PretrainSettings, read_layer(tmp_path / "run.yaml")).settings == PretrainSettings()
    )


class Units(Config):
    count: Count = setting(1, "a count")
    wait: Seconds = setting(1.0, "a time")


@pytest.mark.parametrize(
    ("text", "count"),
    [("10k", 10_000), ("1e6", 1_000_000), ("2.5M", 2_500_000), ("3", 3), ("1_000", 1000)],
)
def test_counts_are_written_as_people_write_them(text, count):
    assert Units(count=text).count == count


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("1h30m", 5400), ("90", 90), ("0.5d", 43_200)]
)
def test_times_are_written_as_people_write_them(text, seconds):
    assert Units(wait=text).wait == seconds


WRONG_VALUES = [
    "nan",
    ".nan",
    ".inf",
    "-.inf",
    "1e400",
    "-1",
    "x",
    "[]",
    "{}",
    "[1]",
    "''",
    "yes",
    "0x",
    "1" * 5000,
    "..",
    "1..2k",
    "10kk",
    "\u0663x",
]
NUMBERS = [
    "optimizer.rate",
    "optimizer.beta1",
    "training.max_steps",
    "training.batch_size",
    "data.held_out",
    "schedule.decay",
    "training.max_time",
]


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", WRONG_VALUES)
def test_what_is_no_number_is_refused_by_key(key, value):
    (problem,) = problems(f"{key}={value}")
    assert key in problem
    assert "\n" not in problem
    assert len(problem) < 400


FILES = {
    "duplicate.yaml": "training: {seed: 1}\ntraining: {seed: 2}\n",
    "deep-duplicate.yaml": "training:\n  seed: 1\n  seed: 2\n",
    "alias.yaml": "a: &a [1]\nb: *a\n",
    "bomb.yaml": "a: &a [x,x]\n"
    + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(20)
    ),
    "merge.yaml": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "tag.yaml": "objective: !!python/object/apply:os.system ['true']\n",
    "local-tag.yaml": "objective: !mine 3\n",
    "deep.yaml": "objective: " + "[" * 100_000,
    "deep-block.yaml": "\n".join(f"{' ' * i}k:" for i in range(DEEPEST + 5)),
    "list.yaml": "- 1\n- 2\n",
    "scalar.yaml": "mlm\n",
    "tabs.yaml": "a:\n\tb: 3\n",
    "open.yaml": "a: [1, 2\n",
    "two.yaml": "a: 1\n---\nb: 2\n",
    "number-key.yaml": "1: 2\n",
    "list-key.yaml": "? [1]\n: 2\n",
    "null.yaml": "a: \x00\n",
    "digits.yaml": f"training: {{seed: {'9' * 5000}}}\n",
    "duplicate.json": '{"training": {"seed": 1, "seed": 2}}',
    "deep.json": '{"a":' * 100_000,
    "closed-deep.json": '{"a":' * 500 + "1" + "}" * 500,
    "list.json": "[1]",
    "open.json": '{"a": 1',
    "empty.json": "",
    "nan.json": '{"optimizer": {"rate": NaN}}',
    "infinity.json": '{"optimizer": {"rate": Infinity}}',
    "duplicate.toml": "seed = 1\nseed = 2\n",
    "date.toml": "objective = 2024-01-01\n",
    "deep.toml": "a = " + "[" * 50_000,
    "open.toml": "a = \n",
    "unknown.toml": "[optimiser]\nrate = 1\n",
    "run.txt": "objective: mlm\n",
    "run": "objective: mlm\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_ends_in_a_sentence_that_names_it(tmp_path, name):
    path = tmp_path / name
    path.write_text(FILES[name])
    with pytest.raises(SslError) as caught:
        resolve(PretrainSettings, read_layer(path))
    assert caught.value.exit_code == 2
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "name",
    ["missing.yaml", "folder.yaml", "binary.yaml", "large.yaml", "utf16.yaml", "device.yaml"],
)
def test_a_place_that_holds_no_run_file_is_named(tmp_path, name):
    path = tmp_path / name
    if name == "folder.yaml":
        path.mkdir()
    elif name == "binary.yaml":
        path.write_bytes(bytes(range(256)))
    elif name == "large.yaml":
        path.write_bytes(b"#" * 17_000_000)
    elif name == "utf16.yaml":
        path.write_bytes("objective: mlm".encode("utf-16"))
    elif name == "device.yaml":
        path.symlink_to("/dev/zero")
    with pytest.raises(SslError) as caught:
        read_layer(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "=1",
        "a..b=1",
        ".=1",
        "a.=1",
        "a=*b",
        "a=!!int 3",
        "a=[",
        "a={b: 1, b: 2}",
        "a=2: 3: 4",
        "." * 90 + "=1",
    ],
)
def test_an_assignment_that_is_none_is_quoted(text):
    with pytest.raises(ConfigError) as caught:
        parse_assignments([text])
    assert "--set" in caught.value.message


def test_every_setting_on_the_command_line_sets_its_own_key():
    keys = [flag.key for flag in FLAGS]
    assert len(keys) == len(set(keys))
    names = [name for flag in FLAGS for name in spellings([flag])]
    assert len(names) == len(set(names))


class Options(Config):
    share: float = setting(0.5, "a share", gt=0)
    parts: tuple[float, ...] = setting((0.8, 0.2), "shares")
    names: tuple[str, ...] = setting((), "names")
    fast: bool = setting(True, "speed")
    limit: int | None = setting(None, "a limit")
    table: dict[str, int] = setting({}, "only in files")


def test_a_plugins_options_become_flags_below_its_key():
    flags = plugin_flags(Options, "own", "options.own", taken=set())
    assert [flag.names for flag in flags] == [
        ("--share",),
        ("--parts",),
        ("--names",),
        ("--fast/--no-fast",),
        ("--limit",),
    ]
    layer = layers_of(
        {"options.own.parts": "0.5, 0.5", "options.own.fast": False, "options.own.names": ["a,b"]},
        flags,
    )[-1]
    assert Options(**layer.values["options"]["own"]) == Options(
        parts=(0.5, 0.5), fast=False, names=("a,b",)
    )


def test_a_name_that_is_taken_gives_way_and_joined_ones_have_both():
    flags = plugin_flags(Options, "dist:own", "options.own", taken={"--share", "--no-fast"})
    assert {flag.names for flag in flags} >= {
        ("--own-share",),
        ("--own-fast/--no-own-fast",),
        ("--limit",),
    }
    assert plugin_flags(Options, "own", "options.own", set(), joined=True)[0].names == (
        "--share",
        "--own-share",
    )


def test_flags_that_are_not_on_the_line_override_no_file(tmp_path):
    (tmp_path / "run.yaml").write_text("run: {plot: false}\noptimizer: {rate: 3}\n")
    settings = settings_of({"config": [str(tmp_path / "run.yaml")]}).settings
    assert (settings.run.plot, settings.optimizer.rate) == (False, 3)
