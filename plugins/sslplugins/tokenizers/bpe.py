"""Byte-level BPE, as GPT-2's and RoBERTa's: lossless, and without unknown tokens.

Sennrich et al. 2016 (arXiv 1508.07909); Radford et al. 2019, "GPT-2", section 2.2. Trained by the
`tokenizers` library.
"""

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from sslcli.api import Config, PieceTrainer, SpecialToken, setting

_DECODER_SPECIALS = ("<|endoftext|>",)
# RoBERTa's, in RoBERTa's order; a blank stands for a word and the space before it, as theirs does.
_MASK = tokenizers.AddedToken("<mask>", lstrip=True, normalized=False, special=True)
_ENCODER_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", _MASK)


class BytePairTrainer(PieceTrainer["BytePairTrainer.Options"]):
    """Trains byte-level BPE with GPT-2's or RoBERTa's special tokens."""

    summary = "byte-level BPE, GPT-2's pieces; lossless"
    usual_for = frozenset({"decoder"})

    class Options(Config):
        minimum_frequency: int = setting(
            2, "fewer occurrences than this make no merge", "--minimum-frequency", gt=0
        )
        encoder_tokens: bool = setting(
            False,
            "RoBERTa's special tokens, with a mask, instead of GPT-2's",
            "--encoder-tokens/--no-encoder-tokens",
        )

    def special_tokens(self) -> frozenset[SpecialToken]:
        if not self.options.encoder_tokens:
            return frozenset({"eos"})
        return frozenset({"mask", "cls", "sep", "pad", "unk"})

    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=self.options.minimum_frequency,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=list(
                _ENCODER_SPECIALS if self.options.encoder_tokens else _DECODER_SPECIALS
            ),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer
