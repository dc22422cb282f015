"""Records whose fields are wrong: of every task each field with every value that cannot be meant,
JSON that ends anywhere.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from labelled_files import GENES, NUMBERS, PAIRS, QUESTIONS, SEVERAL, TEXTS, WORDS, Case, in_lines

BROKEN = 3  # the record that is wrong, from 1
MISSING = object()
NO_TEXTS: Mapping[str, Any] = {
    "missing": MISSING, "null": None, "a number": 3, "a fraction": 1.5, "true": True,
    "a list": ["text"], "no list": [], "an object": {},
}  # fmt: skip
EMPTY_TEXTS: Mapping[str, Any] = {"nothing": "", "blanks": " \t ", "wide blanks": "\u3000\u2028"}
NO_LABELS: Mapping[str, Any] = {
    "an object": {"label": "yes"}, "a list of lists": [["yes"]], "a list with null": ["yes", None],
    "a list of objects": [{}],
}  # fmt: skip
NO_ANSWERS: Mapping[str, Any] = {"missing": MISSING, "null": None, "nothing": ""}
NO_NUMBERS: Mapping[str, Any] = {
    "a word": "yes", "a list": [1.5], "true": True, "what is no number": "nan", "infinity": "inf",
}  # fmt: skip
NO_WORDS: Mapping[str, Any] = {
    "null": None, "missing": MISSING, "a number": 3, "an object": {}, "no words": [],
    "blanks": "  ", "a word that is empty": ["a", ""],
    "a word that is null": ["a", None, "b", "c"], "a word that is a list": [["a"], "b", "c", "d"],
    "a word that is true": ["a", True, "b", "c"], "a fraction": ["a", 1.5, "b", "c"],
}  # fmt: skip
NO_TAGS: Mapping[str, Any] = {
    "one too few": ["DET", "NOUN", "VERB"], "one too many": ["DET", "NOUN", "VERB", "NUM", "NUM"],
    "none": [], "a number": 3,
    "an object": {"0": "DET"}, "a tag that is empty": ["DET", "", "VERB", "NUM"],
    "a tag that is null": ["DET", None, "VERB", "NUM"],
    "a tag that is a list": [["DET"], "NOUN", "VERB", "NUM"], "a fraction": [1.5, 2.5, 3.5, 4.5],
}  # fmt: skip
# Task -> records, flags, and for each field the values that it cannot have, with what the sentence
# says.
FIELDS: Sequence[tuple[str, Sequence[Mapping[str, Any]], Sequence[str], str, Mapping[str, Any],
    Sequence[str]]] = [
    ("classify", TEXTS, (), "text", NO_TEXTS, ("record 3", "'text'")),
    ("classify", TEXTS, (), "label", NO_LABELS, ("record 3", "'label'")),
    ("classify", SEVERAL, (), "label", NO_LABELS, ("record 3", "'label'")),
    ("classify", NUMBERS, ("--kind", "number"), "label", NO_NUMBERS, ("record 3", "'label'")),
    ("classify", NUMBERS, (), "label", {"more than can be squared": 1e30,
    "less than can be": -1e300}, ("record 3", "1e+18")),
    ("classify", TEXTS, ("--kind", "classes"), "label", {"a list of labels": ["yes", "no"]},
    ("record 3", "'label'")),
    ("pairs", PAIRS, (), "premise", NO_TEXTS, ("record 3", "'premise'")),
    ("pairs", PAIRS, (), "hypothesis", {**NO_TEXTS, "a list of two": ["a", "b"]}, ("record 3",
    "'hypothesis'")),
    ("pairs", PAIRS, (), "label", {**NO_LABELS, "a list": ["neutral"]}, ("record 3",)),
    ("tag", WORDS, (), "tokens", NO_WORDS, ("record 3", "'tokens")),
    ("tag", WORDS, (), "tags", NO_TAGS, ("record 3", "'tags")),
    ("tag", WORDS, (), "tags", {"missing": MISSING, "null": None}, ("record 3", "no answer")),
    ("qa", QUESTIONS, (), "context", {**NO_TEXTS, **EMPTY_TEXTS}, ("record 3", "'context'")),
    ("qa", QUESTIONS, (), "question", {**NO_TEXTS, **EMPTY_TEXTS}, ("record 3", "'question'")),
    ("remap", GENES, (), "sequence", {**NO_TEXTS, **EMPTY_TEXTS}, ("record 3", "'sequence'")),
    ("remap", GENES, (), "label", NO_LABELS, ("record 3", "'label'")),
]  # fmt: skip


def field_cases() -> Iterator[Case]:
    for task, records, flags, field, values, says in FIELDS:
        for name, value in values.items():
            wrong = [dict(record) for record in records]
            wrong[BROKEN - 1].pop(field, None)
            if value is not MISSING:
                wrong[BROKEN - 1][field] = value
            kind = "of lists" if records is SEVERAL else " ".join(flags)
            yield Case(
                f"{task}: {field} is {name} {kind}".rstrip(),
                task,
                "records.jsonl",
                in_lines(wrong).encode(),
                says,
                flags,
            )
    yield from _unlabelled_cases()


def _unlabelled_cases() -> Iterator[Case]:
    """A record without a label is left out, aloud, where a text has one label; what has none at all
    is refused.
    """
    said = ("1 of the 8 examples", "no label", "left out")
    for task, records in {"classify": TEXTS, "pairs": PAIRS, "remap": GENES}.items():
        for name, value in NO_ANSWERS.items():
            fewer = [dict(record) for record in records]
            fewer[BROKEN - 1].pop("label")
            if value is not MISSING:
                fewer[BROKEN - 1]["label"] = value
            yield Case(
                f"{task}: label is {name}",
                task,
                "records.jsonl",
                in_lines(fewer).encode(),
                said,
                code=0,
            )
            bare = [
                {**record, "label": value} if value is not MISSING else {**record, "label": ""}
                for record in records
            ]
            yield Case(
                f"{task}: every label is {name}",
                task,
                "bare.jsonl",
                in_lines(bare).encode(),
                ("record 1", "no answer"),
            )


BROKEN_LINES: Mapping[str, str] = {
    "no end of the object": '{"text": "a", "label": "yes"',
    "no end of a text": '{"text": "a',
    "no value": '{"text": , "label": "yes"}',
    "no colon": '{"text" "a"}',
    "no name": '{: "a"}',
    "no comma": '{"text": "a" "label": "yes"}',
    "a comma too many": '{"text": "a", "label": "yes",}',
    "single quotes": "{'text': 'a', 'label': 'yes'}",
    "two objects": '{"text": "a", "label": "yes"} {"text": "b"}',
    "a word behind it": '{"text": "a", "label": "yes"} end',
    "a comment": '{"text": "a", "label": "yes"} // sure',
    "a list": '["a", "yes"]',
    "a text": '"a"',
    "a number": "3",
    "null": "null",
    "no JSON": "the cat sees",
    "NaN": '{"text": "a", "label": NaN}',
    "Infinity": '{"text": "a", "label": Infinity}',
    "minus infinity": '{"text": "a", "label": -Infinity}',
    "more than any number": '{"text": "a", "label": 1e400}',
    "a whole number beyond all": '{"text": "a", "label": ' + "9" * 5_000 + "}",
    "lists in lists in lists": '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "objects in objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "a name twice": '{"text": "a", "label": "yes", "text": "b"}',
    "half a surrogate pair": '{"text": "\\ud83d", "label": "yes"}',
    "an escape that is none": '{"text": "\\x41", "label": "yes"}',
    "a tab in a text": '{"text": "a\tb", "label": "yes"}',
    "a line end amid an object": '{"text": "a",\n"label": "yes"}',
    "Python's words": '{"text": "a", "label": True}',
}


def broken_json_cases() -> Iterator[Case]:
    """A line that is wrong amid others; the same as a file that is one list; lines of each task
    that end at any place.
    """
    sound = [json.dumps(record) for record in TEXTS]
    for name, line in BROKEN_LINES.items():
        lines = "\n".join([*sound[: BROKEN - 1], line, *sound[BROKEN:]])
        wrong = 1 + line.count("\n")  # each of its lines is one
        yield Case(
            f"a line with {name}",
            "classify",
            "texts.jsonl",
            lines.encode(),
            ("record 3",),
            wrong=wrong,
        )
    for name in (
        "no value",
        "a comma too many",
        "NaN",
        "a name twice",
        "half a surrogate pair",
        "lists in lists in lists",
    ):
        listed = f"[{', '.join([*sound[:2], BROKEN_LINES[name]])}]"
        yield Case(
            f"a list with {name}",
            "classify",
            "texts.json",
            listed.encode(),
            ("not JSON",) if "half" not in name else (),
        )
    for name, content in {
        "a text": '"a"',
        "null": "null",
        "an object": '{"rows": []}',
        "data that is no list": '{"data": {}}',
    }.items():
        yield Case(
            f"a file that is {name}",
            "classify",
            "texts.json",
            content.encode(),
            ("no list of records",),
        )
    for name, content in {"an empty list": "[]", "empty data": '{"data": []}'}.items():
        yield Case(
            f"a file that is {name}", "classify", "texts.json", content.encode(), ("no records",)
        )
    for place, value in {"a number": 3, "a list": [], "null": None}.items():
        yield Case(
            f"a list with {place} in it",
            "classify",
            "texts.json",
            json.dumps([*TEXTS[:2], value]).encode(),
            ("record 3",),
        )
    for task, records in {"pairs": PAIRS, "tag": WORDS, "qa": QUESTIONS, "remap": GENES}.items():
        lines = [json.dumps(record) for record in records]
        for share in (0.1, 0.4, 0.7, 0.95):
            cut = [
                *lines[: BROKEN - 1],
                lines[BROKEN - 1][: int(share * len(lines[BROKEN - 1]))],
                *lines[BROKEN:],
            ]
            yield Case(
                f"{task}: a line that ends after {share:.0%}",
                task,
                "records.jsonl",
                "\n".join(cut).encode(),
                ("record 3",),
            )


def several_cases() -> Iterator[Case]:
    """--check goes on behind a record that is wrong, and names up to twenty."""
    fields = {
        "classify": "text",
        "pairs": "hypothesis",
        "tag": "tags",
        "qa": "question",
        "remap": "sequence",
    }
    for task, records in {
        "classify": TEXTS,
        "pairs": PAIRS,
        "tag": WORDS,
        "qa": QUESTIONS,
        "remap": GENES,
    }.items():
        wrong = [
            {**record, fields[task]: 3} if place in (1, 4, 6) else record
            for place, record in enumerate(records)
        ]
        says = ("3 records cannot be used", "record 2", "record 5", "record 7", f"'{fields[task]}'")
        yield Case(
            f"{task}: three wrong records",
            task,
            "records.jsonl",
            in_lines(wrong).encode(),
            says,
            wrong=3,
        )
        yield Case(
            f"{task}: three wrong records to train on",
            task,
            "records.jsonl",
            in_lines(wrong).encode(),
            ("record 2",),
            way="train",
        )
    many = in_lines([{"text": number} for number in range(50)]).encode()
    yield Case(
        "fifty wrong records",
        "classify",
        "texts.jsonl",
        many,
        ("20 records and more", "record 20"),
        wrong=20,
    )
    says = ("5 records", "texts.jsonl, record 4", "other.jsonl, record 1", "other.jsonl, record 3")
    other = {
        "other.jsonl": in_lines(
            [{"text": 3}, {"text": "b", "label": "yes"}, {"label": "no"}]
        ).encode()
    }
    texts = in_lines(
        [
            {**record, "label": {}} if place in (1, 3, 5) else record
            for place, record in enumerate(TEXTS)
        ]
    ).encode()
    yield Case(
        "wrong records of two files",
        "classify",
        "texts.jsonl",
        texts,
        says,
        ("--eval-data", "{folder}/other.jsonl"),
        other,
        wrong=5,
    )
    says = ("8 records", "'class' is missing")
    column = ("--text-field", "class")
    yield Case(
        "--text-field names no column",
        "classify",
        "t.jsonl",
        in_lines(TEXTS).encode(),
        says,
        column,
        wrong=8,
    )
    column = ("--label-field", "class")
    yield Case(
        "--label-field names no column",
        "classify",
        "t.jsonl",
        in_lines(TEXTS).encode(),
        ("no answer",),
        column,
    )


def table_cases() -> Iterator[Case]:
    """Rows that have too few or too many columns, headers that name none or one twice."""
    rows: Callable[[str], str] = lambda third: f"text,label\na,yes\nb,no\n{third}\nd,no\n"  # noqa: E731
    uneven = {
        "one column": "c",
        "three columns": "c,yes,more",
        "an end amid quotes": '"c',
        "a quote amid a value": '"c"d,yes',
    }
    for name, row in uneven.items():
        yield Case(
            f"a row of a .csv with {name}", "classify", "texts.csv", rows(row).encode(), ("line 4",)
        )
        pairs = f"premise,hypothesis,label\na,b,yes\nc,d,no\n{row},e\ng,h,no\n"
        yield Case(
            f"a row of a .csv of pairs with {name}",
            "pairs",
            "pairs.csv",
            pairs.encode(),
            ("line 4",),
        )
    for name, row in {"one column": "c", "three columns": "c\tyes\tmore"}.items():
        content = rows("c,yes").replace(",", "\t").replace("c\tyes", row)
        yield Case(
            f"a row of a .tsv with {name}", "classify", "texts.tsv", content.encode(), ("line 4",)
        )
    headers = {
        "a name twice": ("text,text\n", "two columns"),
        "no names": ("a,yes\nb,no\n", "'text'"), "an empty name": (",label\na,yes\n", "'text'"),
        "no row below it": ("text,label\n", "no records"),
        "tabs and one row": ("text\tlabel\na\tyes\n", "held out"),
    }  # fmt: skip
    for name, (content, says) in headers.items():
        yield Case(
            f"a header of a .csv with {name}", "classify", "texts.csv", content.encode(), (says,)
        )
    labels = rows("c,").encode()
    yield Case(
        "a row of a .csv without its label",
        "classify",
        "texts.csv",
        labels,
        ("1 of the 4", "no label"),
        code=0,
    )
    tabs = rows("c,yes").replace(",", "\t").encode()
    yield Case(
        "a .csv with tabs", "classify", "texts.csv", tabs, ("tabs part its columns",), code=0
    )
    quoted = rows('"c, of two\nlines and ""quotes""",yes').encode()
    yield Case(
        "a row of a .csv with all that may be quoted",
        "classify",
        "texts.csv",
        quoted,
        ("yes",),
        code=0,
    )
