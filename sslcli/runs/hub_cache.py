"""Models of a hub as they lie on this machine: the cache that huggingface_hub and all that is built
on it share, in its published layout (https://huggingface.co/docs/hub/local-cache).

    hf:ORG/NAME            what its branch "main" was when it was fetched
    hf:ORG/NAME@REVISION   a branch, a tag, a commit, or the beginning of a commit

    models--ORG--NAME/refs/main                       the commit that a branch or tag stood at
    models--ORG--NAME/snapshots/COMMIT/config.json    the files of a commit, links to
    models--ORG--NAME/blobs/HASH                      what they hold

Nothing here touches a network, and nothing imports huggingface_hub.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sslcli import plainfiles
from sslcli.core.settings import MODEL_CONFIG
from sslcli.errors import UsageError

PREFIX = "hf:"
BRANCH = "main"
REFS, SNAPSHOTS, BLOBS = "refs", "snapshots", "blobs"
WEIGHTS = "*.safetensors"
LEAST_COMMIT = 7  # letters of one that is not written out
MOST_LETTERS = 96  # of a repository's name, as the hub has it
_PART = r"[A-Za-z0-9](?:[\w.-]*\w)?"
_NAME = re.compile(rf"(?:{_PART}/)?{_PART}", re.ASCII)
_REVISION = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A repository of models and a revision of it; None where none was named."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        at = "" if self.revision is None else f"@{self.revision}"
        return f"{PREFIX}{self.repository}{at}"

    @property
    def folder(self) -> Path:
        """Where the repository lies in the cache, or would."""
        return hub_cache() / "--".join(("models", *self.repository.split("/")))


def is_on_hub(reference: str) -> bool:
    """Tell whether a reference means a model of a hub; a path of that name comes first."""
    return reference.startswith(PREFIX) and not os.path.exists(reference)


def is_commit(revision: str) -> bool:
    """Tell whether a revision is a whole commit hash, which means the same for ever."""
    return _COMMIT.fullmatch(revision) is not None


def hub_name(reference: str) -> HubName:
    """ "hf:org/name@v1" -> HubName("org/name", "v1"). Raises UsageError for no such name."""
    repository, at, revision = reference.removeprefix(PREFIX).partition("@")
    is_name = _NAME.fullmatch(repository) and not re.search(r"--|\.\.", repository)
    is_revision = not at or (_REVISION.fullmatch(revision) and ".." not in revision)
    if not is_name or not is_revision or len(repository) > MOST_LETTERS:
        raise UsageError(
            f"'{reference}' is no model of a hub", "write hf:ORG/NAME, or hf:ORG/NAME@REVISION"
        )
    return HubName(repository, revision or None)


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that HF_HUB_CACHE or HF_HOME names, else ~/.cache/huggingface/hub."""
    caches = environment.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = environment.get("HF_HOME", os.path.join(caches, "huggingface"))
    older = environment.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    named = environment.get("HF_HUB_CACHE", older)
    return Path(os.path.expandvars(os.path.expanduser(named)))


def cached_model(reference: str) -> Path:
    """The directory of a model of a hub that was fetched. Raises UsageError where it was not, or
    not as a whole.
    """
    name = hub_name(reference)
    hint = f"ssl fetch {name}"
    commit = _commit_of(name)
    if commit is None:
        there = _snapshots(name)
        if there and name.revision is None:
            hint += f"; of other revisions there is {PREFIX}{name.repository}@{there[-1]}"
        raise UsageError(f"{name} is not in {hub_cache()}, and only `ssl fetch` fetches", hint)
    folder = name.folder / SNAPSHOTS / commit
    lacking = next((each for each in (MODEL_CONFIG, WEIGHTS) if not any(folder.glob(each))), None)
    if lacking is not None:
        what = "config.json" if lacking == MODEL_CONFIG else "weights as safetensors"
        raise UsageError(f"of {name}, {hub_cache()} has no {what}", hint)
    return folder


def cached_names() -> list[str]:
    """ "hf:ORG/NAME" of each model that has a snapshot, sorted."""
    found = {path.parents[1].name for path in hub_cache().glob(f"models--*/{SNAPSHOTS}/*")}
    return sorted(f"{PREFIX}{'/'.join(name.split('--')[1:])}" for name in found)


def recorded_place(source: str) -> Path:
    """Where the model lies that a run recorded, whether or not it is still there."""
    if not is_on_hub(source):
        return Path(source)
    name = hub_name(source)
    return name.folder / SNAPSHOTS / (name.revision or BRANCH)


def pinned_name(folder: Path) -> str:
    """ "hf:ORG/NAME@COMMIT" of a directory in the cache; empty of one that lies elsewhere."""
    above = folder.parent.parent
    kind, *parts = above.name.split("--")
    if above.parent.resolve() != hub_cache().resolve() or folder.parent.name != SNAPSHOTS:
        return ""
    is_model = kind == "models" and parts and is_commit(folder.name)
    return str(HubName("/".join(parts), folder.name)) if is_model else ""


def _commit_of(name: HubName) -> str | None:
    """The commit that a revision meant when it was fetched, or begins; None where it is not
    there.
    """
    revision = name.revision or BRANCH
    try:
        found = plainfiles.read_whole_text(name.folder / REFS / revision).strip()
    except (OSError, ValueError):
        found = ""
    if is_commit(found) and (name.folder / SNAPSHOTS / found).is_dir():
        return found
    if len(revision) < LEAST_COMMIT:
        return None
    begun = [commit for commit in _snapshots(name) if commit.startswith(revision)]
    return begun[0] if len(begun) == 1 else None


def _snapshots(name: HubName) -> list[str]:
    folders = (name.folder / SNAPSHOTS).glob("*")
    return sorted(folder.name for folder in folders if is_commit(folder.name))
