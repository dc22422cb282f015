"""One training step here and in Hugging Face's Trainer: equal losses first, then interleaved seconds, then memory.

    python tests/benchmarks/against_trainer.py [WORKLOAD ...] [--steps 12] [--rounds 5] [--bf16] [--compile]

Both start from the same weights, read the same sequences with the same targets, and use AdamW, clipping at 1.0 and no
dropout. Before anything is timed, 20 steps on the same batches must give losses that differ by at most 1e-4; a pair that
does not is reported and not timed. Lengths are lognormal (mean fill .47 of the longest), as in text cut by document.

The peer stands in several rows: as it comes (float32, random batches, padded to the longest of each), then grouped (it gets
our batches of like lengths, which its own group_by_length would give), then in bf16, then compiled. Its masks and padding
are ready-made; ours are made within the timed steps. bf16 is measured where the processor multiplies it, or with --bf16.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from workloads import SETTLING_STEPS, WORKLOADS, Ours, Timed, Workload

# isort: split
import torch
from peers import Peer, peer_batches, peer_model, train_peer

from sslcli.engine.precision import Hardware

CHECKED_STEPS, LARGEST_DIFFERENCE = 20, 1e-4
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
    return Hardware(torch.device("cuda" if torch.cuda.is_available() else "cpu"), torch.bfloat16 if bf16 else None, compile)


def multiplies_bf16() -> bool:
    return torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def loss_difference(workload: Workload, folder: Path, steps: int = CHECKED_STEPS) -> float:
    """The largest difference between the losses of both, step by step, in float32 from the weights in `folder`."""
    ours = Ours(workload, hardware(), folder)
    peer = Peer(grouped=True)
    batches = peer_batches(ours, steps, peer)
    theirs = train_peer(type(peer_model(workload)).from_pretrained(folder), batches, peer)
    return max(abs(a - b) for a, b in zip(ours.train(steps).losses, theirs.losses, strict=True))


def sides_of(
    workload: Workload, folder: Path, steps: int, bf16: bool, compile: bool, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Callable[[], Timed]]:
    """Every row of the table as a function that trains `steps` steps from the weights in `folder`."""
    model_class = type(peer_model(workload))

    def trainer(peer: Peer) -> Callable[[], Timed]:
        return lambda: train_peer(model_class.from_pretrained(folder), peer_batches(Ours(workload, hardware(), folder), steps, peer), peer)

    def ours(bf16: bool = False, compile: bool = False) -> Callable[[], Timed]:
        return lambda: Ours(workload, hardware(bf16, compile), folder).train(steps, clock=clock)

    grouped = not workload.causal  # rows of one length need no grouping
    sides = {"trainer fp32": trainer(Peer())}
    if grouped:
        sides["trainer fp32 grouped"] = trainer(Peer(grouped=True))
    sides["ours fp32"] = ours()
    if compile:
        sides |= {"trainer fp32 compiled": trainer(Peer(grouped=True, compile=True)), "ours fp32 compiled": ours(compile=True)}
    if bf16:
        sides |= {"trainer bf16 grouped": trainer(Peer(grouped=True, bf16=True)), "ours bf16": ours(bf16=True)}
    if bf16 and compile:
        sides |= {"trainer bf16 compiled": trainer(Peer(True, True, True)), "ours bf16 compiled": ours(bf16=True, compile=True)}
    return sides


def compare(name: str, given: argparse.Namespace) -> dict[str, object]:
    """Equal losses, then rounds of all sides forth and back, then the peak memory of each in a process of its own."""
    workload = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as folder:
        peer_model(workload).save_pretrained(folder)
        difference = loss_difference(workload, Path(folder))
        print(f"{name}: losses of {CHECKED_STEPS} steps differ by at most {difference:.1e}", flush=True)
        if difference > LARGEST_DIFFERENCE:
            return {"workload": name, "difference": difference}
        clock = time.process_time if given.processor_seconds else time.perf_counter
        sides = sides_of(workload, Path(folder), given.steps, given.bf16, given.compile, clock)
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        settling = dict.fromkeys(sides, 0.0)
        for round_number in range(given.rounds):
            for side in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
                taken = sides[side]()
                seconds[side].append(taken.step_seconds)
                settling[side] = max(settling[side], taken.settling_seconds)
                print(f"  round {round_number + 1}: {side} {1e3 * taken.step_seconds:,.0f} ms a step", flush=True)
        memory = {side: peak_bytes(name, side, Path(folder), given.steps) for side in sides} if given.memory else {}
        tokens = statistics.mean(Ours(workload, hardware(), Path(folder)).tokens(given.steps)[SETTLING_STEPS:])
    ratios = print_table(seconds, settling, memory, tokens)
    return {"workload": name, "difference": difference, "step_seconds": seconds, "ratios": ratios, "peak_bytes": memory}


def print_table(
    seconds: Mapping[str, list[float]], settling: Mapping[str, float], memory: Mapping[str, int], tokens: float
) -> dict[str, list[float]]:
    """Medians and ranges; returns the ratio of every round for each of PAIRS that was measured."""
    print(f"  {'':24s}{'tokens/s':>9s}  {'range':>15s}  {'ms a step':>9s}  {'settling s':>10s}  {'peak MB':>7s}")
    for side, taken in seconds.items():
        spread = f"{tokens / max(taken):,.0f}-{tokens / min(taken):,.0f}"
        middle = statistics.median(taken)
        peak = f"{memory[side] / 1e6:,.0f}" if side in memory else "-"
        print(f"  {side:24s}{tokens / middle:9,.0f}  {spread:>15s}  {1e3 * middle:9,.0f}  {settling[side]:10.1f}  {peak:>7s}", flush=True)
    ratios = {}
    for mine, theirs in PAIRS:
        if mine in seconds and theirs in seconds:
            rounds = [b / a for a, b in zip(seconds[mine], seconds[theirs], strict=True)]
            ratios[f"{mine} / {theirs}"] = rounds
            print(
                f"  {mine} is {statistics.median(rounds):.2f} times {theirs} (rounds {', '.join(f'{r:.2f}' for r in rounds)})", flush=True
            )
    return ratios


def peak_bytes(name: str, side: str, folder: Path, steps: int) -> int:
    """The largest resident memory of a fresh process that trains one side, as Linux counts it (VmHWM)."""
    words = [sys.executable, __file__, name, "--alone", side, "--folder", str(folder), "--steps", str(steps)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1])


def train_alone(name: str, side: str, folder: Path, steps: int) -> None:
    sides_of(WORKLOADS[name], folder, steps, "bf16" in side, "compiled" in side)[side]()
    status = Path("/proc/self/status").read_text()
    print(1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--steps", type=int, default=12, help=f"steps of a round, the first {SETTLING_STEPS} not timed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=multiplies_bf16())
    parser.add_argument("--compile", action="store_true", help="compiled rows too")
    parser.add_argument("--processor-seconds", action="store_true", help="of all threads, not by the clock: where others compute beside")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=sys.platform == "linux")
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    parser.add_argument("--alone", metavar="SIDE", help="train one side and print its peak memory in bytes")
    parser.add_argument("--folder", type=Path, help="where --alone finds the weights")
    given = parser.parse_args()
    if given.alone:
        return train_alone(given.workloads[0], given.alone, given.folder, given.steps)
    rows = [compare(name, given) for name in given.workloads]
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
