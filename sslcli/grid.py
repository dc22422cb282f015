"""Images as rows: a grid of square patches, each a row of numbers.

Letters: H and W pixels of an image, C channels, P pixels of a patch's side, L patches, F numbers of
one (P * P * C). Imports no numpy: settings, which every command reads, know grids.
"""

from typing import Any, NamedTuple

SHADES = " .:-=+*#%@"  # of images in characters, from dark to bright


class Grid(NamedTuple):
    """How an image [H, W, C] lies in rows [L, F]: patches from left to right, then down.

    Inside a patch the order is row, column, channel, as in He et al. 2022 ("MAE").
    """

    height: int
    width: int
    channels: int
    patch: int

    @property
    def patches(self) -> tuple[int, int]:
        """Patches from top to bottom, and from left to right."""
        return self.height // self.patch, self.width // self.patch

    @property
    def rows(self) -> int:
        """L, patches of an image."""
        down, across = self.patches
        return down * across

    @property
    def features(self) -> int:
        """F, numbers of a patch."""
        return self.patch * self.patch * self.channels

    @property
    def numbers(self) -> int:
        """Numbers of an image."""
        return self.rows * self.features

    @property
    def pixels(self) -> str:
        """Size and kind of the images in words."""
        colours = {1: "grey", 3: "colour"}.get(self.channels, f"{self.channels} channels")
        return f"{self.height} x {self.width} pixels, {colours}"

    @property
    def described(self) -> str:
        """The grid in words."""
        return f"{self.pixels}, in {self.rows} patches of {self.patch} x {self.patch}"

    def cut(self, image_HWC: Any) -> Any:
        """An image, an array of numpy, as rows [L, F]."""
        assert image_HWC.shape == self[:3], "an image of this grid"
        (down, across), side = self.patches, self.patch
        parts = image_HWC.reshape(down, side, across, side, self.channels).transpose(0, 2, 1, 3, 4)
        return parts.reshape(self.rows, self.features)

    def joined(self, rows_LF: Any) -> Any:
        """Rows as the image [H, W, C] that `cut` made them of."""
        (down, across), side = self.patches, self.patch
        parts = rows_LF.reshape(down, across, side, side, self.channels).transpose(0, 2, 1, 3, 4)
        return parts.reshape(self[:3])
