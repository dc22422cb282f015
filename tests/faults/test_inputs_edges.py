"""At the edge of what settings and data allow a training ends with finite figures, or is refused
before it begins.
"""

import pytest
from inputs_edges import CORPORA, EDGES, TINY, not_finite, sweep


def test_no_edge_makes_a_loss_that_is_no_number():
    tally = sweep(16)
    assert tally.tried == 16
    assert tally.good, tally.describe


@pytest.mark.parametrize(
    "edge",
    ["nothing but masks", "hardly any mask", "the shortest sequences", "one token at a time"],
)
def test_plain_sentences_train_at_every_edge(edge, tmp_path, module_cache):
    path = tmp_path / "corpus.txt"
    path.write_text(CORPORA["sentences"])
    values = {**TINY, "data.train": [str(path)], "run.folder": str(tmp_path / "run"), **EDGES[edge]}
    assert not_finite(values) == ""
    assert list((tmp_path / "run" / "checkpoints").glob("step-000003"))
