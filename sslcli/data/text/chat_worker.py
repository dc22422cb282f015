"""Renders chat templates in a process of its own, which `chat_template` starts and bounds.

A template is code of a stranger. The sandbox of jinja2 keeps it from everything but the messages,
and this process bounds what a sandbox does not: processor time and memory, also within one
operation that never comes back to Python. It imports nothing of the project.

It reads one JSON object from standard input and writes one JSON line an answer.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace

_LEFT_OUT = ("lipsum",)  # of the names that jinja2 gives every template


class Generation(Extension):
    """The tag {% generation %} ... {% endgeneration %}, which leaves the text as it is."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the block's body, whose assignments stay inside."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class PlainNamespace(Namespace):
    """A namespace without names that begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        """Take what `dict` takes; a name may be "self"."""
        own, *rest = args
        given = dict(*rest, **kwargs)
        for name in given:
            _refuse_private(name)
        Namespace.__init__(own, given)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        Namespace.__setitem__(self, name, value)


class PlainDict:
    """What a template may call `dict` for."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        """Return a dict."""
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """Return a dict of keys with one value."""
        return dict.fromkeys(*args)


def _refuse_private(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"it stores {name!r:.40} in a namespace")


class Refusal(TemplateError):
    """What a template raises about a conversation that it does not want."""


def _refuse(message: Any) -> None:
    raise Refusal(str(message))


def _as_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it is, where jinja2's own filter writes it for a web page."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _environment(now: datetime) -> ImmutableSandboxedEnvironment:
    extensions = [Generation, "jinja2.ext.loopcontrols"]
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=extensions
    )
    for name in _LEFT_OUT:
        del made.globals[name]
    made.filters["tojson"] = _as_json
    own: dict[str, Any] = {
        "raise_exception": _refuse,
        "strftime_now": now.strftime,
        "dict": PlainDict(),
        "namespace": PlainNamespace,
    }
    made.globals = {**made.globals, **own}
    return made


class TooLong(Exception):
    """More text than is allowed."""


def _rendered(parts: Iterator[str], most: int) -> str:
    """What a template writes. Raises TooLong for more than `most` characters."""
    written, length = list[str](), 0
    for part in parts:
        length += len(part)
        if length > most:
            raise TooLong
        written.append(part)
    return "".join(written)


def rendered_conversations(asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an answer for each conversation: its text, or why there is none.

    `problem` is about one conversation, `fault` about the template: nothing comes behind it.
    """
    limits = asked["limits"]
    _allow(limits["seconds"])
    try:
        environment = _environment(datetime.fromisoformat(asked["now"]))
        template = environment.from_string(asked["template"])
    except TemplateSyntaxError as error:
        yield {"fault": f"is no Jinja that can be read: line {error.lineno}: {error.message}"}
        return
    except (RecursionError, MemoryError):
        yield {"fault": "is nested too deep"}
        return
    for messages, generation_prompt in asked["conversations"]:
        _allow(limits["seconds"])
        names = {
            **asked["tokens"],
            "messages": messages,
            "tools": None,
            "documents": None,
            "add_generation_prompt": generation_prompt,
        }
        try:
            yield {"text": _rendered(template.generate(names), limits["characters"])}
        except SecurityError as error:
            yield {"fault": f"does what no template may: {error}"}
        except TooLong:
            yield {"fault": f"writes more than {limits['characters']:,} characters"}
        except MemoryError:
            yield {"fault": f"needs more than {limits['bytes'] >> 20:,} MiB of memory"}
        except RecursionError:
            yield {"fault": "calls itself without end"}
        except Refusal as error:
            yield {"problem": f"refuses it: {error.message}"}
        except Exception as error:  # what a stranger's code may raise: anything
            yield {"problem": f"fails on it: {type(error).__name__}: {error}"}


def _allow(seconds: float) -> None:
    """Let the process live for so much more processor time: the signal's own action ends it, even
    in the midst of one operation.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def serve(arguments: Sequence[str]) -> None:
    """Answer what is asked on standard input; the argument is the most bytes of memory."""
    most_bytes = int(arguments[0])
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    asked["limits"]["bytes"] = most_bytes
    for answer in rendered_conversations(asked):
        json.dump(answer, sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()
        if "fault" in answer:
            return


if __name__ == "__main__":
    serve(sys.argv[1:])
