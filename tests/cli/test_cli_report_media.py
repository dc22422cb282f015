"""Images, recordings and curves of the page of a run, read back out of it."""

import base64
import math
from io import BytesIO

import numpy as np
import soundfile
from PIL import Image
from read_pages import LINES, make_run, page_for

from sslcli.reporting.report_files import save_report
from sslcli.reports import Curve, Gallery, Plot, Report, Sound


def test_images_and_recordings_are_shown_and_played_as_they_were(tmp_path):
    run = make_run(tmp_path / "voices", lines=LINES[:2])
    pixels = [bytes(range(start, start + 6)) for start in (0, 100)]
    images = Gallery("images", [2, 1, 3], ["as it is"], [[each.hex() for each in pixels] + [""]])
    grey = Gallery("grey", [1, 2, 1], ["one"], [[b"\x07\xff".hex()]], ["a"])
    samples = np.arange(-800, 800, dtype="<i2")
    sound = Sound("Said <b>", 800, samples.tobytes().hex())
    save_report(Report("held-out", galleries=[images, grey], sounds=[sound]), run / "samples", "")
    page = page_for(run)
    shown = [np.array(Image.open(BytesIO(content))) for _, content in page.pictures()]
    assert [each.tobytes() for each in shown] == [*pixels, b"\x07\xff"]
    assert [each.shape for each in shown] == [(2, 1, 3), (2, 1, 3), (1, 2)]
    (player,) = [attributes for tag, attributes in page.tags if tag == "audio"]
    heard, rate = soundfile.read(
        BytesIO(base64.b64decode(player["src"].partition("base64,")[2])), dtype="int16"
    )
    assert rate == 800
    np.testing.assert_array_equal(heard, samples)
    assert "Said <b>, 2.00 s" in page.text
    assert "given the model" not in page.text  # samples in characters
    (run / "samples" / "said-b.wav").unlink()
    lost = page_for(run)
    assert f"its file is gone, {run / 'samples' / 'said-b'}.wav" in lost.text
    (run / "samples" / "said-b.wav").write_bytes(b"other")
    assert "said-b.wav is of something else" in page_for(run).text


def test_what_was_generated_below_the_run_is_on_its_page(tmp_path):
    run = make_run(tmp_path / "drawn")
    save_report(Report("3 images made by drawn", notes=["near"]), run / "generated" / "x", "ssl g")
    page = page_for(run)
    assert page.text.count("Generated: 3 images made by drawn") == 2  # in the list of contents, too
    assert "near ssl g" in page.text


def test_plots_of_a_report_are_drawn_from_their_numbers(tmp_path):
    run = make_run(tmp_path / "world", lines=[])
    curve = Curve("a", [0, 1, 2], [0.5, math.nan, 0.25], [0.25, math.nan, 0], [1, math.nan, 1])
    plots = [Plot("one", "layer", "y", [curve]), Plot("two", "layer", "y", [curve])]
    save_report(Report(plots=plots), run / "probes" / "x", "")
    page = page_for(run)
    assert not page.pictures()
    assert [[point[2:] for point in each[0]] for each in page.curves()] == [
        [["0", "0.5"], ["2", "0.25"]]
    ] * 2
