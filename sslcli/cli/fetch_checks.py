"""Checks of `ssl fetch` before huggingface_hub is imported."""

import os
import re

from sslcli.cli.options import Command, Given
from sslcli.errors import UsageError
from sslcli.runs.hub_cache import PREFIX, HubName, hub_name

SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
TRUE = ("1", "on", "yes", "true")
_PAGE = re.compile(r"https?://[^/]+/", re.IGNORECASE)
_TREE = re.compile(r"/(?:tree|resolve|commit)/")


def check_fetch_line(command: Command, given: Given) -> None:
    """Refuse what is no name of a model, two revisions, and a line that may not use the network."""
    wanted_model(given)
    for name in SWITCHES:
        if os.environ.get(name, "").lower() in TRUE:
            raise UsageError(f"{name} is set, and fetching needs the network", f"unset {name}")


def wanted_model(given: Given) -> HubName:
    """Return what a line names; the address of a model's page is understood, too."""
    text = _TREE.sub("@", _PAGE.sub(PREFIX, given["model"])).rstrip("/")
    name, said = hub_name(text), given.get("revision")
    if said is None:
        return name
    if name.revision is not None:
        raise UsageError(f"{name} names a revision, and so does --revision", "say it once")
    return hub_name(f"{name}@{said}")
