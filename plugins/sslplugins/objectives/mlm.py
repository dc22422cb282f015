"""Masked language modelling: some tokens are masked and predicted from both sides.

Devlin et al. 2019, "BERT" (arXiv 1810.04805), section 3.1; new masks every epoch as in Liu et al.
2019, "RoBERTa" (arXiv 1907.11692), section 4.1; whole words as in the BERT repository's update of
May 2019.

Letters: T tokens of all samples end to end, N targets, D width, V vocabulary, K candidates for a
blank.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from sslcli.api import (
    Artifact,
    Batch,
    Config,
    Context,
    Corpus,
    DataError,
    Hidden,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Ratio,
    Readout,
    Report,
    Restoration,
    Rng,
    Sample,
    Tokenizer,
    TokenTargets,
    Transformer,
    enclose,
    passages_of,
    setting,
)

MASK_RATE = 0.15
EVALUATION = 1.0  # the progress of all but training


@dataclass(frozen=True)
class MaskedAlike:
    """Samples with single tokens masked, whatever an objective itself hides: models of several
    objectives, encoders and encoder-decoders, are measured on these targets.

    `inputs`: the samples with a mask for each of the N tokens, which stand at `places_N` of T and
    are `targets_N`.
    """

    inputs: Inputs
    places_N: Tensor
    targets_N: Tensor

    @classmethod
    def of(
        cls,
        batch: Batch,
        rng: Rng,
        tokenizer: Tokenizer,
        mask: int,
        positions_T: np.ndarray | None = None,
    ) -> Self | None:
        """The same tokens for every objective that has these samples by the same numbers, and each
        token at the same position; None in training.

        `positions_T`: those that mlm has them at, where they are others here.
        """
        if rng.progress != EVALUATION:
            return None
        as_in_mlm = batch if positions_T is None else replace(batch, own_positions=positions_T)
        hidden_T = hidden_tokens(as_in_mlm, rng.of(""), tokenizer, MASK_RATE)
        inputs = Inputs.of(batch, np.where(hidden_T, mask, batch.ids))
        places_N = np.flatnonzero(hidden_T)
        targets_N = batch.ids[places_N]
        return cls(inputs, torch.from_numpy(places_N), torch.from_numpy(targets_N))

    @torch.no_grad()
    def metrics(
        self, hidden_TD: Tensor, head: LanguageModelHead, backbone: Transformer
    ) -> Mapping[str, Ratio]:
        """Accuracy and loss, by the hidden states of which row T tells token T."""
        loss, count = (
            head.loss(hidden_TD.index_select(0, self.places_N), self.targets_N, backbone),
            len(self.places_N),
        )
        return {
            "masked_accuracy": Ratio(loss.correct, count),
            "masked_loss": Ratio(loss.nll_sum, count),
        }


@dataclass(frozen=True)
class MaskedBatch(ModelBatch):
    """Inputs with some tokens masked, the positions of the targets in T, and the target tokens.

    `alike`: in evaluation, the same samples as all objectives are measured on them.
    """

    places_N: Tensor
    targets_N: Tensor
    alike: MaskedAlike | None = None


AROUND_TOKENS = 10  # on each side of a blank, in what is shown while it learns


class FillBlanks(Config):
    """A request for the likeliest tokens at each [MASK] of a text."""

    text: str = setting(..., "text with [MASK] where something is to be filled in")
    top: int = setting(5, "candidates for each blank", gt=0)


class MaskedLanguageModel(Readout[MaskedBatch, "MaskedLanguageModel.Options"]):
    """Masked-token prediction with an encoder; new masks are sampled in every epoch.

    Of the targets, `mask_share` become [MASK], `random_share` a random token, and the rest stay.
    """

    class Options(Config):
        mask_rate: float = setting(
            MASK_RATE, "share of the tokens (or words) that become targets", gt=0, le=1
        )
        mask_share: float = setting(0.8, "share of the targets that [MASK] replaces", ge=0, le=1)
        random_share: float = setting(
            0.1, "share of the targets that a random token replaces; the rest is kept", ge=0, le=1
        )
        whole_words: bool = setting(False, "hide all pieces of a word or none")

        @model_validator(mode="after")
        def _shares(self) -> Self:
            if self.mask_share + self.random_share > 1 + 1e-9:
                raise ValueError(
                    f"mask_share {self.mask_share} and random_share "
                    f"{self.random_share} are more than 1 together"
                )
            return self

    Request = FillBlanks
    generates = "tokens for every [MASK] of a text"
    request_example = '"julia lives in [MASK]."'
    summary = "predict hidden tokens from both sides (BERT)"
    reads_head = True
    architectures = frozenset({"encoder"})
    special_tokens = frozenset({"mask"})
    corrupts = True

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.mask = context.special_token("mask")
        assert context.tokenizer is not None, "which has one"
        self.tokenizer = context.tokenizer
        self.ordinary = np.flatnonzero(context.tokenizer.known & ~context.tokenizer.specials)
        self.head = LanguageModelHead(context.architecture)

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Say so where whole words are asked for, and every token is one."""
        if not self.options.whole_words or self.tokenizer.continues[self.ordinary].any():
            return ()
        return ["whole words change nothing here: every token begins a word"]

    def collate(self, batch: Batch, rng: Rng) -> MaskedBatch:
        rate, whole_words = self.options.mask_rate, self.options.whole_words
        hidden_T = hidden_tokens(batch, rng, self.tokenizer, rate, whole_words=whole_words)
        places_N = np.flatnonzero(hidden_T)
        samples_N, positions_N = batch.sample_of[places_N], batch.positions[places_N]
        fate_N = rng.uniform("fate", samples_N, positions_N)
        stranger_N = self.ordinary[
            (rng.uniform("stranger", samples_N, positions_N) * len(self.ordinary)).astype(np.int64)
        ]
        masked, replaced = (
            self.options.mask_share,
            self.options.mask_share + self.options.random_share,
        )
        targets_N = batch.ids[places_N]
        tokens_T = batch.ids.copy()
        tokens_T[places_N] = np.where(
            fate_N < masked, self.mask, np.where(fate_N < replaced, stranger_N, targets_N)
        )
        return MaskedBatch(
            Inputs.of(batch, tokens_T).reading(places_N),
            {"mlm": len(places_N)},
            torch.from_numpy(places_N),
            torch.from_numpy(targets_N),
            MaskedAlike.of(batch, rng, self.tokenizer, self.mask),
        )

    def read(self, hidden: Hidden, batch: MaskedBatch, backbone: Transformer) -> Loss:
        """Return the cross-entropy of the masked tokens, summed over N targets, in nats."""
        hidden_ND = hidden.last_TD.index_select(0, batch.places_N)
        loss, count = self.head.loss(hidden_ND, batch.targets_N, backbone), batch.counts["mlm"]
        metrics = {
            "accuracy": Ratio(loss.correct, count),
            "perplexity": Ratio(loss.nll_sum.detach(), count, exponential=True),
        }
        if batch.alike is not None:
            with torch.no_grad():
                hidden_TD = backbone(batch.alike.inputs).last_TD
            metrics |= batch.alike.metrics(hidden_TD, self.head, backbone)
        return Loss({"mlm": loss.nll_sum}, metrics)

    def targets(self, batch: MaskedBatch) -> TokenTargets:
        """Return the N targets and their neighbours.

        A neighbour that is a target itself counts as not visible: the model cannot trust it either.
        """
        tokens_T, places_N = batch.inputs.ids_T.numpy(), batch.places_N.numpy()
        visible_T = tokens_T.copy()
        visible_T[places_N] = -1
        starts_B1 = batch.inputs.packing.starts_B1.numpy()
        left_T = np.append(-1, visible_T[:-1])
        left_T[starts_B1[:-1]] = -1
        right_T = np.append(visible_T[1:], -1)
        right_T[starts_B1[1:] - 1] = -1
        return TokenTargets(batch.targets_N.numpy(), left_T[places_N], right_T[places_N])

    def show(self, batch: MaskedBatch) -> Report:
        lengths, places_N = batch.inputs.packing.lengths, batch.places_N.numpy()
        words_N = [self.tokenizer.decode([token]).strip() for token in batch.targets_N.tolist()]
        cuts = np.searchsorted(places_N, np.cumsum((0, *lengths)))
        answers = [", ".join(words_N[start:stop]) for start, stop in pairwise(cuts)]
        roles = dict.fromkeys(places_N.tolist(), "corrupted")
        passages = passages_of(
            batch.inputs.ids_T.numpy(), lengths, self.tokenizer, roles=roles, answers=answers
        )
        return Report("what was hidden, and what is to be predicted", passages=passages)

    def restore(self, backbone: Transformer, batch: MaskedBatch) -> Sequence[Restoration]:
        """Each sample with its targets told; its error is their mean negative log-likelihood."""
        with torch.no_grad():
            hidden_ND = backbone(batch.inputs).last_TD.index_select(0, batch.places_N)
            chance_NV = self.head(hidden_ND, backbone).float().log_softmax(dim=-1)
        error_N = -chance_NV.gather(1, batch.targets_N[:, None])[:, 0].cpu().numpy()
        known_V = torch.from_numpy(self.tokenizer.known).to(chance_NV.device)
        told_N = (
            chance_NV[:, : len(known_V)]
            .masked_fill(~known_V, -torch.inf)
            .argmax(dim=-1)
            .cpu()
            .numpy()
        )
        corrupted_T, places_N = batch.inputs.ids_T.cpu().numpy(), batch.places_N.cpu().numpy()
        input_T, restored_T = corrupted_T.copy(), corrupted_T.copy()
        input_T[places_N], restored_T[places_N] = batch.targets_N.cpu().numpy(), told_N
        starts = np.cumsum((0, *batch.inputs.packing.lengths))
        found = []
        for start, stop in pairwise(starts.tolist()):
            before, seen, told = (
                self._text(tokens_T[start:stop]) for tokens_T in (input_T, corrupted_T, restored_T)
            )
            own_N = error_N[(places_N >= start) & (places_N < stop)]
            found.append(
                Restoration(before, seen, told, float(own_N.mean()) if len(own_N) else 0.0)
            )
        return found

    def _text(self, tokens_T: np.ndarray) -> str:
        """Blanks are shown, other special tokens are not."""
        return self.tokenizer.decode(
            tokens_T[~self.tokenizer.specials[tokens_T] | (tokens_T == self.mask)]
        )

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, FillBlanks]]:
        """Request fill-in-the-blank predictions for one word of each sample; the word stands beside
        it.
        """
        asked = (
            one_blank(sample.tokens, self.tokenizer)
            for sample in samples
            if sample.tokens is not None
        )
        return [
            (f"{text} ({word})" if word else text, FillBlanks(text=text))
            for text, word in filter(None, asked)
        ]

    def generate(self, backbone: Transformer, request: FillBlanks, rng: Rng) -> Iterator[Artifact]:
        """Yield the likeliest tokens for each blank, best first; one forward pass, no sampling."""
        tokens_T = self._with_blanks(request.text)
        blanks_N = np.flatnonzero(tokens_T == self.tokenizer.mask)
        device = backbone.embedding.device
        inputs = Inputs.pack([tokens_T], device=device)
        with torch.no_grad():
            hidden_ND = backbone(inputs).last_TD.index_select(
                0, torch.from_numpy(blanks_N).to(device)
            )
            probability_NV = self.head(hidden_ND, backbone).float().softmax(dim=-1)
        # A row of the embedding without a token, as where it is padded, is no candidate; it has its
        # share all the same.
        known_V = torch.from_numpy(self.tokenizer.known).to(device)
        shares_NV = probability_NV[:, : len(known_V)].masked_fill(~known_V, -1.0)
        best_NK = shares_NV.topk(min(request.top, int(known_V.sum())), dim=-1)
        for blank, (scores, tokens) in enumerate(
            zip(best_NK.values.tolist(), best_NK.indices.tolist(), strict=True), start=1
        ):
            for score, token in zip(scores, tokens, strict=True):
                yield Artifact(self.tokenizer.decode([token]).strip(), score, {"blank": blank})

    def _with_blanks(self, text: str) -> np.ndarray:
        """Tokens of a text that holds blanks; raises DataError where it holds none."""
        own = self.tokenizer.pieces(np.asarray([self.tokenizer.mask]))[0]
        (tokens_T,) = self.tokenizer.encode_with_blanks([text.replace("[MASK]", own)])
        if self.tokenizer.mask not in tokens_T:
            raise DataError("the text has no blank to fill", f"write {own} where a word is missing")
        return enclose(tokens_T, self.tokenizer)


def hidden_tokens(
    batch: Batch, rng: Rng, tokenizer: Tokenizer, rate: float, *, whole_words: bool = False
) -> np.ndarray:
    """Return bool [T]: each token (or word) independently with this probability, and the likeliest
    of every sample.
    """
    special_T = tokenizer.specials[batch.ids]
    begins_T = np.ones(len(batch.ids), dtype=bool)
    if whole_words:
        after_special_T = np.append(True, special_T[:-1])
        begins_T = (
            ~tokenizer.continues[batch.ids] | special_T | after_special_T | (batch.positions == 0)
        )
    word_of_T = np.cumsum(begins_T) - 1
    chance_T = rng.uniform("target", batch.sample_of, batch.positions)[begins_T][word_of_T]
    chance_T[special_T] = np.inf
    least_B = np.minimum.reduceat(chance_T, batch.starts[:-1])
    return (chance_T < rate) | ((chance_T == np.repeat(least_B, batch.lengths)) & ~special_T)


def one_blank(tokens_T: np.ndarray, tokenizer: Tokenizer) -> tuple[str, str] | None:
    """The middle of a sample with one token blanked, and that token's text; None where there is too
    little of it.
    """
    assert tokenizer.mask is not None, "this objective is not made without one"
    plain_T = tokens_T[~tokenizer.specials[tokens_T]]
    if len(plain_T) < 3:
        return None
    middle = len(plain_T) // 2
    before_T = plain_T[max(0, middle - AROUND_TOKENS) : middle]
    after_T = plain_T[middle + 1 : middle + 1 + AROUND_TOKENS]
    (mask,) = tokenizer.pieces(np.asarray([tokenizer.mask]))
    text = tokenizer.decode([*before_T, tokenizer.mask, *after_T])
    return _spaced(text, mask, tokenizer), tokenizer.decode(plain_T[middle : middle + 1]).strip()


def _spaced(text: str, mask: str, tokenizer: Tokenizer) -> str:
    """With a space before the blank, where that changes no token."""
    if text.startswith(mask) or f" {mask}" in text:
        return text
    spaced = text.replace(mask, f" {mask}")
    text_T, spaced_T = tokenizer.encode_with_blanks([text, spaced])
    return spaced if np.array_equal(text_T, spaced_T) else text
