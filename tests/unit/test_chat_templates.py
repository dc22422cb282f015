"""Chat templates: what a stranger's one may cost and do, and what is said of it."""

import pytest

from sslcli.data.text import chat_template
from sslcli.data.text.chat_template import ChatTemplate, Rendering
from sslcli.errors import DataError, ModelError

ASKED = [{"role": "user", "content": "hello"}]


def rendered(source, **tokens):
    return ChatTemplate(source, "the template", tokens).text(ASKED)


@pytest.fixture
def little_patience(monkeypatch):
    monkeypatch.setattr(chat_template, "MOST_SECONDS", 0.5)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ 'a' * 10**10 }}", "needs more than 1,024 MiB of memory"),
        ("{{ 'a'.ljust(10**10) }}", "needs more than 1,024 MiB of memory"),
        ("{{ '%10000000000d' % 1 }}", "needs more than 1,024 MiB of memory"),
        ("{% for i in range(20000) %}{{ 'a' * 1000 }}{% endfor %}", "more than 10,000,000 char"),
        ("{{ range(10**9) | list }}", "fails on it: OverflowError: Range too big"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself without end"),
        ("{{ messages.__class__.mro() }}", "does what no template may"),
        ("{{ messages.append(1) }}", "does what no template may"),
        ("{% set n = namespace() %}{% set n.__x = 1 %}", "does what no template may"),
        ("{{ namespace(_x=1) }}", "does what no template may"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{% include 'other' %}", "fails on it"),
        ("{% if %}", "is no Jinja that can be read: line 1"),
        ("\n{{ messages", "is no Jinja that can be read: line 2"),
        ("{{ messages | nothing }}", "is no Jinja that can be read"),
        ("{{ messages[5].content }}", "fails on it: UndefinedError"),
        ("{{ messages[0].content + 1 }}", "fails on it: TypeError"),
        ("{{ raise_exception('no\nuser') }}", "refuses it: no user"),
    ],
)
def test_one_sentence_for_each_fault(source, fault):
    with pytest.raises((DataError, ModelError)) as raised:
        rendered(source)
    assert fault in raised.value.message
    assert raised.value.message.count("\n") == 0
    assert raised.value.hint


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ (10 ** (10 ** 8)) % 7 }}",  # one operation that does not come back
    ],
)
def test_what_has_no_end_is_ended(little_patience, source):
    with pytest.raises(ModelError, match=r"the template does not end within 0\.5 seconds"):
        rendered(source)


def test_one_conversation_that_is_refused_leaves_the_others():
    source = "{% if messages | length > 1 %}{{ raise_exception('one') }}{% endif %}{{ a_token }}"
    template = ChatTemplate(source, "the template", {"a_token": "<a>"})
    found = template.render([(ASKED, False), (ASKED * 2, False), (ASKED, True)])
    assert found == [Rendering("<a>"), Rendering(problem="refuses it: one"), Rendering("<a>")]


def test_many_conversations_are_answered_in_order(monkeypatch):
    monkeypatch.setattr(chat_template, "_PORTION", 3)
    asked = [([{"role": "user", "content": f"{n} \u2028\n"}], n % 2 == 1) for n in range(8)]
    source = "{{ messages[0].content }}{{ add_generation_prompt }}"
    found = ChatTemplate(source, "the template").render(asked)
    assert [each.text for each in found] == [f"{n} \u2028\n{n % 2 == 1}" for n in range(8)]


def test_every_day_is_the_same_day_aloud():
    template = ChatTemplate("{{ strftime_now('%d %b %Y') }}", "the template")
    assert template.text(ASKED) == "26 Jul 2024"
    assert "is told 26 July 2024 on every day" in template.notes[0]
    assert not ChatTemplate("{{ messages }}", "the template").notes


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}", "21"),
        ("{% for i in range(9) %}{% if i > 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        ("{{ dict(a='<é>') | tojson }}{{ dict.fromkeys('a', 1) }}", '{"a": "<é>"}{\'a\': 1}'),
        ("{{ namespace(self=1).self }}{{ tools }}{{ documents }}{{ nothing }}", "1NoneNone"),
    ],
)
def test_what_templates_use(source, text):
    assert rendered(source) == text
