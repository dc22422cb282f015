"""Views of images: random crops, mirrored, brighter and of other contrast (Chen et al. 2020,
"SimCLR", section 3; of grey images brightness and contrast stand for colours).

Letters: B images, H and W pixels, C channels, L patches of an image, F numbers of one.
"""

from typing import Any

import numpy as np

from sslcli.config import Config, setting
from sslcli.data.rng import Rng
from sslcli.grid import Grid

MOST_STRETCHED = 1.15  # sides of a crop, beside the image's own


class ViewOptions(Config):
    """How two views of an image differ, or of a record of a table."""

    crop: float = setting(
        0.4,
        "smallest share of an image that a view shows, resized to all of it",
        "--crop",
        gt=0,
        le=1,
    )
    flip: bool = setting(True, "mirror half of the views; not for digits or letters", "--flip")
    jitter: float = setting(
        0.4,
        "how much brightness and contrast change: by a factor of 1 plus or minus this",
        ge=0,
        lt=1,
    )
    hide: float = setting(
        0.4, "share of a record's columns that each view of it hides", "--hide", gt=0, lt=1
    )


def unread_views(layout: Any) -> list[str]:
    """The options of ViewOptions that belong to another layout than this."""
    return ["hide"] if isinstance(layout, Grid) else ["crop", "flip", "jitter"]


def image_views(
    rows_BLF: np.ndarray,
    grid: Grid,
    numbers_B: np.ndarray,
    rng: Rng,
    name: str,
    options: Any,
    shares: tuple[float, float] | None = None,
) -> np.ndarray:
    """One view [B, L, F] of each image; the same for the same `name` and number of a sample.

    `options` has those of ViewOptions. `shares`: least and largest share of the image that is
    seen, in the place of --crop.
    """
    least, most = (options.crop, 1.0) if shares is None else shares

    def drawn(what: str, low: float, high: float) -> np.ndarray:
        return low + (high - low) * rng.uniform(f"{name} {what}", numbers_B)

    share_B, stretch = drawn("share", least, most), np.log(MOST_STRETCHED)
    stretch_B = np.exp(drawn("stretch", -stretch, stretch))
    tall_B = np.minimum(1, np.sqrt(share_B * stretch_B))
    wide_B = np.minimum(1, np.sqrt(share_B / stretch_B))
    images_BHWC = np.stack([grid.joined(rows_LF) for rows_LF in rows_BLF])
    flipped_B = drawn("flip", 0, 1) < (0.5 if options.flip else 0)
    cut_BHWC = _resampled(images_BHWC, drawn("top", 0, 1), tall_B, np.zeros_like(flipped_B), 1)
    cut_BHWC = _resampled(cut_BHWC, drawn("left", 0, 1), wide_B, flipped_B, 2)
    contrast_B, bright_B = (
        drawn(what, 1 - options.jitter, 1 + options.jitter)[:, None, None, None].astype(np.float32)
        for what in ("contrast", "brightness")
    )
    mean_B = cut_BHWC.mean(axis=(1, 2, 3), keepdims=True)
    changed_BHWC = np.clip(((cut_BHWC - mean_B) * contrast_B + mean_B) * bright_B, 0, 1)
    return np.stack([grid.cut(image_HWC) for image_HWC in changed_BHWC]).astype(np.float32)


def _resampled(
    images_BHWC: np.ndarray,
    place_B: np.ndarray,
    size_B: np.ndarray,
    flipped_B: np.ndarray,
    axis: int,
) -> np.ndarray:
    """Along an axis so much of each image as `size_B` says, in as many pixels as all of it has, by
    linear interpolation; `place_B` from 0 to 1 says which part.
    """
    count = images_BHWC.shape[axis]
    middles_N = (np.arange(count) + 0.5) / count
    middles_BN = np.where(flipped_B[:, None], middles_N[::-1], middles_N)
    start_B = place_B * (1 - size_B)
    at_BN = (start_B[:, None] + middles_BN * size_B[:, None]) * count - 0.5
    at_BN = np.clip(at_BN, 0, count - 1)
    below_BN = np.minimum(np.floor(at_BN).astype(np.int64), max(0, count - 2))
    above_BN = np.minimum(below_BN + 1, count - 1)
    shape = [len(images_BHWC), 1, 1, 1]
    shape[axis] = count
    share = (at_BN - below_BN).astype(np.float32).reshape(shape)
    below, above = (
        np.take_along_axis(images_BHWC, index_BN.reshape(shape), axis=axis)
        for index_BN in (below_BN, above_BN)
    )
    return below * (1 - share) + above * share
