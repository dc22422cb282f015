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

from sslcli.data.text.blanks import with_open_mask, with_open_tokens
from sslcli.data.text.chat_template import CHAT, ChatTemplate
from sslcli.data.text.guard import Guard, as_remark
from sslcli.data.text.hf_reading import (
    ENDS,
    GENERATION,
    SPLITS,
    TOKENIZER_CONFIG,
    HfFiles,
    read_hf_tokenizer,
    read_small_text,
)
from sslcli.data.text.normalization import changes
from sslcli.data.text.offsets import exact_places
from sslcli.data.text.roles import BEGIN, ROLES, moved_roles, usual_roles
from sslcli.data.text.templates import usual_template
from sslcli.data.text.tokenizer_files import is_own, named_tokens, read_tokenizer_json
from sslcli.data.text.tokenizer_json import FILE, own_files
from sslcli.data.text.vocabulary import Vocabulary
from sslcli.data.text.words import PIECE, KnownWords, as_bytes
from sslcli.errors import ModelError


class Tokenizer(Vocabulary):
    """Text to ids and back.

    Raw text never yields the token of a role, whatever it spells; `remarks` says how often it
    tried. Special tokens without a role in the model, as a directory of another tool may have them,
    are one token in a text. Encoding adds none: `template` does.
    """

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
            own = cls(source.library(), named_tokens(folder, ROLES))
            return own.chatting_as(read_small_text(folder / CHAT))
        hf = read_hf_tokenizer(source, HfFiles.beside(folder))
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

    def encode_rendered(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int64 [T] each, of what a chat template has written: special tokens but the mask and the
        padding stand where it spells them, and none is added.
        """
        return self._of_chats.encode_batch(texts)

    @cached_property
    def _of_chats(self) -> "Tokenizer":
        """The same in every way, but that a text may spell its special tokens."""
        kept = {self.mask, self.pad} if self.pad != self.end else {self.mask}
        spelled = frozenset(np.flatnonzero(self.specials).tolist()) - kept
        names = frozenset(self.pieces(sorted(spelled)))
        splits = self._hf is not None and self._config.get(SPLITS)
        if splits or names <= self._literals:
            return self
        found = Tokenizer(with_open_tokens(self._library, spelled), self._named, self._hf)
        found._literals |= names
        return found

    @property
    def _config(self) -> Mapping[str, Any]:
        """tokenizer_config.json of another tool's directory."""
        return {} if self._hf is None else self._hf.files.get(TOKENIZER_CONFIG, {})

    @cached_property
    def chat_template(self) -> ChatTemplate | None:
        """How conversations are written, as its directory says it; None where nothing says so.

        Raises ModelError for what is no template.
        """
        said = self.chat or self._config.get("chat_template")
        return ChatTemplate.of_directory(said, self.names_of_tokens)

    @property
    def names_of_tokens(self) -> Mapping[str, str]:
        """ "eos_token" -> "</s>", for each special token with a role."""
        ids = {**self._roles(), BEGIN: self.begin}
        own = {role: self.pieces([token])[0] for role, token in ids.items() if token is not None}
        return own if self._hf is None else self._hf.roles

    @cached_property
    def special_names(self) -> Sequence[str]:
        """Every special token as a text may spell it."""
        return self.pieces(np.flatnonzero(self.specials))

    def chatting_as(self, template: str, ends: frozenset[int] = frozenset()) -> "Tokenizer":
        """Return the tokenizer for a model whose conversations are written by a template, and whose
        answers end with these tokens; as it was where these are empty.
        """
        found = copy(self)
        found.__dict__.pop("chat_template", None)
        found.chat = template or self.chat
        if ends - self.stops:
            found.ends = ends
            found.generating = {**self.generating, ENDS: sorted(ends)}
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

    def changes(self, counts: Mapping[str, int], total: int) -> list[str]:
        """Changes made to texts before tokenization, in words; see `normalization.changes`."""
        return changes(self._library, self._library_ids, counts, total)

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

    def generating_as(self, other: "Tokenizer") -> "Tokenizer":
        """Return the tokenizer for a model that generates, and ends texts, as another one does."""
        found = copy(self)
        found.ends, found.generating, found.chat = other.ends, other.generating, other.chat
        return found

    def save_with_generation(self, folder: Path) -> None:
        """As `save` does, and how the model generates; shards hold no such file."""
        self.save(folder)
        self.save_chat_template(folder)
        said = {**self.generating, **({ENDS: sorted(self.ends)} if self.ends else {})}
        if said:
            (folder / GENERATION).write_text(json.dumps(said, indent=1), encoding="utf-8")

    def save_chat_template(self, folder: Path) -> None:
        """Write chat_template.jinja where the template is not in the tokenizer's own files."""
        if self.chat:
            (folder / CHAT).write_text(self.chat, encoding="utf-8")

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
