"""Images in characters, for what is shown in a terminal.

Letters: H and W pixels, C channels, T patches of all images end to end, F numbers of a patch.
"""

from collections.abc import Mapping

import numpy as np

from sslcli.grid import Grid
from sslcli.reports import Table

SHADES = " .:-=+*#%@"  # from dark to bright
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


def sketched(image_HWC: np.ndarray) -> list[str]:
    """Lines of an image in shades of characters, which are twice as high as wide: two rows in one
    line.
    """
    grey_HW = image_HWC.mean(axis=2)
    halves = [grey_HW[top : top + 2].mean(axis=0) for top in range(0, len(grey_HW), 2)]
    levels = (np.clip(halves, 0, 1) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] for level in line) for line in levels]
