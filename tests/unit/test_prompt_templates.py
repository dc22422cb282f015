"""Templates of prompts: what they write, and what is refused of them."""

import pytest
from sslplugins.tasks.qa.counting import Answer
from sslplugins.tasks.qa.files import Question

from sslcli.contracts.examples import Example
from sslcli.data.documents import Where
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.data.records.written_answers import answer_in, is_over
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


@pytest.mark.parametrize(
    ("task", "data", "gold", "answer"),
    [
        ("qa", Question("Who?", "Ann wrote."), (Answer(0, "Ann\nB."), Answer(4, "w")), "Ann B."),
        ("qa", Question("Who?", "Ann wrote."), (), {"en": "unanswerable", "zh": "无法回答"}),
        ("rewrite", "a  text", "one\n target", "one target"),
        ("rewrite", "a  text", ("one", "other"), "one"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_task_with_written_answers_writes_texts_and_answer(
    task, data, gold, answer, language
):
    cls = load("tasks", task)
    template = PromptTemplate.parse(
        cls.prompt_templates[language], cls.prompt_names, answer=cls.prompt_answer
    )
    example = Example("1", Where("file.jsonl", 1), data, gold)
    texts = cls.prompt_texts(example)
    assert list(texts) == list(cls.prompt_names)
    context = template.context(texts)
    assert all(text in context for text in texts.values())
    expected = answer if isinstance(answer, str) else answer[language]
    assert cls.worked_answer(example, template) == expected
    read = cls.read_answer(example, expected, template)
    assert read.value == (expected if gold else "")


def test_a_template_ends_with_the_answer_by_its_own_name():
    template = PromptTemplate.parse("{q}? {answer}", ["q"], answer="answer")
    assert template.with_answer(template.context({"q": "Who"}), "Ann") == "Who? Ann"
    with pytest.raises(DataError, match=r"does not end an example with \{answer\}"):
        PromptTemplate.parse("{q}? {label}", ["q"], answer="answer")
    with pytest.raises(DataError, match="a word for 'none', which is no label"):
        PromptTemplate.parse("{q}? {answer}\n---\nnone = no", ["q"], "own.txt", "answer").words_of(
            ["no answer"]
        )


@pytest.mark.parametrize(
    ("language", "worked"),
    [
        ("en", "Q: Who\nA: Let's think step by step. The answer is Ann."),
        ("zh", "Q: Who\nA:让我们一步一步地思考。答案是Ann。"),
        ("fr", "Q: Who\nA: Let's think step by step. The answer is Ann."),
    ],
)
def test_steps_are_asked_for_and_the_answers_of_worked_examples_are_led_to(language, worked):
    plain = PromptTemplate.parse("Q: {q}\nA: {answer}", ["q"], answer="answer")
    template = plain.step_by_step(language)
    assert template.with_answer(template.context({"q": "Who"}), "Ann") == worked


STEPS = PromptTemplate.parse("Q: {q}\nA: {answer}", ["q"], answer="answer").step_by_step("en")


@pytest.mark.parametrize(
    ("written", "is_at_end", "answer"),
    [
        (" Well. So the answer is Ann. She is nice.\nAnd", True, "Ann"),
        ("hm,\nthe Answer is: the U.S. Army.\n", True, "the U.S. Army"),
        ("hm\n\nhm, the answer is 3", False, "3"),
        ("hm\n\nQ: y\nA: the answer is 3", True, None),
        ("所以答案是北京。再见", False, "北京"),
        ("答案为：3", False, "3"),
        ("The answer is", False, ""),
        ("nothing of the kind", False, None),
    ],
)
def test_the_answer_behind_steps_is_what_is_said_to_be_it(written, is_at_end, answer):
    assert is_over(STEPS, written) == is_at_end
    assert answer_in(STEPS, written) == answer


@pytest.mark.parametrize(
    ("written", "is_at_end", "answer"),
    [(" Ann", False, "Ann"), (" Ann \nB", True, "Ann"), ("\nAnn", True, ""), ("", False, "")],
)
def test_a_plain_answer_is_the_rest_of_the_line(written, is_at_end, answer):
    template = PromptTemplate.parse("Q: {q}\nA: {answer}", ["q"], answer="answer")
    assert is_over(template, written) == is_at_end
    assert answer_in(template, written) == answer
