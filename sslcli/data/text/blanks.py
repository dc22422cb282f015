"""Texts with blanks: a library that cuts as another does, but takes the mask where a text spells
it.
"""

import tokenizers

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def with_open_mask(
    library: tokenizers.Tokenizer,
    mask: int,
    *,
    takes_space: bool,
) -> tokenizers.Tokenizer:
    """Return the same tokenizer, with the mask as the only added token that is not special.

    Special tokens are no tokens in a text if `encode_special_tokens` is set. `takes_space`: the
    mask takes the space before it, whatever its own flags say.
    """
    opened = tokenizers.Tokenizer(library.model)  # shared, as its scores lose digits when written
    opened.normalizer, opened.pre_tokenizer = library.normalizer, library.pre_tokenizer
    opened.decoder, opened.post_processor = library.decoder, library.post_processor
    added = library.get_added_tokens_decoder()
    added.setdefault(mask, tokenizers.AddedToken(library.id_to_token(mask), normalized=False))
    tokens = []
    for number, token in sorted(added.items()):
        flags = {name: getattr(token, name) for name in _FLAGS}
        if number == mask:
            flags |= {"special": False, "lstrip": token.lstrip or takes_space}
        tokens.append(tokenizers.AddedToken(token.content, **flags))
    opened.add_tokens(tokens)
    return opened
