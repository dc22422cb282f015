"""Report of an evaluation: a table with baselines, heat maps of layers by alphas, conclusions."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sslcli.reports import Matrix, Report, Score, Table, amount
from sslcli.workflows.translate_shift.estimate import Estimated
from sslcli.workflows.translate_shift.evaluation import ShiftEvaluation, Words
from sslcli.workflows.translate_shift.readings import FIRSTS, Share, ShiftScores
from sslcli.workflows.translate_shift.sentences import cut_notes
from sslcli.workflows.translate_shift.settings import ShiftSettings

COLUMNS = (
    "", "changed language", "accuracy at 1", "95 % interval", "at 5", "at 10",
    "at 1, source word removed", "mean rank", "reciprocal rank",
    "BLEU-1",
)  # fmt: skip
# Restricting the candidates is nearly as good as the shift where it gives so much of the shift's
# accuracy.
NEARLY = 0.8
T = TypeVar("T")


def evaluation_report(
    found: ShiftEvaluation, settings: ShiftSettings, hint: str, origin: Sequence[str] | None = None
) -> Report:
    """`hint`: what gives a head to a model without one. `origin`: where a shift comes from that was
    not estimated just now.
    """
    top, title = found.layers[-1], f"{settings.source} moved into {settings.target}"
    languages = (settings.source, settings.target)
    tested = {f"{name}, tested": each for name, each in zip(languages, found.tested, strict=False)}
    notes = [
        *(behind_notes(found.estimated, settings) if origin is None else origin),
        *cut_notes(tested),
    ]
    matrices, scores, tables = [], [], []
    if found.words is None:
        notes.append(f"the model has no language-model head, and no word can be read: {hint}")
    else:
        scores += _word_scores(found.words, top)
        tables += [_controls(found, found.words, top, settings), _by_layer(found, found.words)]
        matrices += _matrices(found, found.words)
        notes += _word_notes(found.words, top, settings)
    if found.retrieval:
        scores.append(_best_retrieval(found))
        tables.append(_retrieval_table(found))
        matrices.append(
            _matrix(found, "sentence retrieval at 1", lambda cell: found.retrieval[cell].value)
        )
    else:
        notes.append(
            "no parallel text was given or known: neither BLEU-1 nor the retrieval of sentences"
        )
    return Report(title, scores=scores, tables=tables, matrices=matrices, notes=notes)


def behind_notes(estimated: Estimated, settings: ShiftSettings) -> list[str]:
    """Return notes on the estimation data, the length of the shift by layer, and truncation."""
    source, target = (len(sentences.tokens) for sentences in estimated.behind)
    lengths = ", ".join(
        f"{length:.3g} at layer {layer}" for layer, length in estimated.lengths.items()
    )
    counts = (
        f"{amount(source, 'sentence')} of {settings.source} and {target:,} of {settings.target}"
    )
    cut = cut_notes(dict(zip((settings.source, settings.target), estimated.behind, strict=True)))
    return [f"estimated on {counts}; |shift| {lengths}", *cut]


def _counted(figure: T | None) -> T:
    """A figure of one cell where another cell has it: all are asked of the same tokens."""
    assert figure is not None, "one cell of an evaluation has what another has not"
    return figure


def _at_1(figures: ShiftScores) -> Share:
    return _counted(figures.ranks).accuracy[0]


def _word_scores(words: Words, top: int) -> list[Score]:
    whole, still, random = words.by_cell[top, 1.0], words.by_cell[top, 0.0], words.random[top]
    scores = []
    if whole.ranks is not None:
        baselines = {"alpha 0": _at_1(still).value, "random vector": _at_1(random).value}
        baselines["alpha 0, target tokens only"] = _at_1(words.within[top, 0.0]).value
        scores.append(_score("translation accuracy at 1", whole.ranks.accuracy[0], baselines))
    if whole.changed is not None:
        baselines = {
            "alpha 0": _counted(still.changed).value,
            "random vector": _counted(random.changed).value,
        }
        scores.append(_score("tokens that changed language", whole.changed, baselines))
    if whole.bleu is not None:
        baselines = {
            "alpha 0": _counted(still.bleu).value,
            "random vector": _counted(random.bleu).value,
        }
        scores.append(
            Score(
                "BLEU-1",
                whole.bleu.value,
                count=whole.bleu.count,
                interval=whole.bleu.interval,
                baselines=baselines,
            )
        )
    return scores


def _score(name: str, share: Share, baselines: Mapping[str, float]) -> Score:
    return Score(name, share.value, count=share.count, interval=share.interval, baselines=baselines)


def _controls(found: ShiftEvaluation, words: Words, top: int, settings: ShiftSettings) -> Table:
    """The shift at the last layer, by alphas, and all that it must be better than."""
    only = f"{settings.target} tokens only"
    rows = [
        *(_row(f"alpha {alpha:g}", words.by_cell[top, alpha]) for alpha in found.alphas),
        *(_row(f"alpha {alpha:g}, {only}", words.within[top, alpha]) for alpha in (0.0, 1.0)),
        _row(f"random vector as long (mean of {settings.random_vectors})", words.random[top]),
        *(
            [_row(f"the shift into {words.third_language}", words.third[top])]
            if words.third
            else []
        ),
        *(
            [_row("template \"The word 'X' in L is: [MASK]\"", words.template)]
            if words.template is not None
            else []
        ),
    ]
    return Table(f"layer {top}: the shift and its controls", COLUMNS, rows)


def _row(name: str, figures: ShiftScores) -> list[str | float | None]:
    ranks = figures.ranks
    changed, bleu = (
        None if figure is None else figure.value for figure in (figures.changed, figures.bleu)
    )
    if ranks is None:
        return [name, changed, None, "", *[None] * len(FIRSTS[1:]), None, None, None, bleu]
    own = None if ranks.without_own is None else ranks.without_own.value
    interval = "{:.3f} to {:.3f}".format(*ranks.accuracy[0].interval)
    first, *others = (share.value for share in ranks.accuracy)
    return [name, changed, first, interval, *others, own, ranks.mean_rank, ranks.reciprocal, bleu]


def _by_layer(found: ShiftEvaluation, words: Words) -> Table:
    columns = (
        "layer",
        "alpha",
        "changed language",
        "at 1",
        "95 % interval",
        "random vector at 1",
        "target tokens only, alpha 0",
        "BLEU-1",
    )
    rows = []
    for layer in found.layers:
        for alpha in (alpha for alpha in found.alphas if alpha):
            figures = words.by_cell[layer, alpha]
            row = _row("", figures)
            controls: list[float | None] = [None, None]
            if figures.ranks is not None and alpha == 1.0:
                controls = [_at_1(words.random[layer]).value, _at_1(words.within[layer, 0.0]).value]
            rows.append([layer, alpha, row[1], row[2], row[3], *controls, row[-1]])
    return Table("every layer", columns, rows)


def _matrices(found: ShiftEvaluation, words: Words) -> list[Matrix]:
    some = words.by_cell[found.layers[-1], 1.0]
    kinds: list[tuple[str, Callable[[ShiftScores], float], bool]] = [
        (
            "tokens that changed language",
            lambda figures: _counted(figures.changed).value,
            some.changed is not None,
        ),
        *(
            (f"translation accuracy at {first}", _accuracy(at), some.ranks is not None)
            for at, first in enumerate(FIRSTS)
        ),
        (
            "mean rank of the translation",
            lambda figures: _counted(figures.ranks).mean_rank,
            some.ranks is not None,
        ),
        (
            "mean reciprocal rank",
            lambda figures: _counted(figures.ranks).reciprocal,
            some.ranks is not None,
        ),
        ("BLEU-1", lambda figures: _counted(figures.bleu).value, some.bleu is not None),
    ]
    return [
        _matrix(found, title, lambda cell, figure=figure: figure(words.by_cell[cell]))
        for title, figure, there in kinds
        if there
    ]


def _accuracy(at: int) -> Callable[[ShiftScores], float]:
    return lambda figures: _counted(figures.ranks).accuracy[at].value


def _matrix(
    found: ShiftEvaluation, title: str, value: Callable[[tuple[int, float]], float]
) -> Matrix:
    values = [[value((layer, alpha)) for alpha in found.alphas] for layer in found.layers]
    low, high = (None, None) if max(max(row) for row in values) > 1 else (0.0, 1.0)
    rows = [f"layer {layer}" for layer in found.layers]
    columns = [f"α {alpha:g}" for alpha in found.alphas]
    return Matrix(
        title,
        rows,
        columns,
        values,
        low=low,
        high=high,
        x="times the shift",
        y="layer of the shift",
    )


def _word_notes(words: Words, top: int, settings: ShiftSettings) -> list[str]:
    notes = [f"no template: {words.void}"] if words.void else []
    if not words.third:
        notes.append(
            "no third language: the shift is estimated on "
            f"{settings.source} and {settings.target} alone"
        )
    whole, still, random = words.by_cell[top, 1.0], words.by_cell[top, 0.0], words.random[top]
    if whole.ranks is None:
        notes.append(
            "no dictionary was given or known, or none of its words "
            "is a single piece: accuracy and ranks are left out"
        )
        return notes
    notes.append(
        f"{words.asked:,} of {words.tokens:,} tokens are words to translate; "
        "any of a word's translations is right, ranked among the whole "
        "vocabulary; one column without the source word, as Gonen et al. (2020) rank"
    )
    return [*notes, *_verdict(whole, still, random, words.within[top, 0.0], settings)]


def _verdict(
    whole: ShiftScores,
    still: ShiftScores,
    random: ShiftScores,
    within: ShiftScores,
    settings: ShiftSettings,
) -> list[str]:
    shift, nothing, chance, restricted = map(_at_1, (whole, still, random, within))
    figures = (
        f"accuracy {shift.value:.2f} at alpha 1, {nothing.value:.2f} "
        f"at alpha 0, {chance.value:.2f} with a random vector"
    )
    if shift.interval[0] <= max(nothing.interval[1], chance.interval[1]):
        return [f"not emerged: {figures}"]
    said = [f"the shift translates: {figures}"]
    if restricted.value >= NEARLY * shift.value:
        said.append(
            f"but {restricted.value:.2f} comes at alpha 0 where only "
            f"{settings.target} tokens may be chosen: the shift mostly changes the "
            "language, and words lay close to their translations before it"
        )
    return said


def _retrieval_table(found: ShiftEvaluation) -> Table:
    columns = (
        "layer",
        "before",
        "95 % interval",
        "after, alpha 1",
        "95 % interval ",
        "chance",
        "pairs",
    )
    rows = []
    for layer in found.layers:
        before, after = found.retrieval[layer, 0.0], found.retrieval[layer, 1.0]
        intervals = ["{:.3f} to {:.3f}".format(*score.ends) for score in (before, after)]
        rows.append(
            [
                layer,
                before.value,
                intervals[0],
                after.value,
                intervals[1],
                before.baselines["chance"],
                before.count,
            ]
        )
    return Table(
        "sentence retrieval at 1: is the translation the most similar sentence?", columns, rows
    )


def _best_retrieval(found: ShiftEvaluation) -> Score:
    layer = max(found.layers, key=lambda layer: found.retrieval[layer, 1.0].value)
    before, after = found.retrieval[layer, 0.0], found.retrieval[layer, 1.0]
    baselines = {"alpha 0": before.value, **after.baselines}
    return Score(
        f"sentence retrieval at 1, layer {layer}",
        after.value,
        count=after.count,
        interval=after.interval,
        baselines=baselines,
    )
