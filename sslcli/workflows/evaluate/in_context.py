"""`ssl evaluate TASK --in-context`: which label a language model takes behind worked examples,
without being trained for the task, or which answer it writes.

Letters: D draws, N scored examples, P prompts of each (its own, then content-free ones), C choices.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sslcli.contracts.examples import Example
from sslcli.contracts.prompts import OpenPrompts
from sslcli.contracts.task import Task
from sslcli.datasets.sifter import LEFT_OUT
from sslcli.datasets.tasks import task_class
from sslcli.engine.precision import choose_hardware
from sslcli.errors import ModelError, UsageError
from sslcli.metrics.choices import ChoiceScores
from sslcli.metrics.intervals import interval_of_draws
from sslcli.progress import working, working_on
from sslcli.reporting.saved_reports import (
    REPORT,
    SCORES,
    saved_together,
    write_report,
    write_scores,
)
from sslcli.reports import Report, Score, Table, amount
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.language_model import LanguageModel
from sslcli.workflows.evaluate.prompt_jobs import EncodedPrompt
from sslcli.workflows.evaluate.score_names import score_called
from sslcli.workflows.evaluate.shot_settings import (
    BYTE,
    CALIBRATED,
    CHARACTER,
    COLUMNS,
    PMI,
    RAW,
    InContextSettings,
    score_name,
)
from sslcli.workflows.evaluate.worked_examples import InContextData, in_context_data
from sslcli.workflows.evaluate.written_in_context import WrittenEvaluation, answered_in_context

CHOICES = "choices.jsonl"
CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. 2021; an empty text is last, as PMI has it
TOGETHER = 64  # scored examples whose prompts are encoded and scored at once


@dataclass(frozen=True)
class Shots:
    """What was computed behind `count` worked examples: log-probabilities in nats [D, N, P, C].

    `drawn[draw][n]`: indices in the pool. `cut`, `merged`: prompts of scored examples that lost
    their beginning, and choices that the tokenizer would have merged with their context.
    """

    count: int
    scores_DNPC: np.ndarray
    drawn: Sequence[Sequence[Sequence[int]]]
    cut: int
    merged: int

    def taken(self, words: Sequence[str]) -> dict[str, np.ndarray]:
        """By column: the choice that is taken, int64 [D, N]."""
        draws, count, prompts, choices = self.scores_DNPC.shape
        flat_NPC = self.scores_DNPC.reshape(draws * count, prompts, choices)
        scores = ChoiceScores(flat_NPC[:, 0], flat_NPC[:, 1:], words)
        by_column = {
            RAW: scores.raw(),
            CHARACTER: scores.per_character(),
            BYTE: scores.per_byte(),
            PMI: scores.pmi(),
            CALIBRATED: scores.calibrated(),
        }
        return {
            column: values_NC.argmax(axis=1).reshape(draws, count)
            for column, values_NC in by_column.items()
        }


@dataclass(frozen=True)
class InContextEvaluation:
    """The report of an evaluation in context, and what it is made of."""

    report: Report
    data: InContextData
    shots: Sequence[Shots]
    file: str = CHOICES

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """Yield a line for each prompt: its worked examples, and the log-probability of every
        choice.
        """
        return _lines(self)


def evaluate_in_context(
    reference: str,
    name: str,
    settings: AnswerSettings,
    asked: InContextSettings,
    wanted: Mapping[str, float] | None = None,
) -> InContextEvaluation | WrittenEvaluation:
    """Score the choices of a task's labels behind k worked examples by a decoder, or the answers
    that it writes.

    `wanted`: by name of a score the least that it has to be. Raises DataError, ModelError,
    UsageError where data, template or model cannot be used.
    """
    refuse_unknown_shots(asked, wanted or {}, columns_of(task_class(name)))
    working("reading the examples")
    data = in_context_data(name, settings, asked)
    model = LanguageModel.load(reference, choose_hardware(settings.hardware), chats=asked.chat)
    if data.open_task is not None:
        if model.backbone.settings.has_memory:
            problem = f"{reference} is an encoder-decoder, and a decoder writes answers in context"
            raise ModelError(problem, f"fine-tune it: ssl finetune {name} --model {reference}")
        found = answered_in_context(model, data, name, asked)
    else:
        found = _chosen_in_context(model, data, name, asked)
    notes = [*model.notes, *data.notes, *found.report.notes, *model.tokenizer.remarks()]
    notes += _spelled(model, data)
    counts = {LEFT_OUT: data.left_out}
    return replace(found, report=replace(found.report, notes=notes, counts=counts))


def _chosen_in_context(
    model: LanguageModel, data: InContextData, name: str, asked: InContextSettings
) -> InContextEvaluation:
    shots = [_shots(model, data, asked, count) for count in asked.k]
    report = _report(name, data, shots, asked)
    notes = [*_cut_and_merged(data, shots), *report.notes]
    return InContextEvaluation(replace(report, notes=notes), data, shots)


def _spelled(model: LanguageModel, data: InContextData) -> Iterator[str]:
    """A sentence where a user's turn has a special token, which a text otherwise never has."""
    if model.chat is None:
        return
    said = ({"content": data.context(each)} for each in (*data.scored, *data.pool))
    if token := model.chat.spelled(said):
        yield f"a text spells {token}, which is read as that special token"


def columns_of(task: type[Task]) -> Sequence[str]:
    """The names of a task's scores in context, the number of worked examples apart."""
    asks: object = task
    return task.scorer.score_names if isinstance(asks, OpenPrompts) else COLUMNS


def refuse_unknown_shots(
    asked: InContextSettings, wanted: Mapping[str, float], columns: Sequence[str]
) -> None:
    """Raises UsageError for the name of a score that is not computed, and for a percentage of what
    is a share.
    """
    for name, least in wanted.items():
        score_called(name, [Score(known, 0.0) for known in asked.score_names(columns)])
        if columns is COLUMNS and not 0 <= least <= 1:
            is_percent = 1 < least <= 100
            raise UsageError(
                f"{name} is a share, from 0 to 1, and not {least:g}",
                f'write --min "{name}={least / 100:g}"' if is_percent else "give a share",
            )


def write_in_context(found: InContextEvaluation | WrittenEvaluation, folder: Path) -> None:
    """choices.jsonl with every log-probability, or predictions.jsonl with what was written;
    scores.json and report.json; all or none.

    Raises RunError where the disk refuses.
    """
    with saved_together(folder, (SCORES, REPORT)) as aside:
        with (aside / found.file).open("w", encoding="utf-8") as file:
            for line in found.lines():
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        write_scores(found.report.scores, aside)
        write_report(found.report, aside, files=[found.file, SCORES])


def _shots(
    model: LanguageModel, data: InContextData, asked: InContextSettings, count: int
) -> Shots:
    """Score all examples behind so many worked ones; without any there is nothing to draw."""
    draws = asked.draws if count else 1
    scores = np.zeros((draws, len(data.scored), 1 + len(CONTENT_FREE), len(data.words)))
    drawn: list[list[list[int]]] = [[] for _ in range(draws)]
    cut = merged = done = 0
    for draw in range(draws):
        for start in range(0, len(data.scored), TOGETHER):
            total = draws * len(data.scored)
            working_on(f"scoring {count}-shot prompts", done, total, "prompts")
            portion = data.scored[start : start + TOGETHER]
            own = [data.drawn(asked.seed, draw, each, count) for each in portion]
            groups = _prompts(model, data, portion, own)
            scores[draw, start : start + len(portion)] = model.scores(groups)
            cut += sum(group[0].cut for group in groups)
            merged += sum(group[0].merged for group in groups)
            drawn[draw] += own
            done += len(portion)
    return Shots(count, scores, drawn, cut, merged)


def _prompts(
    model: LanguageModel,
    data: InContextData,
    examples: Sequence[Example],
    drawn: Sequence[Sequence[int]],
) -> list[list[EncodedPrompt]]:
    """Each example behind worked ones, then content-free texts behind the same."""
    free = [data.context_of(text) for text in CONTENT_FREE]
    choices, written = list[Sequence[str]](), list[str]()
    for example, places in zip(examples, drawn, strict=True):
        prompt, worked = data.prompt(example), [data.pool[place] for place in places]
        choices.append(prompt.choices)
        written += [data.behind(worked, context) for context in (prompt.context, *free)]
    read = iter(model.as_read(written))
    return [[model.encoded(next(read), own) for _ in range(1 + len(free))] for own in choices]


def _report(
    name: str, data: InContextData, shots: Sequence[Shots], asked: InContextSettings
) -> Report:
    """Accuracies with intervals over draws and examples, beside chance and majority."""
    right_N = np.asarray([data.labels.index(example.gold) for example in data.scored])
    majority = float(np.mean(right_N == data.labels.index(data.majority())))
    baselines = {"chance": 1 / len(data.labels), "majority": majority}
    best, scores, rows, notes = max(baselines.values()), [], [], []
    for own in shots:
        below, cells = [], []
        for column, taken_DN in own.taken(data.words).items():
            right_DN = (taken_DN == right_N).astype(np.float64)
            low, high = interval_of_draws(right_DN)
            score = Score(
                score_name(column, own.count),
                float(right_DN.mean()),
                count=len(right_N),
                interval=(low, high),
                baselines=baselines,
            )
            scores.append(score)
            cells.append(f"{100 * score.value:.1f}")
            below += [column] if low <= best else []
        rows.append([own.count, *cells, f"{100 / len(data.labels):.1f}", f"{100 * majority:.1f}"])
        if below:
            which = "any column" if len(below) == len(COLUMNS) else ", ".join(below)
            notes.append(f"{own.count}-shot: not above chance by {which}")
    if notes:
        notes.append(f"chance is the better of chance and majority here, {100 * best:.1f} %")
    drawn = f"{amount(asked.draws, 'draw')} of worked examples"
    title = f"{name} in context · {amount(len(right_N), 'example')} · {drawn}"
    columns = ["worked examples", *COLUMNS, "chance", "majority"]
    table = Table("accuracy in %", columns, rows)
    return Report(title, scores, [table], notes=notes)


def _cut_and_merged(data: InContextData, shots: Sequence[Shots]) -> Iterator[str]:
    """Sentences on prompts that lost their beginning, and on choices merged with their context."""
    for own in shots:
        prompts = own.scores_DNPC.shape[0] * len(data.scored)
        if own.cut:
            yield (
                f"{own.count}-shot: {own.cut:,} of {prompts:,} prompts are longer than the model's "
                "sequences and lost their beginning"
            )
        if own.merged:
            yield (
                f"{own.count}-shot: the tokenizer merges {own.merged:,} of "
                f"{prompts * len(data.words):,} choices with the end of their context, so their "
                "first characters are not scored"
            )


def _lines(found: InContextEvaluation) -> Iterator[dict[str, Any]]:
    """A line for each prompt: its worked examples, and the log-probability of every choice."""
    data = found.data
    for own in found.shots:
        for draw, examples in enumerate(own.drawn):
            for number, (example, places) in enumerate(zip(data.scored, examples, strict=True)):
                sums_PC = own.scores_DNPC[draw, number].tolist()
                free = dict(zip(CONTENT_FREE, sums_PC[1:], strict=True))
                yield {
                    "id": example.id,
                    "k": own.count,
                    "draw": draw,
                    "gold": example.gold,
                    "worked": [data.pool[place].id for place in places],
                    "choices": dict(zip(data.labels, sums_PC[0], strict=True)),
                    "content_free": {
                        text: dict(zip(data.labels, sums, strict=True))
                        for text, sums in free.items()
                    },
                }
