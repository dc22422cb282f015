"""The content of a tokenizer.json, and the library's tokenizer that it describes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, processors

from sslcli.errors import ModelError

FILE = "tokenizer.json"
_SPACE = re.compile(r"[ \t\n\r]*")
HINT = "a model directory needs a sound tokenizer.json"


@dataclass(frozen=True)
class TokenizerJson:
    """A valid tokenizer.json: its path, its text and the parsed content."""

    file: Path
    text: str
    description: dict[str, Any]

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
            raise ModelError(problem, HINT) from error


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
