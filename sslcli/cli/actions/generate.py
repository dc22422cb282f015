"""`ssl generate`: what the model makes of a request, as text, as candidates with their scores, or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.contracts import Artifact
from sslcli.errors import UsageError
from sslcli.reports import Report, Table
from sslcli.workflows.generating import generate
from sslcli.workflows.runs import LATEST

OWN = {"model", "seed", "json", "quiet", "verbose", "debug", "no_color"}


def run(command: Command, given: Given, screen: Screen) -> int:
    seed = given.get("seed", "42")
    if not (seed.isascii() and seed.isdigit()):
        raise UsageError(f"--seed must be a whole number of at least 0, not '{seed}'")
    request = {key: value for key, value in given.items() if key not in OWN}
    artifacts = list(generate(given.get("model", LATEST), request, int(seed)))
    if screen.json:
        screen.document({"artifacts": [asdict(artifact) for artifact in artifacts]})
    elif all(artifact.score is None for artifact in artifacts):
        for artifact in artifacts:
            screen.line(artifact.text)
    else:
        screen.report(Report(tables=[_table(artifacts)]))
    return 0


def _table(artifacts: Sequence[Artifact]) -> Table:
    columns = list(dict.fromkeys(name for artifact in artifacts for name in artifact.details))
    rows = [[*(str(artifact.details.get(name, "")) for name in columns), artifact.text, artifact.score] for artifact in artifacts]
    return Table("", (*columns, "text", "score"), rows)
