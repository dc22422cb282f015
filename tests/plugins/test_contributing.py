"""The objective that CONTRIBUTING.md shows is whole: it is taken out of the page, registered,
checked, and trained.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from sslcli import registry
from sslcli.conformance.learnables import train
from sslcli.registry import Found
from sslcli.testing import CHECKS, Bench, check_one

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
MOST_LINES, WIDEST = 45, 100
STEPS = 400
EPOCHS = range(1, 4)  # of corruptions that training has not seen


@pytest.fixture(scope="module")
def source():
    (found,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return found


@pytest.fixture(scope="module")
def replaced(source, tmp_path_factory):
    """Its class, as an installed plugin gives it."""
    site = tmp_path_factory.mktemp("site")
    (site / "replaced_tokens.py").write_text(source)
    metadata = site / "replaced-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: replaced\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[sslcli.objectives]\nrtd = replaced_tokens:ReplacedTokens\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        found = registry.find("objectives", "rtd")
        assert isinstance(found, Found)
        yield registry.load_found(found)


def test_it_is_short(source):
    lines = source.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDEST


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_the_kit(replaced, check):
    check_one(replaced, check)


def test_it_learns(replaced):
    """On new corruptions it is more often right than who takes every token for the right one."""
    bench = Bench.of(replaced, None, "encoder")
    learner = bench.learner()
    train(bench, learner, bench.collate(range(len(bench.rows))), STEPS)
    learner.eval()
    right, total, originals = 0.0, 0, 0
    for epoch in EPOCHS:
        batch = bench.collate(range(len(bench.rows)), epoch)
        with torch.no_grad():
            accuracy = learner(batch).metrics["accuracy"]
        right, total = right + float(accuracy.sum), total + batch.counts["rtd"]
        originals += int((batch.labels_T == 0).sum())
    baseline = originals / total
    assert 0.8 < baseline < 0.9
    assert right / total > baseline + 3 * np.sqrt(baseline * (1 - baseline) / total)
