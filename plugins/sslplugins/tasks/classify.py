"""Classification, multi-label classification and regression: sentiment, topics, ratings; images."""

from sslcli.api import Annotated, DataError, Example, Record, SequenceTask, setting

TEXTS = ("text", "sentence", "review", "content")
ANSWERS = ("label", "labels", "sentiment", "score", "stars")


class Classify(SequenceTask["Classify.Options"]):
    """Classification, multi-label classification or regression on one text, or one image."""

    class Options(SequenceTask.Options):
        text_field: str = setting(
            "", "column of the text, where it has none of the usual names", "--text-field"
        )

    summary = "a class, several labels or a number for every text, or for every image"
    modalities = frozenset({"text", "images", "table", "sound"})
    text_options = SequenceTask.text_options | {"text_field"}
    records = "texts"
    text_columns, label_columns = TEXTS, ANSWERS
    prompt_names = ("text",)
    prompt_templates = {
        "en": "Text: {text}\nLabel: {label}",
        "zh": "文本：{text}\n类别：{label}\n---\n"
        "positive = 正面\nnegative = 负面\nneutral = 中性\nambivalent = 矛盾",
    }

    @classmethod
    def positional_fields(cls, options: Options) -> tuple[str, ...]:
        return (options.text_field or TEXTS[0],)

    @classmethod
    def asked_columns(cls, options: Options) -> tuple[str, ...]:
        return (options.text_field,) if options.text_field else ()

    @classmethod
    def parse(cls, options: Options, record: Record) -> Example:
        if record.item is not None:
            return cls.example(options, record, record.item, ANSWERS)
        columns = cls.asked_columns(options) or TEXTS
        columns = [name for name in columns if name in record.values][:1] or columns
        return cls.example(options, record, (record.text(*columns, may_be_empty=True),), ANSWERS)

    @classmethod
    def annotated(cls, options: Options, example: Example) -> Annotated:
        """Return one label for the whole text. Raises DataError where the label is not a class."""
        (text,) = example.data
        if not isinstance(example.gold, str):
            problem = "a number" if isinstance(example.gold, float) else "several labels"
            raise DataError(
                f"{example.where}: the answer is {problem}, and no class",
                "give texts with one class each",
            )
        return Annotated(text, [(0, len(text))], [example.gold], example.language)


class Sentiment(Classify):
    """`classify` for texts alone: what a text feels like, which no row of a table says."""

    summary = "a class, several labels or a number for every text"
    modalities = frozenset({"text"})
