"""Sound labelled files of every task and format, and the ways in which the bytes of any of them can
be wrong, or only look it.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sslcli.data.files import zstd

Content = bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One line of `way` over one file. `says`: what its sentence must hold besides the file's name,
    or, of a line that works, what it says. `beside`: other files of the folder, which `flags` name
    as in {folder}/test.jsonl.
    """

    name: str
    task: str
    file: str
    content: Content
    says: Sequence[str] = ()
    flags: Sequence[str] = ()
    beside: Mapping[str, bytes] = field(default_factory=dict)
    code: int = 2
    way: str = "check"
    names_file: bool = True
    wrong: int = 1  # records, all of which --check names


def in_lines(records: Sequence[Any]) -> str:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def in_list(records: Sequence[Any]) -> str:
    return json.dumps(records, ensure_ascii=False, indent=1)


def in_table(records: Sequence[Mapping[str, Any]], separator: str) -> str:
    return "".join(
        f"{separator.join(map(str, row))}\n"
        for row in [list(records[0]), *(record.values() for record in records)]
    )


COUNT = 8
ANIMALS = ("cat", "dog")
TEXTS = [
    {"id": f"c{n}", "text": f"the {ANIMALS[n % 2]} sees {n}", "label": ("yes", "no")[n % 2]}
    for n in range(1, COUNT + 1)
]
SEVERAL = [{**record, "label": [["a"], ["a", "b"], []][n % 3]} for n, record in enumerate(TEXTS)]
NUMBERS = [{**record, "label": n + 0.5} for n, record in enumerate(TEXTS)]
PAIRS = [
    {
        "id": f"p{n}",
        "premise": f"the {ANIMALS[n % 2]} sees {n}",
        "hypothesis": f"the dog {n}",
        "label": ("entailment", "neutral")[n % 2],
    }
    for n in range(1, COUNT + 1)
]
MNLI = [
    {
        "index": n,
        "genre": "news",
        "sentence1": pair["premise"],
        "sentence2": pair["hypothesis"],
        "label1": "neutral",
        "gold_label": gold,
    }
    for n, (pair, gold) in enumerate(
        zip(PAIRS, ["entailment", "neutral", "-", "contradiction"] * 2, strict=True)
    )
]
XNLI = [
    {
        "language": ("en", "zh")[n // 4],
        "gold_label": pair["label"],
        "sentence1": pair["premise"],
        "sentence2": pair["hypothesis"],
    }
    for n, pair in enumerate(PAIRS)
]
XNLI_TRAIN = [
    {
        "premise": pair["premise"],
        "hypo": pair["hypothesis"],
        "label": pair["label"].replace("neutral", "contradictory"),
    }
    for pair in PAIRS
]
WORDS = [
    {
        "id": f"w{n}",
        "tokens": ["the", ANIMALS[n % 2], "sees", str(n)],
        "tags": ["DET", "NOUN", "VERB", "NUM"],
    }
    for n in range(1, COUNT + 1)
]
CONLLU = "".join(
    f"# sent_id = w{n}\n# text = the {ANIMALS[n % 2]} sees\n1\tthe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n"
    f"2\t{ANIMALS[n % 2]}\t_\tNOUN\tNN\t_\t3\tnsubj\t_\t_\n3\tsees\tsee\tVERB\tVBZ\t_\t0\troot\t_\t_\n\n"
    for n in range(1, COUNT + 1)
)
COLUMNS = "-DOCSTART- -X- -X- O\n\n" + "".join(
    f"the DT B-NP O\n{ANIMALS[n % 2]} NN I-NP B-PER\nsees VBZ B-VP O\n\n"
    for n in range(1, COUNT + 1)
)
PASSAGE = "the cat sees the dog in garden {}"
ANSWER = {"text": "dog", "answer_start": 17}
QUESTIONS = [
    {
        "id": f"q{n}",
        "context": PASSAGE.format(n),
        "question": "who",
        "answers": {"text": ["dog"], "answer_start": [17]},
    }
    for n in range(1, COUNT + 1)
]
SQUAD: dict[str, Any] = {
    "version": "1.1",
    "data": [
        {
            "title": "animals",
            "paragraphs": [
                {
                    "context": PASSAGE.format(n),
                    "qas": [{"id": f"q{n}", "question": "who", "answers": [dict(ANSWER)]}],
                }
                for n in range(1, COUNT + 1)
            ],
        }
    ],
}
SQUAD_2: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "animals",
            "paragraphs": [
                {
                    "context": PASSAGE.format(n),
                    "qas": [
                        {
                            "id": f"q{n}",
                            "question": "who",
                            "answers": [dict(ANSWER)],
                            "is_impossible": False,
                        },
                        {
                            "id": f"q{n}-none",
                            "question": "why",
                            "answers": [],
                            "plausible_answers": [dict(ANSWER)],
                            "is_impossible": True,
                        },
                    ],
                }
                for n in range(1, COUNT + 1)
            ],
        }
    ],
}
COURSE: dict[str, Any] = {
    "questions": [
        {
            "id": n,
            "paragraph_id": n,
            "question_text": "who",
            "answer_text": "dog",
            "answer_start": 17,
            "answer_end": 19,
        }
        for n in range(COUNT)
    ],
    "paragraphs": [PASSAGE.format(n) for n in range(COUNT)],
}
GENES = [
    {"id": f"g{n}", "sequence": "ACGT" * 2 + "ACGTT"[n % 5], "label": ("in", "out")[n % 2]}
    for n in range(1, COUNT + 1)
]

# (task, file) -> the sound text of it. The task's own examples are COUNT, or twice as many.
SOUND: Mapping[tuple[str, str], str] = {
    ("classify", "texts.jsonl"): in_lines(TEXTS),
    ("classify", "texts.json"): in_list(TEXTS),
    ("classify", "texts.csv"): in_table(TEXTS, ","),
    ("classify", "texts.tsv"): in_table(TEXTS, "\t"),
    ("classify", "several.jsonl"): in_lines(SEVERAL),
    ("classify", "numbers.jsonl"): in_lines(NUMBERS),
    ("pairs", "pairs.jsonl"): in_lines(PAIRS),
    ("pairs", "pairs.csv"): in_table(PAIRS, ","),
    ("pairs", "mnli.tsv"): in_table(MNLI, "\t"),
    ("pairs", "xnli.tsv"): in_table(XNLI, "\t"),
    ("pairs", "xnli.train.tsv"): in_table(XNLI_TRAIN, "\t"),
    ("tag", "words.conllu"): CONLLU,
    ("tag", "words.conll"): COLUMNS,
    ("tag", "words.jsonl"): in_lines(WORDS),
    ("tag", "words.json"): in_list(WORDS),
    ("qa", "squad.json"): json.dumps(SQUAD),
    ("qa", "squad2.json"): json.dumps(SQUAD_2, indent=1),
    ("qa", "course.json"): json.dumps(COURSE),
    ("qa", "flat.jsonl"): in_lines(QUESTIONS),
    ("qa", "flat.json"): json.dumps({"data": QUESTIONS}, indent=1),
    ("remap", "genes.fasta"): "".join(
        f">{g['id']} label={g['label']}\n{g['sequence'][:5]}\n{g['sequence'][5:]}\n" for g in GENES
    ),
    ("remap", "genes.fastq"): "".join(
        f"@{g['id']} {g['label']}\n{g['sequence']}\n+\n{'I' * 9}\n" for g in GENES
    ),
    ("remap", "genes.txt"): "".join(f"{g['sequence']}\t{g['label']}\n" for g in GENES),
    ("remap", "genes.jsonl"): in_lines(GENES),
}
WAYS = ("check", "evaluate", "predict", "train")


def sound_cases() -> Iterator[Case]:
    """What must work: the files as they are, and all that other systems and archives make of
    them.
    """
    looks: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
        "as it is": ("", lambda content: content),
        "lines that end in CRLF": ("", lambda content: content.replace(b"\n", b"\r\n")),
        "a byte order mark": ("", lambda content: b"\xef\xbb\xbf" + content),
        "UTF-16 with its mark": ("", lambda content: content.decode().encode("utf-16")),
        "lines that end in CR": ("", lambda content: content.replace(b"\n", b"\r")),
        "no end of the last line": ("", lambda content: content.rstrip(b"\n")),
        "empty lines at its end": ("", lambda content: content + b"\n\n\n"),
        "gzip": (".gz", gzip.compress),
        "gzip of two members": (
            ".gz",
            lambda content: gzip.compress(content[:40]) + gzip.compress(content[40:]),
        ),
        "zstandard": (".zst", zstd.compress),
    }
    for number, ((task, file), text) in enumerate(SOUND.items()):
        for place, (name, (suffix, made)) in enumerate(looks.items()):
            if name == "as it is" or (place + number) % 3 == 0:  # every look at every third file
                yield Case(
                    f"{file}: {name}",
                    task,
                    file + suffix,
                    made(text.encode()),
                    code=0,
                    way=WAYS[(place + number) % 4],
                )


def spoilt_cases() -> Iterator[Case]:
    """The same files with bytes that are wrong, whatever they were to hold."""
    for number, ((task, file), text) in enumerate(SOUND.items()):
        content, lines = text.encode(), text.encode().split(b"\n")
        middle = len(lines) // 2

        def at_middle(
            inserted: bytes, lines: Sequence[bytes] = lines, middle: int = middle
        ) -> bytes:
            return b"\n".join([*lines[:middle], lines[middle] + inserted, *lines[middle + 1 :]])

        place = "line" if file.rpartition(".")[2] != "json" else ""
        spoils: Sequence[tuple[str, str, Content, Sequence[str]]] = [
            ("nothing in it", "", b"", ()),
            ("white space alone", "", b" \n\t\n \n", ()),
            ("a byte order mark alone", "", b"\xef\xbb\xbf", ()),
            ("a NUL byte", "", at_middle(b"\0"), (place,)),
            ("a byte that is no UTF-8", "", at_middle(b"\xff"), (place, "UTF-8")),
            ("half a character at the end", "", content + b"\xe4\xbb", ("UTF-8",)),
            ("UTF-16 without a mark", "", text.encode("utf-16-le"), ()),
            (
                "gzip that is cut off",
                ".gz",
                gzip.compress(content)[:-12],
                ("cannot be read to its end",),
            ),
            (
                "gzip with a bit turned",
                ".gz",
                _turned(gzip.compress(content)),
                ("cannot be read to its end",),
            ),
            ("text that is called gzip", ".gz", content, ("cannot be read to its end",)),
            (
                "zstandard that is cut off",
                ".zst",
                zstd.compress(content)[:-9],
                ("cannot be read to its end",),
            ),
            (
                "gzip that is called zstandard",
                ".zst",
                gzip.compress(content),
                ("cannot be read to its end",),
            ),
            ("gzip without a word of it", "", gzip.compress(content), ()),
            ("a folder", "", lambda path: path.mkdir(), ("is a folder",)),
            ("no file at all", "", lambda path: None, ("there is no file",)),
            (
                "a link into nothing",
                "",
                lambda path: path.symlink_to("nowhere"),
                ("there is no file",),
            ),
            (
                "a link to itself",
                "",
                lambda path: path.symlink_to(path.name),
                ("cannot be opened",),
            ),
            (
                "what cannot be read",
                "",
                lambda path: path.symlink_to("/proc/self/mem"),
                ("cannot be read to its end",),
            ),
            ("a pipe into which nobody writes", "", os.mkfifo, ("nobody writes into the pipe",)),
        ]
        for order, (name, suffix, made, says) in enumerate(spoils):
            # every spoil of every third file; of lines, sentences and SQuAD all
            if (order + number) % 3 == 0 or number in (0, 11, 15):
                way = WAYS[(order + number // 3) % 4]
                # An error of the disk, of which --check tells as of any other fault of the data.
                code = 1 if name == "what cannot be read" and way != "check" else 2
                yield Case(f"{file}: {name}", task, file + suffix, made, says, code=code, way=way)


def _turned(content: bytes) -> bytes:
    """With another checksum."""
    return content[:-8] + bytes([content[-8] ^ 1]) + content[-7:]
