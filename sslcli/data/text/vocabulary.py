"""The pieces of a tokenizer, and the roles that its special tokens play.

Letters: V vocabulary.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import tokenizers

from sslcli.data.special_tokens import SpecialToken
from sslcli.data.text.hf_tokenizer import HfTokenizer
from sslcli.data.text.roles import BEGIN, ROLES
from sslcli.data.text.templates import Template, usual_template
from sslcli.errors import ModelError, UsageError

# What the first piece of a word begins with: a space, as Metaspace and as byte-level pieces write
# it, or a line's end.
_WORD_BEGINS = ("\u2581", "\u0120", "\u010a")
# Characters that are written without spaces; as byte-level pieces write them, the first of their
# bytes in UTF-8, E3 to E9.
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
_UNSPACED_BYTES = re.compile("[\u00e3-\u00e9]")

# Of a directory, as generation_config.json calls them.
TOKENS_OF_GENERATION = (
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "eos_token_id",
)

_TYPES_OF_FILE = (
    "type ids of a pair are those of tokenizer.json: "
    "transformers 5 gives this model no token_type_ids"
)
_NO_TYPES = "both texts of a pair have type id 0: transformers gives this model no token_type_ids"


class Vocabulary:
    """The pieces of a tokenizer by id, and the roles of its special tokens.

    `mask`, `classify`, `separate`, `pad`, `unknown`, `begin` and `end` are ids, None if the
    vocabulary has no such token. The end token is for decoders: a tokenizer with [CLS] and [SEP]
    has none, unless its directory names one of its own.
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
        # A chat template that is not in these files: of a model that had none.
        self.chat = ""
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

        As its directory says, else the last token of an enclosed text, which is the separator in
        BART and the language's code in mBART; where texts are not enclosed the separator, or what
        ends or begins a text, or padding, as T5's. None where there is nothing of these.
        """
        said = self.generating.get("decoder_start_token_id")
        if isinstance(said, int) and 0 <= said < self.size:
            return said
        *_, last = (None, *self.template.single.tokens[-1])
        ids = (last, self.separate, self.end, self.begin, self.classify, self.pad)
        return next((token for token in ids if token is not None), None)

    def refuse_strange_generation(self) -> None:
        """Raise ModelError where the directory begins, forces or ends texts with what is no token
        of the tokenizer.
        """
        for key in TOKENS_OF_GENERATION:
            said = self.generating.get(key)
            for token in said if isinstance(said, list) else [] if said is None else [said]:
                if type(token) is not int or not 0 <= token < self.size:
                    raise ModelError(
                        f"the model generates with {key} {token!r:.40}, which is none of the "
                        f"{self.size:,} tokens of its tokenizer",
                        "mend generation_config.json, or config.json where there is none",
                    )

    def start_of_decoder(self) -> int:
        """Return `decoder_start`. Raises UsageError where there is none, ModelError where the
        directory says what is no token.
        """
        self.refuse_strange_generation()
        if self.decoder_start is None:
            raise UsageError(
                "the tokenizer has no token for a decoder to begin with",
                "name one in its generation_config.json: decoder_start_token_id",
            )
        return self.decoder_start

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

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text, special tokens included by their names."""
        return self._library.decode([int(token) for token in ids], skip_special_tokens=False)

    def pieces(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Return each token as the vocabulary spells it."""
        return [self._library.id_to_token(int(token)) or "" for token in ids]

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
