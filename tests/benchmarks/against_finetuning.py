"""Fine-tuning here and by Hugging Face's Trainer, from one real model on the same real examples:
scores, seconds, tokens a second.

    python tests/benchmarks/against_finetuning.py --speed [TASK ...] [--rounds 3]
    python tests/benchmarks/against_finetuning.py [TASK ...] [--seeds 1] [--sides ours,longest]
    [--out FILE]
    python tests/benchmarks/against_finetuning.py --rehearse

Models and data lie where SSLCLI_TEST_MODELS (its folder `minilm`, a BERT of 6 layers x 384) and
SSLCLI_TEST_DATA say. Both sides have the same examples, steps, batch size, rate (linear, a tenth of
it warm-up), AdamW, clipping at 1.0, dropout of the model (.1; none on attention, which ours never
has), and seed; each cuts the texts with its own tokenizer and draws its own batches, and one
function scores the answers of both to the same examples. The Trainer pads to the task's longest
sequence (max), to the longest of each batch (longest), or that with batches of like lengths
(grouped), as ours are.

Seconds and tokens are those of the training steps, and padding is not counted as tokens. With
--speed every side trains one epoch of the same few examples, in rounds, forth and back; ratios are
taken within a round.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from finetuning_sides import ComparedData, Fit, Job, ours, theirs

# isort: split
from finetuning_peers import Padding
from finetuning_rehearsal import write_data, write_model

JOBS = {
    job.task: job
    for job in (
        Job(
            "sentiment",
            "sentiment/en-train.jsonl.gz",
            "sentiment/en-dev.jsonl.gz",
            128,
            steps=240,
            batch=16,
            rate=1e-4,
            tests=1500,
        ),
        Job(
            "pos",
            "pos/brown-train.conllu.gz",
            "pos/brown-dev.conllu.gz",
            128,
            steps=100,
            batch=16,
            rate=2e-4,
            tests=500,
        ),
        Job(
            "nli",
            "nli/train.jsonl.gz",
            "nli/dev.jsonl.gz",
            128,
            steps=200,
            batch=16,
            rate=1e-4,
            tests=1500,
        ),
        Job("qa", "qa/train.json", "qa/dev.json", 384, steps=150, batch=8, rate=2e-4, tests=300),
        Job(
            "dna",
            "dna/train.jsonl",
            "dna/dev.jsonl",
            128,
            steps=120,
            batch=16,
            rate=2e-4,
            tests=500,
        ),
    )
}
SPEED_STEPS, SPEED_TESTS, SETTLING_STEPS = 16, 8, 2
MAIN_SCORES = ("accuracy", "macro f1", "f1", "exact match")
SIDES = ("ours", "longest", "grouped", "max")


def trainings(
    labelled: ComparedData, job: Job, sides: Sequence[str], one_epoch: bool
) -> Mapping[str, Callable[[], Fit]]:
    paddings = {
        "longest": Padding(),
        "grouped": Padding(grouped=True),
        "max": Padding(tokens=job.longest),
    }

    def training(side: str) -> Callable[[], Fit]:
        if side == "ours":
            return lambda: ours(labelled, job, one_epoch)
        return lambda: theirs(labelled, job, paddings[side], one_epoch)

    return {side: training(side) for side in sides}


def measure_speed(labelled: ComparedData, job: Job, given: argparse.Namespace) -> None:
    """Rounds of all sides forth and back, after a few steps of each that are not counted."""
    job = replace(job, steps=given.steps or SPEED_STEPS, tests=SPEED_TESTS)
    for train in trainings(
        labelled, replace(job, steps=SETTLING_STEPS), given.sides or SIDES, one_epoch=True
    ).values():
        train()
    sides = trainings(labelled, job, given.sides or SIDES, one_epoch=True)
    fits: dict[str, list[Fit]] = {side: [] for side in sides}
    for number in range(given.rounds):
        for side in list(sides)[:: 1 if number % 2 == 0 else -1]:
            fits[side].append(sides[side]())
    print(f"{title(job)}, {fits['ours'][0].tokens:,} tokens a round")
    for side, taken in fits.items():
        speeds = [fit.tokens / seconds_of(fit, given) for fit in taken]
        line = (
            f"  {side:8s} {statistics.median(speeds):8,.0f} "
            f"tokens/s ({min(speeds):,.0f} to {max(speeds):,.0f})"
        )
        if side != "ours":
            ratios = [
                seconds_of(theirs, given) / seconds_of(mine, given)
                for mine, theirs in zip(fits["ours"], taken, strict=True)
            ]
            line += (
                f"   ours is {statistics.median(ratios):.2f} times "
                f"as fast ({min(ratios):.2f} to {max(ratios):.2f})"
            )
        print(line, flush=True)
    note(given, job, {side: [asdict(fit) for fit in taken] for side, taken in fits.items()})


def compare_scores(labelled: ComparedData, job: Job, given: argparse.Namespace) -> None:
    job = replace(job, steps=given.steps or job.steps, tests=given.eval_examples or job.tests)
    print(title(job), flush=True)
    for side, train in trainings(
        labelled, job, given.sides or ("ours", "longest"), one_epoch=False
    ).items():
        fit = train()
        scores = [score for score in fit.scores if score.name in MAIN_SCORES]
        told = ", ".join(
            f"{score.name} {score.value:.4g}{interval_of(score.interval)} n={score.count:,}"
            for score in scores
        )
        seconds = f"{fit.seconds:,.0f} s ({fit.processor_seconds:,.0f} of processor)"
        print(
            (
                f"  {side:8s} {told}   {seconds}, {fit.tokens:,} tokens, "
                f"{fit.tokens / seconds_of(fit, given):,.0f} tokens/s"
            ),
            flush=True,
        )
        note(given, job, {side: asdict(fit)})


def title(job: Job) -> str:
    return (
        f"{job.task}: {job.steps} steps of {job.batch}, rate {job.rate:g}, "
        f"longest {job.longest}, {job.precision}, seed {job.seed}"
    )


def interval_of(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:.4g}, {interval[1]:.4g}]"


def seconds_of(fit: Fit, given: argparse.Namespace) -> float:
    return fit.processor_seconds if given.processor_seconds else fit.seconds


def note(given: argparse.Namespace, job: Job, found: Mapping[str, object]) -> None:
    if given.out:
        with given.out.open("a") as lines:
            lines.write(json.dumps({**asdict(job), **found}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tasks", nargs="*", default=list(JOBS), metavar="TASK", help=", ".join(JOBS)
    )
    parser.add_argument(
        "--speed",
        action="store_true",
        help="a few steps of every side, round by round, without scores",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of --speed")
    parser.add_argument(
        "--steps", type=int, help=f"instead of those of each task; {SPEED_STEPS} with --speed"
    )
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--examples", type=int, help="train on no more than these")
    parser.add_argument("--eval-examples", type=int)
    parser.add_argument("--seeds", type=_numbers, default=[1], metavar="1,2")
    parser.add_argument("--precision", type=_words, default=["fp32"], metavar="fp32,bf16")
    parser.add_argument("--sides", type=_words, metavar=",".join(SIDES))
    parser.add_argument(
        "--processor-seconds",
        action="store_true",
        help="of all threads, not by the clock: where others compute beside",
    )
    parser.add_argument("--out", type=Path, help="append every figure as a line of JSON")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="a tiny model, made-up data: shows mistakes, not speed",
    )
    given = parser.parse_args()
    if given.rehearse:
        rehearse(given)
    elif missing := [
        name for name in ("SSLCLI_TEST_DATA", "SSLCLI_TEST_MODELS") if name not in os.environ
    ]:
        parser.error(
            f"{' and '.join(missing)} must name the folders "
            "of data and models; --rehearse needs neither"
        )
    else:
        compare_all(
            given,
            Path(os.environ["SSLCLI_TEST_DATA"]),
            Path(os.environ["SSLCLI_TEST_MODELS"]) / "minilm",
        )


def compare_all(given: argparse.Namespace, data: Path, model: Path) -> None:
    for name in given.tasks:
        job = replace(JOBS[name], batch=given.batch_size or JOBS[name].batch)
        labelled = ComparedData(job, data, model, given.examples)
        for precision in given.precision:
            for seed in given.seeds:
                each = replace(job, precision=precision, seed=seed)
                (measure_speed if given.speed else compare_scores)(labelled, each, given)


def rehearse(given: argparse.Namespace) -> None:
    """Scores of every task that is named and speed of the first, two steps of two examples each."""
    given.steps, given.batch_size, given.eval_examples, given.rounds = 2, 2, 4, 1
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), JOBS.values())
        write_model(Path(folder) / "minilm")
        compare_all(given, Path(folder), Path(folder) / "minilm")
        given.speed, given.tasks = True, given.tasks[:1]
        compare_all(given, Path(folder), Path(folder) / "minilm")


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    main()
