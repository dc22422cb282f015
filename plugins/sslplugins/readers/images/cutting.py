"""What all readers of images do: bring pixels to [0, 1] and one size, and cut them into patches.

Letters: H and W pixels, C channels.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import numpy as np
from PIL import Image

from sslcli.api import Config, DataError, Document, Grid, Reader, Where, setting

Colours = Literal["auto", "grey", "colour"]


class ImageOptions(Config):
    """Options of every reader of images."""

    patch: int = setting(4, "side of an image's patches in pixels; each is a row", "--patch", gt=0)
    resize: int | None = setting(
        None,
        "side in pixels that images are brought to, whatever their shape (box filter); as they are "
        "when not given",
        "--resize",
        gt=0,
    )
    colours: Colours = setting(
        "auto", "grey or colour; auto: as the first image is, and all others must be", "--colours"
    )


IO = TypeVar("IO", bound=ImageOptions)


class ImageReader(Reader[IO]):
    """A reader that cuts images into patches."""

    modality = "images"

    @classmethod
    def options_for(cls, grid: Grid) -> Mapping[str, Any]:
        return {"patch": grid.patch}


def document_of(pixels_HWC: np.ndarray, where: Where, patch: int, label: str | None) -> Document:
    """An image, float32 in [0, 1], as rows. Raises DataError where patches do not fill it."""
    height, width, channels = pixels_HWC.shape
    if not min(height, width) or height % patch or width % patch:
        sides = [side for side in range(2, 33) if not (height % side or width % side)]
        fits = f"use --patch {' or '.join(map(str, sides[:4]))}, or " if sides else "use "
        raise DataError(
            f"{where} has {height} x {width} pixels, which patches of {patch} x {patch} do not "
            "fill",
            f"{fits}--resize {max(patch, min(height, width) // patch * patch)}",
        )
    grid = Grid(height, width, channels, patch)
    return Document(where, array=grid.cut(pixels_HWC), label=label, grid=grid)


def scaled(pixels: np.ndarray, where: Where) -> np.ndarray:
    """Pixels of any of the usual types as float32 in [0, 1]. Raises DataError for others."""
    kind = pixels.dtype.newbyteorder("=")  # however its bytes lie
    if kind == np.bool_:
        return pixels.astype(np.float32)
    if kind in (np.uint8, np.uint16):
        return pixels.astype(np.float32) / np.float32(np.iinfo(kind).max)
    if kind.kind != "f":
        raise DataError(
            f"{where} holds numbers of type {kind}",
            "pixels are uint8 or uint16, or decimal numbers from 0 to 1",
        )
    least, most = (float(bound) for bound in (pixels.min(initial=0), pixels.max(initial=0)))
    if not (np.isfinite(pixels).all() and least >= 0 and most <= 1):
        raise DataError(
            f"{where} holds pixels from {least:.6g} to {most:.6g}",
            "decimal numbers are read as shares of the brightest, from 0 to 1: scale them",
        )
    return pixels.astype(np.float32)


def toned(pixels_HWC: np.ndarray, colours: Colours) -> np.ndarray:
    """Grey out of colour by the weights of ITU-R BT.601, or colour out of grey, as asked for."""
    channels = pixels_HWC.shape[2]
    if colours == "grey" and channels == 3:
        weights_C = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
        return (pixels_HWC @ weights_C)[:, :, None]
    if colours == "colour" and channels == 1:
        return np.repeat(pixels_HWC, 3, axis=2)
    return pixels_HWC


def resized(pixels_HWC: np.ndarray, side: int | None) -> np.ndarray:
    """The image with `side` pixels either way, each channel by Pillow's box filter."""
    if side is None or pixels_HWC.shape[:2] == (side, side):
        return pixels_HWC
    channels = [
        Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, channel]), mode="F").resize(
            (side, side), Image.Resampling.BOX
        )
        for channel in range(pixels_HWC.shape[2])
    ]
    return np.stack([np.asarray(channel, dtype=np.float32) for channel in channels], axis=2)
