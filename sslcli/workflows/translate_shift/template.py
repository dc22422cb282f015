"""Asking for a translation in words: "The word 'X' in L is: [MASK]." (Gonen et al. 2020, arXiv
2010.08275).
"""

from collections.abc import Sequence

from sslcli.data.text.tokenizer import Tokenizer
from sslcli.workflows.translate_shift.sentences import Sentences

# What the languages are called in English, in which the template is written.
NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def template_sentences(
    words: Sequence[str], language: str, tokenizer: Tokenizer
) -> tuple[Sentences | None, str]:
    """Return one sentence per word with a single mask; or None, and why this model has no
    template.
    """
    if tokenizer.mask is None:
        return None, "its vocabulary has no [MASK]"
    if language not in NAMES:
        return None, f"it needs the English name of '{language}', which is not known here"
    unknown = [
        word
        for word in ("The", "word", "in", NAMES[language], "is")
        if tokenizer.unknown in tokenizer.encode(word)
    ]
    if unknown:
        return None, f"the model has no token for {', '.join(map(repr, unknown))}"
    (mask,) = tokenizer.pieces([tokenizer.mask])
    asked = [f"The word '{word}' in {NAMES[language]} is: {mask}." for word in words]
    return Sentences(tokenizer.encode_with_blanks(asked), tokenizer), ""
