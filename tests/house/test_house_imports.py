"""Imports point down, and they stand on top of the file."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

from house_files import ROOT, module_name, name_of, trees
from measures import House, longest_chain

MAY_IMPORT_LATE = {"sslcli/cli/app.py"}
MOST_FLOORS = 12  # below the command line


def test_the_contracts_of_the_house_are_kept():
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_there_are_no_cycles():
    parsed = trees("sslcli", "plugins/sslplugins")
    modules = {module_name(path) for path, _ in parsed}
    graph = {}
    for path, tree in parsed:
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
        graph[module_name(path)] = imported & modules - {module_name(path)}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(modules)


def test_the_house_is_not_too_high():
    chain = longest_chain(House(ROOT).graph())
    assert 5 < len(chain) <= MOST_FLOORS, " > ".join(chain)


def test_imports_stand_on_top_of_the_file():
    late = [
        f"{name_of(path)}:{inner.lineno}"
        for path, tree in trees("sslcli", "plugins/sslplugins")
        if name_of(path) not in MAY_IMPORT_LATE
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not late
