"""The languages that pages are written in."""

from sslcli.cli.options import Flag, Given
from sslcli.errors import UsageError
from sslcli.workflows.tour.chapters import Tongue

LANGUAGE = Flag(
    "language",
    ("--language",),
    "language of the page: en or zh",
    metavar="en|zh",
    default="en",
)


def tongue_of(given: Given) -> Tongue:
    """The language that a line asks for. Raises UsageError where there is none of that name."""
    match given.get("language", "en"):
        case "en":
            return "en"
        case "zh":
            return "zh"
        case other:
            raise UsageError(f"the page is not told in '{other}'", "it is in en and zh")
