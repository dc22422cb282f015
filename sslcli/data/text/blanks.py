"""Libraries that cut as another does, but take some special tokens where a text spells them."""

from collections.abc import Collection

import tokenizers

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def with_open_mask(
    library: tokenizers.Tokenizer,
    mask: int,
    *,
    takes_space: bool,
) -> tokenizers.Tokenizer:
    """Return the same tokenizer, with the mask as the only added token that is not special.

    `takes_space`: the mask takes the space before it, whatever its own flags say.
    """
    return with_open_tokens(library, {mask}, take_space={mask} if takes_space else ())


def with_open_tokens(
    library: tokenizers.Tokenizer, ids: Collection[int], *, take_space: Collection[int] = ()
) -> tokenizers.Tokenizer:
    """Return the same tokenizer, in which these tokens are added ones and not special.

    Special tokens are no tokens in a text if `encode_special_tokens` is set. `take_space`: those
    that take the space before them, whatever their own flags say.
    """
    opened = tokenizers.Tokenizer(library.model)  # shared, as its scores lose digits when written
    opened.normalizer, opened.pre_tokenizer = library.normalizer, library.pre_tokenizer
    opened.decoder, opened.post_processor = library.decoder, library.post_processor
    added = library.get_added_tokens_decoder()
    for own in ids:
        added.setdefault(own, tokenizers.AddedToken(library.id_to_token(own), normalized=False))
    tokens = []
    for number, token in sorted(added.items()):
        flags = {name: getattr(token, name) for name in _FLAGS}
        if number in ids:
            flags |= {"special": False, "lstrip": token.lstrip or number in take_space}
        tokens.append(tokenizers.AddedToken(token.content, **flags))
    opened.add_tokens(tokens)
    return opened
