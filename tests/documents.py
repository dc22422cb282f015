"""The pages that people read: README.md and docs/, what is typed in them and what they point at."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITTEN_BY_CODE = ("docs/reference.md", "docs/matrix.md")
CHINESE = ".zh.md"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"`(ssl [^`]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[str]:
    """The English pages, README.md first and the others as its table has them."""
    table = section(text_of("README.md"), "Pages")
    listed = [target for target in _LINK.findall(table) if target.startswith("docs/")]
    return ["README.md", *(name for name in listed if name not in WRITTEN_BY_CODE)]


def all_documents() -> list[str]:
    """Every Markdown file of the checkout but what a build or a run left."""
    left = {"build", "dist", ".venv", "runs", "node_modules"}
    paths = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    kept = [
        path
        for path in paths
        if not left & set(path.parts) and not any(part.startswith(".") for part in path.parts)
    ]
    return [str(path) for path in kept]


def twin(name: str) -> str:
    """The Chinese page of an English one."""
    return name.removesuffix(".md") + CHINESE


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its level."""
    return re.split(rf"^## {re.escape(title)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]


def commands(name: str) -> list[str]:
    """The `ssl` lines of console blocks and of table cells, in their order and without comments.

    Sentences, and cells of two words, have only parts of lines.
    """
    found = []
    text = text_of(name).replace("\\\n", " ")
    inside = {
        number: language
        for language, first, last in _fences(text)
        for number in range(first, last + 1)
    }
    for number, line in enumerate(text.splitlines()):
        if inside.get(number) == "console" and line.startswith("$ ssl "):
            found.append(line[2:].partition("  #")[0].strip())
        elif number not in inside and line.startswith("|"):
            found += [cell for cell in _CELL.findall(line) if len(cell.split()) > 2]
    return found


def _fences(text: str) -> list[tuple[str, int, int]]:
    """(language, first line, last line) of every fenced block."""
    return [
        (match[1], text.count("\n", 0, match.start()), text.count("\n", 0, match.end()))
        for match in _FENCE.finditer(text)
    ]


def blocks(name: str, language: str | None = None) -> list[str]:
    """The contents of fenced blocks, comments of typed lines aside."""
    found = [
        content
        for own, content in _FENCE.findall(text_of(name))
        if language is None or own == language
    ]
    return [re.sub(r"^(\$ .*?) {2,}#.*$", r"\1", content, flags=re.MULTILINE) for content in found]


def prose(name: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text_of(name))


def levels(name: str) -> list[int]:
    """The levels of all headings, in their order."""
    return [len(marks) for marks, _ in _HEADING.findall(prose(name))]


def anchors(name: str) -> set[str]:
    """Names of all headings, made as GitHub makes them."""
    found: dict[str, int] = {}
    for _, title in _HEADING.findall(prose(name)):
        words = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found[words] = found.get(words, -1) + 1
    return {name if not number else f"{name}-{number}" for name, number in found.items()}


def links(name: str) -> list[str]:
    """Targets of links and pictures that lie in the checkout, in their order."""
    return [target for target in _LINK.findall(prose(name)) if not re.match(r"[a-z]+:", target)]
