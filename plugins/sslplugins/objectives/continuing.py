"""Continuing texts: what can be asked for, and the writing of many prompts at once.

Letters: S steps, B continuations, V vocabulary.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import ValidationError, field_validator, model_validator

from sslcli.api import (
    LARGEST_POWER,
    Artifact,
    BeamRules,
    Config,
    Continuation,
    LanguageModelHead,
    Rng,
    Sampling,
    Tokenizer,
    TokenRules,
    Transformer,
    UsageError,
    Writer,
    beam_search,
    naming_text,
    refuse_too_long,
    setting,
)
from sslplugins.objectives.growing import GrowingText, Prompted
from sslplugins.objectives.writing import (
    NOT_FOLLOWED,
    STOPPING,
    STOPPING_WORDS,
    strange,
)

TOGETHER = 64  # continuations that are written at once
MOST_TOKENS = 1 << 17  # in a text: each has a random number from the beginning on
MOST_TEXTS = 10_000
ESCAPES = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}
ESCAPE = re.compile(r"\\[nt\\]")
# A field of generation_config.json, ours, and whether it counts where nothing is sampled.
SAID: Mapping[str, tuple[str, bool]] = {
    "temperature": ("temperature", False),
    "top_k": ("top_k", False),
    "top_p": ("top_p", False),
    "min_p": ("min_p", False),
    "typical_p": ("typical_p", False),
    "repetition_penalty": ("repetition_penalty", True),
    "no_repeat_ngram_size": ("no_repeat", True),
    "min_new_tokens": ("least_new_tokens", True),
    "max_new_tokens": ("new_tokens", True),
    "num_beams": ("beams", True),
    "length_penalty": ("length_penalty", True),
    "early_stopping": ("early_stopping", True),
}
# What changes the text in transformers, and not here, with the values that change nothing.
NOT_CONTINUED: Mapping[str, Sequence[Any]] = {
    **{name: idle for name, idle in NOT_FOLLOWED.items() if name != "do_sample"},
    "min_length": (0,),
    "forced_eos_token_id": (),
}
DRAWN = {"temperature", "top_k", "top_p", "min_p", "typical_p", "lookup"}  # no matter of beams


class Continue(Config):
    """A request to continue a text: by sampling, by the likeliest token, or by beams."""

    text: str = setting("", "text to be continued; from nothing when not given")
    new_tokens: int = setting(40, "most tokens to add", gt=0, le=MOST_TOKENS)
    temperature: float = setting(
        0.8, "sampling temperature: 0 takes the likeliest token", ge=0, allow_inf_nan=False
    )
    top_k: int | None = setting(None, "sample among this many of the likeliest tokens", gt=0)
    top_p: float = setting(
        0.95, "nucleus sampling: the smallest set of tokens with this much probability", gt=0, le=1
    )
    min_p: float = setting(
        0.0, "sample among tokens with at least this share of the likeliest one's", ge=0, le=1
    )
    typical_p: float = setting(
        1.0, "sample among the tokens of usual surprise with this much probability", gt=0, le=1
    )
    repetition_penalty: float = setting(
        1.0, "what the text has said scores so many times worse", gt=0, allow_inf_nan=False
    )
    no_repeat: int = setting(0, "no sequence of so many tokens comes twice; 0: may", ge=0)
    least_new_tokens: int = setting(0, "the text does not end before so many are added", ge=0)
    beams: int = setting(
        1,
        "texts that are followed at once, instead of sampling; the likeliest are given",
        gt=0,
        le=TOGETHER,
    )
    length_penalty: float = setting(
        1.0,
        "with several beams, the power of its length that a score is divided by",
        ge=-LARGEST_POWER,
        le=LARGEST_POWER,
    )
    early_stopping: Literal["no", "yes", "never"] = setting(
        "no",
        "with several beams: end when as many texts have ended (yes), when none is likely to "
        "be better (no), when none can be (never)",
    )
    stop: tuple[str, ...] = setting(
        (), r"end before this text; \n is a line break; of beams what is found is cut there"
    )
    count: int = setting(1, "continuations", gt=0, le=MOST_TEXTS)
    lookup: int = setting(
        0,
        "guess so many tokens from what the text has said before, and keep those that are right: "
        "the same text, sooner",
        ge=0,
    )

    @field_validator("stop")
    @classmethod
    def _unescaped(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Line breaks and tabs, which are hard to type."""
        if not all(given):
            raise ValueError("holds no character")
        return tuple(ESCAPE.sub(lambda found: ESCAPES[found[0]], text) for text in given)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.beams > 1 and self.count > self.beams:
            raise ValueError(f"{self.beams} beams give no {self.count} texts; ask for more beams")
        if self.beams > 1 and (given := sorted(DRAWN & self.model_fields_set)):
            raise ValueError(f"{given[0]} means nothing to beams, which sample nothing")
        return self

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(self.temperature, self.top_k, self.top_p, self.min_p, self.typical_p)

    @property
    def rules(self) -> TokenRules:
        """What may come next."""
        least = self.least_new_tokens
        return TokenRules(self.repetition_penalty, self.no_repeat, least_new_tokens=least)


def completed(request: Continue, said: Mapping[str, Any]) -> tuple[Continue, Sequence[str]]:
    """The request with what generation_config.json says where nobody says otherwise, and what was
    taken from it in words.

    Where the file says that nothing is sampled, the likeliest token is taken. Beams are taken from
    it where the line asks for nothing that they do not know. Raises ModelError for a value that
    cannot be, UsageError for one that does not go with what is asked for.
    """
    samples, given = said.get("do_sample"), request.model_fields_set
    taken: dict[str, Any] = {}
    own_way = bool({*DRAWN, "beams"} & given)
    if samples is False and not {"temperature", "beams"} & given:
        taken["temperature"] = 0.0
    for name, (own, always) in SAID.items():
        value = said.get(name)
        is_beams = own in ("beams", "length_penalty", "early_stopping")
        if value is None or own in given or (not always and samples is not True):
            continue
        if own in DRAWN and request.beams > 1:  # the line asks for no sampling
            continue
        if is_beams and (samples is True or (own_way and "beams" not in given)):
            continue
        fitting = _fitting(type(request), name, own, value)
        if fitting != getattr(request, own):
            taken[own] = fitting
    if taken.get("beams", 1) > 1:
        taken.pop("temperature", None)
    if not taken:
        return request, _idle(request, given)
    words = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in taken.items())
    try:
        complete = type(request)(**{name: getattr(request, name) for name in given} | taken)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"generation_config.json says {words}, but {why}", "flags win: name them on the line"
        ) from error
    return complete, [f"generation_config.json says {words}; flags win", *_idle(complete, given)]


def _idle(request: Continue, given: Collection[str]) -> list[str]:
    """Sentences on flags that change nothing."""
    if request.beams > 1:
        return []
    idle = dict.fromkeys(("length_penalty", "early_stopping"), "one beam")
    if request.temperature == 0:
        idle |= dict.fromkeys(("top_k", "top_p", "min_p", "typical_p"), "temperature 0")
    return [
        f"--{name.replace('_', '-')} changes nothing with {what}"
        for name, what in idle.items()
        if name in given
    ]


def _fitting(request: type[Continue], name: str, own: str, value: Any) -> Any:
    """What a field of generation_config.json says, as a request has it. Raises ModelError."""
    if name == "early_stopping":
        if not isinstance(value, bool | str) or value not in STOPPING:
            raise strange(name, value, STOPPING_WORDS)
        return STOPPING[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise strange(name, value, "a number")
    if name == "top_k" and value == 0:
        return None
    try:
        return getattr(request.model_validate({own: value}), own)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Input should be ")
        raise strange(name, value, why) from error


@dataclass(frozen=True)
class Continuer:
    """Writes what comes after prompts, with a head on a backbone."""

    backbone: Transformer
    head: LanguageModelHead
    tokenizer: Tokenizer

    def write(
        self, prompts: Sequence[Prompted], request: Continue, rng: Rng
    ) -> Iterator[str | Artifact]:
        """Yield whole texts, `request.count` of each prompt in order; where that is one, pieces of
        it before, as it grows.

        A draw is a function of the number of the continuation and of the step. Raises UsageError,
        before anything is written, for a text that is too long or more beams than tokens.
        """
        for prompted in prompts:
            with naming_text(prompted.text, len(prompts)):
                most = prompted.limit(request.new_tokens)
                refuse_too_long(self.backbone, len(prompted.tokens), most)
        if request.beams > 1:
            size = max(1, TOGETHER // request.beams)
            for start in range(0, len(prompts), size):
                yield from self._searched(prompts[start : start + size], request)
            return
        count = request.count
        many = [
            (prompted, number * count + turn)
            for number, prompted in enumerate(prompts)
            for turn in range(count)
        ]
        for start in range(0, len(many), TOGETHER):
            portion = many[start : start + TOGETHER]
            texts = [
                GrowingText(
                    Continuation(
                        number, prompted.tokens.tolist(), prompted.limit(request.new_tokens)
                    ),
                    self.tokenizer,
                    prompted,
                    request.stop,
                )
                for number, (prompted, _) in enumerate(portion)
            ]
            draws_B = np.asarray([draw for _, draw in portion])
            yield from self._grown(texts, draws_B, request, rng, streams=len(many) == 1)
            yield from map(self._artifact, texts)

    def _grown(
        self,
        texts: Sequence[GrowingText],
        draws_B: np.ndarray,
        request: Continue,
        rng: Rng,
        *,
        streams: bool,
    ) -> Iterator[str]:
        steps_S = np.arange(request.new_tokens)
        uniforms_SB = rng.uniform("token", draws_B[None, :], steps_S[:, None])
        writer = Writer(
            self.backbone,
            self.head,
            request.sampling,
            request.rules,
            self.tokenizer.stops,
            torch.from_numpy(self.tokenizer.known),
            request.lookup,
            tells_probabilities=True,
        )
        told = ""
        growing = writer.write([t.own for t in texts], uniforms_SB=torch.from_numpy(uniforms_SB))
        for grown in growing:
            for own in grown:
                texts[own.number].look()
            if streams and (sure := texts[0].sure()).startswith(told) and sure != told:
                yield sure[len(told) :]
                told = sure
        whole = texts[0].whole
        if streams and not whole.startswith(told):  # a decoder that changed what it said before
            yield f"\n{whole}"
        elif streams and whole != told:
            yield whole[len(told) :]

    def _artifact(self, text: GrowingText) -> Artifact:
        own = text.own
        pieces = self.tokenizer.pieces(np.asarray(own.tokens, dtype=np.int64))
        said = tuple(zip(pieces, own.log_probabilities, strict=True))
        ended = "stop" if own.ended == "halted" else own.ended
        details = {"prompt": text.prompt.text, "ended": ended}
        return Artifact(text.whole, None, details, said)

    def _searched(self, prompts: Sequence[Prompted], request: Continue) -> Iterator[Artifact]:
        """The best texts of beams, each with its score."""
        rules = BeamRules(
            request.beams,
            min(prompted.limit(request.new_tokens) for prompted in prompts),
            request.length_penalty,
            request.early_stopping,
            request.rules,
        )
        rules.refuse_beyond(int(self.tokenizer.known.sum()))
        found = beam_search(
            self.backbone,
            self.head,
            [torch.from_numpy(prompted.tokens) for prompted in prompts],
            rules,
            stops=self.tokenizer.stops,
            known_V=torch.from_numpy(self.tokenizer.known),
        )
        for prompted, own in zip(prompts, found, strict=True):
            for beam in own[: request.count]:
                written = beam.tokens.tolist()
                continuation = Continuation(
                    0, prompted.tokens.tolist(), request.new_tokens, written
                )
                text = GrowingText(continuation, self.tokenizer, prompted, request.stop)
                text.look()
                yield Artifact(text.whole, beam.score, {"prompt": prompted.text})
