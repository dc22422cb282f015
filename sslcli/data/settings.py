"""Settings of data and tokenizer, without torch."""

from typing import Any, Literal

from sslcli.config import Config, Count, setting


class DataSettings(Config):
    """Training and held-out data, and how they become samples."""

    train: tuple[str, ...] = setting(
        ("demo:world",),
        "file, folder, glob, '-' or demo:NAME; 'zh=PATH' says the language",
        "--data",
        "-d",
        panel="Data",
    )
    evaluation: tuple[str, ...] = setting(
        (),
        "held-out data; a share of the training data when not given",
        "--eval-data",
        panel="Data",
    )
    held_out: float = setting(
        0.01, "share of the documents that is held out for evaluation", gt=0, lt=1
    )
    reader: str | None = setting(
        None, "reader plugin; chosen by suffix or scheme when not given", "--reader", panel="Data"
    )
    reader_options: dict[str, Any] = setting({}, "options of the reader plugin")
    sequence_tokens: Count = setting(
        128, "longest sample, special tokens included", "--seq-len", panel="Data", gt=3
    )
    unit: Literal["fill", "sentence"] = setting(
        "fill", "a sample holds as many sentences as fit, or one"
    )
    language_exponent: float = setting(
        0.7,
        "languages are sampled in proportion to (their samples) ** this; 1: by size, 0: equally",
        "--language-exponent",
        panel="Data",
        ge=0,
        le=1,
    )
    sentence_rules: Literal[1, 2] = setting(
        2,
        "version of the rules that split text into sentences; a run keeps that it was started with",
    )
    only: tuple[str, ...] = setting(
        (),
        "train on what has this label alone, as on normal examples; images and tables",
        "--only",
        panel="Data",
    )
    limit: Count | None = setting(
        None, "read only this many documents (for testing)", "--limit", panel="Data", gt=0
    )


class TokenizerSettings(Config):
    """The tokenizer: learned from the data, or taken."""

    kind: str | None = setting(
        None,
        (
            "tokenizer plugin: wordpiece, bpe, unigram; wordpiece "
            "for encoders and bpe for decoders when not given"
        ),
        "--tokenizer",
        panel="Data",
    )
    vocabulary: Count = setting(
        8_000, "number of pieces to learn", "--vocabulary", panel="Data", gt=5
    )
    source: str | None = setting(
        None,
        "take the tokenizer of this run, model directory or tokenizer.json",
        "--tokenizer-from",
        panel="Data",
    )
    options: dict[str, Any] = setting({}, "options of the tokenizer plugin")
