"""Text denoising: the decoder writes the whole text, the encoder reads what the noises left of it.

Lewis et al. 2020, "BART" (arXiv 1910.13461), section 2.2; the decoder's input is the target with
its last token moved to the front, and the loss is over all of the target, as in the authors' code.
Their command for bart.large has spans of 3.5 words in the mean, and a random token in place of one
mask in ten.

Letters: t tokens of a text.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar, Self, TypeVar

import numpy as np
import torch
from pydantic import model_validator

from sslcli.api import (
    LARGEST_POWER,
    Artifact,
    BeamRules,
    Config,
    Context,
    Corpus,
    Count,
    DataError,
    Inputs,
    Rng,
    Transformer,
    beam_search,
    enclose,
    generate_tokens,
    setting,
)
from sslplugins.objectives.denoising import noise
from sslplugins.objectives.denoising.batches import Broken
from sslplugins.objectives.denoising.languages import LanguageCodes, Wish
from sslplugins.objectives.denoising.noises import BART_NOISES, HIDING, parsed_noises
from sslplugins.objectives.denoising.restoring import Restoring, host, rotated
from sslplugins.objectives.denoising.texts import AROUND
from sslplugins.objectives.writing import Writing, ends_of, not_followed


class NoiseOptions(Config):
    """What objectives with BART's noises have."""

    names: ClassVar[Mapping[str, bool]] = BART_NOISES

    noise: str = setting(
        "infill=0.3,permute=1.0",
        "NAME[=SHARE],... of mask, delete, infill (share of tokens), permute (of sentences), rotate"
        " (of texts); of several of the first three, each text gets one",
        shares=BART_NOISES,
    )
    span_mean: float = setting(
        3.0,
        "mean length of the spans of infill, in tokens (or words): Poisson's lambda",
        ge=1,
        le=1000,
    )
    random_share: float = setting(
        0.0, "share of the masks in whose place a random ordinary token stands", ge=0, le=1
    )
    whole_words: bool = setting(
        False, "hide all pieces of a word or none; shares and lengths count words"
    )
    language_codes: Wish = setting(
        "auto",
        "texts are 'tokens </s> [language]', and the decoder begins with the language (mBART);"
        " auto: where the tokenizer has codes and the data says its languages",
    )

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> Self:
        """Of what is set, each must be about a noise that is asked for."""
        fields = type(self).model_fields
        for name, noises in ABOUT.items():
            if getattr(self, name) != fields[name].default and not noises & self.shares.keys():
                flag = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{flag} changes nothing without {' or '.join(sorted(noises))} in --noise"
                )
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The share of each noise that is asked for."""
        return parsed_noises(self.noise, self.names)


ROWS_AT_ONCE = 1 << 16  # of which it is asked whether noises change any

# the noises that an option is about
ABOUT = {
    "span_mean": frozenset({"infill", "spans"}),
    "random_share": frozenset({"mask", "infill"}),
    "whole_words": frozenset({"mask", "delete", "infill"}),
}
N = TypeVar("N", bound=NoiseOptions)


class Noising(Restoring[N]):
    """The noises of BART in their order: permute, then mask, delete or infill, insert, rotate.

    Of several of mask, delete and infill every text gets one, each as likely as another and with
    its own share. A span of infill without length inserts a mask, as far as the model has positions
    for it. A text of one sentence stays as it is under permute.
    """

    def __init__(self, options: N, context: Context) -> None:
        super().__init__(options, context)
        self.shares = options.shares
        self.codes = LanguageCodes(
            self.tokenizer, context.special_token("sep"), options.language_codes
        )
        self.hiding = [name for name in HIDING if name in self.shares]
        self.reads_masks = not self.shares.keys().isdisjoint(("mask", "infill"))
        self.some_get = [
            *(self.hiding if len(self.hiding) > 1 else ()),
            *(["rotate"] if self.shares.get("rotate", 1.0) < 1 else ()),
            *(["permute"] if "permute" in self.shares else ()),
        ]

    def changes(self, corpus: Corpus, rows_NK: np.ndarray) -> bool:
        return any(self._can_change(name, corpus, rows_NK) for name in self.shares)

    def nothing_to_change(self) -> tuple[str, str]:
        why = self._why_idle("permute" if "permute" in self.shares else min(self.shares))
        return (
            f"{why}, so {' and '.join(self.shares)} would change nothing",
            "take infill in --noise, or give longer documents, of several sentences",
        )

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Name the noises, and the option, that change none of these texts."""
        chunks = [
            rows_NK[start : start + ROWS_AT_ONCE] for start in range(0, len(rows_NK), ROWS_AT_ONCE)
        ]
        idle = [
            name
            for name in self.shares
            if not any(self._can_change(name, corpus, chunk) for chunk in chunks)
        ]
        found = [f"{name} changes nothing here: {self._why_idle(name)}" for name in idle]
        if self.options.whole_words and not self.tokenizer.continues[self.ordinary].any():
            found.append("whole words change nothing here: every token begins a word")
        return found

    def _can_change(self, name: str, corpus: Corpus, rows_NK: np.ndarray) -> bool:
        """Whether a noise can change any of these samples."""
        _, starts, stops = rows_NK.T
        if name != "permute":
            return bool((stops - starts >= (2 if name in ("rotate", "spans") else 1)).any())
        first, last = (
            np.searchsorted(corpus.sentences, each, side="right") for each in (starts, stops - 1)
        )
        return bool((last - first + 1 >= self._fewest_sentences).any())

    @property
    def _fewest_sentences(self) -> int:
        """Of a text of which permute draws two: one alone stays where it is."""
        return int((1 + noise.ROUNDING) / self.shares["permute"]) + 1

    def _why_idle(self, name: str) -> str:
        if name != "permute":
            return "no text has two tokens"
        of = f", of which permute={self.shares[name]:g} would move two"
        fewest = self._fewest_sentences
        return "no text has two sentences" if fewest == 2 else f"no text has {fewest} sentences{of}"

    def broken(
        self, tokens_t: np.ndarray, sentence_t: np.ndarray, generator: np.random.Generator
    ) -> Broken:
        inner = sentence_t != AROUND
        clean = self.clean(tokens_t[inner])
        room = self.context.architecture.longest_tokens - (len(tokens_t) - len(clean))
        text, noises = self.noised(clean, sentence_t[inner], room, generator)
        first = int(inner.argmax()) if len(clean) else 0
        last = first + len(clean)
        source = np.concatenate([tokens_t[:first], text.tokens, tokens_t[last:]])
        inside = np.where(text.origins == noise.NOWHERE, noise.NOWHERE, text.origins + first)
        origins = np.concatenate([np.arange(first), inside, np.arange(last, len(tokens_t))])
        return Broken(
            source=source,
            broken_s=origins == noise.NOWHERE,
            decoder_input=rotated(tokens_t),
            targets=tokens_t,
            touched_r=~noise.copied(origins, len(tokens_t)),
            hidden=len(clean) - int((text.origins != noise.NOWHERE).sum()),
            size=len(clean),
            noises=noises,
        )

    def clean(self, tokens_t: np.ndarray) -> noise.Text:
        """The text before any noise."""
        begins = ~self.tokenizer.continues[tokens_t] if self.options.whole_words else None
        return noise.Text.clean(tokens_t, begins)

    def noised(
        self,
        text: noise.Text,
        sentence_t: np.ndarray,
        room: int,
        generator: np.random.Generator,
    ) -> tuple[noise.Text, list[str]]:
        """The text behind all noises, and which it got; what is inserted makes it no longer than
        `room`.
        """
        names = list(self.shares)
        if "permute" in names:
            clean = text
            text = noise.permute_sentences(clean, sentence_t, self.shares["permute"], generator)
            if text is clean:
                names.remove("permute")
        if self.hiding:
            hides = self.hiding[int(generator.integers(len(self.hiding)))]
            names = [name for name in names if name == hides or name not in self.hiding]
            text = self._hidden(text, hides, room, generator) if len(text) else text
        if "rotate" in names and generator.random() < self.shares["rotate"]:
            text = noise.rotate(text, generator)
        elif "rotate" in names:
            names.remove("rotate")
        return text, names

    def _hidden(
        self, text: noise.Text, name: str, room: int, generator: np.random.Generator
    ) -> noise.Text:
        """The text behind the noise of this name, of those that hide tokens."""
        budget, inserted = noise.share_of(int(text.begins.sum()), self.shares[name]), 0
        lengths = np.ones(budget, dtype=np.int64)
        if name == "infill":
            lengths, inserted = noise.poisson_lengths(budget, self.options.span_mean, generator)
        fill = partial(self.fillings, share=self.options.random_share, generator=generator)
        text = noise.hide_spans(text, lengths, generator, None if name == "delete" else fill)
        return noise.insert(text, max(0, min(inserted, room - len(text))), generator, fill)


class WriteAnew(Config):
    """A request to write a text with gaps, or with disordered sentences, as a whole one."""

    text: str = setting(..., "text with [MASK] where something of any length is missing")
    beams: Count | None = setting(
        None,
        "texts that are followed at once, and given, the most likely first; 1: the likeliest token"
        " at every step; when not given as the model's directory says it, and the best is given",
        gt=0,
        le=64,
    )
    length_penalty: float | None = setting(
        None,
        "with several beams, the power of its length that a text's log-probability is divided by;"
        " above 0 favours longer ones; as the model's directory says it, or 1, when not given",
        ge=-LARGEST_POWER,
        le=LARGEST_POWER,
    )


class Bart(Noising["Bart.Options"]):
    """Restores a text from any mix of BART's noises."""

    class Options(NoiseOptions):
        pass

    Request = WriteAnew
    generates = "a text anew, mended where it is broken"
    request_example = '"julia lives in [MASK]." --beams 4'
    reads_head = True
    name = "bart"
    summary = "restore a text with gaps, whose sentences are out of order (BART)"

    def generate(self, backbone: Transformer, request: WriteAnew, rng: Rng) -> Iterator[Artifact]:
        """Yield the whole text as the decoder writes it, with several beams each with its score.

        What the request leaves open is as the model's directory says it. A score is the sum of the
        tokens' log-probabilities over the power of their number. Raises DataError for a text of
        more tokens than the model has positions, ModelError where the directory says what cannot
        be, UsageError for more beams than tokens.
        """
        said = Writing.of(self.tokenizer.generating)
        beams = request.beams or said.beams
        known_V = torch.from_numpy(self.tokenizer.known)
        BeamRules(beams, 1).refuse_beyond(int(known_V.sum()))
        tokens_t = self._request_tokens(request.text)
        with torch.no_grad():
            memory = backbone.encode(Inputs.pack([tokens_t], device=backbone.embedding.device))
        start = self.tokenizer.start_of_decoder()
        most = self._most_written(said, len(tokens_t))
        penalty = request.length_penalty
        rules = BeamRules(
            beams,
            most,
            said.length_penalty if penalty is None else penalty,
            said.early_stopping,
            said.rules,
        )
        prompts, stops = [torch.tensor([start])], ends_of(self.tokenizer, int(tokens_t[-1]))
        given = {"stops": stops, "known_V": known_V, "memory": memory}
        if beams == 1:
            (tokens,) = generate_tokens(
                backbone, self.head, prompts, new_tokens=most, rules=said.rules, **given
            )
            yield Artifact(self._words(host(tokens)))
            return
        (found,) = beam_search(backbone, self.head, prompts, rules, **given)
        for each in found if request.beams else found[:1]:
            yield Artifact(self._words(host(each.tokens)), each.score)

    def remarks_on_generation(self) -> Sequence[str]:
        """What the model's directory says of generation that is not done."""
        return not_followed(self.tokenizer.generating)

    def _most_written(self, said: Writing, size: int) -> int:
        """Tokens behind the start, of a text of so many."""
        most = said.most_tokens
        wanted = self.longest_written(size) if most is None else most - 1
        return min(wanted, self.context.architecture.longest_tokens - 1)

    def _request_tokens(self, text: str) -> np.ndarray:
        own = self.tokenizer.pieces(np.asarray([self.mask]))[0]
        (tokens_t,) = self.tokenizer.encode_with_blanks([text.replace("[MASK]", own)])
        if not len(tokens_t):
            raise DataError("the text has no token", "give a text with words in it")
        return enclose(tokens_t, self.tokenizer)
