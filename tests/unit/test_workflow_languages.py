"""Zero-shot across languages: what is trained on, what chooses the checkpoint, what is scored, and
what is said of it.
"""

import json
from itertools import combinations

import pytest
from small_runs import ignore, reviews, settings, write

from sslcli.datasets.labelled import chosen_by, labelled_data, other_languages
from sslcli.datasets.tasks import task_class, task_options
from sslcli.errors import DataError, UsageError
from sslcli.metrics.mlqa import mlqa_f1
from sslcli.reports import Report, Score
from sslcli.runs.catalogue import read_metrics
from sslcli.settings import LabelledSettings
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.finetune.languages import (
    across,
    in_language_data,
    transferred,
    with_in_language,
)
from sslcli.workflows.finetune.study import Ended, summary
from sslcli.workflows.finetune.variants import Variant, variant_settings, variants
from sslcli.workflows.training.run import RunResult

WORLD = "demo:world"


def data(train, evaluation=(), test=(), **others):
    return LabelledSettings(
        train=train,
        evaluation=evaluation,
        test=test,
        reader_options={"sentences": 100},
        limit=60,
        **others,
    )


def read(settings, task="questions"):
    cls = task_class({"questions": "qa", "texts": "sentiment"}[task])
    return labelled_data(
        cls, task_options({"questions": "qa", "texts": "sentiment"}[task], {}), settings
    )


def is_chinese(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_other_languages_are_those_that_nothing_is_trained_in():
    found = data(
        ("en=a.json",),
        ("en=b.json", "zh=c.json", "de=d.json"),
        ("zh=e.json", "zh=f.json", "g.json"),
    )
    assert other_languages(found) == {"zh": ["zh=e.json", "zh=f.json"], "de": ["de=d.json"]}
    assert other_languages(data(("a.json",), ("zh=c.json",))) == {"zh": ["zh=c.json"]}
    assert other_languages(data(("a.json", "zh=b.json"), ("zh=c.json", "d.json"))) == {}


def test_each_language_is_read_by_itself_and_none_but_the_first_chooses():
    found = read(data((f"en={WORLD}",), (f"zh={WORLD}", f"fake={WORLD}")))
    assert not any(
        is_chinese(example.data.passage) for example in (*found.train, *found.evaluation)
    )
    assert found.test is found.evaluation
    assert list(found.others) == ["zh", "fake"]
    assert all(is_chinese(example.data.passage) for example in found.others["zh"])
    assert {example.id.split("-")[0] for example in found.others["fake"]} == {"fake"}
    alone = read(data((f"en={WORLD}",)))
    assert (alone.train, alone.evaluation) == (found.train, found.evaluation)


def test_files_say_their_language_too(tmp_path):
    train = write(tmp_path / "en.jsonl", reviews(30))
    test = write(tmp_path / "zh.jsonl", reviews(4, start=100))
    found = read(data((f"en={train}",), (f"zh={test}",)), "texts")
    plain = read(data((train,)), "texts")
    assert [example.id for example in found.train] == [example.id for example in plain.train]
    assert [example.id for example in found.evaluation] == [
        example.id for example in plain.evaluation
    ]
    assert [example.id for example in found.others["zh"]] == ["100", "101", "102", "103"]
    both = read(data((f"en={train}",), (f"en={test}",)), "texts")
    assert ([example.id for example in both.evaluation], both.others) == (
        ["100", "101", "102", "103"],
        {},
    )
    overlapping = read(data((f"en={train}",), (f"zh={train}",)), "texts")
    assert any("zh examples stand in the training data too" in note for note in overlapping.notes)


def test_a_source_in_all_its_languages_leaves_none_to_be_scored():
    with pytest.raises(UsageError, match="all of its languages") as caught:
        other_languages(data((WORLD,), (f"zh={WORLD}",)))
    assert f"--data en={WORLD}" in caught.value.hint
    with pytest.raises(DataError, match="no language 'fr'"):
        read(data((f"en={WORLD}",), (f"fr={WORLD}",)))


def test_bounds_are_trained_in_the_language_they_are_scored_in(tmp_path):
    generated = data((f"en={WORLD}",), (f"zh={WORLD}",))
    (bound,) = in_language_data(generated, ()).values()
    assert (bound.train, bound.evaluation, bound.test) == ((f"zh={WORLD}",), (), (f"zh={WORLD}",))
    assert read(bound).train != read(bound).test
    assert all(is_chinese(example.data.passage) for example in read(bound).train)
    files = data(("en=a.json",), ("en=b.json", "zh=c.json", "de=d.json"))
    assert in_language_data(files, ()) == {}
    assert [
        (language, each.train)
        for language, each in in_language_data(files, ["zh=t.json", "zh=u.json"]).items()
    ] == [("zh", ("zh=t.json", "zh=u.json"))]
    assert in_language_data(generated, ["none"]) == {}
    for wrong in ("t.json", "fr=t.json", "en=t.json"):
        with pytest.raises(UsageError, match="--in-language names"):
            in_language_data(files, [wrong])


def test_no_bound_chooses_its_checkpoint_on_what_it_is_scored_with():
    crossed = data((f"en={WORLD}",), (f"zh={WORLD}",))
    (bound,) = in_language_data(crossed, ()).values()
    cls, found = task_class("qa"), read(bound)
    keys = [
        {cls.key(example) for example in examples}
        for examples in (found.train, found.evaluation, found.test)
    ]
    assert all(keys)
    assert not any(one & other for one, other in combinations(keys, 2))
    assert [example.id for example in found.test] == [
        example.id for example in read(crossed).others["zh"]
    ]


def test_the_note_on_the_choice_goes_by_the_examples_and_not_by_where_they_are_kept(tmp_path):
    path = write(tmp_path / "a.jsonl", reviews(12))
    cls = task_class("sentiment")
    one, same = (list(cls.read(task_options("sentiment", {}), path)) for _ in range(2))
    assert chosen_by(cls, one, same).startswith("scored on the examples that chose the checkpoint")
    assert chosen_by(cls, one[:3], same).startswith("3 of the 12 examples that are scored")
    assert chosen_by(cls, one[:3], same[3:]) == ""


def test_the_run_is_the_same_with_and_without_other_languages(model, tmp_path):
    alone = finetune(
        settings(model, tmp_path / "alone", data={"train": (f"en={WORLD}",)}), observe=ignore
    )
    crossed = {"train": (f"en={WORLD}",), "evaluation": (f"zh={WORLD}",)}
    result = finetune(settings(model, tmp_path / "crossed", data=crossed), observe=ignore)
    judged = [
        [line for line in read_metrics(each.folder) if line["split"] == "eval"]
        for each in (alone, result)
    ]
    assert judged[0] == judged[1]
    assert len(judged[0]) > 1
    names = [score.name for score in result.report.scores]
    assert names[:2] == ["accuracy in en", "accuracy in zh"]
    assert result.report.scores[0].value == alone.report.scores[0].value
    assert any("held-out examples of en alone" in note for note in result.report.notes)
    score = result.report.scores[1]
    lines = [
        json.loads(line)
        for line in (result.folder / "languages" / "zh" / "predictions.jsonl")
        .read_text()
        .splitlines()
    ]
    assert score.value == pytest.approx(
        sum(line["prediction"] == line["gold"] for line in lines) / len(lines)
    )
    assert score.count == len(lines) > 10
    assert score.interval[0] <= score.value <= score.interval[1]
    assert {"majority", "chance"} <= score.baselines.keys()


def test_chinese_answers_are_compared_by_the_rule_for_chinese(model, tmp_path):
    """MLQA's F1 of Chinese counts letters, and half of them right is half a point; to SQuAD's rule
    a Chinese answer is one word.
    """
    crossed = {"train": (f"en={WORLD}",), "evaluation": (f"zh={WORLD}",)}
    result = finetune(settings(model, tmp_path / "qa", "qa", data=crossed), observe=ignore)
    score = result.report.scores[1]
    lines = [
        json.loads(line)
        for line in (result.folder / "languages" / "zh" / "predictions.jsonl")
        .read_text()
        .splitlines()
    ]
    f1s = [mlqa_f1(line["prediction"], [text for _, text in line["gold"]], "zh") for line in lines]
    assert score.name == "f1 in zh"
    assert score.value == pytest.approx(100 * sum(f1s) / len(f1s))


def test_check_counts_every_language(model):
    report = check_data(
        settings(model, data={"train": (f"en={WORLD}",), "evaluation": (f"zh={WORLD}",)})
    )
    assert report.tables[0].columns == ("", "train", "held out", "zh")


def run_of(folder, start, values, language="", seed=0, better=True):
    scores = [
        Score(
            name,
            value,
            higher_is_better=better,
            count=10,
            interval=(value - 0.1, value + 0.1),
            baselines={"chance": 0.2 if better else 0.8},
        )
        for name, value in values.items()
    ]
    return Ended(
        Variant(start, seed, folder, language), RunResult(folder, None, Report(scores=scores))
    )


def test_a_language_stands_between_its_bounds_in_one_table(tmp_path):
    runs = [
        run_of(tmp_path, "pretrained", {"f1 in en": 0.9, "f1 in zh": 0.6}),
        run_of(tmp_path, "random", {"f1 in en": 0.5, "f1 in zh": 0.3}),
        run_of(tmp_path, "pretrained", {"f1": 0.8}, "zh"),
    ]
    report = summary(runs, "qa", tmp_path, plot=False, languages=["zh"])
    assert [(score.name, score.value, dict(score.baselines)) for score in report.scores] == [
        ("f1 in en", 0.9, {"chance": 0.2, "random": 0.5}),
        ("f1 in zh", 0.6, {"chance": 0.2, "random": 0.3, "in-language": 0.8}),
    ]
    assert (
        report.notes[-1]
        == "zh is at 60% of the way from random (0.3) to training in it (0.8): zero-shot f1 is 0.6"
    )
    more = [
        *runs,
        *(Ended(Variant(r.variant.start, 1, tmp_path, r.variant.language), r.result) for r in runs),
    ]
    assert ["trained in zh", "f1", 0.8, 0.8, 0.8, 2] in summary(
        more, "qa", tmp_path, plot=False, languages=["zh"]
    ).tables[0].rows


@pytest.mark.parametrize(
    ("baselines", "said"),
    [
        (
            {"majority": 0.55, "random": 0.3, "in-language": 0.8},
            "zh: not emerged; zero-shot f1 is 0.6, and majority reaches 0.55",
        ),
        (
            {"majority": 0.4},
            (
                "zh: zero-shot f1 is 0.6, 0.2 above majority; --in-language "
                "zh=FILE would say how far training in it comes"
            ),
        ),
        (
            {"random": 0.3, "in-language": 0.25},
            "zh: zero-shot f1 is 0.6; training in zh itself is no better than random",
        ),
    ],
)
def test_what_was_transferred_is_said_as_it_is(baselines, said):
    assert (
        transferred(
            [Score("f1 in en", 0.9), Score("f1 in zh", 0.6, baselines=baselines)],
            "zh",
            {"f1 in zh": 0.5},
        )
        == said
    )


def error_of(value, **baselines):
    return Score("error in zh", value, higher_is_better=False, baselines=baselines)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (
            error_of(0.6, majority=0.5),
            "zh: not emerged; zero-shot error is 0.6, and majority reaches 0.5",
        ),
        (
            error_of(0.3, majority=0.5, chance=0.9),
            "zh: zero-shot error is 0.3, 0.2 below majority; --in-language zh=FILE would say",
        ),
        (
            error_of(0.3, random=0.7, **{"in-language": 0.2}),
            "zh is at 80% of the way from random (0.7) to training in it (0.2): zero-shot",
        ),
        (
            error_of(0.3, random=0.7, **{"in-language": 0.8}),
            "zh: zero-shot error is 0.3; training in zh itself is no better than random",
        ),
        (error_of(0.3), "zh: zero-shot error is 0.3, and there is nothing to hold it against"),
    ],
)
def test_of_an_error_less_is_more(score, said):
    assert transferred([score], "zh", {score.name: score.value}).startswith(said)


def test_what_an_error_surely_reached_is_the_upper_end_of_its_interval(tmp_path):
    runs = [
        run_of(tmp_path, start, {"error in zh": value}, better=False)
        for start, value in (("pretrained", 0.6), ("random", 0.65))
    ]
    notes = summary(runs, "qa", tmp_path, plot=False, languages=["zh"]).notes
    assert notes[-1] == "zh: not emerged; zero-shot error is 0.6, and random reaches 0.65"


def test_scores_of_languages_come_first_and_keep_their_names():
    own = Report(scores=[Score("f1", 1.0), Score("exact", 0.5)])
    found = across(own, ["a.json"], {"zh": Report(scores=[Score("f1", 0.2), Score("exact", 0.1)])})
    assert [score.name for score in found.scores] == ["f1", "f1 in zh", "exact"]
    assert (
        with_in_language(found.scores[0], {"zh": [Report(scores=[Score("f1", 0.4)])]})
        == found.scores[0]
    )


def test_the_bound_of_a_language_has_a_folder_and_data_of_its_own(tmp_path, model):
    found = list(variants(tmp_path / "x", ["pretrained", "random"], [42, 43], ["zh"]))
    assert [variant.folder.name for variant in found] == [
        "x",
        "x-random",
        "x-zh",
        "x-seed43",
        "x-random-seed43",
        "x-zh-seed43",
    ]
    bound = LabelledSettings(train=("zh=a.json",))
    assert variant_settings(found[2], settings(model), found, {"zh": bound}).data == bound
    assert (
        variant_settings(found[1], settings(model), found, {"zh": bound}).data
        == settings(model).data
    )
