"""One line about what a run survives, beside Hugging Face's Trainer where it was put before the
same.

    python tests/faults/score.py --kills 200 --flips 1000 --cases 5000

The Trainer needs `pip install accelerate`; --without-peer leaves it out.
"""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

import sweep_damages
import sweep_kills
from against_trainer import PeerFigures, measure
from damages import cuts, random_flips, spoilt
from harness import Bench
from tallies import Tally, total


def bad_inputs(cases: int, most: int | None, say: Callable[[str], None]) -> Tally:
    """What the scripts beside this one that try bad inputs count, each over so many cases; `most`
    scripts, or all.
    """
    tallies = []
    for path in sorted(Path(__file__).parent.glob("inputs_*.py"))[:most]:
        # some are parts that the others share
        sweep = getattr(importlib.import_module(path.stem), "sweep", None)
        if sweep is not None:
            tallies.append(sweep(cases))
            say(tallies[-1].describe)
    return total("bad inputs", tallies)


def parts(asked: argparse.Namespace, say: Callable[[str], None]) -> Iterator[str]:
    peer: PeerFigures | None = None if asked.without_peer else measure(most=asked.most)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        kills = sweep_kills.random_kills(bench, bench.whole(), asked.kills, asked.seed)
        yield sweep_kills.sweep(kills, asked.at_once, say).describe
        cut = sweep_damages.sweep(bench, "cuts", islice(cuts(), asked.most), say)
        yield f"cuts {cut.recovered}/{cut.tried} recovered" + (
            f" (Trainer {peer.recovered}/{peer.cuts})" if peer else ""
        )
        flips = random_flips(sweep_damages.stopped_run(bench)[1], asked.flips, asked.seed)
        damage = sweep_damages.sweep(
            bench, "damages", chain(islice(spoilt(), asked.most), flips), say
        )
        yield f"damages {len(damage.faults)}/{damage.tried} silent" + (
            f" (Trainer {peer.silent}/{peer.damages})" if peer else ""
        )
    inputs = bad_inputs(asked.cases, asked.most, say)
    yield (
        f"bad inputs refused {inputs.refused_cleanly}/{inputs.tried}, "
        f"{inputs.tracebacks} tracebacks"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="kills at random times")
    parser.add_argument(
        "--flips",
        type=int,
        default=1000,
        help="single bits flipped at random, besides the named damages",
    )
    parser.add_argument("--cases", type=int, default=5000, help="bad inputs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=1, help="killed trainings side by side")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument(
        "--rehearse", action="store_true", help="one of each kind: shows mistakes of the script"
    )
    asked = parser.parse_args()
    asked.most = None
    if asked.rehearse:
        asked.kills, asked.flips, asked.cases, asked.most = 1, 1, 1, 1
    print(" · ".join(parts(asked, lambda line: print(line, file=sys.stderr, flush=True))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
