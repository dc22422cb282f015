"""Images as they are shown: in characters, and in the pictures of a report.

Letters: H and W pixels, C channels, T patches of all images end to end, F numbers of a patch.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from sslcli.grid import SHADES, Grid
from sslcli.reports import Gallery, Table

MOST_SHOWN = 3


def image_tables(grid: Grid, rows: Mapping[str, np.ndarray]) -> list[Table]:
    """The first images of a batch side by side: by title their patches [T, F]."""
    count = min(MOST_SHOWN, *(len(rows_TF) // grid.rows for rows_TF in rows.values()))
    return [
        Table(
            f"image {number + 1}",
            list(rows),
            list(
                zip(
                    *(
                        sketched(grid.joined(rows_TF.reshape(-1, grid.rows, grid.features)[number]))
                        for rows_TF in rows.values()
                    ),
                    strict=True,
                )
            ),
        )
        for number in range(count)
    ]


def gallery(
    title: str, rows: Mapping[str, Sequence[np.ndarray | None]], columns: Sequence[str] = ()
) -> Gallery:
    """Images [H, W, C] of numbers from 0 to 1 in rows with names; numbers beyond are clipped."""
    size = next(image.shape for images in rows.values() for image in images if image is not None)
    images = [["" if x is None else in_bytes(x).hex() for x in each] for each in rows.values()]
    return Gallery(title, [int(part) for part in size], list(rows), images, list(columns))


def in_bytes(image_HWC: np.ndarray) -> bytes:
    """The numbers in 8 bits, row by row, as files have them."""
    return (np.clip(image_HWC, 0, 1) * 255).round().astype(np.uint8).tobytes()


def sketched(image_HWC: np.ndarray) -> list[str]:
    """Lines of an image in shades of characters, which are twice as high as wide: two rows in one
    line.
    """
    grey_HW = image_HWC.mean(axis=2)
    halves = [grey_HW[top : top + 2].mean(axis=0) for top in range(0, len(grey_HW), 2)]
    levels = (np.clip(halves, 0, 1) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] for level in line) for line in levels]
