"""WordPiece, as BERT's: words are cut greedily into the longest known pieces.

Schuster and Nakajima 2012; Devlin et al. 2019, "BERT" (arXiv 1810.04805). Trained by the
`tokenizers` library.

Text keeps its normal form, unless accents are stripped: then it is brought to NFD, which takes
Hangul apart, and loses its nonspacing marks. Invisible characters (joiners, soft hyphens) are
dropped, as BERT drops them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from sslcli.api import Config, PieceTrainer, SpecialToken, setting

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Share of the characters up to which accents are strange to a text. In Latin letters English has
# 1 in 2,500 (names, loan words), Dutch 1 in 500, every other language with accents far more; in
# other scripts, where a mark is a vowel, a tone or another letter, English has 1 in 100,000.
_MOST_LATIN, _MOST_OTHERS = 0.002, 0.0002
# What the pre-tokenizer leaves in one, and the model makes [UNK] of as it is too long: a phrase of
# Thai, Lao, Khmer or Burmese, which have no spaces between words, or a strand of DNA.
_LONGEST_CHARACTERS = 100
_TOO_LONG = re.compile(
    r"[^\s!-/:-@\[-`{-~\u2000-\u206f\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uff0f]{101,}",
)
_MOST_TOO_LONG = 0.002
# So many characters and the marks on the last of them.
_PARTS_OF_LONG_WORDS = tokenizers.Regex(r"\S{1,60}\p{M}{0,20}")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_Rules = tuple[normalizers.Normalizer, pre_tokenizers.PreTokenizer]


class WordPieceTrainer(PieceTrainer["WordPieceTrainer.Options"]):
    """Trains a WordPiece tokenizer with BERT's normalisation and pre-tokenisation."""

    summary = "WordPiece, BERT's pieces; Chinese characters stand alone"
    usual_for = frozenset({"encoder", "encoder_decoder"})

    class Options(Config):
        lowercase: bool = setting(
            True, "write everything in lower case", "--lowercase/--no-lowercase"
        )
        strip_accents: bool | None = setting(
            None,
            "take off accents, vowel signs and voicing marks, as BERT's uncased models do; when not"
            " given, only where lowercase is on and the text has next to none",
            "--strip-accents/--no-strip-accents",
        )
        minimum_frequency: int = setting(
            2, "fewer occurrences than this make no piece", "--minimum-frequency", gt=0
        )
        alphabet: int = setting(
            8_000, "most characters that are pieces by themselves; the rarest are unknown", gt=0
        )

    def special_tokens(self) -> frozenset[SpecialToken]:
        return frozenset({"mask", "cls", "sep", "pad", "unk"})

    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
        """Train in two passes over the texts.

        The library numbers characters in an order that changes from run to run, and breaks ties by
        number. The first pass finds the characters, the second is given them in order.
        """
        kept = list(texts)
        rules = self._normalizer(kept), _pre_tokenizer(kept)
        found = sorted(
            set(self._trained(kept, 1, [], min(self.options.alphabet, size), rules).get_vocab())
            - set(_SPECIALS)
        )
        pieces = self._trained(
            kept, size, found, len({piece.removeprefix("##") for piece in found}), rules
        ).get_vocab()
        trained = _tokenizer(pieces, rules)
        trained.add_special_tokens(list(_SPECIALS))
        return trained

    def _trained(
        self,
        texts: Sequence[str],
        size: int,
        characters: Sequence[str],
        alphabet: int,
        rules: _Rules,
    ) -> tokenizers.Tokenizer:
        tokenizer = _tokenizer({}, rules)
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

    def _normalizer(self, texts: Sequence[str]) -> normalizers.Normalizer:
        """Return BERT's normaliser; `strip_accents` is chosen by the texts where not given."""
        options = self.options
        strip = options.strip_accents
        if strip is None:
            strip = options.lowercase and _has_next_to_no_marks(texts)
        return normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=strip,
            lowercase=options.lowercase,
        )


def _tokenizer(pieces: Mapping[str, int], rules: _Rules) -> tokenizers.Tokenizer:
    model = models.WordPiece(
        dict(pieces), unk_token="[UNK]", max_input_chars_per_word=_LONGEST_CHARACTERS
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = rules
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _pre_tokenizer(texts: Sequence[str]) -> pre_tokenizers.PreTokenizer:
    """Return BERT's pre-tokenizer; words too long for the model are split further."""
    too_long = sum(len(word) for text in texts for word in _TOO_LONG.findall(text))
    if too_long <= _MOST_TOO_LONG * sum(map(len, texts)):
        return pre_tokenizers.BertPreTokenizer()
    parts = pre_tokenizers.Split(_PARTS_OF_LONG_WORDS, "isolated")
    return pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), parts])


def _has_next_to_no_marks(texts: Sequence[str]) -> bool:
    """Return whether `strip_accents` would change hardly any character.

    It changes accented letters, syllables of Hangul, voiced kana, vowel signs and points.
    """
    found = Counter[str]()
    for text in texts:
        if not text.isascii():
            found.update(_NOT_ASCII.findall(text))
    latin = others = 0
    for character, count in found.items():
        if _stripped(character) != character:
            is_latin = unicodedata.name(character, "").startswith(("LATIN", "COMBINING"))
            latin, others = latin + count * is_latin, others + count * (not is_latin)
    total = sum(map(len, texts))
    return latin <= _MOST_LATIN * total and others <= _MOST_OTHERS * total


def _stripped(character: str) -> str:
    """Strip a character as the library does: decomposed, without nonspacing marks."""
    parts = unicodedata.normalize("NFD", character)
    return "".join(part for part in parts if unicodedata.category(part) != "Mn")
