"""Whether a figure is better the higher or the lower it is, and that a setting is neither: one
answer everywhere.
"""

import csv
import io

import pytest
from rich.console import Console

from sslcli.cli.tables import TerminalTable, scores_table
from sslcli.errors import UsageError
from sslcli.metrics.squad2 import squad_v2_scores
from sslcli.reporting.report_files import save_report
from sslcli.reporting.saved_reports import read_report
from sslcli.reports import Report, Score, higher_is_better
from sslcli.runs.catalogue import Run
from sslcli.runs.facts import scores_of
from sslcli.runs.held_out import metric_words
from sslcli.workflows.evaluate.evaluate import refuse_below
from sslcli.workflows.evaluate.score_names import cost_of

DIRECTIONS = {
    "accuracy": "higher", "f1": "higher", "mlm.accuracy": "higher", "matthews": "higher",
    "perplexity": "lower", "mlm.perplexity": "lower", "bits_per_byte": "lower",
    "squared error": "lower",
    "best f1 threshold": "", "best exact match threshold": "",
}  # fmt: skip
SQUAD = squad_v2_scores(["cat", "", "dog"], [["a cat"], [], []], [0.1, 0.9, 0.4])
THRESHOLDS = {"best f1 threshold", "best exact match threshold"}


@pytest.mark.parametrize(("name", "better"), DIRECTIONS.items())
def test_a_figure_of_which_the_name_is_known_has_its_direction(name, better, tmp_path):
    assert Score(name, 1.0, higher_is_better=higher_is_better(name), count=3).better == better
    line = {"step": 4, "split": "eval", "loss": 2.0, "terms": {"clm": 2.0}, "metrics": {name: 1.5}}
    lines = [{**line, "counts": {"clm": 7, name: 7}}]
    loss, metric = scores_of(Run(tmp_path, {}, lines[0], "stopped"), lines)[0]
    assert (loss.better, metric.name, metric.better) == ("lower", metric_words(name), better)


def test_thresholds_of_squad_have_no_direction_in_any_form(tmp_path):
    assert {score.name for score in SQUAD if not score.better} == THRESHOLDS
    stream = io.StringIO()
    Console(file=stream, width=200).print(TerminalTable(scores_table(SQUAD)))
    rows = [line.split() for line in stream.getvalue().splitlines() if "best" in line]
    # the count is the last that is said
    assert [row[-1] for row in rows if "threshold" in row] == ["3", "3"]
    assert [row[-1] for row in rows if "threshold" not in row] == ["higher", "higher"]
    save_report(Report("r", SQUAD), tmp_path / "r", "caption")
    with (tmp_path / "r" / "scores.csv").open(encoding="utf-8", newline="") as file:
        written = {row["score"]: row["better"] for row in csv.DictReader(file)}
    assert {name for name, better in written.items() if not better} == THRESHOLDS
    back = {
        score.name: score.higher_is_better for score in read_report(tmp_path / "r").report.scores
    }
    assert back == {score.name: score.higher_is_better for score in SQUAD}


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_a_threshold_is_no_score_to_ask_for(name):
    with pytest.raises(UsageError, match=f"there is no score '{name}'") as caught:
        refuse_below(SQUAD, {name: 0.5})
    assert "threshold" not in caught.value.hint
    with pytest.raises(UsageError, match=f"there is no score '{name}'"):
        cost_of(SQUAD, name)
