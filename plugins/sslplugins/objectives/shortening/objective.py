"""Text as a representation: documents become short texts, and documents again.

Wang and Lee 2018, "Learning to encode text as human-readable summaries" (arXiv 1810.02851): one
network writes a short text, another restores the document from it, and the words are kept readable.
Here a language model of short texts keeps them readable, as in Miao and Blunsom 2016 ("Language as
a latent variable", arXiv 1609.07317), in the place of their discriminator: the writer minimises
what the document costs given the code, and `readability` times what the code costs that language
model, which codes never train. Writing is a choice without a gradient: REINFORCE (Williams 1992),
with the greedy code's cost as the baseline (Rennie et al. 2017, "self-critical").

Letters: B documents, T tokens of all of them end to end, t of one, K tokens of a code at most, R
rows that tell a token of a code, V vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    ARRANGEMENTS,
    Artifact,
    Batch,
    Config,
    Corpus,
    DataError,
    Hidden,
    Inputs,
    Loss,
    Passage,
    Ratio,
    Report,
    Restoration,
    Rng,
    Rows,
    Sample,
    SampleRng,
    Transformer,
    enclose,
    setting,
    spans_of,
)
from sslplugins.objectives.denoising.texts import AROUND, with_sentences
from sslplugins.objectives.shortening.networks import (
    Shortening,
    ShorteningBatch,
    sequences,
    told_tokens,
)

TOGETHER = 64  # texts that are shortened at a time
LEAST_GAIN = 0.01  # nats a token: less is no difference
WITHOUT_LEARNING = ("lead", "words", "nothing")  # what a document is restored from beside its code


class Shorten(Config):
    """A request for the short text of a document, and what is restored from that."""

    text: str = setting(..., "the document that is to be shortened")


class TextAutoEncoder(Shortening):
    """Write a short text of each document, and restore the document from it.

    The backbone is the writer. Restorer and language model are networks of the objective, of the
    same width. In evaluation the document is restored from its code, from its first tokens, from
    random ones of it in their order, all as many as the code has, and from nothing; the restorer is
    trained on all of these alike.
    """

    Request = Shorten
    generates = "a short text of a document"
    request_example = '"A document of some sentences. Here is the second one."'
    summary = "write documents as short texts, and restore them (text as a representation)"

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        """The texts that are longer than a code. Raises DataError where there are none."""
        found = False
        for rows in ARRANGEMENTS["single"].rows(corpus, self.tokenizer):
            is_long = rows.values[:, 2] - rows.values[:, 1] > self.options.code_tokens
            found = found or bool(is_long.any())
            languages = None if rows.languages is None else rows.languages[is_long]
            yield Rows(rows.values[is_long], rows.lengths[is_long], languages)
        if not found:
            raise DataError(
                f"no text has more than {self.options.code_tokens} tokens in the training or the "
                "held-out part of the data, so there is nothing to shorten",
                "give more and longer documents, or a smaller --code-tokens",
            )

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Say what teaches the language model."""
        most = self.options.code_tokens
        count = sum(map(len, self.short.of(corpus).values()))
        if count:
            return [f"{count:,} texts of at most {most} tokens teach what is readable"]
        return [f"no text has at most {most} tokens: sentences teach what is readable"]

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        own = ARRANGEMENTS["single"].sample(corpus, row, self.tokenizer)
        short = Sample(tokens=self.short.sample(corpus, int(row[0]), rng))
        own = with_sentences(own, corpus, row, self.tokenizer)
        return replace(own, streams={"spoken": short})

    def collate(self, batch: Batch, rng: Rng) -> ShorteningBatch:
        most, tokens = self.options.code_tokens, len(batch.ids)
        sentences = self._one_sentence_each(batch, rng)
        uniforms_BK = rng.uniform("token", batch.numbers[:, None], np.arange(most))
        beside_B = rng.uniform("beside", batch.numbers) * len(WITHOUT_LEARNING)
        told = sum(min(len(sentence) + 1, most) for sentence in sentences)
        restored = 1 if rng.progress == 1 else 2 if self._copies(rng.progress) else 3
        spoken_inputs = Inputs.of(batch["spoken"])
        return ShorteningBatch(
            Inputs.of(batch),
            {
                "restoring": restored * tokens,
                "language": told_tokens(spoken_inputs.packing.lengths, most),
                "writing": told if self._copies(rng.progress) else len(batch),
            },
            spoken=spoken_inputs,
            sentences=Inputs.pack(sentences),
            uniforms_BK=torch.from_numpy(uniforms_BK),
            chance_T=torch.from_numpy(rng.uniform("words", batch.sample_of, batch.positions)),
            beside_B=tuple(beside_B.astype(int).tolist()),
        )

    def _copies(self, progress: float) -> bool:
        """Tell whether the writer is still trained on sentences."""
        return progress < self.options.pretraining

    def _one_sentence_each(self, batch: Batch, rng: Rng) -> list[np.ndarray]:
        """A random sentence of each document, int64 [t], cut to the length of a code."""
        sentence_T, found = batch.per_token["sentence"], []
        drawn_B = rng.uniform("sentence", batch.numbers)
        for drawn, start, stop in zip(drawn_B, batch.starts[:-1], batch.starts[1:], strict=True):
            own_t = sentence_T[start:stop]
            names = np.unique(own_t[own_t != AROUND])
            chosen_t = own_t == names[int(drawn * len(names))]
            found.append(batch.ids[start:stop][chosen_t][: self.options.code_tokens])
        return found

    def forward(self, backbone: Transformer, batch: ShorteningBatch) -> Loss:
        """What restoring, the language of short texts, and writing cost, in nats."""
        language = self._spoken_B(sequences(batch.spoken)).sum()
        if batch.progress == 1:
            return self._evaluated(backbone, batch, language)
        sentences = sequences(batch.sentences)
        beside = [
            _instead(WITHOUT_LEARNING[kind], document_t, chance_t, len(sentence_t))
            for kind, document_t, chance_t, sentence_t in zip(
                batch.beside_B, *self._documents(batch), sentences, strict=True
            )
        ]
        restoring_B = self._restoring_B(beside, batch)
        if self._copies(batch.progress):
            writing = self._writing_B(backbone, batch, sentences).sum()
            restoring_B = restoring_B + self._restoring_B(sentences, batch)
        else:
            writing, of_codes_B = self._reinforced(backbone, batch)
            restoring_B = restoring_B + of_codes_B
        return Loss({"restoring": restoring_B.sum(), "language": language, "writing": writing})

    def _reinforced(self, backbone: Transformer, batch: ShorteningBatch) -> tuple[Tensor, Tensor]:
        """A sum whose value is the cost of greedy codes and whose gradient that of the expected
        cost of sampled ones; and what restoring both cost [B].
        """
        memory = self.memory_of(backbone, batch.inputs)
        greedy = self.codes_of(backbone, memory)
        of_greedy_B = self._restoring_B(greedy, batch)
        baseline_B = self._cost_B(self._read_B(greedy), of_greedy_B, batch)
        surrogate, of_sampled_B = self._surrogate(backbone, memory, batch, baseline_B)
        return baseline_B.sum() + surrogate, of_greedy_B + of_sampled_B

    def _surrogate(
        self, backbone: Transformer, memory: Hidden, batch: ShorteningBatch, baseline_B: Tensor
    ) -> tuple[Tensor, Tensor]:
        """0, with the gradient of the expected cost of sampled codes; what restoring them costs."""
        sampled = self.codes_of(backbone, memory, batch.uniforms_BK)
        restoring_B = self._restoring_B(sampled, batch)
        gain_B = baseline_B - self._cost_B(self._read_B(sampled), restoring_B, batch)
        surrogate = (gain_B * self._writing_B(backbone, batch, sampled)).sum()
        return surrogate - surrogate.detach(), restoring_B

    def _evaluated(self, backbone: Transformer, batch: ShorteningBatch, language: Tensor) -> Loss:
        """The loss by greedy codes, and from what else the documents might be restored."""
        memory = self.memory_of(backbone, batch.inputs)
        codes = self.codes_of(backbone, memory)
        restoring_B, read_B = self._restoring_B(codes, batch), self._read_B(codes)
        cost_B = self._cost_B(read_B, restoring_B, batch)
        writing = cost_B.sum()
        if torch.is_grad_enabled():
            writing = writing + self._surrogate(backbone, memory, batch, cost_B)[0]
        return Loss(
            {"restoring": restoring_B.sum(), "language": language, "writing": writing},
            self._beside(codes, read_B, restoring_B, batch),
        )

    @torch.no_grad()
    def _beside(
        self, codes: Sequence[Tensor], read_B: Tensor, restoring_B: Tensor, batch: ShorteningBatch
    ) -> Mapping[str, Ratio]:
        """What codes are like, and what restoring costs without them."""
        documents, chances = self._documents(batch)
        tokens = batch.inputs.packing.total
        told = told_tokens([len(code) for code in codes], self.options.code_tokens)
        metrics = {
            "code_loss": Ratio(restoring_B.sum(), tokens),
            "readability_loss": Ratio(read_B.sum(), told),
            "code_tokens": Ratio(float(sum(map(len, codes))), len(codes)),
            "copied_share": Ratio(float(sum(map(_stands_in, codes, documents))), len(codes)),
        }
        for name in WITHOUT_LEARNING:
            instead = [
                _instead(name, document_t, chance_t, len(code))
                for document_t, chance_t, code in zip(documents, chances, codes, strict=True)
            ]
            metrics[f"{name}_loss"] = Ratio(self._restoring_B(instead, batch).sum(), tokens)
        return metrics

    def conclusions(self, loss: float, metrics: Mapping[str, float]) -> Sequence[str]:
        """What codes are worth beside first tokens and random ones."""
        own = metrics.get("code_loss")
        if own is None:
            return []
        others = {name: metrics[f"{name}_loss"] for name in WITHOUT_LEARNING}
        beside = (
            f"a token of a document costs {own:.3f} nats given its code; given as many of its "
            f"first tokens {others['lead']:.3f}, random ones {others['words']:.3f}, nothing "
            f"{others['nothing']:.3f}"
        )
        is_best = own < min(others.values()) - LEAST_GAIN
        return [beside if is_best else f"not emerged: {beside}"]

    def show(self, batch: ShorteningBatch) -> Report:
        """Documents, and what writer and language model are trained on first."""
        parts = (sequences(each) for each in (batch.inputs, batch.sentences, batch.spoken))
        passages = []
        for number, own in enumerate(zip(*parts, strict=True), start=1):
            titles = ("document", "sentence of it", "short text of the data")
            for title, tokens_t in zip(titles, own, strict=True):
                spans = spans_of(tokens_t.cpu().numpy(), self.tokenizer, {})
                passages.append(Passage(f"sample {number}, {title}", spans))
        notes = [
            "first the writer learns to write the sentence, later what restores the document best "
            "and reads as the short texts do"
        ]
        title = "what is shortened, and what codes are to read like"
        return Report(title, passages=passages, notes=notes)

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: ShorteningBatch) -> Sequence[Restoration]:
        """Each document with its code in the place of what is broken, and restored greedily; the
        error is nats a token.
        """
        codes = self.codes_of(backbone, self.memory_of(backbone, batch.inputs))
        nats_B = self._restoring_B(codes, batch).tolist()
        lengths = batch.inputs.packing.lengths
        written = self._restored(codes, max(lengths))
        return [
            Restoration(
                self._words(tokens), self._words(code), self._words(made), nats / len(tokens)
            )
            for tokens, code, made, nats in zip(
                sequences(batch.inputs), codes, written, nats_B, strict=True
            )
        ]

    def generate(self, backbone: Transformer, request: Shorten, rng: Rng) -> Iterator[Artifact]:
        """Yield the code of a text; what is restored from it stands beside it."""
        yield from self.stream(backbone, [request], rng)

    def completed(self, request: Shorten) -> tuple[Shorten, Sequence[str]]:
        """The request as it is: model directories say nothing of codes."""
        return request, ()

    @torch.no_grad()
    def stream(
        self, backbone: Transformer, requests: Sequence[Shorten], rng: Rng
    ) -> Iterator[Artifact]:
        """Yield the codes of all texts, in order."""
        most = self.context.architecture.longest_tokens
        for start in range(0, len(requests), TOGETHER):
            texts = [request.text for request in requests[start : start + TOGETHER]]
            own = [enclose(self.tokenizer.encode(text), self.tokenizer) for text in texts]
            if any(len(each) <= len(self.before) + len(self.after) for each in own):
                raise DataError("there is nothing to shorten", "give it some --text")
            inputs = Inputs.pack(own, device=backbone.embedding.device)
            codes = self.codes_of(backbone, self.memory_of(backbone, inputs))
            for code, restored in zip(codes, self._restored(codes, most), strict=True):
                yield Artifact(self._words(code), details={"restored": self._words(restored)})

    def _words(self, tokens: Tensor) -> str:
        own = tokens.cpu().numpy()
        return self.tokenizer.decode(own[~self.tokenizer.specials[own]])


def _instead(name: str, document_t: Tensor, chance_t: Tensor, tokens: int) -> Tensor:
    """What stands in the place of a code of so many tokens."""
    if name == "lead":
        return document_t[:tokens]
    if name == "words":
        return document_t[chance_t.argsort()[:tokens].sort().values]
    return document_t[:0]


def _stands_in(code: Tensor, document: Tensor) -> bool:
    """Tell whether a document holds a code, token for token."""
    size = len(code)
    if size > len(document):
        return False
    return bool((document.unfold(0, size, 1) == code).all(dim=1).any())
