"""Where the time of a training step goes, part by part, beside the least that the arithmetic needs
on this machine.

    python tests/benchmarks/profile_step.py [WORKLOAD ...] [--bf16] [--rounds 7] [--rehearse]

Each part runs forward and backward by itself on tensors of the step's shapes, all parts in turn,
several rounds; medians are printed. The floor of a product is its operations (core/arithmetic.py)
over the rate of a large product of random matrices, that of everything else the bytes it must read
and write over the rate of a large copy; both rates are measured between the rounds. What parts cost
together beyond their sum is "the rest": summed gradients, Python, colder caches.

Letters: T rows of the step, N of them with a target, D width, F features inside the feed-forward
layer, E width of the embeddings, V vocabulary, H heads, K features per head.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workloads import WORKLOADS, Ours, Workload, rehearsed

# isort: split
import torch
from torch import Tensor, nn

from sslcli.core.arithmetic import flops_per_token, head_parameters, parameters
from sslcli.core.attention import attend
from sslcli.core.inputs import to_device
from sslcli.engine.gradients import accumulate_gradients
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.replicas import Replica

COPIED_BYTES = 1 << 28


@dataclass(frozen=True)
class Part:
    """One run of `run` is what a step does; `flops` or `moved_bytes` is what it cannot do
    without.
    """

    name: str
    run: Callable[[], object]
    flops: float = 0.0
    moved_bytes: float = 0.0


class Step:
    """One batch of a workload, and the parts of training on it."""

    def __init__(self, ours: Ours) -> None:
        self.ours, self.hardware, self.learner = ours, ours.hardware, ours.learner
        self.backbone, self.head = ours.learner.backbone, ours.learner.learnable.head
        self.settings, self.steps = self.backbone.settings, ours.loader().steps(0)
        work = next(self.steps)
        self.work, self.batch = work, to_device(work.batches[0], self.hardware.device)
        self.packing, self.targets_N = self.batch.inputs.packing, self.batch.targets_N
        self.kind = self.hardware.autocast_type or torch.float32
        self.optimizer = ours.optimizer()

    def whole(self) -> None:
        batch = to_device(next(self.steps).batches[0], self.hardware.device)
        accumulate_gradients(Replica(self.learner), batch, batch.counts, self.hardware)
        self.optimizer.step(1.0, self.optimizer.norm())
        self.optimizer.zero()

    def parts(self) -> Iterator[Part]:
        rows, targets = self.packing.total, len(self.targets_N)
        width, inside, depth = (
            self.settings.width,
            self.settings.feedforward_width,
            self.settings.depth,
        )
        size = torch.finfo(self.kind).bits // 8
        attended = sum(length**2 for length in self.packing.lengths) / rows
        linear_flops = rows * flops_per_token(self.settings, 0, 0)
        trained = parameters(self.settings) + head_parameters(self.settings)
        matrix_bytes = 4 * self.backbone.embedding.numel()
        # forward reads 2 and writes 1, backward adds two gradients
        sums_bytes = size * rows * width * depth * 2 * 6
        yield Part("views (host)", lambda: next(self.steps))
        yield Part("embedding", self._embedding(), moved_bytes=matrix_bytes + 4 * rows * width * 8)
        yield Part("linear layers", self._linears(), linear_flops)
        yield Part(
            "attention",
            self._attention(),
            rows * flops_per_token(self.settings, attended, 0) - linear_flops,
        )
        yield Part("norms", self._norms(), moved_bytes=size * rows * width * 2 * depth * 5)
        yield Part("activation", self._activation(), moved_bytes=size * rows * inside * depth * 5)
        yield Part("residual sums", self._sums(), moved_bytes=sums_bytes)
        yield Part(
            "head: products",
            self._head_products(),
            rows * flops_per_token(self.settings, 0, targets / rows) - linear_flops,
        )
        yield Part(
            "head: the loss with them",
            self._head_loss(),
            moved_bytes=2 * size * targets * self.settings.vocabulary,
        )
        yield Part("gradient norm", self._norm(), moved_bytes=4 * trained)
        yield Part("optimizer", self._update(), moved_bytes=28 * trained)

    def _drawn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.hardware.device, dtype=self.kind).requires_grad_()

    def _both_ways(self, forward: Callable[[], Tensor], *leaves: Tensor) -> Callable[[], object]:
        with self.hardware.autocast():
            gradient = torch.randn_like(forward())

        def run() -> None:
            with self.hardware.autocast():
                result = forward()
            torch.autograd.grad(result, leaves, gradient)

        return run

    def _embedding(self) -> Callable[[], object]:
        parts = [
            parameter for parameter in self.backbone.inputs.parameters() if parameter.requires_grad
        ]
        return self._both_ways(lambda: self.backbone.inputs(self.batch.inputs), *parts)

    def _linears(self) -> Callable[[], object]:
        layers = [
            module for module in self.backbone.blocks.modules() if isinstance(module, nn.Linear)
        ]
        return _all(
            self._both_ways(lambda layer=layer, x=x: layer(x), x, *layer.parameters())
            for layer, x in (
                (layer, self._drawn(self.packing.total, layer.in_features)) for layer in layers
            )
        )

    def _attention(self) -> Callable[[], object]:
        heads, causal = (
            (self.settings.heads, self.settings.features_per_head),
            self.settings.architecture == "decoder",
        )
        q, k, v = (self._drawn(self.packing.total, *heads) for _ in range(3))
        once = self._both_ways(
            lambda: attend(q, k, v, self.packing, self.packing, causal=causal), q, k, v
        )
        return _all([once] * self.settings.depth)

    def _norms(self) -> Callable[[], object]:
        x_TD = self._drawn(self.packing.total, self.settings.width)
        norms = [
            module
            for module in self.backbone.blocks.modules()
            if isinstance(module, nn.LayerNorm | nn.RMSNorm)
        ]
        return _all(
            self._both_ways(lambda norm=norm: norm(x_TD), x_TD, *norm.parameters())
            for norm in norms
        )

    def _activation(self) -> Callable[[], object]:
        x_TF = self._drawn(self.packing.total, self.settings.feedforward_width)
        return _all(
            [self._both_ways(lambda: self.backbone.blocks[0].feedforward.activation(x_TF), x_TF)]
            * self.settings.depth
        )

    def _sums(self) -> Callable[[], object]:
        a_TD, b_TD = (
            self._drawn(self.packing.total, self.settings.width).detach() for _ in range(2)
        )
        return lambda: [a_TD + b_TD for _ in range(4 * self.settings.depth)]

    def _head_products(self) -> Callable[[], object]:
        hidden_NE = self._drawn(len(self.targets_N), self.settings.features_of_embedding).detach()
        weight_VE = self.backbone.embedding.detach().to(self.kind)

        def run() -> None:
            logits_NV = hidden_NE @ weight_VE.T
            _ = logits_NV @ weight_VE, logits_NV.T @ hidden_NE

        return run

    def _head_loss(self) -> Callable[[], object]:
        hidden_ND = torch.randn(
            len(self.targets_N), self.settings.width, device=self.hardware.device
        ).requires_grad_()
        learnt = [hidden_ND, self.backbone.embedding, *self.head.parameters()]
        return self._both_ways(
            lambda: self.head.loss(hidden_ND, self.targets_N, self.backbone).nll_sum, *learnt
        )

    def _norm(self) -> Callable[[], object]:
        return self._with_gradients(self.optimizer.norm)

    def _update(self) -> Callable[[], object]:
        norm = torch.ones((), device=self.hardware.device)
        return self._with_gradients(lambda: self.optimizer.step(0.0, norm))

    def _with_gradients(self, work: Callable[[], object]) -> Callable[[], object]:
        gradients = [
            (parameter, torch.randn_like(parameter)) for parameter in self.learner.parameters()
        ]

        def run() -> None:
            for parameter, gradient in gradients:
                parameter.grad = gradient  # the whole step before took it away
            work()

        return run


def _all(runs: Iterator[Callable[[], object]] | list[Callable[[], object]]) -> Callable[[], object]:
    runs = list(runs)

    def run() -> None:
        for one in runs:
            one()

    return run


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    """By the device's own clock where it has one."""
    if device.type == "cuda":
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        stop.record()
        torch.cuda.synchronize()
        return start.elapsed_time(stop) / 1e3
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def product_of(hardware: Hardware) -> tuple[Callable[[], object], float]:
    """A large product of random matrices, and its floating-point operations."""
    side = 8_192 if hardware.device.type == "cuda" else 1_024
    a, b = (
        torch.randn(
            side, side, device=hardware.device, dtype=hardware.autocast_type or torch.float32
        )
        for _ in range(2)
    )
    return lambda: a @ b, 2.0 * side**3


def copy_of(hardware: Hardware) -> Callable[[], object]:
    source = torch.randn(COPIED_BYTES // 4, device=hardware.device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def profile(name: str, workload: Workload, hardware: Hardware, rounds: int) -> None:
    step = Step(Ours(workload, hardware))
    product, product_flops = product_of(hardware)
    parts = [
        Part("step", step.whole),
        *step.parts(),
        Part("product", product),
        Part("copy", copy_of(hardware)),
    ]
    taken: dict[str, list[float]] = {part.name: [] for part in parts}
    for round_number in range(rounds + 1):
        for part in parts:
            seconds = seconds_of(part.run, hardware.device)
            if round_number > 0:  # the first one settles
                taken[part.name].append(seconds)
    middle = {part: statistics.median(seconds) for part, seconds in taken.items()}
    flops_rate, bytes_rate = product_flops / middle["product"], 2 * COPIED_BYTES / middle["copy"]
    print_table(name, step, parts[1:-2], middle, flops_rate, bytes_rate)


def print_table(
    name: str,
    step: Step,
    parts: list[Part],
    middle: dict[str, float],
    flops_rate: float,
    bytes_rate: float,
) -> None:
    rows, targets, kind = (
        step.packing.total,
        len(step.targets_N),
        str(step.kind).removeprefix("torch."),
    )
    print(
        f"{name}, {kind}: {rows:,} rows, {targets:,} targets; "
        f"{flops_rate / 1e9:,.0f} GFLOP/s, {bytes_rate / 1e9:,.1f} GB/s"
    )
    print(f"  {'':24s}{'ms':>9s}{'share':>8s}{'floor ms':>10s}{'of floor':>10s}")
    middle = dict(middle)
    # The loss holds the products; apart they show what the passes over logits cost.
    middle["head: the loss with them"] = max(
        middle["head: the loss with them"] - middle["head: products"], 0.0
    )
    floors = 0.0
    for part in parts:
        floor = part.flops / flops_rate + part.moved_bytes / bytes_rate
        floors += floor
        label = "head: all but products" if part.name == "head: the loss with them" else part.name
        print_row(label, middle[part.name], middle["step"], floor)
    rest = middle["step"] - sum(middle[part.name] for part in parts)
    print_row("the rest", rest, middle["step"], 0.0)
    print_row("step", middle["step"], middle["step"], floors)


def print_row(label: str, seconds: float, whole: float, floor: float) -> None:
    times = f"{seconds / floor:9.1f}x" if floor else f"{'-':>10s}"
    print(
        f"  {label:24s}{1e3 * seconds:9.1f}{seconds / whole:8.0%}{1e3 * floor:10.1f}{times}",
        flush=True,
    )


# its parts are those of one pass: an encoder-decoder has two
ONE_STACK = [name for name, workload in WORKLOADS.items() if not workload.has_memory]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "workloads",
        nargs="*",
        default=ONE_STACK,
        metavar="WORKLOAD",
        help=", ".join(ONE_STACK),
    )
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--rehearse", action="store_true", help="tiny shapes, one round: shows mistakes, not speed"
    )
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name in given.workloads:
        hardware = Hardware(device, torch.bfloat16 if given.bf16 else None, False)
        if given.rehearse:
            profile(name, rehearsed(WORKLOADS[name]), hardware, rounds=1)
        else:
            profile(name, WORKLOADS[name], hardware, given.rounds)


if __name__ == "__main__":
    main()
