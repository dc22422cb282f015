"""Questions about passages that are written oddly: answers with empty texts, without offsets, with
offsets in other units.

Where an answer stands is found here by hand, or by `str.index` where it stands once.
"""

import csv
import io
import json

from reader_oddities import Oddity
from sslplugins.tasks.qa.answers import Answer
from sslplugins.tasks.qa.files import Question

PASSAGE = "The caf\u00e9 in Oslo, which Anna \U0001d11e ran, opened in 1998. Anna sold it."
OSLO, OPENED = PASSAGE.index("Oslo"), PASSAGE.index("opened")
ASKED = Question("where ?", PASSAGE)
OTHER = {"question": "who ?", "answers": [{"text": "sold", "answer_start": PASSAGE.index("sold")}]}
AT_OSLO = (Answer(OSLO, "Oslo"),)
AT_OPENED = (Answer(OPENED, "opened"),)
BYTES = len(PASSAGE[:OPENED].encode())
UNITS = len(PASSAGE[:OPENED].encode("utf-16-le")) // 2


def in_bytes(text):
    return len(PASSAGE[: PASSAGE.index(text)].encode())


def in_units(text):
    return len(PASSAGE[: PASSAGE.index(text)].encode("utf-16-le")) // 2


NO_OFFSET = "no offset is given, and the answer is taken where it stands"
EMPTY = "an answer with an empty text is read as: there is no answer"


def squad(*questions, version="1.1", passage=PASSAGE, **more):
    numbered = [
        {"id": f"q{number}", "question": "where ?", **each} for number, each in enumerate(questions)
    ]
    return json.dumps(
        {
            "version": version,
            "data": [{"paragraphs": [{"context": passage, "qas": numbered, **more}]}],
        }
    )


def row(
    oddity, content, outcome="read 2", words=(), gold=AT_OSLO, file="a.json", asked=ASKED, **more
):
    known = [(asked, gold)] if outcome.startswith("read") else []
    return Oddity("qa", file, oddity, content, outcome, words, known, **more)


def nested(oddity, question, *args, version="1.1", passage=PASSAGE, beside=OTHER, **more):
    questions = [question, *([beside] if beside else [])]
    return row(
        f"SQuAD, {oddity}", squad(*questions, version=version, passage=passage), *args, **more
    )


def flat(oddity, values, *args, file="a.jsonl", **more):
    records = [{"context": PASSAGE, "question": "where ?", **values}, {"context": PASSAGE, **OTHER}]
    lines = "\n".join(map(json.dumps, records)) if file.endswith("l") else json.dumps(records)
    return row(f"flat, {oddity}", lines, *args, file=file, **more)


def table(oddity, header, values, *args, **more):
    text = io.StringIO()
    csv.writer(text).writerows(
        [header, values, ["who ?", PASSAGE, "sold", str(PASSAGE.index("sold"))][: len(header)]]
    )
    return row(f"table, {oddity}", text.getvalue(), *args, file="a.csv", **more)


def answers(text, start):
    return {"answers": [{"text": text, "answer_start": start}]}


def cmrc(*questions):
    return json.dumps(
        [{"context_id": "c", "context_text": PASSAGE, "title": "t", "qas": list(questions)}]
    )


WINDOWS = "Born in\r\nOslo, she went\r\nto Rome."
UNIX = WINDOWS.replace("\r\n", "\n")
BLANKS = "  \n She was born in Oslo."
COLUMNS = ["question", "context", "answer", "answer_start"]
SHEET = ["where ?", PASSAGE, "Oslo", str(OSLO)]
ODDITIES = [
    nested("nothing odd", answers("Oslo", OSLO), said=False),
    nested(
        "an empty text and impossible",
        {**answers("", -1), "is_impossible": True},
        "read 2",
        ["1 example of", EMPTY],
        (),
    ),
    nested(
        "an empty text at 0 and impossible",
        {**answers("", 0), "is_impossible": True},
        "read 2",
        [EMPTY],
        (),
    ),
    nested(
        "an empty text in 2.0 without is_impossible",
        answers("", -1),
        "read 2",
        [EMPTY],
        (),
        version="v2.0",
    ),
    nested(
        "null text and offset, impossible",
        {**answers(None, None), "is_impossible": True},
        "read 2",
        [EMPTY],
        (),
    ),
    nested(
        "null answers and impossible", {"answers": None, "is_impossible": True}, gold=(), said=False
    ),
    nested(
        "plausible answers",
        {
            "answers": [],
            "is_impossible": True,
            "plausible_answers": [{"text": "Oslo", "answer_start": OSLO}],
        },
        gold=(),
        version="v2.0",
        said=False,
    ),
    nested(
        "an empty text in 1.1",
        answers("", 0),
        "refused",
        ["question q0", "answers[0].text'", "the text is empty", '"is_impossible": true'],
    ),
    nested(
        "an empty text and not impossible",
        {**answers("", 0), "is_impossible": False},
        "refused",
        ["the text is empty"],
        version="v2.0",
    ),
    nested(
        "an empty text beside another",
        {"answers": [{"text": "", "answer_start": -1}, {"text": "Oslo", "answer_start": OSLO}]},
        "read 2",
        ["answers with an empty text are left out beside others"],
    ),
    nested("null answers", {"answers": None}, "refused", ["record 1: there is no answer"]),
    nested("null answers where they do not matter", {"answers": None}, gold=None, predicts=True),
    nested("the answer as a text", {"answers": "Oslo"}, "read 2", [NO_OFFSET]),
    nested(
        "answers as texts",
        {"answers": ["Oslo", "opened"]},
        "read 2",
        [NO_OFFSET],
        AT_OSLO + AT_OPENED,
    ),
    nested("one object for the list", {"answers": {"text": "Oslo", "answer_start": OSLO}}),
    nested("no offset", {"answers": [{"text": "Oslo"}]}, "read 2", [NO_OFFSET]),
    nested(
        "no offset and several places",
        {"answers": ["Anna"]},
        "asked",
        ["stands in the passage 2 times", "--offsets nearest"],
    ),
    nested(
        "no offset and the first of several places",
        {"answers": ["Anna"]},
        "read 2",
        ["at the first of its places"],
        (Answer(PASSAGE.index("Anna"), "Anna"),),
        options={"offsets": "nearest"},
    ),
    nested(
        "no offset and no place",
        {"answers": ["Rome"]},
        "refused",
        ["no offset for 'Rome', and it is not in it"],
    ),
    nested("an offset as text", answers("Oslo", str(OSLO)), said=False),
    nested("an offset as a number with a point", answers("Oslo", float(OSLO)), said=False),
    nested(
        "an offset of -1",
        answers("Oslo", -1),
        "asked",
        ["-1 is outside the passage", f"stands at {OSLO}", "--offsets once"],
    ),
    nested(
        "an offset off by one",
        answers("Oslo", OSLO - 1),
        "asked",
        [f"it stands at {OSLO}", "--offsets once", "--skip-bad-records"],
    ),
    nested(
        "an offset off by one, left out",
        answers("Oslo", OSLO - 1),
        "read 1",
        ["1 of 2 records cannot be used and is left out"],
        (Answer(PASSAGE.index("sold"), "sold"),),
        asked=Question("who ?", PASSAGE),
        data={"skip_bad_records": 1},
    ),
    nested(
        "an offset off by one, once",
        answers("Oslo", OSLO - 1),
        "read 2",
        ["the offset is wrong", "--offsets once"],
        options={"offsets": "once"},
    ),
    nested(
        "an offset of -1, once",
        answers("Oslo", -1),
        "read 2",
        ["the offset is wrong"],
        options={"offsets": "once"},
    ),
    nested(
        "a wrong offset and several places, once",
        answers("Anna", 0),
        "asked",
        ["2 times", "--offsets nearest"],
        options={"offsets": "once"},
    ),
    nested(
        "a wrong offset and several places, nearest",
        answers("Anna", len(PASSAGE) - 5),
        "read 2",
        ["at the nearest of its places"],
        (Answer(PASSAGE.rindex("Anna"), "Anna"),),
        options={"offsets": "nearest"},
    ),
    nested(
        "the answer in another case",
        answers("oslo", OSLO),
        "refused",
        ["it stands there in another case"],
    ),
    nested(
        "the answer in another normal form",
        answers("cafe\u0301", 4),
        "refused",
        ["another normal form of Unicode"],
    ),
    row(
        "SQuAD, offsets in bytes",
        squad(answers("opened", BYTES), answers("sold", in_bytes("sold"))),
        "read 2",
        ["offsets count bytes of UTF-8, and so all 2 answers stand"],
        AT_OPENED,
    ),
    row(
        "SQuAD, offsets in UTF-16",
        squad(answers("opened", UNITS), answers("sold", in_units("sold"))),
        "read 2",
        ["offsets count units of UTF-16, and so all 2 answers stand"],
        AT_OPENED,
    ),
    row(
        "SQuAD, one offset in bytes and that right",
        squad(answers("opened", BYTES)),
        "read 1",
        ["offsets count bytes of UTF-8, and so its answer stands"],
        AT_OPENED,
        data={"limit": 1},
    ),
    nested(
        "an offset in bytes beside one in characters",
        answers("opened", BYTES),
        "asked",
        [f"at {BYTES} the passage has", "--offsets once"],
    ),
    row(
        "SQuAD, an offset in bytes beside some in UTF-16",
        squad(
            answers("opened", BYTES),
            answers("sold", in_units("sold")),
            answers("ran", in_units("ran")),
        ),
        "asked",
        [
            (
                "if offsets count units of UTF-16, 2 of the 3 "
                "offsets of the file are right, and all must be"
            )
        ],
    ),
    nested(
        "an offset in bytes beside one in characters, once",
        answers("opened", BYTES),
        "read 2",
        ["the offset is wrong", "--offsets once"],
        AT_OPENED,
        options={"offsets": "once"},
    ),
    nested(
        "offsets on Unix line ends",
        answers("Rome", UNIX.index("Rome")),
        "read 1",
        ["offsets count a line end (CR LF) as one"],
        (Answer(WINDOWS.index("Rome"), "Rome"),),
        asked=Question("where ?", WINDOWS),
        passage=WINDOWS,
        data={"limit": 1},
        beside=None,
    ),
    nested(
        "offsets on Windows line ends",
        answers("Rome", WINDOWS.index("Rome")),
        "read 1",
        (),
        (Answer(WINDOWS.index("Rome"), "Rome"),),
        asked=Question("where ?", WINDOWS),
        passage=WINDOWS,
        data={"skip_bad_records": 1},
    ),
    nested(
        "offsets behind leading blanks",
        answers("Oslo", BLANKS.strip().index("Oslo")),
        "read 1",
        ["do not count the blanks"],
        (Answer(BLANKS.index("Oslo"), "Oslo"),),
        asked=Question("where ?", BLANKS),
        passage=BLANKS,
        beside=None,
    ),
    nested(
        "offsets with leading blanks",
        answers("Oslo", BLANKS.index("Oslo")),
        "read 1",
        (),
        (Answer(BLANKS.index("Oslo"), "Oslo"),),
        asked=Question("where ?", BLANKS),
        passage=BLANKS,
        data={"skip_bad_records": 1},
    ),
    nested(
        "an empty question",
        {"question": " ", **answers("Oslo", OSLO)},
        "refused",
        ["qas[0].question'", "the text is empty"],
    ),
    nested(
        "an id twice",
        {"id": "q1", **answers("Oslo", OSLO)},
        "refused",
        ["the id 'q1' is also that of"],
    ),
    nested("no id", {"id": None, **answers("Oslo", OSLO)}),
    row(
        "SQuAD, an empty passage amid others",
        json.dumps(
            {
                "data": [
                    {
                        "paragraphs": [
                            {
                                "context": PASSAGE,
                                "qas": [{"question": "where ?", **answers("Oslo", OSLO)}],
                            },
                            {"context": "", "qas": []},
                            {
                                "context": PASSAGE,
                                "qas": [{"question": "where ?", **answers("opened", OPENED)}],
                            },
                        ]
                    }
                ]
            }
        ),
        "read 2",
        ["1 of 3 records cannot be used", "paragraphs[1].context"],
        data={"skip_bad_records": 1},
    ),
    row(
        "SQuAD, articles without their object",
        json.dumps(json.loads(squad(answers("Oslo", OSLO), OTHER))["data"]),
    ),
    row(
        "CMRC's own lists",
        cmrc(
            {"query_id": "a", "query_text": "where ?", "answers": ["Oslo", "Oslo"]},
            {"query_id": "b", "query_text": "who ?", "answers": ["sold"]},
        ),
        "read 2",
        [NO_OFFSET],
        AT_OSLO * 2,
    ),
    row(
        "DRCD, an id to every answer",
        squad({"answers": [{"id": "1", "text": "Oslo", "answer_start": OSLO}]}, OTHER, id="p1"),
    ),
    row(
        "TyDi QA's gold passages",
        squad(answers("Oslo", OSLO), OTHER, version="TyDiQA-GoldP-1.1-for-SQuAD-1.1"),
    ),
    row("no question", squad(), "refused", ["has no questions"]),
    flat("Hugging Face's lists", {"answers": {"text": ["Oslo"], "answer_start": [OSLO]}}),
    flat(
        "Hugging Face's lists in .json",
        {"answers": {"text": ["Oslo"], "answer_start": [OSLO]}},
        file="a.json",
    ),
    flat("empty lists", {"answers": {"text": [], "answer_start": []}}, gold=(), said=False),
    flat(
        "an empty text at -1",
        {"answers": {"text": [""], "answer_start": [-1]}},
        "read 2",
        [EMPTY],
        (),
    ),
    flat(
        "an empty text, not impossible",
        {"answers": {"text": [""], "answer_start": [-1]}, "is_impossible": False},
        "refused",
        ["the text is empty"],
    ),
    flat(
        "answers and impossible",
        {"answers": {"text": ["Oslo"], "answer_start": [OSLO]}, "is_impossible": True},
        "refused",
        ["is_impossible is true"],
    ),
    flat(
        "lists of other lengths",
        {"answers": {"text": ["Oslo"], "answer_start": []}},
        "refused",
        ["of one length"],
    ),
    flat("texts without offsets", {"answers": {"text": ["Oslo"]}}, "read 2", [NO_OFFSET]),
    flat("a list of texts", {"answers": ["Oslo"]}, "read 2", [NO_OFFSET]),
    flat("a text", {"answer": "Oslo"}, "read 2", [NO_OFFSET]),
    flat("an empty text alone", {"answers": ""}, "refused", ["record 1: there is no answer"]),
    flat("a number", {"answers": 1998}, "refused", ["this is no list but int"]),
    flat("an empty text and its offset", {"answer": "", "answer_start": -1}, "read 2", [EMPTY], ()),
    flat(
        "an empty text with an offset that means one",
        {"answer": "", "answer_start": OSLO},
        "refused",
        ["the text is empty"],
    ),
    row(
        "lists by column",
        json.dumps(
            {
                "question": ["where ?", "who ?"],
                "context": [PASSAGE] * 2,
                "answers": [
                    {"text": ["Oslo"], "answer_start": [OSLO]},
                    {"text": ["sold"], "answer_start": [PASSAGE.index("sold")]},
                ],
            }
        ),
    ),
    flat("an id under another name", {"question_id": "x", "answer": "Oslo"}),
    table("nothing odd", COLUMNS, SHEET, said=False),
    table("offsets with a point", COLUMNS, [*SHEET[:3], f"{OSLO}.0"], said=False),
    table(
        "answers as JSON",
        COLUMNS[:3],
        [*SHEET[:2], json.dumps({"text": ["Oslo"], "answer_start": [OSLO]})],
    ),
    table(
        "answers as Python shows them",
        COLUMNS[:3],
        [*SHEET[:2], f"{{'text': ['Oslo'], 'answer_start': [{OSLO}]}}"],
    ),
    table(
        "answers as numpy shows them",
        COLUMNS[:3],
        [
            *SHEET[:2],
            (
                f"{{'text': array(['Oslo'], dtype=object), "
                f"'answer_start': array([{OSLO}], dtype=int32)}}"
            ),
        ],
    ),
    table(
        "impossible in words",
        [*COLUMNS, "is_impossible"],
        ["where ?", PASSAGE, "", "", "True"],
        "read 1",
        (),
        (),
        data={"skip_bad_records": "all"},
    ),
    table(
        "an empty answer",
        COLUMNS,
        ["where ?", PASSAGE, "", ""],
        "refused",
        ["line 2: there is no answer"],
    ),
    table("an empty answer at -1", COLUMNS, ["where ?", PASSAGE, "", "-1"], "read 2", [EMPTY], ()),
    table(
        "no passage",
        ["question", "text"],
        ["where ?", "x"],
        "asked",
        ["'context' is missing", "this one has 'question', 'text'"],
    ),
]
