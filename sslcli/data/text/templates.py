"""Special tokens and segment ids around one text or two.

A `Template` is derived once from a tokenizer and builds every sequence that a model reads: in
training, in windows over passages, for probes, prompts and exports alike.

Letters: T tokens of a sequence.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
import tokenizers
from tokenizers import models

from sslcli.data.text.roles import Roles
from sslcli.errors import ModelError


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`tokens[i]` stand before text i, the last of them after all texts; `types` are their type
    ids.

    `text_types`: the type id of each text.
    """

    tokens: tuple[tuple[int, ...], ...]
    types: tuple[tuple[int, ...], ...]
    text_types: tuple[int, ...]

    @property
    def room(self) -> int:
        """Number of tokens that it adds to the texts."""
        return sum(map(len, self.tokens))

    @property
    def before(self) -> int:
        """Number of tokens before the first text."""
        return len(self.tokens[0])

    def build(self, *texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and type ids, int64 [T] each."""
        kinds = zip(texts, self.text_types, strict=True)
        types = [np.full(len(text), kind, dtype=np.int64) for text, kind in kinds]
        return self.around(*texts), _laid_out(self.types, types)

    def around(self, *texts: np.ndarray) -> np.ndarray:
        """The tokens alone, int64 [T]."""
        return _laid_out(self.tokens, texts)

    def start_of(self, number: int, texts: Sequence[np.ndarray]) -> int:
        """Return the offset of text `number` in what `build` returns for these texts."""
        return sum(map(len, self.tokens[: number + 1])) + sum(map(len, texts[:number]))

    def without_types(self) -> "Surroundings":
        """Return it with segment 0 everywhere."""
        none = tuple(tuple(0 for _ in own) for own in self.types)
        return replace(self, types=none, text_types=tuple(0 for _ in self.text_types))


def _laid_out(own: Sequence[tuple[int, ...]], texts: Sequence[np.ndarray]) -> np.ndarray:
    """The numbers own[0], texts[0], own[1], ..., end to end; int64."""
    parts = [own[0], *chain.from_iterable(zip(texts, own[1:], strict=True))]
    laid, start = np.empty(sum(map(len, parts)), dtype=np.int64), 0
    for part in parts:
        laid[start : start + len(part)] = part
        start += len(part)
    return laid


@dataclass(frozen=True, slots=True)
class Template:
    """`single` for one text, `pair` for two, `prompt` for one that is to be continued.

    `begin` and `end` stand around each document in a stream of documents.
    """

    single: Surroundings
    pair: Surroundings
    prompt: Surroundings
    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()

    @classmethod
    def of_roles(cls, classify: int | None, separate: int | None, end: int | None) -> "Template":
        """[CLS] x [SEP] and [CLS] A [SEP] B [SEP], with type id 1 from B on.

        A tokenizer without a separator closes with its end token, one without either adds nothing.
        """
        first, last = _one(classify), _one(end if separate is None else separate)
        single = _surroundings([(first, 0), (last, 0)], [0])
        pair = _surroundings([(first, 0), (last, 0), (last, 1)], [0, 1])
        bare = _surroundings([((), 0), ((), 0)], [0])
        return cls(single, pair, bare, (), _one(separate if end is None else end))

    @classmethod
    def of_post_processor(
        cls,
        described: Mapping[str, Any] | None,
        *,
        gives_types: bool,
        classify: int | None,
        end: int | None,
    ) -> "Template":
        """Derive the template of a post-processor of tokenizer.json.

        Documents in a stream end with `end`. They begin as a single text does, but for [CLS], which
        only begins a sequence. Raises ModelError if it reverses texts.
        """
        single, pair = _surroundings_of(described, 1), _surroundings_of(described, 2)
        if not gives_types:
            single, pair = single.without_types(), pair.without_types()
        begin = () if classify is not None else single.tokens[0]
        return cls(single, pair, single, begin, _one(end))

    def cuts_like(self, other: "Template") -> bool:
        """Tell whether training samples come out the same."""
        mine, theirs = (replace(each, prompt=each.single) for each in (self, other))
        return mine == theirs

    @property
    def largest_type(self) -> int:
        """The largest segment id."""
        pairs = (self.single, self.pair)
        types = chain.from_iterable([*chain.from_iterable(p.types for p in pairs)])
        return max([*types, *self.single.text_types, *self.pair.text_types], default=0)


def _one(token: int | None) -> tuple[int, ...]:
    return () if token is None else (token,)


def _surroundings(
    parts: Sequence[tuple[tuple[int, ...], int]], text_types: Sequence[int]
) -> Surroundings:
    tokens = tuple(part for part, _ in parts)
    types = tuple(tuple(type_id for _ in part) for part, type_id in parts)
    return Surroundings(tokens, types, tuple(text_types))


def _surroundings_of(described: Mapping[str, Any] | None, count: int) -> Surroundings:
    """Found by letting the post-processor work on texts of one piece each."""
    library = tokenizers.Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    bare = json.loads(library.to_str())
    library = tokenizers.Tokenizer.from_str(json.dumps({**bare, "post_processor": described}))
    encoding = library.encode("a", None if count == 1 else "b")
    texts = [place for place, own in enumerate(encoding.sequence_ids) if own is not None]
    found = [encoding.sequence_ids[place] for place in texts]
    if found != list(range(count)) or [encoding.ids[place] for place in texts] != found:
        raise ModelError(
            "the tokenizer's post-processor does not give each text once and in order",
            "only tokenizers that put special tokens around texts can be used",
        )
    cuts = [-1, *texts, len(encoding.ids)]
    between = [slice(start + 1, stop) for start, stop in pairwise(cuts)]
    return Surroundings(
        tuple(tuple(encoding.ids[part]) for part in between),
        tuple(tuple(encoding.type_ids[part]) for part in between),
        tuple(encoding.type_ids[place] for place in texts),
    )


def usual_template(roles: Roles) -> Template:
    """Return the template of our own tokenizers.

    The end token is for decoders: one with [CLS] and [SEP] has none.
    """
    classify, separate = roles["cls_token"], roles["sep_token"]
    end = roles["eos_token"]
    if end == separate and classify is not None:
        end = None
    return Template.of_roles(classify, separate, end)
