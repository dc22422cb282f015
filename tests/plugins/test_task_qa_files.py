"""Files of questions: SQuAD, a course's, flat records; and the place of every mistake in them."""

import json

import pytest
from sslplugins.tasks.qa.answers import Answer
from sslplugins.tasks.qa.files import read_questions
from sslplugins.tasks.qa.task import QuestionAnswering

from sslcli.errors import DataError

PASSAGE = "The cafe\u0301 in Oslo, which Anna ran, opened in 1998."


def squad(*questions, version="1.1", passage=PASSAGE):
    return {
        "version": version,
        "data": [{"title": "t", "paragraphs": [{"context": passage, "qas": list(questions)}]}],
    }


def answer(text, start=None):
    return {"text": text, "answer_start": PASSAGE.index(text) if start is None else start}


def asked(*answers, **values):
    return {"id": "q1", "question": "who ?", "answers": list(answers), **values}


def course(**changes):
    question = {
        "id": 7,
        "paragraph_id": 1,
        "question_text": "where ?",
        "answer_text": "Oslo",
        "answer_start": 13,
        "answer_end": 16,
    }
    start = PASSAGE.index("Oslo")
    question |= {"answer_start": start, "answer_end": start + 3}
    return {"questions": [{**question, **changes}], "paragraphs": ["other", PASSAGE]}


def read(folder, content, name="a.json"):
    path = folder / name
    lines = content if isinstance(content, list) and name.endswith("l") else [content]
    path.write_text(
        "\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8"
    )
    return list(QuestionAnswering.read(QuestionAnswering.Options(), str(path)))


def test_squad_gives_every_question_with_all_its_answers(tmp_path):
    (example,) = read(tmp_path, squad(asked(answer("Anna"), answer("Oslo"))))
    assert (example.id, example.where.record) == ("q1", 1)
    assert (example.data.text, example.data.passage) == ("who ?", PASSAGE)
    assert example.gold == (
        Answer(PASSAGE.index("Anna"), "Anna"),
        Answer(PASSAGE.index("Oslo"), "Oslo"),
    )
    assert all(PASSAGE[each.start : each.stop] == each.text for each in example.gold)


def test_squad_2_may_have_none_and_a_test_file_says_nothing(tmp_path):
    examples = read(
        tmp_path,
        squad(
            asked(answer("Anna"), is_impossible=False),
            asked(id="q2", is_impossible=True, plausible_answers=[answer("Oslo")]),
            asked(id="q3"),
            {"id": "q4", "question": "when ?"},
            version="v2.0",
        ),
    )
    assert [example.gold for example in examples] == [
        (Answer(PASSAGE.index("Anna"), "Anna"),),
        (),
        (),
        None,
    ]


def test_the_course_counts_the_last_character_and_keeps_answers_back(tmp_path):
    (example,) = read(tmp_path, course())
    assert (example.id, example.gold) == ("7", (Answer(PASSAGE.index("Oslo"), "Oslo"),))
    (example,) = read(tmp_path, course(answer_text=None, answer_start=None, answer_end=None))
    assert example.gold is None


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_flat_records_have_their_answers_in_any_usual_form(name, tmp_path):
    start = PASSAGE.index("Anna")
    rows = [
        {"answers": {"text": ["Anna"], "answer_start": [start]}},
        {"answers": [{"text": "Anna", "answer_start": start}]},
        {"answers": {"text": "Anna", "answer_start": start}},
        {"answer": "Anna", "answer_start": start},
        {"answers": {"text": [], "answer_start": []}},
        {},
    ]
    examples = read(
        tmp_path, [{"context": PASSAGE, "question": "who ?", **row} for row in rows], name
    )
    assert [example.gold for example in examples] == [(Answer(start, "Anna"),)] * 4 + [(), None]
    assert len({example.id for example in examples}) == 6


def test_a_table_has_its_offset_as_text(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        f"context\tquestion\tanswer\tanswer_start\n{PASSAGE}\twho "
        f"?\tAnna\t{PASSAGE.index('Anna')}\n"
    )
    (example,) = QuestionAnswering.read(QuestionAnswering.Options(), str(path))
    assert example.gold == (Answer(PASSAGE.index("Anna"), "Anna"),)


def test_questions_without_an_id_are_numbered(tmp_path):
    first, second = read(
        tmp_path, squad(asked(answer("Anna"), id=None), asked(answer("Oslo"), id=""))
    )
    assert (first.id, second.id) == ("1", "2")


def test_an_offset_at_the_mark_before_the_answer_is_that_of_squad_itself(tmp_path):
    mark = PASSAGE.index(", which")
    (example,) = read(tmp_path, squad(asked({"text": " which Anna", "answer_start": mark})))
    assert example.gold == (Answer(mark + 1, " which Anna"),)


AT = "data[0].paragraphs[0].qas[0]"
WRONG = {
    "shifted": (
        squad(asked(answer("Anna", PASSAGE.index("Anna") - 1))),
        f"question q1, field '{AT}.answers[0].answer_start'",
        f"' Ann', not the answer 'Anna'; it stands at {PASSAGE.index('Anna')}",
    ),
    "shifted far": (
        squad(asked(answer("Oslo"), answer("Olso", 0))),
        f"{AT}.answers[1].answer_start",
        "it is not in it",
    ),
    "twice": (squad(asked(answer("n", 0))), f"{AT}.answers[0].answer_start", "it stands there"),
    "beyond": (
        squad(asked(answer("Anna", 900))),
        f"{AT}.answers[0].answer_start",
        "900 is outside the passage, which has",
    ),
    "negative": (
        squad(asked(answer("Anna", -3))),
        f"{AT}.answers[0].answer_start",
        "-3 is outside",
    ),
    "offset as truth": (
        squad(asked({"text": "The", "answer_start": False})),
        f"{AT}.answers[0].answer_start",
        "False is no whole number",
    ),
    "empty answer": (
        squad(asked({"text": "", "answer_start": 0})),
        f"{AT}.answers[0].text",
        "the text is empty",
    ),
    "none in 1.1": (squad(asked()), f"{AT}.answers", "there is no answer"),
    "none and possible": (
        squad(asked(is_impossible=False), version="v2.0"),
        f"{AT}.answers",
        "there is no answer",
    ),
    "some and impossible": (
        squad(asked(answer("Anna"), is_impossible=True)),
        f"{AT}.is_impossible",
        "has answers, and is_impossible is true",
    ),
    "impossible is a word": (
        squad(asked(answer("Anna"), is_impossible="no")),
        f"{AT}.is_impossible",
        "neither true nor false",
    ),
    "no question": (squad({"id": "q1", "answers": []}), f"{AT}.question", "it is missing"),
    "empty question": (
        squad(asked(answer("Anna"), question=" ")),
        f"{AT}.question",
        "the text is empty",
    ),
    "empty passage": (
        squad(asked(), passage=""),
        "data[0].paragraphs[0].context",
        "the text is empty",
    ),
    "passage of numbers": (
        squad(asked(), passage=5),
        "data[0].paragraphs[0].context",
        "this is no text",
    ),
    "no questions": (
        {"data": [{"paragraphs": [{"context": "x"}]}]},
        "data[0].paragraphs[0].qas",
        "it is missing",
    ),
    "id of numbers": (squad(asked(answer("Anna"), id=[1])), f"{AT}.id", "this is no name but list"),
    "second article": (
        {"data": [{"paragraphs": []}, {"paragraphs": 5}]},
        "data[1].paragraphs",
        "this is no list but int",
    ),
    "inclusive end": (
        course(answer_end=PASSAGE.index("Oslo") + 4),
        "question 7, field 'questions[0].answer_end'",
        "ends at character",
    ),
    "course shifted": (
        course(answer_start=2),
        "questions[0].answer_start",
        "not the answer 'Oslo'; it stands at",
    ),
    "paragraph": (course(paragraph_id=2), "questions[0].paragraph_id", "there is no paragraph 2"),
    "paragraphs": (
        {"questions": [], "paragraphs": {}},
        "paragraphs",
        "there is no list of paragraphs",
    ),
    "half an answer": (course(answer_start=None), "questions[0].answer_start", "it is missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_names_its_place(case, tmp_path):
    content, place, problem = WRONG[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "a.json") in caught.value.message
    assert place in caught.value.message
    assert problem in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("row", "place", "problem"),
    [
        ({"context": None}, "record 1, field 'context'", "this is null"),
        ({"question": ""}, "record 1, field 'question'", "the text is empty"),
        (
            {"answers": {"text": ["a"], "answer_start": []}},
            "record 1, field 'answers'",
            "of one length",
        ),
        (
            {"answers": {"text": ["Anna"], "answer_start": [1]}},
            "record 1, field 'answers[0].answer_start'",
            "it stands at",
        ),
        ({"answers": 5}, "record 1, field 'answers'", "this is no list but int"),
        (
            {"answer": "n"},
            "record 1, field 'answer[0].answer_start'",
            "there is no offset for 'n', which stands in the passage",
        ),
    ],
)
def test_a_mistake_in_a_flat_record_names_its_place(row, place, problem, tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, [{"context": PASSAGE, "question": "who ?", **row}], "a.jsonl")
    assert place in caught.value.message
    assert problem in caught.value.message


def test_a_file_without_questions_is_refused(tmp_path):
    for content in (squad(), {"questions": [], "paragraphs": []}):
        with pytest.raises(DataError, match="has no questions"):
            read(tmp_path, content)


def _offset_in(unit, passage, place):
    """As other languages count: by what is encoded before the place."""
    before = passage[:place]
    return {
        "characters": len(before),
        "bytes": len(before.encode()),
        "units": len(before.encode("utf-16-le")) // 2,
    }[unit]


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("unit", ["characters", "bytes", "units"])
def test_what_offsets_count_is_one_thing_for_a_whole_file(unit, flat, tmp_path):
    """Some answers stand at another of their places if the offset counts something else: one alone
    shows nothing.
    """
    clef = "\U0001d11e"
    passages = [
        f"\u00e9\u00e9\u00e9{clef * n} aa aa aa aa aa aa {n} \u00fcbung aa aa. Ende {n}"
        for n in range(1, 9)
    ]
    known, questions = [], []
    for passage in passages:
        for text in ("aa", "aa aa", "Ende", "bung"):
            places = [place for place in range(len(passage)) if passage.startswith(text, place)]
            known += [(place, text) for place in places]
            questions += [(passage, text, _offset_in(unit, passage, place)) for place in places]
    accidents = [
        (text, start) for passage, text, start in questions if passage.startswith(text, start)
    ]
    assert unit == "characters" or 0 < len(accidents) < len(questions)
    path = tmp_path / ("a.jsonl" if flat else "a.json")
    if flat:
        rows = [
            {"context": p, "question": "?", "answers": {"text": [t], "answer_start": [s]}}
            for p, t, s in questions
        ]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        paragraphs = [
            {"context": p, "qas": [asked({"text": t, "answer_start": s}, id=n)]}
            for n, (p, t, s) in enumerate(questions)
        ]
        path.write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": paragraphs}]}))
    found = list(read_questions(str(path)))
    assert [(gold.start, gold.text) for example in found for gold in example.gold] == known
