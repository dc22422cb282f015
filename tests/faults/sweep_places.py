"""Odd surroundings: locales, time zones, umask, no HOME, and names with spaces, characters of any
script, and a newline.

    python tests/faults/sweep_places.py

Each run is a real process from its first line on, is stopped by SIGTERM in its middle, resumed, and
compared with an ordinary run.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness import PATIENCE_SECONDS, Bench, Ended, differences, step_reached

LENGTH = {"max_steps": 40, "keep": 1}
ASCII_ONLY = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
FOLDERS = ("plain", "two words", "名前 é ß 🙂", "new\nline", "-dash", "quo'te\"d $HOME %s {x}")


@dataclass(frozen=True)
class Place:
    """`unset`: variables that are not there; `umask`: the permissions that new files are
    refused.
    """

    name: str
    folder: str
    environment: dict[str, str]
    unset: tuple[str, ...] = ()
    umask: int = 0o022


def places() -> list[Place]:
    odd = [
        Place("C locale", "plain", ASCII_ONLY),
        Place("POSIX locale", "two words", {"LC_ALL": "POSIX"}),
        Place("a locale that is not there", "plain", {"LC_ALL": "xx_YY.UTF-8"}),
        Place("Turkish", "plain", {"LC_ALL": "tr_TR.UTF-8"}),
        Place("far time zone", "plain", {"TZ": "Pacific/Kiritimati"}),
        Place("no time zone", "plain", {"TZ": "Nowhere/Nothing"}),
        Place("umask 077", "plain", {}, umask=0o077),
        Place("no HOME", "plain", {}, unset=("HOME", "USER", "LOGNAME", "TERM", "LANG")),
        Place("HOME that is not there", "plain", {"HOME": "/nonexistent"}),
        Place("narrow screen", "plain", {"COLUMNS": "1", "TERM": "dumb"}),
        Place("everything", FOLDERS[3], ASCII_ONLY, unset=("HOME", "TERM"), umask=0o077),
    ]
    return [*odd, *(Place(f"folder {folder!r}", folder, {}) for folder in FOLDERS)]


def try_place(bench: Bench, whole: Path, place: Place) -> str:
    """What went wrong, or nothing. Corpus, cache and run lie in the odd folder."""
    folder = bench.folder / f"place-{place.name}".replace("/", "-") / place.folder
    odd = Bench(folder)
    run = folder / "run"
    stopped = _stopped_in_the_middle(odd, run, place)
    if stopped.code not in (0, 75) or not stopped.is_clean:
        return f"exit {stopped.code}: {stopped.said[-300:]}"
    again = _run(odd, odd.words(run, "--resume", **LENGTH), place)
    if again.code != 0 or not again.is_clean:
        return f"the resume: exit {again.code}: {again.said[-300:]}"
    open_to_others = [
        path.name for path in run.rglob("*") if path.stat().st_mode & place.umask & 0o777
    ]
    return "; ".join(
        [*differences(whole, run), *(f"{name} is open to others" for name in open_to_others)]
    )


def _stopped_in_the_middle(bench: Bench, run: Path, place: Place) -> Ended:
    process = _start(bench, bench.words(run, **LENGTH), place)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not step_reached(run) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return _ended(process)


def _run(bench: Bench, words: list[str], place: Place) -> Ended:
    return _ended(_start(bench, words, place))


def _start(bench: Bench, words: list[str], place: Place) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **bench.environment, "OMP_NUM_THREADS": "1", **place.environment}
    for name in place.unset:
        environment.pop(name, None)
    line = [sys.executable, "-m", "sslcli", *words]
    return subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=place.umask
    )


def _ended(process: subprocess.Popen[bytes]) -> Ended:
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return Ended(process.returncode, said.decode("utf-8", errors="replace"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="the first place alone: shows mistakes of the sweep"
    )
    tried = places()[:1] if parser.parse_args().rehearse else places()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        whole = bench.whole(**LENGTH)
        faults = {place.name: try_place(bench, whole, place) for place in tried}
    for name, fault in faults.items():
        if fault:
            print(f"{name}: {fault}")
    good = sum(not fault for fault in faults.values())
    print(f"places: {good}/{len(tried)} stopped, resumed and equal to a run in an ordinary one")
    return int(good < len(tried))


if __name__ == "__main__":
    sys.exit(main())
