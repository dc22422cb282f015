"""The tokenizer that transformers' `AutoTokenizer` (5.24) makes of the files of a model directory.

tokenizer.json is not all that counts: the class in tokenizer_config.json (or the model_type in
config.json) may replace normalizer, pre-tokenizer and post-processor, and special tokens that other
files name are added. Nothing of transformers is imported, and no code of the directory runs.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.data.text.added_tokens import AddedTokens
from sslcli.data.text.chat_template import CHAT
from sslcli.data.text.hf_classes import (
    BACKEND,
    CLASS_OF_MODEL,
    CLASSES,
    FORCED_MODELS,
    Json,
    TokenizerClass,
)
from sslcli.data.text.hf_tokenizer import HfTokenizer
from sslcli.data.text.tokenizer_json import TokenizerJson
from sslcli.errors import ModelError

ATTRIBUTES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
TOKENIZER_CONFIG, TOKENS_MAP, ADDED = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
CONFIG, GENERATION = "config.json", "generation_config.json"
ENDS = "eos_token_id"
TYPES, INPUTS, SPLITS = "token_type_ids", "model_input_names", "split_special_tokens"
_OF_FILE = frozenset({"transformers_version", "_from_model_config", "_attn_implementation"})
_GENERATING = ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
_GENERIC = frozenset({BACKEND, "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer", ""})
_PLAIN_TOKEN = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}


@dataclass(frozen=True)
class HfFiles:
    """The small files beside a tokenizer.json; one that is not there is empty."""

    config: Json = field(default_factory=dict)
    tokens_map: Json = field(default_factory=dict)
    added: Json = field(default_factory=dict)
    model: Json = field(default_factory=dict)
    chat_template: str = ""
    generation: Json = field(default_factory=dict)

    @classmethod
    def beside(cls, folder: Path) -> "HfFiles":
        """Raises ModelError for a file that is there and cannot be read."""
        names = (TOKENIZER_CONFIG, TOKENS_MAP, ADDED, CONFIG, GENERATION)
        config, tokens_map, added, model, generation = (
            _read(folder / name, _object, {}) for name in names
        )
        chat = read_small_text(folder / CHAT)
        return cls(config, tokens_map, added, model, chat, generation)

    @property
    def generating(self) -> Json:
        """How the model generates: generation_config.json, or what config.json says of its ids."""
        if self.generation:
            return {key: self.generation[key] for key in self.generation if key not in _OF_FILE}
        return {key: self.model[key] for key in _GENERATING if self.model.get(key) is not None}

    @property
    def ends(self) -> frozenset[int]:
        """The ids at which transformers ends generated text; empty if nothing says so."""
        value = (self.generation or self.model).get(ENDS)
        values = value if isinstance(value, list) else [value]
        return frozenset(n for n in values if isinstance(n, int) and not isinstance(n, bool))


def read_hf_tokenizer(source: TokenizerJson, files: HfFiles) -> HfTokenizer:
    """Read by the rules of its class. Raises ModelError where the library refuses the result, or
    where a decoder is to begin or end with what is no token.
    """
    description = source.description
    name = tokenizer_class_name(files, _is_byte_level(description))
    rule, notes = CLASSES.get(name), list(_class_notes(name, description, files))
    if rule is not None and not _fits(rule, description):
        rule = None
    exact = rule is not None or name == BACKEND
    roles, vocabulary = _roles_and_vocabulary(description, files, rule)
    beyond = vocabulary.drop_beyond(files.model.get("vocab_size"))
    if beyond:
        shown = ", ".join(f"'{token}'" for token in beyond[:3])
        notes.append(
            f"{len(beyond)} special tokens have no row in the model and are "
            f"no tokens here: {shown}{', ...' if len(beyond) > 3 else ''}"
        )
    closing, options = description.get("post_processor"), files.config
    if rule is not None and rule.close is not None and not (rule.keeps_file and closing):
        closing = rule.close(options, roles, vocabulary.id_of) or closing
    known = {role: token for role, token in roles.items() if token not in beyond}
    known = {role: token for role, token in known.items() if vocabulary.id_of(token) is not None}
    literals = _literals(vocabulary.listed(), known, bool(options.get(SPLITS)))
    parts: Json = {} if rule is None else rule.build(description, options, roles)
    listed = [
        {**token, "special": token["special"] and token["content"] not in literals}
        for token in vocabulary.listed()
    ]
    if listed != description.get("added_tokens"):
        parts["added_tokens"] = listed
    given = options.get(INPUTS)
    type_rows = _type_rows(files.model)
    says_types = isinstance(given, list) or name != BACKEND
    if isinstance(given, list):
        gives = TYPES in given
    else:
        gives = rule.gives_types if rule is not None else name == BACKEND and type_rows > 1
    saved = _saved(files, BACKEND if rule is None else name, gives, beyond)
    model = parts.get("model", description["model"])
    unknown = model.get("unk_id", vocabulary.id_of(model.get("unk_token") or ""))
    library = source.library(**parts)
    _refuse_strange_ids(files, source.file.parent, library.get_vocab(with_added_tokens=True))
    return HfTokenizer(
        library,
        known,
        literals,
        unknown,
        closing,
        gives,
        says_types,
        type_rows,
        tuple(notes),
        exact,
        source.text,
        saved,
        files.ends,
        files.generating,
    )


def _refuse_strange_ids(files: HfFiles, folder: Path, vocabulary: Mapping[str, int]) -> None:
    """Raises ModelError where the decoder of an encoder-decoder is to begin or end with an id that
    no token has.
    """
    if not files.model.get("is_encoder_decoder", "decoder_layers" in files.model):
        return
    known = frozenset(vocabulary.values())
    for name, content in ((CONFIG, files.model), (GENERATION, files.generation)):
        for key in _GENERATING:
            said = content.get(key)
            if said is None or (type(said) is int and said in known):
                continue
            raise ModelError(
                f"{folder / name} says {key} {said!r:.40}, which is the id of no token",
                f"give the id of a token, below {max(known, default=-1) + 1:,}, or null",
            )


def _type_rows(model: Json) -> int:
    usual = 2 if model.get("model_type") in ("albert", "bert", "electra") else 0
    rows = model.get("type_vocab_size", usual)
    return rows if isinstance(rows, int) else usual


def _roles_and_vocabulary(
    description: Json, files: HfFiles, rule: TokenizerClass | None
) -> "tuple[dict[str, str], AddedTokens]":
    roles, tokens = _named(files, rule)
    extra = _extra(files, rule)
    vocabulary = AddedTokens(description, rebuilt=rule is not None)
    vocabulary.add(_listed(files, description), anew=True)
    vocabulary.add(tokens)
    vocabulary.add({**_PLAIN_TOKEN, "content": token} for token in extra)
    if rule is not None and rule.adds_again:
        again = dict.fromkeys([*roles.values(), *extra])
        vocabulary.add(({**_PLAIN_TOKEN, "content": token} for token in again), anew=True)
    return roles, vocabulary


def _literals(listed: Sequence[Json], roles: Mapping[str, str], splits: bool) -> frozenset[str]:
    """Special tokens that a text may spell: all but those whose roles it must not play.

    Where a model has [CLS] these are all roles but the unknown token's. To a decoder the turns and
    ends that have a role are text as well, and only [MASK] and [PAD] are not.
    """
    if splits:
        return frozenset()
    special = {token["content"] for token in listed if token["special"]}
    if "cls_token" in roles:
        return frozenset(special - {own for role, own in roles.items() if role != "unk_token"})
    return frozenset(special - {roles.get("mask_token"), "[PAD]", "<pad>"})


def _saved(files: HfFiles, name: str, gives: bool, beyond: Collection[str]) -> dict[str, Json]:
    """The files to save beside tokenizer.json: those that were read, and what they left open."""
    config = {key: value for key, value in files.config.items() if key not in ("auto_map",)}
    config["tokenizer_class"] = "PreTrainedTokenizerFast" if name == BACKEND else name
    config[INPUTS] = ["input_ids", *([TYPES] if gives else []), "attention_mask"]
    config[SPLITS] = bool(config.get(SPLITS))
    if files.chat_template:
        config["chat_template"] = files.chat_template
    if name == "CamembertTokenizer":
        config.setdefault("additional_special_tokens", _extra(files, CLASSES[name]))
    roles, _ = _named(files, CLASSES.get(name))
    config |= {role: None for role, token in roles.items() if token in beyond}
    found = {TOKENIZER_CONFIG: config, TOKENS_MAP: files.tokens_map, ADDED: files.added}
    return {file: _without(content, beyond) for file, content in found.items() if content}


def _without(content: Any, tokens: Collection[str]) -> Any:
    """JSON without these tokens, as values or in lists or as keys."""
    if not tokens:
        return content
    if isinstance(content, dict):
        kept = {key: value for key, value in content.items() if key not in tokens}
        return {
            key: _without(value, tokens)
            for key, value in kept.items()
            if not _is_one(value, tokens)
        }
    if isinstance(content, list):
        return [_without(each, tokens) for each in content if not _is_one(each, tokens)]
    return content


def _is_one(value: Any, tokens: Collection[str]) -> bool:
    name = value.get("content") if isinstance(value, dict) else value
    return isinstance(name, str) and name in tokens


def tokenizer_class_name(files: HfFiles, byte_level: bool) -> str:
    """The class that AutoTokenizer takes, without "Fast"."""
    said = files.config.get("tokenizer_class") or files.model.get("tokenizer_class") or ""
    said = said.removesuffix("Fast") if isinstance(said, str) else ""
    kind = files.model.get("model_type")
    kind = kind if isinstance(kind, str) else ""
    own = CLASS_OF_MODEL.get(kind, "")
    if own == BACKEND or (said == "LlamaTokenizer" and byte_level and kind not in FORCED_MODELS):
        return BACKEND
    if own and (not said or kind in FORCED_MODELS):
        return own
    return BACKEND if said in _GENERIC else said


def _is_byte_level(description: Json) -> bool:
    parts = ("normalizer", "pre_tokenizer", "decoder", "post_processor")
    return any('"ByteLevel"' in json.dumps(description.get(part)) for part in parts)


def _class_notes(name: str, description: Json, files: HfFiles) -> Iterator[str]:
    if "auto_map" in files.config:
        yield f"{TOKENIZER_CONFIG} names code of its own (auto_map), which is ignored"
    if files.config.get("fix_mistral_regex"):
        yield f"fix_mistral_regex in {TOKENIZER_CONFIG} is ignored"
    if files.config.get("truncation_side") == "left":
        yield f"{TOKENIZER_CONFIG} cuts long texts at their beginning; here they lose their end"
    if name != BACKEND and name not in CLASSES:
        yield f"the rules of {name} are not known here: tokenizer.json is taken as it is"
    elif name in CLASSES and not _fits(CLASSES[name], description):
        kind = description["model"].get("type")
        yield f"{name} in transformers cannot read a {kind} model: tokenizer.json is taken as it is"


def _fits(rule: TokenizerClass, description: Json) -> bool:
    model = description["model"]
    kind = model.get("type", "BPE" if "merges" in model else "WordPiece")
    return kind == rule.model


def _named(files: HfFiles, rule: TokenizerClass | None) -> tuple[dict[str, str], list[Json]]:
    """Roles, and the tokens that play them as they are to be added."""
    said: Json = {**files.config}
    if "added_tokens_decoder" not in said:
        said |= files.tokens_map
    roles, tokens = {}, []
    names = [
        *ATTRIBUTES,
        *(key for key in said if key.endswith("_token") and key not in ATTRIBUTES),
    ]
    defaults = {} if rule is None else rule.roles
    for role in names:
        value = said[role] if role in said else defaults.get(role)
        token = _token(value)
        if token is not None:
            tokens.append(token)
            if role in ATTRIBUTES:
                roles[role] = token["content"]
    return roles, tokens


def _token(value: Any) -> Json | None:
    if isinstance(value, str) and value:
        return {**_PLAIN_TOKEN, "content": value}
    if isinstance(value, Mapping) and isinstance(value.get("content"), str) and value["content"]:
        flags = {name: bool(value.get(name, False)) for name in _PLAIN_TOKEN}
        return {**flags, "special": True, "content": value["content"]}
    return None


def _listed(files: HfFiles, description: Json) -> list[Json]:
    """The added tokens that a directory lists, in the order of their ids."""
    decoder = files.config.get("added_tokens_decoder")
    found: dict[int, Json] = {}
    if isinstance(decoder, Mapping):
        for number, token in decoder.items():
            if isinstance(token, Mapping) and isinstance(token.get("content"), str):
                flags = {name: bool(token.get(name, False)) for name in _PLAIN_TOKEN}
                if str(number).isdecimal():
                    found[int(number)] = {**flags, "content": token["content"]}
        return [found[number] for number in sorted(found)]
    special = {token["content"] for token in _named(files, None)[1]} | set(_extra(files, None))
    for content, number in files.added.items():
        if isinstance(number, int):
            flags = {**_PLAIN_TOKEN, "special": content in special}
            found[number] = {**flags, "normalized": content not in special, "content": content}
    for token in description.get("added_tokens") or []:
        found[token["id"]] = {name: value for name, value in token.items() if name != "id"}
    return [found[number] for number in sorted(found)]


def _extra(files: HfFiles, rule: TokenizerClass | None) -> list[str]:
    said = files.config
    value = said.get("extra_special_tokens") or said.get("additional_special_tokens")
    if value is None and "added_tokens_decoder" not in said:
        map_ = files.tokens_map
        value = map_.get("extra_special_tokens") or map_.get("additional_special_tokens")
    if value is None:
        return [] if rule is None else list(rule.extra)
    values = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    found = (each.get("content") if isinstance(each, Mapping) else each for each in values)
    named = [token for token in found if isinstance(token, str) and token]
    own = rule.extra if rule is not None and rule.keeps_extra else ()
    return list(dict.fromkeys([*own, *named]))


def _object(path: Path) -> Json:
    """An object of JSON. Raises OSError, or ValueError for anything else."""
    found = plainfiles.read_whole_json(path)
    if not isinstance(found, dict):
        raise ValueError("it holds no names with values")
    return found


def read_small_text(path: Path) -> str:
    """The text of a file; empty where there is none. Raises ModelError where it cannot be read."""
    return _read(path, plainfiles.read_whole_text, "")


def _read(path: Path, read: Callable[[Path], Any], nothing: Any) -> Any:
    try:
        return read(path)
    except FileNotFoundError:
        return nothing
    except (OSError, ValueError) as error:
        problem = f"{path} cannot be read: {plainfiles.reason(error)}"
        raise ModelError(problem, "mend it, or take it away to do without") from error
