"""How small the codes of a model make images, in bytes of files that are written and read again,
beside JPEG, WebP and principal components.

Bits per pixel are of the codes alone: whoever reads them has the decoder, as whoever reads a JPEG
has that. The probabilities of the coder are those of training images. What a file says of itself
weighs as much as a small image, so sizes are told three ways: a file an image, the same without the
bytes of a black image, and all images in one file.

Letters: N images, H and W pixels, C channels, G codes of an image.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import log2

import numpy as np

from sslcli.api import (
    Config,
    Count,
    Curve,
    FrozenModel,
    Plot,
    Probe,
    Report,
    Rng,
    Score,
    Table,
    decoded_ids,
    item_code_ids,
    item_images,
    mean_score,
    psnr,
    quantizer_of,
    setting,
    ssim,
    ssim_window,
)
from sslplugins.probes.images.code_model import CodeModel
from sslplugins.probes.images.compressors import Compressed, by_components, by_files, coded

OWN = "codes"
COLUMNS = (
    "way", "setting", "bits a pixel, a file each", "less a black one", "in one file",
    "PSNR of the mean error, dB", "mean PSNR, dB", "SSIM",
)  # fmt: skip


class Compress(Probe["Compress.Options"]):
    """Bits per pixel against PSNR and SSIM, of codes and of what else makes images small."""

    class Options(Config):
        limit: Count = setting(400, "held-out images that are compressed", gt=0)
        fit: Count = setting(12_000, "training images that the coder is fitted on", gt=1)

    summary = "codes as files: bits per pixel against PSNR and SSIM, beside JPEG, WebP and PCA"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        sizes = quantizer_of(model).code_sizes
        items = {
            "train": model.probe_data.items("train").some(self.options.fit),
            "held_out": model.probe_data.items("held_out").some(self.options.limit),
        }
        train, images = (item_images(each) for each in items.values())
        black = replace(
            items["held_out"].some(1), rows_of=lambda _: np.zeros_like(items["held_out"].rows(0))
        )
        ids = {name: item_code_ids(model, each) for name, each in items.items()}
        blank_1G = item_code_ids(model, black)

        def made(ids_NG: np.ndarray) -> np.ndarray:
            return np.clip(decoded_ids(model, ids_NG), 0, 1)

        own = [
            coded(OWN, setting, coder, ids["held_out"], blank_1G, made)
            for setting, coder in (
                ("by histogram", CodeModel(ids["train"], sizes)),
                ("in context", CodeModel(ids["train"], sizes, in_context=True)),
            )
        ]
        rivals = [*by_components(train, images)]
        if images.shape[3] in (1, 3):
            rivals = [*by_files(images), *rivals]
        return _report(model, images, own, rivals, sum(map(log2, sizes)))


def _report(
    model: FrozenModel,
    images: np.ndarray,
    own: Sequence[Compressed],
    rivals: Sequence[Compressed],
    bits: float,
) -> Report:
    pixels = images.shape[1] * images.shape[2]
    best = min(own, key=lambda each: each.tiled)
    size, quality = _bits_a_pixel(best.tiled, images), _quality(best.tiled_images, images)
    at_as_many = {
        name: value
        for name in ("PCA, 8 bits", "PCA, equal steps")
        if (value := _psnr_at(size, [r for r in rivals if r.name == name], images)) is not None
    }
    apart = _errors(best.images, images)
    likeness = mean_score("SSIM", ssim(best.images, images))
    return Report(
        title=f"{len(images):,} images as codes of {model.name}",
        scores=[
            Score(
                "bits per pixel", size, "", False, len(images),
                baselines={
                    "of equal length": bits / pixels,
                    "by histogram": _bits_a_pixel(own[0].tiled, images),
                },
            ),
            Score("PSNR of the mean error", quality, "dB", True, len(images), baselines=at_as_many),
            mean_score("mean PSNR", psnr(np.maximum(apart, 1e-10)), "dB"),
            likeness,
        ],
        tables=[Table("compressed images", COLUMNS, [_row(r, images) for r in (*own, *rivals)])],
        plots=_plots([*own, *rivals], images),
        notes=[*_words(size, quality, rivals, at_as_many, images), *_terms(model, images)],
    )  # fmt: skip


def _bits_a_pixel(size: int, images: np.ndarray) -> float:
    return 8 * size / (len(images) * images.shape[1] * images.shape[2])


def _errors(found: np.ndarray, images: np.ndarray) -> np.ndarray:
    """[N], mean squared errors."""
    return np.square(found - images).mean(axis=(1, 2, 3))


def _quality(found: np.ndarray, images: np.ndarray) -> float:
    return float(psnr(_errors(found, images).mean()))


def _row(made: Compressed, images: np.ndarray) -> list[str | float]:
    count = len(images)
    sizes = (made.files, max(0, made.files - count * made.blank), made.tiled)
    errors = _errors(made.tiled_images, images)
    return [
        made.name,
        made.setting,
        *(round(_bits_a_pixel(size, images), 4) for size in sizes),
        round(float(psnr(errors.mean())), 2),
        round(float(psnr(np.maximum(errors, 1e-10)).mean()), 2),
        round(float(ssim(made.tiled_images, images).mean()), 4),
    ]


def _plots(found: Sequence[Compressed], images: np.ndarray) -> list[Plot]:
    """Quality against size, all images in one file."""
    plots = []
    for name, quality in (
        ("PSNR of the mean error, dB", lambda each: _quality(each, images)),
        ("SSIM", lambda each: float(ssim(each, images).mean())),
    ):
        curves = []
        for way, group in groupby(found, lambda each: each.name):
            points = sorted(
                (_bits_a_pixel(each.tiled, images), quality(each.tiled_images)) for each in group
            )
            curves.append(Curve(way, [x for x, _ in points], [y for _, y in points]))
        plots.append(Plot(f"{name} by bits per pixel", "bits per pixel", name, curves))
    return plots


def _psnr_at(size: float, ways: Sequence[Compressed], images: np.ndarray) -> float | None:
    """What a way reaches with so many bits a pixel, between two of its points; None beyond them."""
    points = sorted(
        (_bits_a_pixel(w.tiled, images), _quality(w.tiled_images, images)) for w in ways
    )
    sizes, values = [x for x, _ in points], [y for _, y in points]
    if not points or not sizes[0] <= size <= sizes[-1]:
        return None
    return float(np.interp(size, sizes, values))


def _words(
    size: float,
    quality: float,
    rivals: Sequence[Compressed],
    at_as_many: dict[str, float],
    images: np.ndarray,
) -> list[str]:
    """Where the codes are better than the others, and where they are not."""
    found = []
    for form in ("JPEG", "WebP"):
        points = sorted(
            (_bits_a_pixel(r.tiled, images), _quality(r.tiled_images, images), r.setting)
            for r in rivals
            if r.name == form
        )
        if not points:
            continue
        smallest = points[0]
        as_good = next((point for point in points if point[1] >= quality), None)
        least = (
            f"{form} in one file has at least {smallest[0]:.3f} bits a pixel, at "
            f"{smallest[1]:.1f} dB"
        )
        if as_good is None:
            found.append(f"{least}, and nowhere as much as the codes' {quality:.1f} dB")
        elif as_good[0] <= size:
            found.append(f"{form} wins: {as_good[1]:.1f} dB at {as_good[0]:.3f} bits a pixel")
        else:
            found.append(
                f"{least}; from {as_good[0]:.3f} bits a pixel on ({as_good[2]}) it is better than "
                f"the codes are with {size:.3f}, {quality:.1f} dB"
            )
    found += [
        f"not emerged: {name} reaches {value:.1f} dB with as many bits"
        for name, value in at_as_many.items()
        if value >= quality
    ]
    return found


def _terms(model: FrozenModel, images: np.ndarray) -> list[str]:
    """What the figures are of."""
    window = ssim_window(*images.shape[1:3]).name
    assert model.learnable is not None, "it has codes"
    parts = (*model.backbone.parameters(), *model.learnable.parameters())
    count = sum(parameter.numel() for parameter in parts)
    return [
        f"encoder and decoder, {count:,} numbers together, are not counted, as the programs of "
        "JPEG and WebP are not",
        f"PSNR and SSIM are of numbers from 0 to 1; SSIM with a window: {window}",
    ]
