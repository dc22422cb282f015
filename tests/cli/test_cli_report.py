"""`ssl report`: one page that holds everything, loads nothing, is never too large, and takes a run
as it is.
"""

import json
import math
import os

import pytest
from read_pages import FACTS, LINES, Reader, Tables, make_run, page_for, read_page

from sslcli.cli.page import MOST_BYTES, rendered
from sslcli.reporting.report_files import save_report
from sslcli.reporting.saved_reports import read_report, write_report, write_scores
from sslcli.reports import Curve, Matrix, Plot, Report, Scatter, Score, Table
from sslcli.runs.catalogue import read_run
from sslcli.workflows.report.page import Page, Picture, Section, page_of

HOSTILE = '<script>alert(1)</script>\x1b[31m "x" \u202e & {{ 7*7 }}'
TAMED = '<script>alert(1)</script>\\x1b[31m "x" \\u202e & {{ 7*7 }}'


def test_a_run_is_all_on_its_page(tmp_path):
    page = page_for(make_run(tmp_path / "world"))
    for text in (
        "world · pretrain · mlm",
        "ssl pretrain --name 'a b'",
        "held-out loss 2.25 nats",
        "4.875",
        "0.4375",
        "0.125",
        "2,513",
        "12,345",
        "我 吃 [MASK] 。",
        "苹果 .90",
        "training.seed 7 42",
        "torch 2.13.0",
        "3.11.7",
    ):
        assert text in page.text, text
    losses, accuracies = page.curves()
    assert [[point[2:] for point in curve] for curve in losses] == [
        [["10", "3.5"]],
        [["20", "2.25"]],
        [["10", "4.875"], ["20", "4.875"]],
    ]
    assert [[point[2:] for point in curve] for curve in accuracies] == [[["20", "0.4375"]]]
    assert "unigram baseline 4.875" in page.text


def test_every_language_stands_on_the_page_beside_its_own_floors(tmp_path):
    def figures(loss, accuracy, count):
        return {
            "loss": loss,
            "terms": {"mlm": loss},
            "metrics": {"accuracy": accuracy},
            "counts": {"mlm": count, "accuracy": count},
        }

    spoken = {"en": figures(1.75, 0.5625, 1713), "zh": figures(3.25, 0.1875, 800)}
    floors = {
        **FACTS["floors"],
        "languages": {"zh": {"losses": {"unigram": 5.125}, "accuracies": {"unigram": 0.0625}}},
    }
    lines = [{**line, "languages": spoken} if line["split"] == "eval" else line for line in LINES]
    page = page_for(make_run(tmp_path / "world", {**FACTS, "floors": floors}, lines))
    for text in (
        "held-out loss 2.25 nats 4.875 2,513",
        "held-out loss en 1.75 nats",
        "held-out loss zh 3.25 nats 5.125 800",
        "accuracy en 0.5625",
        "accuracy zh 0.1875 0.0625 800",
    ):
        assert text in page.text, text
    assert [len(curves) for curves in page.curves()] == [3, 3, 3]
    assert "loss 2.25 loss en 1.75 loss zh 3.25" in page.text
    assert "accuracy 0.4375 accuracy en 0.5625 accuracy zh 0.1875" in page.text


def test_probes_stand_on_the_page_with_pictures_tables_and_controls(tmp_path):
    run = make_run(tmp_path / "world")
    small = Matrix("Cosine of 苹果", ["a", "b"], ["a", "b"], [[1, 0.5], [0.5, 1]])
    many = Scatter(
        "points",
        list(range(2000)),
        [n * n % 97 for n in range(2000)],
        ["w"] * 2000,
        ["en", "zh"] * 1000,
    )
    report = Report(
        "苹果 in two senses", [Score("gap", 0.3125, "", True, 20, (0.25, 0.375), {"static": 0.0,
        "shuffled": math.nan})],
        [Table("words", ("word", "n"), [("水果", 3)])], matrices=[small], scatters=[many],
        notes=["not emerged: 0.01 of 0.15"],
    )  # fmt: skip
    save_report(
        report, run / "probes" / "similarity-apple", "world · seed 42 · ssl probe similarity apple"
    )
    page = page_for(run)
    for text in (
        "Probe: similarity apple",
        "苹果 in two senses",
        "0.3125",
        "0.25 to 0.375",
        "static",
        "水果",
        "not emerged: 0.01 of 0.15",
        "world · seed 42 · ssl probe similarity apple",
        "Cosine of 苹果",
    ):
        assert text in page.text, text
    folder = run / "probes" / "similarity-apple"
    (_, cosines), (kind, points) = page.pictures()
    assert "苹果" in cosines.decode()
    files = {form: (folder / f"points.{form}").read_bytes() for form in ("svg", "png")}
    smaller = min(files, key=lambda form: len(files[form]))
    assert (kind, points) == (
        f"data:image/{'svg+xml' if smaller == 'svg' else 'png'}",
        files[smaller],
    )


SPOKEN = {
    "en": {"loss": 1.75, "metrics": {"perplexity": 5.75}},
    "zh": {"loss": 3.25, "metrics": {"perplexity": 25.75}},
}


def test_tables_scroll_break_no_word_and_have_no_empty_column(tmp_path):
    lines = [{**line, "languages": SPOKEN} if line["split"] == "eval" else line for line in LINES]
    run = make_run(tmp_path / "world", lines=lines)
    parent = str(run.resolve() / "checkpoints" / "step-20")
    facts = {"kind": "finetune", "objective": "qa", "parent": parent, "start": "pretrained"}
    write_scores([Score("loss", 0.5, "", False)], make_run(tmp_path / "world-qa", facts))
    holes = Table("t", ("a", "b", "c"), [("x", None, ""), ("y", "", None)])
    write_report(Report(tables=[holes]), run)
    text = rendered(page_of(read_run(run)))
    style = text[text.index("<style>") : text.index("</style>")]
    assert not any(rule in style for rule in ("break-all", "anywhere", "hyphens"))
    assert ".wide { overflow-x: auto;" in style
    tables = Tables(text).found
    assert len(tables) >= 6
    for (head, *rows), scrolls in tables:
        assert scrolls
        assert all(len(row) == len(head) for row in rows)
        columns = zip(head, *rows, strict=True)
        assert [name for name, *cells in columns if rows and not any(cells)] == []
        assert not any("_" in name for name in head)
    assert ["a"] in [head for (head, *_), _ in tables]


BESIDE = {"chance": 5.7, "random": 23.54, "in-language": 99}
COUNTED = {"unigram": 4.875, "bigram": 2.5, "none": math.nan}
KEYS = [
    (
        Score("f1", 97.72, "%", True, 1000, (96.74, 98.62), BESIDE),
        "F1 is 97.72 % (95 % interval 96.74 to 98.62; n 1,000; zh 73.75); random, the best of 2 "
        "baselines, reaches 23.54.",  # in-language is a bound above
    ),
    (
        Score("loss", 1.5, "nats", False, 0, None, COUNTED),
        "Loss is 1.5 nats (zh 73.75); bigram, the best of 2 baselines, reaches 2.5.",
    ),
    (Score("f1", 0.5, baselines={"random": 0.25}), "F1 is 0.5 (zh 73.75); random reaches 0.25."),
    (Score("f1", 0.5), "F1 is 0.5 (zh 73.75)."),
]


@pytest.mark.parametrize(("score", "sentence"), KEYS)
def test_the_figure_of_the_run_is_a_sentence_on_top(tmp_path, score, sentence):
    run = make_run(tmp_path / "qa", {**FACTS, "kind": "finetune"}, [])
    write_scores([score, Score("exact match", 1.0)], run)
    (run / "languages" / "zh").mkdir(parents=True)
    write_scores([Score(score.name, 73.75), Score("other", 0.0)], run / "languages" / "zh")
    text = rendered(page_of(read_run(run)))
    page = read_page(text)
    assert page.text.count(sentence) == 1
    assert page.text.index(sentence) < page.text.index("To reproduce it")
    (scores, _), *_ = Tables(text).found
    assert [row[0] for row in scores] == ["score", score.name, f"{score.name} in zh", "exact match"]


def test_the_scores_beside_other_starts_are_the_main_ones(tmp_path):
    run = make_run(tmp_path / "qa", {**FACTS, "kind": "finetune"}, [])
    write_scores([Score("f1", 96.5)], run)
    (run / "study").mkdir()
    beside = [Score("f1", 96.5, baselines={"random": 23.25})]
    write_report(Report("qa", beside, notes=["+73.25 f1 beside random"]), run / "study")
    page = page_for(run)
    assert "F1 is 96.5; random reaches 23.25." in page.text
    shared, own = Table("shared", ("a",), [("twice",)]), Table("seeds", ("a",), [("once",)])
    write_report(Report("qa", tables=[shared], notes=["both"]), run)
    write_report(
        Report("qa", beside, [own, shared], notes=["+73.25 f1 beside random", "both"]),
        run / "study",
    )
    page = page_for(run)
    assert [page.text.count(word) for word in ("shared", "seeds", "both")] == [1, 1, 1]
    assert "score value random f1 96.5 23.25" in page.text
    assert page.text.count("+73.25 f1") == 1
    (run / "study" / "report.json").write_text("{")
    page = page_for(run)
    assert "F1 is 96.5." in page.text
    assert "is damaged" in page.text


def test_without_a_figure_the_sentence_says_so(tmp_path):
    page = page_for(make_run(tmp_path / "empty", lines=[]))
    assert "There is no figure yet: the run is done." in page.text


def test_what_is_fine_tuned_from_it_stands_beside_its_baselines(tmp_path):
    run = make_run(tmp_path / "world")
    facts = {
        "kind": "finetune",
        "objective": "qa",
        "parent": str(run.resolve() / "checkpoints" / "step-20"),
        "start": "random",
    }
    child = make_run(tmp_path / "world-qa", facts)
    write_scores([Score("f1", 96.5, "%", True, 1000, (95.25, 97.5), {"lead": 9.25})], child)
    make_run(tmp_path / "other", {**facts, "parent": str(tmp_path / "world-2")})
    make_run(tmp_path / "world-nli", {**facts, "objective": "nli", "status": "stopped"}, [])
    page = page_for(run)
    assert "world-qa qa random f1 96.5 % 95.25 to 97.5 1,000 lead 9.25" in page.text
    assert "world-nli nli random stopped" in page.text
    assert "other" not in page.text
    confused = Table("confusion", ("gold", "yes", "no"), [("yes", 17, 4)])
    write_report(
        Report("answers", [Score("f1", 1.0)], tables=[confused], notes=["scored on other data"]),
        child,
    )
    page = page_for(child)
    assert "f1 96.5 % 95.25 to 97.5 9.25 1,000 higher" in page.text
    assert "confusion gold yes no yes 17 4" in page.text
    assert page.text.count("f1") == 1


def test_a_suite_shows_its_table_or_how_far_it_is(tmp_path):
    facts = {"kind": "suite", "objective": "glue", "status": "done", "step": 3, "total_steps": 9}
    suite = make_run(tmp_path / "glue", facts, [])
    assert "there is no table yet: 3 of 9 runs are done" in page_for(suite).text
    write_report(Report("glue", tables=[Table("", ("task", "median"), [("cola", 12.5)])]), suite)
    assert "task median cola 12.5" in page_for(suite).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[1]",
        '{"scores": 3}',
        '{"scores": [{"name": "x"}]}',
        '{"tables": [{"title": 1}]}',
        "{}]",
        '{"pictures": [{"title": "t", "name": "../../run"}]}',
        '{"scores": [null]}',
        '{"tables": [{"title": "t", "columns": [], "rows": []}]}',
        *(
            f'{{"plots": [{{"title": "t", "x": "x", "y": "y", "curves": [{curve}]}}]}}'
            for curve in (
                '{"title": "c", "xs": [1, 2], "ys": [1]}',
                '{"title": "c", "xs": [1], "ys": [1], "lows": [1, 2], "highs": [1, 2]}',
                '{"title": "c", "xs": [1], "ys": [1], "lows": [1]}',
            )
        ),
        *(
            f'{{"galleries": [{{"title": "g", {gallery}}}]}}'
            for gallery in (
                '"size": [1, 1], "rows": ["a"], "images": [["00"]]',
                '"size": [0, 1, 1], "rows": ["a"], "images": [[]]',
                '"size": [1, 1, 1], "rows": [], "images": [["00"]]',
                '"size": [1, 2, 1], "rows": ["a"], "images": [["00"]]',
                '"size": [1, 1, 1], "rows": ["a"], "images": [["0000"]]',
                '"size": [1, 1, 1], "rows": ["a"], "images": [["zz"]]',
            )
        ),
    ],
)
def test_a_damaged_report_is_said_and_not_fatal(tmp_path, text):
    run = make_run(tmp_path / "world")
    (run / "probes" / "layers").mkdir(parents=True)
    (run / "probes" / "layers" / "report.json").write_text(text)
    (run / "scores.json").write_text(text or "{")
    page = page_for(run)
    assert "Probe: layers" in page.text
    assert f"{run / 'probes' / 'layers' / 'report.json'} " in page.text
    assert f"{run / 'scores.json'} is damaged" in page.text
    assert "held-out loss 2.25 nats" in page.text


def test_pictures_that_are_gone_are_named(tmp_path):
    run = make_run(tmp_path / "world")
    folder = run / "probes" / "layers"
    save_report(Report(matrices=[Matrix("by layer", ["a"], ["b"], [[1.0]])]), folder, "")
    (folder / "by-layer.svg").unlink()
    assert page_for(run).pictures()[0][0] == "data:image/png"
    (folder / "by-layer.png").unlink()
    assert f"by layer: its files are gone, {folder / 'by-layer'}.svg and .png" in page_for(run).text


@pytest.mark.parametrize(
    "metrics", [None, "", '{"step": 1, "split": "train", "lo', "[]\nnull\n3\n"]
)
def test_a_half_written_run_has_a_page(tmp_path, metrics):
    run = make_run(tmp_path / "half", {"status": "running"}, config="objective: [")
    (run / "metrics.jsonl").unlink()
    if metrics is not None:
        (run / "metrics.jsonl").write_text(metrics)
    page = page_for(run)
    assert "nothing was measured yet" in page.text
    assert "the settings cannot be read" in page.text
    assert "died" in page.text


def test_numbers_that_are_none_do_no_harm(tmp_path):
    lines = [
        {"step": 1, "split": "train", "loss": None},
        {"step": 2, "split": "eval", "loss": None, "metrics": None, "counts": 3, "terms": []},
        {"step": 3, "split": "sample", "examples": [[1], "x", ["a", None]]},
        {"step": 3, "split": "eval", "loss": 1.5, "metrics": {"accuracy": None}},
    ]
    page = page_for(make_run(tmp_path / "world", {**FACTS, "floors": [], "command": "ssl"}, lines))
    assert "held-out loss 1.5 nats" in page.text


def test_hostile_names_and_labels_are_texts(tmp_path):
    sample = {"step": 21, "split": "sample", "examples": [[HOSTILE, HOSTILE]]}
    run = make_run(tmp_path / "world", {**FACTS, "objective": HOSTILE}, [*LINES, sample])
    table = Table(HOSTILE, (HOSTILE, "n"), [(HOSTILE, 1)])
    plot = Plot(HOSTILE, HOSTILE, HOSTILE, [Curve(HOSTILE, [0, 1], [0, 1])])
    save_report(
        Report(HOSTILE, [Score(HOSTILE, 0.5)], [table], plots=[plot], notes=[HOSTILE]),
        run / "probes" / "x",
        HOSTILE,
    )
    text = rendered(page_of(read_run(run)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "49" not in Reader(text).text
    assert read_page(text).text.count(TAMED) >= 10


def test_the_page_stays_small_whatever_there_is(tmp_path):
    pictures = [
        Picture(
            f"picture {number}", "png", os.urandom(150_000 if number else 4_000_000), f"/x/{number}"
        )
        for number in range(40)
    ]
    table = Table("t", ("a", "b"), [("x" * 500, number) for number in range(20_000)])
    sections = [
        Section("one", Report(tables=[table], notes=["y" * 10_000_000]), pictures),
        *[Section("s", Report(tables=[table]))] * 20,
    ]
    text = rendered(Page("title", "done", "key", "", sections))
    page = read_page(text)
    assert len(text.encode()) <= MOST_BYTES
    assert 1 <= len(page.pictures()) < 40
    assert "picture 0: left out to keep the page small, see /x/0.png" in page.text
    assert "rows are left out to keep the page small" in page.text


def test_reports_come_back_as_they_were(tmp_path):
    scores = [Score("gap", math.inf, "%", False, 3, (0.5, math.nan), {"a": math.nan})]
    tables = [Table("t", ("a", "b", "c"), [("1", 1, None), ("x", 0.5, "苹果")])]
    write_report(Report("title", scores, tables, notes=["n"]), tmp_path)
    found = read_report(tmp_path).report
    assert found.title == "title"
    assert [list(row) for row in found.tables[0].rows] == [list(row) for row in tables[0].rows]
    assert list(found.notes) == ["n"]
    assert math.isnan(found.scores[0].value)
    assert found.scores[0].interval[0] == 0.5


def test_the_command_writes_beside_the_run_or_where_it_is_told(ssl, tmp_path):
    run = make_run(tmp_path / "runs" / "world")
    done = ssl("report", "world")
    assert done.code == 0
    assert f"{run / 'report.html'} · 6 sections · " in done.out
    first = (run / "report.html").read_bytes()
    assert json.loads(ssl("report", "--json", "--out", tmp_path / "page.html").out)["bytes"] == len(
        first
    )
    # also where an earlier page lies in the run
    assert (tmp_path / "page.html").read_bytes() == first


def test_a_page_that_has_no_place_is_a_sentence(ssl, tmp_path):
    make_run(tmp_path / "runs" / "world")
    wrong = {
        "there is no run": ["nothing"],
        "is a folder": ["world", tmp_path],
        "no folder": ["world", tmp_path / "a" / "b"],
    }
    for message, (run, *out) in wrong.items():
        failed = ssl("report", run, *(["--out", *out] if out else []))
        assert failed.code == 2
        assert message in failed.err


def test_the_page_is_told_in_chinese_and_in_no_language_that_there_is_not(ssl, tmp_path):
    run = make_run(tmp_path / "runs" / "world")
    assert ssl("report", "world", "--language", "zh").code == 0
    text = (run / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh">' in text
    page = Reader(text)
    for part in ("得分 数值 一元 n 更好", "留出损失 2.25 奈特", "复现命令", "样本"):
        assert part in page.text, part
    assert "我 吃 [MASK] 。" in page.text
    (run / "report.html").unlink()
    refused = ssl("report", "world", "--language", "de")
    assert refused.code == 2
    assert "not told in 'de'" in refused.err
    assert not (run / "report.html").exists()
