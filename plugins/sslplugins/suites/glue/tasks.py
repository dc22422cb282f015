"""GLUE's tasks: columns, labels, metrics, and the files that the leaderboard takes.

Wang et al. 2019 (arXiv 1804.07461), table 1; file names and sizes are those of gluebenchmark.com.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# in the order of the numbers in the Hugging Face layout
NLI = ("entailment", "neutral", "contradiction")
ENTAILED = ("entailment", "not_entailment")
BINARY = ("0", "1")
ONE_DEV: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "dev": ("dev", "validation"),
    "test": ("test",),
}
MATCHED: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "dev_matched": ("dev_matched", "validation_matched"),
    "dev_mismatched": ("dev_mismatched", "validation_mismatched"),
    "test_matched": ("test_matched",),
    "test_mismatched": ("test_mismatched",),
    "diagnostic": ("diagnostic", "ax", "test"),
}


@dataclass(frozen=True)
class Sheet:
    """One file of a submission: its name without suffix, and the size of the official test set."""

    name: str
    rows: int


@dataclass(frozen=True)
class GlueTask:
    """One task of GLUE.

    `folders`, `splits`: their names, case ignored. `texts`: the text columns, by layout. `labels`
    is empty for regression. `elsewhere`: splits that are in folders of their own.
    """

    name: str
    folders: Sequence[str]
    texts: Sequence[Sequence[str]]
    scores: Sequence[str]
    sheets: Mapping[str, Sheet]
    labels: Sequence[str] = BINARY
    answer: Sequence[str] = ("label",)
    splits: Mapping[str, Sequence[str]] = field(default_factory=lambda: ONE_DEV)
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def evaluations(self) -> Sequence[str]:
        """The labelled development splits; MNLI has two, matched and mismatched."""
        return [split for split in self.splits if split.startswith("dev")]


PAIR = ("sentence1", "sentence2")
TASKS: Mapping[str, GlueTask] = {
    task.name: task
    for task in (
        GlueTask("cola", ("CoLA",), [("sentence",)], ["matthews"], {"test": Sheet("CoLA", 1_063)}),
        GlueTask(
            "sst-2",
            ("SST-2", "SST2", "SST"),
            [("sentence",)],
            ["accuracy"],
            {"test": Sheet("SST-2", 1_821)},
        ),
        GlueTask(
            "mrpc",
            ("MRPC",),
            [("#1 String", "#2 String"), PAIR],
            ["f1", "accuracy"],
            {"test": Sheet("MRPC", 1_725)},
            answer=("Quality", "label"),
        ),
        GlueTask(
            "sts-b",
            ("STS-B", "STSB", "STS"),
            [PAIR],
            ["pearson", "spearman"],
            {"test": Sheet("STS-B", 1_379)},
            labels=(),
            answer=("score", "label"),
        ),
        GlueTask(
            "qqp",
            ("QQP",),
            [("question1", "question2")],
            ["f1", "accuracy"],
            {"test": Sheet("QQP", 390_965)},
            answer=("is_duplicate", "label"),
        ),
        GlueTask(
            "mnli",
            ("MNLI",),
            [PAIR, ("premise", "hypothesis")],
            ["accuracy"],
            {
                "test_matched": Sheet("MNLI-m", 9_796),
                "test_mismatched": Sheet("MNLI-mm", 9_847),
                "diagnostic": Sheet("AX", 1_104),
            },
            labels=NLI,
            answer=("gold_label", "label"),
            splits=MATCHED,
            elsewhere={"diagnostic": ("diagnostic", "AX")},
        ),
        GlueTask(
            "qnli",
            ("QNLI",),
            [("question", "sentence")],
            ["accuracy"],
            {"test": Sheet("QNLI", 5_463)},
            labels=ENTAILED,
        ),
        GlueTask(
            "rte", ("RTE",), [PAIR], ["accuracy"], {"test": Sheet("RTE", 3_000)}, labels=ENTAILED
        ),
        GlueTask("wnli", ("WNLI",), [PAIR], ["accuracy"], {"test": Sheet("WNLI", 146)}),
    )
}
SHEETS: Mapping[str, Sheet] = {
    f"{sheet.name}.tsv": sheet for task in TASKS.values() for sheet in task.sheets.values()
}
