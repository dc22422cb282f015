"""Words of a text that a model's vocabulary lacks, and the sentence about them.

Letters: T tokens of a text, N words of it.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.data.text.tokenizer import Tokenizer

BLANK = "[MASK]"


def is_unknown(tokenizer: Tokenizer, tokens_T: np.ndarray) -> np.ndarray:
    """bool [T]: where the token stands for whatever the vocabulary does not have."""
    return tokens_T == (-1 if tokenizer.unknown is None else tokenizer.unknown)


def unknown_in(tokenizer: Tokenizer, text: str) -> list[str]:
    """The words, each once; blanks are none."""
    mask = [] if tokenizer.mask is None else tokenizer.pieces(np.asarray([tokenizer.mask]))
    for blank in (BLANK, *mask):
        text = text.replace(blank, " ")
    ((tokens_T, places_T2),) = tokenizer.encode_with_places([text])
    places_N2 = places_T2[is_unknown(tokenizer, tokens_T)]
    return list(dict.fromkeys(text[start:stop] for start, stop in places_N2.tolist()))


def unknown_sentences(words: Sequence[str]) -> list[str]:
    """Return one sentence that names them, or none."""
    named = ", ".join(words)
    return (
        [f"unknown to the model's vocabulary, and read as nothing in particular: {named}"]
        if words
        else []
    )
