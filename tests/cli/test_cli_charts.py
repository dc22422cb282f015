"""Plots, matrices and scatters in letters: every number that fits, marks without colours, never
wider than a screen.
"""

import io
import math

import pytest
from rich.cells import cell_len
from rich.console import Console

from sslcli.cli.charts import drawn_matrices, drawn_matrix, drawn_plot, drawn_scatter
from sslcli.cli.screen import Screen
from sslcli.reports import Curve, Matrix, Plot, Report, Scatter

SENTENCES = [
    "I ate an apple for lunch with a friend of my sister",
    "Apple sells phones",
    "苹果发布了新手机",
    "a\x1b[31mb\nc",
]


def in_letters(chart, color=None):
    console = Console(
        file=io.StringIO(),
        width=200,
        color_system=color,
        force_terminal=color is not None,
        no_color=color is None,
    )
    console.print(chart, soft_wrap=True)
    return console.file.getvalue()


def lines_of(chart):
    lines = in_letters(chart).splitlines()
    assert max(map(cell_len, lines)) < 100
    assert "\x1b" not in "".join(lines)
    return lines


def cosines(groups=()):
    return Matrix(
        "Cosine",
        SENTENCES,
        SENTENCES,
        [[(row + column) / 10 for column in range(4)] for row in range(4)],
        groups,
        groups,
    )


def test_a_matrix_of_sentences_has_numbers_for_columns_and_the_groups_beside_it():
    title, head, *rows, _ = lines_of(drawn_matrix(cosines(["fruit", "company", "company", "水果"])))
    assert title == "Cosine"
    assert head.split() == ["1", "2", "3", "4"]
    assert [row.split()[-1] for row in rows] == ["fruit", "company", "0.50", "水果"]
    assert rows[1].split() == [
        "Apple",
        "sells",
        "phones",
        "2",
        "0.10",
        "0.20",
        "0.30",
        "0.40",
        "company",
    ]
    assert {row.index("0.") for row in (rows[0], rows[1])} == {rows[0].index("0.00")}
    assert "a\\x1b[31mb⏎c" in rows[3]


def test_cells_have_colours_by_value_where_a_terminal_has_them():
    drawn = in_letters(
        drawn_matrix(Matrix("m", ["a"], ["x", "y", "z"], [[0.0, 1.0, math.nan]])), "truecolor"
    )
    assert "48;2;68;1;84m  0.00" in drawn  # the darkest of viridis
    assert "48;2;253;231;37m  1.00" in drawn
    assert drawn.count("48;2;") == 2
    assert "     –" in drawn
    halves = in_letters(
        drawn_matrix(Matrix("m", ["a"], ["x"], [[0.5]], low=0, high=1)), "truecolor"
    )
    assert halves.count("48;2;68;1;84") == halves.count("48;2;253;231;37") == 0


def test_what_does_not_fit_is_counted():
    wide = Matrix(
        "w",
        [f"a long name of a row {row}" for row in range(50)],
        [f"column {number}" for number in range(20)],
        [[0.5] * 20] * 50,
    )
    lines = lines_of(drawn_matrix(wide))
    assert lines[-2] == "20 more rows and 8 more columns: see the picture or its CSV"
    first, second = (line.split() for line in lines if "column 1" in line)
    names = [name for name in [*first, *second] if name != "column"]
    assert names == [str(number) for number in range(12)]
    assert sum(line.count("0.50") for line in lines) == 30 * 12


EMPTY = [
    drawn_matrix(Matrix("m", [], [], [])),
    drawn_plot(Plot("m", "x", "y", [])),
    drawn_scatter(Scatter("m", [], [], [], [])),
]


@pytest.mark.parametrize("chart", EMPTY)
def test_nothing_is_said_in_words(chart):
    assert lines_of(chart)[:2] == ["m", "nothing to show"]


def test_many_maps_are_one_line():
    maps = [
        Matrix(f"layer {layer} head {head}", ["a"], ["a"], [[1.0]])
        for layer in range(2)
        for head in range(3)
    ]
    charts = [line for chart in drawn_matrices([*maps, cosines()]) for line in lines_of(chart)]
    assert charts[0] == "6 maps, layer 0 head 0 to layer 1 head 2: see the picture"
    assert "Cosine" in charts


def test_curves_over_layers_are_numbers():
    curves = [
        Curve("名词", range(13), [n / 20 for n in range(13)]),
        Curve("x" * 40, range(13), [math.nan] * 13),
    ]
    _, head, first, second, _ = lines_of(drawn_plot(Plot("by layer", "layer", "gap", curves)))
    assert head.split() == ["layer", *map(str, range(13))]
    assert first.split() == ["名词", *(f"{n / 20:.2f}" for n in range(13))]
    assert second.split()[1:] == ["–"] * 13


def test_curves_over_steps_are_shapes_on_one_scale():
    steps = [2**power for power in range(20)]
    curves = [
        Curve("low", steps, [0.0] * 19 + [0.5]),
        Curve("high", steps, [1.0] * 20),
        Curve("none", steps, [math.nan] * 20),
    ]
    _, low, high, none, _ = lines_of(drawn_plot(Plot("p", "step", "y", curves)))
    assert low == "low   ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▅  0.00 to 0.50, highest 0.50 at step 524,288"
    assert high == f"high  {'█' * 20}  1.00 to 1.00, highest 1.00 at step 524,288"
    assert none == "none  (empty)"


def test_curves_with_places_of_their_own_lie_over_one_x():
    """A baseline that two points say goes all the way across."""
    steps = list(range(40))
    curves = [
        Curve("own", steps, [step / 39 for step in steps]),
        Curve("flat", [0, 39], [0.5, 0.5]),
        Curve("half", [0, 19.5], [0.0, 0.5]),
        Curve("one", [39], [1.0]),
    ]
    _, own, flat, half, one, _ = lines_of(drawn_plot(Plot("p", "x", "y", curves)))
    shape = own.split()[1]
    assert flat.startswith(f"flat  {'▅' * len(shape)}  0.50 to 0.50")
    assert half[6 : 6 + len(shape) // 2] == shape[: len(shape) // 2]
    assert not half[6 + len(shape) // 2 + 1 : 6 + len(shape)].strip()
    assert one[6 : 6 + len(shape)] == " " * (len(shape) - 1) + "█"


def test_points_are_letters_of_their_groups():
    scatter = Scatter(
        "s", [0, 10, 10, 5, math.nan], [0, 10, 10, 0, 1], ["a"] * 5, ["en", "zh", "en", "en", "zh"]
    )
    lines = lines_of(drawn_scatter(scatter))
    assert lines[1] == f"│{' ' * 71}*"
    assert lines[20] == f"│A{' ' * 35}A{' ' * 35}"
    assert lines[22] == "A en (3)   B zh (2)   "


def test_a_screen_draws_all_of_them(capfd):
    plot = Plot("curves", "layer", "y", [Curve("a", [0, 1], [0.25, 0.75])])
    Screen().report(
        Report(
            plots=[plot],
            matrices=[cosines()],
            scatters=[Scatter("points", [0], [0], ["a"], ["en"])],
        )
    )
    out = capfd.readouterr().out
    assert "0.75" in out
    assert "Apple sells phones" in out
    assert "A en (1)" in out
