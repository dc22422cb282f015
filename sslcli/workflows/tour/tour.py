"""`ssl tour`: run the lines of the lecture one after the other, each once, in a folder of its
own.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.deferred import Deferred
from sslcli.errors import Interrupted, Preempted, RunError, StopRequest
from sslcli.folders import write_atomically
from sslcli.runs.catalogue import RUN_FILE, RUNS_VARIABLE, read_facts
from sslcli.runs.command_line import command_line
from sslcli.workflows.tour.chapters import Chapter, TourLine, wanted_lines
from sslcli.workflows.tour.relay import Relay

# with torch; the list of chapters needs none
run_folder = Deferred("sslcli.runs.run_folder")

KIND = "tour"
DONE = "tour.json"  # the lines that are done, with their seconds and what they printed
STOPPED = {each.exit_code: each for each in (Interrupted, Preempted)}

Say = Callable[[str], None]
Ran = Mapping[str, Any]


def take_tour(
    folder: Path, everyone: Sequence[Chapter], chosen: Sequence[int], say: Say
) -> Mapping[str, Ran]:
    """Run what of the chosen chapters is not done, and return what is known of all lines.

    A line that is done is not run again, a training that was stopped goes on. Raises StopRequest
    where somebody asked to stop, RunError where a line fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with run_folder.locked(folder), Relay.listening() as relay:
        facts = {
            **run_folder.environment(),
            "kind": KIND,
            "objective": "the lecture",
            "command": command_line(),
            "started": read_facts(folder).get("started") or run_folder.now(),
        }
        done = done_lines(folder)
        total = sum(len(chapter.lines) for chapter in everyone)

        def note(status: str) -> None:
            write_atomically(folder / DONE, json.dumps(done, ensure_ascii=False, indent=1))
            seconds = sum(float(each["seconds"]) for each in done.values())
            counts = {"step": len(done), "total_steps": total, "seconds": seconds}
            run_folder.write_facts(folder, {**facts, **counts, "status": status})

        note("running")
        try:
            for chapter, lines in wanted_lines(everyone, chosen):
                say(f"chapter {chapter.number}: {chapter.title}")
                for line in lines:
                    if relay.asked is not None:
                        raise _stop(relay.asked, chapter.number, folder)
                    _through(line, chapter.number, folder, done, say, relay)
                    note("running")
        except StopRequest:
            note("stopped")
            raise
        except RunError:
            note("failed")
            raise
        note("done" if len(done) == total else "stopped")
    return done


def done_lines(folder: Path) -> dict[str, Ran]:
    """What is known of the lines that are done, by what was typed; empty where that cannot be
    read.
    """
    try:
        found = json.loads(plainfiles.read_bytes(folder / DONE))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {line: ran for line, ran in found.items() if _is_known(ran)}


def _is_known(ran: Any) -> bool:
    """Tell whether somebody else has written there."""
    if not isinstance(ran, dict) or not isinstance(ran.get("printed"), str):
        return False
    return isinstance(ran.get("seconds"), int | float)


def _through(
    line: TourLine, chapter: int, folder: Path, done: dict[str, Ran], say: Say, relay: Relay
) -> None:
    if line.typed in done:
        say(f"  {line.typed}    (done before)")
        return
    say(f"  {line.typed}")
    begun = time.monotonic()
    printed = _run(line, folder, chapter, relay)
    done[line.typed] = {"seconds": round(time.monotonic() - begun, 1), "printed": printed}


def _run(line: TourLine, folder: Path, chapter: int, relay: Relay) -> str:
    """What the line printed. Its progress goes where ours goes."""
    if line.run is not None and (folder / line.run / RUN_FILE).is_file():
        line = line.going_on()
    code, printed = relay.run(line.words, {RUNS_VARIABLE: str(folder)})
    if code and (kind := relay.asked or STOPPED.get(code)):
        raise _stop(kind, chapter, folder)
    if code:
        raise RunError(
            f"chapter {chapter}: `{line.typed}` ended with exit code {code}",
            "what it says stands above; the same line tries it again",
        )
    return printed


def _stop(kind: type[StopRequest], chapter: int, folder: Path) -> StopRequest:
    return kind(
        f"stopped in chapter {chapter}; everything is saved in {folder}",
        "go on with the same line: what is done is not done again",
    )
