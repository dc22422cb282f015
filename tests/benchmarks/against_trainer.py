"""One training step here and in Hugging Face's Trainer: equal losses first, then interleaved
seconds, then memory.

    python tests/benchmarks/against_trainer.py [WORKLOAD ...] [--steps 12] [--rounds 7] [--bf16]
    [--compile]
    python tests/benchmarks/against_trainer.py --rehearse

Both start from the same weights, read the same sequences with the same targets, and use AdamW,
clipping at 1.0 and no dropout. Before anything is timed, 20 steps on the same batches must give
losses that differ by at most 1e-4; a pair that does not is reported and not timed. Lengths are
lognormal (mean fill .47 of the longest), as in text cut by document.

The peer stands in several rows: as it comes (float32, random batches, padded to the longest of
each), then grouped (it gets our batches of like lengths, which its own group_by_length would give),
then in bf16, then compiled. Its masks and padding are ready-made; ours are made within the timed
steps. bf16 is measured where the processor multiplies it, or with --bf16.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from workloads import SETTLING_STEPS, WORKLOADS, Ours, Timed, Workload, rehearsed

# isort: split
import torch
from peers import Peer, peer_batches, peer_model, train_peer

from sslcli.engine.precision import Hardware

CHECKED_STEPS, LARGEST_DIFFERENCE = 20, 1e-4
REHEARSED = (
    "mlm-128-small",
    "clm-256",
    "bart-128",
)  # of one shape, the others would be the same again
PAIRS = (  # ours against what it is held to
    ("ours fp32", "trainer fp32"),
    ("ours fp32", "trainer fp32 grouped"),
    ("ours bf16", "trainer fp32"),
    ("ours bf16", "trainer bf16 grouped"),
    ("ours fp32 compiled", "trainer fp32 compiled"),
    ("ours bf16 compiled", "trainer bf16 grouped"),
    ("ours bf16 compiled", "trainer bf16 compiled"),
)


def hardware(bf16: bool = False, compile: bool = False) -> Hardware:
    return Hardware(
        torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        torch.bfloat16 if bf16 else None,
        compile,
    )


def multiplies_bf16() -> bool:
    return torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def loss_difference(workload: Workload, folder: Path, steps: int = CHECKED_STEPS) -> float:
    """The largest difference between the losses of both, step by step, in float32 from the weights
    in `folder`.
    """
    ours = Ours(workload, hardware(), folder)
    peer = Peer(grouped=True)
    batches = peer_batches(ours, steps, peer)
    theirs = train_peer(type(peer_model(workload)).from_pretrained(folder), batches, peer)
    return max(abs(a - b) for a, b in zip(ours.train(steps).losses, theirs.losses, strict=True))


def sides_of(
    workload: Workload, folder: Path, steps: int, bf16: bool, compile: bool
) -> dict[str, Callable[[], Timed]]:
    """Every row of the table as a function that trains `steps` steps from the weights in
    `folder`.
    """
    model_class = type(peer_model(workload))

    def trainer(peer: Peer) -> Callable[[], Timed]:
        return lambda: train_peer(
            model_class.from_pretrained(folder),
            peer_batches(Ours(workload, hardware(), folder), steps, peer),
            peer,
        )

    def ours(bf16: bool = False, compile: bool = False) -> Callable[[], Timed]:
        return lambda: Ours(workload, hardware(bf16, compile), folder).train(steps)

    grouped = not workload.causal  # rows of one length need no grouping
    sides = {"trainer fp32": trainer(Peer())}
    if grouped:
        sides["trainer fp32 grouped"] = trainer(Peer(grouped=True))
    sides["ours fp32"] = ours()
    if compile:
        sides |= {
            "trainer fp32 compiled": trainer(Peer(grouped=True, compile=True)),
            "ours fp32 compiled": ours(compile=True),
        }
    if bf16:
        sides |= {
            "trainer bf16 grouped": trainer(Peer(grouped=True, bf16=True)),
            "ours bf16": ours(bf16=True),
        }
    if bf16 and compile:
        sides |= {
            "trainer bf16 compiled": trainer(Peer(True, True, True)),
            "ours bf16 compiled": ours(bf16=True, compile=True),
        }
    return sides


def workload_of(name: str, rehearses: bool) -> Workload:
    return rehearsed(WORKLOADS[name]) if rehearses else WORKLOADS[name]


def compare(name: str, given: argparse.Namespace) -> dict[str, object]:
    """Equal losses, then rounds of all sides forth and back, then the peak memory of each in a
    process of its own.
    """
    workload = workload_of(name, given.rehearse)
    with tempfile.TemporaryDirectory() as folder:
        peer_model(workload).save_pretrained(folder)
        difference = loss_difference(workload, Path(folder))
        print(
            f"{name}: losses of {CHECKED_STEPS} steps differ by at most {difference:.1e}",
            flush=True,
        )
        if difference > LARGEST_DIFFERENCE:
            return {"workload": name, "difference": difference, "equal": False}
        sides = sides_of(workload, Path(folder), given.steps, given.bf16, given.compile)
        taken: dict[str, list[Timed]] = {side: [] for side in sides}
        for round_number in range(given.rounds):
            for side in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
                one = sides[side]()
                taken[side].append(one)
                both = (
                    f"{1e3 * one.step_seconds:,.0f} ms a step, "
                    f"{1e3 * one.processor_seconds:,.0f} of processor"
                )
                print(f"  round {round_number + 1}: {side} {both}", flush=True)
        measured = list(sides)[-1:] if given.rehearse else list(sides)
        memory = {
            side: peak_bytes(name, side, Path(folder), given) for side in measured if given.memory
        }
        tokens = statistics.mean(
            Ours(workload, hardware(), Path(folder)).tokens(given.steps)[SETTLING_STEPS:]
        )
    ratios = print_table(taken, memory, tokens)
    rounds = {side: [asdict(one) for one in rounds] for side, rounds in taken.items()}
    return {
        "workload": name,
        "difference": difference,
        "equal": True,
        "rounds": rounds,
        "ratios": ratios,
        "peak_bytes": memory,
    }


def print_table(
    taken: Mapping[str, list[Timed]], memory: Mapping[str, int], tokens: float
) -> dict[str, list[float]]:
    """Medians and ranges; returns the ratios of every round for each of PAIRS that was measured."""
    print(
        f"  {'':24s}{'tokens/s':>9s}{'range':>16s}{'ms a step':>11s}{'processor ms':>14s}{'settling s':>12s}{'peak MB':>9s}"
    )
    for side, rounds in taken.items():
        seconds = [one.step_seconds for one in rounds]
        middle = statistics.median(seconds)
        processor = statistics.median(one.processor_seconds for one in rounds)
        settling = max(one.settling_seconds for one in rounds)
        spread = f"{tokens / max(seconds):,.0f} to {tokens / min(seconds):,.0f}"
        peak = f"{memory[side] / 1e6:,.0f}" if side in memory else "-"
        print(
            f"  {side:24s}{tokens / middle:9,.0f}{spread:>16s}{1e3 * middle:11,.0f}{1e3 * processor:14,.0f}{settling:12.1f}{peak:>9s}",
            flush=True,
        )
    return {
        f"{mine} / {theirs}, {clock.replace('_', ' ')}": print_ratio(mine, theirs, taken, clock)
        for mine, theirs in PAIRS
        if mine in taken and theirs in taken
        for clock in ("step_seconds", "processor_seconds")
    }


def print_ratio(
    mine: str, theirs: str, taken: Mapping[str, list[Timed]], clock: str
) -> list[float]:
    """How many times as long theirs takes, round by round."""
    rounds = [
        getattr(b, clock) / getattr(a, clock)
        for a, b in zip(taken[mine], taken[theirs], strict=True)
    ]
    spread = f"{min(rounds):.2f} to {max(rounds):.2f}, {len(rounds)} rounds"
    by = "by the clock" if clock == "step_seconds" else "in processor seconds"
    print(f"  {mine} is {statistics.median(rounds):.2f} times {theirs} {by} ({spread})", flush=True)
    return rounds


def peak_bytes(name: str, side: str, folder: Path, given: argparse.Namespace) -> int:
    """The largest resident memory of a fresh process that trains one side, as Linux counts it
    (VmHWM).
    """
    words = [
        sys.executable,
        __file__,
        name,
        "--alone",
        side,
        "--folder",
        str(folder),
        "--steps",
        str(given.steps),
    ]
    words += ["--rehearse"] if given.rehearse else []
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1])


def train_alone(workload: Workload, side: str, folder: Path, steps: int) -> None:
    sides_of(workload, folder, steps, "bf16" in side, "compiled" in side)[side]()
    status = Path("/proc/self/status").read_text()
    print(
        1024
        * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument(
        "--steps",
        type=int,
        default=12,
        help=f"steps of a round, the first {SETTLING_STEPS} not timed",
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=multiplies_bf16())
    parser.add_argument("--compile", action="store_true", help="compiled rows too")
    parser.add_argument(
        "--memory", action=argparse.BooleanOptionalAction, default=sys.platform == "linux"
    )
    parser.add_argument(
        "--rehearse", action="store_true", help="tiny shapes, one round: shows mistakes, not speed"
    )
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    parser.add_argument(
        "--alone", metavar="SIDE", help="train one side and print its peak memory in bytes"
    )
    parser.add_argument("--folder", type=Path, help="where --alone finds the weights")
    given = parser.parse_args()
    given.workloads = given.workloads or (list(REHEARSED) if given.rehearse else list(WORKLOADS))
    if given.rehearse:
        given.steps, given.rounds = SETTLING_STEPS + 1, 1
    if given.alone:
        train_alone(
            workload_of(given.workloads[0], given.rehearse), given.alone, given.folder, given.steps
        )
        return 0
    print(f"on {processor()}")
    rows = [compare(name, given) for name in given.workloads]
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))
    return int(not all(row["equal"] for row in rows))


def processor() -> str:
    """The model of the processor, and whether it multiplies bf16."""
    names = [
        line.partition(":")[2].strip()
        for line in _lines("/proc/cpuinfo")
        if line.startswith("model name")
    ]
    can = "multiplies bf16" if multiplies_bf16() else "does not multiply bf16"
    return (
        f"{names[0] if names else platform.machine()}, "
        f"which {can}, {torch.get_num_threads()} threads"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


if __name__ == "__main__":
    sys.exit(main())
