"""The weights of a model directory, as its config.json announces them."""

from collections.abc import Mapping
from pathlib import Path

from sslcli.contracts.family import Family, Key
from sslcli.core.settings import TransformerSettings
from sslcli.errors import ModelError
from sslcli.models.answer_heads import Announced
from sslcli.models.file_names import CONFIG
from sslcli.models.hf_config import ANSWERS, MATRIX, SHIFT
from sslcli.models.hf_items import OWN, layers_in
from sslcli.models.hf_tensors import Read, read_tensors
from sslcli.models.tensor_names import Stored
from sslcli.models.weights import KeptObjective, expected_shapes, shapes_of
from sslcli.reports import amount


def refuse_too_deep(
    settings: TransformerSettings, stored: Mapping[str, Stored], folder: Path
) -> None:
    """Raise ModelError for more layers than there are tensors, before anything is made of them."""
    if settings.depth > len(stored):
        raise ModelError(
            f"{folder / CONFIG} says {settings.depth} layers, and the weights are "
            f"{amount(len(stored), 'tensor')}",
            "one is damaged",
        )


def read_weights(
    family: Family,
    settings: TransformerSettings,
    announced: Announced | None,
    kept: KeptObjective | None,
    stored: Mapping[str, Stored],
) -> Read:
    """The tensors of the backbone, of the head that answers a task, and of an objective. Raises
    ModelError.
    """
    spare = {MATRIX} if settings.tied else set()
    spare |= {SHIFT} if settings.shifts_logits else set()  # zero where a file is silent
    own = {} if kept is None else {f"{OWN}.{name}": value for name, value in kept.state.items()}
    shapes = {
        **expected_shapes(settings),
        **({} if announced is None else announced.shapes(settings)),
        **shapes_of(own),
    }
    depth = max(settings.deepest, layers_in(own))
    keys = _keys(family, settings, announced)
    return read_tensors(stored, keys, shapes, depth=depth, spare=spare)


def _keys(family: Family, settings: TransformerSettings, announced: Announced | None) -> list[Key]:
    """Those of the heads that such a directory has: the same name is of a head that answers in one,
    of another in the next.
    """
    others = {*ANSWERS} if announced is None else {"head", *ANSWERS} - {announced.kind}
    return [key for key in family.keys(settings) if key.ours[0].partition(".")[0] not in others]
