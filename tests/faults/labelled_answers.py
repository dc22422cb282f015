"""Answers that are not where their offsets say, in every format of questions; what else such files
can have wrong.
"""

import copy
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labelled_files import COURSE, QUESTIONS, SQUAD, SQUAD_2, Case, in_lines

# Of "the cat sees the dog in garden 3" the answer "dog" begins at 17.
OFFSETS: Mapping[str, Any] = {
    "one too small": 16, "one too large": 18, "at the beginning": 0, "below zero": -1,
    "the same from the end": -16, "the length": 32,
    "far beyond": 10**9, "a fraction": 17.0, "true": True, "a text": "17", "null": None,
    "a list": [17], "beyond all numbers": 10**300,
}  # fmt: skip
TEXTS: Mapping[str, Any] = {
    "another word": "cow", "another case": "Dog", "nothing": "", "blanks": "  ", "null": None,
    "a number": 17, "a list": ["dog"],
    "with blanks too many": "dog  ", "longer than the passage": "dog in garden 3 and 4",
    "wide letters": "ｄｏｇ", "an object": {},
}  # fmt: skip


# What only looks wrong: where the answer stands is beyond doubt, and what was decided is said.
NO_OFFSET = "no offset is given, and the answer is taken where it stands"
READ = {
    **dict.fromkeys(("answer_start is a fraction", "answer_start is a text"), "example 1"),
    **dict.fromkeys(
        ("answer_start is null", "answers are a text", "answers are a list of texts"), NO_OFFSET
    ),
    **dict.fromkeys(("answers are without an offset", "answers are only texts"), NO_OFFSET),
}


def answer_cases() -> Iterator[Case]:
    """Each wrong offset and text as SQuAD, as a course and as flat records have it; the third
    question is wrong.
    """
    for field, values in (("answer_start", OFFSETS), ("text", TEXTS)):
        for name, value in values.items():
            yield _squad(
                f"{field} is {name}",
                lambda asked, f=field, v=value: asked["answers"][0].update({f: v}),
                ".answers[0]",
            )
            lists = {"text": ["dog"], "answer_start": [17], field: [value]}
            yield _flat(
                f"{field} is {name}",
                lambda record, lists=lists: record.update(answers=lists),
                "answers",
            )
            own = "answer_text" if field == "text" else field
            if value is not None:
                yield _course(
                    f"{own} is {name}",
                    lambda asked, f=own, v=value: asked.update({f: v}),
                    f".{own}" if field != "text" else "",
                )


def shape_cases() -> Iterator[Case]:
    """Parts that are missing or of another kind at each level."""
    answers: Mapping[str, Any] = {
        "none": [], "a text": "dog", "a number": 3, "an object": {}, "a list of texts": ["dog"],
        "a list of null": [None],
        "a list of lists": [[17, "dog"]], "without an offset": [{"text": "dog"}],
        "without a text": [{"answer_start": 17}],
    }  # fmt: skip
    for name, value in answers.items():
        yield _squad(
            f"answers are {name}", lambda asked, v=value: asked.update(answers=v), ".answers"
        )
    flat = {
        **answers,
        "two texts of one offset": {"text": ["dog", "cat"], "answer_start": [17]},
        "only texts": {"text": ["dog"]},
    }
    for name in (
        "a text",
        "a number",
        "an object",
        "a list of texts",
        "without an offset",
        "two texts of one offset",
        "only texts",
    ):
        yield _flat(
            f"answers are {name}", lambda record, v=flat[name]: record.update(answers=v), "answer"
        )
    for name, value in {"missing": None, "a number": 3, "nothing": "", "a list": []}.items():
        yield _squad(
            f"question is {name}", lambda asked, v=value: asked.update(question=v), ".question"
        )
        yield _course(
            f"question is {name}",
            lambda asked, v=value: asked.update(question_text=v),
            ".question_text",
        )
    for name, value in {"a list": [], "an object": {}, "true": True, "a fraction": 1.5}.items():
        yield _squad(f"id is {name}", lambda asked, v=value: asked.update(id=v), ".id", named=False)
    yield _squad(
        "is_impossible beside an answer",
        lambda asked: asked.update(is_impossible=True),
        ".is_impossible",
    )
    yield _squad(
        "is_impossible is a text", lambda asked: asked.update(is_impossible="no"), ".is_impossible"
    )
    for name, value in {
        "missing": None,
        "a fraction": 1.0,
        "beyond the last": 8,
        "below zero": -1,
        "true": True,
        "a text": "2",
    }.items():
        yield _course(
            f"paragraph_id is {name}",
            lambda asked, v=value: asked.update(paragraph_id=v),
            ".paragraph_id",
        )
    for name, value in {
        "missing": None,
        "where a slice would end": 20,
        "before the start": 3,
        "a fraction": 19.0,
    }.items():
        yield _course(
            f"answer_end is {name}",
            lambda asked, v=value: asked.update(answer_end=v),
            ".answer_end",
        )
    yield from _level_cases()


def _level_cases() -> Iterator[Case]:
    levels: Mapping[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "an article that is a text": (lambda c: c["data"].append("text"), "data[1]"),
        "an article without paragraphs": (
            lambda c: c["data"].append({"title": "x"}),
            "data[1].paragraphs",
        ),
        "paragraphs that are an object": (
            lambda c: c["data"].append({"paragraphs": {}}),
            "data[1].paragraphs",
        ),
        "a paragraph that is null": (
            lambda c: c["data"][0]["paragraphs"].append(None),
            "data[0].paragraphs[8]",
        ),
        "a paragraph without context": (
            lambda c: c["data"][0]["paragraphs"][2].pop("context"),
            "data[0].paragraphs[2].context",
        ),
        "an empty context": (
            lambda c: c["data"][0]["paragraphs"][2].update(context=""),
            "data[0].paragraphs[2].context",
        ),
        "no list of questions": (
            lambda c: c["data"][0]["paragraphs"][2].pop("qas"),
            "data[0].paragraphs[2].qas",
        ),
        "a question that is a text": (
            lambda c: c["data"][0]["paragraphs"][2]["qas"].append("who"),
            "data[0].paragraphs[2].qas[1]",
        ),
        "no question at all": (lambda c: c["data"][0].update(paragraphs=[]), "no questions"),
        "data that is an object": (
            lambda c: c.update(data={"paragraphs": []}),
            "no list of records",
        ),
    }
    for name, (spoil, says) in levels.items():
        content = copy.deepcopy(SQUAD)
        spoil(content)
        yield Case(f"SQuAD: {name}", "qa", "squad.json", json.dumps(content).encode(), (says,))
    courses: Mapping[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "no paragraphs": (lambda c: c.pop("paragraphs"), "paragraphs"),
        "paragraphs that are an object": (lambda c: c.update(paragraphs={}), "paragraphs"),
        "a paragraph that is null": (
            lambda c: c["paragraphs"].__setitem__(2, None),
            "paragraphs[2]",
        ),
        "an empty paragraph": (lambda c: c["paragraphs"].__setitem__(2, " "), "paragraphs[2]"),
        "questions that are an object": (lambda c: c.update(questions={}), "questions"),
        "no questions": (lambda c: c.update(questions=[]), "no questions"),
    }
    for name, (spoil, says) in courses.items():
        content = copy.deepcopy(COURSE)
        spoil(content)
        yield Case(f"course: {name}", "qa", "course.json", json.dumps(content).encode(), (says,))


def other_cases() -> Iterator[Case]:
    """Version 1.1 has an answer to every question; letters in another normal form are other
    letters; what moves is said.
    """
    content = copy.deepcopy(SQUAD_2)
    content["version"] = "1.1"
    del content["data"][0]["paragraphs"][2]["qas"][1]["is_impossible"]
    yield Case(
        "SQuAD: no answer in version 1.1",
        "qa",
        "squad.json",
        json.dumps(content).encode(),
        ("question q3-none", ".answers"),
    )
    for passage, answer in (("NFC", "NFD"), ("NFD", "NFC")):
        changed = copy.deepcopy(SQUAD)
        text, found = (
            unicodedata.normalize(passage, "le café est là"),
            unicodedata.normalize(answer, "café"),
        )
        asked = {"id": "q3", "question": "où", "answers": [{"text": found, "answer_start": 3}]}
        changed["data"][0]["paragraphs"][2] = {"context": text, "qas": [asked]}
        yield Case(
            f"SQuAD: {answer} in {passage}",
            "qa",
            "squad.json",
            json.dumps(changed).encode(),
            ("question q3", "normal form"),
        )
    utf16 = copy.deepcopy(SQUAD)
    asked = {"id": "q3", "question": "who", "answers": [{"text": "dog", "answer_start": 3}]}
    # 3 in JavaScript, where the cat counts twice
    utf16["data"][0]["paragraphs"][2] = {"context": "\U0001f408 dog", "qas": [asked]}
    yield Case(
        "SQuAD: offsets in UTF-16 units",
        "qa",
        "squad.json",
        json.dumps(utf16).encode(),
        ("units of UTF-16",),
        code=0,
    )
    full_stop = copy.deepcopy(SQUAD)
    asked = {"id": "q3", "question": "who", "answers": [{"text": "dog", "answer_start": 7}]}
    full_stop["data"][0]["paragraphs"][2] = {"context": "a cat, .dog", "qas": [asked]}
    yield Case(
        "SQuAD: the offset of the full stop before it",
        "qa",
        "squad.json",
        json.dumps(full_stop).encode(),
        code=0,
    )
    kept_back = copy.deepcopy(COURSE)
    for asked in kept_back["questions"]:
        asked.update(answer_text=None, answer_start=None, answer_end=None)
    yield Case(
        "course: all answers kept back",
        "qa",
        "course.json",
        json.dumps(kept_back).encode(),
        ("record 1", "no answer"),
        wrong=8,
    )
    yield Case(
        "course: answers kept back, to predict",
        "qa",
        "course.json",
        json.dumps(kept_back).encode(),
        way="predict",
        code=0,
    )


def _squad(name: str, spoil: Callable[[dict[str, Any]], Any], at: str, named: bool = True) -> Case:
    content = copy.deepcopy(SQUAD)
    spoil(content["data"][0]["paragraphs"][2]["qas"][0])
    says = (f"data[0].paragraphs[2].qas[0]{at}", *(("question q3",) if named else ()))
    return _read_or_refused(
        name, Case(f"SQuAD: {name}", "qa", "squad.json", json.dumps(content).encode(), says)
    )


def _course(name: str, spoil: Callable[[dict[str, Any]], Any], at: str) -> Case:
    content = copy.deepcopy(COURSE)
    spoil(content["questions"][2])
    return Case(
        f"course: {name}",
        "qa",
        "course.json",
        json.dumps(content).encode(),
        (f"questions[2]{at}", "question 2"),
    )


def _flat(name: str, spoil: Callable[[dict[str, Any]], Any], at: str) -> Case:
    records = copy.deepcopy(QUESTIONS)
    spoil(records[2])
    return _read_or_refused(
        name,
        Case(
            f"flat: {name}", "qa", "flat.jsonl", in_lines(records).encode(), ("record 3", f"'{at}")
        ),
    )


def _read_or_refused(name: str, refused: Case) -> Case:
    return replace(refused, code=0, says=(READ[name],)) if name in READ else refused
