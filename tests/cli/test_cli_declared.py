"""What is read from a plugin's source is what its class says when it is imported."""

import sys

import pytest

from sslcli import registry
from sslcli.cli.options import plugin_flags
from sslcli.declared import NotPlain

ALL = [
    (found.kind, found.name)
    for found in registry.everything()
    if found.built_in and found.status == "ok"
]
MEMBERS = {
    "objectives": ("summary", "architectures", "arranges", "corrupts"),
    "tasks": ("summary", "architectures", "records"),
    "probes": ("summary", "architectures", "positional_fields"),
}

DYNAMIC = '''"""Options that only an import can say."""

import torch

from sslcli.api import Config, Readout, Report, setting


def rate():
    return 0.25


class Plugin(Readout):
    class Options(Config):
        share: float = setting(rate(), "what is drawn", gt=0)

    summary = "of computed defaults"
    collate = read = show = lambda self, *words: Report()
'''


@pytest.mark.parametrize(("kind", "name"), ALL, ids=lambda word: word)
def test_flags_read_from_source_are_those_of_the_class(kind, name):
    read, loaded = (
        registry.declaration(kind, name).model("Options"),
        registry.load(kind, name).Options,
    )
    assert plugin_flags(read, name, "options", ()) == plugin_flags(loaded, name, "options", ())
    assert list(read.model_fields) == list(loaded.model_fields)


@pytest.mark.parametrize(
    ("kind", "name", "member"),
    [
        (kind, name, member)
        for kind, name in ALL
        for member in MEMBERS.get(kind, ("summary",))
        # only a Readout, which shares its pass, corrupts
        if member != "corrupts" or hasattr(registry.load(kind, name), member)
    ],
    ids=lambda word: word,
)
def test_attributes_read_from_source_are_those_of_the_class(kind, name, member):
    assert registry.declaration(kind, name).attribute(member) == getattr(
        registry.load(kind, name), member
    )


@pytest.mark.parametrize(
    ("kind", "name"), [pair for pair in ALL if pair[0] == "objectives"], ids=lambda word: word
)
def test_descent_read_from_source_is_that_of_the_class(kind, name):
    ours = [
        base.__name__
        for base in registry.load(kind, name).__mro__
        if base.__module__.startswith("ssl")
    ]
    read = registry.declaration(kind, name).lineage
    assert [base for module, base in read if module.startswith("ssl")] == ours


def test_options_are_read_anew_where_a_file_has_changed_that_says_what_they_are(install):
    source = "from sslcli.api import Readout\nfrom usual_rates import Options, RATE\n\n\n"
    source += "class Plugin(Readout):\n    class Options(Options):\n        share: float = RATE\n"
    site = install("ssl-rated", {"sslcli.objectives": ["rated = ssl_rated:Plugin"]}, source)
    given = "from sslcli.api import Config\n\n\nclass Options(Config):\n    loud: bool = False\n"

    def options():
        return registry.declaration("objectives", "rated").model("Options")

    (site / "usual_rates.py").write_text(f"{given}\n\nRATE = 0.5\n")
    first = options()
    assert first is options()
    assert first.model_fields["share"].default == 0.5
    (site / "usual_rates.py").write_text(f"{given}    quiet: bool = True\n\n\nRATE = 0.75\n")
    fields = options().model_fields
    assert {name: field.default for name, field in fields.items()} == {
        "loud": False,
        "quiet": True,
        "share": 0.75,
    }


def test_options_that_are_not_plain_are_imported(install):
    install("ssl-dynamic", {"sslcli.objectives": ["dynamic = ssl_dynamic:Plugin"]}, DYNAMIC)
    assert registry.plugin_settings("objectives", "dynamic").model_fields["share"].default == 0.25


def test_options_of_a_package_elsewhere_are_read_without_it(install):
    install("ssl-plain", {"sslcli.objectives": ["plain = ssl_plain:Plugin"]})
    fields = registry.declaration("objectives", "plain").model("Options").model_fields
    assert {name: field.default for name, field in fields.items()} == {
        "depth_of_thought": 3,
        "loud": False,
    }


def test_a_module_in_folders_without_init_is_found(install, tmp_path):
    (tmp_path / "site" / "outer" / "inner").mkdir(parents=True)
    entry = {"sslcli.objectives": ["deep = outer.inner.deepest:Plugin"]}
    install("ssl-deep", entry, DYNAMIC, module="outer/inner/deepest")
    found = registry.find("objectives", "deep")
    assert (found.status, found.summary) == ("ok", "Options that only an import can say.")
    assert registry.declaration("objectives", "deep").attribute("summary") == "of computed defaults"
    assert "outer" not in sys.modules


@pytest.mark.parametrize(
    "line",
    [
        "architectures, other = frozenset({'encoder'}), 1",
        "if True:\n        architectures = frozenset({'encoder'})",
        "architectures = frozenset(str(word) for word in ('encoder',))",
        "@property\n    def architectures(self):\n        return ()",
    ],
    ids=["unpacked", "decided", "computed", "a function"],
)
def test_of_an_attribute_that_is_not_plain_nothing_is_read(install, line):
    source = DYNAMIC.replace(
        '    summary = "of computed defaults"', f'    summary = "of {len(line)}"\n    {line}'
    )
    install("ssl-odd", {"sslcli.objectives": ["odd = ssl_odd:Plugin"]}, source)
    found = registry.declaration("objectives", "odd")
    assert found.attribute("summary") == f"of {len(line)}"
    with pytest.raises(NotPlain):
        found.attribute("architectures")


PLAIN = """
from sslcli.api import Config, Readout, Report, setting

RATE = 1


class Base(Readout):
    architectures = frozenset({"encoder"})
    collate = read = show = lambda self, *words: Report()


class Own(Base):
    pass


class Other(Base):
    architectures = frozenset({"decoder"})


class Plugin(Own):
    class Options(Config):
        rate: int = setting(RATE, "how often")

    summary = "one"
"""
CHANGED = {
    "two bases": PLAIN.replace("class Plugin(Own)", "class Plugin(Own, Other)"),
    "said twice": PLAIN.replace("RATE = 1", "RATE = 1\nRATE = 2"),
    "said later": PLAIN + "\n\nRATE = 2\n",
    "added to": PLAIN.replace("RATE = 1", "RATE = 1\nRATE += 1"),
    "decided": PLAIN.replace("RATE = 1", "RATE = 1\nif True:\n    RATE = 2"),
    "counted": PLAIN.replace("RATE = 1", "RATE = 1\nfor RATE in range(3):\n    pass"),
    "imported": PLAIN.replace("RATE = 1", "RATE = 1\nfrom stat import ST_MODE as RATE"),
    "set": PLAIN + "\n\nPlugin.summary = 'two'\n",
    "set by a call": PLAIN + "\n\nsetattr(Plugin, 'summary', 'two')\n",
    "second in the class": PLAIN + "    summary = 'two'\n",
    "added to in the class": PLAIN + "    summary += 'two'\n",
    "from the class": PLAIN.replace('summary = "one"', "RATE = 2\n    summary = RATE"),
    "made with the class": PLAIN.replace(
        "class Own(Base):\n    pass",
        "class Own(Base):\n    def __init_subclass__(cls):\n        cls.summary = 'two'",
    ),
}


@pytest.mark.parametrize("source", CHANGED.values(), ids=CHANGED)
def test_what_is_changed_after_it_is_said_is_read_as_python_has_it(install, source):
    install("ssl-changed", {"sslcli.objectives": ["changed = ssl_changed:Plugin"]}, source)
    found = ("objectives", "changed")
    default = registry.plugin_settings(*found).model_fields["rate"].default
    said = {name: registry.attribute(*found, name) for name in ("summary", "architectures")}
    loaded = registry.load(*found)
    assert default == loaded.Options.model_fields["rate"].default
    assert said == {name: getattr(loaded, name) for name in said}
