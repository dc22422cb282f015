"""A shift estimated on texts of two languages, or on translations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel
from sslcli.contracts.shift import Shift
from sslcli.errors import DataError, UsageError
from sslcli.workflows.translate_shift.moved_rows import estimate_moves, layer_rows, length_of
from sslcli.workflows.translate_shift.sentences import (
    COUNTED_SENTENCES,
    Sentences,
    TokenLanguages,
    encoded_pairs,
    read_language,
)
from sslcli.workflows.translate_shift.settings import ShiftSettings

FEWEST_SENTENCES = 100  # of a third language


@dataclass(frozen=True)
class Estimated:
    """Moves by layer and how far alpha 1 goes there, on average. `behind`: the sentences that they
    were estimated on, source first.

    `languages`, and `pool`, sentences of the source language to test in where nobody gives any (the
    last that were read, and not among those behind the moves unless there are too few), are for a
    test.
    """

    moves: Mapping[int, LinearShift]
    lengths: Mapping[int, float]
    behind: tuple[Sentences, Sentences]
    languages: TokenLanguages
    pool: Sentences


def estimate(
    shift: Shift,
    model: FrozenModel,
    settings: ShiftSettings,
    layers: Sequence[int],
    learning: Sequence[tuple[str, str]] = (),
    fitted: Mapping[int, LinearShift] | None = None,
    tested: bool = True,
) -> Estimated:
    """On texts of both languages; where the shift is paired, or there are none, on the translations
    `learning`.

    With shifts that are `fitted` already, only what they are tested with is read; of what is not
    `tested`, only what it is estimated on. Raises DataError or UsageError where there is nothing to
    estimate it on.
    """
    pairs = encoded_pairs(learning, model.tokenizer, model.settings.longest_tokens)
    paired = shift.paired and fitted is None
    if paired and len(pairs[0].tokens) < 2:
        raise DataError(
            "this shift is fitted on translations, and there are none",
            "give some to --evaluate, or use --shift mean",
        )
    if len(pairs[0].tokens) and not (tested and has_texts(model)):
        texts = pairs
    else:
        most = (
            max(COUNTED_SENTENCES, settings.sentences + settings.limit)
            if tested
            else settings.sentences
        )
        texts = _texts(model, settings, most)
    behind = (
        pairs
        if paired
        else (texts[0].part(0, settings.sentences), texts[1].part(0, settings.sentences))
    )
    moves = (
        estimate_moves(shift, model, *behind, layers)
        if fitted is None
        else {layer: fitted[layer] for layer in layers}
    )
    sample = next(layer_rows(model, behind[0].part(0, FEWEST_SENTENCES), layers))
    lengths = {layer: length_of(moves[layer], sample[layer]) for layer in layers}
    read = len(texts[0].tokens)
    return Estimated(
        moves,
        lengths,
        behind,
        TokenLanguages.of(*texts),
        texts[0].part(max(0, read - settings.limit), read),
    )


def estimate_third(
    shift: Shift,
    model: FrozenModel,
    settings: ShiftSettings,
    source: Sentences,
    layers: Sequence[int],
) -> tuple[str, Mapping[int, LinearShift]]:
    """The first language that is neither of the two, and the moves into it; an empty name where
    there is none, or translations are needed for them.
    """
    if shift.paired or not has_texts(model):
        return "", {}
    longest_tokens = model.settings.longest_tokens
    for language in model.probe_data.languages():
        if language not in (settings.source, settings.target):
            third = read_language(
                model.probe_data, language, settings.sentences, model.tokenizer, longest_tokens
            )
            if len(third.tokens) >= min(FEWEST_SENTENCES, len(source.tokens)):
                return language, estimate_moves(shift, model, source, third, layers)
    return "", {}


def has_texts(model: FrozenModel) -> bool:
    """Tell whether the model has probe data with texts."""
    try:
        model.probe_data.languages()
    except UsageError:
        return False
    return True


def _texts(model: FrozenModel, settings: ShiftSettings, count: int) -> tuple[Sentences, Sentences]:
    longest_tokens = model.settings.longest_tokens
    source, target = (
        read_language(model.probe_data, language, count, model.tokenizer, longest_tokens)
        for language in (settings.source, settings.target)
    )
    return source, target
