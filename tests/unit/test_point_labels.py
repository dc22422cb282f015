"""Names of the points of a scatter, where there are more than can be read."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sslcli.reporting.plots import figure_of
from sslcli.reporting.point_labels import MOST_LABELLED, MOST_POINTS
from sslcli.reporting.text import as_it_is
from sslcli.reports import Scatter


def names_on(count):
    """The names that a figure of so many points in two groups shows."""
    rng = np.random.default_rng(0)
    xs, ys = rng.normal(size=(2, count)).tolist()
    names = [f"word{number}" for number in range(count)]
    groups = [("en", "zh")[number % 2] for number in range(count)]
    figure = figure_of(Scatter("t", xs, ys, names, groups), as_it_is)
    FigureCanvasAgg(figure).draw()
    return figure.axes[0].texts


@pytest.mark.parametrize("count", [200, 700])
def test_of_many_points_some_of_each_group_have_names_that_cover_nothing(count):
    names = names_on(count)
    assert 20 <= len(names) <= MOST_LABELLED
    numbers = [int(name.get_text().removeprefix("word")) for name in names]
    assert 0.25 < np.mean(np.array(numbers) % 2) < 0.75
    assert min(numbers) < count / 4
    assert max(numbers) > 3 * count / 4
    boxes = [name.get_window_extent() for name in names]
    pairs = [(one, other) for at, one in enumerate(boxes) for other in boxes[:at]]
    assert sum(one.overlaps(other) for one, other in pairs) <= 2  # widths of letters are estimated


def test_of_few_points_all_and_of_very_many_none_have_names():
    assert len(names_on(MOST_LABELLED)) == MOST_LABELLED
    assert not names_on(MOST_POINTS + 1)
