"""`ssl doctor`: its flags."""

from collections.abc import Sequence

from sslcli.cli.options import Command


def doctor_command(words: Sequence[str]) -> Command:
    """Return the command `ssl doctor`."""
    return Command(
        "doctor",
        (
            "Say what this machine can do, and what is missing; "
            "exit code 3 where something essential fails"
        ),
        (),
        "sslcli.cli.actions.diagnosing:doctor_action",
        ("ssl doctor", "ssl doctor --json"),
    )
