"""Images of a report: the pixels that they are, as a picture, as numbers, and in characters."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from sslcli.api import gallery
from sslcli.cli.drawn_images import drawn_gallery
from sslcli.kits.images import sketched
from sslcli.reporting.plots import drawn
from sslcli.reporting.report_files import save_report
from sslcli.reports import Gallery, Report

random = np.random.default_rng(0)


def images(count, channels=1, height=6, width=8):
    return list(random.uniform(-0.2, 1.2, (count, height, width, channels)))


def in_8_bits(image):
    return np.clip(np.round(np.clip(image, 0, 1) * 255), 0, 255).astype(int)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pixels_are_kept_in_8_bits_row_by_row(channels):
    some = images(2, channels)
    made = gallery("g", {"a": some, "b": [None, some[0]]}, ["one", "two"])
    assert list(made.size) == [6, 8, channels]
    assert made.images[1][0] == ""
    for name, image in ((made.images[0][1], some[1]), (made.images[1][1], some[0])):
        assert list(bytes.fromhex(name)) == in_8_bits(image).ravel().tolist()


def test_files_hold_every_pixel(tmp_path):
    some = images(3)
    made = gallery("all images", {"as it is": some[:2], "restored": [some[2], None]})
    save_report(Report("r", galleries=[made]), tmp_path / "out", "caption")
    with (tmp_path / "out" / "all-images.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["row", "column", "pixels"]
    assert [row[:2] for row in rows[1:]] == [
        ["as it is", "1"],
        ["as it is", "2"],
        ["restored", "1"],
    ]
    for row, image in zip(rows[1:], some, strict=True):
        assert list(map(int, row[2].split())) == in_8_bits(image).ravel().tolist()
    assert (tmp_path / "out" / "all-images.svg").is_file()


def test_a_picture_shows_the_colours_of_the_images():
    """Large squares of one colour each, found again in the order of the rows."""
    colours = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]
    squares = [np.ones((8, 8, 3)) * colour for colour in colours]
    made = gallery("colours", {"first": squares[:2], "second": squares[2:]}, ["a", "b"])
    files = drawn(made)
    pixels = np.asarray(Image.open(io.BytesIO(files["png"])).convert("RGB"))
    centres = []
    for colour in colours:
        ys, xs = np.nonzero((pixels == np.asarray(colour) * 255).all(axis=2))
        assert len(ys) > 400
        centres.append((ys.mean(), xs.mean()))
    (red, green, blue, yellow) = centres
    assert red[0] == pytest.approx(green[0], abs=2)
    assert red[1] == pytest.approx(blue[1], abs=2)
    assert red[0] < blue[0] == pytest.approx(yellow[0], abs=2)
    assert red[1] < green[1] == pytest.approx(yellow[1], abs=2)
    assert drawn(made) == files
    assert drawn(Gallery("none", [8, 8, 1], [], []))["png"]


def shown(made, width):
    console = Console(file=io.StringIO(), width=200, no_color=True)
    console.print(drawn_gallery(made, width), soft_wrap=True)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("channels", "height"), [(1, 6), (3, 5)])
def test_a_terminal_shows_what_fits_in_characters(channels, height):
    some = images(5, channels, height)
    lines = shown(gallery("g", {"first": some, "second": [None, *some[1:]]}, list("vwxyz")), 40)
    assert max(map(cell_len, lines)) <= 40
    first = next(place for place, line in enumerate(lines) if line == "first")
    assert lines[first + 1].split() == list("vwxy")  # 8 wide and 2 apart: four in 38
    drawn = lines[first + 2 : first + 2 + -(-height // 2)]
    for place in range(4):
        own = [line.ljust(40)[10 * place : 10 * place + 8] for line in drawn]
        expected = sketched(in_8_bits(some[place]) / 255)
        differing = sum(
            a != b for x, y in zip(own, expected, strict=True) for a, b in zip(x, y, strict=True)
        )
        assert differing <= 1  # where a mean lies between two shades
    assert lines[-2] == "the other images are in the picture"


@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 120), (30, 10)])
@pytest.mark.parametrize("caption", ["", "model · ssl probe"])
def test_no_name_is_cut_and_images_have_their_shape(height, width, caption):
    shown = {"as it is": images(3, 3, height, width)}
    shown["nearest to 1 to 8, 0.13 to 0.21 away"] = images(3, 3, height, width)
    names = ["recording 1", "recording 2", "recording 3"]
    made = gallery("images that were made", shown, names)
    picture = np.asarray(Image.open(io.BytesIO(drawn(made, caption)["png"])).convert("RGB"))
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert (edge == 255).all()
    is_image = picture.max(axis=2).astype(int) - picture.min(axis=2) > 60  # texts are grey
    down, across = (np.flatnonzero(is_image.any(axis=axis)) for axis in (1, 0))
    shape = np.ptp(down) / np.ptp(across)
    assert shape == pytest.approx(2 * height / (3 * width), rel=0.1)
    assert np.ptp(down) > 120
