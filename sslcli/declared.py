"""What a plugin's class declares, read from its source: no line has to import torch to be found
wrong.

Only what is plain is read: options made by `setting` of plain values, class attributes that are
plain values, bases that can be found along the imports. Of whatever is not plain nothing is said,
and whoever asks imports the plugin instead. Validators are not read either: what they refuse is
refused when the plugin is imported.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union

from pydantic import WrapValidator, create_model

from sslcli import config
from sslcli.config import Config
from sslcli.module_files import file_state, looked_up, module_file, parsed

PLAIN_TYPES: Mapping[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "None": None,
    "list": list,
    "tuple": tuple,
    "dict": dict,
}
CONFIG = (Config.__module__, Config.__qualname__)
# decorators inside settings
HARMLESS = ("property", "staticmethod", "classmethod", "model_validator(mode='after')")
OUTSIDE = frozenset({*sys.stdlib_module_names, "torch", "numpy", "pydantic", "tokenizers"})
DECIDES = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
MOST_STEPS = 50  # along imports and bases; what goes further is a circle
# Subscripted here by values.
FORMS: Mapping[str, Any] = {"Annotated": Annotated, "Literal": Literal, "Union": Union}
Place = tuple[str, ast.AST]  # a module's name, and a node of it
ClassPlace = tuple[str, ast.ClassDef]


class NotPlain(Exception):
    """Raised for what only an import can tell."""


class Outside(NotPlain):
    """Raised for a package that declares nothing of ours, and takes long to read."""


# Settings by name and classes, with the state of the files of modules that say what they are.
_MODELS: dict[tuple[Any, ...], tuple[Mapping[str, Any], type[Config]]] = {}


@dataclass(frozen=True)
class Declared:
    """A class, not imported. `bases`: module and name of all that it descends from, nearest
    first.
    """

    module: str
    node: ast.ClassDef
    bases: Sequence[ClassPlace]

    @property
    def lineage(self) -> Sequence[tuple[str, str]]:
        """Module and name of the class and of its bases."""
        return [(module, node.name) for module, node in self.bases]

    def attribute(self, name: str) -> Any:
        """The plain value of a class attribute. Raises NotPlain."""
        module, node = self._member(name)
        return _value(module, node)

    def model(self, name: str) -> type[Config]:
        """The settings that a class attribute or an inner class is. Raises NotPlain.

        They are made once, and anew where a file has changed that says what they are.
        """
        key = (name, *(node for _, node in self.bases))
        states, model = _MODELS.get(key, ({}, None))
        if model is None or any(file_state(module) != states[module] for module in states):
            with looked_up() as modules:
                model = _model(*_class(*self._member(name)))
            _MODELS[key] = {module: file_state(module) for module in modules}, model
        return model

    def converts(self, name: str) -> bool:
        """Tell whether validators of these settings may accept what their types refuse. Raises
        NotPlain.
        """
        chain = [
            node
            for place, node in _bases(*_class(*self._member(name)))
            if (place, node.name) != CONFIG
        ]
        marks = [
            mark
            for node in chain
            for line in node.body
            for mark in getattr(line, "decorator_list", ())
        ]
        return not all(ast.unparse(mark) in HARMLESS or _only_refuses(mark) for mark in marks)

    def _member(self, name: str) -> Place:
        for _, node in self.bases:
            functions = [getattr(line, "name", "") for line in node.body]
            if node.keywords or "__init_subclass__" in functions:
                raise NotPlain(f"{name}: a class is changed as it is made")
        for module, node in self.bases:
            body = node.body
            lines = _touching(body, name)
            lines = [line for line in lines if getattr(line, "value", line) is not None]
            if not lines:
                continue
            if len(lines) == 1 and isinstance(lines[0], ast.ClassDef):
                return module, lines[0]
            if len(lines) == 1 and name in _targets(lines[0]):
                value = _assigned(lines[0])
                _refuse_own_names(body, value)
                return module, value
            break
        raise NotPlain(name)


def _only_refuses(mark: ast.AST) -> bool:
    """Whether this is a validator of a field that runs after its type was checked."""
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "field_validator":
        return False
    return all(ast.unparse(each) == "mode='after'" for each in mark.keywords)


def declared(value: str) -> Declared:
    """The class behind an entry point's "module:Class". Raises NotPlain."""
    module, _, name = (part.strip() for part in value.partition(":"))
    module, node = _class(module, ast.Name(name))
    return Declared(module, node, _lineage(module, node))


def _find(module: str, name: str, steps: int = MOST_STEPS) -> tuple[str, ast.stmt]:
    """Where a module's name is defined, along its imports. Raises NotPlain."""
    if module.partition(".")[0] in OUTSIDE:
        raise Outside(f"{module}.{name}")
    path = module_file(module) if steps else None
    if path is None:
        raise NotPlain(f"{module}.{name}")
    try:
        body = parsed(path).body
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise NotPlain(f"{path} cannot be read") from error
    lines = _touching(body, name)
    line = lines[0] if len(lines) == 1 else None
    if isinstance(line, ast.ImportFrom) and line.module and not line.level:
        for alias in line.names:
            if (alias.asname or alias.name) == name:
                return _find(line.module, alias.name, steps - 1)
    if isinstance(line, ast.ClassDef) or (line is not None and name in _targets(line)):
        return module, line
    raise NotPlain(f"{module}.{name}")


def _touching(body: Sequence[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that give a name its value, or that may change what it stands for."""
    return [line for line in body if not _touched(line).isdisjoint((name, "*"))]


@cache
def _touched(line: ast.stmt) -> frozenset[str]:
    """The names that a statement gives a value, or whose value it may change; "*" for any."""
    if isinstance(line, ast.Import | ast.ImportFrom):
        return frozenset(alias.asname or alias.name.partition(".")[0] for alias in line.names)
    if isinstance(line, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset({line.name})
    inner = list(ast.walk(line))[1:] if isinstance(line, DECIDES) else []
    found = [_touched(each) for each in inner if isinstance(each, ast.stmt)]
    if isinstance(line, ast.Expr):
        found.append(_mentioned(line))  # what is called with it may change it
    else:
        kept = (ast.Store, ast.Del)
        stored = (node for node in ast.walk(line) if isinstance(getattr(node, "ctx", None), kept))
        found += [_mentioned(node) for node in stored]
    return frozenset().union(*found)


def _mentioned(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _refuse_own_names(body: Sequence[ast.stmt], value: ast.AST) -> None:
    """Raises NotPlain where a value names another attribute of its class."""
    for node in ast.walk(value):
        if isinstance(node, ast.Name) and _touching(body, node.id):
            raise NotPlain(node.id)


def _targets(line: ast.AST) -> list[str]:
    if isinstance(line, ast.Assign):
        return [target.id for target in line.targets if isinstance(target, ast.Name)]
    return (
        [line.target.id]
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        else []
    )


def _assigned(line: ast.stmt) -> ast.expr:
    """The value that an assignment gives. Raises NotPlain for an annotation alone, and for anything
    else.
    """
    value = line.value if isinstance(line, ast.Assign | ast.AnnAssign) else None
    if value is None:
        raise NotPlain(ast.dump(line)[:100])
    return value


def _class(module: str, node: ast.AST, steps: int = MOST_STEPS) -> ClassPlace:
    """The class that an expression of a module is. Raises NotPlain."""
    if isinstance(node, ast.ClassDef):
        if node.decorator_list:
            raise NotPlain(node.name)
        return module, node
    if isinstance(node, ast.Subscript):
        return _class(module, node.value, steps)
    if isinstance(node, ast.Name) and steps:
        found, line = _find(module, node.id)
        return _class(found, line if isinstance(line, ast.ClassDef) else _assigned(line), steps - 1)
    if isinstance(node, ast.Attribute):
        owner, outer = _class(module, node.value, steps)
        return _class(*Declared(owner, outer, _lineage(owner, outer))._member(node.attr), steps - 1)
    raise NotPlain(ast.dump(node))


def _bases(module: str, node: ast.ClassDef, steps: int = MOST_STEPS) -> Iterator[ClassPlace]:
    """The class, then those that it descends from, from left to right, but none of torch's or of
    the standard library's.
    """
    yield module, node
    for base in node.bases if steps else ():
        try:
            found = _class(module, base)
        except Outside:
            continue
        yield from _bases(*found, steps - 1)


def _lineage(module: str, node: ast.ClassDef) -> list[ClassPlace]:
    """A class and all that it descends from, in the order in which Python looks at them."""
    found = list(_bases(module, node))
    return [place for number, place in enumerate(found) if place not in found[number + 1 :]]


def _model(module: str, node: ast.ClassDef) -> type[Config]:
    if (module, node.name) == CONFIG:
        return Config
    if len(node.bases) != 1 or node.keywords:
        raise NotPlain(node.name)
    parent = _model(*_class(module, node.bases[0]))
    fields: dict[str, Any] = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            if ast.unparse(line.annotation).startswith("ClassVar["):
                continue  # no option
            fields[line.target.id] = (
                _type(module, line.annotation),
                ... if line.value is None else _field(module, line.value),
            )
        elif not isinstance(line, ast.FunctionDef | ast.Pass | ast.Expr):
            raise NotPlain(f"{node.name} holds more than options")
    return create_model(node.name, __base__=parent, __module__=module, **fields)


def _field(module: str, node: ast.AST) -> Any:
    """A default, or what `setting` makes of plain words."""
    if not isinstance(node, ast.Call):
        return _value(module, node)
    if not isinstance(node.func, ast.Name) or _origin(module, node.func.id) != (
        config.__name__,
        "setting",
    ):
        raise NotPlain(ast.dump(node.func))
    words = {word.arg: _value(module, word.value) for word in node.keywords if word.arg}
    return config.setting(*(_value(module, word) for word in node.args), **words)


def _origin(module: str, name: str) -> tuple[str, str]:
    """Where a function is from that a module imports by its name."""
    for _ in range(MOST_STEPS):
        if module.partition(".")[0] in OUTSIDE:
            return module, name
        path = module_file(module)
        for line in parsed(path).body if path is not None else ():
            if (
                isinstance(line, ast.ImportFrom)
                and line.module
                and name in [alias.asname or alias.name for alias in line.names]
            ):
                name = next(
                    alias.name for alias in line.names if (alias.asname or alias.name) == name
                )
                module = line.module
                break
        else:
            return module, name
    raise NotPlain(name)


def _value(module: str, node: ast.AST) -> Any:
    """A literal, or what is made of names of such: texts, sets, mappings. Raises NotPlain."""
    if isinstance(node, ast.Name):
        found, line = _find(module, node.id)
        return _value(found, _assigned(line))
    if isinstance(node, ast.JoinedStr):
        return "".join(str(_value(module, part)) for part in node.values)
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return _value(module, node.value)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "frozenset"
        and not node.keywords
    ):
        return frozenset(*(_value(module, word) for word in node.args))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(module, node.operand)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise NotPlain(ast.dump(node)[:100])
        return -number
    if isinstance(node, ast.Dict) and None in node.keys:
        return _merged(module, node)
    try:
        return ast.literal_eval(node)
    except (
        ValueError,
        TypeError,
        SyntaxError,
        MemoryError,
        RecursionError,
        AttributeError,
    ) as error:
        raise NotPlain(ast.dump(node)[:100]) from error


def _merged(module: str, node: ast.Dict) -> dict[Any, Any]:
    """A mapping in which other ones are unpacked. Raises NotPlain."""
    found: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        plain = _value(module, value)
        if key is not None:
            found[_value(module, key)] = plain
        elif isinstance(plain, dict):
            found |= plain
        else:
            raise NotPlain(ast.dump(node)[:100])
    return found


def _type(module: str, node: ast.AST) -> Any:
    """The type that an annotation names. Of Annotated the plain type, which lets every value pass:
    what is behind it converts them.
    """
    if isinstance(node, ast.Constant) and node.value in (None, ...):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return FORMS["Union"][_type(module, node.left), _type(module, node.right)]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _generic(
            module,
            node.value.id,
            node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice],
        )
    if not isinstance(node, ast.Name):
        raise NotPlain(ast.dump(node))
    if node.id in PLAIN_TYPES:
        return PLAIN_TYPES[node.id]
    origin, name = _origin(module, node.id)
    if origin == config.__name__:
        return getattr(config, name)
    if (origin, name) == ("typing", "Any"):
        return Any
    found, line = _find(module, node.id)
    if not isinstance(line, ast.Assign):
        raise NotPlain(node.id)
    return _type(found, line.value)


def _generic(module: str, name: str, words: Sequence[ast.AST]) -> Any:
    if name == "Literal":
        values = [_value(module, word) for word in words]
        # one name may stand for them all
        return FORMS[name][values[0] if len(values) == 1 else tuple(values)]
    if name == "ClassVar":
        return ClassVar[Any]
    if name == "Annotated":
        return FORMS[name][_type(module, words[0]), WrapValidator(lambda value, check: value)]
    if name in ("list", "tuple", "dict"):
        return PLAIN_TYPES[name][tuple(_type(module, word) for word in words)]
    raise NotPlain(name)
