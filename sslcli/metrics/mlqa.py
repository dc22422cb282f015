"""Answers in many languages, compared as MLQA does.

Lewis et al. 2020, "MLQA: Evaluating Cross-lingual Extractive Question Answering", section 4.1, and
its evaluation script.
"""

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import cache, partial
from itertools import filterfalse

from sslcli.errors import UsageError
from sslcli.metrics.squad import AnswerRule, answer_scores
from sslcli.reports import Score

_ARTICLES = {
    "en": r"\b(?:a|an|the)\b",
    "es": r"\b(?:un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(?:của|là|cái|chiếc|những)\b",
    "de": r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    # wherever it stands: the script's other alternative, behind a space, matches nothing
    "ar": "ال",
    "hi": None,
    "zh": None,
}
LANGUAGES = tuple(sorted(_ARTICLES))

_OFFICIAL_CHINESE = "\u4e00-\u9fa5"
# The script leaves out the number zero, extension A, what came to the main block later, the
# compatibility block, and the planes 2 and 3 that hold the later extensions.
_ALL_CHINESE = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


def mlqa_normalised(text: str, language: str, strict: bool = False) -> str:
    """Normalise text: lower case, no Unicode punctuation, no articles, one space between words.

    Each Chinese character is a word. `strict`: only U+4E00 to U+9FA5 count as Chinese, for scores
    identical with the official script's; rarer characters then stick to one another. Raises
    UsageError for a language without a rule.
    """
    bare = "".join(filterfalse(_is_punctuation, text.lower()))
    if pattern := _articles(language):
        bare = re.sub(pattern, " ", bare)
    if language == "zh":
        bare = re.sub(f"([{_OFFICIAL_CHINESE if strict else _ALL_CHINESE}])", r" \1 ", bare)
    return " ".join(bare.split())


@cache
def mlqa_rule(language: str, strict: bool = False) -> AnswerRule:
    """Exact match and F1 of a language; see mlqa_normalised. Raises UsageError for a language
    without a rule.
    """
    _articles(language)
    return AnswerRule(partial(mlqa_normalised, language=language, strict=strict))


def mlqa_exact(prediction: str, golds: Sequence[str], language: str, strict: bool = False) -> float:
    """0 or 1; see mlqa_normalised."""
    return mlqa_rule(language, strict).agreement(prediction, golds)[0]


def mlqa_f1(prediction: str, golds: Sequence[str], language: str, strict: bool = False) -> float:
    """0 to 1; see mlqa_normalised."""
    return mlqa_rule(language, strict).agreement(prediction, golds)[1]


def mlqa_scores(
    predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str, strict: bool = False
) -> Sequence[Score]:
    """F1 and exact match in percent. Raises DataError where there is no question, UsageError for a
    language without a rule.
    """
    return answer_scores(mlqa_rule(language, strict), predictions, golds)


def _articles(language: str) -> str | None:
    if language not in _ARTICLES:
        raise UsageError(
            f"answers in the language '{language}' have no rule of comparison",
            f"languages: {', '.join(LANGUAGES)}",
        )
    return _ARTICLES[language]


@cache
def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")
