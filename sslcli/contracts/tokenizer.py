"""The contract of a tokenizer trainer: pieces out of text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Generic

import tokenizers

from sslcli.config import Config
from sslcli.contracts.learnable import O
from sslcli.data.special_tokens import SpecialToken


class PieceTrainer(ABC, Generic[O]):
    """Learns a vocabulary of pieces."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    most_bytes: ClassVar[int] = 64_000_000  # of text to learn from, spread over the corpus: as many as fit into memory

    def __init__(self, options: O) -> None:
        self.options = options

    def special_tokens(self) -> frozenset[SpecialToken] | None:
        """Those that every tokenizer of it has with these options; None where only training tells."""
        return None

    @abstractmethod
    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer: ...
