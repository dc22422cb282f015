"""Settings of `ssl evaluate --in-context`. Imports no torch."""

from typing import Self

from pydantic import model_validator

from sslcli.config import Config, Count, setting

MOST_EXAMPLES = 256  # in one prompt
# What choices are compared by.
RAW, CHARACTER, BYTE, PMI, CALIBRATED = COLUMNS = (
    "raw sum", "per character", "per byte", "PMI", "calibrated"
)  # fmt: skip


class InContextSettings(Config):
    """How choices are scored behind worked examples, by a model that is not trained for them."""

    k: tuple[int, ...] = setting(
        (0, 1, 4), "worked examples before each prompt, a row for each number", "--k",
        panel="In context", min_length=1,
    )  # fmt: skip
    draws: Count = setting(
        3, "draws of worked examples, each in its own order", "--draws",
        panel="In context", gt=0, le=1_000,
    )  # fmt: skip
    examples: tuple[str, ...] = setting(
        (), "labelled file that worked examples are drawn from", "--examples", panel="In context"
    )
    template: str | None = setting(
        None,
        "file that says how an example is written, up to its {label}; built in when not given",
        "--template",
        panel="In context",
    )
    seed: int = setting(42, "the draws follow from it", "--seed", panel="In context", ge=0)

    @model_validator(mode="after")
    def _different_counts(self) -> Self:
        if any(not 0 <= count <= MOST_EXAMPLES for count in self.k):
            raise ValueError(f"k must be numbers from 0 to {MOST_EXAMPLES}")
        if len(set(self.k)) < len(self.k):
            raise ValueError("k has a number twice")
        return self

    @property
    def score_names(self) -> list[str]:
        """The names of all scores, row by row."""
        return [score_name(column, count) for count in self.k for column in COLUMNS]


def score_name(column: str, count: int) -> str:
    """Return the name of an accuracy: by what choices are compared, behind how many examples."""
    return f"{column} {count}-shot"
