"""Self-distillation without labels (Caron et al. 2021, "DINO"): a student tells of one view what
its teacher, a moving average of itself, makes of another.

Both give a distribution over K outputs that mean nothing by themselves. Two things keep all of them
from being the same: the teacher's is sharpened by a low temperature, lest it become uniform, and a
moving average of what it says, the centre, is taken from it, lest one output win (section 3.1 and
appendix D). What is left out of the paper: small crops are resized to whole images, positions being
of a grid, and the last layer learns from the first step on. A view of a record of a table shows
some of its columns, a small one half as many.

Letters: B items, V views of each, G of them global ones, N views in all, L patches, F numbers of a
row, D width, K outputs, Q features before the last layer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, log_softmax, normalize

from sslcli.api import (
    Batch,
    Context,
    Follower,
    Grid,
    Histogram,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Transformer,
    UsageError,
    ViewOptions,
    at_least_float32,
    collapse_signals,
    gather,
    image_views,
    item_tables,
    record_views,
    seen_columns,
    setting,
    spread_views,
    unread_views,
)

GLOBAL = 2  # views of each image that the teacher sees
SMALL = (0.15, 0.4)  # shares of an image that the student's further views show
SMALL_OF_RECORD = 2  # one column of a small view for so many of a global one


class Head(nn.Module):
    """Features [N, D] to logits [N, K]: three layers, length 1, and outputs of length 1."""

    def __init__(self, width: int, inside: int, narrow: int, outputs: int) -> None:
        super().__init__()
        self.enter, self.widen = nn.Linear(width, inside), nn.Linear(inside, inside)
        self.narrow, self.last = nn.Linear(inside, narrow), nn.Linear(narrow, outputs, bias=False)

    def forward(self, read_ND: Tensor) -> Tensor:
        """[N, K], cosines."""
        told_NQ = self.narrow(gelu(self.widen(gelu(self.enter(read_ND)))))
        toward_NQ, outputs_KQ = (
            normalize(at_least_float32(x), dim=1) for x in (told_NQ, self.last.weight)
        )
        return linear(toward_NQ, outputs_KQ)


@dataclass(frozen=True)
class DistilBatch(ModelBatch):
    """`inputs` are all views, which the student reads: the first of every image, then the second
    ones and so on. `seen` are the first two of them, which the teacher reads.
    """

    seen: Inputs


class DistilSelf(Objective[DistilBatch, "DistilSelf.Options"]):
    """Tell of each view what the teacher makes of the other."""

    class Options(ViewOptions):
        outputs: int = setting(256, "outputs of student and teacher", "--outputs", gt=1)
        student_temperature: float = setting(
            0.1, "what the student's outputs are divided by", "--student-temperature", gt=0
        )
        teacher_temperature: float = setting(
            0.04, "the same of the teacher, which must be sharper", "--teacher-temperature", gt=0
        )
        momentum: float = setting(
            0.99, "share of the teacher that stays at each step, at first; 1 at the end", gt=0, lt=1
        )
        centre_momentum: float = setting(0.9, "the same of the centre, throughout", ge=0, lt=1)
        small_views: int = setting(
            0,
            "further views, of small crops or fewer columns, for the student alone",
            "--small-views",
            ge=0,
            le=20,
        )
        head_width: int = setting(256, "features inside the head", gt=1)
        head_bottleneck: int = setting(64, "features before its last layer", gt=1)

    summary = "tell of one view of an item what its own moving average makes of another (DINO)"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})
    arranges = "items"
    couples = True  # of the loss only the signs of a collapse are of a whole batch

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape = context.architecture
        if shape.layout is None or (shape.grid is None and shape.layout.rows < 2):
            raise UsageError(
                "this model reads no images, and no table of several columns",
                "choose other data, or another --model",
            )
        if options.teacher_temperature >= options.student_temperature:
            raise UsageError(
                f"a teacher at {options.teacher_temperature:g} is no sharper than a student at "
                f"{options.student_temperature:g}, and all outputs would become alike",
                "use a lower --teacher-temperature",
            )
        self.layout = shape.layout
        sizes = (shape.width, options.head_width, options.head_bottleneck, options.outputs)
        self.head, self.teacher_head = Head(*sizes), Head(*sizes)
        self.teacher = Transformer(shape.model_copy(update={"dropout": 0.0}))
        self.register_buffer("centre_K", torch.zeros(options.outputs))

    def followers(self) -> Sequence[Follower]:
        momentum = (self.options.momentum, 1.0)
        return [
            Follower("learnable.teacher.*", "backbone.*", momentum),
            Follower("learnable.teacher_head.*", "learnable.head.*", momentum),
        ]

    def idle_options(self) -> Collection[str]:
        """Views of the other kind of data."""
        return unread_views(self.layout)

    def begin(self, backbone: Transformer, first_batch: Callable[[], DistilBatch]) -> None:
        """The teacher begins as the student, with its fixed positions, whatever file these came
        from, and the centre as the mean of what is said of the first batch.
        """
        for own, theirs in zip(self.teacher.buffers(), backbone.buffers(), strict=True):
            own.copy_(theirs)
        read_ND = backbone(first_batch().seen).pooled_BD
        self.centre_K.copy_(self.head(read_ND).mean(dim=0))

    def collate(self, batch: Batch, rng: Rng) -> DistilBatch:
        cut = self._of_images if isinstance(self.layout, Grid) else self._of_records
        every, seen = cut(batch, rng)
        return DistilBatch(every, {"distillation": len(batch)}, seen)

    def _of_images(self, batch: Batch, rng: Rng) -> tuple[Inputs, Inputs]:
        """All views, and those that the teacher sees."""
        grid = self.layout
        assert isinstance(grid, Grid), "images lie on a grid"
        rows_BLF = batch.values.reshape(len(batch), grid.rows, grid.features)
        shares = [None] * GLOBAL + [SMALL] * self.options.small_views
        views = [
            image_views(rows_BLF, grid, batch.numbers, rng, f"view {number}", self.options, share)
            for number, share in enumerate(shares)
        ]
        every, seen = (
            Inputs.pack(torch.from_numpy(np.concatenate(some))) for some in (views, views[:GLOBAL])
        )
        return every, seen

    def _of_records(self, batch: Batch, rng: Rng) -> tuple[Inputs, Inputs]:
        """The same of some columns of each record."""
        rows = self.layout.rows
        shown = seen_columns(rows, self.options.hide)
        counts = [shown] * GLOBAL
        counts += [max(1, shown // SMALL_OF_RECORD)] * self.options.small_views
        views = [
            record_views(batch, rows, count, rng, f"view {number}")
            for number, count in enumerate(counts)
        ]
        every, seen = (
            Inputs.pack(
                [rows_KF for view_BKF, _ in some for rows_KF in view_BKF],
                positions=[kept_K for _, kept_BK in some for kept_K in kept_BK],
            )
            for some in (views, views[:GLOBAL])
        )
        return every, seen

    def _taught(self, seen: Inputs) -> Tensor:
        """[G, B, K], what the teacher says of the global views, before centre and temperature."""
        with torch.no_grad():
            told_NK = self.teacher_head(self.teacher(seen).pooled_BD)
        return told_NK.unflatten(0, (GLOBAL, -1))

    def forward(self, backbone: Transformer, batch: DistilBatch) -> Loss:
        """Cross entropy of all pairs of a view of the teacher and another one of the student, their
        mean for each image.
        """
        options, images = self.options, batch.counts["distillation"]
        read_ND = backbone(batch.inputs).pooled_BD
        told_VBK = (self.head(read_ND) / options.student_temperature).unflatten(0, (-1, images))
        taught_GBK = self._taught(batch.seen)
        sharp_GBK = ((taught_GBK - self.centre_K) / options.teacher_temperature).softmax(dim=-1)
        says_VBK = log_softmax(told_VBK, dim=-1)
        # all pairs, less those of a view with itself
        total = sharp_GBK.sum(dim=0) * says_VBK.sum(dim=0) - (sharp_GBK * says_VBK[:GLOBAL]).sum(0)
        pairs = GLOBAL * (len(says_VBK) - 1)
        entropy = torch.special.entr(sharp_GBK).sum() / GLOBAL
        signals = collapse_signals(gather(read_ND[: GLOBAL * images].detach()), images)
        metrics = {
            "teacher_entropy": Ratio(entropy, images),
            "outputs": Histogram(sharp_GBK.sum(dim=(0, 1)), ("perplexity",)),
            **signals,
        }
        state = {
            "said": taught_GBK.sum(dim=(0, 1)),
            "views": torch.tensor(float(GLOBAL * images), device=taught_GBK.device),
        }
        return Loss({"distillation": -total.sum() / pairs}, metrics, state)

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        """Move the centre to the mean of what the teacher says (equation 4)."""
        mean_K = state["said"] / state["views"]
        self.centre_K.lerp_(mean_K.to(self.centre_K.dtype), 1 - self.options.centre_momentum)

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[DistilBatch]
    ) -> Mapping[str, float]:
        """The loss of a student that says all outputs are as likely."""
        return {"all alike": log(self.options.outputs)}

    def show(self, batch: DistilBatch) -> Report:
        """Views of the first items: images in characters, records in words."""
        views = spread_views(batch.inputs, self.layout.rows).chunk(
            GLOBAL + self.options.small_views
        )
        shown = {f"view {number}": rows_TF.numpy() for number, rows_TF in enumerate(views, 1)}
        return Report(
            "what is to be alike",
            tables=item_tables(self.layout, shown),
            notes=[f"the teacher sees the first {GLOBAL}"],
        )
