"""Unigram language-model tokenizer, as XLM-R's and ALBERT's: the likeliest segmentation of a text.

Text is normalised to NFKC first: full-width letters, ligatures, presentation forms and half-width
kana become plain ones.

Kudo 2018, "Subword regularization" (arXiv 1804.10959). Trained by the `tokenizers` library.
"""

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from sslcli.api import Config, PieceTrainer, SpecialToken, setting

# XLM-R's; a blank stands for a word and the space before it, as theirs does.
_MASK = tokenizers.AddedToken("<mask>", lstrip=True, normalized=False, special=True)
_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", _MASK)


class UnigramTrainer(PieceTrainer["UnigramTrainer.Options"]):
    """Trains a Unigram tokenizer with SentencePiece's word boundary mark, as XLM-R's is."""

    summary = "Unigram, XLM-R's pieces of text in NFKC; for many languages, with and without spaces"
    # the library's suffix array takes some seventy bytes of memory for each of text
    most_bytes = 6_000_000

    class Options(Config):
        lowercase: bool = setting(
            False, "write everything in lower case", "--lowercase/--no-lowercase"
        )
        longest_piece: int = setting(16, "most characters of a piece", gt=0)

    def special_tokens(self) -> frozenset[SpecialToken]:
        return frozenset({"mask", "cls", "sep", "pad", "unk"})

    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer(models.Unigram())
        steps = [normalizers.NFKC(), *([normalizers.Lowercase()] if self.options.lowercase else [])]
        tokenizer.normalizer = normalizers.Sequence(steps)
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=size,
            max_piece_length=self.options.longest_piece,
            special_tokens=list(_SPECIALS),
            unk_token="<unk>",
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer
