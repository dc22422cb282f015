"""Pictures as files: what is in them, that they are the same twice, and that nothing of a report is
lost.
"""

import csv
import json
import math
import re
import warnings
from pathlib import Path

import pytest
from matplotlib import font_manager
from matplotlib.legend import Legend
from matplotlib.text import Text

from sslcli.errors import DataError, RunError
from sslcli.folders import write_atomically
from sslcli.reporting import fonts, report_files, run_plots
from sslcli.reporting.heatmaps import maps_across
from sslcli.reporting.plots import drawn, figure_of
from sslcli.reporting.report_files import file_name, font_notes, save_report
from sslcli.reporting.saved_reports import read_report
from sslcli.reporting.text import as_it_is, with_letters_at_hand
from sslcli.reports import Curve, Matrix, Plot, Report, Scatter, Score, Table, stretches

SENTENCES = [
    "It cost $5 and _not_ $6 or an apple",
    "Apple sells phones",
    "苹果发布了新手机",
    "a\x1bb\nc <&>",
]
PNG, SVG = b"\x89PNG\r\n", b"<?xml"


def cosines(labels, values, groups=()):
    return Matrix("Cosine of 苹果, layer 4", labels, labels, values, groups, groups)


def read_csv(path):
    return list(csv.reader(path.open(encoding="utf-8", newline="")))


ZIGZAG = [Curve(str(n), range(40), [9 * (x % 2) + n for x in range(40)]) for n in range(2)]
PICTURES = {
    "everywhere": Plot("all", "x", "y", ZIGZAG),
    "chinese": cosines(
        SENTENCES,
        [[0.1 * (row + column) for column in range(4)] for row in range(4)],
        ["fruit", "company", "水果", "水果"],
    ),
    "one cell": Matrix("one", ["a"], ["b"], [[0.5]]),
    "not a number": Matrix("holes", ["a", "b"], ["c"], [[math.nan], [math.inf]]),
    "all missing": Matrix("hole", ["a"], ["c"], [[math.nan]]),
    "equal values": Matrix("equal", ["a", "b"], ["c", "d"], [[1, 1], [1, 1]]),
    "200 rows": Matrix(
        "tall",
        [f"row {row}" for row in range(200)],
        ["a", "b"],
        [[row, -row] for row in range(200)],
    ),
    "no rows": Matrix("none", [], [], []),
    "maps": [
        Matrix(f"layer {layer} head {head}", ["a", "果"], ["a", "果"], [[1, 0], [0, 1]])
        for layer in range(2)
        for head in range(3)
    ],
    "steps": Plot(
        "by step",
        "step",
        "accuracy",
        [Curve("名词 $x$", [0, 1, 2, 400], [0, 0.1, 0.2, 0.9], [0] * 4, [1] * 4)],
        True,
    ),
    "twelve curves": Plot(
        "many", "x", "y", [Curve(f"_{number}", range(50), range(50)) for number in range(12)]
    ),
    "one point": Plot("one", "x", "y", [Curve("a", [3], [0.5], [0.4], [0.6])], True),
    "only step 0": Plot("zero", "step", "y", [Curve("a", [0], [0.5])], True),
    "no curves": Plot("none", "x", "y", []),
    "scatter": Scatter(
        "words", [0, 1, math.nan], [1, 0, 2], ["apple", "苹果", "$"], ["en", "zh", "en"], [(0, 1)]
    ),
    "no points": Scatter("none", [], [], [], []),
}


@pytest.mark.parametrize("name", PICTURES)
def test_any_picture_is_drawn_without_a_warning_and_twice_the_same(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png, svg = drawn(PICTURES[name], "model · seed 42 · ssl probe 苹果").values()
    assert png.startswith(PNG)
    assert svg.startswith(SVG)
    assert drawn(PICTURES[name], "model · seed 42 · ssl probe 苹果") == {"png": png, "svg": svg}
    assert b"<dc:date>" not in svg


def test_svg_writes_text_as_text_and_no_control_characters():
    text = drawn(PICTURES["chinese"], "caption & command")["svg"].decode()
    assert "苹果发布了新手机" in text
    assert "cost $5 and _not_" in text
    assert "a\\x1bb⏎c &lt;&amp;&gt;" in text
    assert "caption &amp; command" in text
    assert "\x1b" not in text


def test_png_shows_numbers_where_no_font_has_the_letters_and_says_so_once(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_font", lambda: None)
    report = Report(
        matrices=[PICTURES["chinese"], PICTURES["chinese"]], scatters=[PICTURES["scatter"]]
    )
    (note,) = font_notes(report)
    assert fonts.HOW_TO_GET_ONE in note
    assert font_notes(Report(matrices=[PICTURES["one cell"]])) == []
    labels, groups = [*SENTENCES[:2], "#3", SENTENCES[3]], ["fruit", "company", "#3", "#3"]
    values = PICTURES["chinese"].values
    named = Matrix("Cosine of …, layer 4", labels, labels, values, groups, groups)
    assert drawn(PICTURES["chinese"])["png"] == drawn(named)["png"]


def test_a_report_is_all_in_its_files(tmp_path):
    report = Report(
        "apple",
        [Score("gap", 0.25, "", True, 20, (0.2, 0.3), {"static": 0.0})],
        [Table("", ("word", "n"), [("苹果", 3)])],
        plots=[
            Plot(
                "by layer",
                "layer",
                "gap",
                [Curve("fruit", range(2), [0.1, math.nan], [0, 0], [1, 1])],
            )
        ],
        matrices=[PICTURES["chinese"], *PICTURES["maps"]],
        scatters=[PICTURES["scatter"]],
        notes=["not emerged"],
    )
    files = save_report(report, tmp_path / "out", "model · seed 42")
    assert files == [
        tmp_path / "out" / name for name in ["report.json", *(path.name for path in files[1:])]
    ]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in files}
    saved = json.loads(
        files[0].read_text(encoding="utf-8"),
        parse_constant=lambda word: pytest.fail(f"{word} is no JSON"),
    )
    assert saved["caption"] == "model · seed 42"
    assert saved["scores"][0]["interval"] == [0.2, 0.3]
    assert saved["plots"][0]["curves"][0]["ys"] == [0.1, None]
    assert [picture["name"] for picture in saved["pictures"]] == [
        "by-layer", "cosine-of-苹果-layer-4", "layer-0-head-0-to-layer-1-head-2", "words",
    ]  # fmt: skip
    folder = tmp_path / "out"
    assert read_csv(folder / "scores.csv") == [
        ["score", "value", "unit", "low", "high", "count", "better", "static"], ["gap", "0.25", "",
        "0.2", "0.3", "20", "higher", "0.0"],
    ]  # fmt: skip
    assert read_csv(folder / "table.csv") == [["word", "n"], ["苹果", "3"]]
    assert read_csv(folder / "by-layer.csv")[1:] == [
        ["fruit", "0", "0.1", "0", "1"],
        ["fruit", "1", "nan", "0", "1"],
    ]
    assert read_csv(folder / "cosine-of-苹果-layer-4.csv")[0] == ["", *SENTENCES]
    assert read_csv(folder / "layer-0-head-0-to-layer-1-head-2.csv")[2] == [
        "layer 0 head 0",
        "果",
        "0",
        "1",
    ]
    assert read_csv(folder / "words.csv")[2] == ["苹果", "zh", "1", "0", "1"]


def test_what_an_earlier_report_left_is_gone_and_nothing_else(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"mine")
    save_report(
        Report(matrices=[PICTURES["one cell"]], tables=[Table("stays", ("a",), [(1,)])]),
        tmp_path,
        "",
    )
    damaged = json.loads((tmp_path / "report.json").read_text())
    (tmp_path / "report.json").write_text(
        json.dumps({**damaged, "files": [*damaged["files"], "../mine.png", 3, "sub/x.csv"]})
    )
    save_report(Report(tables=[Table("stays", ("a",), [(2,)])]), tmp_path, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine.png",
        "report.json",
        "stays.csv",
    ]
    (tmp_path / "report.json").write_text("[1, 2")
    save_report(Report(), tmp_path, "")
    assert json.loads((tmp_path / "report.json").read_text())["files"] == []


def test_a_picture_of_something_else_beside_a_report_is_refused(tmp_path):
    report = Report(matrices=[PICTURES["one cell"]])
    files = save_report(report, tmp_path, "seed 1")
    picture = next(path for path in files if path.suffix == ".png")
    assert read_report(tmp_path).caption == "seed 1"
    picture.write_bytes(picture.read_bytes() + b"of another report")
    with pytest.raises(DataError, match="is of something else"):
        read_report(tmp_path)
    save_report(report, tmp_path, "seed 2")
    assert read_report(tmp_path).caption == "seed 2"


def test_titles_that_give_the_same_name_have_files_of_their_own(tmp_path):
    alike = [
        Table(title, ("a",), [(number,)])
        for number, title in enumerate(["A b", "a-B", "???", "", "report", "長" * 200, "長" * 201])
    ]
    names = [path.name for path in save_report(Report(tables=alike), tmp_path, "")]
    assert names == [
        "report.json",
        "a-b.csv",
        "a-b-2.csv",
        "report-2.csv",
        "table.csv",
        "report-3.csv",
        f"{'長' * 60}.csv",
        f"{'長' * 60}-2.csv",
    ]
    assert read_csv(tmp_path / "a-b-2.csv") == [["a"], ["1"]]


@pytest.mark.parametrize(
    ("title", "name"),
    [("Layer 4: 苹果 & co", "layer-4-苹果-co"), ("../../etc", "etc"), ("...", "report")],
)
def test_titles_as_file_names(title, name):
    assert file_name(title) == name


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="No space left on device"):
        save_report(Report(matrices=[PICTURES["one cell"]]), tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_a_sentence(tmp_path):
    write_atomically(tmp_path / "taken", "")
    with pytest.raises(RunError, match="cannot write"):
        save_report(Report(), tmp_path / "taken", "")


def test_maps_of_a_layer_stand_in_one_line():
    assert (
        maps_across([f"layer {layer} head {head}" for layer in range(2) for head in range(5)]) == 5
    )
    assert maps_across([f"map {number}" for number in range(9)]) == 3
    assert maps_across(["a 1", "a 2", "b 1", "c", "d"]) == 3


def test_stretches_of_like_names():
    assert stretches(["a", "a", "b", "a"]) == [(0, 2, "a"), (2, 3, "b"), (3, 4, "a")]
    assert stretches([]) == []


def test_a_family_of_the_region_is_chosen_first(monkeypatch):
    class Font:
        def __init__(self, name):
            self.name = name

    class Manager:
        ttflist = [
            Font("SimHei"),
            Font("Noto Sans CJK JP"),
            Font("Noto Sans CJK SC"),
            Font("DejaVu Sans"),
        ]

    monkeypatch.setattr(font_manager, "fontManager", Manager)
    assert fonts.cjk_font() == "Noto Sans CJK SC"
    monkeypatch.setattr(Manager, "ttflist", [Font("DejaVu Sans")])
    assert fonts.cjk_font() is None
    assert fonts.is_drawable("apple é")
    assert not fonts.is_drawable("apple 苹果")
    assert report_files.font_notes(Report()) == []


def test_plots_over_the_same_steps_are_panels_of_one_picture(tmp_path):
    over_steps = [
        Plot(title, "step", "share", [Curve("a", [0, 1], [0.0, y])], logarithmic=True)
        for title, y in (("hidden", 0.5), ("seen", 1.0))
    ]
    by_layer = Plot("gap", "layer", "gap", [Curve("a", [0, 1], [0.0, 0.1])])
    save_report(Report("growth", plots=[*over_steps, by_layer]), tmp_path, "model")
    assert {path.name for path in tmp_path.glob("*.png")} == {"hidden-and-seen.png", "gap.png"}
    assert read_csv(tmp_path / "hidden-and-seen.csv")[1:] == [
        ["hidden", "a", "0", "0.0", "", ""], ["hidden", "a", "1", "0.5", "", ""],
        ["seen", "a", "0", "0.0", "", ""], ["seen", "a", "1", "1.0", "", ""],
    ]  # fmt: skip


def figure_for(name, form="svg"):
    written = as_it_is if form == "svg" else with_letters_at_hand
    figure = figure_of(PICTURES[name], written)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.draw_without_rendering()
    return figure


def crossing(figure):
    """Lines and dots in the box of a legend, by matplotlib's own geometry."""
    found = []
    for axes in figure.axes:
        for box in [legend.get_window_extent() for legend in axes.findobj(Legend)]:
            for line in axes.lines:
                path = line.get_transform().transform_path(line.get_path())
                found += [line] if path.intersects_bbox(box, filled=False) else []
            for dots in axes.collections:
                points = dots.get_offset_transform().transform(dots.get_offsets())
                found += [dots for point in points if box.contains(*point)]
    return found


@pytest.mark.parametrize("name", ["steps", "twelve curves", "one point", "scatter", "everywhere"])
def test_nothing_runs_through_a_legend(name):
    figure = figure_for(name)
    legends = figure.findobj(Legend)
    assert legends
    assert crossing(figure) == []
    for legend in legends:
        box = legend.get_window_extent()
        assert figure.bbox.contains(box.x0, box.y0)
        assert figure.bbox.contains(box.x1 - 1, box.y1 - 1)


def test_a_legend_among_the_curves_would_be_found():
    figure = figure_for("everywhere")
    figure.axes[0].legend(["a", "b"], loc="center")
    figure.draw_without_rendering()
    assert crossing(figure)


@pytest.mark.parametrize("count", [1, 7, 8, 30])
def test_every_curve_and_every_group_has_a_colour_of_its_own(count):
    curves = [Curve(str(n), [0, 1], [n, n]) for n in range(count)]
    (axes,) = figure_of(Plot("t", "x", "y", curves), as_it_is).axes
    assert len({line.get_color() for line in axes.lines}) == count
    names = list(map(str, range(count)))
    (axes,) = figure_of(Scatter("t", range(count), range(count), names, names), as_it_is).axes
    assert len({tuple(dots.get_facecolor()[0]) for dots in axes.collections}) == count


@pytest.mark.parametrize("name", PICTURES)
def test_png_has_neither_codes_nor_letters_without_a_shape(name, monkeypatch):
    monkeypatch.setattr(fonts, "cjk_font", lambda: None)
    texts = [text.get_text() for text in figure_for(name, "png").findobj(Text)]
    assert all(fonts.is_drawable(text) for text in texts)
    assert not any(re.search(r"\\u[0-9a-f]{4}", text) for text in texts)


def test_a_logarithmic_y_is_so_only_where_all_is_above_nothing():
    curves = [Curve("a", [0, 1, 2], [1.5, 20.0, 3000.0])]
    for added, scale in (([], "log"), ([Curve("b", [0], [0.0])], "linear")):
        plot = Plot("t", "x", "perplexity", [*curves, *added], log_y=True)
        assert figure_of(plot, as_it_is).axes[0].get_yscale() == scale


def test_matrices_of_the_same_rows_and_columns_are_one_picture_with_numbers(tmp_path):
    rows, columns = ["layer 0", "layer 1"], ["α 0", "α 1"]
    cells = [[0, 1], [2, 3]]
    matrices = [Matrix(f"score {n}", rows, columns, cells, high=n or None) for n in range(8)]
    other = Matrix("other", ["a"], ["b"], [[1]])
    save_report(Report("shift", matrices=[*matrices, other, *PICTURES["maps"]]), tmp_path, "")
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        "score-0-to-score-7",
        "other",
        "layer-0-head-0-to-layer-1-head-2",
    }
    assert len(read_csv(tmp_path / "score-0-to-score-7.csv")) == 1 + 8 * 2
    figure = figure_of(matrices, as_it_is)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [f"score {n}" for n in range(8)]
    assert sum(len(axes.texts) for axes in figure.axes) == 8 * 4


def test_curves_of_a_run_are_told_apart_beside_them(tmp_path, monkeypatch):
    lines = [
        {"step": step, "split": split, "loss": 5 / step, "terms": {}, "metrics": {"f1": step}}
        for step in range(1, 50)
        for split in ("train", "eval")
    ]
    kept = []
    monkeypatch.setattr(run_plots, "_write_png", lambda figure, path: kept.append(figure))
    floors = {"unigram": 1.0, "bigram": 2.0, "two-sided bigram": 3.0, "trigram": 4.0}
    run_plots.loss_curve(lines, "mlm", floors, "world: mlm on demo:world", tmp_path / "loss.png")
    starts = ("pretrained", "random", "shuffled-weights", "other", "more")
    run_plots.score_curves(dict.fromkeys(starts, lines), "qa", tmp_path / "scores.png")
    assert [len(figure.axes) for figure in kept] == [1, 2]
    for figure in kept:
        figure.draw_without_rendering()
        assert crossing(figure) == []
        for axes in figure.axes:
            assert axes.get_xlabel() == "step"
            assert axes.get_ylabel()
            assert len({line.get_color() for line in axes.lines}) == len(axes.lines) > 1
            assert len(axes.get_legend().get_texts()) == len(axes.lines)
    assert kept[0].axes[0].get_title() == "world: mlm on demo:world"


@pytest.mark.parametrize(("losses", "bottom"), [([3.0, 1.0], 0.0), ([3.0, -4.0], None)])
def test_a_loss_below_zero_is_drawn(losses, bottom, tmp_path, monkeypatch):
    """As the nats of a density can be; the unit is that of the objective."""
    lines = [
        {"step": step, "split": "eval", "loss": loss, "terms": {}, "metrics": {}}
        for step, loss in enumerate(losses)
    ]
    kept = []
    monkeypatch.setattr(run_plots, "_write_png", lambda figure, path: kept.append(figure))
    run_plots.loss_curve(
        lines, "vae", {"mean": 0.01234}, "t", tmp_path / "loss.png", unit="squared error"
    )
    (axes,) = kept[0].axes
    low = axes.get_ylim()[0]
    assert low == bottom if bottom is not None else low < -4
    assert axes.get_ylabel() == "loss of vae (squared error)"
    assert "mean baseline 0.01234" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_names_of_points_cover_neither_one_another_nor_a_point():
    places = [(number % 5 * 1.0, number // 5 * 1.0) for number in range(20)]
    pairs = [place for x, y in places for place in ((x, y), (x + 0.05, y + 0.02))]
    xs, ys = zip(*pairs, strict=True)
    names = [f"word {number}" for number in range(40)]
    scatter = Scatter("t", xs, ys, names, ["en", "zh"] * 20, x="first component", y="second")
    figure = figure_of(scatter, as_it_is)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("first component", "second")
    assert sorted(text.get_text() for text in axes.texts) == sorted(names)
    boxes = [text.get_window_extent() for text in axes.texts]
    covering = [one for at, one in enumerate(boxes) for other in boxes[:at] if one.overlaps(other)]
    points = axes.transData.transform(pairs)
    assert covering == []
    assert not any(box.contains(*point) for box in boxes for point in points)


def test_rows_and_columns_of_a_matrix_are_named():
    matrix = Matrix("m", ["a", "b"], ["c"], [[1], [2]], x="looks at", y="token")
    axes = figure_of(matrix, as_it_is).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("looks at", "token")
    maps = figure_of([matrix] * 6, as_it_is)
    assert (maps.get_supxlabel(), maps.get_supylabel()) == ("looks at", "token")
