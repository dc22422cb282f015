"""JSON of others, as the tasks with one label for a text read it: lines, lists, wrappers and the
layouts of pandas.
"""

import json

from reader_oddities import Oddity

RECORDS = [{"text": "good film", "label": "pos"}, {"text": "bad film", "label": "neg"}]
READ = [(("good film",), "pos"), (("bad film",), "neg")]
LINES = "".join(f"{json.dumps(record)}\n" for record in RECORDS)
COLUMNS = {"text": {"0": "good film", "1": "bad film"}, "label": {"0": "pos", "1": "neg"}}
SPLIT = {
    "columns": ["text", "label"],
    "index": [0, 1],
    "data": [["good film", "pos"], ["bad film", "neg"]],
}
INDEX = {str(number): record for number, record in enumerate(RECORDS)}
LISTS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


def row(file, oddity, content, outcome="read 2", words=(), **more):
    text = content if isinstance(content, str) else json.dumps(content)
    examples = READ if outcome == "read 2" else ()
    return Oddity(
        "classify",
        file,
        oddity,
        text,
        outcome,
        words,
        examples,
        **{"said": None if words else False, **more},
    )


def wrong(file, oddity, content, *words, outcome="refused"):
    return row(file, oddity, content, outcome, words, said=None)


ODDITIES = [
    row("a.json", "nothing odd", RECORDS),
    row("a.jsonl", "nothing odd", LINES),
    row("a.json", "lines", LINES),
    row("a.json", "lines with CRLF", LINES.replace("\n", "\r\n")),
    row("a.json", "lines with bare CR", LINES.replace("\n", "\r")),
    row("a.json", "one line", json.dumps(RECORDS[0]), "read 1", predicts=True),
    row(
        "a.json",
        "objects over several lines",
        "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    ),
    row(
        "a.jsonl",
        "objects over several lines",
        "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    ),
    row("a.json", "objects with nothing between", LINES.replace("\n", "")),
    row("a.jsonl", "a list", json.dumps(RECORDS)),
    row("a.jsonl", "a list over several lines", json.dumps(RECORDS, indent=2)),
    row("a.jsonl", "a byte order mark", f"\ufeff{LINES}"),
    row("a.json", "wrapped as data", {"version": "1.0", "data": RECORDS}),
    row("a.json", "wrapped as train", {"train": RECORDS}),
    wrong(
        "a.json",
        "several splits",
        {"train": RECORDS, "test": RECORDS},
        "several lists",
        "'train', 'test'",
    ),
    row("a.json", "pandas' columns", COLUMNS),
    row("a.json", "pandas' split", SPLIT),
    row("a.json", "pandas' index", INDEX),
    row("a.json", "pandas' table", {"schema": {"fields": []}, "data": RECORDS}),
    row(
        "a.json",
        "pandas' values and named columns",
        SPLIT["data"],
        data={"columns": ("text", "label")},
    ),
    wrong("a.json", "pandas' values", SPLIT["data"], "record 1 is not an object but list"),
    wrong(
        "a.json",
        "pandas' columns of a named index",
        {"text": {"a": "x", "b": "y"}, "label": {"a": "p", "b": "n"}},
        "orient",
    ),
    wrong(
        "a.json",
        "split with a short row",
        {**SPLIT, "data": [["x"]]},
        "record 1 has 1 values for 2 columns",
    ),
    row("a.json", "lists by column", LISTS),
    wrong(
        "a.json", "lists by column of two lengths", {**LISTS, "label": ["pos"]}, "different lengths"
    ),
    wrong("a.json", "an object of nothing", {"rows": []}, "no list of records"),
    wrong("a.json", "cut off", json.dumps(RECORDS)[:-5], "is not JSON"),
    wrong(
        "a.json", "lines of which one is cut off", f"{LINES}{LINES[:20]}\n", "record 3 is not JSON"
    ),
    wrong(
        "a.json",
        "lines of which the first is cut off",
        f"{LINES[:20]}\n{LINES}",
        "record 1 is not JSON",
    ),
    wrong(
        "a.json",
        "lines of which the first has NaN",
        '{"text": "a", "label": NaN}\n' + LINES,
        "record 1",
        "NaN is no finite number",
    ),
    Oddity(
        "classify",
        "a.json",
        "lines without the first, which is cut off",
        f"{LINES[:20]}\n{LINES}",
        "read 2",
        ("1 of 3 records cannot be used",),
        READ,
        data={"skip_bad_records": 1},
    ),
    wrong(
        "a.json", "one object cut off", json.dumps(RECORDS[0], indent=1)[:-3], "a.json is not JSON"
    ),
    wrong(
        "a.json",
        "a list of objects beside another",
        {"features": [], "rows": RECORDS},
        "a list of objects ('rows') beside others",
    ),
    wrong("a.json", "a list and something behind", f"{json.dumps(RECORDS)} end", "is not JSON"),
    wrong(
        "a.jsonl", "a comma behind each line", LINES.replace("\n", ",\n"), "record 1 is not JSON"
    ),
    wrong("a.jsonl", "a list among objects", f"{LINES}[1]\n", "record 3 is not an object but list"),
    wrong(
        "a.jsonl", "a name twice", '{"text": "a", "text": "b"}\n', "record 1", "'text' stands twice"
    ),
    wrong("a.jsonl", "NaN", '{"text": "a", "label": NaN}\n', "record 1", "NaN is no finite number"),
    Oddity(
        "classify",
        "a.jsonl",
        "a text in another column",
        f'{LINES}{{"review": "c", "label": "pos"}}\n',
        "read 3",
        ("some records have 'text' and some 'review'", "--text-field"),
    ),
    wrong(
        "a.jsonl",
        "a label in another column",
        f'{LINES}{{"text": "c", "stars": 3}}\n',
        "record 3",
        "'stars'",
        outcome="asked",
    ),
    Oddity(
        "classify",
        "a.jsonl",
        "two labels in another column",
        f'{LINES}{{"text": "c", "stars": 3}}\n{{"text": "d", "stars": 3}}\n',
        "read 2",
        ("2 of 4 records cannot be used",),
        READ,
        data={"skip_bad_records": "all"},
    ),
    row(
        "a.jsonl",
        "a null label beside another column",
        f'{LINES}{{"text": "c", "label": null, "score": 0.9}}\n',
        "read 2",
        ("1 of the 3 examples", "no label"),
    ),
]
