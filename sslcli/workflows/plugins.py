"""`ssl plugins`: list plugins, show one, and start a package for a new one."""

import importlib.resources
import inspect
import keyword
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import jinja2

from sslcli import plainfiles, registry
from sslcli.asides import settled
from sslcli.config import leaves
from sslcli.errors import PluginError, RunError, UsageError, choices, did_you_mean
from sslcli.folders import replaced
from sslcli.registry import KINDS, Found
from sslcli.reports import Report, Table

TEMPLATED = ("objectives", "tasks")
CHECKED = (*TEMPLATED, "probes", "shifts")  # the kinds that have a conformance kit
TEMPLATES = {  # file of the package -> template; both, and the template's own path, are Jinja
    "pyproject.toml": "pyproject.toml.j2",
    "{{ module }}.py": "{{ kind }}/module.py.j2",
    "test_{{ module }}.py": "{{ kind }}/test.py.j2",
    "README.md": "{{ kind }}/readme.md.j2",
    ".github/workflows/test.yml": "workflow.yml.j2",
}


def listed(kind: str | None) -> list[Found]:
    """Return all plugins, or those of one kind. Raises UsageError for a kind that does not
    exist.
    """
    if kind is None:
        return registry.everything()
    singular = {word: kind for kind, (word, _) in KINDS.items()}
    wanted = singular.get(kind, kind)
    if wanted not in KINDS:
        raise UsageError(
            f"there is no kind of plugin '{kind}'",
            choices(kind, KINDS),
        )
    return [found for found in registry.everything() if found.kind == wanted]


def plugin_table(plugins: Sequence[Found]) -> Report:
    """Return the table of plugins, with the problems of those that do not load."""
    rows = [
        [
            found.kind,
            found.name,
            found.distribution,
            found.version,
            found.status,
            found.summary or found.problem,
        ]
        for found in plugins
    ]
    explained = [found for found in plugins if found.problem and found.summary]
    problems = [
        f"{found.distribution}:{found.name} is {found.status}: {found.problem}"
        for found in explained
    ]
    notes = problems if rows else ["no plugins of this kind"]
    columns = ("kind", "name", "distribution", "version", "status", "summary")
    return Report(tables=[Table("", columns, rows)] if rows else [], notes=notes)


def find_anywhere(name: str) -> list[Found]:
    """The plugins of this name, one a kind at the most. Raises PluginError where no kind has it."""
    bare = name.rpartition(":")[2]
    everyone = registry.everything()
    kinds = list(dict.fromkeys(found.kind for found in everyone if found.name == bare))
    if not kinds:
        near = did_you_mean(name, [found.name for found in everyone])
        raise PluginError(f"there is no plugin '{name}'", f"{near}  ssl plugins lists all".strip())
    return [registry.find(kind, name) for kind in kinds]


def describe_plugin(found: Found) -> Report:
    """Its documentation, where it stands, and its options; the plugin is loaded for them."""
    cls = registry.load_found(found)
    facts = [
        ["kind", KINDS[found.kind][0]],
        ["distribution", f"{found.distribution} {found.version}"],
        ["class", found.value],
        ["file", str(registry.plugin_location(found) or "?")],
        ["summary", str(getattr(cls, "summary", found.summary))],
        *(
            [name, ", ".join(sorted(value))]
            for name in ("architectures", "modalities", "special_tokens")
            if (value := getattr(cls, name, None))
        ),
        *([["modality", cls.modality]] if found.kind == "readers" else []),
        *([["records", cls.records]] if found.kind == "tasks" else []),
    ]
    rows = [
        [key, _type_name(field.annotation), _default(field), field.description or ""]
        for key, field in leaves(cls.Options)
    ]
    tables = [Table(f"{KINDS[found.kind][0]} {found.name}", ("what", "value"), facts)]
    if rows:
        tables.append(Table("options", ("option", "type", "default", "description"), rows))
    text = inspect.getdoc(sys.modules[cls.__module__]) or ""
    return Report(tables=tables, notes=[text] if text else [])


def checked_of(reference: str) -> list[tuple[Found, type[Any]]]:
    """The objective, task, probe or shift of a name, or all those of a package's folder, which need
    not be installed.
    """
    folder = Path(reference)
    if "/" in reference and not folder.is_dir():
        raise PluginError(
            f"there is no folder {reference}",
            "name a plugin, or the folder of a package that has one",
        )
    found = (
        _of_folder(folder)
        if folder.is_dir()
        else [found for found in find_anywhere(reference) if found.kind in CHECKED]
    )
    if not found:
        raise PluginError(
            f"'{reference}' is no objective, task, probe or shift",
            "for other kinds there is no kit: ssl plugins list",
        )
    return [(each, registry.load_found(each)) for each in found]


def _of_folder(folder: Path) -> list[Found]:
    """What a package's own file names; its folder is put on the path."""
    project = _project(folder / "pyproject.toml")
    name, version, groups = (
        str(project.get("name", folder.name)),
        str(project.get("version", "?")),
        project.get("entry-points", {}),
    )
    entries = [(kind, groups.get(f"sslcli.{kind}", {})) for kind in CHECKED]
    found = [
        Found(kind, key, name, version, str(value))
        for kind, named in entries
        if isinstance(named, dict)
        for key, value in named.items()
    ]
    if not found:
        hint = 'it needs [project.entry-points."sslcli.objectives"] or "sslcli.tasks"'
        raise PluginError(
            f"{folder / 'pyproject.toml'} names no objective, task, probe or shift", hint
        )
    sys.path[:0] = [str(path.resolve()) for path in (folder / "src", folder) if path.is_dir()]
    return found


def new_package(kind: str, name: str, folder: Path | None) -> Path:
    """Write a package with a working plugin, its test, README and CI file; returns its folder,
    which is new or was empty.
    """
    kinds = {word: plural for plural in TEMPLATED for word in (plural, KINDS[plural][0])}
    if kind not in kinds:
        there = [KINDS[plural][0] for plural in TEMPLATED]
        hint = f"{choices(kind, there)}, as in: ssl plugins new task NAME"
        raise UsageError(f"there is no template for '{kind}'", hint)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' cannot be the name of a plugin",
            "use small letters, digits and single '-' between them",
        )
    if name in registry.names(kinds[kind]):
        hint = "a plugin of the same name would be shadowed; choose another"
        raise UsageError(f"'{name}' is the name of a plugin already", hint)
    folder = folder or Path(f"sslcli-{name}")
    module = f"sslcli_{name.replace('-', '_')}"
    words: Mapping[str, str] = {
        "kind": KINDS[kinds[kind]][0],
        "name": name,
        "module": module,
        "field": name.replace("-", "_"),
        "title": "".join(part.capitalize() for part in name.split("-")),
    }
    try:
        place = settled(folder)
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"{folder} is there and not empty", "choose another folder with --out")
        with replaced(place) as aside:
            _write_templates(aside, words)
    except OSError as error:
        raise RunError(
            f"cannot write {folder}: {error.strerror}", "choose another folder with --out"
        ) from error
    return folder


def _write_templates(folder: Path, words: Mapping[str, str]) -> None:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    templates = importlib.resources.files("sslcli.workflows") / "templates"
    for names in TEMPLATES.items():
        target, template = (environment.from_string(name).render(words) for name in names)
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            environment.from_string((templates / template).read_text(encoding="utf-8")).render(
                words
            ),
            encoding="utf-8",
        )


def _project(path: Path) -> dict[str, Any]:
    """The [project] table of a package. Raises PluginError where there is none."""
    try:
        project = tomllib.loads(plainfiles.read_whole_text(path)).get("project", {})
    except (OSError, ValueError, RecursionError) as error:
        raise PluginError(
            f"{path} cannot be read: {error}",
            "name a plugin, or the folder of a package with a pyproject.toml",
        ) from error
    if not isinstance(project, dict) or not isinstance(project.get("entry-points", {}), dict):
        raise PluginError(f"{path} has no [project] table", "name the folder of a package")
    return project


def _type_name(annotation: Any) -> str:
    """As a person writes it: the choices of a Literal, "int | None", without what pydantic hangs on
    it.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(parts[0])
    if origin is Literal:
        return ", ".join(map(str, parts))
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, parts))
    if annotation is NoneType:
        return "None"
    return (
        annotation.__name__
        if isinstance(annotation, type) and not parts
        else str(annotation).replace("typing.", "")
    )


def _default(field: Any) -> str:
    return "(needed)" if field.is_required() else str(field.get_default(call_default_factory=True))
