"""A run shows held-out samples restored where its objective restores, and makes no requests of them
itself.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sslplugins.objectives.mlm import MaskedLanguageModel

from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.prepare import prepare
from sslcli.workflows.pretrain.pretrain import Pretraining


@pytest.fixture(scope="module")
def job(text_corpus, module_cache):
    settings = {
        "data": {"train": [str(text_corpus)], "sequence_tokens": 32},
        "tokenizer": {"kind": "words", "vocabulary": 300},
        "model": {"preset": "tiny"},
        "training": {"max_steps": 2, "batch_size": 8},
    }
    return Pretraining(prepare(PretrainSettings.model_validate(settings)))


class RestoresAlone(MaskedLanguageModel):
    illustrations = None


class RestoresInAnotherUnit(RestoresAlone):
    def restore(self, backbone, batch):
        return [replace(each, unit="words") for each in super().restore(backbone, batch)]


class ShowsNothing(RestoresAlone):
    restore = None


def becomes(monkeypatch, job, cls):
    """Classes of their own, because `isinstance` remembers which class has an ability."""
    monkeypatch.setattr(job.collator, "__class__", cls)
    monkeypatch.setattr(job.learner.learnable, "__class__", cls)


def shown(job):
    with torch.no_grad():
        return job.illustrate()(job.learner.eval())


def test_samples_are_shown_as_they_were_given_and_as_they_are_restored(job, monkeypatch):
    becomes(monkeypatch, job, RestoresAlone)
    pairs = shown(job)
    assert len(pairs) == 3
    assert pairs == shown(job)  # the same at every evaluation
    assert any("[MASK]" in given for given, _ in pairs)
    for _, made in pairs:
        restored, _, error = made.partition(" (error ")
        assert "[MASK]" not in restored
        assert float(error.removesuffix(" nats)")) > 0


def test_an_error_in_another_unit_than_that_of_the_loss_is_said_in_its_own(job, monkeypatch):
    becomes(monkeypatch, job, RestoresInAnotherUnit)
    assert all(made.endswith(" words)") for _, made in shown(job))


def test_the_errors_are_those_of_the_loss(job):
    learner = job.learner.eval()
    numbers, samples = job.prepared.shown_samples(Rng(1, 0))
    batch = job.collator.collate(collate(numbers, samples), Rng(1, 0))
    with torch.no_grad():
        (summed,) = learner(batch).sums.values()
    stops = np.cumsum(batch.inputs.packing.lengths)
    counts = np.diff(np.searchsorted(batch.places_N.numpy(), [0, *stops]))
    errors = [each.error for each in learner.learnable.restore(learner.backbone, batch)]
    assert np.dot(errors, counts) == pytest.approx(summed.item(), rel=1e-4)


def test_an_objective_that_illustrates_itself_shows_that_alone(job):
    assert all("error" not in made for _, made in shown(job))


def test_nothing_is_shown_of_an_objective_without_either(job, monkeypatch):
    becomes(monkeypatch, job, ShowsNothing)
    assert not shown(job)


def test_a_run_ends_with_what_its_parts_conclude(job, monkeypatch):
    class Concluding(MaskedLanguageModel):
        def conclusions(self, loss, metrics):
            return [f"loss {loss}, accuracy {metrics['accuracy']}"]

    figures = {"terms": {"mlm": 1.5}, "metrics": {"accuracy": 0.25}}
    assert not list(job._conclusions(figures))
    becomes(monkeypatch, job, Concluding)
    assert list(job._conclusions(figures)) == ["loss 1.5, accuracy 0.25"]


def test_restored_texts_have_scores_at_the_end(job, monkeypatch):
    becomes(monkeypatch, job, RestoresAlone)
    shown(job)
    assert [score.name for score in job.restored.scores] == ["token error", "chrF"]
    assert all(
        score.count == min(16, len(job.prepared.evaluation)) for score in job.restored.scores
    )
