"""The contract of a tokenizer trainer: a vocabulary learned from text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Generic

import tokenizers

from sslcli.config import Config
from sslcli.contracts.options import O
from sslcli.core.settings import Architecture
from sslcli.data.special_tokens import SpecialToken


class PieceTrainer(ABC, Generic[O]):
    """Learns a vocabulary of pieces (tokens) from text."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    # Kinds of Transformers for which these pieces are learnt where nobody names others.
    usual_for: ClassVar[frozenset[Architecture]] = frozenset()
    # of text to learn from, spread over the corpus: as many as fit into memory
    most_bytes: ClassVar[int] = 64_000_000

    def __init__(self, options: O) -> None:
        self.options = options

    def special_tokens(self) -> frozenset[SpecialToken] | None:
        """Return the special tokens of every tokenizer trained with these options.

        None if only training decides them.
        """
        return None

    @abstractmethod
    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        """Train a tokenizer of `size` pieces on texts."""
