"""`ssl tokenize`: the flags of data and tokenizer, and those of the plugins that the line names."""

from collections.abc import Sequence

from sslcli.cli.naming import data_plugin_flags, said_by
from sslcli.cli.options import CONFIG, SET, Command, Flag, flags_for
from sslcli.settings import TokenizeSettings

SHARDS = "shards"
# they say how shards are used, not how they are made
NOT_HERE = ("data.evaluation", "data.sequence_tokens")
OWN = (
    Flag(
        "out",
        ("--out", "-o"),
        "folder to write, for --data of ssl pretrain",
        "Output",
        metavar="DIR",
        default=SHARDS,
    ),
    Flag("overwrite", ("--overwrite",), "replace what stands in the folder", "Output", "truth"),
    Flag(
        "show",
        ("--show",),
        "print the pieces of a text and write nothing",
        "Output",
        metavar="TEXT",
    ),
    CONFIG,
    SET,
)


def tokenize_command(words: Sequence[str]) -> Command:
    """Return the command `ssl tokenize`, with the options of the reader and tokenizer named."""
    flags = [*(flag for flag in flags_for(TokenizeSettings) if flag.key not in NOT_HERE), *OWN]
    flags += data_plugin_flags(words, said_by(words), flags)
    return Command(
        "tokenize",
        "Learn a tokenizer, or take one, and cut raw text into memory-mapped shards",
        flags,
        "sslcli.cli.actions.tokenizing:tokenize_action",
        (
            "ssl tokenize --data corpus.txt --vocabulary 8k --out shards",
            "ssl tokenize --data zh=news.jsonl.zst --tokenizer unigram --out shards-zh",
            'ssl tokenize --tokenizer-from shards/tokenizer --show "self-supervised learning"',
        ),
        check="sslcli.cli.line_checks:check_tokenize_line",
    )
