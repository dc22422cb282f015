"""What others rely on does not change by accident: flags, exported names, descriptions, help texts
in documents.
"""

import ast
import importlib

import help_blocks
import pinned
import pytest
from house_files import ROOT, module_name, sources
from pydantic import BaseModel

from sslcli import api, registry
from sslcli.config import Config


@pytest.mark.parametrize("name", pinned.FILES)
def test_what_is_pinned_is_what_there_is(name):
    assert pinned.FILES[name]() == (pinned.HERE / name).read_text(encoding="utf-8").splitlines(), (
        "python tests/house/pinned.py renews it"
    )


def test_the_api_exports_all_that_it_imports():
    tree = ast.parse((ROOT / "sslcli" / "api.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(api.__all__)


def _settings_classes():
    for path in sources("sslcli", "plugins/sslplugins"):
        if path.name != "__main__.py":
            importlib.import_module(module_name(path))
    for found in registry.everything():
        if found.built_in:
            registry.load(found.kind, found.name)
    waiting, classes = [Config], []
    while waiting:
        waiting += (subclasses := waiting.pop().__subclasses__())
        classes += subclasses
    return [cls for cls in classes if cls.__module__.startswith(("sslcli", "sslplugins"))]


def test_every_setting_says_what_it_is():
    classes = _settings_classes()
    assert len(classes) > 15
    silent = [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls in classes
        for name, field in cls.model_fields.items()
        if not field.description
        and not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]
    assert not silent


@pytest.mark.parametrize(
    "name", [name for name in help_blocks.DOCUMENTS if (ROOT / name).is_file()]
)
def test_help_texts_in_documents_are_current(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert help_blocks.renewed(text) == text, "python tests/house/help_blocks.py renews them"


def test_a_stale_help_text_is_noticed():
    stale = "<!-- help: ssl doctor -->\n```\nold words\n```\n"
    assert "Say what this machine can do" in help_blocks.renewed(stale)
