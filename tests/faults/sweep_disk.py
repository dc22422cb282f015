"""A disk that refuses: no space or an input/output error at every file-system call of a save, and
file systems that are really too small.

    python tests/faults/sweep_disk.py

Whatever the disk refuses, the command ends with exit code 1, a sentence and no traceback; the
checkpoints that stood before still stand; and once there is space again, the resume ends as an
uninterrupted run does. A call that may fail without harm (removing what is not needed any more) may
also pass.
"""

import argparse
import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from harness import Bench, Ended, differences, whole_checkpoints
from hooks import ERRORS, FaultAt
from sweep_kills import WINDOWS, calls_of

# A save that comes when two good checkpoints stand.
GOOD_BEFORE_SAVE = {30, 35}
RESERVED_BYTES = 3_000_000
FILE_SIZES = (20_000, 50_000, 80_000)  # bytes that no file may exceed


@dataclass(frozen=True)
class Refusal:
    """What came of one refusal. `said_what`: the message names what the disk said."""

    name: str
    code: int
    fault: str


def refuse_call(
    bench: Bench, whole: Path, window: str, call: int, kind: str, lasting: bool
) -> Refusal:
    """The given call of a window fails; with `lasting` every later write too."""
    run = bench.folder / f"refused-{window}-{call}-{kind}-{lasting}"
    since, until = WINDOWS[window]
    fault = FaultAt(str(run), call, kind, since, until, lasting)
    ended = bench.run(bench.words(run), fault)
    before = GOOD_BEFORE_SAVE if window == "save" else set()
    return _judged(bench, whole, run, ended, before, os.strerror(ERRORS[kind]))


def refuse_large_files(bench: Bench, whole: Path, largest_bytes: int) -> Refusal:
    """No file may grow beyond so many bytes, whoever writes it."""
    run = bench.folder / f"limited-{largest_bytes}"
    ended = bench.run(bench.words(run), partial(_limit_file_size, largest_bytes))
    return _judged(bench, whole, run, ended, set(), os.strerror(errno.EFBIG))


def _limit_file_size(largest_bytes: int) -> None:
    # Python ignores SIGXFSZ, so that the write fails instead of ending the process.
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))


def _judged(
    bench: Bench, whole: Path, run: Path, ended: Ended, before: set[int], said: str
) -> Refusal:
    fault = ""
    if ended.code not in (0, 1) or not ended.is_clean:
        fault = f"exit {ended.code}: {ended.said[-300:]}"
    elif ended.code == 1 and said not in ended.said:
        fault = f"does not say '{said}': {ended.said[-300:]}"
    elif ended.code == 1 and not before & set(whole_checkpoints(run)):
        fault = f"of the checkpoints {before} none is left" if before else ""
    if not fault:
        again = bench.run(bench.words(run, "--resume"))
        found = (
            differences(whole, run)
            if again.code == 0
            else [f"the resume: exit {again.code}: {again.said[-300:]}"]
        )
        fault = "; ".join(found)
    shutil.rmtree(run, ignore_errors=True)
    return Refusal(run.name, ended.code, fault)


def refusals(bench: Bench, whole: Path, every: int = 1) -> Iterator[Callable[[], Refusal]]:
    for window in WINDOWS:
        for call in range(1, calls_of(bench, window) + 1, every):
            for kind in ("full", "broken"):
                yield partial(refuse_call, bench, whole, window, call, kind, lasting=False)
            yield partial(refuse_call, bench, whole, window, call, "full", lasting=True)


def small_file_systems(whole: Path) -> Iterator[Refusal]:
    """A run on a file system for 0.5, 1.2, 1.9 ... checkpoints more than its first files; needs the
    right to mount one.
    """
    checkpoint_bytes = sum(
        path.stat().st_size for path in (whole / "checkpoints" / "step-000060").iterdir()
    )
    for share in (0.5, 1.2, 1.9, 2.5, 3.2):
        with tempfile.TemporaryDirectory() as folder:
            size = int(RESERVED_BYTES + share * checkpoint_bytes)
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
            )
            if mounted.returncode != 0:
                print("no small file system can be mounted here: run it as root", file=sys.stderr)
                return
            try:
                yield _on_small_file_system(whole, Path(folder), share)
            finally:
                subprocess.run(["umount", folder], check=True)


def _on_small_file_system(whole: Path, folder: Path, share: float) -> Refusal:
    """The corpus and the cache lie elsewhere; what fills the disk beside the run is then
    removed.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        bench = Bench(Path(elsewhere))
        run, ballast = folder / "run", folder / "ballast"
        ballast.write_bytes(bytes(RESERVED_BYTES // 2))
        ended = bench.run(bench.words(run))
        ballast.unlink()
        outcome = _judged(bench, whole, run, ended, set(), os.strerror(errno.ENOSPC))
    return Refusal(f"file system for {share} checkpoints", outcome.code, outcome.fault)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--every", type=int, default=1, help="try every so many-th file-system call"
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="two refused calls and one limit of file sizes"
    )
    asked = parser.parse_args()
    most, sizes = (2, FILE_SIZES[:1]) if asked.rehearse else (None, FILE_SIZES)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        whole = bench.whole()
        found = [trial() for trial in islice(refusals(bench, whole, asked.every), most)]
        found += [refuse_large_files(bench, whole, size) for size in sizes]
        found += islice(small_file_systems(whole), most and 0)
    for refusal in found:
        if refusal.fault:
            print(f"{refusal.name}: {refusal.fault}")
    good = sum(not refusal.fault for refusal in found)
    told = sum(refusal.code == 1 for refusal in found)
    print(
        f"disk: {good}/{len(found)} refusals survived, {told} of "
        "them ended the run with a message, the others did no harm"
    )
    return int(good < len(found))


if __name__ == "__main__":
    sys.exit(main())
