"""The curves of the page: what an SVG shows, read back out of its own axes."""

import json
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from sslcli.reporting.palette import DARK, contrast
from sslcli.reporting.svg_curves import MOST_POINTED, curves_svg, looks_of
from sslcli.reports import Curve, Plot


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
        self.texts = [text_of(each) for each in root.iter("text")]
        self.lines = [points_of(each.get("points")) for each in root.iter("polyline")]
        self.bands = [points_of(each.get("points")) for each in root.iter("polygon")]
        self.dots = len(list(root.iter("circle")))
        self.curves = [each for each in root.iter("g") if each.get("class") == "curve"]
        self.pointed = [json.loads(each.get("data-values")) for each in self.curves]

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


def test_axes_are_named_and_the_legend_has_the_last_value_of_each_curve():
    curves = [Curve("training", [1, 2], [3.0, 2.5]), Curve("苹果 <&>\x1b", [1, 2], [1, math.nan])]
    plot = Plot("run: loss <on> data", "step", "loss", curves)
    assert {"step", "loss"} <= {text for text, *_ in Shown(plot).texts}
    shown = [(look.title, look.last) for look in looks_of(plot)]
    assert shown == [("training", "2.5"), ("苹果 <&>\\x1b", "1")]


@pytest.mark.parametrize("count", [1, 7, 12, 30])
def test_no_two_curves_have_one_colour_and_all_are_seen_on_black(count):
    curves = [Curve(f"{n}", range(50), [n + x for x in range(50)]) for n in range(count)]
    looks = looks_of(Plot("t", "step", "loss", curves))
    assert len({look.light for look in looks}) == len({look.dark for look in looks}) == count
    assert all(contrast(look.dark, DARK) >= 4.5 for look in looks)


def test_contrast_is_that_of_the_guidelines():
    # https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio: 21 of black on white, 4.54 of #767676
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)
    assert contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.005)


def test_values_stand_beside_their_points_and_what_never_changes_is_marked():
    curves = [Curve("a", [0, 10, 20], [1, math.nan, 3]), Curve("baseline", [0, 20], [2.0, 2.0])]
    shown = Shown(Plot("t", "step", "loss", curves))
    assert [[point[2:] for point in each] for each in shown.pointed] == [
        [["0", "1"], ["20", "3"]],
        [["0", "2"], ["20", "2"]],
    ]
    assert [tuple(point[:2]) for point in shown.pointed[1]] == shown.lines[-1]
    assert [each.get("data-constant") for each in shown.curves] == [None, "2"]


def test_a_logarithmic_x_has_a_place_for_zero_left_of_the_powers():
    plot = Plot("t", "step", "y", [Curve("a", [0, 1, 10, 100], [1, 2, 3, 4])], logarithmic=True)
    shown = Shown(plot)
    zero, one, ten, hundred = (x for x, _ in shown.lines[0])
    assert zero < one
    assert hundred - ten == pytest.approx(ten - one, abs=0.2)
    assert [value for value, _ in shown.ticks("middle", 1)][:2] == [0, 1]


def test_of_whole_numbers_no_tick_is_between_two():
    shown = Shown(Plot("t", "layer", "y", [Curve("a", [0, 1, 2, 3], [0.1, 0.2, 0.3, 0.4])]))
    assert [value for value, _ in shown.ticks("middle", 1)] == [0, 1, 2, 3]


def test_intervals_are_bands_around_their_curve():
    curve = Curve("a", [0, 1, 2], [1.0, 2.0, 3.0], [0.5, 1.5, math.nan], [1.5, 2.5, math.nan])
    shown = Shown(Plot("t", "layer", "y", [curve]))
    ((low, other), (line, *_)) = (shown.bands[0][0], shown.bands[0][-1]), shown.lines[0]
    assert len(shown.bands[0]) == 4
    assert other[1] < line[1] < low[1]  # a smaller number of a picture is higher up


def test_what_is_no_number_is_a_gap_and_a_point_alone_is_a_dot():
    shown = Shown(Plot("t", "x", "y", [Curve("a", range(6), [1, 2, math.nan, 3, math.inf, 4])]))
    assert [len(line) for line in shown.lines] == [2, 1, 1]
    assert shown.dots == 4
    for xs, ys in (([], []), ([0], [math.nan]), ([0], [0.0]), ([math.nan, math.inf], [1.0, 2.0])):
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
    assert len(shown.pointed[0]) <= MOST_POINTED + 1
    assert shown.pointed[0][-1][2] == "99,999"
    assert curves_svg(plot) == curves_svg(plot)
