"""What data holds and models read. Imports no numpy."""

from collections.abc import Mapping
from typing import Any, Literal

Modality = Literal["text", "images", "sound", "table"]
WORDS: Mapping[str, str] = {
    "text": "text",
    "images": "images",
    "sound": "sound",
    "table": "tables",
}


def modality_read(shape: Mapping[str, Any]) -> Modality | None:
    """Tell what a model of this shape reads: the fields of its settings, or those that a run file
    names. None for rows of which it does not say what they are.
    """
    if shape.get("grid") is not None:
        return "images"
    return "text" if shape.get("vocabulary") or not shape.get("row_features") else None
