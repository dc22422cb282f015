"""Run files (YAML, TOML, JSON) and `--set` as layers of settings; whatever they hold, they end as a
tree or as a sentence.

A layer remembers where each of its values was said, so that a message can name file and line. YAML
aliases and tags are refused: a few lines of aliases unfold to more memory than there is, and
nothing here needs them.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from sslcli import plainfiles
from sslcli.errors import ConfigError, UsageError
from sslcli.layers import Layer, Tree, merged, nested

MOST_BYTES = 16_000_000  # the labels of a run with a hundred thousand of them are one
DEEPEST = 24


def _wrong(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    """`mark`: the place as the loader has it, of which PyYAML has two kinds."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 without aliases, tags, dates and depth."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _wrong("an alias (*name) is not read here", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _wrong("a tag (!name) is not read here", event.start_mark)
        if self.depth >= DEEPEST:
            raise _wrong(f"more than {DEEPEST} levels", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_layer(path: Path) -> Layer:
    """The settings of one file, by its suffix. Raises UsageError for a file, ConfigError for a text
    that cannot be used.
    """
    readers = {".yaml": _read_yaml, ".yml": _read_yaml, ".toml": _read_toml, ".json": _read_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{path} is not a run file by its name", "run files end in .yaml, .toml or .json"
        )
    try:
        if not path.is_file():
            absent = plainfiles.no_such_file(str(path))
            hint = "-c takes a run file, such as the config.yaml of a run folder"
            raise UsageError(f"there is no file {path}", f"{absent.hint}  {hint}")
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(
                f"{path} is larger than {MOST_BYTES // 1_000_000} MB",
                "a run file holds settings, not data",
            )
        text = plainfiles.read_whole_text(path, MOST_BYTES).removeprefix("\ufeff")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {_one_line(error)}", "a run file is a text in UTF-8"
        ) from error
    try:
        tree, lines = reader(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            [f"{path}: {_yaml_sentence(error)}"],
            "the file is damaged; mend that place, or take another file",
        ) from error
    if not isinstance(tree, dict):
        raise ConfigError(
            [f"{path} holds {_kind(tree)} where settings by name belong"],
            "write 'training: {max_steps: 100}', for example",
        )
    problems = [f"{path}: {problem}" for problem in _unusable(tree)]
    if problems:
        raise ConfigError(problems, "quote the text, or take the place out of the file")
    return Layer(
        tree,
        {key: f"{path}:{line}" for key, line in lines.items()} or dict.fromkeys(tree, str(path)),
    )


def parse_assignments(assignments: Sequence[str]) -> Layer:
    """`--set key.of.setting=value`, the value as YAML reads it; later ones win. Raises ConfigError
    with all mistakes.
    """
    tree: Tree = {}
    sources, problems = {}, []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")) or len(key.split(".")) > DEEPEST:
            problems.append(f"--set {assignment[:80]!r} is not KEY=VALUE with a dotted key")
            continue
        try:
            value = _read_yaml(text)[0]
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problems.append(f"--set {key}: {_yaml_sentence(error)}")
            continue
        wrong = list(_unusable(value, key))
        problems += [f"--set {problem}" for problem in wrong]
        if not wrong:
            tree = merged(tree, nested(key, value))
            sources[key] = "--set"
    if problems:
        raise ConfigError(problems, "for example --set model.shape.depth=3")
    return Layer(tree, sources)


def _read_yaml(text: str) -> tuple[Any, dict[str, int]]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, ""))
        return (loader.construct_document(node) if node is not None else {}), lines
    finally:
        loader.dispose()


def _lines(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    """Dotted key -> line, counted from 1, of every key; a key that is said twice in one mapping is
    a mistake.
    """
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in seen:
            raise _wrong(f"'{prefix}{name}' is there twice", key.start_mark)
        seen.add(name)
        yield f"{prefix}{name}", key.start_mark.line + 1
        yield from _lines(value, f"{prefix}{name}.")


def _read_toml(text: str) -> tuple[Any, dict[str, int]]:
    return tomllib.loads(text), {}


def _read_json(text: str) -> tuple[Any, dict[str, int]]:
    return json.loads(text, object_pairs_hook=_no_duplicates), {}


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Tree:
    tree: Tree = {}
    for key, value in pairs:
        if key in tree:
            raise ValueError(f"'{key}' is there twice")
        tree[key] = value
    return tree


def _unusable(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """What a tree of settings cannot hold: names that are no text, dates, depth."""
    if depth > DEEPEST:
        yield f"{path[:60]}... has more than {DEEPEST} levels"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield f"{path or 'the top level'}: the name {key!r:.40} is not a text; quote it"
            else:
                yield from _unusable(inner, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unusable(inner, f"{path}.{index}", depth + 1)
    elif not isinstance(value, str | int | float | bool | None):
        yield f"{path} is {_kind(value)}; quote it where a text is meant"


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]


def _yaml_sentence(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return f"more than {DEEPEST} levels"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _one_line(error)
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
