"""Question files: SQuAD's nested lists, CMRC's, two lists of questions and paragraphs, flat
records.

Rajpurkar et al. 2016 (arXiv 1606.05250) and 2018 (arXiv 1806.03822). XQuAD, MLQA, DRCD and TyDi
QA's gold passages are written as SQuAD 1.1; CMRC 2018 (arXiv 1810.07366) also in lists of its own,
whose answers have no offsets.
"""

import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    Record,
    Where,
    current_reading,
    in_usual_case,
    parse_json,
    read_json,
    read_records,
    remark,
    suffix_of,
)
from sslplugins.tasks.qa.answers import (
    AnswerLabels,
    Entry,
    below,
    labels_of,
    placed,
    whole_number,
    wrong,
)
from sslplugins.tasks.qa.counting import CHARACTERS, Answer, Claim, Offsets, Rule, counting_of

PASSAGE = ("context", "passage", "paragraph", "context_text")
QUESTION = ("question", "query", "query_text")
_ID = ("id", "qid", "query_id", "question_id")
_FIELDS = (*PASSAGE, *QUESTION, *_ID, "answers", "answer", "answer_start", "is_impossible")
_ARRAY = re.compile(r"array\((\[.*?\])(?:, dtype=\w+)?\)", re.DOTALL)  # as numpy shows a list
_FEW_QUESTIONS = "give a file with at least one"
# 1 and 0 too
_TRUTHS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False, "": None}
Make = Callable[[], Example]


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the passage that it is asked about."""

    text: str
    passage: str


def read_questions(reference: str, offsets: Offsets = "exact") -> Iterator[Example]:
    """Read the questions of a file.

    Labels are a tuple of Answers, empty where the right answer is "no answer", None where the file
    has no label. The unit of the offsets is found from all answers of the file together, and
    reported where it is not characters. Raises DataError naming the file, the place in it and the
    question's id; after a question that cannot be used the next one can be asked for.
    """
    read = _readings_of(reference)
    claims = _claims(read)
    counting, hint = counting_of(claims)
    if counting is not CHARACTERS:
        stand = "its answer stands" if len(claims) == 1 else f"all {len(claims):,} answers stand"
        remark(f"{reference}: {counting.said}, and so {stand} where the file says")
    return read(Rule(offsets, counting, hint))


Readings = Callable[[Rule], Parsed[Any, Example]]


def _readings_of(reference: str) -> Readings:
    """Return a function that reads the file's questions from the first one, at every call."""
    content = _nested_content(reference) if suffix_of(reference) == "json" else None
    where = Where(reference)
    if isinstance(content, dict) and "questions" in content:
        return lambda rule: Parsed(_made, _of_course(content, where, rule))
    if isinstance(content, dict) and _is_nested(content.get("data")):
        may_lack = str(content.get("version", "")).removeprefix("v").startswith("2")
        return lambda rule: Parsed(
            _made, _of_articles(_objects(content, "data", where), where, may_lack, rule)
        )
    if _is_nested(content):
        return lambda rule: Parsed(
            _made, _of_articles(_each_object(content, where), where, False, rule)
        )
    if Path(reference).is_file():
        return lambda rule: Parsed(partial(question_of, rule=rule), read_records(reference))
    kept = list(read_records(reference))  # a pipe is read once
    return lambda rule: Parsed(partial(question_of, rule=rule), kept)


def _claims(read: Readings) -> list[Claim]:
    """Gather the offsets of all answers of a file, except of questions that cannot be used."""
    rule = Rule(claims=[])
    questions = read(rule)
    while questions.continues:
        try:
            next(questions)
        except StopIteration:
            break
        except DataError:
            continue
    return rule.claims or []


def question_of(record: Record, rule: Rule) -> Example:
    """Read a flat record: passage, question, and labels in any form that `labels_of` reads.

    answer_start may be a column of its own.
    """
    record = in_usual_case(record, _FIELDS)
    passage, text = record.text(*PASSAGE), record.text(*QUESTION)
    _, named = record.find(*_ID)
    own = record.id if named is None or named == "" else str(named)
    question = Example(own, record.where, Question(text, passage), language=record.language)
    found = (
        AnswerLabels(None)
        if current_reading().labels == "unread"
        else _labels_of(record, passage, rule)
    )
    return replace(question, gold=found.answers, note=found.note)


def _labels_of(record: Record, passage: str, rule: Rule) -> AnswerLabels:
    name, answers = record.find("answers", "answer")
    where = replace(record.where, field=name)
    if isinstance(answers, str) and answers.lstrip().startswith(("{", "[")):
        answers = _written_value(answers, where)  # how a table holds what is no text
    if isinstance(answers, str):
        _, start = record.find("answer_start")
        # -1 beside an empty text says that there is no answer.
        if answers or start not in (None, ""):
            answers = {"text": answers, "answer_start": None if start == "" else start}
    impossible = _truth(
        record.find("is_impossible")[1], replace(record.where, field="is_impossible")
    )
    return labels_of(answers, impossible, True, passage, where, rule)


def _made(make: Make) -> Example:
    return make()


def _failing(error: DataError) -> Make:
    """Return a function that raises this error, so that later questions stay readable."""

    def raising() -> Example:
        raise error

    return raising


def _nested_content(reference: str) -> Any:
    """Parse a .json file; None where it is not a single value, as JSON Lines are not."""
    try:
        return read_json(reference)
    except DataError:
        return None


def _of_articles(
    articles: Iterator[tuple[Mapping[str, Any], Where]], whole: Where, may_lack: bool, rule: Rule
) -> Iterator[Make]:
    """Read nested articles; a paragraph that cannot be used is one error for all its questions."""
    count = 0
    for article, at_article in articles:
        paragraphs = (
            [(article, at_article)]
            if "qas" in article
            else _objects(article, "paragraphs", at_article)
        )
        for paragraph, at_paragraph in paragraphs:
            try:
                passage, asked = (
                    _text(paragraph, PASSAGE, at_paragraph),
                    list(_objects(paragraph, "qas", at_paragraph)),
                )
            except DataError as error:
                count += 1
                yield _failing(error)
                continue
            for question, at in asked:
                count += 1
                yield partial(_of_squad, question, at, passage, count, may_lack, rule)
    if not count:
        raise DataError(f"{whole.file} has no questions", _FEW_QUESTIONS)


def _of_squad(
    asked: Mapping[str, Any], at: Where, passage: str, count: int, may_lack: bool, rule: Rule
) -> Example:
    file = at.file
    name, at = _id(asked, at, count), _named(at, asked)
    question = Question(_text(asked, QUESTION, at), passage)
    if current_reading().labels == "unread":
        return Example(name, Where(file, count), question)
    impossible = _truth(asked.get("is_impossible"), below(at, ".is_impossible"))
    found = labels_of(
        asked.get("answers"), impossible, may_lack, passage, below(at, ".answers"), rule
    )
    return Example(name, Where(file, count), question, found.answers, note=found.note)


def _of_course(content: Mapping[str, Any], where: Where, rule: Rule) -> Iterator[Make]:
    """Read {"questions": [...], "paragraphs": [text, ...]}.

    `answer_end` is the last character; null where the labels are withheld.
    """
    passages = content.get("paragraphs")
    if not isinstance(passages, list):
        raise wrong(
            below(where, "paragraphs"),
            "there is no list of paragraphs",
            "questions name their paragraph by its number, from 0",
        )
    if content["questions"] == []:
        raise DataError(f"{where.file} has no questions", _FEW_QUESTIONS)
    for count, (asked, at) in enumerate(_objects(content, "questions", where), start=1):
        yield partial(_of_course_question, asked, at, count, passages, rule)


def _of_course_question(
    asked: Mapping[str, Any], at: Where, count: int, passages: Sequence[Any], rule: Rule
) -> Example:
    file = at.file
    name, at = _id(asked, at, count), _named(at, asked)
    place = _whole(asked, "paragraph_id", at)
    if not 0 <= place < len(passages):
        hint = f"there are {len(passages)}, numbered from 0"
        raise wrong(below(at, ".paragraph_id"), f"there is no paragraph {place!s:.20}", hint)
    passage = passages[place]
    if not isinstance(passage, str) or not passage.strip():
        raise wrong(
            Where(file, None, f"paragraphs[{place}]"),
            "this is no text, or an empty one",
            "give the paragraph's text",
        )
    question = Question(_text(asked, ("question_text",), at), passage)
    if current_reading().labels == "unread":
        return Example(name, Where(file, count), question)
    answers, note = _course_labels(asked, passage, at, rule)
    return Example(name, Where(file, count), question, answers, note=note)


def _course_labels(
    asked: Mapping[str, Any], passage: str, at: Where, rule: Rule
) -> tuple[tuple[Answer, ...] | None, str]:
    if asked.get("answer_text") is None and asked.get("answer_start") is None:
        return None, ""
    text = _text(asked, ("answer_text",), at)
    start, last = (_whole(asked, name, at) for name in ("answer_start", "answer_end"))
    answer, note = placed(Entry(text, start, at), passage, rule)
    if rule.counting is CHARACTERS and not note and last != answer.stop - 1:
        problem = f"the answer ends at character {answer.stop - 1}, not at {last}"
        raise wrong(
            below(at, ".answer_end"),
            problem,
            "answer_end is the place of the answer's last character",
        )
    return (answer,), note


def _whole(asked: Mapping[str, Any], name: str, at: Where) -> int:
    """A course writes its numbers as numbers."""
    value = asked.get(name)
    if isinstance(value, str | float):
        raise wrong(
            below(at, f".{name}"),
            f"{value!r:.40} is no whole number",
            f"'{name}' must be a whole number",
        )
    return whole_number(value, at, name)


def _written_value(text: str, where: Where) -> Any:
    """Parse a text that holds JSON or a Python literal, as `datasets` and pandas write them.

    Any other text is returned as it is.
    """
    try:
        return parse_json(text, where)
    except DataError:
        pass
    try:
        return literal_eval(_ARRAY.sub(r"\1", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _truth(value: Any, where: Where) -> bool | None:
    """Parse is_impossible: true, false, or None. In a table it is text, spelled in several ways."""
    if value is None:
        return None
    key = value.strip().lower() if isinstance(value, str) else value
    if not isinstance(key, str | bool | int) or key not in _TRUTHS:
        raise wrong(where, f"{value!r:.40} is neither true nor false", "write true or false")
    return _TRUTHS[key]


def _is_nested(listed: Any) -> TypeGuard[list[Any]]:
    return isinstance(listed, list) and any(
        isinstance(each, dict) and ("paragraphs" in each or "qas" in each) for each in listed
    )


def _objects(
    parent: Mapping[str, Any], name: str, where: Where
) -> Iterator[tuple[Mapping[str, Any], Where]]:
    at = below(where, f".{name}" if where.field else name)
    listed = parent.get(name)
    if not isinstance(listed, list):
        raise wrong(
            at,
            "it is missing" if listed is None else f"this is no list but {type(listed).__name__}",
            "give a list of objects",
        )
    yield from _each_object(listed, at)


def _each_object(listed: Sequence[Any], where: Where) -> Iterator[tuple[Mapping[str, Any], Where]]:
    for place, value in enumerate(listed):
        at = below(where, f"[{place}]")
        if not isinstance(value, dict):
            raise wrong(
                at, f"this is no object but {type(value).__name__}", "give a list of objects"
            )
        yield value, at


def _id(asked: Mapping[str, Any], where: Where, count: int) -> str:
    """Return the question's id, or its number in the file."""
    field, value = next(
        ((name, asked[name]) for name in _ID if asked.get(name) not in (None, "")), ("id", None)
    )
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise wrong(
            below(where, f".{field}"),
            f"this is no name but {type(value).__name__}",
            "an id is a text or a number",
        )
    return str(count) if value is None else str(value)


def _named(where: Where, asked: Mapping[str, Any]) -> Where:
    name = next((asked[name] for name in _ID if asked.get(name) not in (None, "")), None)
    return where if name is None else replace(where, file=f"{where.file}, question {name}")


def _text(parent: Mapping[str, Any], names: Sequence[str], where: Where) -> str:
    """Return the first of these fields. Raises DataError where it is empty or not a text."""
    name = next((name for name in names if parent.get(name) is not None), names[0])
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        problem = (
            "it is missing"
            if value is None
            else "the text is empty"
            if isinstance(value, str)
            else "this is no text"
        )
        raise wrong(below(where, f".{name}"), problem, f"'{name}' must be a text")
    return value
