"""One noise at a time, to compare them on the same model: those of BART, and T5's spans.

Lewis et al. 2020 (arXiv 1910.13461), table 1; Raffel et al. 2020, "T5" (arXiv 1910.10683), section
3.1.4, as the authors' code does it: spans never touch, and the first one has something visible
before it.

Letters: t tokens of a text, k hidden, m spans.
"""

import re
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import field_validator

from sslcli.api import Context, setting
from sslplugins.objectives.denoising.bart import NoiseOptions, Noising
from sslplugins.objectives.denoising.batches import Broken
from sslplugins.objectives.denoising.noises import ALL_NOISES, parsed_noises
from sslplugins.objectives.denoising.restoring import rotated
from sslplugins.objectives.denoising.texts import AROUND

_SENTINEL = re.compile(r"<extra_id_(\d+)>")


class Denoise(Noising["Denoise.Options"]):
    """Restores a text from one noise.

    With `spans` the decoder writes what is hidden alone: before each span the sentinel that stands
    for it in the source, and the end. Sentinels are <extra_id_0>, <extra_id_1>, ... where the
    tokenizer has them; otherwise every one is the mask, and the order says which is which. Spans of
    a text are no more than there are sentinels.
    """

    class Options(NoiseOptions):
        names: ClassVar[Mapping[str, bool]] = ALL_NOISES

        noise: str = setting(
            "infill",
            "NAME[=SHARE], one of mask, delete, infill, spans (share of tokens), permute (of"
            " sentences), rotate (of texts)",
            shares=ALL_NOISES,
        )

        @field_validator("noise")
        @classmethod
        def _one(cls, given: str) -> str:
            if len(parsed_noises(given, cls.names)) > 1:
                raise ValueError("names several noises; choose one, or --objective bart")
            return given

    name = "denoise"
    summary = "restore a text from one noise of BART or T5, to compare them"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.copies = "spans" not in self.shares
        special = np.flatnonzero(self.tokenizer.specials)
        pieces = zip(self.tokenizer.pieces(special), special.tolist(), strict=True)
        found = {int(m[1]): token for piece, token in pieces if (m := _SENTINEL.fullmatch(piece))}
        self.sentinels = [found[number] for number in sorted(found)]

    def broken(
        self, tokens_t: np.ndarray, sentence_t: np.ndarray, generator: np.random.Generator
    ) -> Broken:
        if "spans" not in self.shares:
            return super().broken(tokens_t, sentence_t, generator)
        inner = np.flatnonzero(sentence_t != AROUND)
        hidden_t = np.zeros(len(tokens_t), dtype=bool)
        if len(inner) > 1:
            most = len(self.sentinels) or len(inner)
            hidden_t[inner] = hidden_spans(
                len(inner),
                self.shares["spans"],
                self.options.span_mean,
                most,
                generator,
            )
        first_m = np.flatnonzero(np.diff(hidden_t, prepend=False) & hidden_t)
        marks_m = np.asarray(self.sentinels[: len(first_m)] or [self.mask] * len(first_m))
        source, broken_t = tokens_t.copy(), np.zeros(len(tokens_t), dtype=bool)
        source[first_m], broken_t[first_m] = marks_m, True
        kept_t = ~hidden_t | broken_t
        before_m = np.searchsorted(np.flatnonzero(hidden_t), first_m)
        written = np.insert(tokens_t[hidden_t], before_m, marks_m)
        end = int(inner[-1]) + 1 if len(inner) else 0
        targets = np.concatenate([written, tokens_t[end:]])
        return Broken(
            source=source[kept_t],
            broken_s=broken_t[kept_t],
            decoder_input=rotated(targets),
            targets=targets,
            touched_r=np.ones(len(targets), dtype=bool),
            hidden=int(hidden_t.sum()),
            size=len(inner),
        )

    def rejoined(self, source: np.ndarray, broken: np.ndarray, written: np.ndarray) -> np.ndarray:
        """The source with each span in the place of its sentinel; one that is not written stays."""
        if "spans" not in self.shares:
            return written
        begins = np.flatnonzero(np.isin(written, self.sentinels or [self.mask]))
        spans = [part[1:] for part in np.split(written, begins)[1:]]
        parts = np.split(source, np.flatnonzero(broken))
        fillings = [*spans[: len(parts) - 1], *[part[:1] for part in parts[1 + len(spans) :]]]
        joined = [(span, part[1:]) for span, part in zip(fillings, parts[1:], strict=True)]
        return np.concatenate([parts[0], *(piece for pair in joined for piece in pair)])


def hidden_spans(
    size: int, share: float, mean: float, most: int, generator: np.random.Generator
) -> np.ndarray:
    """bool [size]: which of two or more tokens are hidden; spans alternate with what is visible,
    which begins.

    So many are hidden, in so many spans: both rounded, at least one, at most `most` spans, and at
    least one token beside each stays visible.
    """
    hidden = min(max(round(size * share), 1), size - 1)
    spans = min(max(round(hidden / mean), 1), hidden, size - hidden, most)
    lengths = [_parts(count, spans, generator) for count in (size - hidden, hidden)]
    return np.repeat(np.tile([False, True], spans), np.stack(lengths, axis=1).ravel())


def _parts(total: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Lengths [count], none of them 0, that add up to the total; all such are equally likely."""
    cuts = np.sort(generator.permutation(total - 1)[: count - 1]) + 1
    return np.diff(cuts, prepend=0, append=total)
