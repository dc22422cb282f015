"""The ability of a task to put its examples as prompts, for a language model without a head of its
own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from sslcli.contracts.examples import Example
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
class Prompts(Protocol):
    """A task whose examples can be given to a language model as prompts, without a head.

    `prompt_names`: how a template names the texts of an example. `prompt_templates`: language ->
    template (see `PromptTemplate`); the first one is for all languages that have none.
    """

    prompt_names: ClassVar[Sequence[str]]
    prompt_templates: ClassVar[Mapping[str, str]]

    @classmethod
    def prompt(
        cls, options: Any, labels: Sequence[str], example: Example, template: PromptTemplate
    ) -> Prompt:
        """Return the prompt of an example, among the task's labels.

        Raises DataError where the answer is not one of several choices.
        """
