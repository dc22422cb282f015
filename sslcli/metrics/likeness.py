"""How alike two images are: PSNR and SSIM, of numbers from 0 to 1.

Letters: N images, H and W pixels, C channels, K pixels of a window's side; h and w places of it.
"""

from typing import NamedTuple

import numpy as np

GAUSSIAN_SIDE, DEVIATION, UNIFORM_SIDE = 11, 1.5, 7
STEADY_MEAN, STEADY_SPREAD = 0.01**2, 0.03**2  # for a range of 1


class Window(NamedTuple):
    """The weights of a window along one axis, and its name."""

    name: str
    weights_K: np.ndarray


def psnr(error: float | np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of a mean squared error; infinite without one."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(np.asarray(error, dtype=np.float64))


def ssim_window(height: int, width: int) -> Window:
    """The paper's Gaussian of 11 x 11; a smaller uniform one where that does not fit."""
    smallest = min(height, width)
    if smallest >= GAUSSIAN_SIDE:
        places_K = np.arange(GAUSSIAN_SIDE) - GAUSSIAN_SIDE // 2
        weights_K = np.exp(-0.5 * (places_K / DEVIATION) ** 2)
        name = f"Gaussian {GAUSSIAN_SIDE} x {GAUSSIAN_SIDE}, deviation {DEVIATION:g}"
        return Window(name, weights_K / weights_K.sum())
    side = min(UNIFORM_SIDE, smallest - (smallest + 1) % 2)
    return Window(f"uniform {side} x {side}", np.full(side, 1 / side))


def ssim(one_NHWC: np.ndarray, other_NHWC: np.ndarray) -> np.ndarray:
    """Structural similarity [N] (Wang et al. 2004): the mean over the places where `ssim_window`
    lies within the image, and over channels. Flat and equal places have 1, so a black background
    makes images more alike than they look.
    """
    height, width = one_NHWC.shape[1:3]
    weights_K = ssim_window(height, width).weights_K
    down_hH, across_wW = (_sliding(weights_K, size) for size in (height, width))

    def mean(image_NHWC: np.ndarray) -> np.ndarray:
        return np.einsum("hH,nHWc,wW->nhwc", down_hH, image_NHWC, across_wW, optimize=True)

    x, y = one_NHWC.astype(np.float64), other_NHWC.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    shared = mean(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + STEADY_MEAN) * (2 * shared + STEADY_SPREAD)
    below = (mean_x**2 + mean_y**2 + STEADY_MEAN) * (spread_x + spread_y + STEADY_SPREAD)
    return (top / below).mean(axis=(1, 2, 3))


def _sliding(weights_K: np.ndarray, size: int) -> np.ndarray:
    """A matrix that takes the weighted mean at every place where the window fits."""
    places = size - len(weights_K) + 1
    matrix = np.zeros((places, size))
    for place in range(places):
        matrix[place, place : place + len(weights_K)] = weights_K
    return matrix
