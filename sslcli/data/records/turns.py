"""The turns of a record: a list of messages in one of the two usual layouts, or columns of an
instruction and its answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sslcli.data.records.record import Record
from sslcli.data.text.chat_template import ASSISTANT, SYSTEM, USER
from sslcli.errors import DataError

LISTS = ("messages", "conversations")
# The keys of a turn in each layout, and the names of who speaks.
_LAYOUTS = (("role", "content"), ("from", "value"))
_ROLES: Mapping[str, str] = {
    "system": SYSTEM,
    "user": USER,
    "human": USER,
    "assistant": ASSISTANT,
    "gpt": ASSISTANT,
    "chatgpt": ASSISTANT,
    "bot": ASSISTANT,
    "model": ASSISTANT,
}
INSTRUCTIONS = ("instruction", "prompt", "question")
INPUTS = ("input", "context")
ANSWERS = ("output", "response", "completion", "answer")
_CALLS = ("tool_calls", "function_call", "tools", "functions")
# What a turn may hold beside its text, and would be lost.
_UNREAD = ("reasoning_content", "thinking", "reasoning", "images", "audio")

Turn = dict[str, str]  # "role" and "content"


def turns_of(record: Record) -> tuple[list[Turn], str]:
    """Return the turns of a record, and a remark on how they were read.

    Raises DataError naming the record and the field for everything that is no conversation.
    """
    _refuse_calls(record, record.values, "")
    lists = [name for name in LISTS if record.values.get(name) is not None]
    columns = [name for name in INSTRUCTIONS if record.values.get(name) is not None]
    if len(lists) > 1 or (lists and columns):
        first, second = [*lists, *columns][:2]
        raise record.wrong(
            second, f"the record has '{first}' too", "give the conversation once: leave one out"
        )
    if lists:
        return _listed(record, lists[0])
    if columns:
        return _from_columns(record, columns[0]), ""
    there = ", ".join(f"'{name}'"[:40] for name in list(record.values)[:8]) or "none"
    raise DataError(
        f"{record.where}: there is no conversation: the record has {there}",
        "write 'messages' ([{role, content}]), 'conversations' ([{from, value}]), or the columns "
        "'instruction' and 'output'",
    )


def _from_columns(record: Record, name: str) -> list[Turn]:
    """An instruction, its input below it where there is one, and the answer."""
    found = list[Turn]()
    if isinstance(record.values.get("system"), str) and record.values["system"].strip():
        found.append(_turn(SYSTEM, record.text("system")))
    asked, (more, given) = record.text(name).strip(), record.find(*INPUTS)
    if given is not None and (below := record.text(more, may_be_empty=True).strip()):
        asked = f"{asked}\n\n{below}"
    found.append(_turn(USER, asked))
    if (answer := record.find(*ANSWERS))[1] is not None:
        found.append(_turn(ASSISTANT, record.text(answer[0]).strip()))
    return found


def _listed(record: Record, name: str) -> tuple[list[Turn], str]:
    values = record.values[name]
    if not isinstance(values, list):
        raise record.wrong(name, "this is no list of turns", "write [{...}, {...}]")
    if not values:
        raise record.wrong(name, "there is no turn", "fill it in, or leave the record out")
    found, note = list[Turn](), ""
    for number, value in enumerate(values):
        where = f"{name}[{number}]"
        turn = _read_turn(record, value, where)
        if turn["role"] == SYSTEM and number:
            raise record.wrong(
                where, "a system turn stands behind others", "a conversation begins with it"
            )
        if turn["content"].strip():
            found.append(turn)
        elif turn["role"] == SYSTEM:
            note = "an empty system turn is left out"
        else:
            raise record.wrong(where, "the text is empty", "fill it in, or leave the record out")
    _refuse_order(record, found, name)
    return found, note


def _refuse_order(record: Record, turns: Sequence[Turn], name: str) -> None:
    first = next((turn["role"] for turn in turns if turn["role"] != SYSTEM), None)
    if first is None:
        raise record.wrong(name, "nobody asks anything", "give the user's turn")
    if first == ASSISTANT:
        raise record.wrong(
            name,
            "the assistant speaks first",
            "a conversation begins with the user's turn, behind the system's if there is one",
        )


def _read_turn(record: Record, value: Any, where: str) -> Turn:
    if not isinstance(value, Mapping):
        raise record.wrong(where, "this is no turn", 'write {"role": "user", "content": "..."}')
    _refuse_calls(record, value, where)
    there = [keys for keys in _LAYOUTS if keys[0] in value or keys[1] in value]
    if len(there) > 1:
        raise record.wrong(
            where,
            "the turn is written in two layouts at once",
            "keep 'role' and 'content', or 'from' and 'value'",
        )
    role_key, text_key = there[0] if there else _LAYOUTS[0]
    for key in (role_key, text_key):
        if value.get(key) is None:
            raise record.wrong(
                where, f"the turn has no '{key}'", f"write '{role_key}' and '{text_key}'"
            )
    role, text = value[role_key], value[text_key]
    known = _ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise record.wrong(
            where,
            f"the role {role!r:.40} is none of system, user and assistant",
            "rename it, or leave the record out: nothing else is learnt",
        )
    if isinstance(text, list):
        raise record.wrong(
            where, "its content is a list of parts", "write the text alone: nothing else is read"
        )
    if not isinstance(text, str):
        raise record.wrong(where, "its content is no text", "write it in quotation marks")
    _refuse_unread(record, value, where)
    return _turn(known, text)


def _refuse_unread(record: Record, value: Mapping[str, Any], where: str) -> None:
    """What would silently be lost of a turn."""
    if (name := next((each for each in _UNREAD if value.get(each)), None)) is not None:
        raise record.wrong(
            where, f"the turn has '{name}', which is not read", "take it away to do without"
        )
    if value.get("weight", 1) not in (1, None):
        raise record.wrong(
            where,
            f"the turn has a weight of {value['weight']!r:.20}",
            "all answers are learnt alike: leave it out, or the turn",
        )


def _refuse_calls(record: Record, values: Mapping[str, Any], where: str) -> None:
    if (name := next((each for each in _CALLS if values.get(each)), None)) is not None:
        raise record.wrong(
            where or name,
            f"it calls tools ('{name}')" if where else "it names tools",
            "calls of tools are not learnt: leave the record out, or the tools",
        )


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}
