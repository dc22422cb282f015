"""Words or sentences as points in a plane, coloured by sense, language or kind.

Translations are joined by lines. A plane shows two directions of many: the report states the share
of the variance, and how often a point's nearest neighbour in all dimensions is of its own group,
with chance as baseline.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sslcli.api import (
    Config,
    Count,
    DataError,
    FrozenModel,
    Pool,
    Probe,
    Report,
    Rng,
    Scatter,
    Score,
    UsageError,
    WordOccurrence,
    amount,
    read_pairs,
    sense_uses,
    setting,
    usable,
)
from sslplugins.probes.senses.finding import find_uses
from sslplugins.probes.senses.layers import chosen_layer
from sslplugins.probes.senses.planes import alike_score, centred, neighbour_plane, principal_plane
from sslplugins.probes.senses.points import (
    Pairs,
    Points,
    known_pairs,
    sense_points,
    sentence_points,
    word_points,
)
from sslplugins.probes.senses.sampling import some_sentences
from sslplugins.probes.translations.finding import two_languages

FEWEST = 4
AXES = {
    "pca": ("first component", "second component"),
    "tsne": ("first axis of t-SNE", "second axis of t-SNE"),
}


class Projection(Probe["Projection.Options"]):
    """Points of a word's senses, of words, or of sentences.

    By senses: occurrences of one word. By words: the mean of each word's occurrences in the data.
    By sentences: mean-pooled sentences of the data.
    """

    summary = "a 2-D picture of words or sentences by sense or language, with what it leaves out"

    class Options(Config):
        what: Literal["words", "sentences", "senses"] = setting("words", "what the points are")
        word: str = setting(
            "", "with senses: the word; every two-sense word of generated data when not given"
        )
        sentences: str = setting(
            "",
            "with senses: file of sentences with the word, a tab and its sense behind each",
            reads=True,
        )
        pairs: list[str] = setting(
            [],
            (
                "word pairs or parallel sentences (two columns, "
                "or en=FILE and zh=FILE): their lines are shown"
            ),
            reads=True,
        )
        languages: str = setting("en,zh", "the two languages of --pairs")
        method: Literal["pca", "tsne"] = setting(
            "pca", "pca: the directions of most variance; tsne: neighbourhoods"
        )
        centre: bool = setting(
            True, "draw it also with the mean of each language subtracted, where there are several"
        )
        layer: int | None = setting(
            None, "layer of the vectors, 0 the embeddings; the last when not given", ge=0
        )
        pool: Pool = setting(
            "mean", "vector of a word in several pieces: the mean of its pieces, or the first"
        )
        count: Count = setting(200, "points, or pairs of them", gt=1, le=2_000)
        sample: Count = setting(
            2_000,
            "with words: sentences of the data that their uses are taken from",
            gt=0,
            le=20_000,
        )

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        options, layer = self.options, chosen_layer(model, self.options.layer)
        points = self._points(model, layer, rng)
        if len(points.rows) < FEWEST:
            raise DataError(
                f"there are {len(points.rows)} {options.what} to draw",
                "give more of them: --data, --pairs or --sentences",
            )
        shown = [("", points.rows)]
        if options.centre and len(set(points.languages)) > 1:
            shown.append((", each language centred", centred(points.rows, points.languages)))
        scatters, scores, notes = [], [], []
        for how, rows_ND in shown:
            plane_N2, note = self._plane(rows_ND, rng)
            xs, ys = plane_N2.T.tolist()
            title = f"{options.what}, layer {layer}{how}"
            shown = (points.labels, points.groups, points.links)
            scatters.append(Scatter(title, xs, ys, *shown, *AXES[options.method]))
            notes.append(f"{note}{how}")
            if len(set(points.groups)) > 1:
                scores.append(
                    alike_score(f"nearest of the same group{how}", rows_ND, points.groups)
                )
        made = (
            f"layer {layer} of {model.depth}; {amount(len(points.rows), 'point')} in "
            f"{amount(len(set(points.groups)), 'group')}, {amount(len(points.links), 'link')}"
        )
        return Report(
            title=f"{options.what} of {model.name}",
            scores=scores,
            scatters=scatters,
            notes=[made, points.source, *notes, *_mixed(scores, options.what == "senses")],
        )

    def _points(self, model: FrozenModel, layer: int, rng: Rng) -> Points:
        options = self.options
        if options.what == "senses":
            return sense_points(model, layer, options.pool, self._uses(model, rng))
        pairs = self._pairs(model)
        if options.what == "sentences":
            return sentence_points(model, layer, pairs, options.count, rng)
        return word_points(
            model,
            layer,
            options.pool,
            pairs,
            some_sentences(model, options.sample, rng),
            options.count,
            rng,
        )

    def _uses(self, model: FrozenModel, rng: Rng) -> list[WordOccurrence]:
        options = self.options
        per_sense = max(2, options.count // 4)
        if options.word:
            return find_uses(model, options.word, options.sentences, per_sense, rng).uses
        try:
            return usable(model, sense_uses(model.probe_data, 20, rng))
        except UsageError as error:
            raise UsageError("there is no word to look at", "name one: --word apple") from error

    def _pairs(self, model: FrozenModel) -> Pairs | None:
        """Return translations out of the files of --pairs, else of a generated source; None without
        any.
        """
        options = self.options
        if options.pairs:
            languages = two_languages(options.languages.split(","))
            return Pairs(
                languages,
                [(pair.first, pair.second) for pair in read_pairs(options.pairs, languages)],
            )
        try:
            return known_pairs(
                model.probe_data.records(
                    "parallel" if options.what == "sentences" else "dictionary"
                )
            )
        except (UsageError, DataError):
            return None

    def _plane(self, rows_ND: np.ndarray, rng: Rng) -> tuple[np.ndarray, str]:
        if self.options.method == "tsne":
            return neighbour_plane(
                rows_ND, rng
            ), "t-SNE: near points are near, distances between groups mean nothing"
        plane_N2, (first, second) = principal_plane(rows_ND)
        return (
            plane_N2,
            (
                f"the picture shows {first + second:.0%} of "
                f"the variance ({first:.0%} and {second:.0%})"
            ),
        )


def _mixed(scores: Sequence[Score], of_senses: bool) -> list[str]:
    """What lies no nearer to its own group than chance has it: senses that were not found, or
    languages that lie together.
    """
    found = "not emerged" if of_senses else "the languages lie together"
    return [
        f"{found}: {score.name} {score.value:.2f}, by chance {score.baselines['chance']:.2f}"
        for score in scores
        if score.interval is not None and score.interval[0] <= score.baselines["chance"]
    ]
