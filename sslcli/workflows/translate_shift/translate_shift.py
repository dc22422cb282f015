"""`ssl translate-shift`: move a text into another language, or evaluate that beside baselines.

Letters: T tokens of the text, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslcli import registry
from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel
from sslcli.contracts.shift import Shift
from sslcli.core.generation import only_known
from sslcli.data.records.translations import TextPair
from sslcli.data.rng import Rng
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.unknown_words import is_unknown, unknown_sentences
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import DataError, UsageError
from sslcli.models.kept_answers import Answer
from sslcli.models.places import locate_weights
from sslcli.models.question_key import question_key
from sslcli.reporting.report_files import file_name
from sslcli.reports import Report, Table
from sslcli.resolving import checked
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.frozen_model import load_frozen_model
from sslcli.workflows.probe.probe import Looked, refuse_unwritable_files, saved
from sslcli.workflows.translate_shift.estimate import Estimated, estimate
from sslcli.workflows.translate_shift.evaluation import evaluate_shift
from sslcli.workflows.translate_shift.evaluation_report import behind_notes, evaluation_report
from sslcli.workflows.translate_shift.kept_shifts import keep_moves, recalled_moves
from sslcli.workflows.translate_shift.moved_rows import moved_rows
from sslcli.workflows.translate_shift.sentences import Sentences
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.shift_files import (
    SavedShift,
    load_shift,
    refuse_misfit,
    refuse_to_replace,
    save_shift,
)
from sslcli.workflows.translate_shift.translations import Translations, read_translations, set_apart

ARCHITECTURES = ("encoder",)  # whose states are of the word itself, and not of what follows it


@dataclass(frozen=True)
class ShiftSource:
    """Where a shift comes from: the file `load`, else a plugin by which it is estimated; `save`
    keeps the estimate.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    load: Path | None = None
    save: Path | None = None


@dataclass(frozen=True)
class _Opened:
    """A shift, loaded or to be estimated, and the model that it is for. `shift`: None where it is
    loaded.
    """

    source: ShiftSource
    settings: ShiftSettings
    model: FrozenModel
    shift: Shift | None
    loaded: SavedShift | None

    @classmethod
    def of(cls, source: ShiftSource, aim: Aim, settings: ShiftSettings) -> "_Opened":
        """Raises whatever is wrong with the file, the options or the model, in this order."""
        loaded, settings = _loaded(source, settings)
        shift = None if loaded is not None else _shift(source.name, source.options)
        return cls(source, settings, _subject(aim), shift, loaded)

    @property
    def name(self) -> str:
        """Of the plugin."""
        return self.source.name if self.loaded is None else self.loaded.about.shift

    def keep(self, estimated: Estimated, learning: Sequence[TextPair]) -> None:
        if (path := self.source.save) is not None:
            source = self.source
            save_shift(
                path, source.name, source.options, self.model, self.settings, estimated, learning
            )


def shift_text(
    source: ShiftSource, aim: Aim, text: str, settings: ShiftSettings, folder: Path | None = None
) -> Looked:
    """Report the head's predictions at every token of the text after the shift.

    Files go where those of probes go. Raises ConfigError, DataError, ModelError, PluginError,
    RunError or UsageError.
    """
    refuse_unwritable_files(aim.reference, folder)
    opened = _Opened.of(source, aim, settings)
    model, settings, loaded = opened.model, opened.settings, opened.loaded
    if model.head is None:
        raise UsageError(
            f"{model.name} has no language-model head, so no word can be read",
            _head_hint(aim.reference),
        )
    tokens = tokens_of(model, text)
    if opened.shift is None:
        assert loaded is not None, "what is not estimated is loaded"
        refuse_misfit(loaded, model, settings.layers)
        shifts = {layer: loaded.shifts[layer] for layer in settings.layers or loaded.shifts}
        origin = loaded.notes(model)
    else:
        shifts, origin = _fitted(opened, aim)
    report = text_report(model, text, tokens, settings, shifts, origin)
    answer = _answer(report, model, f"translate-shift {settings.source} {settings.target}")
    return saved(answer, locate_weights(aim.reference), folder, aim.seed)


def _fitted(opened: _Opened, aim: Aim) -> tuple[Mapping[int, LinearShift], Sequence[str]]:
    """The shifts for a text, and sentences behind them, once a machine."""
    source, settings = opened.source, opened.settings
    said = settings.model_dump(include={"source", "target", "layers", "sentences"})
    question = ("shifts", source.name), {"options": dict(source.options), **said}
    place = locate_weights(aim.reference)
    key = (
        None
        if source.save is not None
        else question_key(*question, aim.reference, place, **aim.where)
    )
    found = recalled_moves(key)
    if found is not None:
        return found
    assert opened.shift is not None, "what is not loaded is estimated"
    estimated, learning = fit_for_text(opened.shift, opened.model, settings)
    shifts, origin = estimated.moves, behind_notes(estimated, settings)
    opened.keep(estimated, learning)
    keep_moves(key, shifts, origin)
    return shifts, origin


def shift_evaluated(
    source: ShiftSource,
    aim: Aim,
    pairs: Sequence[str],
    settings: ShiftSettings,
    folder: Path | None = None,
) -> Looked:
    """`pairs`: files of a dictionary, of parallel text, or of both; of what is not given, the
    data's own.

    Raises ConfigError, DataError, ModelError, PluginError, RunError or UsageError.
    """
    refuse_unwritable_files(aim.reference, folder)
    opened = _Opened.of(source, aim, settings)
    model, settings, loaded = opened.model, opened.settings, opened.loaded
    if loaded is not None:
        refuse_misfit(loaded, model, settings.layers)
    found = read_translations(
        pairs, model.probe_data, (settings.source, settings.target), model.tokenizer
    )
    origin, rng = None, Rng(aim.seed, 0, "translate-shift")
    if loaded is not None:
        found, notes = _not_learnt(found, loaded)
        origin = [*loaded.notes(model), *notes]
    shifts = None if loaded is None else loaded.shifts
    shift = opened.shift or _shift(opened.name, {} if loaded is None else loaded.about.options)
    evaluation = evaluate_shift(shift, model, settings, found, rng, shifts)
    opened.keep(evaluation.estimated, evaluation.learning)
    report = evaluation_report(evaluation, settings, _head_hint(aim.reference), origin)
    answer = _answer(report, model, f"translate-shift {opened.name} evaluated")
    return saved(answer, locate_weights(aim.reference), folder, aim.seed)


def _answer(report: Report, model: FrozenModel, title: str) -> Answer:
    return Answer(report, model.name, file_name(title), model.tokenizer.remarks())


def _loaded(
    source: ShiftSource, settings: ShiftSettings
) -> tuple[SavedShift | None, ShiftSettings]:
    """The shifts of a file, and the settings with its languages. Raises UsageError where the line
    names others.
    """
    if source.save is not None:
        refuse_to_replace(source.save)
    if source.load is None:
        return None, settings
    loaded = load_shift(source.load)
    languages = {"source": loaded.about.source, "target": loaded.about.target}
    for key, language in languages.items():
        if key in settings.model_fields_set and getattr(settings, key) != language:
            flag = "--from" if key == "source" else "--to"
            problem = (
                f"{source.load} moves {languages['source']} "
                f"into {languages['target']}, not as {flag} says"
            )
            raise UsageError(problem, f"leave {flag} out, or estimate another shift")
    return loaded, settings.model_copy(update=languages)


def _not_learnt(found: Translations, loaded: SavedShift) -> tuple[Translations, list[str]]:
    """The translations without those that the shift was estimated on, and a sentence about
    these.
    """
    kept = replace(
        found,
        words=loaded.without_learnt(found.words),
        sentences=loaded.without_learnt(found.sentences),
    )
    dropped = len(found.words) + len(found.sentences) - len(kept.words) - len(kept.sentences)
    return kept, [
        f"{dropped:,} translations are not tested: the shift was estimated on them"
    ] if dropped else []


def tokens_of(model: FrozenModel, text: str) -> tuple[np.ndarray, np.ndarray]:
    """int64 [T] and the characters [T, 2] of each. Raises UsageError or DataError for a text
    without a token, or with too many.
    """
    ((tokens_T, places_T2),) = model.tokenizer.encode_with_places([text])
    room = model.settings.longest_tokens - 2
    if not len(tokens_T):
        raise UsageError(
            "there is no word in the text", 'write one: ssl translate-shift "I like apples"'
        )
    if len(tokens_T) > room:
        raise DataError(
            f"the text has {len(tokens_T)} tokens, and the model has room for {room}", "shorten it"
        )
    return tokens_T, places_T2


def fit_for_text(
    shift: Shift, model: FrozenModel, settings: ShiftSettings
) -> tuple[Estimated, Sequence[TextPair]]:
    """Shifts at the layers of the line, or at the last, and the translations that they were
    estimated on, where they were.
    """
    learning: Sequence[TextPair] = ()
    if shift.paired:
        found = read_translations(
            (), model.probe_data, (settings.source, settings.target), model.tokenizer
        )
        learning = set_apart(found, 0, settings.sentences).learning
    layers = sorted(set(settings.layers or (model.depth,)))
    return estimate(shift, model, settings, layers, learning, tested=False), learning


def text_report(
    model: FrozenModel, text: str, tokens: tuple[np.ndarray, np.ndarray], settings: ShiftSettings,
    shifts: Mapping[int, LinearShift], origin: Sequence[str],
) -> Report:  # fmt: skip
    """A table for each layer: piece by piece the likeliest tokens by alpha, with their
    probabilities.
    """
    tokens_T, places_T2 = tokens
    alphas = list(dict.fromkeys(settings.alpha or (1.0,)))
    sentence = Sentences([tokens_T], model.tokenizer)
    pieces, unknown = _as_written(model.tokenizer, text, tokens_T, places_T2)
    tables = []
    for layer, shift in sorted(shifts.items()):
        columns = [
            _candidates(model, sentence, layer, shift, alpha, settings.top) for alpha in alphas
        ]
        rows = [[piece, *read] for piece, *read in zip(pieces, *columns, strict=True)]
        tables.append(
            Table(
                f"layer {layer} of {model.depth}",
                (settings.source, *(f"alpha {alpha:g}" for alpha in alphas)),
                rows,
            )
        )
    return Report(
        f"{settings.source} moved into {settings.target}", tables=tables, notes=[*unknown, *origin]
    )


def _as_written(
    tokenizer: Tokenizer, text: str, tokens_T: np.ndarray, places_T2: np.ndarray
) -> tuple[list[str], list[str]]:
    """The pieces, of unknown ones the word that stands there; and a sentence about these."""
    unknown_T = is_unknown(tokenizer, tokens_T)
    words = [text[start:stop] for start, stop in places_T2.tolist()]
    pieces = [
        f"{word} (?)" if strange else piece
        for word, strange, piece in zip(words, unknown_T, tokenizer.pieces(tokens_T), strict=True)
    ]
    strange = dict.fromkeys(word for word, unknown in zip(words, unknown_T, strict=True) if unknown)
    return pieces, unknown_sentences(list(strange))


def _candidates(
    model: FrozenModel,
    sentence: Sentences,
    layer: int,
    shift: LinearShift,
    alpha: float,
    count: int,
) -> list[str]:
    """ "喜欢 .69  爱 .12" for each token."""
    assert model.head is not None
    with torch.no_grad():
        logits_TV = model.head(
            moved_rows(model, sentence, layer, shift, alpha), model.backbone
        ).float()
    known = model.tokenizer.known
    logits_TV = only_known(logits_TV, torch.from_numpy(known))
    best = logits_TV.softmax(dim=1).topk(min(count, int(known.sum())), dim=1)
    return [
        "  ".join(
            f"{piece} {share:.2f}".replace(" 0.", " .")
            for piece, share in zip(model.tokenizer.pieces(tokens), shares, strict=True)
        )
        for tokens, shares in zip(np.asarray(best.indices.cpu()), best.values.tolist(), strict=True)
    ]


def _shift(name: str, options: Mapping[str, Any]) -> Shift:
    cls = registry.load("shifts", name)
    hint = f"ssl translate-shift --shift {name} --help lists the options"
    return cls(checked(cls.Options, options, hint=hint))


def _subject(aim: Aim) -> FrozenModel:
    model = load_frozen_model(
        aim.reference, aim.data, choose_hardware(aim.hardware or HardwareSettings()), aim.reader
    )
    hint = "choose an encoder: --model @latest:mlm"
    if model.is_half:
        raise UsageError(f"{model.name} has no head, which alone reads a word out of it", hint)
    if model.settings.architecture not in ARCHITECTURES:
        raise UsageError(
            f"{model.name} is a decoder, which reads what follows a word and not the word itself",
            hint,
        )
    return model


def _head_hint(reference: str) -> str:
    return f"ssl pretrain --objective mlm --model {reference} --train head --data FILE gives it one"
