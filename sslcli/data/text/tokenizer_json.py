"""Reading a tokenizer.json: its soundness is checked before the library, which panics on some
files, sees it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, processors

from sslcli import plainfiles
from sslcli.errors import ModelError

FILE = "tokenizer.json"
MOST_BYTES = 200_000_000
MOST_PIECES = 5_000_000
MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")
_SPACE = re.compile(r"[ \t\n\r]*")
_HINT = "a model directory needs a sound tokenizer.json"
# What `Tokenizer.save` writes into the tokenizer_config.json of a tokenizer that was trained here.
OWN_CONFIG = frozenset({"tokenizer_class", "model_input_names", "clean_up_tokenization_spaces"})


@dataclass(frozen=True)
class TokenizerJson:
    """A valid tokenizer.json: its path, its text and the parsed content."""

    file: Path
    text: str
    description: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> "TokenizerJson":
        """Raises ModelError where it is missing or not sound."""
        try:
            text = plainfiles.read_whole_text(file, MOST_BYTES)
            description = plainfiles.parse_whole_json(text)
        except (OSError, ValueError) as error:
            problem = f"{file} cannot be read as a tokenizer: {plainfiles.reason(error)}"
            raise ModelError(problem, _HINT) from error
        problem = _unsound(description)
        if problem:
            raise ModelError(f"{file} is not sound: {problem}", _HINT)
        return cls(file, text, description)

    def library(self, **parts: Any) -> tokenizers.Tokenizer:
        """Build the tokenizer, with other parts in place of its own. Raises ModelError if it is
        refused.
        """
        unigram = self.description["model"].get("type") == "Unigram"
        try:
            if not parts:
                return tokenizers.Tokenizer.from_str(self.text)
            if unigram and "model" in parts:
                return _built({**self.description, **parts})
            if unigram:
                return tokenizers.Tokenizer.from_str(_with_parts(self.text, parts))
            whole = {**self.description, **parts}
            return tokenizers.Tokenizer.from_str(json.dumps(whole, ensure_ascii=False))
        except KeyboardInterrupt:
            raise
        # The library panics on some files, and its PanicException is no Exception.
        except BaseException as error:
            problem = f"{self.file} is refused by the tokenizers library: {str(error)[:200]}"
            raise ModelError(problem, _HINT) from error


def _built(whole: Mapping[str, Any]) -> tokenizers.Tokenizer:
    """A Unigram tokenizer whose scores are Python's numbers.

    The library reads the decimals of a file less exactly, by a last digit, which decides between
    pieces of equal scores: what transformers builds from numbers of Python needs them as they are.
    """
    model = whole["model"]
    pieces = [(piece, score) for piece, score in model["vocab"]]
    built = models.Unigram(pieces, unk_id=model["unk_id"], byte_fallback=model["byte_fallback"])
    small = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    text = json.dumps({**whole, "model": small, "added_tokens": []}, ensure_ascii=False)
    library = tokenizers.Tokenizer.from_str(text)
    library.model = built
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    for token in whole["added_tokens"]:
        flags = {name: token.get(name, False) for name in names}
        library.add_tokens([tokenizers.AddedToken(token["content"], **flags)])
    return library


def _with_parts(text: str, parts: Mapping[str, Any]) -> str:
    """A tokenizer.json with other parts; every other character of it stays, scores above all."""
    decoder, place, pieces = json.JSONDecoder(), text.index("{") + 1, {}
    while True:
        place = _past_space(text, place)
        if text[place] == "}":
            break
        key, place = decoder.raw_decode(text, place)
        start = _past_space(text, _past_space(text, place) + 1)
        _, place = decoder.raw_decode(text, start)
        pieces[key] = text[start:place]
        place = _past_space(text, place)
        if text[place] == ",":
            place += 1
    pieces |= {key: json.dumps(value, ensure_ascii=False) for key, value in parts.items()}
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pieces.items()) + "}"


def _past_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return place if match is None else match.end()


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


def own_files(library: tokenizers.Tokenizer, names: Mapping[str, str]) -> dict[str, Any]:
    """Return name -> content of the files of a tokenizer trained here; `names` are those of its
    roles.
    """
    copied = tokenizers.Tokenizer.from_str(library.to_str())
    encloses = "cls_token" in names and "sep_token" in names
    if encloses:
        first, last = names["cls_token"], names["sep_token"]
        copied.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}",
            pair=f"{first} $A {last} $B:1 {last}:1",
            special_tokens=[(name, copied.token_to_id(name)) for name in (first, last)],
        )
    types = ["token_type_ids"] if encloses else []
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", *types, "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **names,
    }
    return {
        "tokenizer_config.json": config,
        "special_tokens_map.json": names,
        FILE: copied.to_str(pretty=True),
    }
