"""Who speaks and what is said: both out of every layer of a model of recordings.

The speaker is read by a linear probe of what an utterance is like in the mean, and by a small
network of each frame with its neighbours; the content by retrieval: of a recording, is the nearest
one of another speaker the same sentence? Distances are those of dynamic time warping, for nobody
speaks at the same speed. A layer that keeps one and loses the other separates content from style.
Beside them stand the frames themselves, those frames around their own mean in their own deviations
(instance norm), and the network before it learns. Of a model that converts voices there are its
codes and the style of each recording too.

Letters: N recordings, T frames of one, M mel bands, D width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sslcli.api import (
    Config,
    Converts,
    Count,
    FrozenModel,
    Probe,
    Report,
    Rng,
    Score,
    Table,
    item_codes_along,
    item_row_layers,
    item_styles,
    linear_probe,
    mean_score,
    part_with,
    perceptron_probe,
    setting,
    untrained,
    warped_errors,
)
from sslplugins.probes.bylayer.report import layer_plot
from sslplugins.probes.sound.recordings import Recordings, parted

AROUND = 4  # frames on both sides that a frame is read with
EVERY = 2  # of the frames that are warped, one of so many; codes stand for several each
MOST_FRAMES = 8_000  # that the network of frames learns from; half as many test it
LEAST = 1e-2  # deviation of a band within a recording, beside which nothing is divided
FRAMES, NORMED, BEFORE = "log-mel", "log-mel, instance norm", "untrained"
CODE, STYLE = "code", "style"  # of a model that converts
COLUMNS = ("speaker by utterance", "speaker by frame", "same sentence found")


class Voices(Probe["Voices.Options"]):
    """Speaker and sentence by layer."""

    class Options(Config):
        sentences: Count = setting(
            60, "sentences of the held-out recordings that are looked for", gt=1
        )

    summary = "who speaks and what is said, by layer of a model of recordings"
    modalities = frozenset({"sound"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        """Raises DataError where no sentence is spoken by two, or nobody speaks another one."""
        train, test = parted(model, self.options.sentences)
        seed = int(rng.sample(0).generator("frames").integers(1 << 31))
        views = _views(model, train, test)
        before = _layers(untrained(model, rng), train, test)
        found = {name: _judged(view, train, test, seed) for name, view in views.items()}
        judged_before = {name: _judged(view, train, test, seed) for name, view in before.items()}
        return _report(model, found, judged_before, train, test)


@dataclass(frozen=True)
class View:
    """Rows [T, D] of each recording: to learn from, and to test with. One of `every` is warped."""

    train: Sequence[np.ndarray]
    test: Sequence[np.ndarray]
    every: int = field(default=EVERY, kw_only=True)


def _views(model: FrozenModel, train: Recordings, test: Recordings) -> dict[str, View]:
    """The frames, normed ones, and every layer."""
    rows = [part.rows() for part in (train, test)]
    normed = [[_normed(rows_TM) for rows_TM in part] for part in rows]
    found = {FRAMES: View(*rows), NORMED: View(*normed), **_layers(model, train, test)}
    if part_with(model, Converts) is not None:
        sides = (train.items, test.items)
        found[CODE] = View(*(item_codes_along(model, items) for items in sides), every=1)
        found[STYLE] = View(*(list(item_styles(model, items)[:, None]) for items in sides))
    return found


def _layers(model: FrozenModel, train: Recordings, test: Recordings) -> dict[str, View]:
    """Hidden states, each number in its deviations over the training frames."""
    found = {}
    sides = (item_row_layers(model, part.items) for part in (train, test))
    for layer, (own, asked) in enumerate(zip(*sides, strict=True)):
        frames = np.concatenate(own)
        mean_D, deviation_D = frames.mean(axis=0), frames.std(axis=0) + 1e-6
        scaled = [[(x - mean_D) / deviation_D for x in part] for part in (own, asked)]
        found[f"layer {layer}"] = View(*scaled)
    return found


def _normed(rows_TM: np.ndarray) -> np.ndarray:
    return (rows_TM - rows_TM.mean(axis=0)) / np.maximum(rows_TM.std(axis=0), LEAST)


def _judged(view: View, train: Recordings, test: Recordings, seed: int) -> tuple[Score, ...]:
    """The three scores of COLUMNS."""
    whole = linear_probe(
        np.stack([_alike(rows) for rows in view.train]),
        train.speakers,
        np.stack([_alike(rows) for rows in view.test]),
        test.speakers,
    )
    own, asked = (
        _frames(part, speakers, most)
        for part, speakers, most in (
            (view.train, train.speakers, MOST_FRAMES),
            (view.test, test.speakers, MOST_FRAMES // 2),
        )
    )
    frames = perceptron_probe(*own, *asked, seed=seed)
    # frames of one recording are no independent cases: a share of them has no honest interval
    frames = replace(frames, interval=None)
    return whole, frames, _retrieved(view, test)


def _alike(rows_TD: np.ndarray) -> np.ndarray:
    """[3 D]: mean and deviation of each number, and how much it changes a frame."""
    changes_TD = np.abs(np.diff(rows_TD, axis=0)) if len(rows_TD) > 1 else np.zeros_like(rows_TD)
    return np.concatenate([rows_TD.mean(axis=0), rows_TD.std(axis=0), changes_TD.mean(axis=0)])


def _frames(
    rows: Sequence[np.ndarray], speakers: Sequence[str], most: int
) -> tuple[np.ndarray, list[str]]:
    """Frames of all recordings evenly, each with AROUND before and behind it, and who speaks."""
    total = sum(map(len, rows))
    kept = np.unique(np.linspace(0, total - 1, min(most, total)).astype(np.int64))
    vectors, names, first = [], list[str](), 0
    for rows_TD, speaker in zip(rows, speakers, strict=True):
        own = kept[(kept >= first) & (kept < first + len(rows_TD))] - first
        around = np.clip(own[:, None] + np.arange(-AROUND, AROUND + 1), 0, len(rows_TD) - 1)
        vectors.append(rows_TD[around].reshape(len(own), -1))
        names += [speaker] * len(own)
        first += len(rows_TD)
    return np.concatenate(vectors), names


def _retrieved(view: View, test: Recordings) -> Score:
    """Of each recording and each other speaker who says its sentence: is that speaker's nearest
    recording the same sentence?
    """
    speakers, sentences = np.asarray(test.speakers), np.asarray(test.sentences)
    thin = [rows_TD[:: view.every] for rows_TD in view.test]
    names = sorted({*test.speakers})
    right, chances = list[bool](), list[float]()
    for place, speaker in enumerate(names):
        for other in names[place + 1 :]:
            own, theirs = np.flatnonzero(speakers == speaker), np.flatnonzero(speakers == other)
            pairs = [(thin[a], thin[b]) for a in own for b in theirs]
            errors_AB = warped_errors(pairs).reshape(len(own), len(theirs))
            for asked, among, errors in ((own, theirs, errors_AB), (theirs, own, errors_AB.T)):
                is_there = np.isin(sentences[asked], sentences[among])
                nearest = sentences[among][errors[is_there].argmin(axis=1)]
                right += (nearest == sentences[asked][is_there]).tolist()
                chances += [1 / len(among)] * int(is_there.sum())
    return replace(
        mean_score("same sentence found", right), baselines={"chance": float(np.mean(chances))}
    )


def _report(
    model: FrozenModel,
    found: Mapping[str, tuple[Score, ...]],
    before: Mapping[str, tuple[Score, ...]],
    train: Recordings,
    test: Recordings,
) -> Report:
    layers = [name for name in found if name in before]
    rows = [
        [name, *(score.value for score in scores), *(score.value for score in before.get(name, ()))]
        for name, scores in found.items()
    ]
    columns = ["", *COLUMNS, *(f"{name}, {BEFORE}" for name in COLUMNS)]
    rows = [[*row, *[None] * (len(columns) - len(row))] for row in rows]
    best = max(layers, key=lambda name: found[name][2].value)
    scores = [
        replace(
            score,
            name=f"{title}, {best}",
            baselines={
                **score.baselines,
                FRAMES: found[FRAMES][place].value,
                NORMED: found[NORMED][place].value,
                f"{BEFORE}, {best}": before[best][place].value,
            },
        )
        for place, (title, score) in enumerate(zip(COLUMNS, found[best], strict=True))
    ]
    curves = {title: [found[name][place] for name in layers] for place, title in enumerate(COLUMNS)}
    levels = {
        f"{title}, {FRAMES}": found[FRAMES][place].value for place, title in enumerate(COLUMNS)
    }
    return Report(
        f"voices in every layer of {model.name}",
        scores=scores,
        tables=[Table("who speaks and what is said", columns, rows)],
        plots=[layer_plot("voices by layer", "accuracy", curves, levels)],
        notes=[
            f"learnt from {len(train.items):,} recordings and tested on {len(test.items):,} others "
            f"of {len({*test.sentences}):,} sentences, which are among none of those",
            "the layer is the one that finds most sentences",
            _reading(scores[2]),
        ],
    )


def _reading(score: Score) -> str:
    """Against the best of what needs no training."""
    name, level = max(score.baselines.items(), key=lambda pair: pair[1])
    said = f"{score.value:.1%} of the sentences are found, beside {level:.1%} by {name}"
    return f"not emerged: {said}" if score.ends[0] <= level else said
