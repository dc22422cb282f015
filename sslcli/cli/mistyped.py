"""Suggestions for lines that cannot be parsed, and for words of other tools.

Each error's hint is the line that was probably meant.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sslcli import registry
from sslcli.cli.foreign_names import FOREIGN_OBJECTIVES, FOREIGN_TASKS
from sslcli.datasets.locate import ADDRESSES
from sslcli.deferred import Deferred
from sslcli.errors import UsageError, edits, nearest
from sslcli.runs.catalogue import FACTS_FILE, runs_folder

naming = Deferred("sslcli.cli.naming")  # which imports this module
# What people who know other tools type first.
FOREIGN_FLAGS = {
    "--learning-rate": "--lr",
    "--output-dir": "--out",
    "--output": "--out",
    "--run-name": "--name",
    "--model-name-or-path": "--model",
    "--model-type": "--arch",
    "--train-file": "--data",
    "--dataset": "--data",
    "--corpus": "--data",
    "--validation-file": "--eval-data",
    "--num-train-epochs": "--epochs",
    "--steps": "--max-steps",
    "--batch": "--batch-size",
    "--bs": "--batch-size",
    "--per-device-train-batch-size": "--batch-size and --micro-batch-size",
    "--gradient-accumulation-steps": (
        "--micro-batch-size (the batch size is global, accumulation follows from it)"
    ),
    "--max-seq-length": "--seq-len",
    "--max-length": "--seq-len",
    "--warmup-steps": "--warmup",
    "--warmup-ratio": "--warmup",
    "--lr-scheduler-type": "--scheduler",
    "--max-grad-norm": "--clip",
    "--optim": "--optimizer",
    "--bf16": "--precision bf16",
    "--torch-compile": "--compile",
    "--logging-steps": "--log-every",
    "--save-steps": "--save-every",
    "--eval-steps": "--eval-every",
    "--save-total-limit": "--keep",
    "--resume-from-checkpoint": "--resume",
    "--overwrite-output-dir": "--overwrite",
    "--mlm-probability": "--mask-rate",
    "--vocab-size": "--vocabulary",
    "--tokenizer-name": "--tokenizer-from",
}
FOREIGN_COMMANDS = {
    "train": "pretrain",
    "fit": "pretrain",
    "fine-tune": "finetune",
    "tune": "finetune",
    "eval": "evaluate",
    "test": "evaluate",
    "infer": "predict",
    "inference": "predict",
    "classify": "predict classify",
    "sample": "generate",
    "complete": "generate",
    "fill": "generate",
    "translate": "translate-shift",
    "shift": "translate-shift",
    "ls": "runs list",
    "list": "runs list",
    "show": "runs show",
    "diff": "compare",
    "info": "doctor",
    "env": "doctor",
    "check": "doctor",
    "save": "export",
    "convert": "export",
}
DELETES = ("delete", "remove", "rm", "del", "clean")
FETCHES, SENDS = ("download", "pull", "clone"), ("push", "upload", "login")
TASKS_OF_FILES = {"json": "qa", "conllu": "pos", "conll": "tag", "fasta": "dna", "fa": "dna"}
FIRST_PROBE = "similarity"
_SINGLE_DASH = re.compile(r"-([A-Za-z][A-Za-z_-]+)(=.*)?", re.DOTALL)


def refuse_foreign_objective(expression: str) -> None:
    """Raise UsageError for another tool's name of an objective, with ours or that there is none."""
    known = registry.names("objectives")
    parts = re.split(r"[\s,;/&]+", expression.strip())
    if len(parts) > 1 and all(part in known for part in parts):
        hint = f"objectives are joined with +: --objective {'+'.join(parts)}"
        raise UsageError(f"there is no objective '{expression}'", hint)
    names = [name.strip() for name in expression.split("+")]
    right = [
        name
        if name in known
        else name.lower()
        if name.lower() in known
        else FOREIGN_OBJECTIVES.get(name.lower())
        for name in names
    ]
    wrong = next(
        (
            name
            for name, found in zip(names, right, strict=True)
            if found != name and found is not None
        ),
        None,
    )
    if wrong is None:
        return
    problem = f"there is no objective '{wrong}'"
    if "" in right:
        absent = names[right.index("")]
        raise UsageError(
            f"there is no objective '{absent}'",
            f"what {absent} learns is not there; there are {', '.join(known)}",
        )
    whole = "+".join(found or name for name, found in zip(names, right, strict=True))
    raise UsageError(problem, f"use --objective {whole}")


def refuse_data_as_task(command: str, word: str) -> None:
    """Raise UsageError with the whole line where data or another tool's name is in the task's
    place.
    """
    if word in (known := registry.names("tasks")) or word in registry.names("suites"):
        return
    if is_like_data(word):
        stem, _, suffix = word.lower().rpartition(".")
        parts = {part.rstrip("0123456789") for part in re.split(r"[^a-z0-9]+", stem)}
        named = next(
            (task for name, task in FOREIGN_TASKS.items() if name in parts), None
        ) or TASKS_OF_FILES.get(suffix)
        task = named if named in known else "TASK"
        others = "" if named else f"; there are {', '.join(known)}"
        raise UsageError(
            f"there is no task '{word}', and it looks like data",
            f"ssl {command} {task} --data {shlex.quote(word)}{others}",
        )
    task = FOREIGN_TASKS.get(word.lower()) or (word.lower() if word.lower() in known else "")
    if task in known:
        raise UsageError(f"there is no task '{word}'", f"ssl {command} {task}")


def refuse_word_as_probe(word: str) -> None:
    """Raise UsageError with the whole line where the word is in the probe's place."""
    known = registry.names("probes")
    if word.rpartition(":")[2] not in known and not nearest(word, known) and FIRST_PROBE in known:
        line = shlex.join(["ssl", "probe", FIRST_PROBE, word])
        raise UsageError(f"there is no probe '{word}'", f"{line}; there are {', '.join(known)}")


def is_like_data(word: str) -> bool:
    """Return whether the word is a file, folder or address, or looks like one."""
    scheme, colon, _ = word.partition(":")
    if colon and scheme.lower() in (*ADDRESSES, *registry.names("readers")):
        return True
    return (
        os.path.exists(word) or os.sep in word or bool(re.fullmatch(r"[^.\s]+(\.\w{1,8})+", word))
    )


def refuse_misplaced(words: Sequence[str], commands: Iterable[str]) -> None:
    """Raise UsageError with the whole line where a command stands behind options."""
    place = next((place for place, word in enumerate(words) if word in set(commands)), None)
    if place is not None:
        line = shlex.join(["ssl", words[place], *words[place + 1 :], *words[:place]])
        raise UsageError(f"{words[0]} stands in front of the command", line)


def refuse_single_dashes(words: Sequence[str], known: Iterable[str]) -> None:
    """Raise UsageError for "-objective", which would be read as "-o bjective"."""
    known = set(known)
    for word in words[: list(words).index("--") if "--" in words else None]:
        match = _SINGLE_DASH.fullmatch(word)
        if match is None:
            continue
        meant = f"--{match[1].replace('_', '-')}"
        flag = (
            meant
            if meant in known
            else FOREIGN_FLAGS.get(meant) or (nearest(meant, known) if len(meant) > 6 else None)
        )
        if flag is None:
            continue
        # "-dtrain" may well be "-d train", and "-sseed=3" is "-s seed=3".
        is_value = word[:2] in known and edits(f"--{meant[3:]}", flag) <= edits(meant, flag)
        if not is_value:
            raise UsageError(f"no such option: -{match[1]}", f"use {flag}")


def hint_for_option(option: str, known: Iterable[str]) -> str:
    """Return the flag that was probably meant, empty where none is near."""
    dashed = option.replace("_", "-")
    known = set(known)
    foreign = FOREIGN_FLAGS.get(dashed.lower())
    if foreign is None:
        longer = sorted(name for name in known if name.startswith(f"{dashed}-"))
        # any letter is near "-x"
        near = nearest(dashed, sorted(known)) if len(dashed) > 2 else None
        foreign = longer[0] if len(longer) == 1 else near
    return f"use {foreign}" if foreign else ""


def hint_for_command(word: str, rest: Sequence[str], commands: Iterable[str]) -> str:
    """Return the line that was probably meant by one that begins with no command."""
    if word in DELETES:
        return shlex.join(["ssl", "runs", "delete", *rest])
    if word in SENDS:
        return "nothing is sent to a network: ssl export writes a directory that you can upload"
    if word in FETCHES:
        named = [each for each in rest if not each.startswith("-")]
        return shlex.join(["ssl", "fetch", *(named or ["hf:ORG/NAME"])])
    line = [FOREIGN_COMMANDS[word.lower()]] if word.lower() in FOREIGN_COMMANDS else []
    if not line and (near := nearest(word, commands)):
        return f"did you mean 'ssl {near}'?"
    if not line and word in (*registry.names("tasks"), *registry.names("suites")):
        line = [
            rest[0] if rest and rest[0] in ("finetune", "evaluate", "predict") else "finetune",
            word,
        ]
        rest = rest[1:] if rest and rest[0] == line[0] else rest
    elif not line and word in registry.names("probes"):
        line = ["probe", word]
        rest = rest[1:] if rest and rest[0] == "probe" else rest
    elif not line and all(part in registry.names("objectives") for part in word.split("+")):
        line = ["pretrain", "--objective", word]
        rest = rest[1:] if rest and rest[0] == "pretrain" else rest
    elif not line and is_like_data(word):
        line = ["pretrain", "--data", shlex.quote(word)]
    return " ".join(["ssl", *line, *map(shlex.quote, rest)]) if line else ""


def hint_for_extra(
    command: str, words: Sequence[str], extra: Sequence[str], known: Iterable[str]
) -> str:
    """Return the line with extra words as values of the flags probably meant; empty without any."""
    known, extra = set(known), list(extra)
    flags: Mapping[str, str | None] = {word: _flag_for(command, word, known) for word in extra}
    if not any(flags.values()):
        return ""
    line: list[str] = []
    for word in words[list(words).index(command) :]:
        flag = flags.get(word)
        if flag and flag.removeprefix("--") == word:
            line.append(flag)
        elif flag and line[-1] not in known:
            line += [flag, word if flag != "--objective" else _objective(word)]
        else:
            line.append(word)
    return shlex.join(["ssl", *line])


def _objective(word: str) -> str:
    return FOREIGN_OBJECTIVES.get(word.lower()) or word.lower()


def _flag_for(command: str, word: str, known: set[str]) -> str | None:
    if f"--{word}" in known:
        return f"--{word}"
    if "--objective" in known and _objective(word).split("+")[0] in registry.names("objectives"):
        return "--objective"
    return "--data" if "--data" in known and is_like_data(word) else None


def hint_below_group(name: str, commands: Sequence[str], word: str, rest: Sequence[str]) -> str:
    """Return the commands of a group, or the line that was probably meant."""
    if word in DELETES and name == "runs":
        return hint_for_command(word, rest, ())
    if name == "plugins" and (kind := nearest(word, registry.KINDS)):
        return f"ssl plugins list {kind}"
    if name == "runs" and (word.startswith("@") or os.path.exists(word) or is_run(word)):
        return shlex.join(["ssl", "runs", "show", word, *rest])
    near = nearest(word, commands)
    return (
        f"did you mean 'ssl {name} {near}'?" if near else f"ssl {name} has: {', '.join(commands)}"
    )


def is_run(word: str) -> bool:
    """Return whether the word is the name of a run."""
    return (runs_folder() / word / FACTS_FILE).is_file()


@dataclass(frozen=True)
class Mistake:
    """A parser's error.

    `known`: the flags of the command that it stopped in; `below`: the commands of a group;
    `examples`: lines of the command.
    """

    message: str
    option: str | None
    known: Sequence[str]
    below: Sequence[str]
    examples: Sequence[str]


def usage_words(
    found: Mistake, name: str, words: Sequence[str], commands: Iterable[str]
) -> tuple[str, str]:
    """Return message and hint for a mistake; `name`: of the command, empty without one."""
    help_line = f"ssl {name} --help lists the flags" if name else "ssl --help lists the commands"
    known = {flag for flag in found.known if flag.startswith("-")}
    if found.option is not None and "such option" in found.message:
        elsewhere = naming.asked_of_others(found.option, words) if name == "generate" else None
        if elsewhere is not None:
            return elsewhere
        return f"no such option: {found.option}", hint_for_option(found.option, known) or help_line
    message = found.message.partition(" Did you mean")[0].rstrip(".")
    typed = list(words[list(words).index(name) + 1 if name else 0 :])
    places = (place for place, word in enumerate(typed) if not word.startswith("-"))
    place = next(places, len(typed))
    wrong, rest = "".join(typed[place : place + 1]), [*typed[:place], *typed[place + 1 :]]
    hint = ""
    if "such command" in message and name:
        hint = hint_below_group(name, found.below, wrong, rest)
    elif "such command" in message:
        hint = hint_for_command(wrong, rest, commands)
    elif (match := re.search(r"unexpected extra argument\S* \((.*)\)", message)) and name:
        extra = match[1].split()
        message = f"{name} does not take {' '.join(map(repr, extra))}"
        hint = hint_for_extra(name, words, extra, known)
    elif message.startswith("missing argument") and found.examples:
        hint = f"as in: {found.examples[0]}"
    return message, hint or help_line
