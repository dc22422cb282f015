"""Images of a gallery in shades of characters, which are twice as high as wide: two rows of pixels
are one line.
"""

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.text import Text

from sslcli.grid import SHADES
from sslcli.reports import Gallery, printable

MOST_ROWS = 4  # of a gallery; all are in its picture
APART = 2


def drawn_gallery(gallery: Gallery, width: int) -> Text:
    """As many images of each of the first rows as fit side by side."""
    height, across, channels = gallery.size
    shown = max(1, (width + APART) // (across + APART))
    text = Text(f"{printable(gallery.title)}\n", "bold")
    for name, images in list(zip(gallery.rows, gallery.images, strict=True))[:MOST_ROWS]:
        text.append(f"{printable(name)}\n", "dim")
        if gallery.columns:
            captions = [
                set_cell_size(printable(caption), across) for caption in gallery.columns[:shown]
            ]
            text.append((" " * APART).join(captions).rstrip() + "\n", "dim")
        lines = [_lines(image, height, across, channels) for image in images[:shown]]
        for parts in zip(*lines, strict=True):
            text.append((" " * APART).join(parts).rstrip() + "\n")
    left_out = len(gallery.rows) > MOST_ROWS or any(len(row) > shown for row in gallery.images)
    if left_out:
        text.append("the other images are in the picture\n", "dim")
    return text


def _lines(image: str, height: int, width: int, channels: int) -> Sequence[str]:
    if not image:
        return [" " * width] * -(-height // 2)
    numbers = bytes.fromhex(image)
    line = width * channels

    def shade(top: int, column: int) -> str:
        rows = range(top, min(top + 2, height))
        seen = [
            numbers[row * line + column * channels + channel]
            for row in rows
            for channel in range(channels)
        ]
        return SHADES[round(sum(seen) / len(seen) / 255 * (len(SHADES) - 1))]

    return ["".join(shade(top, column) for column in range(width)) for top in range(0, height, 2)]
