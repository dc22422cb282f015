"""Prints what the house weighs: sizes, imports, names, docstrings, types. `python
tests/house/measures.py [CHECKOUT]`.

Two checkouts are compared by running it on each. Types are checked by pyrefly, where it is
installed.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import type_errors

HERE = Path(__file__).parents[2]
WIDEST, MOST_FILES = 100, 25
NAMESAKES = ("sslcli.calls.models", "sslcli.calls.training")  # whose functions are named as the commands that they are
CALLERS = ("sslcli.cli", "sslcli.calls")  # the command line, and calls from Python
# the program's own work
ABOVE = (*CALLERS, "sslcli.api", "sslcli.conformance", "sslcli.testing", "sslplugins")


class House:
    """The product's files in a checkout, read once."""

    def __init__(self, root):
        self.root = root
        self.paths = [
            *sorted((root / "sslcli").rglob("*.py")),
            *sorted((root / "plugins" / "sslplugins").rglob("*.py")),
        ]
        self.trees = {
            self.module(path): ast.parse(path.read_text(encoding="utf-8")) for path in self.paths
        }

    def module(self, path):
        base = self.root / "plugins" if "sslplugins" in path.parts else self.root
        return ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")

    def imports(self, module):
        """Modules of the house that a module imports anywhere, also inside functions."""
        found = set()
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return (found & self.trees.keys()) - {module}

    def graph(self):
        filled = {module for module, tree in self.trees.items() if tree.body}
        return {module: self.imports(module) & filled for module in filled}


def folders(house):
    """Python files in each folder, `__init__` aside."""
    return Counter(
        str(path.parent.relative_to(house.root))
        for path in house.paths
        if path.name != "__init__.py"
    )


def circles(graph):
    """Groups of modules that import one another in a circle (Tarjan 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in graph[module]:
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return found


def longest_chain(graph):
    """The longest way down, each module importing the next; below the command line, and of a graph
    without circles.
    """
    below = {module for module in graph if not module.startswith(ABOVE)}

    @cache
    def chain(module):
        ways = [chain(other) for other in graph[module] & below]
        return (module, *max(ways, key=len, default=()))

    return max((chain(module) for module in sorted(below)), key=len)


def is_public(name):
    return not name.startswith("_")


def is_overload(node):
    return "overload" in map(ast.unparse, node.decorator_list)


def definitions(tree):
    """Classes and functions at the top of a module; a function's overloads are not others."""
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [node for node in found if not is_overload(node)]


def silent(house):
    """Public classes and functions, and public methods of these classes, without a docstring; and
    how many there are in all.

    A method that a base of the same name documents says what it is there.
    """
    bases, said = defaultdict(set), defaultdict(set)
    classes = [
        node
        for tree in house.trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    for node in classes:
        bases[node.name] |= {
            match[0] for base in node.bases if (match := re.match(r"[\w.]+", ast.unparse(base)))
        }
        said[node.name] |= {
            member.name
            for member in node.body
            if isinstance(member, ast.FunctionDef) and ast.get_docstring(member)
        }

    def inherited(cls, name, seen=()):
        parents = {base.rpartition(".")[2] for base in bases[cls]} - {cls, *seen}
        return any(name in said[base] or inherited(base, name, (*seen, cls)) for base in parents)

    missing, total = [], 0
    for module, tree in house.trees.items():
        for node in filter(lambda node: is_public(node.name), definitions(tree)):
            total += 1
            missing += [] if ast.get_docstring(node) else [f"{module}.{node.name}"]
            for member in getattr(node, "body", ()) if isinstance(node, ast.ClassDef) else ():
                if (
                    not isinstance(member, ast.FunctionDef)
                    or is_overload(member)
                    or not is_public(member.name)
                ):
                    continue
                if not inherited(node.name, member.name):
                    total += 1
                    missing += (
                        [] if ast.get_docstring(member) else [f"{module}.{node.name}.{member.name}"]
                    )
    return missing, total


def clashes(house):
    """Public classes and functions of one name in several modules of sslcli; modules of one name
    within a layer.
    """
    names, files = defaultdict(set), defaultdict(set)
    for module, tree in house.trees.items():
        parts = module.split(".")
        if parts[0] == "sslcli":
            for node in () if module in NAMESAKES else definitions(tree):
                if is_public(node.name):
                    names[node.name].add(module)
            if tree.body:
                files[".".join(parts[:2]), parts[-1]].add(module)
    return (
        {name: sorted(where) for name, where in named.items() if len(where) > 1}
        for named in (names, files)
    )


def exported(house):
    """Names that the door has, by the folder that uses them alone; "several" and "none" for the
    others.
    """
    assigned = [node for node in house.trees["sslcli.api"].body if isinstance(node, ast.Assign)]
    door = next(node for node in assigned if ast.unparse(node.targets[0]) == "__all__")
    users = defaultdict(set)
    for module, tree in house.trees.items():
        for node in ast.walk(tree):
            if (
                module.startswith("sslplugins.")
                and isinstance(node, ast.ImportFrom)
                and node.module == "sslcli.api"
            ):
                for alias in node.names:
                    users[alias.name].add(module.split(".")[1])
    names = ast.literal_eval(door.value)
    return len(names), Counter(
        next(iter(users[name])) if len(users[name]) == 1 else "several" if users[name] else "none"
        for name in names
    )


def passed_settings(house):
    """Files below the command line with a function that takes resolved settings, or holds them."""
    taken = re.compile(r"\b(PretrainSettings|FinetuneSettings|AnswerSettings)\b")
    found = set()
    for module, tree in house.trees.items():
        for node in ast.walk(tree):
            if module.startswith((*CALLERS, "sslplugins")) or not isinstance(
                node, ast.FunctionDef | ast.AnnAssign
            ):
                continue
            named = (
                [node]
                if isinstance(node, ast.AnnAssign)
                else [*node.args.args, *node.args.kwonlyargs]
            )
            annotations = [each.annotation for each in named]
            if any(
                annotation is not None and taken.search(ast.unparse(annotation))
                for annotation in annotations
            ):
                found.add(module)
    return sorted(found)


def wide(house):
    """Lines that are too long, by file."""
    lines = [
        (path, line)
        for path in house.paths
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return Counter(str(path.relative_to(house.root)) for path, line in lines if len(line) > WIDEST)


def count_type_errors(house):
    """What pyrefly counts; None where it is not installed."""
    return (
        None
        if type_errors.program() is None
        else sum(map(len, type_errors.found_in(house.root).values()))
    )


def rows(house):
    """Name, figure and what it is about, a row each."""
    graph, by_folder = house.graph(), folders(house)
    (most, count), (missing, total) = by_folder.most_common(1)[0], silent(house)
    found = circles(graph)
    chain = () if found else longest_chain(graph)
    names, files = clashes(house)
    door, by_kind = exported(house)
    errors, holders = count_type_errors(house), passed_settings(house)
    yield (
        "files",
        len(house.paths),
        (
            f"{sum(len(path.read_text(encoding='utf-8').splitlines()) for path in house.paths):,} "
            "lines"
        ),
    )
    yield "most files in a folder", count, most
    yield (
        f"folders of more than {MOST_FILES} files",
        sum(each > MOST_FILES for each in by_folder.values()),
        "",
    )
    yield "import circles", len(found), "; ".join(" ".join(group) for group in found)
    yield (
        "longest import chain below the command line",
        len(chain),
        " > ".join(module.removeprefix("sslcli.") for module in chain),
    )
    told = f"{100 * (1 - len(missing) / total):.1f}"
    yield (
        "public names with a docstring, in %",
        told,
        f"{total:,} names, silent: {', '.join(missing[:3])}",
    )
    yield "type errors", "not checked" if errors is None else errors, "pyrefly"
    yield "clashing public names", len(names), ", ".join(sorted(names)[:8])
    yield (
        "modules of one name within a layer",
        len(files),
        ", ".join(sorted(".".join(name) for name in files)[:8]),
    )
    yield f"lines over {WIDEST} columns", sum(wide(house).values()), ""
    yield (
        "names that the door exports",
        door,
        ", ".join(f"{kind} {number}" for kind, number in by_kind.most_common()),
    )
    yield (
        "files that resolved settings pass through",
        len(holders),
        ", ".join(name.removeprefix("sslcli.") for name in holders),
    )


def main(root=HERE):
    house = House(Path(root).resolve())
    for name, figure, about in rows(house):
        print(f"{name:45} {figure!s:>12}  {about}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
