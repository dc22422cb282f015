"""Next-sentence prediction: does the second part follow the first?

Otherwise it is taken from another document. Devlin et al. 2019, "BERT" (arXiv 1810.04805), section
3.1, task 2.

Letters: B samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sslcli.api import (
    ARRANGEMENTS,
    Batch,
    Config,
    Context,
    Corpus,
    DataError,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    PooledClassifier,
    Ratio,
    Readout,
    Report,
    Rng,
    Rows,
    Sample,
    SampleRng,
    Transformer,
    join_pair,
    passages_of,
    setting,
)

FOLLOWS, STRANGER = 0, 1
ANSWERS = ("the second part follows", "the second part comes from elsewhere")
# for a document of the same language; a language of one document keeps its own second parts
MOST_TRIES = 200
MOST_CANDIDATES = 20


@dataclass(frozen=True)
class PairBatch(ModelBatch):
    """Inputs and labels of text pairs; `labels_B` holds FOLLOWS or STRANGER."""

    labels_B: Tensor


class NextSentence(Readout[PairBatch, "NextSentence.Options"]):
    """Binary classification of text pairs, read from the pooled first row.

    The second part follows the first, or with probability `stranger_rate` is taken from another
    document of the same language.
    """

    class Options(Config):
        stranger_rate: float = setting(
            0.5, "share of the pairs whose second part comes from another document", gt=0, lt=1
        )

    summary = "tell whether the second part follows the first (BERT)"
    architectures = frozenset({"encoder"})
    special_tokens = frozenset({"sep"})
    arranges = "pairs"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        assert context.tokenizer is not None, "an objective that reads text is given a tokenizer"
        self.tokenizer = context.tokenizer
        self.classifier = PooledClassifier(context.architecture, 2)

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        documents = np.asarray(corpus.spans[:, 0])
        if not len(documents) or documents.min() == documents.max():
            raise DataError(
                "nsp takes strangers from other documents, and the data is one document",
                "give it more documents, or use sop",
            )
        return super().arrange(corpus)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        pair = ARRANGEMENTS["pairs"].sample(corpus, row, self.tokenizer)
        document, start, middle, stop, sentences = row.tolist()
        if rng.uniform("stranger") >= self.options.stranger_rate:
            return replace(pair, fields={**pair.fields, "label": FOLLOWS})
        room = corpus.sequence_tokens - (len(pair) - (stop - start)) - (middle - start)
        found = self._stranger(corpus, document, sentences, stop - middle, room, rng)
        if found is None:
            return replace(pair, fields={**pair.fields, "label": FOLLOWS})
        tokens, segments = join_pair(
            corpus.tokens(start, middle), corpus.tokens(*found), self.tokenizer
        )
        covered = corpus.bytes_between(start, middle) + corpus.bytes_between(*found)
        return replace(
            pair, tokens=tokens, segments=segments, fields={"bytes": covered, "label": STRANGER}
        )

    def _stranger(
        self,
        corpus: Corpus,
        document: int,
        sentences: int,
        wanted_tokens: int,
        room_tokens: int,
        rng: SampleRng,
    ) -> tuple[int, int] | None:
        """First and last token of as many sentences as the true second part has, in another
        document of its language.

        Of some candidates that are whole and fit into the room, the one nearest to the true part's
        length: a true pair fills its sequence, and whatever merely fits would be shorter and tell
        itself apart. Where none fits, as much of the first as does; None where the language has no
        other document.
        """
        generator = rng.generator("stranger part")
        spans, places = (
            generator.integers(len(corpus.spans), size=MOST_TRIES),
            generator.random(MOST_TRIES),
        )
        language, cut, fitting = corpus.language_of(document), None, []
        for span, place in zip(spans.tolist(), places.tolist(), strict=True):
            other, first, last = corpus.spans[span].tolist()
            if other == document or corpus.language_of(other) != language:
                continue
            begin = first + int(place * (max(last - first - sentences, 0) + 1))
            stop = min(begin + sentences, last)
            start_token, stop_token = int(corpus.sentences[begin]), int(corpus.sentences[stop])
            if stop - begin == sentences and 0 < stop_token - start_token <= room_tokens:
                fitting.append((start_token, stop_token))
                if len(fitting) == MOST_CANDIDATES or stop_token - start_token == wanted_tokens:
                    break
            if cut is None and stop_token > start_token:
                cut = start_token, min(stop_token, start_token + room_tokens)
        return (
            min(fitting, key=lambda part: abs(part[1] - part[0] - wanted_tokens))
            if fitting
            else cut
        )

    def collate(self, batch: Batch, rng: Rng) -> PairBatch:
        inputs = Inputs.of(batch)
        return PairBatch(
            inputs.reading(self.classifier.rows_of(inputs.packing)),
            {"nsp": len(batch)},
            torch.from_numpy(batch.fields["label"]),
        )

    def read(self, hidden: Hidden, batch: PairBatch, backbone: Transformer) -> Loss:
        """Return the binary cross-entropy, summed over B pairs, in nats."""
        logits_BC = self.classifier(hidden)
        correct = (logits_BC.argmax(dim=1) == batch.labels_B).sum()
        loss = cross_entropy(logits_BC.float(), batch.labels_B, reduction="sum")
        return Loss({"nsp": loss}, {"accuracy": Ratio(correct, batch.counts["nsp"])})

    def show(self, batch: PairBatch) -> Report:
        answers = [ANSWERS[label] for label in batch.labels_B.tolist()]
        inputs = batch.inputs
        passages = passages_of(
            inputs.ids_T.numpy(), inputs.packing.lengths, self.tokenizer, answers=answers
        )
        return Report("two parts, and whether the second follows the first", passages=passages)
