"""Images side by side, each pixel as it is.

Letters: H and W pixels of one image, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.reporting.text import (
    LONGEST_LABEL,
    LONGEST_TICK,
    LONGEST_TITLE,
    Written,
    entitle,
    say_empty,
)
from sslcli.reports import Gallery

if TYPE_CHECKING:
    from matplotlib.figure import Figure

matplotlib_figure, numpy = Deferred("matplotlib.figure"), Deferred("numpy")
APART = 0.08  # of an image, between two
IMAGE_INCHES, LARGEST_INCHES, LETTER_INCHES = 0.75, 16, 0.09


def drawn_images(gallery: Gallery, written: Written) -> Figure:
    """Draw a gallery on white, with the names of its rows on the left and of its columns on top."""
    down, across = len(gallery.rows), max(map(len, gallery.images), default=0)
    names = [written(name, LONGEST_LABEL, number) for number, name in enumerate(gallery.rows, 1)]
    longest = max(map(len, names), default=0)
    height, width, _ = gallery.size
    # inches of a pixel: the shorter side is given
    times = IMAGE_INCHES / max(min(height, width), 1)
    times = min(times, LARGEST_INCHES / max(down * height, across * width, 1))
    turned = any(LETTER_INCHES * len(name) > times * width for name in gallery.columns)
    below = LETTER_INCHES * max(map(len, gallery.columns), default=0) if turned else 0.0
    size = (
        max(2.0, across * times * width + longest * LETTER_INCHES + 0.6),
        max(1.5, down * times * height + below + 1.1),
    )
    figure = matplotlib_figure.Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    entitle(axes, written(gallery.title, LONGEST_TITLE, 0))
    if not down or not across:
        say_empty(axes)
        return figure
    gap = max(1, round(APART * max(height, width)))
    axes.imshow(_canvas(gallery, gap, across), interpolation="nearest")
    axes.set_yticks([(height + gap) * row + height / 2 - 0.5 for row in range(down)], names)
    columns = [
        written(name, LONGEST_TICK, number) for number, name in enumerate(gallery.columns, 1)
    ]
    places = [(width + gap) * column + width / 2 - 0.5 for column in range(len(columns))]
    axes.set_xticks(places, columns, rotation=90 if turned else 0)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _canvas(gallery: Gallery, gap: int, across: int) -> Any:
    """All images in red, green and blue, uint8, white between them."""
    height, width, channels = gallery.size
    shape = (len(gallery.rows) * (height + gap) - gap, across * (width + gap) - gap, 3)
    canvas = numpy.full(shape, 255, dtype=numpy.uint8)
    for row, images in enumerate(gallery.images):
        for column, image in enumerate(images):
            if image:
                pixels = numpy.frombuffer(bytes.fromhex(image), dtype=numpy.uint8)
                image_HWC = pixels.reshape(height, width, channels)
                if channels != 3:
                    image_HWC = image_HWC.mean(axis=2, keepdims=True)
                top, left = row * (height + gap), column * (width + gap)
                canvas[top : top + height, left : left + width] = image_HWC
    return canvas
