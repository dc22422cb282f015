"""Checks that a learnable or a probe fits a Transformer and a tokenizer, from class declarations.

One sentence and a hint for objectives, tasks and probes alike, before any of them is built. The
modalities of an objective are checked with its data: see `datasets.array_rows.refuse_unread`.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from sslcli import registry
from sslcli.contracts.learnable import Learnable
from sslcli.contracts.probe import Probe
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.data.special_tokens import SpecialToken, missing, worded
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ConfigError, UsageError

Declaring = type[Learnable] | type[Probe]
OTHER_MODEL = "choose another --model"


def refuse_other_architecture(
    classes: Mapping[str, Declaring],
    architecture: Architecture,
    whose: str,
    hint: str = OTHER_MODEL,
) -> None:
    """Raises UsageError where one of the named classes cannot use this kind of Transformer;
    `whose`: what has it.
    """
    for name, cls in classes.items():
        if architecture not in cls.architectures:
            wanted = " or ".join(each.replace("_", "-") for each in sorted(cls.architectures))
            found = with_article(architecture.replace("_", "-"))
            raise UsageError(f"'{name}' needs {with_article(wanted)}, and {whose} is {found}", hint)


def refuse_other_shape(said: Mapping[str, Any], model: TransformerSettings) -> None:
    """Raises ConfigError where a shape is asked for that the model, whose weights are kept, has
    not. The whole shape in the config.yaml of a run is what it found, and asks for nothing.
    """
    if "vocabulary" in said:
        return
    own = model.model_dump()
    problems = [
        f"model.shape.{name} would be {value}, and is {own[name]} in the model"
        for name, value in said.items()
        if own.get(name) != value
    ]
    if problems:
        raise ConfigError(problems, "leave it out: a model that is trained further keeps its shape")


def refuse_missing_tokens(
    classes: Mapping[str, Declaring], tokenizer: Tokenizer | None, hint: str = ""
) -> None:
    """Raises UsageError where a tokenizer lacks a special token that one of the named classes
    declares.
    """
    if tokenizer is not None:
        refuse_tokens_not_among(classes, tokenizer.special_tokens, "the tokenizer", hint)


def refuse_tokens_not_among(
    classes: Mapping[str, Declaring], there: Collection[SpecialToken], whose: str, hint: str = ""
) -> None:
    """Refuse missing special tokens, where the existing ones are known."""
    for name, cls in classes.items():
        if lacking := missing(cls.special_tokens, there):
            problem = f"'{name}' needs {with_article(worded(lacking))}, and {whose} has none"
            raise UsageError(problem, hint or f"{OTHER_MODEL}, one whose tokenizer has it")


def tokenizers_with(wanted: Collection[SpecialToken]) -> str:
    """Return a hint: the kinds of trained tokenizers with these special tokens."""
    found = []
    for kind in registry.names("tokenizers"):
        with suppress(ValidationError):  # one that cannot do without options is not for a hint
            cls = registry.load("tokenizers", kind)
            if not missing(wanted, cls(cls.Options()).special_tokens() or ()):
                found.append(kind)
    return (
        f"use --tokenizer {' or '.join(found)}"
        if found
        else "use --tokenizer-from, with a tokenizer that has it"
    )


def with_article(noun: str) -> str:
    """Return "an encoder", "a decoder"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
