"""Templates of prompts: what they write, and what is refused of them."""

import pytest

from sslcli.contracts.examples import Example
from sslcli.data.documents import Where
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.errors import DataError
from sslcli.registry import load

GIVEN = "Review: {text}\nIt was {label}\n---\npos = good\nneg = bad\n---\n###\n"


def parsed(text, names=("text",)):
    return PromptTemplate.parse(text, names, "own.txt")


def test_a_file_has_an_example_words_and_a_line_between():
    template = parsed(GIVEN)
    assert template.context({"text": "fine"}) == "Review: fine\nIt was "
    assert template.words_of(["neg", "pos"]) == ("bad", "good")
    assert template.behind(["a", "b"], "c") == "a\n###\nb\n###\nc"


def test_an_empty_line_parts_examples_and_labels_are_their_words_where_nothing_is_said():
    template = parsed("{text}:{label}\n")
    assert template.behind(["a"], "c") == "a\n\nc"
    assert template.words_of(["x", "y"]) == ("x", "y")
    assert parsed("{text}:{label}\r\n---\r\nx = 1\r\n").words == {"x": "1"}


def test_a_text_that_looks_like_a_template_is_written_as_it_is():
    template = parsed("{text} {other} => {label}", ("text", "other"))
    texts = {"text": "{other} {label} {0}", "other": "{text}"}
    assert template.context(texts) == "{other} {label} {0} {text} => "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{text}", "does not end an example with {label}"),
        ("", "does not end an example with {label}"),
        ("{text} {label}.", "does not end an example with {label}"),
        ("{label} {text} {label}", "does not end an example with {label}"),
        ("{txt}: {label}", "names {txt}, which no example has"),
        ("Label: {label}", "shows nothing of an example"),
        ("{text} {label}\n---\ngood\n", "no word in the line 'good'"),
        ("{text} {label}\n---\npos =\n", "no word in the line 'pos ='"),
        ("{text} {label}\n---\na = b\na = c\n", "two words for 'a'"),
        ("{text} {label}\n---\n---\n---\n", "4 parts"),
    ],
)
def test_a_wrong_template_is_refused_by_name(text, said):
    with pytest.raises(DataError) as raised:
        parsed(text)
    assert raised.value.message.startswith("own.txt ")
    assert said in raised.value.message
    assert raised.value.hint


def test_words_must_be_those_of_labels_and_differ():
    with pytest.raises(DataError, match="a word for 'pos', which is no label"):
        parsed(GIVEN).words_of(["neg", "positive"])
    with pytest.raises(DataError, match="both written 'bad'"):
        parsed("{text} {label}\n---\npos = bad\n").words_of(["bad", "pos"])


@pytest.mark.parametrize("task", ["classify", "sentiment", "nli", "pairs", "dna", "remap"])
@pytest.mark.parametrize(("language", "colon"), [("en", ": "), ("zh", "：")])
def test_every_task_with_labels_writes_all_its_texts_in_both_languages(task, language, colon):
    cls = load("tasks", task)
    template = PromptTemplate.parse(cls.prompt_templates[language], cls.prompt_names)
    texts = tuple(f"TEXT{place}" for place, _ in enumerate(cls.prompt_names))
    example = Example("1", Where("file.jsonl", 1), texts, "neutral")
    labels = ["entailment", "neutral", "positive"]
    prompt = cls.prompt(cls.Options(), labels, example, template)
    assert prompt.context.endswith(colon)
    places = [prompt.context.index(text) for text in texts]
    assert places == sorted(places)
    assert prompt.answer == 1
    assert prompt.worked == prompt.context + prompt.choices[1]
    if language == "en":
        assert list(prompt.choices) == labels
