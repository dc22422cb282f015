"""Plugins of strangers: found without an import, told apart by distribution, and harmless when they
break.
"""

import importlib.metadata
import json
import re
import sys
from importlib import import_module

import pytest

from sslcli import api, registry
from sslcli.door import API_VERSION, GONE, MOVED, outdated
from sslcli.errors import PluginError
from sslcli.plugin_fitness import CONTRACTS

GROUP = "sslcli.objectives"
ABSTRACT = "    parse = encode = loss = answers = merge = collate = lambda self: None\n"


def by_owner(name):
    return {found.distribution: found for found in registry.everything() if found.name == name}


def test_a_strangers_plugin_is_listed_with_its_docstring_and_not_imported(install, ssl):
    install("ssl-electra", {GROUP: ["electra = ssl_electra:Plugin"]})
    ended = ssl("plugins", "--json")
    found = next(
        plugin for plugin in json.loads(ended.out)["plugins"] if plugin["name"] == "electra"
    )
    assert (found["distribution"], found["version"], found["status"], found["summary"]) == (
        "ssl-electra",
        "1.2",
        "ok",
        "Of ssl-electra.",
    )
    assert "ssl_electra" not in sys.modules


def test_a_module_inside_a_package_is_read_without_importing_the_package(install, tmp_path):
    site = install("ssl-deep", {GROUP: ["deep = ssl_deep_package.inner:Plugin"]})
    package = site / "ssl_deep_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "inner.py").write_text('"""Deep inside."""')
    assert by_owner("deep")["ssl-deep"].summary == "Deep inside."


def test_metadata_are_read_once_until_something_is_installed(install, monkeypatch):
    looked, distributions = [], importlib.metadata.distributions
    monkeypatch.setattr(
        importlib.metadata, "distributions", lambda: looked.append(1) or distributions()
    )
    install("ssl-one", {GROUP: ["first = ssl_one:Plugin"]})
    assert {"mlm", "first"} <= set(registry.names("objectives"))
    assert registry.names("tasks")
    assert registry.find("objectives", "first").distribution == "ssl-one"
    assert len(looked) == 1
    install("ssl-two", {GROUP: ["second = ssl_two:Plugin"]})
    assert {"mlm", "first", "second"} <= set(registry.names("objectives"))
    assert len(looked) == 2


def test_a_built_in_wins_and_the_other_can_be_asked_for_by_distribution(install):
    install("ssl-other", {GROUP: ["mlm = ssl_other:Plugin"]})
    assert by_owner("mlm")["sslcli"].status == "ok"
    assert by_owner("mlm")["ssl-other"].status == "shadowed"
    assert registry.find("objectives", "mlm").distribution == "sslcli"
    assert registry.load("objectives", "ssl-other:mlm").__module__ == "ssl_other"
    assert registry.load("objectives", "SSL_Other:mlm").__module__ == "ssl_other"


def test_two_strangers_of_one_name_must_be_told_apart(install, ssl):
    install("ssl-one", {GROUP: ["same = ssl_one:Plugin"]})
    install("ssl-two", {GROUP: ["same = ssl_two:Plugin"]})
    assert {found.status for found in by_owner("same").values()} == {"duplicate"}
    assert "same" not in registry.names("objectives")
    with pytest.raises(PluginError, match=r"ssl-one 1\.2 and ssl-two 1\.2") as caught:
        registry.find("objectives", "same")
    assert "ssl-one:same or ssl-two:same" in caught.value.hint
    assert registry.load("objectives", "ssl-two:same").__module__ == "ssl_two"
    assert "duplicate" in ssl("plugins", "list").out


def test_one_distribution_that_is_twice_on_the_path_counts_once(install, tmp_path, monkeypatch):
    install("ssl-twice", {GROUP: ["twice = ssl_twice:Plugin"]})
    old = tmp_path / "old" / "ssl_twice-0.9.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: ssl_twice\nVersion: 0.9\n")
    (old / "entry_points.txt").write_text(f"[{GROUP}]\ntwice = gone:Plugin\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(old.parent)])
    (found,) = [found for found in registry.everything() if found.name == "twice"]
    assert (found.version, found.status) == ("1.2", "ok")


def test_a_summary_is_the_first_paragraph_of_the_docstring(install):
    source = '"""Predict what is hidden,\n   wherever it is.\n\nAnd more."""\n'
    install("ssl-long", {GROUP: ["long = ssl_long:Plugin"]}, source)
    (found,) = [found for found in registry.everything() if found.name == "long"]
    assert found.summary == "Predict what is hidden, wherever it is."


BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "raise SystemExit(0)",
    "needs": "import a_module_that_is_not_there",
    "syntax": "def (",
    "value": "Plugin = 3",
    "foreign": "class Plugin: pass",
    "empty": "",
    "abstract": (
        "from sslcli.api import Config, Readout\nclass Plugin(Readout):\n    summary = ''\n"
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_named_with_its_distribution_and_breaks_nothing_else(install, ssl, how):
    name = f"ssl-broken-{how}"
    install(
        name, {GROUP: [f"broken = {name.replace('-', '_')}:Plugin"]}, BROKEN[how], version="7.7"
    )
    with pytest.raises(PluginError) as caught:
        registry.load("objectives", "broken")
    assert name in caught.value.message
    assert "7.7" in caught.value.message
    assert ssl("plugins").code == 0
    assert ssl("pretrain", "--help").code == 0
    asked = ssl("pretrain", "--objective", "broken")
    assert (asked.code, "Traceback" in asked.err) == (2, False)
    assert name in asked.err


OF_THE_FIRST_VERSION = """
from sslcli.api import Score, SequenceTask

class Task(SequenceTask):
    summary = "a stranger's"
    records = "texts"
    score_names = ("luck",)

    @classmethod
    def parse(cls, options, record):
        return cls.example(options, record, (record.text("text"),), ("label",))

    @classmethod
    def score(cls, options, labels, predictions, examples):
        return [Score("luck", 1.0, "", True, len(examples))]
"""


def test_a_task_of_the_first_version_is_told_what_to_change(install, ssl):
    install("ssl-old", {"sslcli.tasks": ["old = ssl_old:Task"]}, OF_THE_FIRST_VERSION)
    with pytest.raises(PluginError, match=r"task .old. of ssl-old 1\.2 cannot be used") as caught:
        registry.load("tasks", "old")
    assert f"older plugin interface than version {API_VERSION}" in caught.value.message
    assert "score is now Scorer.score(predictions, examples)" in caught.value.message
    assert "score_names is now Scorer.score_names" in caught.value.message
    assert "scorer = MyScorer" in caught.value.hint
    for line in (("finetune", "old", "--data", "demo:world"), ("plugins", "check", "old")):
        asked = ssl(*line)
        assert (asked.code, "Traceback" in asked.err) == (2, False)
        assert "Scorer.score(predictions, examples)" in asked.err
        assert "scorer = MyScorer" in asked.err
    body, _, _ = OF_THE_FIRST_VERSION.partition("    @classmethod\n    def score(")
    mended = body.replace('    score_names = ("luck",)\n', "")
    install("ssl-mended", {"sslcli.tasks": ["mended = ssl_mended:Task"]}, mended)
    assert registry.load("tasks", "mended").summary == "a stranger's"


def test_members_of_the_first_version_are_found_along_the_bases_and_are_no_names_of_now():
    for contract, members in MOVED.items():
        known = next(
            vars(import_module(module)).get(contract)
            for module in CONTRACTS
            if hasattr(import_module(module), contract)
        )
        assert not [name for name in members if hasattr(known, name)]
        for name in members:
            grandchild = type("Child", (type("Parent", (known,), {name: None}),), {})
            problem, hint = outdated(grandchild, CONTRACTS)
            assert f"{name} is now " in problem
            assert hint
        assert outdated(known, CONTRACTS) is None


def test_a_method_of_the_first_version_is_told_from_one_that_takes_whatever_it_is_given():
    learnable = import_module("sslcli.api").Objective
    old = type("Old", (learnable,), {"begin": lambda self, backbone: None})
    assert "begin is now begin(self, backbone, first_batch)" in outdated(old, CONTRACTS)[0]
    for begin in (lambda self, *given: None, lambda self, backbone, first_batch: None):
        assert outdated(type("New", (learnable,), {"begin": begin}), CONTRACTS) is None


def test_a_name_that_the_api_had_is_told_too(install):
    for name, instead in GONE.items():
        assert not hasattr(api, name)
        install(
            f"ssl-{name}",
            {"sslcli.shifts": [f"{name} = ssl_{name}:Shift"]},
            f"from sslcli.api import Shift, {name}\n",
        )
        with pytest.raises(PluginError, match=f"sslcli.api has no {name} any more") as caught:
            registry.load("shifts", name)
        assert caught.value.hint == instead
    install(
        "ssl-typo",
        {"sslcli.shifts": ["typo = ssl_typo:Shift"]},
        "from sslcli.api import Shift, Mave\n",
    )
    with pytest.raises(PluginError, match="cannot be loaded: ImportError"):
        registry.load("shifts", "typo")


WITHOUT_SCORER = {
    "none": ("", "Task has no scorer"),
    "abstract": ("class Halved(Scorer):\n    pass\n", "Halved has no score"),
    "other": ("Halved = 3\n", "Task.scorer is no subclass of sslcli.api.Scorer"),
}


@pytest.mark.parametrize("how", WITHOUT_SCORER)
def test_a_task_needs_a_scorer(install, how):
    source, problem = WITHOUT_SCORER[how]
    named = "    scorer = Halved\n" if source else "    pass\n"
    task = "class Task(ReadoutTask):\n" + named + ABSTRACT
    install(
        "ssl-bare",
        {"sslcli.tasks": ["bare = ssl_bare:Task"]},
        f"from sslcli.api import ReadoutTask, Scorer\n{source}{task}",
    )
    with pytest.raises(PluginError, match=problem):
        registry.load("tasks", "bare")


@pytest.mark.parametrize(
    ("parameters", "words"), [("backbone", "first_batch"), ("backbone, first_batch", "has no")]
)
def test_a_begin_that_takes_the_backbone_alone_is_told_what_it_takes_now(
    install, parameters, words
):
    source = (
        "from sslcli.api import Readout\nclass Plugin(Readout):\n "
        f"   def begin(self, {parameters}): ...\n"
    )
    install("ssl-begins", {GROUP: ["begins = ssl_begins:Plugin"]}, source)
    with pytest.raises(PluginError, match=words):
        registry.load("objectives", "begins")


def test_what_a_plugin_prints_when_loaded_stays_off_stdout(install, ssl):
    install(
        "ssl-chatty", {GROUP: ["chatty = ssl_chatty:Plugin"]}, "print('hello there')\nPlugin = 3"
    )
    ended = ssl("plugins", "show", "chatty")
    assert "hello there" not in ended.out
    assert "hello there" in ended.err


@pytest.mark.parametrize(
    "text",
    [
        "[sslcli.objectives]\nno equals sign\n",
        "[sslcli.objectives\n",
        "sslcli.objectives = 3\n",
        "\x00sslcli.objectives",
    ],
)
def test_damaged_metadata_stops_nobody(install, ssl, text):
    site = install("ssl-damaged", {GROUP: ["damaged = ssl_damaged:Plugin"]})
    (site / "ssl_damaged-1.2.dist-info" / "entry_points.txt").write_text(text)
    assert "mlm" in registry.names("objectives")
    assert ssl("plugins").code == 0


def test_an_impossible_name_is_broken_and_not_offered(install):
    install("ssl-odd", {GROUP: ["a+b = ssl_odd:Plugin", "c d = ssl_odd:Plugin"]})
    assert {found.status for found in registry.everything() if found.distribution == "ssl-odd"} == {
        "broken"
    }
    assert not {"a+b", "c d"} & set(registry.names("objectives"))


def test_the_allow_list_lets_in_built_ins_and_whom_it_names(install, monkeypatch, ssl):
    install("ssl-one", {GROUP: ["one = ssl_one:Plugin"]})
    install("ssl-two", {GROUP: ["two = ssl_two:Plugin"]})
    monkeypatch.setenv("SSLCLI_PLUGINS", "SSL_One, ssl-misspelt")
    assert by_owner("one")["ssl-one"].status == "ok"
    assert by_owner("two")["ssl-two"].status == "disabled"
    assert "ssl-misspelt" in ssl("plugins").err
    with pytest.raises(PluginError, match="turned off"):
        registry.load("objectives", "two")
    monkeypatch.setenv("SSLCLI_PLUGINS", "")
    assert by_owner("one")["ssl-one"].status == "disabled"
    assert "mlm" in registry.names("objectives")


def test_an_unknown_name_gets_the_nearest_and_where_to_look(ssl):
    ended = ssl("pretrain", "--objective", "mml")
    assert ended.code == 2
    assert "there is no objective 'mml'" in ended.err
    assert "did you mean 'mlm'?" in ended.err


def test_a_named_plugins_options_are_flags_with_help(install, ssl):
    install("ssl-deep", {GROUP: ["deep = ssl_deep:Plugin"]})
    helped = ssl("pretrain", "--objective", "deep", "--help").out
    assert "--depth-of-thought" in helped
    assert "--no-loud" in helped
    assert "deep options" in helped
    assert "--depth-of-thought" not in ssl("pretrain", "--help").out


def test_a_run_file_names_a_plugin_too(install, ssl, tmp_path):
    install("ssl-deep", {GROUP: ["deep = ssl_deep:Plugin"]})
    (tmp_path / "run.yaml").write_text("objective: deep\n")
    assert "--depth-of-thought" in ssl("pretrain", "-c", str(tmp_path / "run.yaml"), "--help").out
    assert "--depth-of-thought" in ssl("pretrain", "--set", "objective=deep", "-h").out


def test_joined_objectives_with_one_option_name_keep_only_the_long_ones(install, ssl):
    install("ssl-left", {GROUP: ["left = ssl_left:Plugin"]})
    install("ssl-right", {GROUP: ["right = ssl_right:Plugin"]})
    helped = ssl("pretrain", "--objective", "left+right", "--help").out
    assert "--left-loud" in helped
    assert "--right-depth-of-thought" in helped
    assert " --loud" not in helped


def test_show_says_where_a_plugin_stands_and_what_its_options_are(install, ssl):
    site = install("ssl-deep", {GROUP: ["deep = ssl_deep:Plugin"]})
    shown = ssl("plugins", "show", "deep").out
    assert str(site / "ssl_deep.py") in shown
    assert "how long it thinks" in shown


def test_show_says_what_a_reader_holds_and_what_an_objective_needs_of_a_tokenizer(ssl):
    assert re.search(r"modality\s+text", ssl("plugins", "show", "demo").out)
    assert re.search(r"special_tokens\s+mask", ssl("plugins", "show", "mlm").out)


def test_show_lists_the_options_and_the_records_of_a_task(ssl):
    shown = ssl("plugins", "show", "qa").out
    for word in (
        "records",
        "questions",
        "sequence_tokens",
        "stride",
        "tokens that neighbouring windows",
        "auto, yes, no",
        "128",
        "int | None",
    ):
        assert word in shown, shown
