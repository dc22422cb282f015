"""Pages of docs/ that the code writes: `python tests/house/pages.py` writes them anew.

reference.md has every command and every built-in plugin with its options; matrix.md which task,
probe and command takes the models of which objective, and why not.
"""

import inspect
import sys
from functools import cache

from house_files import ROOT

from sslcli import registry
from sslcli.cli.app import COMMANDS, built_command
from sslcli.cli.options import CommandGroup
from sslcli.config import leaves
from sslcli.core.presets import preset
from sslcli.core.settings import ARCHITECTURES
from sslcli.data.settings import TokenizerSettings
from sslcli.datasets.tokenizer_training import piece_trainer, usual_tokenizer
from sslcli.errors import UsageError
from sslcli.modalities import WORDS
from sslcli.models.fitting import refuse_tokens_not_among, with_article
from sslcli.models.hf_directory import writer_of
from sslcli.models.line_checks import refuse_unread_modality
from sslcli.runs.references import head_readers
from sslcli.testing import tiny_context

# What functions of the kit raise UsageError for: the method that an objective needs, and why.
ASKED_OF_OBJECTIVES = {
    "quantizer_of(model)": ("code_ids", "has no codes that could be counted"),
    "list(restored_items(model, items": ("restore", "was not trained to restore anything"),
    "converter_of(model)": ("converted", "was not trained to convert one style to another"),
}
# what a kind of data is tried with
DEMOS = {
    "text": "demo:world",
    "images": "demo:digits",
    "table": "demo:payments",
    "sound": "demo:voices",
}
DOCS = ROOT / "docs"
HEAD = "<!-- Written by `python tests/house/pages.py`; a test keeps it current. -->\n"
WORKS = "yes"
THE_MODEL = "the model"  # where its own name stands
HALVES = frozenset({"encoder", "decoder"})  # a probe looks into one of them: --stack
# seen of every objective by tests/distributed/test_every_objective.py
PROCESSES = ("resume", "DDP, FSDP")


def built_in(kind):
    """Names of the plugins of this distribution."""
    names = registry.names(kind)
    return [name for name in names if registry.find(kind, name).built_in]


def cell(text):
    """A text inside a table of Markdown."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines) + "\n"


def reference():
    parts = [HEAD, "# Reference", "What the commands and the built-in plugins take.\n"]
    parts.append("## Commands\n")
    for name, summary in COMMANDS.items():
        built = built_command(name, ["--help"])
        commands = built.commands if isinstance(built, CommandGroup) else [built]
        for command in commands:
            several = isinstance(built, CommandGroup) and command.name != built.default
            title = f"{name} {command.name}" if several else name
            parts.append(f"### ssl {title}\n\n{command.summary or summary}.\n")
            rows = [
                (", ".join(f"`{each}`" for each in flag.names) or f"`{flag.metavar}`", flag.help,
                 flag.default)
                for flag in command.flags
            ]  # fmt: skip
            if rows:
                parts.append(table(("flag", "what it is", "default"), rows))
            parts.append("".join(f"    {line}\n" for line in command.examples))
    for kind in registry.KINDS:
        parts.append(f"## {kind.capitalize()}\n")
        for name in built_in(kind):
            parts.append(f"### {name}\n\n{registry.attribute(kind, name, 'summary')}.\n")
            rows = [
                (f"`{key}`", field.description or "", _default(field))
                for key, field in leaves(registry.plugin_settings(kind, name))
            ]
            if rows:
                parts.append(table(("option", "what it is", "default"), rows))
    return "\n".join(parts).rstrip() + "\n"


def _default(field):
    value = field.get_default(call_default_factory=True)
    return "" if field.is_required() or value is None else value


def subjects():
    """(objective, architecture, modality) of every kind of model that the built-in ones make."""
    for name in built_in("objectives"):
        needs = registry.attribute("objectives", name, "architectures")
        for modality in sorted(registry.attribute("objectives", name, "modalities")):
            yield name, next(each for each in ARCHITECTURES if each in needs), modality


def fits(kind, name, architecture, modality):
    """WORKS, or the sentence with which a task or probe refuses a model, whose name is THE_MODEL."""
    own = registry.attribute(kind, name, "modalities")
    if modality not in own and kind == "probes":
        wanted = " and ".join(WORDS[each] for each in sorted(own))
        return f"'{name}' looks into models of {wanted}, and {THE_MODEL} reads {WORDS[modality]}"
    try:
        refuse_unread_modality(name, own, THE_MODEL, modality)
    except UsageError as error:
        return error.message
    needs = registry.attribute(kind, name, "architectures")
    if kind == "probes" and architecture == "encoder_decoder":
        return WORKS if needs & HALVES else f"'{name}' looks into neither half of such a model"
    wanted = " or ".join(sorted(with_article(each) for each in needs)).replace("_", "-")
    found = with_article(architecture).replace("_", "-")
    if architecture not in needs:
        return f"'{name}' needs {wanted}, and {THE_MODEL} is {found}"
    if modality == "text":
        cls = registry.load(kind, name)
        try:
            refuse_tokens_not_among({name: cls}, tokens_of(architecture), "the tokenizer")
        except UsageError as error:
            return error.message
    return WORKS


@cache
def tokens_of(architecture):
    """The special tokens of the tokenizer that is learnt for an architecture."""
    return piece_trainer(TokenizerSettings(kind=usual_tokenizer(architecture))).special_tokens()


def class_of(name, architecture, modality):
    """The class that an objective's name means for models of this kind."""
    shape = tiny_context(architecture, modality).architecture
    return registry.load("objectives", name).of_shape(shape)


def lacks(probe, name, cls, architecture):
    """What a probe asks of the objective that a model was trained with, and it has not."""
    source = inspect.getsource(sys.modules[registry.load("probes", probe).__module__])
    fills_blanks = name in head_readers() and architecture == "encoder"
    if "words_told(" in source and not fills_blanks:
        return f"'{probe}': {THE_MODEL} has no head that fills blanks"
    for call, (method, problem) in ASKED_OF_OBJECTIVES.items():
        if call in source and not hasattr(cls, method):
            return f"'{probe}': {THE_MODEL} {problem}"
    return ""


def generates(name, cls):
    if hasattr(cls, "Request"):
        return WORKS
    return f"{THE_MODEL} was pretrained with {name}, which does not generate"


def exports(architecture, modality):
    """Whether a family of model directories holds the shape of a preset."""
    settings = tiny_context(architecture, modality).architecture
    if modality == "text":
        settings = preset("tiny", architecture, settings.vocabulary)
    try:
        writer_of(settings, frozenset())
    except UsageError as error:
        return error.hint
    return WORKS


def cells():
    """{(objective, modality): {column: WORKS or why not}}."""
    found = {}
    for name, architecture, modality in subjects():
        row = found.setdefault((name, modality), {})
        for kind in ("tasks", "probes"):
            for other in built_in(kind):
                row[f"{kind[:-1]} {other}"] = fits(kind, other, architecture, modality)
        cls = class_of(name, architecture, modality)
        for probe in built_in("probes"):
            if row[f"probe {probe}"] == WORKS and (problem := lacks(probe, name, cls, architecture)):
                row[f"probe {probe}"] = problem
        row["generate"] = generates(name, cls)
        row["export"] = exports(architecture, modality)
        row["report"] = WORKS
        row |= dict.fromkeys(PROCESSES, WORKS)
    return found


def matrix():
    found = cells()
    parts = [HEAD, "# What goes with what"]
    parts.append(
        "A row for each objective and kind of data; the usual architecture of each. What does not"
        " fit is refused with the sentence below. Probes look into one half of an encoder-decoder"
        " (--stack). Export is of the preset `tiny`. Every cell of tasks, probes and commands is"
        " run by `pytest -m slow tests/rehearsals/test_rehearsal_matrix.py`; a run that was stopped"
        " and resumed, and runs of two processes, by `pytest -m slow"
        " tests/distributed/test_every_objective.py`: the first to the bit, the others to"
        " rounding.\n"
    )
    columns = list(next(iter(found.values())))
    for title, start in (("Tasks", "task "), ("Probes", "probe "), ("Commands", "")):
        own = [
            name for name in columns
            if (name.startswith(start) if start else not name.startswith(("task ", "probe ")))
        ]  # fmt: skip
        head = ("objective", "data", *(name.removeprefix(start) for name in own))
        short = [
            (objective, WORDS[modality], *(_short(row[name]) for name in own))
            for (objective, modality), row in found.items()
        ]
        parts += [f"## {title}\n", table(head, short)]
    why = sorted({(text) for row in found.values() for text in row.values() if _is_no(text)})
    parts += ["## Why not\n", "".join(f"- {text}\n" for text in why)]
    return "\n".join(parts).rstrip() + "\n"


def _is_no(text):
    return text != WORKS


def _short(text):
    return "–" if _is_no(text) else "✓"


PAGES = {"reference.md": reference, "matrix.md": matrix}


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
