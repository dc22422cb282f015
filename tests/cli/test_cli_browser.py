"""The pages of `ssl report` and `ssl tour` in a browser: on a desk, a tablet, a phone and on paper,
in the light and in the dark.
"""

import math

import numpy as np
import pytest
from browser import Sheet, started, words_of
from read_pages import FACTS, make_run

from sslcli.cli.actions.touring import TITLES
from sslcli.cli.page import rendered
from sslcli.reporting.report_files import save_report
from sslcli.reports import Curve, Gallery, Matrix, Passage, Plot, Report, Score, Sound, Span, Table
from sslcli.runs.catalogue import read_run
from sslcli.workflows.report.page import page_of
from sslcli.workflows.tour.chapters import chapters
from sslcli.workflows.tour.tour_page import page_of_tour

WIDTHS, SCHEMES = (1280, 768, 390), ("light", "dark")
SECONDS = (0.5, 1.25)
ALL_CHECKS = ("noises", "overflow", "broken_words", "faint_texts", "silent_curves")
SPOILT = {
    "noises": "<img src='http://127.0.0.1:9/x.png'>",
    "overflow": "<p style='width: 3000px'>wide</p>",
    "broken_words": "<style>table { table-layout: fixed; width: 90px } td { word-break: break-all; "
    "white-space: normal !important }</style>",
    "faint_texts": "<p style='color: #777'>faint</p><p style='color: #888'>faint</p>",
    "silent_curves": "<style>.axes { pointer-events: none }</style>",
}


def metrics():
    """Of many steps, in two languages."""
    for step in range(0, 2_001, 50):
        loss = 1 + 5 * math.exp(-step / 400)
        yield {"step": step, "split": "train", "loss": loss, "terms": {"mlm": loss}, "metrics": {}}
        if step % 200 == 0:
            own = {
                "loss": loss,
                "terms": {"mlm": loss},
                "metrics": {"accuracy": 1 / loss, "perplexity": math.exp(loss)},
                "counts": {"mlm": 2_513, "accuracy": 2_513},
            }
            yield {"step": step, "split": "eval", **own, "languages": {"en": own, "zh": own}}
    shown = [["emma works for [MASK] in munich. (nokia)", "sony .26 nokia .10 siemens .10"]]
    yield {
        "step": 2_000,
        "split": "sample",
        "examples": [*shown, ["诺基亚 经营 [MASK] 慕尼黑。", "在 .96"]],
    }


def probe_report():
    """Tables of many columns and of long words, every kind of picture, and recordings."""
    names = ["two-sided bigram", "input embedding", "shuffled senses, 97.5 %", "in-language"]
    beside = dict(zip(names, (0.1, 0.02, 0.3, 0.4), strict=True))
    scores = [
        Score("translation accuracy at 1", 0.2914, "", True, 2_522, (0.1829, 0.4044), beside),
        Score("held-out loss", 0.01018, "squared error", False, 9_856, None, {}),
    ]
    wide = Table(
        "the shift and its controls",
        ["", *(f"accuracy at {number}, source word removed" for number in range(12))],
        [[f"alpha {row}, zh tokens only", *[row / 7 + n for n in range(12)]] for row in range(3)],
    )
    long = Table("long", ("what", "path"), [("data", "/a/very/long/path/" + "of-many-words/" * 8)])
    curve = Curve("separation", [0, 1, 2, 3], [0.1, 0.2, 0.3, 0.4], [0, 0.1, 0.2, 0.3], [0.5] * 4)
    plots = [
        Plot("by layer", "layer", "within - across, cosine", [curve]),
        Plot(
            "operating",
            "false alarms",
            "found",
            [
                Curve("a", [0, 0.5, 1], [0, 0.8, 1]),
                Curve("b", [0, 0.501, 0.501, 1], [0, 0.6, 0.7, 1]),
            ],
        ),
        Plot("by step", "step", "score", [Curve("a", [0, 1, 8, 512], [1, 2, 3, 4])], True),
    ]
    images = Gallery("images", [8, 8, 1], ["as it is"] * 2, [[bytes(range(64)).hex()] * 16] * 2)
    sounds = [
        Sound(f"{seconds} s", 8_000, np.zeros(int(8_000 * seconds), "<i2").tobytes().hex())
        for seconds in SECONDS
    ]
    spans = [Span("the "), Span("apple", "corrupted"), Span(" 苹果", "special")]
    return Report(
        "apple: layer 3 of 3",
        scores,
        [wide, long],
        plots=plots,
        matrices=[Matrix("cosines", ["a", "b"], ["c", "d"], [[1, 0.5], [0.5, 1]])],
        galleries=[images],
        sounds=sounds,
        passages=[Passage("shown", spans)],
        notes=["not emerged: 0.01 of 0.15", "a look-up of the nearest frames"],
    )


def pages(folder):
    """By name the files of a run's page, and of the tour's in both languages."""
    lines = list(metrics())
    run = make_run(folder / "world", FACTS, lines)
    command = "ssl probe similarity apple --model masked --layer 3 --data demo:world-of-words"
    save_report(probe_report(), run / "probes" / "similarity-apple", f"world · {command}")
    found = {"run": rendered(page_of(read_run(run)))}
    make_run(folder / "masked", FACTS, lines)
    save_report(
        probe_report(), folder / "masked" / "probes" / "x", "· " + chapters("en")[1].lines[0].typed
    )
    said = " blank   text    score\n ─────────────\n     1   nokia   0.515\n" + "x" * 150
    for language in ("en", "zh"):
        lecture = chapters(language)[:3]
        done = {
            line.typed: {"seconds": 1.0, "printed": said} for each in lecture for line in each.lines
        }
        page = page_of_tour(folder, lecture, done, TITLES[language])
        found[f"tour-{language}"] = rendered(page, language)
    files = {name: folder / f"{name}.html" for name in found}
    for name, file in files.items():
        file.write_text(found[name], encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def browser():
    """One for all tests."""
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The pages, made once."""
    return pages(tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("name", ["run", "tour-en", "tour-zh"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_read_at_every_width_in_the_light_and_in_the_dark(
    browser, files, name, width, scheme
):
    sheet = Sheet(browser, files[name], width, scheme)
    checks = ALL_CHECKS if name == "run" else ALL_CHECKS[:-1]
    assert {check: found for check in checks if (found := getattr(sheet, check)())} == {}
    back = sheet.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    sheet.context.close()


@pytest.mark.parametrize(("width", "beside"), [(1280, 2), (768, 2), (390, 1)])
def test_curves_stand_beside_one_another_where_there_is_room(browser, files, width, beside):
    sheet = Sheet(browser, files["run"], width, "light")
    tops = sheet.page.evaluate(
        "[...document.querySelector('.plots').children].map((each) => each.offsetTop)"
    )
    assert tops.count(tops[0]) == beside
    sheet.context.close()


@pytest.mark.parametrize("check", SPOILT)
def test_every_check_can_fail(browser, files, tmp_path, check):
    text = files["run"].read_text(encoding="utf-8").replace("</body>", f"{SPOILT[check]}</body>")
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(text, encoding="utf-8")
    sheet = Sheet(browser, spoilt, 768, "light")
    assert getattr(sheet, check)()
    if sheet.asked:  # and the policy of the page stops it
        assert any("Content Security Policy" in said for said in sheet.said)
    sheet.context.close()


def test_nothing_but_its_own_script_runs(browser, files, tmp_path):
    text = files["run"].read_text(encoding="utf-8")
    hostile = (
        "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    )
    (tmp_path / "hostile.html").write_text(text.replace("<h1>", f"{hostile}<h1>"), encoding="utf-8")
    sheet = Sheet(browser, tmp_path / "hostile.html", 768, "light")
    sheet.page.wait_for_load_state()
    assert "taken" not in sheet.page.title()
    assert any("Content Security Policy" in said for said in sheet.said)
    sheet.context.close()


def test_recordings_can_be_played_and_images_are_whole(browser, files):
    sheet = Sheet(browser, files["run"], 1280, "light")
    assert sheet.players() == pytest.approx(SECONDS)
    shown = "[...document.images].map((each) => each.complete && each.naturalWidth)"
    assert all(sheet.page.evaluate(shown))
    assert sheet.page.evaluate("document.querySelectorAll('.images img').length") == 32
    sheet.context.close()


def test_curves_answer_keys_and_fingers(browser, files):
    sheet = Sheet(browser, files["run"], 390, "dark")
    figure = sheet.page.locator("figure:has(svg.axes)").first
    held_out = figure.locator(".legend b").nth(1)
    last = held_out.inner_text()
    assert last == f"{1 + 5 * math.exp(-5):.4g}"
    figure.locator("svg.axes").focus()
    sheet.page.keyboard.press("Home")
    assert held_out.inner_text() == "6"
    assert "step 0" in figure.inner_text()
    sheet.page.keyboard.press("ArrowRight")  # to a step without an evaluation
    assert held_out.inner_text() == "–"
    assert "step 50" in figure.inner_text()
    sheet.page.keyboard.press("Escape")
    assert held_out.inner_text() == last
    figure.locator("svg.axes").tap()
    assert held_out.inner_text() != last
    sheet.context.close()


def test_of_curves_with_points_of_their_own_the_nearest_are_told(browser, files):
    sheet = Sheet(browser, files["run"], 1280, "light")
    figure = sheet.page.locator("figure:has(svg[aria-label=operating])")
    axes = figure.locator("svg.axes")
    axes.scroll_into_view_if_needed()
    box = axes.bounding_box()
    for share, value in ((0.2, "0.7"), (0.8, "0.6")):  # of two points at one place
        middle = axes.evaluate(
            "each => JSON.parse(each.querySelector('.curve').dataset.values)[1][0]"
        )
        x = box["x"] + middle / 440 * box["width"]
        sheet.page.mouse.move(x, box["y"] + share * box["height"])
        assert figure.locator(".legend b").all_inner_texts() == ["0.8", value]
    sheet.context.close()


@pytest.mark.parametrize("name", ["run", "tour-zh"])
def test_on_paper_it_is_white_and_nothing_is_cut(browser, files, name):
    pypdfium2 = pytest.importorskip("pypdfium2", reason="needs sslcli[browser]")
    sheet = Sheet(browser, files[name], 1280, "dark")
    document = pypdfium2.PdfDocument(sheet.printed())
    said = sheet.page.evaluate(
        "() => { document.querySelector('nav').remove(); return document.body.innerText; }"
    )
    sheet.context.close()
    read = ""
    for page in document:
        text = page.get_textpage()
        read += text.get_text_range() + "\n"
        boxes = [text.get_charbox(at) for at in range(text.count_chars())]
        width, height = page.get_size()
        assert min(left for left, *_ in boxes) >= 0
        assert max(right for _, _, right, _ in boxes) <= width
        assert min(bottom for _, bottom, *_ in boxes) >= 0
        assert max(top for *_, top in boxes) <= height
        assert page.render(scale=0.2).to_pil().convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    assert width == pytest.approx(595, abs=2)  # A4
    assert words_of(said) - words_of(read) == set()
    assert "0:00 / " not in read  # players
    if name == "tour-zh":
        assert chapters("zh")[0].title in read
