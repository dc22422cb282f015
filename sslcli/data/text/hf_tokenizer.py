"""A tokenizer of another tool's directory, as transformers reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tokenizers

from sslcli.data.text.hf_classes import Json


@dataclass(frozen=True)
class HfTokenizer:
    """A directory's tokenizer as transformers reads it.

    `roles`: "cls_token" -> "[CLS]"; empty where the directory names none. `literals`: special
    tokens that are one token where a text spells them. `unknown`: the token for an unknown piece.
    `post_processor`: as in tokenizer.json. `gives_types`: whether segment ids reach the model,
    which has `type_rows` of them, as far as config.json says; `says_types`: whether the directory
    or its class says so. Where neither does, a model with several segment ids gets those of its
    post-processor, as transformers before 5 did; 5 gives none. `notes`: sentences on what is left
    out. `is_exact`: whether the rules of the class are known. `text` and `files`: what is to be
    saved, so that it is read in the same way again. `ends`: the ids that end generated text, where
    the directory says so; `generating`: all that it says of how the model generates.
    """

    library: tokenizers.Tokenizer
    roles: Mapping[str, str]
    literals: frozenset[str]
    unknown: int | None
    post_processor: Json | None
    gives_types: bool
    says_types: bool
    type_rows: int
    notes: tuple[str, ...]
    is_exact: bool
    text: str
    files: Mapping[str, Json]
    ends: frozenset[int] = frozenset()
    generating: Json = field(default_factory=dict)
