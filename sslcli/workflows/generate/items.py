"""Images or records that a model has made, beside those of the training data that are nearest to
them: whoever has learnt these by heart makes them again.

Letters: N items that were made, M of the training data, P numbers of one, L rows, F numbers of a
row.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.contracts.abilities import Artifact
from sslcli.contracts.probe import FrozenModel
from sslcli.data.items import Items
from sslcli.data.table_rows import gathered, in_words
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import DataError, UsageError
from sslcli.grid import Grid
from sslcli.kits.images import gallery
from sslcli.kits.items import item_images
from sslcli.reports import Report, Score, Table
from sslcli.rows.schema import CLIP, Schema, TableColumn
from sslcli.workflows.probe.frozen_model import load_frozen_model

MOST_COMPARED = 20_000  # training images
MOST_HELD_OUT = 500
ACROSS = 8  # images in a row


def items_report(reference: str, artifacts: Sequence[Artifact]) -> Report:
    """The items of artifacts, the nearest of the training data to each and how far it is; beside
    that how far held-out ones are from theirs. Where the data cannot be read, as where a run was
    brought from another machine, the items alone, with a note. Raises UsageError where they are no
    items.
    """
    model = load_frozen_model(reference, (), choose_hardware(HardwareSettings(device="cpu")))
    layout = model.settings.layout
    rows = [each.rows for each in artifacts if each.rows is not None]
    if not isinstance(layout, Grid | Schema):
        raise UsageError(f"{reference} makes no images and no records", "choose another --model")
    try:
        train = model.probe_data.items("train").some(MOST_COMPARED)
        held_out = model.probe_data.items("held_out").some(MOST_HELD_OUT)
    except (DataError, UsageError) as error:
        return _alone(model, layout, rows, error.message)
    if isinstance(layout, Grid):
        return _of_images(model, layout, rows, train, held_out)
    return _of_records(model, layout, np.stack(rows), train, held_out)


def _alone(
    model: FrozenModel, layout: Grid | Schema, rows: Sequence[np.ndarray], problem: str
) -> Report:
    notes = [f"{problem}: how near these are to the training data is not known"]
    if isinstance(layout, Grid):
        made = np.clip(np.stack([layout.joined(rows_LF) for rows_LF in rows]), 0, 1)
        shown = {
            f"made, {start + 1} to {start + len(some)}": [*some, *[None] * (ACROSS - len(some))]
            for start in range(0, len(made), ACROSS)
            for some in (made[start : start + ACROSS],)
        }
        images = gallery("images that were made", shown)
        return Report(_made(rows, "image", model), galleries=[images], notes=notes)
    records = [
        in_words(layout, slots_F) for slots_F in _decided(layout, gathered(layout, np.stack(rows)))
    ]
    names = [column.name for column in layout.columns]
    table = Table("records that were made", names, records)
    return Report(_made(rows, "record", model), tables=[table], notes=notes)


def _made(rows: Sequence[np.ndarray] | np.ndarray, item: str, model: FrozenModel) -> str:
    return f"{len(rows):,} {item}s made by {model.name}"


def _of_images(
    model: FrozenModel, grid: Grid, rows: Sequence[np.ndarray], trained: Items, unseen: Items
) -> Report:
    made = np.stack([grid.joined(rows_LF) for rows_LF in rows])
    made = np.clip(made, 0, 1)
    train, held_out = item_images(trained), item_images(unseen)
    at_N, distance_N = nearest_items(made, train)
    _, usual_N = nearest_items(held_out, train)
    shown: dict[str, list[np.ndarray | None]] = {}
    for start in range(0, len(made), ACROSS):
        part = slice(start, start + ACROSS)
        stop = min(start + ACROSS, len(made))
        missing = [None] * (ACROSS - (stop - start))
        numbers, apart_N = f"{start + 1} to {stop}", distance_N[part]
        shown[f"made, {numbers}"] = [*made[part], *missing]
        near = f"nearest to {numbers}, {apart_N.min():.2f} to {apart_N.max():.2f} away"
        shown[near] = [*train[at_N[part]], *missing]
    distance = _distance("image", distance_N, usual_N)
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
        _made(rows, "image", model),
        scores=[distance, *pixels],
        galleries=[gallery("images that were made", shown)],
        notes=[
            "distances are root mean squares over the numbers of an image, from 0 to 1, to "
            f"{len(train):,} training images"
        ],
    )


def _distance(item: str, distance_N: np.ndarray, usual_N: np.ndarray) -> Score:
    return Score(
        f"distance to the nearest training {item}",
        float(distance_N.mean()),
        higher_is_better=None,
        count=len(distance_N),
        baselines={f"of held-out {item}s": float(usual_N.mean())},
    )


def _of_records(
    model: FrozenModel, table: Schema, rows_NLF: np.ndarray, trained: Items, unseen: Items
) -> Report:
    made_NF = _decided(table, gathered(table, rows_NLF))
    train_MF, held_out_MF = (
        gathered(table, np.stack([items.rows(item) for item in range(len(items))]))
        for items in (trained, unseen)
    )
    _, distance_N = nearest_items(made_NF, train_MF)
    _, usual_N = nearest_items(held_out_MF, train_MF)
    records = [
        (*in_words(table, slots_F), float(apart))
        for slots_F, apart in zip(made_NF, distance_N, strict=True)
    ]
    columns = [
        (column.name, *(_summary(column, slots_NF[:, part]) for slots_NF in (made_NF, train_MF)))
        for column, part in zip(table.columns, _parts(table), strict=True)
    ]
    names = [column.name for column in table.columns]
    return Report(
        _made(made_NF, "record", model),
        scores=[_distance("record", distance_N, usual_N)],
        tables=[
            Table("records that were made", [*names, "distance"], records),
            Table("columns", ["column", "made", "training data"], columns),
        ],
        notes=[
            "distances are root mean squares over the numbers that a record is read as, to "
            f"{len(train_MF):,} training records",
            "what is made is the mean that a code stands for: single records vary around it",
        ],
    )


def _parts(table: Schema) -> list[slice]:
    """The slots of each column."""
    return list(map(slice, table.starts[:-1], table.starts[1:]))


def _decided(table: Schema, slots_NF: np.ndarray) -> np.ndarray:
    """As records are read: one category of each column, a number or nothing."""
    found_NF = np.zeros_like(slots_NF)
    for column, part in zip(table.columns, _parts(table), strict=True):
        own_NS, into_NS = slots_NF[:, part], found_NF[:, part]
        if column.kind == "number":
            into_NS[:, 1] = own_NS[:, 1] > 0.5
            into_NS[:, 0] = np.clip(own_NS[:, 0], -CLIP, CLIP) * (1 - into_NS[:, 1])
        else:
            into_NS[np.arange(len(own_NS)), own_NS.argmax(axis=1)] = 1
    return found_NF


def _summary(column: TableColumn, slots_NS: np.ndarray) -> str:
    """Mean and deviation of a column's numbers, or its most common category."""
    if column.kind == "number":
        there_N = slots_NS[slots_NS[:, 1] == 0, 0].astype(np.float64)
        if not len(there_N):
            return "missing"
        mean, spread = there_N.mean() * column.scale + column.centre, there_N.std() * column.scale
        return f"{mean:.4g} +- {spread:.3g}"
    shares_S = slots_NS.mean(axis=0)
    names = (*column.categories, "(unseen)", "missing")
    return f"{names[int(shares_S.argmax())]} {shares_S.max():.1%}"


def nearest_items(items: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place [N] and distance [N] of the nearest item of the training data; a root mean square."""
    own_NP, train_MP = (x.reshape(len(x), -1).astype(np.float64) for x in (items, train))
    at_N = (np.square(train_MP).sum(axis=1) - 2 * own_NP @ train_MP.T).argmin(axis=1)
    return at_N, np.sqrt(np.square(own_NP - train_MP[at_N]).mean(axis=1))
