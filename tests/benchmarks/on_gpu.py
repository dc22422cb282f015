"""Training and decoding on a GPU, beside Hugging Face's: share of the machine's own matmul rate,
ratio, memory.

    python tests/benchmarks/on_gpu.py [G1-128] [G1-512] [G2] [D1] [--steps 60] [--rounds 3]
    python tests/benchmarks/on_gpu.py --rehearse

G1: BERT-base on rows of mixed lengths; G2: GPT-2 (124M) on full rows; both in bf16, compiled,
against the Trainer in bf16 with torch.compile and batches of like lengths. D1: greedy decoding of
GPT-2 with a cache, against `generate`. --rehearse runs all of it on a tiny shape without compiling,
on whatever is there: it shows mistakes, and no speed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workloads import SEED, SPECIALS, Ours, Workload, rehearsed

# isort: split
import torch
from peers import Peer, peer_batches, peer_model, train_peer

from sslcli.core.arithmetic import flops_per_token
from sslcli.core.generation import generate_tokens
from sslcli.engine.precision import Hardware
from sslcli.models.loading import load_pretrained

BERT_BASE = {"depth": 12, "width": 768, "heads": 12}
TRAINING = {
    "G1-128": Workload("mlm", 128, 256, 30_528, **BERT_BASE),
    "G1-512": Workload("mlm", 512, 64, 30_528, **BERT_BASE),
    "G2": Workload("clm", 1_024, 16, 50_304, **BERT_BASE),
}
DECODING = TRAINING["G2"]
DECODED_TOKENS, PROMPT_TOKENS, DECODING_BATCHES = 256, 32, (1, 32)
MATMUL_SIDE, MATMUL_REPEATS = 8_192, 20


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matmul_rate(device: torch.device, rehearses: bool) -> float:
    """bf16 operations a second of a large product of random matrices; the best of three."""
    side, repeats = (256, 2) if rehearses else (MATMUL_SIDE, MATMUL_REPEATS)
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(4):  # the first one settles
        synchronize()
        began = time.perf_counter()
        for _ in range(repeats):
            a @ b
        synchronize()
        best = max(best, 2.0 * side**3 * repeats / (time.perf_counter() - began))
    return best


def peak_gigabytes(run: Callable[[], object]) -> tuple[object, float]:
    """What `run` returns, and the most memory that torch held on the GPU meanwhile; 0 without a
    GPU.
    """
    if not torch.cuda.is_available():
        return run(), 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return run(), torch.cuda.max_memory_allocated() / 1e9


def train(name: str, given: argparse.Namespace, rate: float) -> None:
    """Rounds of both forth and back, from the same weights on the same sequences."""
    workload = rehearsed(TRAINING[name]) if given.rehearse else TRAINING[name]
    hardware = Hardware(given.device, torch.bfloat16, not given.rehearse)
    peer = Peer(grouped=True, bf16=True, compile=not given.rehearse)
    with tempfile.TemporaryDirectory() as folder:
        model = peer_model(workload)
        model.save_pretrained(folder)
        batches = peer_batches(
            Ours(workload, Hardware(torch.device("cpu"), None, False), Path(folder)),
            given.steps,
            peer,
        )
        sides = {
            "ours": lambda: Ours(workload, hardware, Path(folder)).train(
                given.steps, given.log_every
            ),
            "trainer": lambda: train_peer(
                type(model).from_pretrained(folder), batches, peer, given.log_every
            ),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        settling, memory = dict.fromkeys(sides, 0.0), {}
        for round_number in range(given.rounds):
            for side in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
                taken, memory[side] = peak_gigabytes(sides[side])
                seconds[side].append(taken.step_seconds)
                settling[side] = max(settling[side], taken.settling_seconds)
    lengths = torch.cat([batch["attention_mask"].sum(dim=1) for batch in batches]).double()
    targets = sum(int((batch["labels"][:, int(workload.causal) :] >= 0).sum()) for batch in batches)
    tokens = float(lengths.sum())
    flops = (
        tokens
        * flops_per_token(workload.settings, float((lengths**2).sum()) / tokens, targets / tokens)
        / len(batches)
    )
    print(
        f"{name}: useful work is {flops / 1e12:.2f} TFLOP a step; matmul {rate / 1e12:,.1f} TFLOP/s"
    )
    for side, taken in seconds.items():
        middle = statistics.median(taken)
        print(
            f"  {side:8s}{tokens / len(batches) / middle:12,.0f} "
            f"tokens/s  {flops / middle / rate:6.1%} of the matmul rate"
            f"  settling {settling[side]:6.1f} s  {memory[side]:5.1f} GB",
            flush=True,
        )
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["trainer"], strict=True)]
    print(
        (
            f"  ours is {statistics.median(ratios):.2f} times the "
            f"trainer (rounds {', '.join(f'{r:.2f}' for r in ratios)})"
        ),
        flush=True,
    )


def decode(given: argparse.Namespace) -> None:
    """The same weights in bf16 on both sides; in float32, which is checked first, both must give
    the same tokens.
    """
    workload = rehearsed(DECODING) if given.rehearse else DECODING
    new_tokens, prompt_tokens = (8, 4) if given.rehearse else (DECODED_TOKENS, PROMPT_TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        model = peer_model(workload)
        model.save_pretrained(folder)
        backbone, head = load_pretrained(folder).network()
    model, backbone, head = (part.to(given.device).eval() for part in (model, backbone, head))
    generator = torch.Generator().manual_seed(SEED)
    for batch in DECODING_BATCHES:
        prompts = torch.randint(
            SPECIALS, workload.vocabulary, (batch, prompt_tokens), generator=generator
        ).to(given.device)
        sides = {
            "ours": lambda prompts=prompts: torch.stack(generate_tokens(backbone, head,
            list(prompts), new_tokens=new_tokens)),
            "generate": lambda prompts=prompts: model.generate(
                prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=new_tokens,
                min_new_tokens=new_tokens, do_sample=False,
                pad_token_id=0,
            )[:, prompt_tokens:],
        }  # fmt: skip
        for part in (model, backbone, head):
            part.float()
        same = (sides["ours"]() == sides["generate"]()).float().mean().item()
        for part in (model, backbone, head):
            part.bfloat16()
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for round_number in range(given.rounds + 1):
            for side in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
                synchronize()
                began = time.perf_counter()
                sides[side]()
                synchronize()
                if round_number > 0:  # the first one settles
                    seconds[side].append(time.perf_counter() - began)
        print(f"D1, {batch} at once: {same:.1%} of the tokens are the same in float32")
        for side, taken in seconds.items():
            print(
                f"  {side:8s}{batch * new_tokens / statistics.median(taken):12,.0f} tokens/s",
                flush=True,
            )
        ratios = [b / a for a, b in zip(seconds["ours"], seconds["generate"], strict=True)]
        print(
            (
                f"  ours is {statistics.median(ratios):.2f} times "
                f"generate (rounds {', '.join(f'{r:.2f}' for r in ratios)})"
            ),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*TRAINING, "D1"]
    parser.add_argument("names", nargs="*", default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument(
        "--log-every",
        type=int,
        default=10,
        help="steps between two readings of the loss, which wait for the GPU",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes, nothing compiled")
    given = parser.parse_args()
    given.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if given.rehearse:
        given.steps, given.log_every, given.rounds = 6, 2, 1
    elif given.device.type != "cuda":
        parser.error("there is no GPU; --rehearse runs tiny shapes without one")
    rate = matmul_rate(given.device, given.rehearse)
    for name in given.names:
        if name == "D1":
            decode(given)
        else:
            train(name, given, rate)


if __name__ == "__main__":
    main()
