"""Pictures as files: what is in them, that they are the same twice, and that nothing of a report is lost."""

import csv
import json
import math
import warnings
from pathlib import Path

import pytest
from matplotlib import font_manager

from sslcli.errors import DataError, RunError
from sslcli.folders import write_atomically
from sslcli.reports import Curve, Matrix, Plot, Report, Scatter, Score, Table, stretches
from sslcli.workflows import fonts, pictures
from sslcli.workflows.drawing import drawn
from sslcli.workflows.heatmaps import maps_across
from sslcli.workflows.pictures import file_name, font_notes, save_report
from sslcli.workflows.savedreports import read_report

SENTENCES = ["It cost $5 and _not_ $6 or an apple", "Apple sells phones", "苹果发布了新手机", "a\x1bb\nc <&>"]
PNG, SVG = b"\x89PNG\r\n", b"<?xml"


def cosines(labels, values, groups=()):
    return Matrix("Cosine of 苹果, layer 4", labels, labels, values, groups, groups)


def read_csv(path):
    return list(csv.reader(path.open(encoding="utf-8", newline="")))


PICTURES = {
    "chinese": cosines(
        SENTENCES, [[0.1 * (row + column) for column in range(4)] for row in range(4)], ["fruit", "company", "水果", "水果"]
    ),
    "one cell": Matrix("one", ["a"], ["b"], [[0.5]]),
    "not a number": Matrix("holes", ["a", "b"], ["c"], [[math.nan], [math.inf]]),
    "all missing": Matrix("hole", ["a"], ["c"], [[math.nan]]),
    "equal values": Matrix("equal", ["a", "b"], ["c", "d"], [[1, 1], [1, 1]]),
    "200 rows": Matrix("tall", [f"row {row}" for row in range(200)], ["a", "b"], [[row, -row] for row in range(200)]),
    "no rows": Matrix("none", [], [], []),
    "maps": [Matrix(f"layer {layer} head {head}", ["a", "果"], ["a", "果"], [[1, 0], [0, 1]]) for layer in range(2) for head in range(3)],
    "steps": Plot("by step", "step", "accuracy", [Curve("名词 $x$", [0, 1, 2, 400], [0, 0.1, 0.2, 0.9], [0] * 4, [1] * 4)], True),
    "twelve curves": Plot("many", "x", "y", [Curve(f"_{number}", range(50), range(50)) for number in range(12)]),
    "one point": Plot("one", "x", "y", [Curve("a", [3], [0.5], [0.4], [0.6])], True),
    "only step 0": Plot("zero", "step", "y", [Curve("a", [0], [0.5])], True),
    "no curves": Plot("none", "x", "y", []),
    "scatter": Scatter("words", [0, 1, math.nan], [1, 0, 2], ["apple", "苹果", "$"], ["en", "zh", "en"], [(0, 1)]),
    "no points": Scatter("none", [], [], [], []),
}


@pytest.mark.parametrize("name", PICTURES)
def test_any_picture_is_drawn_without_a_warning_and_twice_the_same(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png, svg = (drawn(PICTURES[name], form, "model · seed 42 · ssl probe 苹果") for form in ("png", "svg"))
    assert png.startswith(PNG)
    assert svg.startswith(SVG)
    assert drawn(PICTURES[name], "svg", "model · seed 42 · ssl probe 苹果") == svg
    assert b"<dc:date>" not in svg


def test_svg_writes_text_as_text_and_no_control_characters():
    text = drawn(PICTURES["chinese"], "svg", "caption & command").decode()
    assert "苹果发布了新手机" in text
    assert "cost $5 and _not_" in text
    assert "a\\x1bb⏎c &lt;&amp;&gt;" in text
    assert "caption &amp; command" in text
    assert "\x1b" not in text


def test_png_shows_numbers_where_no_font_has_the_letters_and_says_so_once(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_font", lambda: None)
    report = Report(matrices=[PICTURES["chinese"], PICTURES["chinese"]], scatters=[PICTURES["scatter"]])
    (note,) = font_notes(report)
    assert fonts.HOW_TO_GET_ONE in note
    assert font_notes(Report(matrices=[PICTURES["one cell"]])) == []
    named = Matrix("Cosine of \\u82f9\\u679c, layer 4", *[[*SENTENCES[:2], "#3", SENTENCES[3]]] * 2, PICTURES["chinese"].values, 
                   ["fruit", "company", *["\\u6c34\\u679c"] * 2], ["fruit", "company", *["\\u6c34\\u679c"] * 2])  # fmt: skip
    assert drawn(PICTURES["chinese"], "png") == drawn(named, "png")


def test_a_report_is_all_in_its_files(tmp_path):
    report = Report(
        "apple",
        [Score("gap", 0.25, "", True, 20, (0.2, 0.3), {"static": 0.0})],
        [Table("", ("word", "n"), [("苹果", 3)])],
        plots=[Plot("by layer", "layer", "gap", [Curve("fruit", range(2), [0.1, math.nan], [0, 0], [1, 1])])],
        matrices=[PICTURES["chinese"], *PICTURES["maps"]],
        scatters=[PICTURES["scatter"]],
        notes=["not emerged"],
    )
    files = save_report(report, tmp_path / "out", "model · seed 42")
    assert files == [tmp_path / "out" / name for name in ["report.json", *(path.name for path in files[1:])]]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in files}
    saved = json.loads(files[0].read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert saved["caption"] == "model · seed 42"
    assert saved["scores"][0]["interval"] == [0.2, 0.3]
    assert saved["plots"][0]["curves"][0]["ys"] == [0.1, None]
    assert [picture["name"] for picture in saved["pictures"]] == [
        "by-layer", "cosine-of-苹果-layer-4", "layer-0-head-0-to-layer-1-head-2", "words",
    ]  # fmt: skip
    folder = tmp_path / "out"
    assert read_csv(folder / "scores.csv") == [
        ["score", "value", "unit", "low", "high", "count", "better", "static"], ["gap", "0.25", "", "0.2", "0.3", "20", "higher", "0.0"],
    ]  # fmt: skip
    assert read_csv(folder / "table.csv") == [["word", "n"], ["苹果", "3"]]
    assert read_csv(folder / "by-layer.csv")[1:] == [["fruit", "0", "0.1", "0", "1"], ["fruit", "1", "nan", "0", "1"]]
    assert read_csv(folder / "cosine-of-苹果-layer-4.csv")[0] == ["", *SENTENCES]
    assert read_csv(folder / "layer-0-head-0-to-layer-1-head-2.csv")[2] == ["layer 0 head 0", "果", "0", "1"]
    assert read_csv(folder / "words.csv")[2] == ["苹果", "zh", "1", "0", "1"]


def test_what_an_earlier_report_left_is_gone_and_nothing_else(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"mine")
    save_report(Report(matrices=[PICTURES["one cell"]], tables=[Table("stays", ("a",), [(1,)])]), tmp_path, "")
    damaged = json.loads((tmp_path / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps({**damaged, "files": [*damaged["files"], "../mine.png", 3, "sub/x.csv"]}))
    save_report(Report(tables=[Table("stays", ("a",), [(2,)])]), tmp_path, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.png", "report.json", "stays.csv"]
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
    alike = [Table(title, ("a",), [(number,)]) for number, title in enumerate(["A b", "a-B", "???", "", "report", "長" * 200, "長" * 201])]
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


@pytest.mark.parametrize(("title", "name"), [("Layer 4: 苹果 & co", "layer-4-苹果-co"), ("../../etc", "etc"), ("...", "report")])
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
    assert maps_across([f"layer {layer} head {head}" for layer in range(2) for head in range(5)]) == 5
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
        ttflist = [Font("SimHei"), Font("Noto Sans CJK JP"), Font("Noto Sans CJK SC"), Font("DejaVu Sans")]

    monkeypatch.setattr(font_manager, "fontManager", Manager)
    assert fonts.cjk_font() == "Noto Sans CJK SC"
    monkeypatch.setattr(Manager, "ttflist", [Font("DejaVu Sans")])
    assert fonts.cjk_font() is None
    assert fonts.is_drawable("apple é")
    assert not fonts.is_drawable("apple 苹果")
    assert pictures.font_notes(Report()) == []


def test_plots_over_the_same_steps_are_panels_of_one_picture(tmp_path):
    over_steps = [
        Plot(title, "step", "share", [Curve("a", [0, 1], [0.0, y])], logarithmic=True) for title, y in (("hidden", 0.5), ("seen", 1.0))
    ]
    by_layer = Plot("gap", "layer", "gap", [Curve("a", [0, 1], [0.0, 0.1])])
    save_report(Report("growth", plots=[*over_steps, by_layer]), tmp_path, "model")
    assert {path.name for path in tmp_path.glob("*.png")} == {"hidden-and-seen.png", "gap.png"}
    assert read_csv(tmp_path / "hidden-and-seen.csv")[1:] == [
        ["hidden", "a", "0", "0.0", "", ""], ["hidden", "a", "1", "0.5", "", ""],
        ["seen", "a", "0", "0.0", "", ""], ["seen", "a", "1", "1.0", "", ""],
    ]  # fmt: skip
