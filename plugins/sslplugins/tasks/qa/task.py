"""Extractive question answering: the answer is a span of the passage, or there is none.

Devlin et al. 2019, "BERT" (arXiv 1810.04805), sections 4.2 and 4.3: a start vector and an end
vector, and inner products of both with every token.

Letters: B windows, T tokens of all of them, N tokens that may start or end an answer, D width.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    Batch,
    Context,
    Count,
    Encoded,
    Example,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    Prediction,
    Ratio,
    ReadoutTask,
    Record,
    Rng,
    RowClassifier,
    Sample,
    Task,
    Tokenizer,
    UsageError,
    join_pair,
    setting,
)
from sslplugins.tasks.qa.counting import Offsets, Rule
from sslplugins.tasks.qa.files import question_of, read_questions
from sslplugins.tasks.qa.prompts import AsksInPrompts
from sslplugins.tasks.qa.scorer import QuestionScorer
from sslplugins.tasks.qa.scores import MetricLanguage
from sslplugins.tasks.qa.windows import best_spans, merged_spans, pieces_between, window_bounds

USUAL_TOKENS = 384
PORTION = 256  # questions that are cut into tokens together
MOST_CANDIDATES = 20  # spans of a window among which probability is shared, as in BERT's own code
NO_PIECE = UNKNOWN = -1
ABSENT = 0  # the offset of [CLS], which stands for an answer that is not in the window
# Of a window the answer's first and last piece, counted from its beginning; () where it is not in
# the window, None where it is not known.
Target = tuple[int, int] | tuple[()] | None


@dataclass(frozen=True)
class SpanBatch(ModelBatch):
    """Windows with the tokens that may start or end an answer.

    `rows_N`: positions in T of these tokens, before those of every window the one at which "not
    here" is read: [CLS], or in a decoder the last, which alone has read all. `starts_B1`: where
    each window begins in N. `targets_B2`: first and last token of the answer, as positions in N.
    `known_B`: whether there is a label. `pieces_N`, on the host: the index of each piece in its
    passage, NO_PIECE for "not here".
    """

    rows_N: Tensor
    starts_B1: Tensor
    targets_B2: Tensor
    known_B: Tensor
    pieces_N: np.ndarray


class QuestionAnswering(AsksInPrompts, ReadoutTask[SpanBatch, "QuestionAnswering.Options"]):
    """Extractive question answering over sliding windows, with optional "no answer"."""

    class Options(Task.Options):
        sequence_tokens: Count | None = setting(
            None,
            (
                f"longest window; {USUAL_TOKENS} tokens, or "
                "as many as the model allows, when not given"
            ),
            "--seq-len",
            gt=1,
        )
        stride: int = setting(
            128, "tokens that neighbouring windows of a long passage share", "--stride", ge=0
        )
        longest_question_tokens: int = setting(
            64, "tokens of a question; what is longer is cut", "--longest-question", gt=0
        )
        longest_answer_tokens: int = setting(
            30, "longest answer that is given, in tokens", "--longest-answer", gt=0, le=1000
        )
        no_answer: Literal["auto", "yes", "no"] = setting(
            "auto",
            "may it say that there is no answer; auto: where training examples have none",
            "--no-answer",
        )
        no_answer_threshold: float = setting(
            0.0, "say that there is no answer where that scores so much more than the best span",
            "--no-answer-threshold",
            allow_inf_nan=False,
        )  # fmt: skip
        metric_language: MetricLanguage = setting(
            "auto",
            (
                "whose rules compare answers: SQuAD's, or MLQA's for "
                "a language; auto: MLQA's Chinese ones for Chinese"
            ),
            "--metric-lang",
        )
        offsets: Offsets = setting(
            "exact",
            "once: an answer whose offset is wrong is taken where it stands, if in one place;"
            " nearest: at the nearest of its places, without an offset at the first",
            "--offsets",
        )
        strict_official: bool = setting(
            False,
            "count as Chinese only what MLQA's script does",
            "--strict-official/--no-strict-official",
        )

    summary = "the span of a passage that answers a question (BERT on SQuAD)"
    records = "questions"
    special_tokens = frozenset({"cls", "sep"})
    scorer = QuestionScorer

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        assert context.tokenizer is not None, "a task that reads text is given a tokenizer"
        self.tokenizer = context.tokenizer
        room = self.sequence_tokens - self.tokenizer.template.pair.room
        if room < 2:
            raise UsageError(
                f"windows of {self.sequence_tokens} tokens leave no room for text",
                "use a larger --seq-len",
            )
        self.question_tokens = min(options.longest_question_tokens, room // 2)
        self.spans = RowClassifier(context.architecture, 2)

    @property
    def sequence_tokens(self) -> int:
        longest = super().sequence_tokens
        return longest if self.options.sequence_tokens else min(longest, USUAL_TOKENS)

    @classmethod
    def positional_fields(cls, options: Options) -> tuple[str, ...]:
        return ("question", "context")

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        return question_of(record, Rule(options.offsets))

    @classmethod
    def read(cls, options: Options, reference: str) -> Iterator[Example]:
        return read_questions(reference, options.offsets)

    @classmethod
    def resolve_options(
        cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> Options:
        if options.no_answer != "auto":
            return options
        return options.model_copy(
            update={"no_answer": "yes" if any(example.gold == () for example in examples) else "no"}
        )

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        for start in range(0, len(examples), PORTION):
            portion = examples[start : start + PORTION]
            passages = list(dict.fromkeys(example.data.passage for example in portion))
            found = dict(zip(passages, self.tokenizer.encode_with_places(passages), strict=True))
            asked = self.tokenizer.encode_batch([example.data.text for example in portion])
            for example, question in zip(portion, asked, strict=True):
                yield self._encoded(example, question, *found[example.data.passage], training)

    def _encoded(
        self,
        example: Example,
        question: np.ndarray,
        ids: np.ndarray,
        places: np.ndarray,
        training: bool,
    ) -> Encoded:
        cut = {"question": self.question_tokens} if len(question) > self.question_tokens else {}
        specials = self.tokenizer.template.pair.room
        whole = len(question) + len(ids) + specials
        question = question[: self.question_tokens]
        capacity = self.sequence_tokens - len(question) - specials
        bounds = window_bounds(len(ids), capacity, min(self.options.stride, capacity // 2))
        targets, lost = self._targets(example, places, bounds)
        if training and lost:
            return Encoded((), whole, lost, places)
        numbers = np.where(places[:, 1] > places[:, 0], np.arange(len(ids)), NO_PIECE)
        samples = [
            self._sample(question, ids[start:stop], numbers[start:stop], target)
            for (start, stop), target in zip(bounds, targets, strict=True)
        ]
        if cut and not lost:
            lost = f"its question is cut at {self.question_tokens:,} tokens (--longest-question)"
        return Encoded(samples, whole, lost, places, cut)

    def _targets(
        self, example: Example, places: np.ndarray, bounds: Sequence[tuple[int, int]]
    ) -> tuple[list[Target], str]:
        """Return the target of each window, and what of the answer is lost.

        Of several right answers the first is the training target.
        """
        unknown: list[Target] = [None] * len(bounds)
        if example.gold is None:
            return unknown, ""
        if not example.gold:
            nothing: list[Target] = [()] * len(bounds)
            return (
                (unknown, "it has no answer") if self.options.no_answer == "no" else (nothing, "")
            )
        found = pieces_between(places, example.gold[0].start, example.gold[0].stop)
        if found is None:
            return unknown, "the answer has no token"
        first, last = found
        targets: list[Target] = [
            (first - start, last - start) if start <= first and last < stop else ()
            for start, stop in bounds
        ]
        return (
            (targets, "")
            if any(targets)
            else (unknown, f"the answer of {last + 1 - first} tokens is in no window as a whole")
        )

    def _sample(
        self, question: np.ndarray, ids: np.ndarray, numbers: np.ndarray, target: Target
    ) -> Sample:
        tokens, segments = join_pair(question, ids, self.tokenizer)
        before = self.tokenizer.template.pair.start_of(1, [question, ids])
        piece = np.full(len(tokens), NO_PIECE, dtype=np.int64)
        piece[before : before + len(ids)] = numbers
        first, last = (
            (UNKNOWN, UNKNOWN)
            if target is None
            else (before + target[0], before + target[1])
            if target
            else (ABSENT, ABSENT)
        )
        return Sample(
            tokens,
            segments=segments,
            fields={"first": first, "last": last},
            per_token={"piece": piece},
        )

    def collate(self, batch: Batch, rng: Rng) -> SpanBatch:
        pieces_T, first_B = batch.per_token["piece"], batch.starts[:-1]
        found = np.flatnonzero(pieces_T != NO_PIECE)
        begins_B1 = np.searchsorted(found, batch.starts)
        absent_B = batch.starts[1:] - 1 if self.context.architecture.causal else first_B
        rows_N = np.insert(found, begins_B1[:-1], absent_B)
        starts_B1 = begins_B1 + np.arange(len(begins_B1))
        offsets_B2 = np.stack([batch.fields["first"], batch.fields["last"]], axis=1)
        before_B2 = np.searchsorted(found, first_B[:, None] + offsets_B2) - begins_B1[:-1, None]
        targets_B2 = starts_B1[:-1, None] + np.where(offsets_B2 > ABSENT, 1 + before_B2, 0)
        known_B = offsets_B2[:, 0] != UNKNOWN
        return SpanBatch(
            Inputs.of(batch).reading(rows_N),
            {"spans": int(known_B.sum())},
            rows_N=torch.from_numpy(rows_N),
            starts_B1=torch.from_numpy(starts_B1),
            targets_B2=torch.from_numpy(targets_B2),
            known_B=torch.from_numpy(known_B),
            pieces_N=pieces_T[rows_N],
        )

    def _logits(self, hidden: Hidden, batch: SpanBatch) -> Tensor:
        """Return the logits of answer start and end: float32 [N, 2]."""
        return self.spans(hidden.last_TD.index_select(0, batch.rows_N)).float()

    def loss(self, hidden: Hidden, batch: SpanBatch) -> Loss:
        """Return the mean of start and end cross-entropy, each normalised over its window."""
        logits_N2 = self._logits(hidden, batch)
        wanted_B2 = logits_N2.gather(0, batch.targets_B2)
        largest_B2, normalizer_B2 = _log_sum_exp(logits_N2, batch.starts_B1)
        nll_B = (normalizer_B2 - wanted_B2).mean(dim=1)
        correct_B = (wanted_B2 == largest_B2).all(dim=1) & batch.known_B
        loss = torch.where(batch.known_B, nll_B, 0.0).sum()
        return Loss({"spans": loss}, {"spans right": Ratio(correct_B.sum(), batch.counts["spans"])})

    def answers(self, hidden: Hidden, batch: SpanBatch) -> Sequence[Any]:
        """Return the no-answer score of each window, and its best spans as piece indices of the
        passage.
        """
        logits_N2, starts = (
            self._logits(hidden, batch).detach().cpu().numpy(),
            batch.starts_B1.tolist(),
        )
        return [
            self._part(logits_N2[start:stop], batch.pieces_N[start:stop])
            for start, stop in pairwise(starts)
        ]

    def _part(
        self, logits_P2: np.ndarray, pieces_P: np.ndarray
    ) -> tuple[float, list[tuple[float, int, int]]]:
        absent, pieces = float(logits_P2[0].sum()), pieces_P[1:]
        if not len(pieces):
            return absent, []
        # pieces of blanks alone are between the others
        logits_W2 = np.full((pieces[-1] + 1 - pieces[0], 2), -np.inf)
        logits_W2[pieces - pieces[0]] = logits_P2[1:]
        found = best_spans(
            logits_W2[:, 0], logits_W2[:, 1], self.options.longest_answer_tokens, MOST_CANDIDATES
        )
        return absent, [
            (score, int(pieces[0]) + first, int(pieces[0]) + last) for score, first, last in found
        ]

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        """Return the best span of all windows as it stands in the passage, or "" for no answer.

        "No answer" must score higher by more than the threshold (SQuAD 2.0; the null score
        difference of Devlin et al. 2019, section 4.3). Its score is that of the window least sure
        of it: one that finds an answer is enough. Probabilities are a softmax over the candidates
        of all windows.
        """
        candidates, absent = (
            merged_spans(spans for _, spans in parts),
            min((score for score, _ in parts), default=-np.inf),
        )
        if not candidates:  # a passage without a token
            return Prediction("", details={"text": "", "no_answer_probability": 1.0})
        logits = np.asarray(
            [score for score, _, _ in candidates]
            + ([absent] if self.options.no_answer == "yes" else [])
        )
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        _, first, last = candidates[0]
        start, stop = int(encoded.places[first, 0]), int(encoded.places[last, 1])
        details = {
            "start": start,
            "end": stop,
            "text": example.data.passage[start:stop],
            "probability": float(shares[0]),
        }
        if self.options.no_answer == "yes":
            details["no_answer_probability"] = float(shares[-1])
            if absent > candidates[0][0] + self.options.no_answer_threshold:
                return Prediction("", float(shares[-1]), details)
        return Prediction(details["text"], float(shares[0]), details)

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]:
        """Return the question, its passage, and the position of each right answer."""
        places = [
            f"{answer.text!r} at character {answer.start:,}"
            for answer in dict.fromkeys(example.gold or ())
        ]
        known = (
            f"{'; also right: '.join(places[:2])}{''.join(f'; {place}' for place in places[2:])}"
        )
        label = (
            "it has no label" if example.gold is None else known or "there is none in the passage"
        )
        return {"question": example.data.text, "passage": example.data.passage, "answer": label}

    @classmethod
    def key(cls, example: Example) -> str:
        return f"{example.data.text}\n{example.data.passage}"

    @classmethod
    def group(cls, example: Example) -> str:
        return example.data.passage


def _log_sum_exp(logits_N2: Tensor, starts_B1: Tensor) -> tuple[Tensor, Tensor]:
    """Return maximum and log-sum-exp of every window: [B, 2] each."""
    # Sums over segments are taken in one order, as those of index_add on a GPU are not: a resume
    # must be equal to the bit.
    largest_B2 = torch.segment_reduce(
        logits_N2.detach(), "max", offsets=starts_B1, axis=0, unsafe=True
    )
    window_N = torch.repeat_interleave(starts_B1.diff(), output_size=len(logits_N2))
    sums_B2 = torch.segment_reduce(
        (logits_N2 - largest_B2[window_N]).exp(), "sum", offsets=starts_B1, axis=0, unsafe=True
    )
    return largest_B2, largest_B2 + sums_B2.log()
