"""Text to numbers and back, around the `tokenizers` library.

Letters: T tokens of a text, V vocabulary.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import processors

from sslcli.data.normalizing import changes
from sslcli.data.places import exact_places
from sslcli.data.tokenizerfile import FILE, named_tokens, read_library
from sslcli.data.words import PIECE, KnownWords, as_bytes
from sslcli.errors import ModelError

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
        return cls(read_library(file), named_tokens(folder, ROLES))

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

    def encode_with_places(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The ids that `encode` gives, int64 [T], and where each stands in its text, int64 [T, 2]: characters, half open.

        A place covers no blank at its ends; that of a piece of nothing but blanks is empty. Pieces of one character share
        its place, and marks that a tokenizer drops belong to the letter before them. Raises ModelError as `encode_together` does.
        """
        found = []
        for text, encoding in zip(texts, self._library_encodings(self._library.encode_batch, texts), strict=True):
            ids, offsets = encoding.ids, encoding.offsets
            if not self._spelled.isdisjoint(ids):
                starts, parts = self._apart(text)
                cut = self._library_encodings(self._library.encode_batch, parts)
                ids = self._unspelled([encoding.ids for encoding in cut])
                offsets = [(start + a, start + b) for start, part in zip(starts, cut, strict=True) for a, b in part.offsets]
            ids = np.asarray(ids, dtype=np.int64)
            places = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
            found.append((ids, exact_places(text, places, self._blank[ids])))
        return found

    def _library_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._library_encodings(self._library.encode_batch_fast, texts)]

    def _library_encodings(self, encode: Callable[..., list[tokenizers.Encoding]], texts: Sequence[str]) -> list[tokenizers.Encoding]:
        try:
            return encode(texts, add_special_tokens=False)
        except BaseException as error:  # see read_library
            if type(error) is not Exception and type(error).__name__ != "PanicException":
                raise  # Ctrl-C, or no memory
            raise ModelError(f"the tokenizer fails on a text: {str(error)[:200]}", "use another tokenizer for this data") from error

    def _taken_apart(self, text: str) -> list[int]:
        """A text that spells a special token, cut inside it: Unigram models hold such tokens as if they were words.

        Raises ModelError where the text becomes one all the same, as where two pieces share an id.
        """
        _, parts = self._apart(text)
        return self._unspelled(self._library_ids(parts))

    def _apart(self, text: str) -> tuple[list[int], list[str]]:
        """Where the parts begin, and the parts: a cut after the first character of every special token's name."""
        names = sorted((name for name in self.pieces(sorted(self._spelled)) if name), key=len, reverse=True)
        starts = [0, *(match.start() + 1 for match in re.finditer("|".join(map(re.escape, names)), text))]
        return starts, [text[start:stop] for start, stop in pairwise([*starts, len(text)])]

    def _unspelled(self, parts: Sequence[Sequence[int]]) -> list[int]:
        ids = list(chain.from_iterable(parts))
        if strange := sorted(self._spelled.intersection(ids)):
            named = self.pieces(strange[:1])[0]
            raise ModelError(f"the tokenizer makes its special token '{named}' of plain text", "use another tokenizer: this one is damaged")
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text, special tokens included by their names."""
        return self._library.decode([int(token) for token in ids], skip_special_tokens=False)

    def changes(self, counts: Mapping[str, int], total: int) -> list[str]:
        """What is done to texts before they are cut, as `normalizing.changes` says it."""
        return changes(self._library, counts, total)

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
    def known(self) -> np.ndarray:
        """bool [V]: ids that a token has; a vocabulary may have holes."""
        table_V = np.zeros(self.size, dtype=bool)
        table_V[list(self._library.get_vocab(with_added_tokens=True).values())] = True
        return table_V

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
    def texts(self) -> tuple[str, ...]:
        """[V]: what each token alone stands for, without blanks at its ends."""
        texts = self._library.decode_batch([[token] for token in range(self.size)], skip_special_tokens=False)
        return tuple(text.strip() for text in texts)

    @cached_property
    def _blank(self) -> np.ndarray:
        """bool [V]: pieces that stand for blanks alone, as what Metaspace puts before a text."""
        return np.asarray([not text for text in self.texts], dtype=bool)

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
