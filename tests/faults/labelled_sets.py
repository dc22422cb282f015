"""Sets of examples that do not fit together, and names and texts that command terminals."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence

from labelled_files import GENES, PAIRS, QUESTIONS, SOUND, SQUAD, TEXTS, WORDS, Case, in_lines

NAMES = (
    "a\nb.jsonl", "\x1b[2J.jsonl", "名前.jsonl", "a b 'c'.jsonl", "-x.jsonl", "[red]a.jsonl",
    "%s{x}.jsonl", "a\tb.jsonl", "e\u0301.jsonl",
)  # fmt: skip
RING, CLEAR = "\a", "\x1b[2J\x1b]0;title\a"


def set_cases() -> Iterator[Case]:
    texts = in_lines(TEXTS).encode()
    alone = in_lines([{**record, "label": "yes"} for record in TEXTS]).encode()
    bare = in_lines([{"text": record["text"]} for record in TEXTS]).encode()
    yield Case("one class alone", "classify", "texts.jsonl", alone, ("'yes'",), names_file=False)
    yield Case(
        "one class alone of pairs",
        "pairs",
        "pairs.jsonl",
        in_lines([PAIRS[0], {**PAIRS[0], "id": "x"}]).encode(),
        names_file=False,
    )
    yield Case("no answer anywhere", "classify", "texts.jsonl", bare, ("record 1", "no answer"))
    yield Case("one record", "classify", "texts.jsonl", in_lines(TEXTS[:1]).encode(), ("held out",))
    passage = [{**record, "context": QUESTIONS[0]["context"]} for record in QUESTIONS]
    yield Case(
        "questions about one passage", "qa", "flat.jsonl", in_lines(passage).encode(), ("held out",)
    )
    for task, records in {
        "classify": TEXTS,
        "pairs": PAIRS,
        "tag": WORDS,
        "qa": QUESTIONS,
        "remap": GENES,
    }.items():
        twice = in_lines([*records, records[1]]).encode()
        yield Case(
            f"{task}: an id twice",
            task,
            "records.jsonl",
            twice,
            ("record 9", "record 2", f"'{records[1]['id']}'"),
        )
    squad = copy.deepcopy(SQUAD)
    squad["data"][0]["paragraphs"].append(squad["data"][0]["paragraphs"][1])
    yield Case(
        "SQuAD: an id twice",
        "qa",
        "squad.json",
        json.dumps(squad).encode(),
        ("q2", "record 9", "record 2"),
    )
    yield from _evaluation_cases(texts, bare)
    yield from _reference_cases(texts)
    yield from _overlap_cases()


def _evaluation_cases(texts: bytes, bare: bytes) -> Iterator[Case]:
    """What is sound by itself and cannot be scored by a model of the training data, and what is not
    sound in any file.
    """
    strangers: Mapping[str, tuple[bytes, int, Sequence[str]]] = {
        "a label that training has not": (
            in_lines([{"text": "a", "label": "perhaps"}]).encode(),
            1,
            ("record 1", "'perhaps'"),
        ),
        "a list for a label": (
            in_lines([{"text": "a", "label": ["yes", "no"]}]).encode(),
            1,
            ("record 1", "is a list"),
        ),
        "no labels": (bare, 1, ("record 1", "no answer")),
        "nothing": (b"", 1, ("no records",)),
        "an id twice": (in_lines([TEXTS[0], TEXTS[0]]).encode(), 1, ("record 2", "'c1'")),
        "pairs": (in_lines(PAIRS).encode(), 8, ("record 1", "'text'")),
        "questions": (in_lines(QUESTIONS).encode(), 8, ("record 1", "'text'")),
        "broken JSON": (texts + b"{", 1, ("record 9", "not JSON")),
    }
    for name, (content, wrong, says) in strangers.items():
        for flag in ("--eval-data", "--test-data"):
            yield _beside(
                f"{flag} with {name}", "classify", "texts.jsonl", content, says, flag, wrong
            )
    for name, label in {"a word": "yes", "a list": ["yes"]}.items():
        other = in_lines([{"text": "a", "label": label}]).encode()
        yield _beside(
            f"{name} to evaluate numbers with",
            "classify",
            "numbers.jsonl",
            other,
            ("record 1", "'yes'", "is no number"),
        )
    other = in_lines([{"text": "a", "label": ["a", "z"]}]).encode()
    yield _beside(
        "a label of several that training has not",
        "classify",
        "several.jsonl",
        other,
        ("record 1", "'z'"),
    )
    for (task, file), says in {
        ("qa", "flat.jsonl"): "'context'",
        ("pairs", "pairs.jsonl"): "'premise'",
    }.items():
        yield _beside(
            f"texts to evaluate {task} with", task, file, texts, ("record 1", says), wrong=8
        )
    yield _beside(
        "texts to evaluate tags with",
        "tag",
        "words.jsonl",
        texts,
        ("record 1", "no answer"),
        wrong=8,
    )


def _beside(
    name: str,
    task: str,
    file: str,
    other: bytes,
    says: Sequence[str],
    flag: str = "--eval-data",
    wrong: int = 1,
) -> Case:
    """A sound file to train on, and another one."""
    flags, files = (flag, "{folder}/other.jsonl"), {"other.jsonl": other}
    return Case(
        name,
        task,
        file,
        SOUND[task, file].encode(),
        ("other.jsonl", *says),
        flags,
        files,
        names_file=False,
        wrong=wrong,
    )


def _reference_cases(texts: bytes) -> Iterator[Case]:
    references = {
        "a scheme that is none": ("no:thing", ()), "a suite without its folder": ("glue:cola/train",
        ("glue:cola",)),
        "a generated corpus without such": ("demo:nothing", ("demo:nothing",)),
        "an empty name": ("", ()), "a folder": (".", ()),
        "a device": ("/dev/null", ()), "a name that no disk takes": ("x" * 5_000 + ".jsonl", ()),
        "a pattern": ("*.jsonl", ("*.jsonl",)), "no suffix": ("texts", ("there is no file",)),
        "another suffix": ("texts.docx", ("no kind",)),
        "a suffix of packing alone": ("texts.gz", ("there is no file",)),
    }  # fmt: skip
    for name, (reference, says) in references.items():
        yield Case(
            f"--eval-data names {name}",
            "classify",
            "texts.jsonl",
            texts,
            says,
            ("--eval-data", reference),
            names_file=False,
        )
    nul = ("--eval-data", "a\0b.jsonl")
    yield Case(
        "--eval-data names a NUL",
        "classify",
        "texts.jsonl",
        texts,
        ("NUL",),
        nul,
        names_file=False,
    )
    chinese = in_lines([{**pair, "language": "zh"} for pair in PAIRS]).encode()
    yield Case(
        "a language that no row has",
        "pairs",
        "pairs.jsonl",
        chinese,
        ("'en'",),
        ("--language", "en"),
    )
    for task in ("tag", "qa", "remap"):
        yield Case(f"{task}: a file of no kind", task, "records.docx", texts, ("no kind",))


def _overlap_cases() -> Iterator[Case]:
    """No error: the figures can be had, and are said to be too good."""
    for task, file in (("classify", "texts.jsonl"), ("tag", "words.conllu"), ("qa", "squad.json")):
        content, copied = SOUND[task, file].encode(), f"{{folder}}/copy.{file}"
        flags, files = ("--eval-data", copied, "--test-data", copied), {f"copy.{file}": content}
        says = (
            f"8 of 8 {what} examples stand in the training data too"
            for what in ("held-out", "test")
        )
        says = (*says, f"copy.{file}, record 1", f"/{file}, record")
        for way in ("check", "train"):
            yield Case(
                f"{file}: all of it to test with, too",
                task,
                file,
                content,
                says,
                flags,
                files,
                0,
                way,
            )


def terminal_cases() -> Iterator[Case]:
    """Whatever stands in a file or its name, nothing of it reaches the terminal raw."""
    strange = [
        {**record, "label": f"{record['label']}{CLEAR}", "text": f"{record['text']}{RING}"}
        for record in TEXTS
    ]
    for way in ("check", "train"):
        yield Case(
            f"labels that command a terminal ({way})",
            "classify",
            "texts.jsonl",
            in_lines(strange).encode(),
            code=0,
            way=way,
        )
    for label in (CLEAR, "[red]x[/red]", "[/nothing]", "\u202eback", "two\nlines"):
        other = in_lines([{"text": "a", "label": label}]).encode()
        yield _beside(
            f"an unknown label {label!r}", "classify", "texts.jsonl", other, ("record 1",)
        )
        marked = in_lines(
            [{**record, "label": f"{record['label']}{label}"} for record in TEXTS]
        ).encode()
        yield Case(f"labels with {label!r}", "classify", "texts.jsonl", marked, code=0, way="train")
    twice = in_lines([{**record, "id": CLEAR} for record in TEXTS]).encode()
    yield Case("an id that commands a terminal", "classify", "texts.jsonl", twice, ("record 2",))
    columns = f"a{CLEAR},text\nx,y\n".encode()
    yield Case("a column that commands a terminal", "pairs", "p.csv", columns, ("'premise'",))
    answers = copy.deepcopy(QUESTIONS)
    answers[2]["answers"] = {"text": [CLEAR], "answer_start": [0]}
    yield Case(
        "an answer that commands a terminal",
        "qa",
        "flat.jsonl",
        in_lines(answers).encode(),
        ("record 3",),
    )
    broken = in_lines([{"text": 3}]).encode()
    for name in NAMES:
        yield Case(
            f"a file called {name!r}",
            "classify",
            name,
            broken,
            ("record 1", "'text'"),
            names_file=name.isprintable(),
        )
        yield Case(
            f"a sound file called {name!r}",
            "classify",
            name,
            in_lines(TEXTS).encode(),
            code=0,
            names_file=False,
        )
    yield Case(
        "a file whose name is no UTF-8",
        "classify",
        "a\udcff.jsonl",
        broken,
        ("half a character",),
        names_file=False,
    )
    unicode_ids = in_lines(
        [{**record, "id": f"名 {record['id']} \u0301"} for record in TEXTS]
    ).encode()
    yield Case("ids in any script", "classify", "texts.jsonl", unicode_ids, code=0, way="train")
