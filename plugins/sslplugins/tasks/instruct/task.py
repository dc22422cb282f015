"""Answers to instructions, from conversations: a decoder learns the assistant's turns alone.

Supervised instruction tuning as in Ouyang et al. 2022, "Training language models to follow
instructions", section 3: the loss is that of the next token (see clm), on the tokens of answers and
the one that ends each; what others say is read and not learnt.

Letters: B conversations, T tokens of all of them end to end, N of those that have a loss, D width.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    ASSISTANT,
    Batch,
    Chat,
    Context,
    Count,
    DataError,
    Encoded,
    EncodedChat,
    Example,
    Hidden,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Prediction,
    Ratio,
    Record,
    Rng,
    Sample,
    Task,
    Tokenizer,
    Transformer,
    current_reading,
    generate_tokens,
    setting,
    turns_of,
)
from sslplugins.tasks.instruct.dialogue import Dialogue, kind_of
from sslplugins.tasks.instruct.scorer import InstructScorer

_PORTION = 1_000  # conversations that are cut into tokens together
MOST_ANSWER_TOKENS = 256  # where nobody says it: one long answer must not slow every evaluation
_SPARE = 4  # tokens that an answer may be longer inside its turn than alone


@dataclass(frozen=True)
class InstructBatch(ModelBatch):
    """`inputs` are whole conversations, of which the first `prompts` tokens of each stand before
    the last answer.

    `rows_N`: rows whose next token is learnt, `targets_N`: that token.
    """

    rows_N: Tensor
    targets_N: Tensor
    prompts: tuple[int, ...]


class Instruct(Task[InstructBatch, "Instruct.Options"]):
    """Answers to a user's turns, from conversations or from instructions and answers.

    `Example.data` is the Dialogue before the last answer, which is the label.
    """

    class Options(Task.Options):
        answer_tokens: Count | None = setting(
            None,
            "most tokens that are written as an answer; those of the longest in training,"
            f" {MOST_ANSWER_TOKENS} at most, when not given",
            "--max-length",
            gt=0,
        )

    summary = "answers to instructions and in conversations (decoders)"
    architectures = frozenset({"decoder"})
    records = "instructions"
    writes = True
    label_streams = frozenset({"answer"})
    scorer = InstructScorer

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.chat = Chat.of(context.needed_tokenizer())
        self.tokenizer = self.chat.tokenizer
        self.refuse_no_room(2)  # a prompt and an answer
        self.head = LanguageModelHead(context.architecture)

    @classmethod
    def positional_fields(cls, options: Options) -> tuple[str, ...]:
        return ("instruction",)

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        turns, note = turns_of(record)
        answer = None
        if turns[-1]["role"] == ASSISTANT:
            *turns, last = turns
            if turns[-1]["role"] == ASSISTANT:
                raise DataError(
                    f"{record.where}: two turns of the assistant stand at the end",
                    "join them to one: each answer follows what somebody asked",
                )
            answer = last["content"].strip() if current_reading().labels != "unread" else None
        data = Dialogue(tuple(turns), kind_of(record))
        return Example(record.id, record.where, data, answer, record.language, note)

    @classmethod
    def label_hint(cls, example: Example) -> str:
        return "the last turn is the assistant's: that is what is learnt"

    @classmethod
    def tokenizer_to_train(cls, tokenizer: Tokenizer) -> tuple[Tokenizer, Sequence[str]]:
        chat = Chat.of(tokenizer)
        return chat.chatting, chat.template.notes

    @classmethod
    def resolve_options(
        cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> Options:
        """Take the length of the longest answer in training as the longest that is written."""
        if options.answer_tokens is not None:
            return options
        answers = [example.gold for example in examples if example.gold is not None]
        if not answers:
            raise DataError("no conversation ends with an answer", cls.label_hint(examples[0]))
        assert tokenizer is not None, "this task reads text"
        longest = max(map(len, tokenizer.encode_batch(answers)))
        most = min(longest + _SPARE, MOST_ANSWER_TOKENS)
        return options.model_copy(update={"answer_tokens": most})

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        for start in range(0, len(examples), _PORTION):
            portion = examples[start : start + _PORTION]
            conversations = [
                [*example.data.turns, *([] if example.gold is None else [_answered(example.gold)])]
                for example in portion
            ]
            encoded = self.chat.encoded(conversations)
            for example, turns, found in zip(portion, conversations, encoded, strict=True):
                if found.problem:
                    raise DataError(
                        f"{example.where}: the conversation cannot be learnt: {found.problem}",
                        "change the record, leave it out, or choose another model",
                    )
                yield self._encoded(example, found, self.chat.spelled(turns), training)

    def _encoded(
        self, example: Example, found: EncodedChat, spelled: str, training: bool
    ) -> Encoded:
        """One sample: what stands before the last answer, and that answer as a stream."""
        whole, most = len(found.tokens_T), self.sequence_tokens
        if spelled and training:
            return Encoded([], whole, f"a turn spells the special token {spelled}: it is left out")
        prompt = min(found.prompt, most - 1)
        last_T = found.tokens_T[found.prompt : most] if prompt == found.prompt else ()
        answers_T = found.answers_T[:prompt] & (example.gold is not None)
        lost = f"{whole - most:,} of {whole:,} tokens are cut off (--seq-len)"
        lost = "" if whole <= most else lost
        if example.gold is not None and not len(last_T):
            lost = f"{lost}, its last answer among them"
            if training and not answers_T.any():
                return Encoded([], whole, f"{lost}: nothing is learnt of it")
        is_answered = example.gold is not None and len(last_T) > 0
        answer_T = last_T if is_answered else [self.chat.turn_end]
        sample = Sample(
            found.tokens_T[:prompt],
            fields={"answered": int(is_answered)},
            per_token={"answers": answers_T.astype(np.int64)},
            streams={"answer": Sample(np.asarray(answer_T, dtype=np.int64))},
        )
        cut = {"conversation": most} if whole > most else {}
        return Encoded([sample], found.prompt, lost, cut=cut)

    def collate(self, batch: Batch, rng: Rng) -> InstructBatch:
        last = batch["answer"]
        is_answered_T = np.repeat(batch.fields["answered"] > 0, last.lengths)
        tokens_T = _joined(batch, batch.ids, last, last.ids)
        learnt_T = _joined(batch, batch.per_token["answers"] > 0, last, is_answered_T)
        targets_N = np.flatnonzero(learnt_T)
        ends_B = np.cumsum(batch.lengths + last.lengths)
        return InstructBatch(
            Inputs.pack(np.split(tokens_T, ends_B[:-1])).reading(targets_N - 1),
            {"answers": len(targets_N)},
            rows_N=torch.from_numpy(targets_N - 1),  # no conversation begins with an answer
            targets_N=torch.from_numpy(tokens_T[targets_N]),
            prompts=tuple(batch.lengths.tolist()),
        )

    def forward(self, backbone: Transformer, batch: InstructBatch) -> Loss:
        """Return the cross-entropy of the answers' tokens, summed over N targets, in nats."""
        hidden: Hidden = backbone(batch.inputs)
        rows_ND = hidden.last_TD.index_select(0, batch.rows_N)
        loss, count = self.head.loss(rows_ND, batch.targets_N, backbone), batch.counts["answers"]
        return Loss(
            {"answers": loss.nll_sum},
            {
                "token accuracy": Ratio(loss.correct, count),
                "perplexity": Ratio(loss.nll_sum.detach(), count, exponential=True),
            },
        )

    def predict(self, backbone: Transformer, batch: InstructBatch) -> Sequence[str]:
        """The likeliest answer to each conversation."""
        shape, most = backbone.settings, self.options.answer_tokens or MOST_ANSWER_TOKENS
        room = shape.longest_tokens if shape.positions == "learned" else math.inf
        whole = batch.inputs.ids_T.split(batch.inputs.packing.lengths)
        prompts = [own[:length] for own, length in zip(whole, batch.prompts, strict=True)]
        written = generate_tokens(
            backbone,
            self.head,
            prompts,
            new_tokens=[int(min(most, room - length)) for length in batch.prompts],
            stops=self.chat.ends,
            known_V=torch.from_numpy(self.tokenizer.known),
        )
        return [self._text(tokens_S.cpu().numpy()) for tokens_S in written]

    def _text(self, tokens_S: np.ndarray) -> str:
        return self.tokenizer.decode(tokens_S[~self.tokenizer.specials[tokens_S]]).strip()

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        text = next(iter(parts), "")  # none of a conversation that is left out
        return Prediction(text, details={"asked": example.data.asked})

    @classmethod
    def key(cls, example: Example) -> str:
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in example.data.turns)

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]:
        """Return the turns by who speaks, numbered where somebody speaks twice, and the answer."""
        found = dict[str, str]()
        for number, turn in enumerate(example.data.turns, 1):
            name = turn["role"]
            found[name if name not in found else f"{name} (turn {number})"] = turn["content"]
        return {**found, "answer": example.gold or "it has none"}


def _answered(text: str) -> Mapping[str, str]:
    return {"role": ASSISTANT, "content": text}


def _joined(first: Batch, values_T: np.ndarray, second: Batch, others_T: np.ndarray) -> np.ndarray:
    """Both parts of each sample, one sample after the other."""
    parts = np.split(values_T, first.starts[1:-1]), np.split(others_T, second.starts[1:-1])
    return np.concatenate([part for pair in zip(*parts, strict=True) for part in pair])
