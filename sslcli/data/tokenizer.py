"""Text to numbers and back, around the `tokenizers` library; a tokenizer.json is checked before the library reads it.

Letters: T tokens of a text, V vocabulary.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import processors

from sslcli.data.words import PIECE, KnownWords, as_bytes
from sslcli.errors import ModelError

FILE = "tokenizer.json"
MOST_BYTES = 200_000_000
MOST_PIECES = 5_000_000
MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")

# What the first piece of a word begins with: a space, as Metaspace and as byte-level pieces write it, or a line's end.
_WORD_BEGINS = ("\u2581", "\u0120", "\u010a")
# Characters that are written without spaces; as byte-level pieces write them, the first of their bytes in UTF-8, E3 to E9.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_UNSPACED_BYTES = re.compile("[\u00e3-\u00e9]")

# The names under which a special token of a role is found, best first; model directories say theirs themselves.
ROLES: Mapping[str, tuple[str, ...]] = {
    "mask_token": ("[MASK]", "<mask>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "eos_token": ("<|endoftext|>", "</s>"),
}


class Tokenizer:
    """`mask`, `classify`, `separate`, `pad`, `unknown` and `end` are ids, None where the vocabulary has no such token.

    Raw text never yields a special token, whatever it spells; encoding adds none: arrangements do. The end token is for
    decoders: a tokenizer with [CLS] and [SEP] has none, unless its directory names one of its own.
    """

    def __init__(self, library: tokenizers.Tokenizer, named: Mapping[str, str] | None = None) -> None:
        self._library = library
        self._library.no_padding()
        self._library.no_truncation()
        self._library.encode_special_tokens = True
        # One more than the highest id, not the number of pieces: a vocabulary may have holes, and an id is a row of the embedding.
        self.size: int = max(library.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        ids = {role: self._find(role, named or {}) for role in ROLES}
        self.mask, self.classify, self.separate = ids["mask_token"], ids["cls_token"], ids["sep_token"]
        self.pad, self.unknown = ids["pad_token"], ids["unk_token"]
        self.end = ids["eos_token"] if ids["eos_token"] != self.separate or self.classify is None else None

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """From a tokenizer.json, a folder that holds one, or one with such a folder `tokenizer` in it, as runs and shards have.

        Raises ModelError where it is not there or not sound.
        """
        path = Path(path)
        if not path.is_dir():
            folder, file = path.parent, path
        else:
            folder = path / "tokenizer" if (path / "tokenizer" / FILE).is_file() and not (path / FILE).is_file() else path
            file = folder / FILE
        return cls(_read_library(file), _named_tokens(folder))

    def encode(self, text: str) -> np.ndarray:
        """int64 [T], without special tokens."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int64 [T] each, without special tokens. Raises ModelError as `encode_together` does."""
        tokens, sizes = self.encode_together(texts)
        return np.split(tokens.astype(np.int64), np.cumsum(sizes)[:-1])[: len(texts)]

    def encode_together(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of all texts, uint32 [T], one text after the other, and how many each has, int64 [N].

        Raises ModelError where the tokenizer cannot cut a text, as where a pattern of its own never ends.
        """
        found: list[bytes | None] = self._words.encode(texts) if self._words is not None else [None] * len(texts)
        left = [place for place, pieces in enumerate(found) if pieces is None]
        for place, ids in zip(left, self._library_ids([texts[place] for place in left]), strict=True):
            found[place] = as_bytes(ids if self._spelled.isdisjoint(ids) else self._taken_apart(texts[place]))
        sizes = np.fromiter(map(len, found), dtype=np.int64, count=len(found)) // PIECE.itemsize
        return np.frombuffer(b"".join(found), dtype=PIECE), sizes

    @cached_property
    def _words(self) -> KnownWords | None:
        """A word that spells a special token is cut with the text around it."""

        def cut(words: Sequence[str]) -> list[list[int] | None]:
            return [ids if self._spelled.isdisjoint(ids) else None for ids in self._library_ids(words)]

        return KnownWords.of(json.loads(self._library.to_str()), cut)

    def _library_ids(self, texts: Sequence[str]) -> list[list[int]]:
        try:
            encodings = self._library.encode_batch_fast(texts, add_special_tokens=False)
        except BaseException as error:  # see _read_library
            if type(error) is not Exception and type(error).__name__ != "PanicException":
                raise  # Ctrl-C, or no memory
            raise ModelError(f"the tokenizer fails on a text: {str(error)[:200]}", "use another tokenizer for this data") from error
        return [encoding.ids for encoding in encodings]

    def _taken_apart(self, text: str) -> list[int]:
        """A text that spells a special token, cut inside it: Unigram models hold such tokens as if they were words.

        Raises ModelError where the text becomes one all the same, as where two pieces share an id.
        """
        names = sorted((name for name in self.pieces(sorted(self._spelled)) if name), key=len, reverse=True)
        cut = re.sub("|".join(map(re.escape, names)), lambda match: f"{match[0][0]}\0{match[0][1:]}", text)
        ids = list(chain.from_iterable(self._library_ids(cut.split("\0"))))
        if strange := sorted(self._spelled.intersection(ids)):
            named = self.pieces(strange[:1])[0]
            raise ModelError(f"the tokenizer makes its special token '{named}' of plain text", "use another tokenizer: this one is damaged")
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text, special tokens included by their names."""
        return self._library.decode([int(token) for token in ids], skip_special_tokens=False)

    def pieces(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Each token as the vocabulary spells it."""
        return [self._library.id_to_token(int(token)) or "" for token in ids]

    @cached_property
    def hash(self) -> str:
        """BLAKE2b of all that decides how text is cut. What adds special tokens does not count: saving puts it there."""
        description = json.loads(self._library.to_str())
        canonical = json.dumps({**description, "post_processor": None}, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()

    @cached_property
    def specials(self) -> np.ndarray:
        """bool [V]: tokens that stand for no text."""
        table_V = np.zeros(self.size, dtype=bool)
        added = self._library.get_added_tokens_decoder()
        table_V[[token for token, added_token in added.items() if added_token.special and token < self.size]] = True
        table_V[[token for token in (self.mask, self.classify, self.separate, self.pad, self.unknown, self.end) if token is not None]] = (
            True
        )
        return table_V

    @cached_property
    def _spelled(self) -> frozenset[int]:
        """Special tokens that no text may yield; the unknown one it may."""
        return frozenset(np.flatnonzero(self.specials).tolist()) - {self.unknown}

    @cached_property
    def continues(self) -> np.ndarray:
        """bool [V]: pieces that go on with the word before them, as the kind of tokenizer marks it.

        A piece that begins with a Chinese or Japanese character begins a word, because no space ever would.
        """
        pieces = self.pieces(range(self.size))
        description = json.loads(self._library.to_str())
        model, unspaced = description["model"], _UNSPACED_BYTES if "ByteLevel" in json.dumps(description["pre_tokenizer"]) else _UNSPACED
        if model["type"] in ("WordPiece", "WordLevel"):
            joiner = model.get("continuing_subword_prefix") or "##"
            table = [piece.startswith(joiner) for piece in pieces]
        else:
            table = [not (piece.startswith(_WORD_BEGINS) or unspaced.match(piece)) for piece in pieces]
        return np.asarray(table, dtype=bool) & ~self.specials

    def save(self, folder: Path) -> None:
        """tokenizer.json and what AutoTokenizer wants beside it, so that it gives the ids of our samples."""
        library = tokenizers.Tokenizer.from_str(self._library.to_str())
        encloses = self.classify is not None and self.separate is not None
        if encloses:
            first, last = self.pieces([self.classify, self.separate])
            library.post_processor = processors.TemplateProcessing(
                single=f"{first} $A {last}",
                pair=f"{first} $A {last} $B:1 {last}:1",
                special_tokens=[(first, self.classify), (last, self.separate)],
            )
        names = {role: self.pieces([token])[0] for role, token in self._roles().items() if token is not None}
        inputs = ["input_ids", "token_type_ids", "attention_mask"] if encloses else ["input_ids", "attention_mask"]
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": inputs, "clean_up_tokenization_spaces": False, **names}
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", names)):
            (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        (folder / FILE).write_text(library.to_str(pretty=True), encoding="utf-8")

    def _roles(self) -> dict[str, int | None]:
        return {
            "mask_token": self.mask, "cls_token": self.classify, "sep_token": self.separate,
            "pad_token": self.pad, "unk_token": self.unknown, "eos_token": self.end,
        }  # fmt: skip

    def _find(self, role: str, named: Mapping[str, str]) -> int | None:
        """A directory that names its special tokens names all of them: the <s> of a decoder is not there to classify."""
        candidates = (named[role],) if role in named else () if named else ROLES[role]
        return next((token for name in candidates if (token := self._library.token_to_id(name)) is not None), None)


def _read_library(file: Path) -> tokenizers.Tokenizer:
    hint = "a model directory needs a sound tokenizer.json"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ModelError(f"{file} is larger than {MOST_BYTES // 1_000_000} MB", hint)
        text = file.read_text(encoding="utf-8")
        description = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} cannot be read as a tokenizer: {' '.join(str(error).split())[:200]}", hint) from error
    problem = _unsound(description)
    if problem:
        raise ModelError(f"{file} is not sound: {problem}", hint)
    try:
        return tokenizers.Tokenizer.from_str(text)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the library panics on some files, and its PanicException is no Exception
        raise ModelError(f"{file} is refused by the tokenizers library: {str(error)[:200]}", hint) from error


def _unsound(description: Any) -> str:
    """Why a tokenizer.json is not to be given to the library; the empty string where it may be."""
    model = description.get("model") if isinstance(description, dict) else None
    if not isinstance(model, dict):
        return "it has no model"
    kind = model.get("type", "BPE" if "merges" in model else "WordPiece")
    if kind not in MODELS:
        return f"its model is of an unknown type {kind!r:.40}"
    added = description.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) and isinstance(token.get("id"), int) for token in added):
        return "its added tokens have no ids"
    vocabulary = model.get("vocab")
    if kind == "Unigram":
        sound = isinstance(vocabulary, list) and all(isinstance(entry, list) and len(entry) == 2 for entry in vocabulary)
        ids = set(range(len(vocabulary))) if sound else set()
    else:
        sound = isinstance(vocabulary, dict) and all(isinstance(token, int) and token >= 0 for token in vocabulary.values())
        ids = set(vocabulary.values()) if sound else set()
        if sound and len(ids) != len(vocabulary):
            return "two pieces have one id"
    if not sound:
        return "its vocabulary is not a table of pieces"
    if not isinstance(model.get("unk_token"), str | None):
        return f"its unknown token is no text but {model['unk_token']!r:.40}"
    if kind == "Unigram" and model.get("unk_id") is None:
        return "it has no piece for what it does not know"
    if kind in ("WordPiece", "WordLevel") and model.get("unk_token", "[UNK]") not in vocabulary:
        return f"its unknown token {model.get('unk_token', '[UNK]')!r:.40} is not in the vocabulary"
    ids |= {token["id"] for token in added}
    if not ids or max(ids) >= MOST_PIECES or min(ids) < 0:
        return f"its ids are not between 0 and {MOST_PIECES:,}"
    return _unsound_merges(model, vocabulary) if kind == "BPE" else ""


def _unsound_merges(model: Mapping[str, Any], vocabulary: Mapping[str, int]) -> str:
    prefix, merges = model.get("continuing_subword_prefix") or "", model.get("merges") or []
    if not isinstance(prefix, str) or not isinstance(merges, list):
        return "its merges are not a list of pairs"
    for number, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            return f"merge {number} is not a pair"
        joined = parts[0] + parts[1].removeprefix(prefix)
        if not all(piece in vocabulary for piece in (*parts, joined)):
            return f"merge {number} makes a piece that is not in the vocabulary"
    return ""


def _named_tokens(folder: Path) -> dict[str, str]:
    """Role -> token as the directory's own files name it; a file that cannot be read says nothing."""
    named: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        try:
            content = json.loads((folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for role in ROLES:
            value = content.get(role) if isinstance(content, dict) else None
            value = value.get("content") if isinstance(value, dict) else value
            if isinstance(value, str):
                named[role] = value
    return named
