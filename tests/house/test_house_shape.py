"""Sizes, names and what must not be there."""

import ast
import re

import pytest
from house_files import PACKAGES, ROOT, name_of, sources, trees
from measures import MOST_FILES, House, clashes, folders, silent, wide

# Of a file and of a function, by folder; tables of cases in the tests may be longer.
MOST_LINES = {"sslcli": 400, "plugins": 400, "tests": 540, "examples": 540}
MOST_LINES_OF_FUNCTION = {"sslcli": 64, "plugins": 64, "tests": 88, "examples": 88}
OURS = tuple(MOST_LINES)


def test_no_file_is_too_long():
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*OURS)
    }
    assert len(lengths) > 50
    assert not {
        name: length
        for name, length in lengths.items()
        if length > MOST_LINES[name.partition("/")[0]]
    }


def test_no_function_is_too_long():
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path, tree in trees(*OURS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1
        > MOST_LINES_OF_FUNCTION[name_of(path).partition("/")[0]]
    ]
    assert not long


def test_no_top_level_module_shadows_another():
    for package in (ROOT, *(package.parent for package in PACKAGES)):
        assert not {"ssl", "ssl.py", "tokenize", "tokenize.py", "tokenizers", "tokenizers.py"} & {
            path.name for path in package.iterdir()
        }


def test_package_files_are_empty():
    """But that of the package, which is what `import sslcli` offers."""
    filled = [
        name_of(path)
        for package in PACKAGES
        for path in package.rglob("__init__.py")
        if path.read_text(encoding="utf-8").strip()
    ]
    assert filled == ["sslcli/__init__.py"]


def test_every_module_says_what_it_is():
    silent = [
        name_of(path)
        for path, tree in trees("sslcli", "plugins/sslplugins")
        if tree.body and not ast.get_docstring(tree)
    ]
    assert not silent


FORBIDDEN = {
    "an environment variable that begins like OpenSSL's": r"[\"']SSL_[A-Z]",
    "work that was left": r"\b(TODO|FIXME|XXX|HACK)\b",
    "a silenced check without its code": r"#\s*noqa(?!:)",
    "an unpickling": r"\bimport pickle\b|\bpickle\.load|torch\.load\(|allow_pickle\s*=\s*True",
    "a call of eval or exec": r"(?<![\w.])(eval|exec)\(",
    "the global random generator of numpy": r"\bnp\.random\.(seed|rand|randn|randint|choice|shuffle|permutation)\(",
    "the global random generator of Python": r"(?<![\w.])random\.(seed|random|randint|randrange|choice|shuffle|sample|uniform)\(",
    "a network library": r"^(import|from) (requests|urllib|http|socketserver|httpx)\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_packages_hold_no(what):
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in sources("sslcli", "plugins")
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_no_two_public_things_have_one_name():
    house = House(ROOT)
    names, modules = clashes(house)
    assert len(house.trees) > 50
    assert not names
    assert not modules


def test_no_folder_is_full():
    counted = folders(House(ROOT))
    assert len(counted) > 10
    assert not {folder: count for folder, count in counted.items() if count > MOST_FILES}


def test_every_public_name_says_what_it_is():
    missing, total = silent(House(ROOT))
    assert total > 1_000
    assert not missing


def test_no_line_of_the_product_is_wide():
    house = House(ROOT)
    assert len(house.paths) > 100
    assert not wide(house)
