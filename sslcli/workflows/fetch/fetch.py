"""`ssl fetch`: a model of a hub into the cache that all tools share, the only thing in this program
that uses a network.

A revision is resolved to its commit first; all files are of that commit, and the directory has its
name. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE mean what they mean to huggingface_hub.
"""

import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, disable_progress_bars, logging

from sslcli import plainfiles
from sslcli.asides import refuse_unwritable, sync
from sslcli.errors import ModelError, RunError, SslError, UsageError
from sslcli.folders import write_atomically
from sslcli.models.file_names import INDEX
from sslcli.progress import working
from sslcli.runs.hub_cache import (
    BLOBS,
    BRANCH,
    LEAST_COMMIT,
    REFS,
    SNAPSHOTS,
    HubName,
    hub_cache,
    is_commit,
    pinned_name,
)
from sslcli.workflows.fetch.hub_files import HubFile, files_to_fetch
from sslcli.workflows.fetch.transfer import AGAIN, Amounts, bring

MEGABYTE = 1e6
SECONDS = 20.0  # that a hub may take to answer
CACHE_HINT = "name another folder with HF_HOME or HF_HUB_CACHE"


@dataclass(frozen=True)
class Fetched:
    """A model that is on this machine now: "hf:ORG/NAME@COMMIT", its directory and its files."""

    name: str
    folder: Path
    commit: str
    files: Sequence[HubFile]
    moved: int  # bytes

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


def fetch(name: HubName, say: Callable[[str], None]) -> Fetched:
    """Fetch a model; what is in the cache already is compared with its hashes and kept.

    Raises UsageError for a repository or revision that is not there or not open, ModelError for one
    without safetensors, RunError where the network or the disk fails.
    """
    refuse_unwritable(hub_cache())
    disable_progress_bars()
    logging.set_verbosity_error()
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    api = HfApi(endpoint=endpoint, library_name="sslcli", library_version=version("sslcli"))
    revision = name.revision or BRANCH
    working(f"asking {endpoint} for {name}")
    with _in_words(name, endpoint):
        info = api.model_info(
            name.repository, revision=revision, files_metadata=True, timeout=SECONDS
        )
    commit = str(info.sha)
    if not is_commit(commit):
        raise ModelError(f"{endpoint} does not say the commit of {name}", "HF_ENDPOINT names it")
    files = files_to_fetch(info.siblings or (), name.repository)
    moved = _bring_all(name, commit, files, api, say)
    folder = _put_together(name, commit, files)
    if not (len(revision) >= LEAST_COMMIT and commit.startswith(revision)):
        refs = name.folder / REFS / revision
        refs.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(refs, commit)
    return Fetched(pinned_name(folder), folder, commit, files, moved)


def _bring_all(
    name: HubName, commit: str, files: Sequence[HubFile], api: HfApi, say: Callable[[str], None]
) -> int:
    """Fetch the content of all files; return how many bytes came over the network."""
    blobs = name.folder / BLOBS
    blobs.mkdir(parents=True, exist_ok=True)
    progress = Amounts(sum(file.size for file in files))
    missing = sum(file.size for file in files if not (blobs / file.hash).is_file())
    if missing > (free := shutil.disk_usage(blobs).free):
        raise RunError(
            f"{name} needs {missing / 1e9:,.1f} GB and {blobs} has {free / 1e9:,.1f} GB free",
            CACHE_HINT,
        )
    headers = build_hf_headers(library_name="sslcli", library_version=version("sslcli"))
    for file in files:
        url = f"{api.endpoint}/{name.repository}/resolve/{commit}/{file.name}"
        with _in_words(name, api.endpoint):
            bring(file, url, headers, blobs, progress, say)
    return progress.moved


def _put_together(name: HubName, commit: str, files: Sequence[HubFile]) -> Path:
    """The directory of a commit: a link for each file, config.json last."""
    folder = name.folder / SNAPSHOTS / commit
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        target = name.folder / BLOBS / file.hash
        unfinished = folder / f"{file.name}.{os.getpid()}"
        with suppress(FileNotFoundError):
            unfinished.unlink()
        try:
            unfinished.symlink_to(os.path.relpath(target, folder))
        except OSError:  # a disk without links
            shutil.copyfile(target, unfinished)
        os.replace(unfinished, folder / file.name)
    sync(folder)
    if any(file.name == INDEX for file in files):
        _refuse_gaps(folder, name)
    return folder


def _refuse_gaps(folder: Path, name: HubName) -> None:
    """Raises ModelError where an index names shards that the repository does not have."""
    try:
        named = sorted(set(plainfiles.read_whole_json(folder / INDEX)["weight_map"].values()))
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        problem = f"{INDEX} of {name} names no shards"
        raise ModelError(problem, "its owner has to mend it; name another revision") from error
    lacking = [each for each in named if not (folder / str(each)).is_file()]
    if lacking:
        raise ModelError(
            f"{INDEX} of {name} names {lacking[0]}, which the repository does not have",
            "its owner has to mend it; name another revision",
        )


@contextmanager
def _in_words(name: HubName, endpoint: str) -> Generator[None]:
    """What huggingface_hub raises, in sentences."""
    page = f"{endpoint}/{name.repository}"
    # the base of all errors of its HTTP client, which is another one in other releases
    of_client: Any = HfHubHTTPError.__mro__[1]
    try:
        yield
    except SslError:
        raise
    except GatedRepoError as error:
        raise UsageError(
            f"{name} is gated: its owner lets in who agreed to terms",
            f"agree to them at {page}, and set HF_TOKEN to a token of yours",
        ) from error
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{endpoint} has no model {name.repository}, or it is private",
            "check the name; a private one needs HF_TOKEN",
        ) from error
    except RevisionNotFoundError as error:
        raise UsageError(
            f"{name.repository} has no revision '{name.revision or BRANCH}'",
            f"its branches and tags: {page}/tree/{BRANCH}",
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UsageError(
                f"{endpoint} does not let you have {name} ({status})",
                "set HF_TOKEN to a token that may read it",
            ) from error
        raise RunError(f"{endpoint} answered {status} for {name}", f"try later; {AGAIN}") from error
    except (of_client, OSError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise RunError(
            f"{endpoint} cannot be reached, or broke off: {what}",
            f"check the network, and HF_ENDPOINT where it names a mirror; {AGAIN}",
        ) from error
