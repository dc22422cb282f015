"""Reader of Hugging Face config.json: values by name, each checked; unknown ones are refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sslcli.core.settings import TransformerSettings
from sslcli.errors import ModelError

# no vocabulary, width or length of a model is beyond it, and products of two stay countable
LARGEST = 10**8
# no rate, base or deviation is; JSON's whole numbers may be too large for a float
LARGEST_NUMBER = 10**12
# The heads that answer a task, and how transformers' classes that have them end.
AnswerKind = Literal["sequence", "tokens", "spans", "items"]
ANSWERS: Mapping[AnswerKind, str] = {
    "sequence": "ForSequenceClassification",
    "tokens": "ForTokenClassification",
    "spans": "ForQuestionAnswering",
    "items": "ForImageClassification",
}
MATRIX, SHIFT = "head.weight", "head.bias"  # our names of what a tied head may lack
# Names of activations in a config.json -> ours; where several mean the same, the first is written.
ACTIVATIONS_OF_CONFIGS: Mapping[str, str] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
T = TypeVar("T")


class ConfigReader:
    """Values of a config.json, wherever they are needed; every method raises ModelError naming the
    key.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def given(self, name: str) -> Any:
        """The value as it stands, None where it is null or absent."""
        return self.values.get(name)

    def count(self, name: str, default: int | None = None) -> int:
        """A whole number from 1 to LARGEST. Without a default the key is needed."""
        value = self._or_default(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise ModelError(
                (
                    f"config.json: {name} must be a whole number "
                    f"from 1 to {LARGEST}, not {value!r:.60}"
                ),
                "the file is damaged",
            )
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Any number that is not below 0. Without a default the key is needed."""
        value = self._or_default(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value <= LARGEST_NUMBER
        ):
            raise ModelError(
                f"config.json: {name} must be a number that is not negative, not {value!r:.60}",
                "the file is damaged",
            )
        return float(value)

    def choice(self, name: str, choices: Mapping[Any, T], default: Any) -> T:
        """Map the value, or `default` if the key is absent, through `choices`."""
        value = self._or_default(name, default)
        try:
            return choices[value]
        except (KeyError, TypeError):
            known = ", ".join(str(choice) for choice in choices)
            raise ModelError(
                f"config.json: {name} is {value!r:.60}, which this core does not have",
                f"it has {known}",
            ) from None

    def only(self, **expected: Any) -> None:
        """Refuse every named key that is given and is not what the core does."""
        for name, value in expected.items():
            if self.given(name) not in (None, value):
                raise ModelError(
                    (
                        f"config.json: {name} is {self.given(name)!r:.60}, "
                        "which this core does not have"
                    ),
                    f"only models with {value!r} load",
                )

    def group(self, name: str) -> Mapping[str, Any]:
        """A nested object, empty where it is absent."""
        value = self.given(name)
        if value is not None and not isinstance(value, Mapping):
            raise ModelError(
                f"config.json: {name} must be an object, not {value!r:.60}", "the file is damaged"
            )
        return value or {}

    def ignored(self, *names: str) -> list[str]:
        """A sentence for each probability among `names` that the core does without, where it is
        above 0.
        """
        return [
            f"{name} {self.given(name)} is ignored: it is not part of this core"
            for name in names
            if self.given(name)
        ]

    def _or_default(self, name: str, default: Any) -> Any:
        value = self.given(name)
        value = default if value is None else value
        if value is None:
            raise ModelError(
                f"config.json has no {name}",
                "the file is damaged, or of another kind than its model_type says",
            )
        return value


@dataclass(frozen=True)
class ConfigField:
    """A field of TransformerSettings and its name in a config.json. Without a default the file must
    have it.

    A default that is a float lets any number be read, others whole ones only. `choices`: their
    value -> ours; where several mean the same, the first is written.
    """

    ours: str
    theirs: str
    default: Any = None
    choices: Mapping[Any, Any] | None = None

    def read(self, config: ConfigReader) -> Any:
        """Return our value from a config.json."""
        if self.choices is not None:
            return config.choice(self.theirs, self.choices, self.default)
        return (
            config.number(self.theirs, self.default)
            if isinstance(self.default, float)
            else config.count(self.theirs, self.default)
        )

    def write(self, settings: TransformerSettings) -> Any:
        """Return the value for config.json from our settings."""
        value = getattr(settings, self.ours)
        return (
            value
            if self.choices is None
            else next(theirs for theirs, ours in self.choices.items() if ours == value)
        )


def read_fields(config: ConfigReader, fields: Sequence[ConfigField]) -> dict[str, Any]:
    """Arguments of TransformerSettings. Raises ModelError naming the first key that does not
    fit.
    """
    return {field.ours: field.read(config) for field in fields}


def write_fields(settings: TransformerSettings, fields: Sequence[ConfigField]) -> dict[str, Any]:
    """Entries of a config.json, which `read_fields` reads back."""
    return {field.theirs: field.write(settings) for field in fields}


def class_name(
    stem: str,
    heads: Collection[str],
    language_model: str,
    answers: Collection[AnswerKind] = tuple(ANSWERS),
) -> str:
    """Return the entry `architectures`: the class for the task's head, the LM head, or neither.

    `answers`: the kinds that this family's classes compute with equal numbers.
    """
    suffix = next(
        (ANSWERS[kind] for kind in answers if kind in heads),
        language_model if "head" in heads else "Model",
    )
    return f"{stem}{suffix}"


def rotary_base(parameters: Mapping[str, Any], where: str) -> Any:
    """rope_theta of an object of rotary parameters. Raises ModelError where positions are scaled or
    turned in part.
    """
    kind, part = (
        parameters.get("rope_type", parameters.get("type", "default")),
        parameters.get("partial_rotary_factor", 1.0),
    )
    if kind not in (None, "default"):
        raise ModelError(
            f"config.json: {where} asks for '{kind}' rotary positions",
            "only unscaled ones ('default') load",
        )
    if part not in (None, 1, 1.0):
        raise ModelError(
            f"config.json: {where} turns only {part} of the features",
            "only models that turn all of them load",
        )
    return parameters.get("rope_theta")


def has_shape(settings: TransformerSettings, fixed: Mapping[str, Any]) -> bool:
    """Tell whether these settings have all fixed values of a family."""
    return all(getattr(settings, name) == value for name, value in fixed.items())


def has_plain_heads(settings: TransformerSettings) -> bool:
    """Tell whether key and value heads equal query heads, and together are as wide as the model."""
    shared = settings.key_value_heads or settings.heads
    return (
        shared == settings.heads and settings.features_per_head * settings.heads == settings.width
    )


def layer_pattern(windowed: Sequence[bool]) -> int | None:
    """`global_every` of layers of which some are windowed: 0 where all are, None where they follow
    no such pattern.
    """
    if all(windowed):
        return 0
    for every in range(1, len(windowed) + 1):
        if all((layer % every != 0) == is_windowed for layer, is_windowed in enumerate(windowed)):
            return every
    return None
