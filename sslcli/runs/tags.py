"""Words that people give runs, to find them again: tags.json in the run folder."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sslcli import plainfiles
from sslcli.errors import UsageError
from sslcli.folders import write_atomically

TAGS_FILE = "tags.json"
_TAG = re.compile(r"\w[\w.:/-]{0,63}")


def tags_of(folder: Path) -> tuple[str, ...]:
    """The tags of a run, sorted; none where there is no file of them that can be read."""
    try:
        found = plainfiles.read_whole_json(folder / TAGS_FILE)
    except (OSError, ValueError):
        return ()
    is_list = isinstance(found, list) and all(isinstance(tag, str) for tag in found)
    return tuple(sorted(set(found))) if is_list else ()


def refuse_strange_tags(tags: Iterable[str]) -> None:
    """Raises UsageError for what is no tag."""
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UsageError(
                f"{tag!r:.80} is no tag", "a tag is a word of letters, digits, and _ . : / - in it"
            )


def retagged(folder: Path, tags: Sequence[str], remove: bool) -> tuple[str, ...]:
    """Give a run these tags, or take them away; return all that it has then.

    Raises UsageError where one that is to be removed is not there, RunError where the disk refuses.
    """
    have = set(tags_of(folder))
    if remove and (missing := sorted(set(tags) - have)):
        there = f"it has {', '.join(sorted(have))}" if have else "it has none"
        raise UsageError(f"{folder.name} has no tag '{missing[0]}'", there)
    kept = tuple(sorted(have - set(tags) if remove else have | set(tags)))
    write_atomically(folder / TAGS_FILE, json.dumps(kept))
    return kept
