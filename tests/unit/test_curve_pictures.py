"""The curves of the page: what an SVG shows, read back out of its own axes."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from sslcli.reporting.svg_curves import curves_svg
from sslcli.reports import Curve, Plot

SVG = "{http://www.w3.org/2000/svg}"


def text_of(element):
    """(words, x, y, anchor)"""
    x, y = (float(element.get(name)) for name in "xy")
    return element.text, x, y, element.get("text-anchor")


def points_of(text):
    return [tuple(map(float, point.split(","))) for point in text.split()]


class Shown:
    """What the picture says: its texts with their places, its lines and dots as points of it."""

    def __init__(self, plot):
        root = ElementTree.fromstring(curves_svg(plot))
        self.size = [float(part) for part in root.get("viewBox").split()][2:]
        self.texts = [text_of(each) for each in root.iter(f"{SVG}text")]
        lines = list(root.iter(f"{SVG}polyline"))
        self.lines = [points_of(each.get("points")) for each in lines]
        self.colors = [each.get("stroke") for each in lines]
        self.dots = len(list(root.iter(f"{SVG}circle")))

    def ticks(self, anchor, place):
        """(value, place in the picture) of the numbers at an axis."""
        at_axis = [each for each in self.texts if each[3] == anchor]
        numbers = [each for each in at_axis if re.fullmatch(r"-?[\d,.]+(e[-+]\d+)?", each[0])]
        return [(float(each[0].replace(",", "")), each[place]) for each in numbers]

    def values(self, line, logarithmic=False):
        """The curve as a reader measures it: between the first and the last number of each axis."""
        xs, ys = np.array(self.ticks("middle", 1)), np.array(self.ticks("end", 2))
        ys[:, 1] -= 4  # numbers stand below their lines
        if logarithmic:
            ys[:, 0] = np.log(ys[:, 0])
        (x_one, x_two), (y_one, y_two) = xs[[0, -1]], ys[[0, -1]]
        points = np.array(line)
        x = x_one[0] + (points[:, 0] - x_one[1]) / (x_two[1] - x_one[1]) * (x_two[0] - x_one[0])
        y = y_one[0] + (points[:, 1] - y_one[1]) / (y_two[1] - y_one[1]) * (y_two[0] - y_one[0])
        return x, np.exp(y) if logarithmic else y


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 3e5])
def test_points_lie_where_the_axes_say(logarithmic, scale):
    steps, ys = list(range(0, 4001, 200)), [scale * (1 + 9 * math.exp(-n / 4)) for n in range(21)]
    shown = Shown(Plot("t", "step", "perplexity", [Curve("a", steps, ys)], log_y=logarithmic))
    x, y = shown.values(shown.lines[0], logarithmic)
    np.testing.assert_allclose(x, steps, atol=15)
    np.testing.assert_allclose(y, ys, rtol=0.02, atol=0.02 * scale)
    assert any("logarithmic" in text for text, *_ in shown.texts) == logarithmic


def test_title_axes_and_the_last_value_of_each_curve_are_named():
    curves = [Curve("training", [1, 2], [3.0, 2.5]), Curve("苹果 <&>\x1b", [1, 2], [1, math.nan])]
    texts = {text for text, *_ in Shown(Plot("run: loss on data", "step", "loss", curves)).texts}
    assert {"run: loss on data", "step", "loss", "training 2.5", "苹果 <&>\\x1b 1"} <= texts


@pytest.mark.parametrize("words", [4, 12, 20])
def test_a_long_title_has_smaller_letters(words):
    title = " ".join(["word"] * words)
    plot = Plot(title, "step", "loss", [Curve("a", [0, 1], [0, 1])])
    (text,) = [
        each
        for each in ElementTree.fromstring(curves_svg(plot)).iter(f"{SVG}text")
        if each.text == title
    ]
    size = float(text.get("font-size"))
    assert float(text.get("x")) + 0.6 * size * len(title) <= 480 or size == 8
    assert (size == 14) == (words == 4)


@pytest.mark.parametrize("count", [1, 5, 30])
def test_no_curve_runs_through_the_legend_and_no_two_have_one_colour(count):
    names = [f"a curve of a long name {n}" for n in range(count)]
    curves = [Curve(name, range(50), [n + x for x in range(50)]) for n, name in enumerate(names)]
    shown = Shown(Plot("t", "step", "loss", curves))
    lowest = max(y for line in shown.lines for _, y in line)
    legend = [(x, y) for text, x, y, _ in shown.texts if text.startswith("a curve")]
    assert len(legend) == len(set(shown.colors)) == count
    assert len(set(legend)) == count
    assert min(y for _, y in legend) > lowest + 20
    assert max(y for _, y in legend) < shown.size[1]
    assert all(0 <= x < shown.size[0] for x, _ in legend)


def test_what_is_no_number_is_a_gap_and_a_point_alone_is_a_dot():
    shown = Shown(Plot("t", "x", "y", [Curve("a", range(6), [1, 2, math.nan, 3, math.inf, 4])]))
    assert [len(line) for line in shown.lines] == [2, 1, 1]
    assert shown.dots == 4
    for xs, ys in (([], []), ([0], [math.nan]), ([0], [0.0])):
        assert Shown(Plot("t", "x", "y", [Curve("a", xs, ys)])).texts
    assert Shown(Plot("t", "x", "y", [])).texts


def test_of_very_many_points_all_that_can_be_seen_is_kept():
    ys = [math.sin(n / 1e4) for n in range(100_000)]
    ys[54_321] = 50.0
    plot = Plot("t", "x", "y", [Curve("a", range(100_000), ys)])
    shown = Shown(plot)
    _, seen = shown.values(shown.lines[0])
    assert len(seen) < 4 * shown.size[0]
    assert abs(max(seen) - 50) < 0.5
    assert abs(min(seen) + 1) < 0.5
    assert curves_svg(plot) == curves_svg(plot)
