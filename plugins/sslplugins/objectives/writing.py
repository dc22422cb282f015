"""How a decoder writes a text: as its model's directory says it in generation_config.json, by the
rules of transformers' generate (v5).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sslcli.api import LARGEST_POWER, EarlyStopping, ModelError, Tokenizer, TokenRules

STOPPING: Mapping[Any, EarlyStopping] = {False: "no", True: "yes", "never": "never"}
STOPPING_WORDS = "true, false or 'never'"
POWER_WORDS = f"a number from -{LARGEST_POWER} to {LARGEST_POWER}"
# What changes the text in transformers, and not here, with the values that change nothing.
NOT_FOLLOWED: Mapping[str, Sequence[Any]] = {
    "do_sample": (False,),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1.0,),
    "diversity_penalty": (0.0,),
    "num_beam_groups": (1,),
    "penalty_alpha": (0.0,),
    "guidance_scale": (1.0,),
    "bad_words_ids": ([],),
    "force_words_ids": ([],),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "sequence_bias": ({}, []),
    "exponential_decay_length_penalty": (),
    "stop_strings": ([],),
    "max_time": (),
}


@dataclass(frozen=True)
class Writing:
    """What a directory says of generation; what it does not say is as transformers has it.

    `most_tokens` counts all that the decoder has read and written, its start among them; None where
    nothing is said.
    """

    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = "no"
    most_tokens: int | None = None
    rules: TokenRules = field(default_factory=TokenRules)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Read generation_config.json. Raises ModelError for a value that cannot be."""
        given = {name: value for name, value in said.items() if value is not None}

        def number(name: str, default: Any, fits: Callable[[Any], bool], what: str) -> Any:
            value = given.get(name, default)
            if value is not None and (isinstance(value, bool) or not fits(value)):
                raise strange(name, value, what)
            return value

        def count(name: str, default: int | None, least: int) -> Any:
            what = f"a whole number of at least {least}"
            return number(name, default, lambda value: _is_count(value, least), what)

        early = given.get("early_stopping", False)
        if not isinstance(early, bool | str) or early not in STOPPING:
            raise strange("early_stopping", early, STOPPING_WORDS)
        most = count("max_new_tokens", None, 1)
        rules = TokenRules(
            number("repetition_penalty", 1.0, _is_penalty, "a number above 0"),
            count("no_repeat_ngram_size", 0, 0),
            # of the two transformers follows this one alone where it is given, even where it is 0
            0 if "min_new_tokens" in given else count("min_length", 0, 0),
            count("min_new_tokens", 0, 0),
            count("forced_bos_token_id", None, 0),
            count("forced_eos_token_id", None, 0),
        )
        return cls(
            beams=count("num_beams", 1, 1),
            length_penalty=number("length_penalty", 1.0, _is_power, POWER_WORDS),
            early_stopping=STOPPING[early],
            most_tokens=count("max_length", None, 2) if most is None else 1 + most,
            rules=rules,
        )


def not_followed(
    said: Mapping[str, Any], fields_idle: Mapping[str, Sequence[Any]] = NOT_FOLLOWED
) -> list[str]:
    """A sentence about fields of generation_config.json that would change the text, and do not;
    `fields_idle`: the values of each that change nothing.
    """
    fields = [
        f"{name} {said[name]}"
        for name, idle in fields_idle.items()
        if said.get(name) is not None and said[name] not in idle
    ]
    if not fields:
        return []
    return [f"generation_config.json says {', '.join(fields)}, which ssl generate does not follow"]


def ends_of(tokenizer: Tokenizer, last: int) -> set[int]:
    """The ids that end what is written: as the directory says, else the last token of a text."""
    return {*tokenizer.stops} if tokenizer.ends else {last}


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and value >= least


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_penalty(value: Any) -> bool:
    return _is_number(value) and 0 < value < math.inf


def _is_power(value: Any) -> bool:
    return _is_number(value) and abs(value) <= LARGEST_POWER


def strange(name: str, value: Any, what: str) -> ModelError:
    """The error for a field of generation_config.json that is not what it has to be."""
    return ModelError(
        f"generation_config.json of the model says {name} {value!r:.40}, and not {what}",
        "mend it, or take the field away",
    )
