"""Settings of prompts, and of `ssl evaluate --in-context`. Imports no torch."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from sslcli.config import Config, Count, setting

MOST_EXAMPLES = 256  # in one prompt
STEP_TOKENS = 192  # of the steps before an answer
# What choices are compared by.
RAW, CHARACTER, BYTE, PMI, CALIBRATED = COLUMNS = (
    "raw sum", "per character", "per byte", "PMI", "calibrated"
)  # fmt: skip


class PromptSettings(Config):
    """How examples are written for a language model."""

    template: str | None = setting(
        None,
        "file that says how an example is written, up to its {label} (of qa {answer}, of rewrite "
        "{target}); built in when not given",
        "--template",
        panel="In context",
    )
    step_by_step: bool = setting(
        False,
        "ask for steps first, and take for the answer what follows 'the answer is'",
        "--step-by-step",
        panel="In context",
    )


class ShotSettings(PromptSettings):
    """Which worked examples `ssl generate` has before a text."""

    shots: str = setting(
        "", "labelled file: examples of it stand worked before the text", "--shots",
        panel="In context", min_length=1,
    )  # fmt: skip
    task: str = setting(
        "", "task that they are examples of, with --shots", "--task", panel="In context"
    )
    k: int | None = setting(
        None, "how many of them; 4, or all of fewer, when not given", "--k",
        panel="In context", ge=0, le=MOST_EXAMPLES,
    )  # fmt: skip


class InContextSettings(PromptSettings):
    """How examples are answered behind worked ones, by a model that is not trained for them."""

    k: tuple[int, ...] = setting(
        (0, 1, 4), "worked examples before each prompt, a row for each number", "--k",
        panel="In context",
    )  # fmt: skip
    draws: Count = setting(
        3, "draws of worked examples, each in its own order", "--draws",
        panel="In context", gt=0, le=1_000,
    )  # fmt: skip
    examples: tuple[str, ...] = setting(
        (), "labelled file that worked examples are drawn from", "--examples", panel="In context"
    )
    chat: bool = setting(
        False,
        "put each prompt as what a user says, by the model's chat template",
        "--chat",
        panel="In context",
    )
    step_tokens: Count = setting(
        STEP_TOKENS, "most tokens of the steps, with --step-by-step", "--step-tokens",
        panel="In context", gt=0,
    )  # fmt: skip
    seed: int = setting(42, "the draws follow from it", "--seed", panel="In context", ge=0)

    @model_validator(mode="after")
    def _different_counts(self) -> Self:
        if not self.k:
            raise ValueError("k needs a number")
        if any(not 0 <= count <= MOST_EXAMPLES for count in self.k):
            raise ValueError(f"k must be numbers from 0 to {MOST_EXAMPLES}")
        if len(set(self.k)) < len(self.k):
            raise ValueError("k has a number twice")
        return self

    def score_names(self, columns: Sequence[str] = COLUMNS) -> list[str]:
        """The names of all scores, row by row."""
        return [score_name(column, count) for count in self.k for column in columns]


def score_name(column: str, count: int) -> str:
    """Return the name of a score: by what choices are compared, or the task's own, and behind how
    many examples.
    """
    return f"{column} {count}-shot"
