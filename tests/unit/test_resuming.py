"""What a checkpoint belongs to: its data, its tokenizer, and the settings that decide its numbers."""

from types import SimpleNamespace

import pytest

from sslcli.workflows.resuming import identity
from sslcli.workflows.settings import FinetuneSettings


def course(**options):
    settings = FinetuneSettings.model_validate({"task": "classify", "options": options})
    return SimpleNamespace(settings=settings, tokenizer=SimpleNamespace(hash="t"), fingerprint="d")


BEGUN = {"kind": "classes", "pooling": {"of": "first"}}


@pytest.mark.parametrize("new", [{"no_label": ["-1", "-100"]}, {"names": []}, {"more": {"deep": 1}}])
def test_an_option_that_a_task_has_since_then_makes_no_old_run_another_one(new):
    assert identity(course(**BEGUN, **new), BEGUN) == identity(course(**BEGUN))
    assert identity(course(**BEGUN, **new)) != identity(course(**BEGUN))


@pytest.mark.parametrize("other", [{"kind": "labels"}, {"pooling": {"of": "mean"}}])
def test_an_option_that_the_run_was_begun_with_still_counts(other):
    assert identity(course(**{**BEGUN, **other}), BEGUN) != identity(course(**BEGUN))
