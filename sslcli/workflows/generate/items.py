"""Images that a model has made, beside the training images that are nearest to them: whoever has
learnt pictures by heart makes those again.

Letters: N images that were made, M training images, P numbers of an image.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.contracts.abilities import Artifact
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import UsageError
from sslcli.grid import Grid
from sslcli.kits.images import gallery
from sslcli.kits.items import item_images
from sslcli.reports import Report, Score
from sslcli.workflows.probe.frozen_model import load_frozen_model

MOST_COMPARED = 20_000  # training images
MOST_HELD_OUT = 500
ACROSS = 8  # images in a row


def items_report(reference: str, artifacts: Sequence[Artifact]) -> Report:
    """The images of artifacts, the nearest training image of each and how far it is; beside that
    how far held-out images are from theirs. Raises UsageError where they are no images.
    """
    model = load_frozen_model(reference, (), choose_hardware(HardwareSettings(device="cpu")))
    grid = model.settings.layout
    if not isinstance(grid, Grid):
        raise UsageError(f"{reference} makes no images", "choose another --model")
    made = np.stack([grid.joined(each.rows) for each in artifacts if each.rows is not None])
    made = np.clip(made, 0, 1)
    train = item_images(model.probe_data.items("train").some(MOST_COMPARED))
    held_out = item_images(model.probe_data.items("held_out").some(MOST_HELD_OUT))
    at_N, distance_N = nearest_images(made, train)
    _, usual_N = nearest_images(held_out, train)
    rows: dict[str, list[np.ndarray | None]] = {}
    for start in range(0, len(made), ACROSS):
        part = slice(start, start + ACROSS)
        stop = min(start + ACROSS, len(made))
        missing = [None] * (ACROSS - (stop - start))
        rows[f"made, {start + 1} to {stop}"] = [*made[part], *missing]
        apart = " ".join(f"{each:.2f}" for each in distance_N[part])
        rows[f"nearest training images, at {apart}"] = [*train[at_N[part]], *missing]
    distance = Score(
        "distance to the nearest training image",
        float(distance_N.mean()),
        higher_is_better=None,
        count=len(made),
        baselines={"of held-out images": float(usual_N.mean())},
    )
    pixels = [
        Score(
            f"{name} of the pixels",
            float(of(made)),
            higher_is_better=None,
            count=len(made),
            baselines={"training images": float(of(train))},
        )
        for name, of in (("mean", np.mean), ("deviation", np.std))
    ]
    return Report(
        f"{len(made):,} images made by {model.name}",
        scores=[distance, *pixels],
        galleries=[gallery("images that were made", rows)],
        notes=[
            "distances are root mean squares over the numbers of an image, from 0 to 1, to "
            f"{len(train):,} training images"
        ],
    )


def nearest_images(images: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place [N] and distance [N] of the nearest training image; a root mean square."""
    own_NP, train_MP = (x.reshape(len(x), -1).astype(np.float64) for x in (images, train))
    at_N = (np.square(train_MP).sum(axis=1) - 2 * own_NP @ train_MP.T).argmin(axis=1)
    return at_N, np.sqrt(np.square(own_NP - train_MP[at_N]).mean(axis=1))
