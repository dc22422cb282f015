"""`ssl generate --chat`: answers to conversations, written by a model's chat template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sslcli.config import Config
from sslcli.contracts.abilities import Artifact, ContinuesTokens
from sslcli.data.records.records import read_records
from sslcli.data.records.turns import turns_of
from sslcli.data.rng import Rng
from sslcli.data.text.chat_template import ASSISTANT, SYSTEM, USER, Message
from sslcli.data.text.chats import Chat
from sslcli.datasets.cache import Say, quiet
from sslcli.datasets.unknown_words import unknown_in, unknown_sentences
from sslcli.errors import UsageError
from sslcli.reports import amount
from sslcli.resolving import checked
from sslcli.workflows.evaluate.language_model import cut_prompts
from sslcli.workflows.generate.ready import ready_to_generate

USUAL_TOKENS = 256  # of an answer, as far as the model has positions
_WAYS = {"temperature", "beams", "top_k", "top_p", "min_p", "typical_p"}
UNTRAINED = "it was never trained to answer, and goes on with the text"


class Talker:
    """A decoder that answers, ready to be asked.

    `say` receives remarks on the model. Raises ModelError, and UsageError for a model that
    continues no text.
    """

    def __init__(self, reference: str, say: Say = quiet) -> None:
        pretrained, self.learner, generator = ready_to_generate(reference)
        if not isinstance(generator, ContinuesTokens):
            raise UsageError(
                f"{reference} continues no text, so it cannot answer in a conversation",
                "name a decoder with --model, or leave --chat out",
            )
        self.generator, self.chat, self.say = generator, Chat.of(pretrained.tokenizer()), say
        for note in self.chat.template.notes:
            say(f"note: {note}{f'; {UNTRAINED}' if self.chat.template.is_plain else ''}")

    def completed(self, request: Mapping[str, Any]) -> Config:
        """The request with what the model's directory says, and what is usual for answers: the
        likeliest token, until the turn ends.
        """
        tokenizer, usual = self.chat.tokenizer, {"new_tokens": USUAL_TOKENS}
        said = tokenizer.generating
        if said.get("max_new_tokens") is not None:
            del usual["new_tokens"]
        samples = said.get("do_sample") is True or (said.get("num_beams") or 1) != 1
        if not (samples or request.keys() & _WAYS):
            usual["temperature"] = 0
        hint = "ssl generate --help lists the flags"
        asked = checked(self.generator.Request, {**usual, **request}, hint=hint)
        complete, notes = self.generator.completed(asked)
        for note in notes:
            self.say(note)
        return complete

    def prompts(
        self, conversations: Sequence[Sequence[Message]], most_new: int | None = None
    ) -> list[tuple[str, Any]]:
        """What is asked last in each, and all turns in tokens; where `most_new` of an answer are
        to find room, what is too long loses its beginning, aloud. Raises DataError where the
        template refuses them, UsageError where the model has no positions left for an answer.
        """
        for messages in conversations:
            if token := self.chat.spelled(messages):
                self.say(f"note: a turn spells {token}, which is read as that special token")
        prompts: Sequence[np.ndarray] = self.chat.prompts(conversations)
        if most_new is not None:
            longest = self.learner.backbone.settings.longest_tokens
            prompts = cut_prompts(prompts, longest, most_new, self.say)
        asked = [messages[-1]["content"] for messages in conversations]
        found = list(zip(asked, prompts, strict=True))
        for text, tokens_T in found:
            if not self.leaves_room(len(tokens_T)):
                shown = text if len(text) <= 30 else f"{text[:30]}..."
                raise UsageError(
                    f"a conversation of {len(tokens_T):,} tokens leaves no room for an answer, as "
                    f"the model has positions for {self.positions:,}: it ends with {shown!r}",
                    "shorten it, or take a model that reads more",
                )
        return found

    @property
    def positions(self) -> int | None:
        """How many tokens the model can read; None where nothing limits it."""
        settings = self.learner.backbone.settings
        return settings.longest_tokens if settings.positions == "learned" else None

    def leaves_room(self, tokens: int, room: int = 1) -> bool:
        """Whether so many tokens of an answer may stand behind so many others."""
        return self.positions is None or tokens + room <= self.positions

    def answers(
        self,
        conversations: Sequence[Sequence[Message]],
        complete: Any,
        rng: Rng,
        *,
        cuts: bool = False,
    ) -> Iterator[str | Artifact]:
        """Yield the answer to each conversation, of a single one pieces before; one that is too
        long is refused, or `cuts` its beginning off.
        """
        prompts = self.prompts(conversations, complete.new_tokens if cuts else None)
        made = self.generator.go_on(
            self.learner.backbone, prompts, complete, rng, self.chat.chatting
        )
        for each in made:
            yield replace(each, text=each.text.strip()) if isinstance(each, Artifact) else each

    def remarks(self, conversations: Sequence[Sequence[Message]]) -> list[str]:
        """Sentences about the model's tokenizer and the words of these turns."""
        tokenizer = self.chat.tokenizer
        read = " ".join(turn["content"] for messages in conversations for turn in messages)
        unknown = unknown_sentences(unknown_in(tokenizer, read))
        return [*tokenizer.notes, *tokenizer.remarks(), *unknown]


def asked(text: str, system: str | None = None) -> list[Message]:
    """A conversation of one question, behind a system's turn if there is one."""
    before = [] if system is None else [{"role": SYSTEM, "content": system}]
    return [*before, {"role": USER, "content": text}]


def conversations_in(reference: str, system: str | None, say: Say) -> list[list[Message]]:
    """The conversations of a file of records of turns.

    A last turn of the assistant is left out, aloud. Raises DataError.
    """
    found, left_out = list[list[Message]](), 0
    for record in read_records(reference):
        turns = list[Message](turns_of(record)[0])
        if turns[-1]["role"] == ASSISTANT:
            del turns[-1]
            left_out += 1
        if turns[0]["role"] != SYSTEM:
            turns = [*asked("", system)[:-1], *turns]
        found.append(turns)
    if left_out:
        records = amount(left_out, "record")
        say(f"note: the last answers of {records} are left out: the model writes them")
    return found


class Talk:
    """A conversation that goes on: what was said, as far as the model has positions."""

    def __init__(self, talker: Talker, complete: Config, system: str | None, seed: int) -> None:
        self.talker, self.complete, self.seed = talker, complete, seed
        self.turns = asked("", system)[:-1]
        self._first = len(self.turns)
        self._room = min(USUAL_TOKENS, (talker.positions or USUAL_TOKENS) // 4)
        self._number = 0

    def answer(self, text: str) -> Iterator[str | Artifact]:
        """Yield the answer to what is said next, in pieces and whole; both are remembered.

        The oldest turns are forgotten where they leave no room, aloud.
        """
        self.turns.append({"role": USER, "content": text})
        self._forget()
        rng = Rng(self.seed, self._number)
        self._number += 1
        for each in self.talker.answers([self.turns], self.complete, rng):
            if isinstance(each, Artifact):
                self.turns.append({"role": ASSISTANT, "content": each.text})
            yield each

    def _forget(self) -> None:
        talker, first, forgotten = self.talker, self._first, 0
        while len(self.turns) > first + 2:
            (tokens_T,) = talker.chat.prompts([self.turns])
            if talker.leaves_room(len(tokens_T), self._room):
                break
            del self.turns[first : first + 2]
            forgotten += 2
        if forgotten:
            talker.say(
                f"note: the first {forgotten} turns are forgotten: the model has positions for"
                f" {talker.positions:,} tokens"
            )
