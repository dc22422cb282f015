"""Anomalies: how strange a model finds an item, and how well that tells anomalies from what is
normal.

What is normal is said by the data that the model was trained on; no anomaly has a say in a score,
in how many components a baseline has, or in the threshold, which is that of items held out of
training.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from sslcli.api import (
    Config,
    DataError,
    FrozenModel,
    Items,
    Probe,
    Report,
    Rng,
    UsageError,
    setting,
)
from sslplugins.probes.anomaly.labels import is_anomaly, normal_labels
from sslplugins.probes.anomaly.methods import Method, Settings, of_model, without_model
from sslplugins.probes.anomaly.report import (
    Found,
    all_normal_report,
    labelled_report,
    unlabelled_report,
)

FEWEST = 20  # normal items


class Anomaly(Probe["Anomaly.Options"]):
    """Scores items by what a model of normal ones makes of them."""

    class Options(Config):
        normal: list[str] = setting(
            [],
            "labels of normal items; when not given the one label of the training data, or one that"
            " says so (normal, 0, no, ...)",
            "--normal",
        )
        false_alarms: float = setting(
            0.01,
            "share of normal items that may lie above the threshold, which is taken of those held"
            " out of training",
            "--false-alarms",
            gt=0,
            lt=1,
        )
        neighbors: int = setting(5, "neighbors whose mean distance is a score", gt=0)
        passes: int = setting(
            16, "how often rows are hidden for the score 'masked'", "--passes", gt=0
        )
        references: int = setting(
            10_000,
            "normal items, at most, that scores are fitted on, and that the threshold is taken of",
            gt=FEWEST,
        )

    summary = "how strange items are, and how well that finds anomalies"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        """Score the items of --data, or those held out of training.

        Raises UsageError for a label that is not there, DataError where there are too few normal
        items.
        """
        options, data = self.options, model.probe_data
        items = data.items("held_out")
        trained, held_out = data.items("train"), data.items("own_held_out")
        has_labels = any(label is not None for label in items.labels)
        normal: Sequence[str] = ()
        if has_labels:
            normal = normal_labels(options.normal, items.labels, trained.labels)
        elif options.normal:
            raise UsageError("--normal names labels, and the items have none", "leave it out")
        reference = trained.some(options.references).in_memory()
        if len(reference) < FEWEST:
            raise DataError(
                f"{len(reference)} items were trained on, and normal ones are at least {FEWEST}",
                "pretrain with more data",
            )
        settings = Settings(options.neighbors, options.passes, rng)
        methods = of_model(model, reference, settings)
        others, components = without_model(reference, settings)
        calibration = _normal_alone(held_out, normal).some(options.references)
        found = Found(
            [method.name for method in methods],
            {method.name: method.summary for method in (*methods, *others)},
            _scores([*methods, *others], items.in_memory()),
            _scores([*methods, *others], calibration.in_memory()),
            options.false_alarms,
            [*items.notes],
        )
        if not normal:
            there = {label for label in items.labels if label is not None}
            return unlabelled_report(found, sorted(there))
        wrong_N = is_anomaly(items.labels, normal, items.name)
        if not wrong_N.any():
            return all_normal_report(found, normal)
        curve = components.by_count(items)
        return labelled_report(found, wrong_N, list(items.labels), normal, curve)


def _normal_alone(items: Items, normal: Sequence[str]) -> Items:
    """Without the anomalies among them, where labels say which those are."""
    if not normal or any(label is None for label in items.labels):
        return items
    kept = items.among(np.asarray([label in normal for label in items.labels]))
    return kept if len(kept) else items


def _scores(methods: Sequence[Method], items: Items) -> Mapping[str, np.ndarray]:
    return {method.name: method.score(items) for method in methods}
