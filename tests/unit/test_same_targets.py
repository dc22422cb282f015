"""A model of bart is measured on the tokens that mlm hides, and one line compares both."""

import json

import pytest
import torch

from sslcli.runs.catalogue import read_run
from sslcli.runs.run_tables import compare
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.prepare import prepare


@pytest.fixture(scope="module")
def prepared(text_corpus, module_cache):
    def make(objective, options):
        settings = {
            "objective": objective,
            "options": {objective: options},
            "data": {"train": [str(text_corpus)], "sequence_tokens": 32},
            "tokenizer": {"kind": "words", "vocabulary": 300},
            "model": {"preset": "tiny"},
            "training": {"max_steps": 2, "batch_size": 3, "seed": 5},
        }
        return prepare(PretrainSettings.model_validate(settings))

    return make


def batches(prepared):
    return [batch for work in prepared.evaluation_loader().one_pass() for batch in work.batches]


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("bart", {}),
        ("denoise", {"noise": "mask=0.2"}),
        ("mlm", {"mask_rate": 0.4, "mask_share": 0.5, "whole_words": True}),
    ],
)
def test_the_targets_are_those_of_mlm_token_by_token(prepared, objective, options):
    """Of mlm as it is by default, each a mask; whatever the objective itself hides."""
    of_mlm, other = prepared("mlm", {}), prepared(objective, options)
    pairs = list(zip(batches(of_mlm), batches(other), strict=True))
    assert len(pairs) > 1
    for mlm, own in pairs:
        clean = mlm.inputs.ids_T.clone()
        clean[mlm.places_N] = mlm.targets_N
        for alike in (mlm.alike, own.alike):
            assert alike.places_N.tolist() == mlm.places_N.tolist()
            assert alike.targets_N.tolist() == mlm.targets_N.tolist()
            masked = clean.clone()
            masked[mlm.places_N] = of_mlm.tokenizer.mask
            assert alike.inputs.ids_T.tolist() == masked.tolist()
            assert alike.inputs.packing.lengths == mlm.inputs.packing.lengths
        if objective != "mlm":  # a row of the decoder tells the token at its own place
            assert own.targets_S[own.alike.places_N].tolist() == mlm.targets_N.tolist()
            assert (
                own.decoder.ids_T[own.alike.places_N].tolist() == clean[mlm.places_N - 1].tolist()
            )


@pytest.mark.parametrize("objective", ["bart", "mlm"])
def test_the_metrics_are_of_those_targets_alone(prepared, objective):
    learner = (run := prepared(objective, {})).learner.eval()
    batch = batches(run)[0]
    alike, backbone = batch.alike, learner.backbone
    with torch.no_grad():
        metrics = learner(batch).metrics
        if objective == "mlm":
            hidden = backbone(alike.inputs).last_TD
        else:
            hidden = backbone.decode(batch.decoder, backbone.encode(alike.inputs)).last_TD
        logits = learner.learnable.head(hidden[alike.places_N], backbone)
    right, nats = metrics["masked_accuracy"], metrics["masked_loss"]
    assert right.count == nats.count == len(alike.targets_N) > 0
    assert int(right.sum) == int((logits.argmax(dim=1) == alike.targets_N).sum())
    expected = torch.nn.functional.cross_entropy(logits, alike.targets_N, reduction="sum").item()
    assert float(nats.sum) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "options"),
    [("mass", {}), ("denoise", {"noise": "spans"}), ("bart", {"noise": "delete,permute"})],
)
def test_a_model_that_reads_no_mask_for_a_token_is_not_measured_so(prepared, objective, options):
    run = prepared(objective, options)
    batch = batches(run)[0]
    assert batch.alike is None
    with torch.no_grad():
        assert not [name for name in run.learner(batch).metrics if "masked" in name]


@pytest.mark.parametrize("objective", ["bart", "mlm"])
def test_in_training_nothing_is_measured_so(prepared, objective):
    work = next(prepared(objective, {}).loader(None).steps(0, 0, 2))
    assert all(batch.alike is None for batch in work.batches)


def test_runs_of_both_are_compared_in_one_row(tmp_path):
    runs = []
    metrics = {
        "mlm": {"accuracy": 0.5, "masked_accuracy": 0.75, "masked_loss": 3.0},
        "bart": {"accuracy": 0.9, "touched_loss": 2.5, "masked_accuracy": 0.25, "masked_loss": 1.0},
    }
    for objective, own in metrics.items():
        folder = tmp_path / objective
        folder.mkdir()
        facts = {"kind": "pretrain", "objective": objective, "data": "d"}
        line = {"step": 3, "split": "eval", "loss": 2.0, "metrics": own}
        (folder / "run.json").write_text(json.dumps(facts))
        (folder / "metrics.jsonl").write_text(json.dumps(line))
        runs.append(read_run(folder))
    report = compare(runs)
    rows = {what: values for what, *values in report.tables[0].rows}
    assert rows["masked accuracy"] == [0.75, 0.25]
    assert rows["masked loss (nats)"] == [3.0, 1.0]
    assert rows["touched loss (nats)"] == [None, 2.5]
    assert "what they predict differs, so their losses do not compare" in report.notes
