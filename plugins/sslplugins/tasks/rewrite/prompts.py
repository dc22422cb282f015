"""Sources as prompts, whose targets a language model writes."""

from collections.abc import Mapping
from typing import Any

from sslcli.api import Example, Prediction, PromptTemplate
from sslplugins.tasks.rewrite.scorer import first_of

TARGET_TOKENS = 64  # where nobody says it: a model that does not stop must not take all day


class RewritesInPrompts:
    """The part of the task that writes a source as a prompt."""

    prompt_names = ("source",)
    prompt_answer = "target"
    prompt_words = ()
    prompt_unread = frozenset(
        {"sequence_tokens", "least_tokens", "beams", "length_penalty", "early_stopping"}
    )
    prompt_templates = {
        "en": "Source: {source}\nTarget: {target}",
        "zh": "原文：{source}\n译文：{target}",
    }

    @classmethod
    def prompt_texts(cls, example: Example) -> Mapping[str, str]:
        """Return the source."""
        return {"source": example.data}

    @classmethod
    def worked_answer(cls, example: Example, template: PromptTemplate) -> str:
        """Return the first of the right targets, its lines as one."""
        return " ".join(first_of(example.gold).split())

    @classmethod
    def read_answer(cls, example: Example, text: str, template: PromptTemplate) -> Prediction:
        """Return the text as it is."""
        return Prediction(text, details={"source": example.data})

    @classmethod
    def answer_tokens(cls, options: Any) -> int:
        """Return what --max-length says."""
        return options.target_tokens or TARGET_TOKENS
