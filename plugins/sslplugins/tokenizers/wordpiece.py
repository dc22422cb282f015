"""WordPiece: words cut into the longest pieces that are known, as BERT's are.

Schuster and Nakajima 2012; Devlin et al. 2019, "BERT" (arXiv 1810.04805). Learnt by the `tokenizers` library.
"""

from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from sslcli.api import Config, PieceTrainer, setting

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieceTrainer(PieceTrainer):
    summary = "WordPiece, BERT's pieces; Chinese characters stand alone"

    class Options(Config):
        lowercase: bool = setting(True, "write everything in lower case", "--lowercase/--no-lowercase")
        strip_accents: bool = setting(True, "take accents off letters, where lowercase is on", "--strip-accents/--no-strip-accents")
        minimum_frequency: int = setting(2, "fewer occurrences than this make no piece", "--minimum-frequency", gt=0)
        alphabet: int = setting(8_000, "most characters that are pieces by themselves; the rarest are unknown", gt=0)

    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        """Twice over the texts: the library numbers characters in an order that changes from run to run, and breaks ties
        by number. The first time finds the characters, the second is given them in order."""
        kept = list(texts)
        found = sorted(set(self._learnt(kept, 1, [], min(self.options.alphabet, size)).get_vocab()) - set(_SPECIALS))
        pieces = self._learnt(kept, size, found, len({piece.removeprefix("##") for piece in found})).get_vocab()
        trained = self._tokenizer(models.WordPiece(pieces, unk_token="[UNK]", max_input_chars_per_word=100))
        trained.add_special_tokens(list(_SPECIALS))
        return trained

    def _learnt(self, texts: Sequence[str], size: int, characters: Sequence[str], alphabet: int) -> tokenizers.Tokenizer:
        tokenizer = self._tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
        trainer = trainers.WordPieceTrainer(
            vocab_size=size,
            min_frequency=self.options.minimum_frequency,
            special_tokens=[*_SPECIALS, *characters],
            initial_alphabet=sorted({piece.removeprefix("##") for piece in characters}),
            limit_alphabet=alphabet,
            continuing_subword_prefix="##",
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    def _tokenizer(self, model: models.Model) -> tokenizers.Tokenizer:
        options = self.options
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=options.lowercase and options.strip_accents,
            lowercase=options.lowercase,
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix="##")
        return tokenizer
