"""Reading the tokenizer of a directory: its tokenizer.json is checked before the library, which
panics on some files, sees it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.data.text.tokenizer_json import HINT, TokenizerJson
from sslcli.errors import ModelError

MOST_BYTES = 200_000_000
MOST_PIECES = 5_000_000
MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")
# What `Tokenizer.save` writes into the tokenizer_config.json of a tokenizer that was trained here.
OWN_CONFIG = frozenset({"tokenizer_class", "model_input_names", "clean_up_tokenization_spaces"})


def read_tokenizer_json(file: Path) -> TokenizerJson:
    """Raises ModelError where it is missing or not sound."""
    try:
        text = plainfiles.read_whole_text(file, MOST_BYTES)
        description = plainfiles.parse_whole_json(text)
    except (OSError, ValueError) as error:
        problem = f"{file} cannot be read as a tokenizer: {plainfiles.reason(error)}"
        raise ModelError(problem, HINT) from error
    problem = _unsound(description)
    if problem:
        raise ModelError(f"{file} is not sound: {problem}", HINT)
    return TokenizerJson(file, text, description)


def _unsound(description: Any) -> str:
    """Why a tokenizer.json is not to be given to the library; the empty string where it may be."""
    model = description.get("model") if isinstance(description, dict) else None
    if not isinstance(model, dict):
        return "it has no model"
    kind = model.get("type", "BPE" if "merges" in model else "WordPiece")
    if kind not in MODELS:
        return f"its model is of an unknown type {kind!r:.40}"
    added = description.get("added_tokens") or []
    if not isinstance(added, list) or not all(
        isinstance(token, dict) and isinstance(token.get("id"), int) for token in added
    ):
        return "its added tokens have no ids"
    vocabulary = model.get("vocab")
    pieces = vocabulary if isinstance(vocabulary, dict) else {}
    if kind == "Unigram":
        sound = isinstance(vocabulary, list) and all(
            isinstance(entry, list) and len(entry) == 2 for entry in vocabulary
        )
        ids = set(range(len(vocabulary))) if sound else set()
    else:
        sound = isinstance(vocabulary, dict) and all(
            isinstance(token, int) and token >= 0 for token in pieces.values()
        )
        ids = set(pieces.values()) if sound else set()
        if sound and len(ids) != len(pieces):
            return "two pieces have one id"
    if not sound:
        return "its vocabulary is not a table of pieces"
    if not isinstance(model.get("unk_token"), str | None):
        return f"its unknown token is no text but {model['unk_token']!r:.40}"
    if kind == "Unigram" and model.get("unk_id") is None:
        return "it has no piece for what it does not know"
    if kind in ("WordPiece", "WordLevel") and model.get("unk_token", "[UNK]") not in pieces:
        return f"its unknown token {model.get('unk_token', '[UNK]')!r:.40} is not in the vocabulary"
    ids |= {token["id"] for token in added}
    if not ids or max(ids) >= MOST_PIECES or min(ids) < 0:
        return f"its ids are not between 0 and {MOST_PIECES:,}"
    return _unsound_merges(model, pieces) if kind == "BPE" else ""


def _unsound_merges(model: Mapping[str, Any], vocabulary: Mapping[str, int]) -> str:
    prefix, merges = model.get("continuing_subword_prefix") or "", model.get("merges") or []
    if not isinstance(prefix, str) or not isinstance(merges, list):
        return "its merges are not a list of pairs"
    for number, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(parts, list)
            or len(parts) != 2
            or not all(isinstance(part, str) for part in parts)
        ):
            return f"merge {number} is not a pair"
        joined = parts[0] + parts[1].removeprefix(prefix)
        if not all(piece in vocabulary for piece in (*parts, joined)):
            return f"merge {number} makes a piece that is not in the vocabulary"
    return ""


def named_tokens(folder: Path, roles: Iterable[str]) -> dict[str, str]:
    """Return role -> token from the directory's files; absent files are ignored.

    Raises ModelError for one that cannot be read: it decides how text is tokenized.
    """
    named: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        try:
            content = plainfiles.read_whole_json(folder / file)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problem = f"{folder / file} cannot be read: {plainfiles.reason(error)}"
            raise ModelError(problem, "mend it, or take it away to do without") from error
        for role in roles:
            value = content.get(role) if isinstance(content, dict) else None
            value = value.get("content") if isinstance(value, dict) else value
            if isinstance(value, str):
                named[role] = value
    return named


def is_own(folder: Path, roles: Iterable[str]) -> bool:
    """Tell whether a tokenizer trained here was saved in this folder, as in runs and shards."""
    try:
        content = plainfiles.read_whole_json(folder / "tokenizer_config.json")
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.keys() - {*roles} == OWN_CONFIG
