"""`ssl generate`: its own flags, and the request flags of the model's objective."""

from collections.abc import Sequence

from sslcli.cli.naming import request_flags
from sslcli.cli.options import Command, Flag, asks_for_help, flags_for, peek
from sslcli.runs.references import ASKED, CHATTED, LATEST
from sslcli.workflows.evaluate.shot_settings import ShotSettings

CHAT_ACTION = "sslcli.cli.actions.chatting:chat_action"
CHAT_CHECK = "sslcli.cli.chat_checks:check_chat_line"
OWN = (
    Flag("text", (), "text with [MASK] to be filled in, or to be continued", metavar="TEXT"),
    Flag(
        "texts",
        ("--data", "-d"),
        "file of texts, each answered by itself: one a line, or one in every record of JSON lines, "
        "JSON, a table or Arrow; '-' is standard input",
        metavar="FILE",
    ),
    Flag(
        "text_field",
        ("--text-field",),
        "field of the records of --data that holds the text; 'text', or the only one, when not "
        "given",
        metavar="NAME",
    ),
    Flag(
        "model",
        ("--model", "-m"),
        "run (name, folder, @latest, @best:mlm) or model directory",
        "Model",
        metavar="RUN",
        default=LATEST,
    ),
    Flag(
        "seed",
        ("--seed",),
        "everything random follows from it",
        "Request",
        metavar="N",
        default="42",
    ),
    Flag(
        "out",
        ("--out", "-o"),
        "folder for images that are made, with their numbers, or for recordings; below the run "
        "when not given",
        "Output",
        metavar="DIR",
    ),
    *flags_for(ShotSettings),
    Flag(
        "show_prompt",
        ("--show-prompt",),
        "print what the model would read, and write nothing, with --shots",
        "In context",
        "truth",
    ),
    Flag(
        "chat",
        ("--chat",),
        "the text is what a user says, and the model answers by its chat template, with the "
        "likeliest token where nothing else is said; without a text a conversation, line by line; "
        "--data may be records of turns",
        "Conversation",
        "truth",
    ),
    Flag(
        "system",
        ("--system",),
        "what stands before a conversation, with --chat",
        "Conversation",
        metavar="TEXT",
    ),
)


def generate_command(words: Sequence[str]) -> Command:
    """Return the command `ssl generate`, with the request flags of the model's objective."""
    named, chats = peek(words, "--model", "-m"), "--chat" in words
    use = CHATTED if chats else ASKED
    flags = (
        OWN
        if asks_for_help(words) and not named
        else (*OWN, *request_flags([LATEST, *named][-1], OWN, use))
    )
    return Command(
        "generate",
        (
            "Fill the blanks of a text, continue it, or write it anew, as the model was trained; "
            "with --model, --help lists the model's own flags too"
        ),
        flags,
        CHAT_ACTION if chats else "sslcli.cli.actions.generating:generate_action",
        (
            'ssl generate "julia lives in [MASK]." --model @latest:mlm',
            'ssl generate "Once upon a time" --model @latest:clm --new-tokens 60 --temperature 0.7',
            "ssl generate --data questions.txt --model models/smollm2 --beams 4 --json",
            'ssl generate "a fine day" --shots labelled.jsonl --task sentiment --model DIR',
            "ssl generate --model @latest:vae --n 16 --out samples",
            "ssl generate --model @latest:disentangle --content a.wav --style b.wav --out spoken",
            'ssl generate --chat "Is the sky blue?" --system "Answer in one word." --model DIR',
        ),
        check=CHAT_CHECK if chats else "sslcli.cli.generate_checks:check_generate_line",
    )
