"""Questions about passages as files hold them: SQuAD's nested lists, a course's two lists, and flat records.

Rajpurkar et al. 2016 (arXiv 1606.05250) and 2018 (arXiv 1806.03822). XQuAD, MLQA, DRCD and CMRC 2018 are written as SQuAD 1.1.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any, NamedTuple

from sslcli.api import DataError, Example, Parsed, Record, Where, read_json, read_records, suffix_of

_OFFSET_HINT = "offsets count characters from 0; mend the offset or take the question out"


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    passage: str


class Answer(NamedTuple):
    """What stands in the passage from character `start` on. A tuple, because gold answers are written as JSON."""

    start: int
    text: str

    @property
    def stop(self) -> int:
        return self.start + len(self.text)


def read_questions(reference: str) -> Iterator[Example]:
    """Gold answers are a tuple of Answers, empty where there rightly is none, None where nothing is said about them.

    Raises DataError naming the file, the place in it and the question's id.
    """
    content = read_json(reference) if suffix_of(reference) == "json" else None
    if isinstance(content, dict) and "questions" in content:
        return _of_course(content, Where(reference))
    if isinstance(content, dict) and _is_nested(content.get("data")):
        return _of_squad(content, Where(reference))
    return Parsed(question_of, read_records(reference))


def question_of(record: Record) -> Example:
    """Of a flat record: context, question, and answers as {"text": [...], "answer_start": [...]}, or as a list of objects."""
    passage, text = record.text("context", "passage", "paragraph"), record.text("question")
    name, answers = record.find("answers", "answer")
    where = replace(record.where, field=name)
    if isinstance(answers, str):
        answers = [{"text": answers, "answer_start": _number_of(record, "answer_start")}]
    elif isinstance(answers, Mapping):
        answers = _in_turn(answers, where)
    gold = None if answers is None else _answers(answers, passage, where)
    return Example(record.id, record.where, Question(text, passage), gold)


def _of_squad(content: Mapping[str, Any], where: Where) -> Iterator[Example]:
    may_lack = str(content.get("version", "")).removeprefix("v").startswith("2")

    def example(asked: Mapping[str, Any], at: Where, passage: str, count: int) -> Example:
        name, at = _id(asked, at, count), _named(at, asked)
        question = Question(_text(asked, "question", at), passage)
        return Example(name, Where(where.file, count), question, _squad_gold(asked, passage, at, may_lack))

    return starmap(example, _asked_in_squad(content, where))


def _asked_in_squad(content: Mapping[str, Any], where: Where) -> Iterator[tuple[Mapping[str, Any], Where, str, int]]:
    """Every question with its place, its passage and its number."""
    count = 0
    for article, at_article in _objects(content, "data", where):
        for paragraph, at_paragraph in _objects(article, "paragraphs", at_article):
            passage = _text(paragraph, "context", at_paragraph)
            for asked, at in _objects(paragraph, "qas", at_paragraph):
                count += 1
                yield asked, at, passage, count
    if not count:
        raise DataError(f"{where.file} has no questions", "give a file with at least one")


def _squad_gold(asked: Mapping[str, Any], passage: str, at: Where, may_lack: bool) -> tuple[Answer, ...] | None:
    if asked.get("answers") is None:
        return None
    gold = _answers(asked["answers"], passage, _at(at, ".answers"))
    impossible = asked.get("is_impossible")
    if impossible not in (None, True, False):
        raise _wrong(_at(at, ".is_impossible"), f"{impossible!r:.40} is neither true nor false", "write true or false")
    if gold and impossible:
        raise _wrong(_at(at, ".is_impossible"), "the question has answers and is said to have none", "take out the answers, or write false")
    if not gold and not (may_lack if impossible is None else impossible):
        hint = 'give it an answer, or write "is_impossible": true where it rightly has none (SQuAD 2.0)'
        raise _wrong(_at(at, ".answers"), "there is no answer", hint)
    return gold


def _of_course(content: Mapping[str, Any], where: Where) -> Iterator[Example]:
    """{"questions": [...], "paragraphs": [text, ...]}; `answer_end` is the last character; null where answers are kept back."""
    passages = content.get("paragraphs")
    if not isinstance(passages, list):
        raise _wrong(_at(where, "paragraphs"), "there is no list of paragraphs", "questions name their paragraph by its number, from 0")

    def example(count: int, found: tuple[Mapping[str, Any], Where]) -> Example:
        asked, at = found
        name, at = _id(asked, at, count), _named(at, asked)
        place = _whole(asked, "paragraph_id", at)
        if not 0 <= place < len(passages):
            raise _wrong(_at(at, ".paragraph_id"), f"there is no paragraph {place!s:.20}", f"there are {len(passages)}, numbered from 0")
        passage = passages[place]
        if not isinstance(passage, str) or not passage.strip():
            raise _wrong(Where(where.file, None, f"paragraphs[{place}]"), "this is no text, or an empty one", "give the paragraph's text")
        question = Question(_text(asked, "question_text", at), passage)
        return Example(name, Where(where.file, count), question, _course_gold(asked, passage, at))

    if content["questions"] == []:
        raise DataError(f"{where.file} has no questions", "give a file with at least one")
    return starmap(example, enumerate(_objects(content, "questions", where), start=1))


def _course_gold(asked: Mapping[str, Any], passage: str, at: Where) -> tuple[Answer, ...] | None:
    if asked.get("answer_text") is None and asked.get("answer_start") is None:
        return None
    text, start, last = _text(asked, "answer_text", at), _whole(asked, "answer_start", at), _whole(asked, "answer_end", at)
    answer = _checked(text, start, passage, _at(at, ".answer_start"))
    if last != answer.stop - 1:
        problem = f"the answer ends at character {answer.stop - 1}, not at {last}"
        raise _wrong(_at(at, ".answer_end"), problem, "answer_end is the place of the answer's last character")
    return (answer,)


def _answers(listed: Any, passage: str, where: Where) -> tuple[Answer, ...]:
    if not isinstance(listed, list):
        raise _wrong(where, f"this is no list but {type(listed).__name__}", 'give [{"text": "...", "answer_start": 0}]')
    found = []
    for place, value in enumerate(listed):
        at = _at(where, f"[{place}]")
        if not isinstance(value, Mapping):
            raise _wrong(at, f"this is no object but {type(value).__name__}", 'an answer is {"text": "...", "answer_start": 0}')
        text, start = _text(value, "text", at), _whole(value, "answer_start", at)
        found.append(_checked(text, start, passage, _at(at, ".answer_start")))
    return tuple(found)


def _checked(text: str, start: int, passage: str, where: Where) -> Answer:
    """An answer that stands where it is said to stand.

    SQuAD 1.1 itself has some whose offset is that of the full stop or comma in front of them; these are moved behind it.
    """
    if not 0 <= start < len(passage):
        raise _wrong(where, f"{start!s:.20} is outside the passage, which has {len(passage)} characters", _OFFSET_HINT)
    if passage[start] in ".," and passage.startswith(text, start + 1):
        start += 1
    if not passage.startswith(text, start):
        there = passage[start : start + len(text)]
        raise _wrong(
            where, f"at {start} the passage has {there!r:.60}, not the answer {text!r:.60}; {_elsewhere(text, passage)}", _OFFSET_HINT
        )
    return Answer(start, text)


def _elsewhere(text: str, passage: str) -> str:
    """Where an answer stands, or why it seems to stand nowhere."""
    if times := passage.count(text):
        return f"it stands at {passage.find(text)}" if times == 1 else f"it stands there {times} times"
    if unicodedata.normalize("NFC", text) in unicodedata.normalize("NFC", passage):
        return "it stands there in another normal form of Unicode (NFC, NFD)"
    return "it stands there in another case" if text.casefold() in passage.casefold() else "it is not in it"


def _in_turn(answers: Mapping[str, Any], where: Where) -> Any:
    """{"text": [...], "answer_start": [...]} -> a list of objects; of single values a list of one."""
    columns = [answers.get(name) for name in ("text", "answer_start")]
    lists = [column for column in columns if isinstance(column, list)]
    if not lists:
        return [answers]
    if len(lists) < 2 or len(lists[0]) != len(lists[1]):
        raise _wrong(where, "'text' and 'answer_start' are not two lists of one length", "every answer needs its text and its offset")
    return [{"text": text, "answer_start": start} for text, start in zip(*lists, strict=True)]


def _number_of(record: Record, column: str) -> Any:
    """A whole number, which in a table is written as text."""
    _, value = record.find(column)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value


def _is_nested(listed: Any) -> bool:
    return isinstance(listed, list) and any(isinstance(article, dict) and "paragraphs" in article for article in listed)


def _objects(parent: Mapping[str, Any], name: str, where: Where) -> Iterator[tuple[Mapping[str, Any], Where]]:
    at = _at(where, f".{name}" if where.field else name)
    listed: Sequence[Any] = parent.get(name)
    if not isinstance(listed, list):
        raise _wrong(at, "it is missing" if listed is None else f"this is no list but {type(listed).__name__}", "give a list of objects")
    for place, value in enumerate(listed):
        if not isinstance(value, dict):
            raise _wrong(_at(at, f"[{place}]"), f"this is no object but {type(value).__name__}", "give a list of objects")
        yield value, _at(at, f"[{place}]")


def _id(asked: Mapping[str, Any], where: Where, count: int) -> str:
    """What the question calls itself, or its number in the file."""
    value = asked.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise _wrong(_at(where, ".id"), f"this is no name but {type(value).__name__}", "an id is a text or a number")
    return str(count) if value is None or value == "" else str(value)


def _named(where: Where, asked: Mapping[str, Any]) -> Where:
    return where if asked.get("id") in (None, "") else replace(where, file=f"{where.file}, question {asked['id']}")


def _text(parent: Mapping[str, Any], name: str, where: Where) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        problem = "it is missing" if value is None else "the text is empty" if isinstance(value, str) else "this is no text"
        raise _wrong(_at(where, f".{name}"), problem, f"'{name}' must be a text")
    return value


def _whole(parent: Mapping[str, Any], name: str, where: Where) -> int:
    value = parent.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        problem = "it is missing" if value is None else f"{value!r:.40} is no whole number"
        raise _wrong(_at(where, f".{name}"), problem, f"'{name}' must be a whole number")
    return value


def _at(where: Where, path: str) -> Where:
    return replace(where, field=f"{where.field or ''}{path}")


def _wrong(where: Where, problem: str, hint: str) -> DataError:
    return DataError(f"{where}: {problem}", hint)
