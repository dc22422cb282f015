"""Ways to make images smaller: each gives how many bytes they are and what is left of them.

Letters: N images, H and W pixels, C channels, P numbers of an image (H W C), K components.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from PIL import Image

from sslcli.api import principal_components
from sslplugins.probes.images.code_model import CodeModel

QUALITIES = {"JPEG": (1, 5, 10, 25, 50, 75, 95), "WebP": (1, 5, 10, 25, 50, 75, 90)}
OPTIONS: dict[str, dict[str, Any]] = {"JPEG": {"optimize": True}, "WebP": {"method": 6}}
COMPONENTS = (1, 2, 4, 8, 16, 32, 64, 128)
STEPS = (0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 2.0)  # of components, in units of pixels
LEVELS = 256  # of 8 bits
MOST_LEVELS = 4_096


@dataclass(frozen=True)
class Compressed:
    """N images made smaller. `files`: bytes of each by itself, `blank`: of a black one, `tiled`: of
    all in one file; `images` [N, H, W, C] are what the files give back, `tiled_images` the one.
    """

    name: str
    setting: str
    files: int
    blank: int
    tiled: int
    images: np.ndarray
    tiled_images: np.ndarray


def coded(
    name: str,
    setting: str,
    model: CodeModel,
    ids_NG: np.ndarray,
    blank_1G: np.ndarray,
    made: Callable[[np.ndarray], np.ndarray],
) -> Compressed:
    """Images as codes, which are written and read again; `made` gives the images of codes."""
    apart = [model.encoded(one_G[None]) for one_G in ids_NG]
    whole = model.encoded(ids_NG)
    read_NG = model.decoded(whole, len(ids_NG))
    assert np.array_equal(read_NG, ids_NG), "a file gives back what was written"
    images = made(read_NG)
    files = sum(map(len, apart))
    return Compressed(
        name, setting, files, len(model.encoded(blank_1G)), len(whole), images, images
    )


def by_files(images_NHWC: np.ndarray) -> Iterator[Compressed]:
    """JPEG and WebP by Pillow, of grey images and those of three channels."""
    for form, qualities in QUALITIES.items():
        for quality in qualities:
            options = {**OPTIONS[form], "quality": quality}
            apart = [_written(image_HWC, form, options) for image_HWC in images_NHWC]
            blank = len(_written(np.zeros_like(images_NHWC[0]), form, options))
            mosaic = mosaic_of(images_NHWC)
            whole = _written(mosaic, form, options)
            read = np.stack([_read(content, images_NHWC.shape[3]) for content in apart])
            back = parts_of(_read(whole, images_NHWC.shape[3]), images_NHWC.shape)
            files = sum(map(len, apart))
            yield Compressed(form, f"quality {quality}", files, blank, len(whole), read, back)


def by_components(train_NHWC: np.ndarray, images_NHWC: np.ndarray) -> Iterator[Compressed]:
    """K principal components of the training images, each number in 8 bits between its ends there;
    and all components in equal steps, which spends the bits where they are worth most. Both are
    coded as codes are, by the histograms of the training images.
    """
    shape = images_NHWC.shape
    train_NP, whole_NP = (
        x.reshape(len(x), -1).astype(np.float64) for x in (train_NHWC, images_NHWC)
    )
    mean_P = train_NP.mean(axis=0)
    directions_KP = principal_components(train_NP - mean_P, max(COMPONENTS))
    blank_1P = np.zeros((1, train_NP.shape[1]))
    numbers = [(x - mean_P) @ directions_KP.T for x in (train_NP, whole_NP, blank_1P)]

    def compressed(name: str, setting: str, low_K: Any, step_K: Any, count: int) -> Compressed:
        top_K = np.ceil((numbers[0][:, :count].max(axis=0) - low_K) / step_K).astype(int)
        ids = [
            np.clip(np.round((x[:, :count] - low_K) / step_K), 0, top_K).astype(np.int64)
            for x in numbers
        ]
        model = CodeModel(ids[0], (top_K + 1).tolist())

        def made(ids_NK: np.ndarray) -> np.ndarray:
            return ((ids_NK * step_K + low_K) @ directions_KP[:count] + mean_P).reshape(shape)

        return coded(name, setting, model, ids[1], ids[2], made)

    low_K, high_K = numbers[0].min(axis=0), numbers[0].max(axis=0)
    # a component that is the same everywhere is one level, of any step
    step_K = np.where(high_K > low_K, high_K - low_K, 1.0) / (LEVELS - 1)
    for count in (each for each in COMPONENTS if each <= len(directions_KP)):
        setting = f"{count} x 8 bits"
        yield compressed("PCA, 8 bits", setting, low_K[:count], step_K[:count], count)
    for step in STEPS:
        # components that never leave the middle step cost nothing, and are nothing
        count = int((np.abs(numbers[0]) > step / 2).any(axis=0).sum())
        levels = (high_K - low_K)[:count].max(initial=0) / step
        if count > 0 and levels < MOST_LEVELS:
            low = np.round(low_K[:count] / step) * step
            yield compressed("PCA, equal steps", f"steps of {step:g}", low, step, count)


def mosaic_of(images_NHWC: np.ndarray) -> np.ndarray:
    """All images side by side, nearly a square, black where none is left."""
    count, height, width, channels = images_NHWC.shape
    across = ceil(sqrt(count))
    down = ceil(count / across)
    whole = np.zeros((down * across, height, width, channels), dtype=images_NHWC.dtype)
    whole[:count] = images_NHWC
    parts = whole.reshape(down, across, height, width, channels).swapaxes(1, 2)
    return parts.reshape(down * height, across * width, channels)


def parts_of(mosaic_HWC: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The images [N, H, W, C] that `mosaic_of` laid side by side."""
    count, height, width, channels = shape
    down, across = (mosaic_HWC.shape[0] // height, mosaic_HWC.shape[1] // width)
    parts = mosaic_HWC.reshape(down, height, across, width, channels).swapaxes(1, 2)
    return parts.reshape(down * across, height, width, channels)[:count]


def _written(image_HWC: np.ndarray, form: str, options: dict[str, Any]) -> bytes:
    pixels = (np.clip(image_HWC, 0, 1) * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, form, **options)
    return file.getvalue()


def _read(content: bytes, channels: int) -> np.ndarray:
    image = Image.open(io.BytesIO(content)).convert("L" if channels == 1 else "RGB")
    return np.asarray(image, dtype=np.float64).reshape(image.height, image.width, channels) / 255
