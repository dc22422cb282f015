"""What encoder-decoder objectives that restore a broken text share: samples, loss, metrics, words.

A subclass says what becomes of one text: see `Broken`.

Letters: S tokens of all that the decoder reads, end to end, R of those of one text, N of those that
have a target, D width; t tokens of one text.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    ARRANGEMENTS,
    Batch,
    Config,
    Context,
    Corpus,
    DataError,
    Hidden,
    Inputs,
    LanguageModelHead,
    Loss,
    Objective,
    Passage,
    Ratio,
    Report,
    Restoration,
    Rng,
    Rows,
    Sample,
    SampleRng,
    TokenTargets,
    Transformer,
    UsageError,
    generate_tokens,
    spans_of,
)
from sslplugins.objectives.denoising.batches import NO_TARGET, Broken, RestoringBatch
from sslplugins.objectives.denoising.languages import LanguageCodes
from sslplugins.objectives.denoising.texts import AROUND, another_row, with_sentences
from sslplugins.objectives.mlm import EVALUATION, MaskedAlike

LEAST_GAIN = 0.01  # nats: less is no difference
# tokens of a restored text at most: so many times its source, and some more
MOST_WRITTEN, MORE_WRITTEN = 1.5, 16

C = TypeVar("C", bound=Config)


class Restoring(Objective[RestoringBatch, C]):
    """Restores a broken text: the encoder reads what is left of it, the decoder writes it.

    The loss is one sum over all targets. Its metrics come in two parts, for most of the targets of
    most noises stand in the source and are soon copied without an error: `copied` targets stand
    there behind the token that they stood behind in the clean text; all others are `touched`, which
    are the hidden ones, the first one behind every gap or inserted mask, and the first one behind
    every jump, as at the beginning of a moved sentence. `hidden_share` is the share of the text's
    own tokens that the source does not hold. Where some of the texts alone get a noise, for it is
    drawn or they have one sentence, their share is a metric too.

    In evaluation `other_source_loss` is the loss with the source of another document: where it is
    no higher than the true one, the decoder does not use what it is given to restore. Of noises
    that put masks in their place, `masked_accuracy` and `masked_loss` are of the single tokens that
    mlm is measured on too; but this decoder reads all that stands before them.
    """

    name: ClassVar[str]  # of the loss term: as the objective is registered
    codes: LanguageCodes
    copies: bool = True  # some targets may be copied from the source
    reads_masks: bool = False  # a token that is hidden alone may be a mask in the source
    some_get: Sequence[str] = ()  # noises that some texts get and others do not
    architectures = frozenset({"encoder_decoder"})
    special_tokens = frozenset({"mask", "sep"})

    def __init__(self, options: C, context: Context) -> None:
        super().__init__(options, context)
        assert context.tokenizer is not None, "an objective that reads text is given a tokenizer"
        self.tokenizer = context.tokenizer
        self.mask = context.special_token("mask")
        self.ordinary = np.flatnonzero(self.tokenizer.known & ~self.tokenizer.specials)
        self.head = LanguageModelHead(context.architecture)

    @abstractmethod
    def broken(
        self, tokens_t: np.ndarray, sentence_t: np.ndarray, generator: np.random.Generator
    ) -> Broken:
        """Break one text. `sentence_t`: the sentence of each token, AROUND for the special tokens
        around the text.
        """

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        found = changes = False
        for rows in ARRANGEMENTS["single"].rows(corpus, self.codes.tokenizer_of(corpus)):
            found = found or len(rows.lengths) > 0
            changes = changes or self.changes(corpus, rows.values)
            yield rows
        if found and not changes:
            raise DataError(*self.nothing_to_change())

    def changes(self, corpus: Corpus, rows_NK: np.ndarray) -> bool:
        """Tell whether any of these samples can be broken: here, whether one has two tokens."""
        _, starts, stops = rows_NK.T
        return bool((stops - starts > 1).any())

    def nothing_to_change(self) -> tuple[str, str]:
        """Say, in a sentence and a hint, that no sample of the data can be broken."""
        return (
            f"no text has two tokens, so '{self.name}' would have nothing to predict",
            "give longer documents, or a larger --seq-len",
        )

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        own = self._text(corpus, row)
        if rng.rng.progress != EVALUATION:
            return own
        other = another_row(corpus, row, rng)
        return own if other is None else replace(own, streams={"other": self._text(corpus, other)})

    def _text(self, corpus: Corpus, row: np.ndarray) -> Sample:
        """The sample of a row, with the sentence of each token."""
        tokenizer = self.codes.tokenizer_of(corpus, int(row[0]))
        own = ARRANGEMENTS["single"].sample(corpus, row, tokenizer)
        return with_sentences(own, corpus, row, tokenizer)

    def collate(self, batch: Batch, rng: Rng) -> RestoringBatch:
        parts = self._all_broken(batch, rng)
        decoder_input = _packed(
            [part.decoder_input for part in parts], [part.positions for part in parts]
        )
        targets_S, touched_S = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("targets", "touched_r")
        )
        predicted_S = targets_S != NO_TARGET
        other, evaluates = None, rng.progress == EVALUATION
        if evaluates and "other" in batch.streams:
            others = self._all_broken(batch["other"], rng.of(f"{rng.plugin}/other"))
            other = Inputs.pack([part.source for part in others])
        return RestoringBatch(
            Inputs.pack([part.source for part in parts]),
            {self.name: int(predicted_S.sum())},
            torch.from_numpy(targets_S),
            torch.from_numpy(np.flatnonzero(predicted_S & touched_S)),
            torch.from_numpy(np.flatnonzero(predicted_S & ~touched_S)),
            torch.from_numpy(np.concatenate([part.broken_s for part in parts])),
            Inputs.of(batch),
            sum(part.hidden for part in parts),
            sum(part.size for part in parts),
            {name: sum(name in part.noises for part in parts) for name in self.some_get},
            other,
            self._masked_alike(batch, rng) if evaluates and self.reads_masks else None,
            decoder_inputs=decoder_input,
        )

    def _masked_alike(self, batch: Batch, rng: Rng) -> MaskedAlike | None:
        """A text with a language code begins at another position than one of mlm."""
        inner_T = batch.per_token["sentence"] != AROUND
        own_T = np.where(inner_T, batch.positions, len(batch.ids))
        first_B = np.minimum.reduceat(own_T, batch.starts[:-1])
        moved_B = self.tokenizer.template.single.before - first_B
        positions_T = batch.positions + np.repeat(moved_B, batch.lengths)
        return MaskedAlike.of(batch, rng, self.tokenizer, self.mask, positions_T)

    def _all_broken(self, batch: Batch, rng: Rng) -> list[Broken]:
        if "sentence" not in batch.per_token:
            raise UsageError(
                f"'{self.name}' needs samples of its own, and another objective makes them",
                "name it first, or train them one by one",
            )
        sentence_T, ends = batch.per_token["sentence"], pairwise(batch.starts.tolist())
        generators = rng.generators("noise", batch.numbers)
        return [
            self.broken(batch.ids[start:stop], sentence_T[start:stop], generator)
            for (start, stop), generator in zip(ends, generators, strict=True)
        ]

    def fillings(self, count: int, share: float, generator: np.random.Generator) -> np.ndarray:
        """Return masks, int64 [count]; each is with this probability an ordinary token instead."""
        tokens = np.full(count, self.mask)
        if share > 0:
            strange = generator.random(count) < share
            tokens[strange] = generator.choice(self.ordinary, int(strange.sum()))
        return tokens

    def forward(self, backbone: Transformer, batch: RestoringBatch) -> Loss:
        """Return the cross-entropy of the targets, summed, in nats."""
        hidden_SD = backbone.decode(batch.decoder, backbone.encode(batch.inputs)).last_TD
        kinds = {"touched": batch.touched_N, "copied": batch.copied_N}
        losses = {
            kind: self.head.loss(hidden_SD[rows_N], batch.targets_S[rows_N], backbone)
            for kind, rows_N in kinds.items()
        }
        correct, count = sum(loss.correct for loss in losses.values()), batch.counts[self.name]
        metrics = {
            "accuracy": Ratio(correct, count),
            "hidden_share": Ratio(float(batch.hidden), float(batch.size)),
        }
        for name, texts in batch.noises.items():
            metrics[f"{name}_share"] = Ratio(float(texts), float(len(batch.inputs.packing)))
        for kind, rows_N in kinds.items() if self.copies else ():
            metrics[f"{kind}_loss"] = Ratio(losses[kind].nll_sum.detach(), len(rows_N))
            metrics[f"{kind}_accuracy"] = Ratio(losses[kind].correct, len(rows_N))
        if batch.other is not None:
            metrics["other_source_loss"] = self._loss_with_other(backbone, batch, batch.other)
        if batch.alike is not None:
            metrics |= self._on_masked(backbone, batch, batch.alike)
        return Loss({self.name: losses["touched"].nll_sum + losses["copied"].nll_sum}, metrics)

    @torch.no_grad()
    def _loss_with_other(
        self, backbone: Transformer, batch: RestoringBatch, other: Inputs
    ) -> Ratio:
        """The mean loss of the same targets with the sources of other documents."""
        hidden_SD = backbone.decode(batch.decoder, backbone.encode(other)).last_TD
        rows_N = torch.cat([batch.touched_N, batch.copied_N])
        loss = self.head.loss(hidden_SD[rows_N], batch.targets_S[rows_N], backbone)
        return Ratio(loss.nll_sum, len(rows_N))

    @torch.no_grad()
    def _on_masked(
        self, backbone: Transformer, batch: RestoringBatch, alike: MaskedAlike
    ) -> Mapping[str, Ratio]:
        """The decoder reads the clean text, and each of its rows tells the token that follows."""
        memory = backbone.encode(alike.inputs)
        return alike.metrics(backbone.decode(batch.decoder, memory).last_TD, self.head, backbone)

    def targets(self, batch: RestoringBatch) -> TokenTargets:
        """Return the touched targets, with the token that the decoder reads there as left
        neighbour: what may be copied is no feat.
        """
        rows_N = batch.touched_N.numpy()
        left_N = batch.decoder.ids_T.numpy()[rows_N]
        kind = "touched" if self.copies else ""
        targets_N, unseen_N = batch.targets_S.numpy()[rows_N], np.full_like(left_N, -1)
        return TokenTargets(targets_N, left_N, unseen_N, kind)

    def conclusions(self, loss: float, metrics: Mapping[str, float]) -> Sequence[str]:
        """What the source is worth: how much more the targets cost with that of another
        document.
        """
        if (other := metrics.get("other_source_loss")) is None:
            return []
        if other - loss < LEAST_GAIN:
            return [
                f"not emerged: with the source of another document the loss is {other:.3f} nats, "
                f"with its own {loss:.3f}: the decoder does not use what it is to restore"
            ]
        return [
            f"the source saves {other - loss:.3f} nats a target: with that of another document the "
            f"loss is {other:.3f}"
        ]

    def show(self, batch: RestoringBatch) -> Report:
        touched_S = np.zeros(len(batch.targets_S), dtype=bool)
        touched_S[batch.touched_N.numpy()] = True
        targets_S, passages = batch.targets_S.numpy(), []
        of_source = zip(*split(batch.inputs, batch.broken_T.numpy()), strict=True)
        of_decoder = zip(*split(batch.decoder, targets_S, touched_S), strict=True)
        pairs = zip(of_source, of_decoder, strict=True)
        for number, ((source, broken), (decoder_input, targets, touched)) in enumerate(
            pairs, start=1
        ):
            rows = np.flatnonzero(targets != NO_TARGET)
            decoder_roles = dict.fromkeys(np.flatnonzero(targets == NO_TARGET).tolist(), "plain")
            passages += [
                self._passage(f"sample {number}, source", source, broken, "corrupted"),
                Passage(
                    f"sample {number}, decoder reads",
                    spans_of(decoder_input, self.tokenizer, decoder_roles),
                ),
                self._passage(
                    f"sample {number}, is to predict", targets[rows], touched[rows], "target"
                ),
            ]
        count = len(batch.texts.packing)
        last_B = [int(text[-1]) for text in split(batch.texts)[0]]
        first_B = [int(decoder_input[0]) for decoder_input in split(batch.decoder)[0]]
        notes = [
            f"{100 * batch.hidden / max(batch.size, 1):.1f} % of the texts' tokens are hidden; "
            f"{len(batch.touched_N):,} of {batch.counts[self.name]:,} targets are touched",
            *(f"{name}: {texts} of {count} texts" for name, texts in batch.noises.items()),
            *self.codes.remarks(last_B, first_B),
        ]
        return Report("what was broken, and what restores it", passages=passages, notes=notes)

    def _passage(self, title: str, tokens: np.ndarray, marked: np.ndarray, role: str) -> Passage:
        roles = dict.fromkeys(np.flatnonzero(marked).tolist(), role)
        return Passage(title, spans_of(tokens, self.tokenizer, roles))

    def restore(self, backbone: Transformer, batch: RestoringBatch) -> Sequence[Restoration]:
        """Each sample restored greedily; its error is the mean loss of its touched targets, or of
        all where none is touched.
        """
        with torch.no_grad():
            memory = backbone.encode(batch.inputs)
            hidden_SD = backbone.decode(batch.decoder, memory).last_TD
        touched_S = torch.zeros_like(batch.targets_S, dtype=torch.bool)
        touched_S[batch.touched_N] = True
        of_source = zip(*split(batch.inputs, host(batch.broken_T)), strict=True)
        of_decoder = zip(*split(batch.decoder, host(batch.targets_S)), strict=True)
        rests = zip(
            of_source,
            of_decoder,
            hidden_SD.split(batch.decoder.packing.lengths),
            touched_S.split(batch.decoder.packing.lengths),
            split(batch.texts)[0],
            self.written(backbone, memory, batch),
            strict=True,
        )
        return [
            Restoration(
                self._words(text),
                self._words(source),
                self._words(self.rejoined(source, broken, written)),
                self._error(hidden_RD, torch.from_numpy(targets), touched_R, backbone),
            )
            for (source, broken), (_, targets), hidden_RD, touched_R, text, written in rests
        ]

    def longest_written(self, tokens: int) -> int:
        """The most tokens that are written for a source of so many."""
        return int(MOST_WRITTEN * tokens + MORE_WRITTEN)

    def rejoined(self, source: np.ndarray, broken: np.ndarray, written: np.ndarray) -> np.ndarray:
        """The whole text, of its source and of what the decoder wrote."""
        return written

    def written(
        self, backbone: Transformer, memory: Hidden, batch: RestoringBatch
    ) -> list[np.ndarray]:
        """What the decoder writes behind the first token that it reads; it ends with that token."""
        first_B = batch.decoder.ids_T[batch.decoder.packing.starts_B1[:-1]]
        most = self.longest_written(max(memory.packing.lengths))
        written = generate_tokens(
            backbone,
            self.head,
            first_B[:, None].unbind(),
            new_tokens=min(most, self.context.architecture.longest_tokens - 1),
            stops={*first_B.tolist()},
            known_V=torch.from_numpy(self.tokenizer.known),
            memory=memory,
        )
        return [host(tokens) for tokens in written]

    @torch.no_grad()
    def _error(
        self, hidden_RD: Tensor, targets_R: Tensor, touched_R: Tensor, backbone: Transformer
    ) -> float:
        targets_R = targets_R.to(hidden_RD.device)
        has_target_R = targets_R != NO_TARGET
        rows_N = torch.nonzero(touched_R & has_target_R if touched_R.any() else has_target_R)[:, 0]
        if not len(rows_N):
            return 0.0
        loss = self.head.loss(hidden_RD[rows_N], targets_R[rows_N], backbone)
        return float(loss.nll_sum) / len(rows_N)

    def _words(self, tokens: np.ndarray) -> str:
        """Masks are shown, other special tokens are not."""
        return self.tokenizer.decode(
            tokens[~self.tokenizer.specials[tokens] | (tokens == self.mask)]
        )


def rotated(targets: np.ndarray) -> np.ndarray:
    """What the decoder reads: the target with its last token moved to the front."""
    return np.concatenate([targets[-1:], targets[:-1]])


def host(tensor: Tensor) -> np.ndarray:
    """Return a tensor as an array on the host."""
    return tensor.cpu().numpy()


def split(inputs: Inputs, *more_T: np.ndarray) -> list[list[np.ndarray]]:
    """The tokens of every sequence, and the parts of arrays of one number for each token."""
    cuts = np.cumsum(inputs.packing.lengths)[:-1]
    return [np.split(each, cuts) for each in (host(inputs.ids_T), *more_T)]


def _packed(decoder_input: Sequence[np.ndarray], positions: Sequence[np.ndarray | None]) -> Inputs:
    own = [each for each in positions if each is not None]
    return Inputs.pack(decoder_input, positions=own if own else None)
