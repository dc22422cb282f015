"""Whole words: every word of a small vocabulary is one piece, all others are unknown.

For worlds whose words are all known, and for languages written with spaces between words: nothing
is cut, Chinese characters neither. The model is a WordPiece model without continuations, so that
whatever reads BERT's pieces reads these. Text keeps its normal form; invisible characters (joiners,
soft hyphens) are dropped.
"""

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from sslcli.api import Config, PieceTrainer, SpecialToken, setting

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # BERT's, in BERT's order


class WordTrainer(PieceTrainer["WordTrainer.Options"]):
    """Trains a vocabulary of the most frequent words; ties are in the order of their characters."""

    summary = (
        "whole words, separated by spaces and punctuation; nothing is cut, the rest is unknown"
    )

    class Options(Config):
        lowercase: bool = setting(
            True, "write everything in lower case", "--lowercase/--no-lowercase"
        )
        minimum_frequency: int = setting(
            1, "fewer occurrences than this make a word unknown", "--minimum-frequency", gt=0
        )

    def special_tokens(self) -> frozenset[SpecialToken]:
        return frozenset({"mask", "cls", "sep", "pad", "unk"})

    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        counter = self._tokenizer(models.WordLevel(unk_token="[UNK]"))
        specials = list(_SPECIALS)
        rules = {
            "min_frequency": self.options.minimum_frequency,
            "special_tokens": specials,
            "show_progress": False,
        }
        counter.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=size, **rules))
        trained = self._tokenizer(
            models.WordPiece(counter.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=100)
        )
        trained.add_special_tokens(specials)
        return trained

    def _tokenizer(self, model: models.Model) -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=False,
            strip_accents=False,
            lowercase=self.options.lowercase,
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer
