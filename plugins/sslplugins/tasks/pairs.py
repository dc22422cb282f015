"""Text-pair classification and regression: inference (MNLI, SNLI, XNLI), paraphrase, similarity."""

from collections.abc import Iterator
from dataclasses import replace

from sslcli.api import DataError, Example, Record, SequenceTask, setting

TEXTS = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("text", "text_pair"), ("question",
    "sentence"), ("question1", "question2"),
    ("text1", "text2"), ("premise", "hypo"), ("#1 String", "#2 String"),
)  # fmt: skip
ANSWERS = ("label", "gold_label", "labels", "score", "is_duplicate", "Quality")
# the machine-translated training data of XNLI has its own word
RENAMED = {"contradictory": "contradiction"}


class Pairs(SequenceTask["Pairs.Options"]):
    """Classification or regression on a pair of texts."""

    class Options(SequenceTask.Options):
        first_field: str = setting(
            "", "column of the first text, where it has none of the usual names", "--first-field"
        )
        second_field: str = setting("", "column of the second text", "--second-field")
        language: str = setting(
            "",
            "only the rows whose column 'language' says this (XNLI); all of them when not given",
            "--language",
        )

    summary = "a class or a number for two texts together: inference, paraphrases, similarity"
    records = "pairs"
    special_tokens = frozenset({"sep"})
    text_columns, label_columns, text_flags = TEXTS, ANSWERS, "--first-field and --second-field"
    prompt_names = ("premise", "hypothesis")
    prompt_templates = {
        "en": "Premise: {premise}\nHypothesis: {hypothesis}\nLabel: {label}",
        "zh": "前提：{premise}\n假设：{hypothesis}\n关系：{label}\n---\n"
        "entailment = 蕴含\nneutral = 中立\ncontradiction = 矛盾",
    }

    @classmethod
    def positional_fields(cls, options: Options) -> tuple[str, ...]:
        return (
            (options.first_field, options.second_field)
            if options.first_field and options.second_field
            else TEXTS[0]
        )

    @classmethod
    def asked_columns(cls, options: Options) -> tuple[str, ...]:
        return (options.first_field, options.second_field) if options.first_field else ()

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        texts = tuple(
            record.text(column, may_be_empty=True) for column in _columns(options, record)
        )
        example = cls.example(options, record, texts, ANSWERS)
        label = (
            RENAMED.get(example.gold, example.gold)
            if isinstance(example.gold, str)
            else example.gold
        )
        return replace(example, gold=label)

    @classmethod
    def chosen(
        cls, options: Options, records: Iterator[Record], reference: str
    ) -> Iterator[Record]:
        """Yield the records of --language. Raises DataError where there is none."""
        languages, found = set(), False
        for record in super().chosen(options, records, reference):
            if not record.is_readable:
                yield record  # whoever parses it is given the reason
                continue
            language = record.find("language")[1]
            if options.language and language is not None and language != options.language:
                languages.add(str(language))
            else:
                found = True
                yield record
        if not found and languages:
            raise DataError(
                f"{reference} has no row in '{options.language}'",
                f"it has {', '.join(sorted(languages)[:20])}",
            )


def _columns(options: Pairs.Options, record: Record) -> tuple[str, str]:
    """Return the first usual pair of columns that the record has.

    Where it has none, return the pair whose absence the error names.
    """
    if options.first_field and options.second_field:
        return options.first_field, options.second_field
    return next(
        (pair for pair in TEXTS if all(column in record.values for column in pair)), TEXTS[0]
    )
