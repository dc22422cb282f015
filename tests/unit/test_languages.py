"""Several languages in one run: drawn by their exponent, judged each by itself, and nothing else
where there is one.
"""

import json
import math
import re
from collections import Counter
from dataclasses import replace
from itertools import islice, takewhile

import numpy as np
import pytest
import torch
from generated_texts import generated_paragraphs
from safetensors.torch import load_file
from stops import StopAtPoll

from sslcli.api import Rng
from sslcli.data.batches import collate
from sslcli.data.mixing import draws_of
from sslcli.data.sampler import Sampler
from sslcli.datasets.arrange import SampleSource
from sslcli.engine.loader import EVALUATION
from sslcli.engine.precision import choose_hardware
from sslcli.errors import ConfigError
from sslcli.models.loading import load_pretrained
from sslcli.runs.catalogue import read_run
from sslcli.runs.facts import scores_of
from sslcli.runs.run_tables import compare, show
from sslcli.settings import PretrainSettings
from sslcli.workflows.export.model_card import model_card
from sslcli.workflows.pretrain import baselines
from sslcli.workflows.pretrain.baselines import baselines_of
from sslcli.workflows.pretrain.header import warnings
from sslcli.workflows.pretrain.prepare import prepare
from sslcli.workflows.pretrain.pretrain import dry_run_pretrain, pretrain
from sslcli.workflows.training.plan import plan_for
from sslcli.workflows.training.resume import Resume, continued_settings

OBJECTIVES = ["mlm", "clm", "mlm+nsp"]  # one for each way to arrange text
TRAINING = {
    "max_steps": 6,
    "batch_size": 12,
    "micro_batch_size": 5,
    "log_every": 4,
    "eval_every": 3,
    "save_every": 3,
    "eval_samples": 60,
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory, module_cache):
    """Ten English paragraphs for one that is called Chinese: the words reversed, and sentences end
    as there.
    """
    folder = tmp_path_factory.mktemp("corpora")
    large = generated_paragraphs(300)
    small = [
        re.sub(r"\w+", lambda word: word[0][::-1], text).replace(".", "。")
        for text in generated_paragraphs(30, seed=1)
    ]
    for name, paragraphs in (("en", large), ("zh", small)):
        (folder / f"{name}.txt").write_text("\n\n".join(paragraphs) + "\n")
    return {name: str(folder / f"{name}.txt") for name in ("en", "zh")}


def settings_for(corpora, folder=None, objective="mlm", **data):
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            "data": {
                "train": [f"{name}={path}" for name, path in corpora.items()],
                "sequence_tokens": 24,
                "held_out": 0.2,
                **data,
            },
            "tokenizer": {"vocabulary": 200},
            "model": {
                "preset": "tiny",
                "shape": {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.0},
            },
            "training": TRAINING,
            "run": {"folder": None if folder is None else str(folder), "plot": False},
        }
    )


def ignore(event):
    pass


def evaluations(folder):
    return [
        line
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if line["split"] == "eval"
    ]


def selections(sampler):
    return [
        (each.numbers.tolist(), each.keys.tolist(), each.position)
        for each in islice(sampler.batches(0), 200)
    ]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_samples_of_a_language_are_those_that_say_so(objective, corpora):
    prepared = prepare(settings_for(corpora, objective=objective))
    rng = Rng(0, 0)
    for source in (prepared.train, prepared.evaluation):
        said = [
            source.corpus.languages[source.sample(n, rng.sample(n)).language]
            for n in range(len(source))
        ]
        for language, numbers in source.languages.items():
            assert numbers.tolist() == [
                number for number, each in enumerate(said) if each == language
            ]
        assert sum(map(len, source.languages.values())) == len(source)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_epoch_has_the_shares_that_the_exponent_gives(objective, corpora):
    prepared = prepare(settings_for(corpora, objective=objective, language_exponent=0.5))
    sizes = [len(numbers) for numbers in prepared.train.languages.values()]
    assert 6 < sizes[0] / sizes[1] < 16
    sampler = prepared.loader(None).sampler
    seen = np.concatenate(
        [each.numbers for each in takewhile(lambda each: each.epoch == 0, sampler.batches(0))]
    )
    counts = [int(np.isin(seen, numbers).sum()) for numbers in prepared.train.languages.values()]
    assert counts == draws_of(sizes, 0.5).tolist()
    assert counts[0] / counts[1] == pytest.approx((sizes[0] / sizes[1]) ** 0.5, rel=0.02)


def test_with_an_exponent_of_one_and_with_one_language_nothing_is_new(corpora):
    for settings in (
        settings_for(corpora, language_exponent=1.0),
        settings_for({"en": corpora["en"]}),
    ):
        prepared, training = prepare(settings), settings.training
        plain = Sampler(
            prepared.train.lengths, training.batch_size, training.batch_unit, training.seed
        )
        assert selections(prepared.loader(None).sampler) == selections(plain)
    assert selections(prepare(settings_for(corpora)).loader(None).sampler) != selections(plain)


def test_the_header_says_how_languages_are_mixed(corpora):
    sizes = {
        language: len(numbers)
        for language, numbers in prepare(settings_for(corpora)).train.languages.items()
    }
    english, chinese = draws_of(list(sizes.values()), 0.7).tolist()
    total = english + chinese
    said, _ = dry_run_pretrain(settings_for(corpora))
    assert said["languages"].startswith(
        f"en {100 * english / total:.3g} % · zh "
        f"{100 * chinese / total:.3g} % (exponent 0.7; of the data"
    )
    said, _ = dry_run_pretrain(settings_for(corpora, language_exponent=1.0))
    assert said["languages"] == (
        f"en {100 * sizes['en'] / total:.3g} % · zh {100 * sizes['zh'] / total:.3g} %, as they lie"
    )
    assert "languages" not in dry_run_pretrain(settings_for({"en": corpora["en"]}))[0]


def test_a_language_without_a_held_out_sample_is_named(corpora, tmp_path):
    few = tmp_path / "few.txt"
    few.write_text("olleh dlrow。\n")
    alone = prepare(settings_for({"en": corpora["en"], "zh": str(few)}))
    assert (list(alone.train.languages), list(alone.evaluation.languages)) == (["en", "zh"], ["en"])
    (said,) = [warning for warning in warnings_of(alone) if "not evaluated" in warning]
    assert said.startswith("zh has no held-out samples")
    assert "metrics are of en; give --eval-data for each language" in said
    untold = settings_for(corpora, evaluation=[corpora["en"]])
    for judged in (settings_for(corpora), untold):
        assert not [
            warning for warning in warnings_of(prepare(judged)) if "not evaluated" in warning
        ]


def warnings_of(prepared):
    return warnings(
        prepared,
        plan_for(prepared.settings.training, prepared.train.lengths),
        choose_hardware(prepared.settings.hardware),
    )


def slow_figures(prepared, language):
    """(loss sums, counts) of one language's held-out samples, each read alone by the untrained
    learner.
    """
    source, rng, sums, counts = (
        prepared.evaluation,
        Rng(prepared.settings.training.seed, EVALUATION),
        {},
        {},
    )
    for number in range(len(source)):
        sample = source.sample(number, rng.sample(number))
        if source.corpus.languages[sample.language] != language:
            continue
        batch = prepared.learner.learnable.collate(collate([number], [sample]), rng)
        with torch.no_grad():
            loss = prepared.learner.eval()(batch)
        for term, value in loss.sums.items():
            sums[term] = sums.get(term, 0.0) + float(value)
            counts[term] = counts.get(term, 0) + batch.counts[term]
    return sums, counts


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_language_is_judged_as_if_alone_and_together_they_are_the_whole(
    objective, corpora, tmp_path
):
    settings = settings_for(corpora, tmp_path, objective=objective)
    pretrain(settings, observe=ignore)
    first = evaluations(tmp_path)[0]
    assert set(first["languages"]) == {"en", "zh"}
    prepared = prepare(settings)
    for language, figures in first["languages"].items():
        sums, counts = slow_figures(prepared, language)
        assert {term: figures["counts"][term] for term in counts} == counts
        assert figures["terms"] == pytest.approx(
            {term: value / counts[term] for term, value in sums.items()}, rel=1e-5
        )
        assert figures["loss"] == pytest.approx(sum(figures["terms"].values()))
        assert figures["metrics"].keys() == first["metrics"].keys()
    for line in evaluations(tmp_path):
        parts = line["languages"].values()
        for term, value in line["terms"].items():
            weighted = (
                sum(part["terms"][term] * part["counts"][term] for part in parts)
                / line["counts"][term]
            )
            assert value == pytest.approx(weighted, rel=1e-9)


def test_one_language_has_no_figures_of_its_own(corpora, tmp_path):
    pretrain(settings_for({"en": corpora["en"]}, tmp_path), observe=ignore)
    assert all("languages" not in line for line in evaluations(tmp_path))
    assert [table.title for table in show(read_run(tmp_path)).tables] == ["facts", "held-out data"]


def test_the_report_gives_each_language_beside_its_own_floors(corpora, tmp_path):
    settings = settings_for(corpora, tmp_path, objective="mlm")
    report = pretrain(settings, observe=ignore).report
    scores, last, floors = (
        {score.name: score for score in report.scores},
        evaluations(tmp_path)[-1],
        baselines_of(prepare(settings)),
    )
    for language in ("en", "zh"):
        loss, accuracy = scores[f"held-out loss {language}"], scores[f"accuracy {language}"]
        assert loss.value == last["languages"][language]["terms"]["mlm"]
        assert loss.count == last["languages"][language]["counts"]["mlm"]
        assert loss.baselines == floors.languages[language].losses
        assert accuracy.baselines == floors.languages[language].accuracies
        assert loss.baselines["unigram"] != floors.whole.losses["unigram"]
    (table,) = [
        table
        for table in show(read_run(tmp_path)).tables
        if table.title == "held-out loss by language"
    ]
    assert table.rows[-1] == [6, last["languages"]["en"]["loss"], last["languages"]["zh"]["loss"]]


def test_page_card_and_comparison_say_of_each_language_what_the_end_of_the_run_says(
    corpora, tmp_path
):
    at_the_end = {
        score.name: score
        for score in pretrain(settings_for(corpora, tmp_path), observe=ignore).report.scores
    }
    run, last = read_run(tmp_path), evaluations(tmp_path)[-1]
    on_the_page = {score.name: score for score in scores_of(run, [last])[0]}
    card, (figures, *_) = (
        model_card(load_pretrained(str(tmp_path)), "model", []),
        compare([run, run]).tables,
    )
    for language in ("en", "zh"):
        for name in (f"held-out loss {language}", f"accuracy {language}"):
            assert on_the_page[name] == at_the_end[name]
        loss = last["languages"][language]["loss"]
        assert [f"held-out loss {language}", loss, loss] in figures.rows
        assert f"| loss {language} (nats) | {loss:.4g} |" in card
        assert (
            f"| accuracy {language} | {last['languages'][language]['metrics']['accuracy']:.4g} |"
            in card
        )


def test_the_floors_of_a_language_know_that_language_alone(corpora):
    """The unigram floor, counted slowly: how often each token stands in the language's training
    samples, one added.
    """
    prepared = prepare(settings_for(corpora))
    floors, specials, rng = (
        baselines_of(prepared),
        prepared.tokenizer.specials,
        Rng(prepared.settings.training.seed, EVALUATION),
    )
    for language in ("en", "zh"):
        times = Counter(
            token
            for n in prepared.train.languages[language].tolist()
            for token in tokens_of(prepared.train, n, rng)
        )
        weights = {
            token: times[token] + 1
            for token in range(prepared.tokenizer.size)
            if not specials[token]
        }
        targets = []
        for number in prepared.evaluation.languages[language].tolist():
            sample = prepared.evaluation.sample(number, rng.sample(number))
            targets += prepared.collator.collate(
                collate([number], [sample]), rng
            ).targets_N.tolist()
        losses = [math.log(sum(weights.values()) / weights[target]) for target in targets]
        assert floors.languages[language].losses["unigram"] == pytest.approx(
            sum(losses) / len(losses)
        )


@pytest.mark.parametrize(("most", "times"), [(10**6, {1}), (2_000, {0, 1, 2})])
def test_floors_read_a_sample_once_where_all_are_counted(most, times, corpora, monkeypatch):
    """And what is added up over the languages is what a reading of all of the data gives."""
    prepared, asked, sample = prepare(settings_for(corpora)), Counter(), SampleSource.sample

    def counting(source, number, rng):
        asked[number] += source is prepared.train
        return sample(source, number, rng)

    monkeypatch.setattr(baselines, "MOST_TOKENS_COUNTED", most)
    monkeypatch.setattr(SampleSource, "sample", counting)
    floors = baselines_of(prepared)
    assert {asked[number] for number in range(len(prepared.train))} == times
    nameless = replace(prepared, train=replace(prepared.train, languages={}))
    assert floors.whole == baselines_of(nameless).whole
    assert floors.whole.losses.keys() >= {"unigram", "bigram"}


def tokens_of(source, number, rng):
    return source.sample(number, rng.sample(number)).tokens.tolist()


def test_a_run_that_knows_of_no_exponent_goes_on_with_its_languages_as_they_lie(corpora, tmp_path):
    settings = settings_for(corpora, tmp_path, language_exponent=1.0)
    assert pretrain(settings, observe=ignore, stopper=StopAtPoll(4)).outcome.reason == "preempted"
    config = tmp_path / "config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    older = [line for line in lines if "language_exponent" not in line]
    assert len(older) == len(lines) - 1
    config.write_text("".join(older))
    asked = settings_for(corpora, tmp_path)
    assert continued_settings(Resume(tmp_path), asked).data.language_exponent == 1.0
    with pytest.raises(ConfigError, match=r"language_exponent was 1\.0 and would become 0.7"):
        continued_settings(Resume(tmp_path), settings_for(corpora, tmp_path, language_exponent=0.7))


@pytest.mark.parametrize("polls", [4, 11, 20])
def test_a_mixture_goes_on_to_the_bit(polls, corpora, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    pretrain(settings_for(corpora, whole, language_exponent=0.3), observe=ignore)
    settings = settings_for(corpora, cut, language_exponent=0.3)
    assert (
        pretrain(settings, observe=ignore, stopper=StopAtPoll(polls)).outcome.reason == "preempted"
    )
    assert (
        pretrain(
            continued_settings(Resume(cut), settings), resume=Resume(cut), observe=ignore
        ).outcome.reason
        == "done"
    )
    assert evaluations(whole) == evaluations(cut)
    for file in ("backbone.safetensors", "learnable.safetensors"):
        one, other = (
            load_file(folder / "checkpoints" / "step-000006" / file) for folder in (whole, cut)
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
