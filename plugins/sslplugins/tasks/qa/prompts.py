"""Questions as prompts, whose answers a language model writes."""

from collections.abc import Mapping
from typing import Any

from sslcli.api import Example, Prediction, PromptTemplate

NO_ANSWER = "no answer"  # what a template calls it


class AsksInPrompts:
    """The part of the task that writes passage and question as a prompt."""

    prompt_names = ("passage", "question")
    prompt_answer = "answer"
    prompt_words = (NO_ANSWER,)
    prompt_unread = frozenset(
        {
            "sequence_tokens",
            "stride",
            "longest_question_tokens",
            "no_answer",
            "no_answer_threshold",
        }
    )
    prompt_templates = {
        "en": "Passage: {passage}\nQuestion: {question}\nAnswer: {answer}\n---\n"
        "no answer = unanswerable",
        "zh": "文章：{passage}\n问题：{question}\n答案：{answer}\n---\nno answer = 无法回答",
    }

    @classmethod
    def prompt_texts(cls, example: Example) -> Mapping[str, str]:
        """Return passage and question."""
        return {"passage": example.data.passage.strip(), "question": example.data.text.strip()}

    @classmethod
    def worked_answer(cls, example: Example, template: PromptTemplate) -> str:
        """Return the first of the right answers, or the template's word for none."""
        if not example.gold:
            return template.word_of(NO_ANSWER)
        return " ".join(example.gold[0].text.split())

    @classmethod
    def read_answer(cls, example: Example, text: str, template: PromptTemplate) -> Prediction:
        """Return the answer; the template's word for none, and no word at all, say that there is
        none.
        """
        is_none = text.rstrip(".。").casefold() == template.word_of(NO_ANSWER).casefold()
        return Prediction("" if is_none else text)

    @classmethod
    def answer_tokens(cls, options: Any) -> int:
        """Return what --longest-answer says."""
        return options.longest_answer_tokens
