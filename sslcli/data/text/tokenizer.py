"""Text to numbers and back, around the `tokenizers` library.

Letters: T tokens of a text, V vocabulary.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.blanks import with_open_mask
from sslcli.data.text.guard import Guard, as_remark
from sslcli.data.text.hf_tokenizer import ENDS, GENERATION, HfFiles, HfTokenizer
from sslcli.data.text.normalization import changes
from sslcli.data.text.offsets import exact_places
from sslcli.data.text.roles import BEGIN, ROLES, moved_roles, usual_roles, usual_template
from sslcli.data.text.templates import Template
from sslcli.data.text.tokenizer_files import is_own, named_tokens, read_tokenizer_json
from sslcli.data.text.tokenizer_json import FILE, own_files
from sslcli.data.text.words import PIECE, KnownWords, as_bytes
from sslcli.errors import ModelError

# What the first piece of a word begins with: a space, as Metaspace and as byte-level pieces write
# it, or a line's end.
_WORD_BEGINS = ("\u2581", "\u0120", "\u010a")
# Characters that are written without spaces; as byte-level pieces write them, the first of their
# bytes in UTF-8, E3 to E9.
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
_UNSPACED_BYTES = re.compile("[\u00e3-\u00e9]")

_TYPES_OF_FILE = (
    "type ids of a pair are those of tokenizer.json: "
    "transformers 5 gives this model no token_type_ids"
)
_NO_TYPES = "both texts of a pair have type id 0: transformers gives this model no token_type_ids"


class Tokenizer:
    """A tokenizer and the roles of its special tokens.

    `mask`, `classify`, `separate`, `pad`, `unknown`, `begin` and `end` are ids, None if the
    vocabulary has no such token. Raw text never yields the token of a role, whatever it spells;
    `remarks` says how often it tried. Special tokens without a role in the model, as a directory of
    another tool may have them, are one token in a text. Encoding adds none: `template` does. The
    end token is for decoders: a tokenizer with [CLS] and [SEP] has none, unless its directory names
    one of its own.
    """

    def __init__(
        self,
        library: tokenizers.Tokenizer,
        named: Mapping[str, str] | None = None,
        hf: HfTokenizer | None = None,
    ) -> None:
        self._library = library
        self._library.no_padding()
        self._library.no_truncation()
        self._library.encode_special_tokens = True
        self._named, self._hf = named, hf
        # Special tokens that stand for themselves in a text.
        self._literals = frozenset() if hf is None else hf.literals
        # The ids that end a text, as the directory says it; empty where it does not.
        self.ends = frozenset() if hf is None else hf.ends
        # How its model generates, as the directory says it in words of generation_config.json.
        self.generating: Mapping[str, Any] = {} if hf is None else hf.generating
        # One more than the highest id, not the number of pieces: a vocabulary may have holes, and
        # an id is a row of the embedding.
        self.size: int = max(library.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        ids = {role: self._find(role, named or {}) for role in ROLES}
        self.mask, self.classify, self.separate = (
            ids["mask_token"],
            ids["cls_token"],
            ids["sep_token"],
        )
        self.pad, self.unknown = ids["pad_token"], ids["unk_token"]
        self.end = (
            ids["eos_token"] if ids["eos_token"] != self.separate or self.classify is None else None
        )
        self.begin = None if self.classify is not None else self._find(BEGIN, named or {})
        self.template = usual_template(self._roles())
        self.notes: tuple[str, ...] = ()
        if hf is not None:
            self._as_directory(hf)

    def _as_directory(self, hf: HfTokenizer) -> None:
        """The template of a directory of another tool, and the roles that only it shows."""
        self.notes = hf.notes
        closing = self.separate if self.end is None else self.end
        self.template = Template.of_post_processor(
            hf.post_processor,
            gives_types=hf.gives_types,
            classify=self.classify,
            end=closing,
        )
        told_apart = Template.of_post_processor(
            hf.post_processor, gives_types=True, classify=self.classify, end=closing
        )
        if (
            hf.type_rows > 1
            and told_apart.largest_type > 0
            and not (hf.gives_types and hf.says_types)
        ):
            self.notes = (*self.notes, _TYPES_OF_FILE if hf.gives_types else _NO_TYPES)
        before, after = self.template.single.tokens
        if not hf.roles and self.template.single.room:  # what it adds says what it is
            self.classify = self.separate = self.begin = None
        if self.classify is None and self.separate is None and before and after:
            if not {self.begin, self.end} & {*before, *after}:
                self.classify, self.separate = before[0], after[-1]
                self.template = replace(self.template, begin=(), end=after[-1:])
        elif not hf.roles and before:
            self.begin = before[0]

    @property
    def stops(self) -> frozenset[int]:
        """The ids that end generated text: those of its directory, else the end token."""
        known = {token for token in self.ends if 0 <= token < self.size}
        return frozenset(known or ({self.end} - {None}))

    @property
    def decoder_start(self) -> int | None:
        """The id that the decoder of an encoder-decoder begins with.

        As its directory says, else the separator, as BART's; None where there is neither.
        """
        said = self.generating.get("decoder_start_token_id")
        return said if isinstance(said, int) and 0 <= said < self.size else self.separate

    @classmethod
    def load(cls, path: str | Path, *, as_own: bool = False) -> "Tokenizer":
        """Load a tokenizer.json, a folder with one, or with a folder `tokenizer` in it, as runs
        have.

        A tokenizer that was not saved here is read as transformers reads it, unless `as_own`.
        Raises ModelError if it is absent or invalid.
        """
        path = Path(path)
        if not path.is_dir():
            folder, file = path.parent, path
        else:
            folder = (
                path / "tokenizer"
                if (path / "tokenizer" / FILE).is_file() and not (path / FILE).is_file()
                else path
            )
            file = folder / FILE
        source = read_tokenizer_json(file)
        if as_own or is_own(folder, ROLES):
            return cls(source.library(), named_tokens(folder, ROLES))
        hf = HfTokenizer.read(source, HfFiles.beside(folder))
        return cls(hf.library, hf.roles, hf)

    def encode(self, text: str) -> np.ndarray:
        """int64 [T], without special tokens."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int64 [T] each, without special tokens. Raises ModelError as `encode_together` does."""
        tokens, sizes = self.encode_together(texts)
        return np.split(tokens.astype(np.int64), np.cumsum(sizes)[:-1])[: len(texts)]

    def encode_with_blanks(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int64 [T] each, as `encode_batch` has it, but the mask stands where a text spells it.

        The space before a blank is a token where a directory's mask does not take it, as
        transformers has it. Ours take it: in training a blank stands for a word with its space.
        """
        tokens = self._open.encode_batch(texts)
        self.guard.spellings.update(self._open.guard.taken())
        return tokens

    @cached_property
    def _open(self) -> "Tokenizer":
        """The same in every way, but that a text may spell its mask."""
        assert self.mask is not None
        library = with_open_mask(self._library, self.mask, takes_space=self._hf is None)
        found = Tokenizer(library, self._named, self._hf)
        found._literals |= set(self.pieces([self.mask]))
        return found

    def encode_together(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of all texts, uint32 [T], one text after the other, and how many each has,
        int64 [N].

        Raises ModelError where the tokenizer cannot cut a text, as where a pattern of its own never
        ends.
        """
        self.guard.count(texts)
        found: list[bytes | None] = (
            self._words.encode(texts) if self._words is not None else [None] * len(texts)
        )
        if self._literal is not None:
            found = [
                None if self._literal.search(text) else own
                for text, own in zip(texts, found, strict=True)
            ]
        left = [text for text, own in zip(texts, found, strict=True) if own is None]
        cut = (
            as_bytes(ids if self._spelled.isdisjoint(ids) else self._taken_apart(text))
            for text, ids in zip(left, self._library_ids(left), strict=True)
        )
        whole = [next(cut) if own is None else own for own in found]
        sizes = np.fromiter(map(len, whole), dtype=np.int64, count=len(whole)) // PIECE.itemsize
        return np.frombuffer(b"".join(whole), dtype=PIECE), sizes

    @cached_property
    def _words(self) -> KnownWords | None:
        """A word that spells a special token is cut with the text around it, as is a text with one
        that stands for itself.
        """
        described = json.loads(self._library.to_str())
        for token in described["added_tokens"]:
            token["special"] |= not token["normalized"] and token["content"] in self._literals

        def cut(words: Sequence[str]) -> list[list[int] | None]:
            return [
                ids if self._spelled.isdisjoint(ids) else None for ids in self._library_ids(words)
            ]

        return KnownWords.of(described, cut)

    @cached_property
    def _literal(self) -> re.Pattern[str] | None:
        return (
            re.compile("|".join(map(re.escape, sorted(self._literals)))) if self._literals else None
        )

    @cached_property
    def guard(self) -> Guard:
        """The special tokens that no text may yield, and how often texts spelled them."""
        guarded = sorted(self._spelled)
        return Guard(dict(zip(guarded, self.pieces(guarded), strict=True)), self._literals)

    def remarks(self) -> list[str]:
        """Sentences about the texts that were encoded since this was last asked."""
        remark = as_remark(self.guard.taken())
        return [remark] if remark else []

    def encode_with_places(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return ids, int64 [T], as `encode` does, and half-open character offsets, int64 [T, 2].

        Offsets cover no blank at their ends; those of a piece of blanks alone are empty. Pieces of
        one character share its offsets, and marks that a tokenizer drops belong to the letter
        before them. Raises ModelError as `encode_together` does.
        """
        self.guard.count(texts)
        found = []
        for text, encoding in zip(
            texts, self._library_encodings(self._library.encode_batch, texts), strict=True
        ):
            ids, offsets = encoding.ids, encoding.offsets
            if not self._spelled.isdisjoint(ids):
                starts, parts = self.guard.apart(text)
                cut = self._library_encodings(self._library.encode_batch, parts)
                ids = self._unspelled([encoding.ids for encoding in cut])
                offsets = [
                    (start + a, start + b)
                    for start, part in zip(starts, cut, strict=True)
                    for a, b in part.offsets
                ]
            ids = np.asarray(ids, dtype=np.int64)
            places = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
            found.append((ids, exact_places(text, places, self._blank[ids])))
        return found

    def _library_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            encoding.ids
            for encoding in self._library_encodings(self._library.encode_batch_fast, texts)
        ]

    def _library_encodings(
        self, encode: Callable[..., list[tokenizers.Encoding]], texts: Sequence[str]
    ) -> list[tokenizers.Encoding]:
        try:
            return encode(texts, add_special_tokens=False)
        except BaseException as error:  # see TokenizerJson.library
            if type(error) is not Exception and type(error).__name__ != "PanicException":
                raise  # Ctrl-C, or no memory
            raise ModelError(
                f"the tokenizer fails on a text: {str(error)[:200]}",
                "use another tokenizer for this data",
            ) from error

    def _taken_apart(self, text: str) -> list[int]:
        """A text that spells a special token, cut inside it: Unigram models hold such tokens as if
        they were words.

        Raises ModelError where the text becomes one all the same, as where two pieces share an id.
        """
        _, parts = self.guard.apart(text)
        return self._unspelled(self._library_ids(parts))

    def _unspelled(self, parts: Sequence[Sequence[int]]) -> list[int]:
        ids = list(chain.from_iterable(parts))
        if strange := sorted(self._spelled.intersection(ids)):
            named = self.pieces(strange[:1])[0]
            raise ModelError(
                f"the tokenizer makes its special token '{named}' of plain text",
                "use another tokenizer: this one is damaged",
            )
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text, special tokens included by their names."""
        return self._library.decode([int(token) for token in ids], skip_special_tokens=False)

    def changes(self, counts: Mapping[str, int], total: int) -> list[str]:
        """Changes made to texts before tokenization, in words; see `normalization.changes`."""
        return changes(self._library, self._library_ids, counts, total)

    def pieces(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Return each token as the vocabulary spells it."""
        return [self._library.id_to_token(int(token)) or "" for token in ids]

    @cached_property
    def hash(self) -> str:
        """BLAKE2b of all that decides how text is cut, what stands around it, and who plays a role.

        What adds special tokens counts where it differs from the usual, and so do roles that others
        play than the vocabulary shows, and special tokens that stand for themselves in a text:
        whatever is as usual has the hash that it had before these counted.
        """
        return self._hash(with_roles=True)

    @cached_property
    def former_hash(self) -> str:
        """The hash of earlier versions, without roles, by which older runs know their tokenizer."""
        return self._hash(with_roles=False)

    def _hash(self, *, with_roles: bool) -> str:
        description = json.loads(self._library.to_str())
        for token in description["added_tokens"]:
            token["special"] |= token["content"] in self._literals
        whole = {**description, "post_processor": None}
        usual = usual_roles(self._library.get_vocab(with_added_tokens=True))
        usuals = [usual_template(roles) for roles in (self._roles(), *[usual] * with_roles)]
        if not all(map(self.template.cuts_like, usuals)):
            whole["template"] = asdict(replace(self.template, prompt=self.template.single))
        special = {token["id"] for token in description["added_tokens"] if token["special"]}
        moved = moved_roles({**self._roles(), BEGIN: self.begin}, usual, special)
        if with_roles and moved:
            whole["roles"] = moved
        literals = self._literals - set(self.pieces([] if self.unknown is None else [self.unknown]))
        if literals:
            whole["literal"] = sorted(literals)
        canonical = json.dumps(whole, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()

    def cuts_like(self, other: "Tokenizer") -> bool:
        """Tell whether both tokenize every text alike, special tokens and offsets apart."""
        return self.is_exact and other.is_exact and self._pieces_rule() == other._pieces_rule()

    @property
    def is_exact(self) -> bool:
        """Whether transformers is known to tokenize as this does."""
        return self._hf is None or self._hf.is_exact

    def _pieces_rule(self) -> tuple[Any, ...]:
        described = json.loads(self._library.to_str())
        added = sorted((token["id"], token["content"]) for token in described["added_tokens"])
        return (*(described[part] for part in ("model", "normalizer", "pre_tokenizer")), added)

    @cached_property
    def known(self) -> np.ndarray:
        """bool [V]: ids that a token has; a vocabulary may have holes."""
        table_V = np.zeros(self.size, dtype=bool)
        table_V[list(self._library.get_vocab(with_added_tokens=True).values())] = True
        return table_V

    @property
    def special_tokens(self) -> dict[SpecialToken, int]:
        """The ids of the special tokens that it has, by the names that plugins declare."""
        ids: dict[SpecialToken, int | None] = {
            "mask": self.mask,
            "cls": self.classify,
            "sep": self.separate,
            "pad": self.pad,
            "unk": self.unknown,
            "bos": self.begin,
            "eos": self.end,
        }
        return {name: token for name, token in ids.items() if token is not None}

    @cached_property
    def specials(self) -> np.ndarray:
        """bool [V]: tokens that stand for no text."""
        table_V = np.zeros(self.size, dtype=bool)
        added = self._library.get_added_tokens_decoder()
        special = [
            token for token, own in added.items() if own.special or own.content in self._literals
        ]
        roles = (
            self.mask,
            self.classify,
            self.separate,
            self.pad,
            self.unknown,
            self.begin,
            self.end,
        )
        table_V[[token for token in special if token < self.size]] = True
        table_V[[token for token in roles if token is not None]] = True
        return table_V

    @cached_property
    def _spelled(self) -> frozenset[int]:
        """Special tokens that no text may yield; the unknown one it may, and those that stand for
        themselves.
        """
        own = {self._library.token_to_id(token) for token in self._literals}
        if self._hf is not None:
            own.add(self._hf.unknown)
        return frozenset(np.flatnonzero(self.specials).tolist()) - {self.unknown} - own

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """[V]: what each token alone stands for, without blanks at its ends."""
        texts = self._library.decode_batch(
            [[token] for token in range(self.size)], skip_special_tokens=False
        )
        return tuple(text.strip() for text in texts)

    @cached_property
    def _blank(self) -> np.ndarray:
        """bool [V]: pieces that stand for blanks alone, as what Metaspace puts before a text."""
        return np.asarray([not text for text in self.texts], dtype=bool)

    @cached_property
    def continues(self) -> np.ndarray:
        """bool [V]: pieces that go on with the word before them, as the kind of tokenizer marks it.

        A piece that begins with a Chinese or Japanese character begins a word, because no space
        ever would.
        """
        pieces = self.pieces(range(self.size))
        description = json.loads(self._library.to_str())
        model, unspaced = (
            description["model"],
            _UNSPACED_BYTES
            if "ByteLevel" in json.dumps(description["pre_tokenizer"])
            else _UNSPACED,
        )
        if model["type"] in ("WordPiece", "WordLevel"):
            joiner = model.get("continuing_subword_prefix") or "##"
            table = [piece.startswith(joiner) for piece in pieces]
        else:
            table = [
                not (piece.startswith(_WORD_BEGINS) or unspaced.match(piece)) for piece in pieces
            ]
        return np.asarray(table, dtype=bool) & ~self.specials

    def generating_as(self, other: "Tokenizer") -> "Tokenizer":
        """Return the tokenizer for a model that generates, and ends texts, as another one does."""
        found = copy(self)
        found.ends, found.generating = other.ends, other.generating
        return found

    def save_with_generation(self, folder: Path) -> None:
        """As `save` does, and how the model generates; shards hold no such file."""
        self.save(folder)
        said = {**self.generating, **({ENDS: sorted(self.ends)} if self.ends else {})}
        if said:
            (folder / GENERATION).write_text(json.dumps(said, indent=1), encoding="utf-8")

    def save(self, folder: Path) -> None:
        """tokenizer.json and what AutoTokenizer wants beside it, so that it gives the ids of our
        samples.
        """
        if self._hf is not None:
            files = {**self._hf.files, FILE: self._hf.text}
        else:
            names = {
                role: self.pieces([t])[0] for role, t in self._roles().items() if t is not None
            }
            files = own_files(self._library, names)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            said = (
                content
                if isinstance(content, str)
                else json.dumps(content, indent=1, ensure_ascii=False)
            )
            (folder / name).write_text(said, encoding="utf-8")

    def _roles(self) -> dict[str, int | None]:
        return {
            "mask_token": self.mask, "cls_token": self.classify, "sep_token": self.separate,
            "pad_token": self.pad, "unk_token": self.unknown, "eos_token": self.end,
        }  # fmt: skip

    def _find(self, role: str, named: Mapping[str, str]) -> int | None:
        """A directory that names its special tokens names all of them: the <s> of a decoder is not
        there to classify.
        """
        candidates = (named[role],) if role in named else () if named else ROLES.get(role, ())
        return next(
            (
                token
                for name in candidates
                if (token := self._library.token_to_id(name)) is not None
            ),
            None,
        )
