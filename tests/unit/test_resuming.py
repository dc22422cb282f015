"""What a checkpoint belongs to: its data, its tokenizer, and the settings that decide its
numbers.
"""

from types import SimpleNamespace

import pytest

from sslcli.settings import FinetuneSettings
from sslcli.workflows.training.identity import flat, identity


def course(shape=None, **options):
    settings = FinetuneSettings.model_validate(
        {"task": "classify", "options": options, "model": {"shape": shape or {}}}
    )
    return SimpleNamespace(settings=settings, tokenizer=SimpleNamespace(hash="t"), fingerprint="d")


BEGUN = {"kind": "classes", "pooling": {"of": "first"}}
SHAPE = {"depth": 2, "width": 8}
KNOWN = flat({"options": BEGUN, "model": {"shape": SHAPE}})


@pytest.mark.parametrize(
    "new", [{"no_label": ["-1", "-100"]}, {"names": []}, {"more": {"deep": 1}}]
)
def test_an_option_that_a_task_has_since_then_makes_no_old_run_another_one(new):
    assert identity(course(**BEGUN, **new), KNOWN) == identity(course(**BEGUN))
    assert identity(course(**BEGUN, **new)) != identity(course(**BEGUN))


@pytest.mark.parametrize("other", [{"kind": "labels"}, {"pooling": {"of": "mean"}}])
def test_an_option_that_the_run_was_begun_with_still_counts(other):
    assert identity(course(**{**BEGUN, **other}), KNOWN) != identity(course(**BEGUN))


def test_a_field_that_the_shape_has_since_then_makes_no_old_run_another_one():
    grown = course({**SHAPE, "decoder_depth": None}, **BEGUN)
    assert identity(grown, KNOWN) == identity(course(SHAPE, **BEGUN))
    assert identity(grown) != identity(course(SHAPE, **BEGUN))
    assert identity(course({**SHAPE, "depth": 3}, **BEGUN), KNOWN) != identity(
        course(SHAPE, **BEGUN)
    )
