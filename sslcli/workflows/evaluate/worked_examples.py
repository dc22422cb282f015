"""What is asked in context: labelled examples as prompts, and worked ones to stand before them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sslcli.config import Config
from sslcli.contracts.examples import Example, Split
from sslcli.contracts.prompts import OpenPrompts, Prompt, Prompts, TemplatePrompts
from sslcli.contracts.task import Task
from sslcli.data.documents import Where
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.data.records.record import Record
from sslcli.data.rng import Rng, name_key
from sslcli.datasets.label_sets import with_labels
from sslcli.datasets.labelled import examples_of, read_examples
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.tasks import task_class, task_options
from sslcli.errors import DataError, UsageError
from sslcli.reports import amount
from sslcli.settings import AnswerSettings, LabelledSettings
from sslcli.workflows.evaluate.shot_settings import (
    InContextSettings,
    PromptSettings,
    ShotSettings,
)

_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
LINE = "the command line"
_LETTERS_READ = 100  # examples by whose letters the language is told


@dataclass(frozen=True)
class InContextData:
    """The scored examples, those that worked ones are drawn from, and how each is written.

    None of `pool` is scored. `labels` are in the order of the choices, `words` how they are
    written. `left_out`: records that could not be used.
    """

    task: type[Task]
    options: Config
    template: PromptTemplate
    labels: Sequence[str]
    scored: Sequence[Example]
    pool: Sequence[Example]
    notes: Sequence[str]
    left_out: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """How the labels are written."""
        return self.template.words_of(self.labels)

    @property
    def open_task(self) -> OpenPrompts | None:
        """The task where a model writes the answers, None where they are choices."""
        task: object = self.task
        return task if isinstance(task, OpenPrompts) else None

    def prompt(self, example: Example) -> Prompt:
        """Return an example as a prompt. Raises DataError where its answer is no single class."""
        asks: object = self.task
        assert isinstance(asks, Prompts), "a task without choices is asked for none"
        return asks.prompt(self.options, self.labels, example, self.template)

    def context(self, example: Example) -> str:
        """Write an example up to its answer."""
        return self.template.context(prompting(self.task).prompt_texts(example))

    def worked(self, example: Example) -> str:
        """Write an example with its answer. Raises DataError as `prompt` does."""
        if (asks := self.open_task) is None:
            return self.prompt(example).worked
        answer = asks.worked_answer(example, self.template)
        return self.template.with_answer(self.context(example), answer)

    def behind(self, worked: Sequence[Example], context: str) -> str:
        """Write the whole prompt: worked examples, and an example up to its answer."""
        return self.template.behind([self.worked(each) for each in worked], context)

    def prompt_to_write(self, example: Example, places: Sequence[int]) -> str:
        """Write the whole prompt that an answer is written behind; the blanks at its end are left
        to the model, as most tokenizers have them before words.
        """
        worked = [self.pool[place] for place in places]
        return self.behind(worked, self.context(example)).rstrip(" \t")

    def drawn(self, seed: int, draw: int, example: Example, count: int) -> list[int]:
        """Indices of the worked examples in the pool."""
        return drawn_examples(seed, draw, self.task.key(example), len(self.pool), count)

    def context_of(self, text: str) -> str:
        """Write an example up to its label with the same text in all places."""
        return self.template.context(dict.fromkeys(prompting(self.task).prompt_names, text))

    def majority(self) -> str:
        """Return the commonest label of the pool, or of what is scored where nothing is drawn."""
        counts = Counter(example.gold for example in self.pool or self.scored)
        return max(self.labels, key=lambda label: counts[label])


def prompting(task: type[Task]) -> TemplatePrompts:
    """The task as one whose examples are written by a template."""
    asks: object = task
    assert isinstance(asks, TemplatePrompts), "a task that gives no prompts is refused before"
    return asks


def drawn_examples(seed: int, draw: int, key: str, pool_size: int, count: int) -> list[int]:
    """Indices of `count` different examples of a pool, in random order.

    A function of its arguments alone: neither the model nor what else is scored changes them, and
    fewer examples are the first of more. Raises ValueError where the pool has not as many.
    """
    if count > pool_size:
        raise ValueError(f"{count} of {pool_size} cannot be drawn")
    rng, sample = Rng(seed, draw, "in-context"), np.asarray([name_key(key)], dtype=np.uint64)
    found: dict[int, None] = {}
    turn = 0
    while len(found) < count:
        uniform = rng.uniform("worked", sample, np.arange(turn, turn + count))
        found |= dict.fromkeys((uniform * pool_size).astype(np.int64).tolist())
        turn += count
    return list(found)[:count]


def in_context_data(name: str, settings: AnswerSettings, asked: InContextSettings) -> InContextData:
    """Read what is scored and what is drawn from, and refuse what makes no prompt.

    Raises DataError, UsageError.
    """
    task = task_class(name)
    options, data = task_options(name, settings.options), settings.data
    sifter = Sifter(data.skip_bad_records)

    def read(references: Sequence[str], split: Split, limit: int | None) -> list[Example]:
        own = data.model_copy(update={"limit": limit})
        return examples_of(task, options, references, split, own, sifter)

    has_own = bool(asked.examples) or not data.evaluation
    if has_own:
        drawn_from = asked.examples or LabelledSettings().train
        pool = read(drawn_from, "train", None)
    else:  # read once: it may be standard input
        pool = read(data.evaluation, "test", data.limit)
    options, said = task.understand(options, pool)
    pool = with_labels(task, options, None, pool, sifter)
    labels = task.labels(options, pool)
    if has_own:
        scored = read(data.evaluation or LabelledSettings().train, "test", data.limit)
        scored = with_labels(task, options, labels, scored, sifter)
        pool, apart = _kept_apart(task, pool, scored)
    else:
        scored, pool = pool, []
        apart = ["without --examples the labels are those of the scored data"] if labels else []
    _refuse_too_few(max(asked.k), pool, "--examples")
    template, how = template_for(task, asked, scored)
    notes = [*sifter.sentences(), *sifter.remarks, *said, *how, *apart]
    found = InContextData(task, options, template, labels, scored, pool, notes, sifter.left_out)
    _refuse_no_prompts(found)
    return found


@dataclass(frozen=True)
class Unanswered:
    """Examples that nobody has labelled, each as it was typed; `notes`: how they were read."""

    typed: Sequence[str]
    examples: Sequence[Example]
    notes: Sequence[str] = ()


def typed_examples(name: str, typed: Sequence[str]) -> Unanswered:
    r"""Typed texts as examples of a task; where it takes several, a tab or \t stands between them.
    Raises DataError, UsageError.
    """
    task, options = task_class(name), task_options(name, {})
    wanted = task.positional_fields(options)
    questions = [text.replace(r"\t", "\t").split("\t", len(wanted) - 1) for text in typed]
    if any(len(texts) < len(wanted) for texts in questions):
        problem = f"{name} takes {len(wanted)} texts: {' and '.join(wanted)}"
        raise UsageError(problem, r"write \t between them")
    return Unanswered(
        typed,
        [
            task.parse(options, Record(Where(LINE, number), dict(zip(wanted, texts, strict=True))))
            for number, texts in enumerate(questions, 1)
        ],
    )


def recorded_examples(name: str, reference: str) -> Unanswered:
    """The records of a file as examples of a task, whose labels are not read. Raises DataError."""
    task, sifter = task_class(name), Sifter(None)
    read = read_examples(
        task, task_options(name, {}), reference, "test", LabelledSettings(), sifter, "unread"
    )
    examples = list(sifter.usable(read))
    typed = ["\t".join(prompting(task).prompt_texts(each).values()) for each in examples]
    return Unanswered(typed, examples, [*sifter.sentences(), *sifter.remarks])


def shown_data(asked: ShotSettings, asks: Unanswered) -> InContextData:
    """Read worked examples to be shown before what is `scored` by nobody. Raises DataError,
    UsageError.
    """
    task, sifter = task_class(asked.task), Sifter(None)
    options = task_options(asked.task, {})
    pool = examples_of(task, options, [asked.shots], "train", LabelledSettings(), sifter)
    options, said = task.understand(options, pool)
    pool = with_labels(task, options, None, pool, sifter)
    pool, apart = _kept_apart(task, pool, asks.examples)
    _refuse_too_few(asked.k or 0, pool, "--shots")
    template, how = template_for(task, asked, asks.examples)
    notes = [*asks.notes, *sifter.sentences(), *sifter.remarks, *said, *how, *apart]
    labels = task.labels(options, pool)
    return InContextData(task, options, template, labels, asks.examples, pool, notes)


def _refuse_too_few(most: int, pool: Sequence[Example], flag: str) -> None:
    if most > len(pool):
        held = f"{amount(len(pool), 'example')} that {'is' if len(pool) == 1 else 'are'} not asked"
        raise UsageError(
            f"{most} worked examples are asked for, and there are {held}",
            f"give more labelled data with {flag}, or a smaller --k",
        )


def template_for(
    task: type[Task], asked: PromptSettings, examples: Sequence[Example]
) -> tuple[PromptTemplate, Sequence[str]]:
    """The template of a file, else the built-in one for the language of the examples, and what is
    said about it. Raises DataError for a wrong one.
    """
    asks = prompting(task)
    language, said = language_of(task, examples), list[str]()
    if asked.template is not None:
        template = PromptTemplate.read(asked.template, asks.prompt_names, asks.prompt_answer)
    else:
        templates = asks.prompt_templates
        chosen = language if language in templates else next(iter(templates))
        said = [f"the built-in template in '{chosen}' is taken (--template FILE gives another)"]
        template = PromptTemplate.parse(
            templates[chosen], asks.prompt_names, answer=asks.prompt_answer
        )
    if isinstance(asks, OpenPrompts):
        template.words_of(asks.prompt_words)
    return template.step_by_step(language) if asked.step_by_step else template, said


def language_of(task: type[Task], examples: Sequence[Example]) -> str:
    """The language that most examples name; where none does "zh" if most of their letters are
    Chinese, else nothing.
    """
    named = Counter(example.language for example in examples if example.language)
    if named:
        return named.most_common(1)[0][0].replace("_", "-").partition("-")[0].lower()
    asks = prompting(task)
    read = examples[:_LETTERS_READ]
    text = "".join("".join(asks.prompt_texts(example).values()) for example in read)
    letters = sum(map(str.isalpha, text))
    return "zh" if 2 * len(_CHINESE.findall(text)) > letters else ""


def _kept_apart(
    task: type[Task], pool: Sequence[Example], scored: Sequence[Example]
) -> tuple[list[Example], list[str]]:
    """The examples of the pool that are not scored, and a sentence on the others."""
    known = {task.key(example) for example in scored}
    kept = [example for example in pool if task.key(example) not in known]
    gone = len(pool) - len(kept)
    said = f"{gone:,} of {len(pool):,} examples to draw from are asked too, and left out"
    return kept, [said] if gone else []


def _refuse_no_prompts(data: InContextData) -> None:
    """Raises DataError where labels, words and template make no prompt."""
    if data.open_task is not None:
        return
    data.prompt(replace(data.scored[0], gold=None))  # where there are no several classes
    first = data.prompt(replace(data.scored[0], gold=data.labels[0]))
    if not data.words or any(not word for word in first.choices):
        raise DataError("a label is an empty text", "give it a word in --template")
