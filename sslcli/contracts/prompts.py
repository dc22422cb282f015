"""The abilities of a task to put its examples as prompts, for a language model without a head of
its own: one among several choices, or an answer that the model writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from sslcli.contracts.examples import Example, Prediction
from sslcli.data.records.prompt_template import PromptTemplate


@dataclass(frozen=True)
class Prompt:
    """A labelled record as a choice: the context, the choices, and the index of the right one.

    The context ends where the choice begins, with the space between them if there is one. `answer`
    is None where the record has no label.
    """

    context: str
    choices: Sequence[str]
    answer: int | None = None

    @property
    def worked(self) -> str:
        """The context with the right choice."""
        assert self.answer is not None, "a worked example has a label"
        return self.context + self.choices[self.answer]


@runtime_checkable
class TemplatePrompts(Protocol):
    """A task whose examples can be written by a template.

    `prompt_names`: how a template names the texts of an example; `prompt_answer`: its answer.
    `prompt_templates`: language -> template (see `PromptTemplate`); the first one is for all
    languages that have none. `prompt_unread`: options that change nothing in context.
    """

    prompt_names: ClassVar[Sequence[str]]
    prompt_answer: ClassVar[str]
    prompt_templates: ClassVar[Mapping[str, str]]
    prompt_unread: ClassVar[frozenset[str]]

    @classmethod
    def prompt_texts(cls, example: Example) -> Mapping[str, str]:
        """Return the texts of an example by the names that a template has for them."""


@runtime_checkable
class Prompts(TemplatePrompts, Protocol):
    """A task whose examples can be given to a language model as prompts with choices."""

    @classmethod
    def prompt(
        cls, options: Any, labels: Sequence[str], example: Example, template: PromptTemplate
    ) -> Prompt:
        """Return the prompt of an example, among the task's labels.

        Raises DataError where the answer is not one of several choices.
        """


@runtime_checkable
class OpenPrompts(TemplatePrompts, Protocol):
    """A task whose answers a language model writes behind a prompt.

    `prompt_words`: answers that are no text of the data, for which a template may have words.
    """

    prompt_words: ClassVar[Sequence[str]]

    @classmethod
    def worked_answer(cls, example: Example, template: PromptTemplate) -> str:
        """Return how the right answer of a labelled example is written, in one line."""

    @classmethod
    def read_answer(cls, example: Example, text: str, template: PromptTemplate) -> Prediction:
        """Return what a model has written as the task's scorer takes it."""

    @classmethod
    def answer_tokens(cls, options: Any) -> int:
        """Return the most tokens of an answer."""
