"""Conversations as the tokens that a decoder reads, and which of them are answers.

Letters: T tokens of a conversation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from sslcli.data.text.chat_template import (
    ASSISTANT,
    USER,
    ChatTemplate,
    Conversation,
    Message,
)
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ModelError

_PROBE = (
    {"role": USER, "content": "a"},
    {"role": ASSISTANT, "content": "b"},
)
_REWRITES = (
    "its chat template writes a turn otherwise when another follows, so that which tokens are"
    " answers is not known"
)
_MERGES = (
    "its tokenizer cuts what its chat template writes before an answer otherwise when the answer"
    " follows"
)


@dataclass(frozen=True)
class EncodedChat:
    """A conversation in tokens, int64 [T], up to what ends its last turn.

    `answers_T`: bool, the tokens that an assistant writes, the one that ends its turn among them.
    `prompt`: how many tokens stand before the last answer; all of them where the last turn is no
    answer. `problem`: why there is none, in words.
    """

    tokens_T: np.ndarray
    answers_T: np.ndarray
    prompt: int
    problem: str = ""

    @classmethod
    def none(cls, problem: str) -> "EncodedChat":
        """Say why there are no tokens."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=bool), 0, problem)


@dataclass(frozen=True)
class Chat:
    """How a model reads conversations: its tokenizer, and a chat template."""

    tokenizer: Tokenizer
    template: ChatTemplate

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Chat":
        """Take the model's own template, or turns as plain text where it has none.

        Raises ModelError for a template that is none, UsageError where a model without one has no
        token to end a turn with.
        """
        template = tokenizer.chat_template or ChatTemplate.plain(tokenizer.names_of_tokens)
        return cls(tokenizer, template)

    @cached_property
    def turn_end(self) -> int:
        """The token that ends an answer. Raises ModelError where the template writes none."""
        prompt, whole = _probed(self.template.source, tuple(sorted(self.template.tokens.items())))
        before, tokens = self.tokenizer.encode_rendered([prompt, whole])
        own = self.tokenizer
        behind = tokens[len(before) :].tolist() if whole.startswith(prompt) else tokens.tolist()
        ends = (
            token
            for token in behind
            if token in own.stops or (own.specials[token] and token != own.unknown)
        )
        found = next(ends, None)
        if found is None:
            raise ModelError(
                f"{self.template.origin} ends an answer with no special token, so that the model"
                " could not say that it is done",
                "choose another model, or mend its template",
            )
        return found

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end an answer: the template's, and those that the model's directory says."""
        return self.tokenizer.stops | {self.turn_end}

    @property
    def chatting(self) -> Tokenizer:
        """The tokenizer of a model that answers: it has the template, and ends texts with turns."""
        return self.tokenizer.chatting_as(
            self.template.source if self.template.is_plain else "", self.ends
        )

    def spelled(self, messages: Iterable[Message]) -> str:
        """The first special token that a turn's text spells, which would be read as that token;
        empty where there is none.
        """
        return next(
            (
                token
                for message in messages
                for token in self.tokenizer.special_names
                if token in message["content"]
            ),
            "",
        )

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[np.ndarray]:
        """int64 [T] each: the turns, and what begins the next answer.

        Raises DataError where the template refuses the turns.
        """
        texts = [self.template.text(each, generation_prompt=True) for each in conversations]
        return self.tokenizer.encode_rendered(texts)

    def shown(self, messages: Sequence[Message]) -> str:
        """Return the turns as a text, with what begins the next answer. Raises DataError where the
        template refuses them.
        """
        return self.template.text(messages, generation_prompt=True)

    def written(self, said: Sequence[str]) -> list[str]:
        """Return what each user's turn is as a text, with what begins the answer. Raises DataError
        where the template refuses it.
        """
        turns = [[{"role": USER, "content": text}] for text in said]
        found = self.template.render([(own, True) for own in turns])
        for own, rendering in zip(turns, found, strict=True):
            if rendering.problem:
                self.template.text(own, generation_prompt=True)  # which names the problem
        return [rendering.text for rendering in found]

    def encoded(self, conversations: Sequence[Sequence[Message]]) -> Iterator[EncodedChat]:
        """Yield each conversation in tokens; its answers are found turn by turn.

        What is written of the first turns must be the beginning of what is written of all, in
        characters and in tokens.
        """
        asked = [_parts_of(messages) for messages in conversations]
        rendered = iter(self.template.render([part for parts in asked for part in parts]))
        for messages, parts in zip(conversations, asked, strict=True):
            own = [next(rendered) for _ in parts]
            problem = next((each.problem for each in own if each.problem), "")
            if problem:
                yield EncodedChat.none(f"its chat template {problem}")
            else:
                yield self._encoded([each.text for each in own], messages[-1]["role"] == ASSISTANT)

    def _encoded(self, texts: Sequence[str], is_answered: bool) -> EncodedChat:
        """`texts`: up to the beginning of each answer, and up to its end, in turns; the last one is
        the whole.
        """
        if not all(second.startswith(first) for first, second in pairwise(texts)):
            return EncodedChat.none(_REWRITES)
        *parts, whole_T = self.tokenizer.encode_rendered(texts)
        answers_T, last = np.zeros(len(whole_T), dtype=bool), len(whole_T)
        begins = parts[::2]  # a last prompt without an answer is the whole itself
        for begin_T in begins:
            start = len(begin_T)
            if not np.array_equal(whole_T[:start], begin_T):
                return EncodedChat.none(_MERGES)
            ends = np.flatnonzero(np.isin(whole_T[start:], [*self.ends]))
            if not len(ends):
                return EncodedChat.none("its chat template ends an answer with no special token")
            last = start + int(ends[0]) + 1
            answers_T[start:last] = True
        if not is_answered:
            return EncodedChat(whole_T, answers_T, len(whole_T))
        return EncodedChat(whole_T[:last], answers_T[:last], len(begins[-1]))


def _parts_of(messages: Sequence[Message]) -> list[Conversation]:
    """What is to be rendered of a conversation: before and behind each answer, and, where the last
    turn is none, what begins one.
    """
    parts = list[Conversation]()
    for number, message in enumerate(messages):
        if message["role"] == ASSISTANT:
            parts += [(messages[:number], True), (messages[: number + 1], False)]
    if messages[-1]["role"] != ASSISTANT:
        parts.append((messages, True))
    return parts


@lru_cache(maxsize=8)
def _probed(source: str, tokens: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """What a template writes before an answer, and with it."""
    template = ChatTemplate(source, "the chat template", dict(tokens))
    return template.text(_PROBE[:1], generation_prompt=True), template.text(_PROBE)
