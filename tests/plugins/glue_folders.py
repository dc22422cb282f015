"""A small glue_data as the classic download lays it out, with its oddities."""

from pathlib import Path

NLI_TRAIN = [
    "index", "promptID", "pairID", "genre", "sentence1_binary_parse", "sentence2_binary_parse",
    "sentence1_parse", "sentence2_parse",
    "sentence1", "sentence2", "label1", "gold_label",
]  # fmt: skip
NLI_DEV = [*NLI_TRAIN[:-2], "label1", "label2", "label3", "label4", "label5", "gold_label"]
NLI_TEST = NLI_TRAIN[:-2]
STS = [
    "index",
    "genre",
    "filename",
    "year",
    "old_index",
    "source1",
    "source2",
    "sentence1",
    "sentence2",
]
MRPC = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
QQP = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"]


def write(path: Path, *rows, mark=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        mark + "".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8"
    )


def nli(number, first, second, *labels):
    return [
        number,
        "31193",
        "31193n",
        "government",
        "( ( a ) )",
        "( b )",
        "(ROOT a)",
        "(ROOT b)",
        first,
        second,
        *labels,
    ]


def similar(number, first, second, *score):
    return [
        number,
        "main-captions",
        "MSRvid",
        "2012test",
        "0001",
        "none",
        "none",
        first,
        second,
        *score,
    ]


def make_glue_data(folder: Path) -> Path:
    """Every task, with files of two rows or so."""
    for name in ("train", "dev"):
        write(
            folder / "CoLA" / f"{name}.tsv",
            ["gj04", 1, "", 'He said "no.'],
            ["gj04", 0, "*", "Said he the."],
        )
        write(
            folder / "SST-2" / f"{name}.tsv",
            ["sentence", "label"],
            ['a " fine film ', 1],
            ["dull ", 0],
        )
        write(
            folder / "MRPC" / f"{name}.tsv",
            MRPC,
            [1, 10, 11, "A b.", "B a."],
            [0, 12, 13, "C.", "D."],
            mark="\ufeff",
        )
        write(
            folder / "STS-B" / f"{name}.tsv",
            [*STS, "score"],
            similar(0, "a plane", "an aeroplane", "5.000"),
            similar(1, "a", "b", "0.25"),
        )
        broken = [[2, 5, 6, "half a question"], ["the other half", "what", 0]]
        write(
            folder / "QQP" / f"{name}.tsv",
            QQP,
            [0, 1, 2, "why?", "how so?", 1],
            *broken,
            [3, 7, 8, "who?", "", 0],
        )
        write(folder / "QNLI" / f"{name}.tsv", ["index", "question", "sentence", "label"], [0,
            "who?", "Ann.", "entailment"],
              [1, "who?", "No.", "not_entailment"])  # fmt: skip
        for task, labels in (("RTE", ("entailment", "not_entailment")), ("WNLI", (1, 0))):
            write(
                folder / task / f"{name}.tsv",
                ["index", "sentence1", "sentence2", "label"],
                *[[n, "a", "b", labels[n]] for n in (0, 1)],
            )
    write(
        folder / "MNLI" / "train.tsv",
        NLI_TRAIN,
        nli(0, "a", "b", "neutral", "neutral"),
        nli(1, "c", "d", "entailment", "entailment"),
    )
    for kind in ("matched", "mismatched"):
        votes = ["neutral", "entailment", "neutral", "entailment"]
        rows = [
            nli(0, "a", "b", *votes, "contradiction", "-"),
            nli(1, "c", "d", *votes, "neutral", "neutral"),
        ]
        write(folder / "MNLI" / f"dev_{kind}.tsv", NLI_DEV, *rows)
        write(
            folder / "MNLI" / f"test_{kind}.tsv",
            NLI_TEST,
            *[nli(number, "a", "b") for number in range(3)],
        )
    write(
        folder / "diagnostic" / "diagnostic.tsv",
        ["index", "sentence1", "sentence2"],
        [0, "a", "b"],
        [1, "b", "a"],
    )
    for task in ("CoLA", "SST-2"):
        write(folder / task / "test.tsv", ["index", "sentence"], [0, "Bill whistled."], [1, "x"])
    write(folder / "MRPC" / "test.tsv", ["index", *MRPC[1:]], [0, 20, 21, "A.", "B."])
    write(folder / "STS-B" / "test.tsv", STS, similar(0, "a", "b"))
    write(folder / "QQP" / "test.tsv", ["id", "question1", "question2"], [0, "a?", "b?"])
    write(folder / "QNLI" / "test.tsv", ["index", "question", "sentence"], [0, "a?", "b."])
    for task in ("RTE", "WNLI"):
        write(folder / task / "test.tsv", ["index", "sentence1", "sentence2"], [0, "a", "b"])
    return folder
