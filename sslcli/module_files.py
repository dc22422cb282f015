"""Source files of modules, found along the import path and parsed, without an import."""

import ast
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_LOOKED_UP: list[set[str]] = []


def module_file(module: str) -> Path | None:
    """The source file of a module, found along the import path without importing a parent
    package.
    """
    for modules in _LOOKED_UP:
        modules.add(module)
    known = _files(tuple(sys.path), tuple(sys.meta_path))
    if module not in known or not known[module].is_file():
        known.pop(module, None)
        if (path := _looked_up(module)) is not None:
            known[module] = path
    return known.get(module)


@contextmanager
def looked_up() -> Generator[set[str]]:
    """Give the modules whose files are looked up inside."""
    modules: set[str] = set()
    _LOOKED_UP.append(modules)
    try:
        yield modules
    finally:
        _LOOKED_UP.pop()


def file_state(module: str) -> tuple[Path, int, int] | None:
    """What changes with the file of a module; None where there is none."""
    path = module_file(module)
    try:
        status = path.stat() if path is not None else None
    except OSError:
        status = None
    return (path, status.st_mtime_ns, status.st_size) if path and status else None


@lru_cache(maxsize=1)
def _files(*_path: Any) -> dict[str, Path]:
    """Module -> file, of those that were found along one import path."""
    return {}


def _looked_up(module: str) -> Path | None:
    locations: Sequence[str] | None = None
    parts = module.split(".")
    spec = None
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        specs = (
            finder.find_spec(name, locations)
            for finder in sys.meta_path
            if hasattr(finder, "find_spec")
        )
        try:
            spec = next((spec for spec in specs if spec is not None), None)
        except KeyError:  # a folder without __init__.py in another one, which is not imported
            inner, spec = [Path(each, parts[depth - 1]) for each in locations or ()], None
            locations = [str(each) for each in inner if each.is_dir()]
            continue
        if spec is None or (depth < len(parts) and spec.submodule_search_locations is None):
            return None
        locations = list(spec.submodule_search_locations or ())
    return (
        Path(spec.origin)
        if spec is not None and spec.origin and Path(spec.origin).is_file()
        else None
    )


def parsed(path: Path) -> ast.Module:
    """Raises OSError, ValueError, SyntaxError, RecursionError or MemoryError for what cannot be
    read.
    """
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


@cache
def _parsed(path: Path, time: int, size: int) -> ast.Module:
    return ast.parse(path.read_bytes())
