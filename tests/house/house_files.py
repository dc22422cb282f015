"""The project's own source files, for the tests that read them."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "sslcli", ROOT / "plugins" / "sslplugins")


def sources(*folders):
    """Every Python file below some folders of the project, without what a build left."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [
        path for path in paths if not {"build", "dist", ".venv", "__pycache__"} & set(path.parts)
    ]


def module_name(path):
    """sslcli/data/rng.py -> sslcli.data.rng."""
    base = ROOT / "plugins" if "sslplugins" in path.parts else ROOT
    return ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")


def trees(*folders):
    """Path and syntax tree of every file."""
    return [(path, _tree(path)) for path in sources(*folders)]


@cache
def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path):
    return str(path.relative_to(ROOT))
