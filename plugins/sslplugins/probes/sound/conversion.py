"""A voice for another: do converted recordings sound like what the other speaker says, and is it
still the same sentence?

Distances alone reward whoever mumbles: a blurred recording is nearer than a clear one. So three
things are asked for together: nearer than what two tables of numbers make of it, sentences found as
often as before, and bands that vary as the other speaker's do. Beside the model stand what needs no
learning, above all a look-up of the nearest frames.

Letters: P sentences, S numbers of a style.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sslcli.api import (
    Config,
    Count,
    DataError,
    FrozenModel,
    Probe,
    Report,
    Rng,
    Score,
    Sound,
    Table,
    UsageError,
    as_sound,
    converted_items,
    converter_of,
    heard,
    item_styles,
    mean_score,
    setting,
)
from sslplugins.probes.sound.recordings import Recordings, parted
from sslplugins.probes.sound.ways import Judged, Voice, constant, judged, looked_up, shifted

CONVERTED, AS_IT_IS = "converted", "as it is"
SHIFT, LOOKED_UP, CONSTANT = "mean and deviation", "nearest frames", "mean frame"
VARIES = 0.2  # how far the variance of bands may be from the speaker's own
MOST_HEARD = 2  # sentences that are written as recordings
BANDS, COSINES, FOUND = "distance of bands", "distance of cosines", "same sentence found"


class Conversion(Probe["Conversion.Options"]):
    """One speaker's held-out recordings in the voice of another."""

    class Options(Config):
        sentences: Count = setting(90, "held-out sentences that are converted", gt=1)
        source: str = setting("", "folder of who speaks; the first when not given", "--source")
        target: str = setting(
            "", "folder of whose voice it becomes; the first other one when not given", "--target"
        )

    summary = "held-out recordings in another voice, beside what needs no learning"
    modalities = frozenset({"sound"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        """Raises UsageError for a model that does not convert, DataError where no sentence is
        spoken by both.
        """
        converter_of(model)
        train, test = parted(model, self.options.sentences)
        source, target = self._speakers(test)
        asked, own = _same_sentences(test, source, target)
        rows, wanted = (
            [part.items.rows(i) for i in range(len(part.items))] for part in (asked, own)
        )
        voices = [_voice(train, name) for name in (source, target)]
        spoken = train.where([speaker == target for speaker in train.speakers])
        lengths = [len(rows_TM) for rows_TM in voices[1].rows]
        style_S = np.average(item_styles(model, spoken.items), axis=0, weights=lengths)
        made = {
            CONVERTED: converted_items(model, asked.items, style_S.astype(np.float32)),
            AS_IT_IS: rows,
            SHIFT: shifted(rows, *voices),
            LOOKED_UP: looked_up(rows, *voices),
            CONSTANT: constant(rows, voices[1]),
        }
        found = {name: judged(each, wanted) for name, each in made.items()}
        report = _report(model, found, source, target, len(spoken.items))
        said = {source: rows, f"{source} {CONVERTED} to {target}": made[CONVERTED], target: wanted}
        return replace(report, sounds=_recordings(model, asked.sentences, said))

    def _speakers(self, test: Recordings) -> tuple[str, str]:
        """Who speaks, and in whose voice."""
        names = sorted({*test.speakers})
        for flag, name in (("--source", self.options.source), ("--target", self.options.target)):
            if name and name not in names:
                raise UsageError(
                    f"nobody called '{name}' says a held-out sentence that another says too",
                    f"name one with {flag}: {', '.join(names)}",
                )
        source = self.options.source or next(n for n in names if n != self.options.target)
        target = self.options.target or next(n for n in names if n != source)
        if source == target:
            raise UsageError(
                f"'{source}' would be converted to its own voice", "name another with --target"
            )
        return source, target


def _same_sentences(test: Recordings, source: str, target: str) -> tuple[Recordings, Recordings]:
    """The recordings of both, of the same sentences in one order. Raises DataError where they share
    fewer than two.
    """
    said = [
        {
            sentence: place
            for place, (speaker, sentence) in enumerate(
                zip(test.speakers, test.sentences, strict=True)
            )
            if speaker == name
        }
        for name in (source, target)
    ]
    shared = sorted(said[0].keys() & said[1].keys())
    if len(shared) < 2:
        raise DataError(
            f"'{source}' and '{target}' say no two held-out sentences both",
            "choose others with --source and --target",
        )
    asked, own = (test.at([places[sentence] for sentence in shared]) for places in said)
    return asked, own


def _recordings(
    model: FrozenModel, sentences: Sequence[str], said: Mapping[str, Sequence[np.ndarray]]
) -> list[Sound]:
    """The first sentences, as each says them: what is as it is has gone through its frames, too."""
    frames = model.backbone.settings.frames
    assert frames is not None, "it reads recordings"
    return [
        as_sound(f"{sentence}: {name}", heard(rows[number], frames), frames.rate)
        for number, sentence in enumerate(sentences[:MOST_HEARD])
        for name, rows in said.items()
    ]


def _voice(train: Recordings, name: str) -> Voice:
    return Voice.of(train.where([speaker == name for speaker in train.speakers]).rows())


def _report(
    model: FrozenModel, found: Mapping[str, Judged], source: str, target: str, spoken: int
) -> Report:
    scores = {name: _scores(each) for name, each in found.items()}
    columns = ["", BANDS, "from", "to", COSINES, "from", "to", FOUND, "from", "to", "variance"]
    rows = [
        [name, *(x for score in scores[name] for x in (score.value, *score.ends)), each.variance]
        for name, each in found.items()
    ]
    count = len(found[CONVERTED].bands_P)
    own = scores[CONVERTED]
    shown = [
        replace(
            score,
            baselines={
                **score.baselines,
                **{name: scores[name][place].value for name in found if name != CONVERTED},
            },
        )
        for place, score in enumerate(own)
    ]
    variance = Score(
        "variance of bands", found[CONVERTED].variance, higher_is_better=None, count=count,
        baselines={name: each.variance for name, each in found.items() if name != CONVERTED},
    )  # fmt: skip
    return Report(
        f"{source} in the voice of {target}, by {model.name}",
        scores=[*shown, variance],
        tables=[Table("what is said in the other voice", columns, rows)],
        notes=[
            f"{count:,} held-out sentences, none of which a training recording says; the style is "
            f"the mean of {spoken:,} training recordings of {target}; intervals of 95 % are over"
            " sentences",
            "distances are root mean squares in nats along the cheapest path (time warping) to what"
            f" {target} says; of {COSINES.partition(' of ')[2]} 1 to 13 they leave loudness out,"
            " and are no mel-cepstral distortion of the literature; variance is that of bands over"
            f" {target}'s own",
            "recordings have made-up phases (Griffin-Lim), which can be heard, also those of the"
            " speakers themselves",
            *reading(found),
        ],
    )


def _scores(each: Judged) -> list[Score]:
    distances = [
        replace(mean_score(name, values_P.tolist()), unit="nats", higher_is_better=False)
        for name, values_P in ((BANDS, each.bands_P), (COSINES, each.cosines_P))
    ]
    found = mean_score(FOUND, each.found_P.tolist())
    return [*distances, replace(found, baselines={"chance": 1 / len(each.found_P)})]


def _beside(ours_P: np.ndarray, theirs_P: np.ndarray) -> tuple[float, float]:
    """The interval of the mean difference, sentence by sentence."""
    return mean_score("difference", (ours_P - theirs_P).tolist()).ends


def reading(found: Mapping[str, Judged]) -> list[str]:
    """What of the three is reached, in sentences, and whether the look-up does better."""
    own, before, shift, look = (found[name] for name in (CONVERTED, AS_IT_IS, SHIFT, LOOKED_UP))
    misses = []
    for name, ours_P, theirs_P in (
        (BANDS, own.bands_P, shift.bands_P),
        (COSINES, own.cosines_P, shift.cosines_P),
    ):
        low, high = _beside(ours_P, theirs_P)
        if high >= 0:
            misses.append(
                f"the {name} is not below that of {SHIFT} ({low:+.3f} to {high:+.3f} beside it)"
            )
    if own.found_P.mean() < before.found_P.mean():
        misses.append(
            f"{own.found_P.mean():.1%} of the sentences are found, and {before.found_P.mean():.1%} "
            "without a conversion"
        )
    if abs(own.variance - 1) > VARIES:
        misses.append(f"bands vary {own.variance:.2f} times as the speaker's own")
    sentences = [f"not emerged: {miss}" for miss in misses] or [
        f"converted: nearer than {SHIFT}, sentences found as often as before, bands that vary as "
        "the speaker's own"
    ]
    low, high = _beside(own.bands_P, look.bands_P)
    worse = own.found_P.mean() < look.found_P.mean()
    if low > 0 or (high > 0 and worse):
        sentences.append(
            f"the look-up of {LOOKED_UP}, which learns nothing, is "
            f"{'nearer' if low > 0 else 'as near'} ({look.bands_P.mean():.3f} against "
            f"{own.bands_P.mean():.3f}) and finds {look.found_P.mean():.1%} of the sentences "
            f"against {own.found_P.mean():.1%}"
        )
    return sentences
