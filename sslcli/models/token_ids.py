"""The ids of special tokens as config.json and generation_config.json name them."""

from collections.abc import Collection
from typing import Any

from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer

GENERATING_IDS = (
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
)


def token_ids(settings: TransformerSettings, tokenizer: Tokenizer) -> dict[str, Any]:
    """The special tokens that a config.json names.

    A decoder without a token of its own to begin with begins with the token that ends a text.
    """
    decodes = settings.causal
    begin = tokenizer.end if tokenizer.begin is None else tokenizer.begin
    return {
        "pad_token_id": tokenizer.pad,
        "bos_token_id": begin if decodes else tokenizer.classify,
        "eos_token_id": _one_or_several(tokenizer.stops) if decodes else tokenizer.separate,
        "cls_token_id": tokenizer.classify,
        "sep_token_id": tokenizer.separate,
        **(_ids_of_decoder(tokenizer) if settings.has_memory else {}),
    }


def _ids_of_decoder(tokenizer: Tokenizer) -> dict[str, Any]:
    """What an encoder-decoder's decoder begins and ends with; a model of ours with the separator.

    Named in any case: transformers has ids of BART's own vocabulary where they are not.
    """
    said = tokenizer.generating
    ids = {
        "decoder_start_token_id": tokenizer.decoder_start,
        "forced_eos_token_id": said.get("forced_eos_token_id", tokenizer.separate),
    }
    forced = said.get("forced_bos_token_id")
    return ids if forced is None else {**ids, "forced_bos_token_id": forced}


def _one_or_several(tokens: Collection[int]) -> int | list[int] | None:
    return sorted(tokens) if len(tokens) > 1 else next(iter(tokens), None)
