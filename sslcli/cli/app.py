"""`ssl`: parse the line, run a workflow, turn errors into messages and exit codes.

    0 done   1 failed while running   2 wrong usage, settings or data   3 a check is not met
    75 stopped after saving, run again with --resume   130 Ctrl-C

Only the command on the line is imported; of the others only name and summary are known.
"""

import errno
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import typer

from sslcli.engine.processes.rank import end_with_launcher, known_rank_and_size, others_speak
from sslcli.errors import (
    INDENT,
    ConfigError,
    Diverged,
    Interrupted,
    PluginError,
    Preempted,
    RunError,
    SslError,
    is_of_disk,
)
from sslcli.progress import heard_by
from sslcli.reports import LINE_WIDTH, folded, printable
from sslcli.runs.interrupting import is_thread_left

CHECK_DISK = "check the path, its permissions and the disk"
COMMANDS = {
    "tokenize": "Learn a tokenizer and cut raw text into shards",
    "pretrain": "Pretrain a Transformer on raw data",
    "finetune": "Fine-tune a pretrained model for a task on labelled data",
    "evaluate": "Score a fine-tuned model on labelled data",
    "predict": "Let a fine-tuned model answer",
    "probe": "Look into a frozen model: words, languages, layers, milestones",
    "translate-shift": "Move words into another language, and see what the model then reads",
    "generate": "Fill the blanks of a text, continue it, or write it anew",
    "report": "Write all that is known of a run as one HTML page",
    "export": "Write a model directory that other tools load",
    "fetch": "Fetch a model of a hub into the cache that all tools share",
    "runs": "List, show, tag, compare and remove runs",
    "compare": "Compare objectives on tasks for the same cost, or runs side by side",
    "tour": "The lecture, chapter by chapter, on built-in data, as one page",
    "plugins": "List, show, check and start plugins",
    "doctor": "Say what this machine can do, and what is missing",
}
EPILOG = """Examples:

  ssl pretrain --objective mlm

  ssl finetune qa --data squad.json

  ssl runs show @latest

Exit codes: 0 done, 1 failed while running, 2 wrong usage, settings or data, 3 a check is not met,
75 stopped after saving (go on with --resume), 130 Ctrl-C."""
LAUNCHED = ("pretrain", "finetune")
# Actions that load torch.
LOADING = frozenset(
    {
        *LAUNCHED,
        "evaluate",
        "predict",
        "probe",
        "translate_shift",
        "generate",
        "export",
        "tokenize",
        "checking",
        "comparing",
    }
)
GLOBAL_NAMES = frozenset({"--json", "--quiet", "-q", "--verbose", "-v", "--debug", "--no-color"})
ROOT_NAMES = ("-h", "--help", "-V", "--version", "--install-completion", "--show-completion")
HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def main() -> NoReturn:
    """Entry point of `ssl`: set up the process, run the line and exit with its code."""
    # until all is imported: what modules hold stays, and is looked through for nothing
    gc.disable()
    # Before torch is loaded: threads that wait by spinning lose much of their speed wherever one
    # core is busy.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # of operations that torch does not have on the GPU of a Mac
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    if known_rank_and_size()[1] > 1:
        # every rank would tell of the parameters that DDP looked for
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    words = sys.argv[1:]
    if is_launched(words):
        end_with_launcher()
        for number in (signal.SIGTERM, signal.SIGUSR1):
            # until the run listens itself: imports alone take seconds
            signal.signal(number, _stop_before_the_start)
    code = run(words)
    gc.freeze()  # nothing is looked through once more at the exit
    if is_thread_left():
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _stop_before_the_start(number: int, frame: FrameType | None) -> NoReturn:
    """Exit at once: an exception might be caught in the middle of an import."""
    os.write(
        2,
        (
            b"stopped: preempted; whatever was saved is kept\nhint:  "
            b"the same command begins again, with --resume it goes on\n"
        ),
    )
    os._exit(Preempted.exit_code)


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; results and errors are printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us, as cron may do
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(list(map(str, words)))
        sys.stdout.flush()  # a disk that is full says so only now
        return code
    except SslError as error:
        # What a plugin raises is the plugin's fault, even where it is an error of a disk.
        if not isinstance(error, RunError | PluginError) and is_of_disk(error):
            return _report(words, error.lines, CHECK_DISK, RunError.exit_code)
        is_alike = isinstance(error, Diverged) or not isinstance(error, RunError)
        if is_alike and is_launched(words) and known_rank_and_size()[0] > 0 and others_speak():
            return error.exit_code  # rank 0 meets the same and says it
        hint = error.hint or (help_line(words) if isinstance(error, ConfigError) else "")
        return _report(words, error.lines, hint, error.exit_code)
    except typer.TyperException as error:
        message, hint = _usage_words(error, words)
        return _report(words, [message], hint, 2)
    except (KeyboardInterrupt, typer.Abort):
        return _report(words, ["interrupted"], "", 130)
    except BrokenPipeError:
        _write_no_more()
        return 1
    except OSError as error:
        # Of a place that nobody looked at before: a name that no disk takes, a file that is gone.
        code = 2 if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) else 1
        place_of = str(error.filename or "the output")[:200]
        if error.filename is None:
            _write_no_more()
        return _report(words, [f"{place_of}: {error.strerror or error}"], CHECK_DISK, code)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _report(
            words,
            [f"this should not have happened: {what}"],
            "--debug shows where; please report it",
            1,
        )


def _write_no_more() -> None:
    """Redirect stdout to null, so that the exit does not fail on unwritten output again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build(words: Sequence[str]) -> tuple[typer.Typer, list[str]]:
    """Build the application with the line's command in full, and the line with all values."""
    app = typer.Typer(rich_markup_mode="rich", add_completion=True)
    app.callback(invoke_without_command=True, context_settings=HELP_NAMES, epilog=EPILOG)(_root)
    wanted = next((word for word in words if not word.startswith("-")), "")
    words = list(words)
    for name, summary in COMMANDS.items():
        if name == wanted:
            words = _add_full(app, name, words)
        else:
            app.command(name, help=f"{summary}.")(_absent)
    return app, words


def globals_last(words: Sequence[str]) -> list[str]:
    """Move global flags behind the command: `ssl --json runs` means `ssl runs --json`."""
    before, moved = [], []
    rest = list(words)
    while rest and (rest[0] in GLOBAL_NAMES or not rest[0].startswith("-")):
        word = rest.pop(0)
        (moved if word in GLOBAL_NAMES else before).append(word)
    end = rest.index("--") if "--" in rest else len(rest)
    return [*before, *rest[:end], *moved, *rest[end:]]


def help_line(words: Sequence[str]) -> str:
    """Return the hint for settings that are wrong: where all of them are listed."""
    dashed = (word.replace("_", "-") for word in words)
    name = next((word for word in dashed if word in COMMANDS), "COMMAND")
    return f"ssl {name} --help lists the flags; config.yaml in a run folder has all settings"


def is_launched(words: Sequence[str]) -> bool:
    """Return whether the line may run in several processes."""
    return next((word for word in words if not word.startswith("-")), "") in LAUNCHED


def without_launcher_words(words: Sequence[str]) -> list[str]:
    """Drop what follows " -- " on a line that trains: it is read by torchrun."""
    return list(words[: words.index("--")] if is_launched(words) and "--" in words else words)


def _run(words: list[str]) -> int:
    if words in (["--version"], ["-V"]):
        from importlib.metadata import version

        print(f"ssl {version('sslcli')}")
        return 0
    if os.environ.get("_SSL_COMPLETE") or os.environ.get("_SSLCLI_COMPLETE"):
        return _complete()
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    _refuse_misplaced(words)
    app, words = build(globals_last(words))
    result = app(
        args=without_launcher_words(words) or ["--help"], prog_name="ssl", standalone_mode=False
    )
    return result if isinstance(result, int) else 0


def _complete() -> int:
    """Print completions for a shell; errors in the line so far are ignored."""
    typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = typed.split()[1:]
    if typed[-1:].strip():
        words = words[:-1]  # it may become anything
    with suppress(Exception):
        try:
            app, _ = build(words)
        except Exception:
            app, _ = build([*words[:1], "--help"])  # without the flags of what the line names
        app(args=[], prog_name="ssl", standalone_mode=False)
    return 0


def _refuse_misplaced(words: Sequence[str]) -> None:
    """Raise UsageError where options stand in front of the command, global ones excepted."""
    if words and words[0].startswith("-") and words[0] not in (*GLOBAL_NAMES, *ROOT_NAMES):
        from sslcli.cli.mistyped import refuse_misplaced

        refuse_misplaced(words, COMMANDS)


def _add_full(app: typer.Typer, name: str, words: list[str]) -> list[str]:
    from sslcli.cli.mistyped import refuse_single_dashes
    from sslcli.cli.options import GLOBALS, CommandGroup, spellings, with_values
    from sslcli.cli.typer_commands import add_group, add_to

    built = built_command(name, words[words.index(name) + 1 :])
    below = built.commands if isinstance(built, CommandGroup) else [built]
    refuse_single_dashes(
        words, spellings([*(flag for command in below for flag in command.flags), *GLOBALS])
    )
    if isinstance(built, CommandGroup):
        add_group(app, built, _finish)
        return words
    add_to(app, built, _finish)
    return with_values(words, [*built.flags, *GLOBALS])


def built_command(name: str, words: Sequence[str]) -> Any:
    """Return the command or group of this name, with all the flags of this line."""
    name = name.replace("-", "_")
    return getattr(importlib.import_module(f"sslcli.cli.commands.{name}"), f"{name}_command")(words)


def _imported(function: str) -> Any:
    """Import "module:function"."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def _finish(command: Any, given: Mapping[str, Any]) -> int:
    from sslcli.cli.screen import Screen

    screen = Screen(
        json=bool(given.get("json")),
        quiet=bool(given.get("quiet")),
        verbose=bool(given.get("verbose")),
        color=not given.get("no_color"),
    )
    try:
        if command.check:
            _imported(command.check)(command, given)
        action = command.action.partition(":")[0].rpartition(".")[2]
        if action in LOADING and "torch" not in sys.modules and known_rank_and_size()[0] == 0:
            screen.working("loading torch")  # a second or more in which nothing else can be said
        act = _imported(command.action)
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        if command.name in LAUNCHED:
            return act(command, given, screen)  # which shows its own progress
        with heard_by(screen.working):
            return act(command, given, screen)
    except KeyboardInterrupt as error:  # which Typer would make an exit without a word
        raise Interrupted("interrupted") from error
    finally:
        screen.wipe()


def _root(
    version: bool = typer.Option(False, "--version", "-V", metavar="", help="show the version"),
) -> None:
    """Self-supervised learning from the command line: raw data in, a pretrained Transformer and
    what it learnt out.
    """


def _absent() -> None:
    """Placeholder for commands that are not on the line."""


def _usage_words(error: typer.TyperException, words: Sequence[str]) -> tuple[str, str]:
    """Translate a Typer error, with the flag or line that was probably meant."""
    from sslcli.cli.mistyped import Mistake, usage_words

    message = " ".join(error.format_message().split())
    name = next((word for word in words if not word.startswith("-")), "")
    parsed = getattr(getattr(error, "ctx", None), "command", None)
    known = [
        flag
        for option in getattr(parsed, "params", ())
        for flag in (*option.opts, *option.secondary_opts)
    ]
    below = [
        each for each, command in getattr(parsed, "commands", {}).items() if not command.hidden
    ]
    examples = [
        line.strip()
        for line in (getattr(parsed, "epilog", None) or "").splitlines()
        if line.strip().startswith("ssl ")
    ]
    found = Mistake(
        message[:1].lower() + message[1:].rstrip("."),
        getattr(error, "option_name", None),
        known,
        below,
        examples,
    )
    return usage_words(found, name if name in COMMANDS else "", words, COMMANDS)


def _report(words: Sequence[str], lines: Sequence[str], hint: str, code: int) -> int:
    """Print an error on stderr, with --json as a document on stdout, with --debug its traceback."""
    if "--debug" in words or os.environ.get("SSLCLI_DEBUG") == "1":
        traceback.print_exc()
    if "--json" in words:
        document = {"event": "error", "code": code, "message": INDENT.join(lines), "hint": hint}
        try:
            print(json.dumps({"schema": "sslcli/1", **document}), flush=True)
        except BrokenPipeError:  # who read the documents is gone; stderr may still be read
            _write_no_more()
    said = [f"{'stopped' if code in (75, 130) else 'error'}: {INDENT.join(map(printable, lines))}"]
    said += [f"hint:  {printable(hint)}"] if hint else []
    if sys.stderr.isatty():
        width = min(shutil.get_terminal_size().columns, LINE_WIDTH)
        said = [folded(line, width) for line in said]
    print(*said, sep="\n", file=sys.stderr)
    return code
