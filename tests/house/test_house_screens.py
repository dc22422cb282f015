"""Screens in documents are renewed with the cuts that they have, and never silently."""

import documents
import pytest
import screens

OLD = """$ ssl train
[...]
  model      0.19 M parameters
step=20 eval_loss=1.5 eval_perplexity=4.5 [...] best
    a [MASK] c. (b) -> b .98  x .01
[...]
 score   value   n
 ─────────────────
 f1        95.5  10
1 apple  1.00  0.66

gained +72.2 f1
"""
PRINTED = [
    "recipe",
    "  model      0.20 M parameters",
    "step=10 eval_loss=2.5 eval_perplexity=9.5 eval_masked_loss=3.5 best",
    "    a [MASK] c. (b) -> x .50  b .20",
    "step=20 loss=1.2 lr=0.1",
    "step=20 eval_loss=1.25 eval_perplexity=3.5 eval_masked_loss=2.5 best",
    "    a [MASK] c. (b) -> b .99  y .01",
    "step=30 eval_loss=1.0",
    " score   value   n",
    " ──────────────────",
    " f1       better",
    " f1       100.0  10",
    "1 apple  1.00  0.77",
    "2 apple  0.77  1.00",
    "gained +80.1 f1",
]


def test_a_screen_has_the_figures_that_are_printed_now():
    assert (
        screens.renewed(OLD, {"ssl train": PRINTED})
        == """$ ssl train
[...]
  model      0.20 M parameters
step=20 eval_loss=1.25 eval_perplexity=3.5 [...] best
    a [MASK] c. (b) -> b .99  y .01
[...]
 score   value   n
 ──────────────────
 f1       100.0  10
1 apple  1.00  0.77

gained +80.1 f1
"""
    )


@pytest.mark.parametrize("gone", ["  model", "step=20 eval", " f1", "gained"])
def test_a_line_that_is_gone_is_noticed(gone):
    printed = [line for line in PRINTED if not line.startswith(gone)]
    with pytest.raises(AssertionError, match="printed no longer"):
        screens.renewed(OLD, {"ssl train": printed})


def test_the_screens_of_the_documents_are_those_of_their_twins():
    counts = {}
    for name in documents.pages():
        own, others = (
            [match[3] for match in screens.SCREEN.finditer(documents.text_of(page))]
            for page in (name, documents.twin(name))
        )
        assert own == others
        counts[name] = len(own)
        for screen in own:  # as if it were printed
            outputs, line = {}, ""
            for each in screen.splitlines():
                if each.startswith("$ "):
                    line = each[2:]
                outputs.setdefault(line, []).append(each)
            assert screens.renewed(screen, outputs) == screen
    assert sum(counts.values()) == 5
