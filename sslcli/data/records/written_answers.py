"""The answer in what a language model has written behind a prompt."""

import re

from sslcli.data.documents import Document, Where
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.data.text.sentences import split_sentences

_BEHIND_STEPS = re.compile(r"(?:answer is|答案是|答案为)[ \t]*[:：]?[ \t]*", re.IGNORECASE)


def is_over(template: PromptTemplate, written: str) -> bool:
    """Tell whether nothing that is written further changes the answer.

    It ends with its line; behind steps with the line that says "the answer is", or where another
    example begins.
    """
    if not template.thinks:
        return "\n" in written
    found = _BEHIND_STEPS.search(written)
    return template.next_begins in written or (found is not None and "\n" in written[found.end() :])


def answer_in(template: PromptTemplate, written: str) -> str | None:
    """Return the first line; behind steps what follows "the answer is" up to the end of its
    sentence, None where that is not said before another example begins.
    """
    if not template.thinks:
        return written.partition("\n")[0].strip()
    found = _BEHIND_STEPS.search(own := written.partition(template.next_begins)[0])
    if found is None:
        return None
    line = own[found.end() :].partition("\n")[0].strip()
    sentences = split_sentences(Document(Where("answer"), text=line))
    return next(iter(sentences), "").strip().rstrip(".。").strip()
