"""Zero-shot transfer across languages: trained in one, scored in others between two baselines."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sslcli.contracts.task import Task
from sslcli.datasets.labelled import is_generated, other_languages, tagged
from sslcli.datasets.locate import split_language
from sslcli.errors import UsageError
from sslcli.reports import Report, Score, in_language
from sslcli.runs.facts import IN_LANGUAGE
from sslcli.settings import LabelledSettings

SCRATCH = "random"  # the start whose scores are the lower baseline
NO_BOUND = "none"


def in_language_data(
    data: LabelledSettings, given: Sequence[str], task: type[Task] = Task
) -> Mapping[str, LabelledSettings]:
    """Return, by language with training data, the data of an in-language baseline run.

    The run is scored on the same test set and uses it for nothing else: no checkpoint of any run
    was chosen on it. `given`: from --in-language. A generated source needs none. Raises UsageError
    for what fits nothing.
    """
    if list(given) == [NO_BOUND]:
        return {}
    others, known = other_languages(data, task), tagged(given)
    for reference in given:
        language = split_language(reference)[0]
        if language not in others:
            what = (
                f"{language}, in which nothing is scored"
                if language
                else f"{reference} without its language"
            )
            raise UsageError(
                f"--in-language names {what}",
                "write it as in --eval-data zh=TEST --in-language zh=TRAIN",
            )
    training = {
        language: known.get(language) or (tests if is_generated(tests) else ())
        for language, tests in others.items()
    }
    return {
        language: data.model_copy(
            update={"train": tuple(training[language]), "evaluation": (), "test": tuple(tests)}
        )
        for language, tests in others.items()
        if training[language]
    }


def across(own: Report, train: Sequence[str], others: Mapping[str, Report]) -> Report:
    """A run's report with the first score of every language, one under the other; `train`: what it
    was trained on.
    """
    languages = [
        language
        for language in dict.fromkeys(split_language(reference)[0] for reference in train)
        if language
    ]
    source = "+".join(languages)
    first, *rest = own.scores
    elsewhere = [in_language(report.scores[0], language) for language, report in others.items()]
    scores = [in_language(first, source), *elsewhere]
    chosen = (
        "the checkpoint was chosen on held-out examples "
        f"of {source or 'the training language'} alone"
    )
    return replace(own, scores=[*scores, *rest], notes=[*own.notes, chosen])


def with_in_language(score: Score, in_languages: Mapping[str, Sequence[Report]]) -> Score:
    """Add to a score the median of the runs trained in its language, if there are any."""
    for language, reports in in_languages.items():
        reached = [report.scores[0] for report in reports]
        if score.name == in_language(reached[0], language).name:
            return replace(
                score,
                baselines={
                    **score.baselines,
                    IN_LANGUAGE: statistics.median(each.value for each in reached),
                },
            )
    return score


def transferred(scores: Iterable[Score], language: str, least: Mapping[str, float]) -> str:
    """Return a sentence on how far a language without training data came.

    `least`: by score, a safe lower value: the worst of the seeds or the worse end of an interval.
    """
    score = next(score for score in scores if score.name.endswith(f" in {language}"))
    better = 1 if score.higher_is_better else -1  # times a figure: the greater the better
    reached = f"zero-shot {score.name.removesuffix(f' in {language}')} is {score.value:.4g}"
    trained = score.baselines.get(IN_LANGUAGE)
    others = {name: value for name, value in score.baselines.items() if name != IN_LANGUAGE}
    if not others:
        return f"{language}: {reached}, and there is nothing to hold it against"
    best, value = max(others.items(), key=lambda each: better * each[1])
    if better * least[score.name] <= better * value:
        return f"{language}: not emerged; {reached}, and {best} reaches {value:.4g}"
    start, lower = (SCRATCH, others[SCRATCH]) if SCRATCH in others else (best, value)
    if trained is None:
        gap = (
            f"{abs(score.value - lower):.4g} {'above' if score.value > lower else 'below'} {start}"
        )
        return (
            f"{language}: {reached}, {gap}; --in-language "
            f"{language}=FILE would say how far training in it comes"
        )
    if better * trained <= better * lower:
        return f"{language}: {reached}; training in {language} itself is no better than {start}"
    way = (score.value - lower) / (trained - lower)
    return (
        f"{language} is at {way:.0%} of the way from {start} "
        f"({lower:.4g}) to training in it ({trained:.4g}): {reached}"
    )
