"""Instructions of demo:world: answers that are right, parts and kinds that share nothing."""

import re

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.instructions import KNOWN, NEW, Asker
from sslplugins.readers.world.truth import true_fillers

from sslcli.registry import load

WORLD = World()
WORDS = {
    "twice": lambda words: words * 2,
    "three times": lambda words: words * 3,
    "reverse": lambda words: words[::-1],
    "first": lambda words: words[:1],
    "last": lambda words: words[-1:],
}


def records(split="train", **options):
    reader = DemoReader(DemoReader.Options(**options))
    return [each.values for each in reader.records("demo:world", "instructions", split)]


def texts(values):
    return tuple(turn["content"] for turn in values["messages"])


@pytest.mark.parametrize("language", ["en", "zh", "fake"])
@pytest.mark.parametrize("kinds", ["known", "new"])
def test_what_is_done_with_words_is_done_right(kinds, language):
    found = [each for each in records(kinds=kinds, language=language) if each["kind"] in WORDS]
    assert len(found) > 900
    for values in found:
        asked, answer = texts(values)
        words = asked.partition(": ")[2].split()
        assert answer.split() == WORDS[values["kind"]](words)
        assert 2 <= len(words) <= 4


def test_answers_are_the_one_truth():
    """A slow look-up of the fact behind every English question about who lives where."""
    people = {person.english: person for person in WORLD.lexicon.types["person"]}
    (kind,) = [kind for kind in WORLD.kinds if kind.name == "person"]
    (home,) = [phrase for phrase in kind.tells if phrase.name == "home"]
    checked = 0
    for values in [*records(language="en"), *records("test", language="en")]:
        asked, *_, answer = texts(values)
        if values["kind"] == "answer" and (who := re.fullmatch(r"(\w+) lives in what\?", asked)):
            if who[1] not in people:
                continue
            (city,) = true_fillers(WORLD, people[who[1]], home)
            assert answer == f"{city.english}."
            checked += 1
    assert checked > 20


def test_true_or_false_is_told_by_the_facts():
    found = [each for each in records(language="en") if each["kind"] == "true or false"]
    told = [texts(each)[1] for each in found]
    assert 0.3 < told.count("true.") / len(told) < 0.6
    sure = {texts(each)[0] for each in found if texts(each)[1] == "true."}
    assert not sure & {texts(each)[0] for each in found if texts(each)[1] == "false."}


def test_a_follow_up_question_is_about_another():
    found = [texts(each) for each in records(language="en") if each["kind"] == "follow-up"]
    assert all(len(turns) == 4 and turns[2].startswith("and ") for turns in found)
    direct = {texts(e)[0]: texts(e)[1] for e in records(language="en") if e["kind"] == "answer"}
    known = [(direct[t[0]], t[1]) for t in found if t[0] in direct]
    assert len(known) > 50
    assert all(one == other for one, other in known)


def test_a_translation_is_word_for_word():
    (into, back) = (
        {texts(e)[0].partition(": ")[2]: texts(e)[1] for e in records() if e["language"] == own
         and e["kind"] == "translate"}
        for own in ("en", "zh")
    )  # fmt: skip
    both = [text for text in into if into[text] in back]
    assert both
    assert all(back[into[text]] == text for text in both)


def test_test_asks_for_nothing_that_training_asks_for():
    train, test = records(), records("test")
    assert not {texts(each)[:-1] for each in train} & {texts(each)[:-1] for each in test}
    assert len({texts(each)[:-1] for each in [*train, *test]}) == len(train) + len(test) == 5_000
    facts = {part: {(f[0], f[2].name) for f in Asker(WORLD, "en", part, None).facts}
             for part in ("train", "test")}  # fmt: skip
    assert not facts["train"] & facts["test"]
    assert 0.1 < len(facts["test"]) / len(facts["train"]) < 0.4


def test_new_kinds_are_in_no_training_part():
    kinds = {each["kind"] for each in [*records(), *records("test")]}
    assert kinds == KNOWN.keys()
    assert {each["kind"] for each in records("test", kinds="new")} == NEW.keys()
    assert not KNOWN.keys() & NEW.keys()


def test_the_task_reads_them():
    task = load("tasks", "instruct")
    reader = DemoReader(DemoReader.Options(language="en"))
    parsed = [
        task.parse(task.Options(), e) for e in reader.records("demo:world", "instructions", "test")
    ]
    assert {example.data.kind for example in parsed} == KNOWN.keys()
    assert all(example.gold for example in parsed)
    assert len({task.key(example) for example in parsed}) == len(parsed)
