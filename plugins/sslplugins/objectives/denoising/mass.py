"""Masked sequence to sequence: one run of every text is masked, and the decoder writes it alone.

Song et al. 2019, "MASS" (arXiv 1905.02450), as the authors' code for unsupervised translation does
it. Each input token of the decoder is the one before that which it predicts, at its own position in
the whole text: the first one is the visible neighbour of the run.

Letters: t tokens of a text, k of the run.
"""

from collections.abc import Sequence

import numpy as np
import torch

from sslcli.api import (
    Config,
    Context,
    Corpus,
    Hidden,
    Transformer,
    generate_tokens,
    setting,
)
from sslplugins.objectives.denoising.batches import NO_TARGET, Broken, RestoringBatch
from sslplugins.objectives.denoising.languages import LanguageCodes, Wish
from sslplugins.objectives.denoising.restoring import Restoring, host, split
from sslplugins.objectives.denoising.texts import AROUND

AT_START, AT_END = 0.2, 0.2  # of the texts; the others have their run anywhere
MASKED, KEPT = 0.8, 0.1  # of the run, for the encoder; the rest becomes random
FEWEST_TOKENS = 2  # of a text: a run of a single one would leave nothing to read


class Mass(Restoring["Mass.Options"]):
    """Restores one run of a text; the loss is over the run alone.

    Of the run the encoder reads 80 % as masks, 10 % as random ordinary tokens and 10 % as they are.
    Its length is the share of the text with the special tokens around it; the first of these is
    never in it, the first one behind the text may be. A text of one token has no run, and counts
    nothing.
    """

    class Options(Config):
        run_share: float = setting(0.5, "length of the run, as a share of the text", gt=0, lt=1)
        language_codes: Wish = setting(
            "auto",
            "texts end as 'tokens </s> [language]' (mBART); auto: where the tokenizer has codes and"
            " the data says its languages",
        )

    name = "mass"
    copies = False
    summary = "restore a run of a text, the decoder reading nothing else (MASS)"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.codes = LanguageCodes(
            self.tokenizer, context.special_token("sep"), options.language_codes
        )

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Say so where no text is long enough for a run."""
        _, starts, stops = rows_NK.T
        if (stops - starts >= FEWEST_TOKENS).any():
            return ()
        return ["no text has two tokens, so none has a run, and nothing is learnt here"]

    def broken(
        self, tokens_t: np.ndarray, sentence_t: np.ndarray, generator: np.random.Generator
    ) -> Broken:
        inner = np.flatnonzero(sentence_t != AROUND)
        if len(inner) < FEWEST_TOKENS:
            return _nothing_to_predict(tokens_t, len(inner))
        start, stop = self._run(int(inner[0]), min(int(inner[-1]) + 2, len(tokens_t)), generator)
        run = np.arange(start, stop)
        fate_k, source = generator.random(len(run)), tokens_t.copy()
        masked_k, strange_k = fate_k < MASKED, fate_k >= MASKED + KEPT
        source[run[masked_k]] = self.mask
        source[run[strange_k]] = generator.choice(self.ordinary, int(strange_k.sum()))
        broken_s = np.zeros(len(source), dtype=bool)
        broken_s[run] = True
        own = sentence_t[run] != AROUND
        return Broken(
            source=source,
            broken_s=broken_s,
            decoder_input=tokens_t[run - 1],
            targets=tokens_t[run],
            touched_r=np.ones(len(run), dtype=bool),
            hidden=int((own & (masked_k | strange_k)).sum()),
            size=len(inner),
            positions=run - 1,
        )

    def _run(self, first: int, end: int, generator: np.random.Generator) -> tuple[int, int]:
        """Its start and stop, in a text whose own tokens begin at `first`; before `end`."""
        least = max(first, 1)  # something visible stands before it
        length = min(max(1, round(end * self.options.run_share)), end - least)
        last, where = end - length, generator.random()
        if where < AT_START:
            start = least
        elif where < AT_START + AT_END:
            start = last
        else:
            start = int(generator.integers(least, last + 1))
        return start, start + length

    def written(
        self, backbone: Transformer, memory: Hidden, batch: RestoringBatch
    ) -> list[np.ndarray]:
        """The likeliest token at every step of each run, whose length and place are known."""
        decoder_input, positions, targets = split(
            batch.decoder, host(batch.decoder.positions_T), host(batch.targets_S)
        )
        written = generate_tokens(
            backbone,
            self.head,
            [torch.from_numpy(own[:1]) for own in decoder_input],
            new_tokens=[int((own != NO_TARGET).sum()) for own in targets],
            known_V=torch.from_numpy(self.tokenizer.known),
            memory=memory,
            begins=[int(own[0]) for own in positions],
        )
        return [host(tokens) for tokens in written]

    def rejoined(self, source: np.ndarray, broken: np.ndarray, written: np.ndarray) -> np.ndarray:
        whole = source.copy()
        whole[np.flatnonzero(broken)[: len(written)]] = written
        return whole


def _nothing_to_predict(tokens_t: np.ndarray, size: int) -> Broken:
    """The decoder reads one token all the same: no sequence is empty."""
    return Broken(
        source=tokens_t,
        broken_s=np.zeros(len(tokens_t), dtype=bool),
        decoder_input=tokens_t[:1],
        targets=np.full(1, NO_TARGET),
        touched_r=np.zeros(1, dtype=bool),
        hidden=0,
        size=size,
        positions=np.zeros(1, dtype=np.int64),
    )
