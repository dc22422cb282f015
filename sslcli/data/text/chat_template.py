"""Chat templates: how a model's directory writes the turns of a conversation as one text.

The template is a `chat_template` of tokenizer_config.json, one text or several with names, or the
file chat_template.jinja beside it, which wins; it is rendered as `apply_chat_template` of
transformers (5.24) renders it, but in a process of its own with limits, and at a fixed time.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sslcli.errors import DataError, ModelError, UsageError

Message = Mapping[str, str]  # "role" and "content"
Conversation = tuple[Sequence[Message], bool]  # the bool: with what begins the next answer
ASSISTANT, USER, SYSTEM = "assistant", "user", "system"
CHAT = "chat_template.jinja"
DEFAULT = "default"
MOST_SECONDS = 5.0  # of processor time, for one conversation
MOST_CHARACTERS = 10_000_000  # of one conversation that is written out
MOST_MEMORY = 1 << 30
_STARTING = 60.0  # seconds that a process may take to begin on a busy machine
_PORTION = 2_000  # conversations of one process
_WORKER = Path(__file__).with_name("chat_worker.py")
# What a template is told where it asks for today's date: the same line is to give the same text.
CLOCK = "2024-07-26T12:00:00"
_CLOCK_SAID = (
    "the chat template asks for today's date, and is told 26 July 2024 on every day, so that the"
    " same words give the same text"
)
_PLAIN_ORIGIN = "the plain chat template"
_PLAIN_SAID = (
    "the model has no chat template: turns are written as 'user: ...' and 'assistant: ...', each"
    " closed by {}"
)
_HINT = "name another model, or mend its template"

# Turns as plain text, each closed by a special token of the tokenizer, by its role.
PLAIN = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] | trim }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
CLOSING_ROLES = ("eos_token", "sep_token", "bos_token", "cls_token")  # the first that there is


@dataclass(frozen=True)
class Rendering:
    """A conversation as one text, or why there is none."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja template of conversations.

    `origin`: where it stands, in words. `tokens`: "eos_token" -> "</s>", the names of special
    tokens that a template may use.
    """

    source: str
    origin: str
    tokens: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_directory(cls, said: Any, tokens: Mapping[str, str]) -> "ChatTemplate | None":
        """Return what `chat_template` of a tokenizer_config.json says; None where it says nothing.

        Of several templates with names it is the default one. Raises ModelError for anything else.
        """
        if said is None or said == "":
            return None
        if isinstance(said, str):
            return cls(said, "the model's chat template", tokens)
        named = _named(said)
        if named is None:
            raise ModelError(
                "the model's chat_template is neither a text nor a list of texts with names",
                "mend its tokenizer_config.json",
            )
        if DEFAULT not in named:
            listed = ", ".join(sorted(named))[:80]
            raise ModelError(
                f"the model has chat templates for {listed}, and none called {DEFAULT}",
                f"name one of them {DEFAULT} in its tokenizer_config.json",
            )
        return cls(named[DEFAULT], "the model's chat template", tokens)

    @classmethod
    def plain(cls, tokens: Mapping[str, str]) -> "ChatTemplate":
        """The template of a model that has none. Raises UsageError where no token could end a
        turn.
        """
        role = next((each for each in CLOSING_ROLES if each in tokens), None)
        if role is None:
            raise UsageError(
                "the tokenizer has no token to end a turn with, and the model no chat template",
                f"choose another model, or write its {CHAT}",
            )
        return cls(PLAIN.replace("eos_token", role), _PLAIN_ORIGIN, tokens)

    @property
    def is_plain(self) -> bool:
        """Whether it is the one for models that have none, and not kept with the model."""
        return self.origin == _PLAIN_ORIGIN

    @cached_property
    def notes(self) -> Sequence[str]:
        """Sentences about it."""
        if self.is_plain:
            closing = next(self.tokens[role] for role in CLOSING_ROLES if role in self.tokens)
            return (_PLAIN_SAID.format(closing),)
        return (_CLOCK_SAID,) if "strftime_now" in self.source else ()

    def text(self, messages: Sequence[Message], *, generation_prompt: bool = False) -> str:
        """Return a conversation as one text.

        `generation_prompt`: with the beginning of the next answer. Raises DataError where the
        template refuses it, ModelError as `render` does.
        """
        (rendering,) = self.render([(messages, generation_prompt)])
        if rendering.problem:
            raise DataError(
                f"the conversation cannot be written: {self.origin} {rendering.problem}",
                "change the turns as it says",
            )
        return rendering.text

    def render(self, conversations: Sequence[Conversation]) -> list[Rendering]:
        """Return a rendering of each. Raises ModelError where the template itself is at fault: it
        is no Jinja, has no end, or does what it may not.
        """
        found = list[Rendering]()
        for start in range(0, len(conversations), _PORTION):
            found += self._portion(conversations[start : start + _PORTION])
        return found

    def _portion(self, conversations: Sequence[Conversation]) -> list[Rendering]:
        asked = {
            "template": self.source,
            "tokens": dict(self.tokens),
            "now": CLOCK,
            "conversations": [
                ([dict(message) for message in messages], prompt)
                for messages, prompt in conversations
            ],
            "limits": {"seconds": MOST_SECONDS, "characters": MOST_CHARACTERS},
        }
        written, ended = _asked(json.dumps(asked), MOST_SECONDS * len(conversations))
        found = list[Rendering]()
        for line in written.split("\n")[:-1]:
            answer = json.loads(line)
            if "fault" in answer:
                raise self._fault(answer["fault"])
            problem = " ".join(answer.get("problem", "").split())[:300]
            found.append(Rendering(answer.get("text", ""), problem))
        if len(found) < len(conversations):
            slow = ended in (None, -signal.SIGPROF)
            raise self._fault(
                f"does not end within {MOST_SECONDS:g} seconds" if slow else _why_ended(ended)
            )
        return found

    def _fault(self, what: str) -> ModelError:
        return ModelError(f"{self.origin} {' '.join(what.split())[:300]}", _HINT)


def _why_ended(code: int | None) -> str:
    return f"cannot be rendered: its process ended with {code}"


def _asked(text: str, seconds: float) -> tuple[str, int | None]:
    """What the worker answers, and how it ended; None where it had to be ended.

    It starts without the folder of the script on its path, where files have names like modules.
    """
    command = [sys.executable, "-P", str(_WORKER), str(MOST_MEMORY)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        try:
            written, _ = process.communicate(text, timeout=_STARTING + seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            written, _ = process.communicate()
            return _whole_lines(written), None
        except BaseException:
            process.kill()
            raise
    return _whole_lines(written), process.returncode


def _whole_lines(written: str) -> str:
    """Without the last line where the process ended in the midst of it."""
    return written[: written.rfind("\n") + 1]


def _named(said: Any) -> dict[str, str] | None:
    """Name -> template, of a list as tokenizer_config.json has it; None for anything else."""
    if not isinstance(said, list):
        return None
    found = dict[str, str]()
    for each in said:
        name = each.get("name") if isinstance(each, dict) else None
        template = each.get("template") if isinstance(each, dict) else None
        if not isinstance(name, str) or not isinstance(template, str):
            return None
        found[name] = template
    return found
