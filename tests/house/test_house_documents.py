"""README.md and the pages of docs/: both languages say the same, every link leads somewhere, and no
command stands where the rehearsals do not see it.
"""

import re
from pathlib import PurePosixPath

import documents
import pytest
from house_files import ROOT

MOST_LINES = {"README.md": 250}
MOST_LINES_OF_A_PAGE = 200
PAGES = documents.pages()


def resolved(name, target):
    """(file or folder below the checkout, anchor) that a link of a document means."""
    path, _, anchor = target.partition("#")
    where = PurePosixPath(name).parent / path if path else PurePosixPath(name)
    parts = []
    for part in where.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), anchor


def dead(name):
    """The links of a document that lead nowhere."""
    found = []
    for target in documents.links(name):
        path, anchor = resolved(name, target)
        known = (ROOT / path).exists()
        if not known or (anchor and anchor not in documents.anchors(path)):
            found.append(target)
    return found


def test_every_page_is_in_the_table_of_the_readme():
    written = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    chinese = {documents.twin(name) for name in PAGES}
    assert written == {*PAGES, *chinese, *documents.WRITTEN_BY_CODE} - {"README.md", "README.zh.md"}


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_have_the_same_commands_code_headings_and_links(name):
    twin = documents.twin(name)
    assert documents.commands(name) == documents.commands(twin)
    for language in ("console", "python", "toml", ""):
        assert documents.blocks(name, language) == documents.blocks(twin, language)
    assert documents.levels(name) == documents.levels(twin)
    assert rows(name) == rows(twin)
    meant = [resolved(name, target)[0] for target in documents.links(name)]
    own = [resolved(twin, target)[0] for target in documents.links(twin)]
    translated = {documents.twin(page): page for page in PAGES}
    assert [translated.get(path, path) for path in own][1:] == meant[1:]  # the first is the twin
    assert (meant[0], own[0]) == (twin, name)


def rows(name):
    """The number of cells in every line of a table."""
    lines = [line for line in documents.prose(name).splitlines() if line.startswith("|")]
    return [len(re.findall(r"(?<!\\)\|", line)) for line in lines]


@pytest.mark.parametrize("name", documents.all_documents())
def test_every_link_leads_somewhere(name):
    assert not dead(name)


def test_a_dead_link_is_noticed(monkeypatch):
    links = ["docs/nothing.md", "README.md#what-you-see", "README.md#nothing", "examples"]
    monkeypatch.setattr(documents, "links", lambda name: links)
    assert dead("README.md") == ["docs/nothing.md", "README.md#nothing"]


@pytest.mark.parametrize("name", [each for page in PAGES for each in (page, documents.twin(page))])
def test_every_command_of_a_page_is_seen_by_the_rehearsals(name):
    """Lines are typed in console blocks and tables; nothing is indented, and no page is long."""
    text = documents.text_of(name)
    read = re.sub(r"^```text\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    typed = re.findall(r"^[ $]*(ssl .*?)(?: {2,}#.*)?$", read, re.MULTILINE)
    assert not {*typed} - {*documents.commands(name)}
    most = MOST_LINES.get(name.replace(".zh", ""), MOST_LINES_OF_A_PAGE)
    assert len(text.splitlines()) <= most
