"""Answers that a language model writes behind worked examples, scored as the task scores them.

Letters: D draws, N scored examples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sslcli.contracts.examples import Prediction
from sslcli.contracts.prompts import OpenPrompts
from sslcli.contracts.scorer import Scorer
from sslcli.data.records.written_answers import answer_in, is_over
from sslcli.metrics.intervals import over_draws
from sslcli.progress import working, working_on
from sslcli.reports import Report, Score, Table, amount
from sslcli.workflows.evaluate.language_model import LanguageModel, WrittenText, written_behind
from sslcli.workflows.evaluate.scoring import PREDICTIONS, answer_line
from sslcli.workflows.evaluate.shot_settings import InContextSettings, score_name
from sslcli.workflows.evaluate.worked_examples import InContextData

TOGETHER = 64  # scored examples whose prompts are written and answered at once


@dataclass(frozen=True)
class WrittenShots:
    """What was written behind `count` worked examples: [D][N] each.

    `drawn`: indices in the pool. `answers`: None where no answer was found in the text.
    """

    count: int
    drawn: Sequence[Sequence[Sequence[int]]]
    texts: Sequence[Sequence[WrittenText]]
    answers: Sequence[Sequence[str | None]]
    predictions: Sequence[Sequence[Prediction]]


@dataclass(frozen=True)
class WrittenEvaluation:
    """The report of an evaluation in context with written answers, and what it is made of."""

    report: Report
    data: InContextData
    shots: Sequence[WrittenShots]
    file: str = PREDICTIONS

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """Yield a line for each prompt: its worked examples, what was written, and the answer."""
        data = self.data
        for own in self.shots:
            for draw, places in enumerate(own.drawn):
                rows = zip(data.scored, places, own.texts[draw], own.predictions[draw], strict=True)
                for example, worked, written, prediction in rows:
                    yield {
                        **answer_line(example, prediction),
                        "k": own.count,
                        "draw": draw,
                        "worked": [data.pool[place].id for place in worked],
                        "written": written.text,
                    }


def answered_in_context(
    model: LanguageModel, data: InContextData, name: str, asked: InContextSettings
) -> WrittenEvaluation:
    """Write and score the answers behind each number of worked examples."""
    task = data.open_task
    assert task is not None, "a task with choices is asked for no answer"
    most_new = task.answer_tokens(data.options) + (asked.step_tokens if asked.step_by_step else 0)
    shots = [_shots(model, task, data, asked, count, most_new) for count in asked.k]
    working("scoring")
    scorer = data.task.scorer(data.options)
    report = _report(name, scorer, data, shots, asked)
    counted = chain.from_iterable(_counted(own, most_new) for own in shots)
    notes = [*counted, *scorer.how_scored(data.scored), *report.notes]
    return WrittenEvaluation(replace(report, notes=notes), data, shots)


def _shots(
    model: LanguageModel,
    task: OpenPrompts,
    data: InContextData,
    asked: InContextSettings,
    count: int,
    most_new: int,
) -> WrittenShots:
    """Answer all examples behind so many worked ones; without any there is nothing to draw."""
    draws = asked.draws if count else 1
    drawn = [[data.drawn(asked.seed, d, each, count) for each in data.scored] for d in range(draws)]
    texts: list[list[WrittenText]] = [[] for _ in range(draws)]
    for draw, places in enumerate(drawn):
        for start in range(0, len(data.scored), TOGETHER):
            done = draw * len(data.scored) + start
            total = draws * len(data.scored)
            working_on(f"answering {count}-shot prompts", done, total, "prompts")
            portion = slice(start, start + TOGETHER)
            prompts = [
                data.prompt_to_write(example, own)
                for example, own in zip(data.scored[portion], places[portion], strict=True)
            ]
            texts[draw] += written_behind(
                model, prompts, most_new, lambda text: is_over(data.template, text)
            )
    answers = [[answer_in(data.template, written.text) for written in own] for own in texts]
    predictions = [
        [
            task.read_answer(example, answer or "", data.template)
            for example, answer in zip(data.scored, own, strict=True)
        ]
        for own in answers
    ]
    return WrittenShots(count, drawn, texts, answers, predictions)


def _report(
    name: str,
    scorer: Scorer,
    data: InContextData,
    shots: Sequence[WrittenShots],
    asked: InContextSettings,
) -> Report:
    """The task's scores with intervals over draws and examples, beside answers without a model."""
    working("answering without a model")
    guessed = scorer.baselines(data.pool, data.scored)
    reached = {
        guess: {score.name: score.value for score in scorer.score(own, data.scored)}
        for guess, own in guessed.items()
    }
    found, rows, notes, columns = list[Score](), list[list[Any]](), list[str](), list[str]()
    for own in shots:
        scores = _scores(scorer, data, own, reached)
        columns = [score.name for score in scores]
        rows.append([own.count, *(f"{score.value:.1f}" for score in scores)])
        notes += _no_better(own.count, scores)
        found += [replace(each, name=score_name(each.name, own.count)) for each in scores]
    for guess, values in reached.items():
        cells = (f"{values[name]:.1f}" if name in values else None for name in columns)
        rows.append([guess, *cells])
    drawn = f"{amount(asked.draws, 'draw')} of worked examples"
    title = f"{name} in context · {amount(len(data.scored), 'example')} · {drawn}"
    table = Table("scores", ["worked examples", *columns], rows)
    return Report(title, found, [table], notes=notes)


def _scores(
    scorer: Scorer,
    data: InContextData,
    own: WrittenShots,
    reached: Mapping[str, Mapping[str, float]],
) -> list[Score]:
    """The scores of all draws together. `reached`: by baseline, the score of each name."""
    draws, pooled = len(own.predictions), list(chain.from_iterable(own.predictions))
    with over_draws(draws):
        scores = scorer.score(pooled, [*data.scored] * draws)
    return [
        replace(
            score,
            count=score.count // draws,
            baselines={
                guess: values[score.name]
                for guess, values in reached.items()
                if score.name in values
            },
        )
        for score in scores
    ]


def _no_better(count: int, scores: Sequence[Score]) -> Iterator[str]:
    """A sentence where scores are not above the best answer without a model."""
    below: dict[str, list[str]] = {}
    for score in scores:
        if not score.baselines or score.interval is None or not score.higher_is_better:
            continue
        best = max(score.baselines, key=lambda guess: score.baselines[guess])
        if score.ends[0] <= score.baselines[best]:
            below.setdefault(best, []).append(score.name)
    if below:
        said = (f"not above {guess} by {', '.join(own)}" for guess, own in below.items())
        yield f"{count}-shot: {'; '.join(said)}"


def _counted(own: WrittenShots, most_new: int) -> Iterator[str]:
    """Sentences on prompts that lost their beginning, and on answers that are none or no end."""
    texts = list(chain.from_iterable(own.texts))
    prompts = f"{len(texts):,}"
    if cut := sum(text.cut for text in texts):
        yield (
            f"{own.count}-shot: {cut:,} of {prompts} prompts are longer than the model's sequences "
            "and lost their beginning"
        )
    if unended := sum(not text.is_whole for text in texts):
        yield f"{own.count}-shot: {unended:,} of {prompts} answers go beyond {most_new:,} tokens"
    answers = list(chain.from_iterable(own.answers))
    if unsaid := answers.count(None):
        yield f"{own.count}-shot: {unsaid:,} of {prompts} texts do not say 'the answer is'"
    if empty := answers.count(""):
        yield f"{own.count}-shot: {empty:,} of {prompts} answers are empty"
