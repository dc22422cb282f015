"""`ssl fetch`: its flags."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Flag


def fetch_command(words: Sequence[str]) -> Command:
    """Return the command `ssl fetch`."""
    return Command(
        "fetch",
        "Fetch a model of a hub into the cache that all tools share; no other command uses a "
        "network",
        (
            Flag(
                "model",
                (),
                "model on the hub, hf:ORG/NAME or hf:ORG/NAME@REVISION",
                metavar="MODEL",
                required=True,
            ),
            Flag(
                "revision",
                ("--revision",),
                "branch, tag or commit; it is recorded as the commit that it means now",
                metavar="REVISION",
                default="main",
            ),
        ),
        "sslcli.cli.actions.fetching:fetch_action",
        (
            "ssl fetch hf:google-bert/bert-base-uncased",
            "ssl fetch hf:openai-community/gpt2 --revision main",
        ),
        check="sslcli.cli.fetch_checks:check_fetch_line",
    )
