"""What users and plugin authors rely on, as text: every flag of every command, and every name of
the api.

`python tests/house/pinned.py` writes both files anew, and the pages of docs/; the diff is what a reviewer looks at.
"""

from pathlib import Path

import pages

from sslcli import api
from sslcli.cli.app import COMMANDS, built_command
from sslcli.cli.options import GLOBALS, CommandGroup

HERE = Path(__file__).parent


def flag_lines():
    """ "ssl pretrain --lr X" for every flag and argument."""
    lines = [f"ssl * {' '.join(flag.names)}" for flag in GLOBALS]
    for name in COMMANDS:
        built = built_command(name, ["--help"])
        commands = (
            [(f"{name} {command.name}", command) for command in built.commands]
            if isinstance(built, CommandGroup)
            else [(name, built)]
        )
        for title, command in commands:
            for flag in command.flags:
                value = "" if flag.kind == "truth" else flag.metavar
                lines.append(f"ssl {title} {' '.join([*flag.names, value])}".rstrip())
    return lines


FILES = {"flags.txt": flag_lines, "api.txt": lambda: sorted(api.__all__)}


def main() -> None:
    for name, lines in FILES.items():
        (HERE / name).write_text("\n".join(lines()) + "\n", encoding="utf-8")
    pages.main()


if __name__ == "__main__":
    main()
