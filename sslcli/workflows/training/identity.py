"""What makes a run this run and no other: the hashes that a checkpoint must match."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from sslcli.data.text.tokenizer import Tokenizer
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import read_facts

# What neither the weights nor the order of the data depend on may differ from one start to the
# next.
MAY_CHANGE = ("hardware", "run", "training.max_time", "training.keep", "training.micro_batch_size")
# Whatever differs in these makes other data, whose fingerprint says so: runs of before they existed
# have none.
IN_THE_DATA = ("data.sentence_rules",)
# What plugins and Transformers may have more of than when a run was begun.
GROWING = ("options.", "model.shape.")
NO_TOKENIZER = "none"  # of a run on arrays


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    leaves = {}
    for key, value in tree.items():
        leaves |= (
            flat(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {f"{prefix}{key}": value}
        )
    return leaves


class Identified(Protocol):
    """A job, as far as a checkpoint must match it."""

    @property
    def settings(self) -> Any:
        """The complete settings of the run."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer, None for arrays."""

    @property
    def fingerprint(self) -> str:
        """Hash of the data."""

    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Facts of every file that was read, so that a resume can name the one that changed."""


def begun_with(folder: Path) -> Mapping[str, Any]:
    """The options of the plugin, and the shape of the model, as the run was begun with them:
    {"options.mlm.mask_rate": 0.15}.
    """
    saved = flat(read_layer(folder / "config.yaml").values)
    return {key: value for key, value in saved.items() if key.startswith(GROWING)}


def known_tokenizer(folder: Path, tokenizer: Tokenizer) -> str:
    """Return the hash under which a resumed run knows its tokenizer, if that is unchanged.

    Older runs have a hash without roles; their saved tokenizer shows whether the roles are the
    same.
    """
    before = tokenizer.former_hash
    if before == tokenizer.hash or read_facts(folder).get("tokenizer") != before:
        return tokenizer.hash
    return before if Tokenizer.load(folder / "tokenizer").hash == tokenizer.hash else tokenizer.hash


def identity(
    job: Identified,
    begun: Mapping[str, Any] | None = None,
    known_as: str | None = None,
) -> dict[str, str]:
    """Return the hashes that a checkpoint must match.

    `begun`: the options and the shape of the run's first start, for a resume. Fields that a plugin,
    or a Transformer, has since then have defaults and do not count. `known_as`: the
    `known_tokenizer` of such a run.
    """
    # a new setting makes no old run another one
    settings = flat(job.settings.model_dump(mode="json", exclude_defaults=True))
    fixed = {
        key: value
        for key, value in settings.items()
        if not key.startswith((*MAY_CHANGE, *IN_THE_DATA))
    }
    if begun is not None:
        fixed = {key: fixed[key] for key in fixed if not key.startswith(GROWING) or key in begun}
    digest = hashlib.blake2b(
        json.dumps(fixed, sort_keys=True, default=str).encode(), digest_size=16
    ).hexdigest()
    tokenizer = known_as or (NO_TOKENIZER if job.tokenizer is None else job.tokenizer.hash)
    return {"data": job.fingerprint, "tokenizer": tokenizer, "settings": digest}
