"""One answer for a sequence: what is fed in, what is lost, what is answered, against slow and
obvious references.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from scipy import stats
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight
from sslplugins.tasks.classify import Classify
from sslplugins.tasks.pairs import Pairs
from task_bench import TaskBench, mean_loss, record, without_gold
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import PreTrainedTokenizerFast

from sslcli.api import DataError, Example, Inputs, Packing, Prediction, UsageError, Where
from sslcli.config import write_yaml
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.label_sets import balance_of
from sslcli.errors import ConfigError
from sslcli.layers import Layer
from sslcli.resolving import resolve
from sslcli.testing import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
WORDS = [
    "the",
    "cat",
    "dog",
    "bird",
    "fish",
    "mouse",
    "sees",
    "likes",
    "follows",
    "in",
    "house",
    "garden",
    "river",
    "horse",
]
RANDOM = np.random.default_rng(0)


def sentence(words):
    return " ".join(RANDOM.choice(WORDS, size=words))


def examples_of(golds, cls=Classify):
    options = cls.Options()
    texts = [sentence(2 + place % 9) for place in range(len(golds))]
    return [
        cls.parse(options, record(text=text, label=gold))
        for text, gold in zip(texts, golds, strict=True)
    ]


def gold_sets(count):
    return [[name for name in "abc" if RANDOM.random() < 0.5] for _ in range(count)]


KINDS = {
    "classes": [["no", "yes", "maybe"][place % 3] for place in range(12)],
    "labels": gold_sets(12),
    "number": [round(float(value), 3) for value in RANDOM.normal(3, 1, 12)],
}


def logits_alone(bench, sample):
    """One sequence through the backbone and BERT's pooler, as transformers'
    BertForSequenceClassification has it.
    """
    tokens, head = torch.from_numpy(sample.tokens), bench.task.classifier
    inputs = Inputs(
        Packing.of([len(tokens)]),
        torch.arange(len(tokens)),
        tokens_T=tokens,
        segments_T=torch.from_numpy(sample.segments),
    )
    pooled = (bench.backbone(inputs).last_TD[0] @ head.pooler.weight.T + head.pooler.bias).tanh()
    return pooled @ head.classifier.weight.T + head.classifier.bias


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_answers_are_those_of_every_sequence_alone(kind):
    golds = KINDS[kind]
    examples = examples_of(golds)
    bench = TaskBench.of(Classify, examples, TOKENIZER)
    assert bench.task.kind.name == kind
    encoded = bench.encoded([*without_gold(examples[:2]), *examples])
    logits = torch.stack([logits_alone(bench, one.samples[0]) for one in encoded[2:]])
    names = list(bench.task.names)
    if kind == "classes":
        expected, answers = (
            cross_entropy(logits, torch.tensor([names.index(gold) for gold in golds])),
            logits.softmax(1),
        )
    elif kind == "labels":
        targets = torch.tensor([[float(name in gold) for name in names] for gold in golds])
        expected, answers = binary_cross_entropy_with_logits(logits, targets), logits.sigmoid()
    else:
        expected, answers = (logits[:, 0] - torch.tensor(golds)).square().mean(), logits
    batch = bench.collate(encoded)
    loss, parts = bench.task.examine(bench.backbone, batch)
    assert mean_loss(loss, batch).item() == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(
        np.stack([part.values for part in parts[2:]]), answers, rtol=1e-4, atol=1e-6
    )
    assert mean_loss(bench.task(bench.backbone, batch), batch).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_the_metric_counts_what_is_right_and_only_what_has_an_answer():
    examples = examples_of(KINDS["classes"])
    bench = TaskBench.of(Classify, examples, TOKENIZER)
    given = [prediction.value for prediction in bench.predict(examples)]
    right = sum(value == gold for value, gold in zip(given, KINDS["classes"], strict=True))
    ratio = bench.task(
        bench.backbone, bench.collate(bench.encoded([*without_gold(examples), *examples]))
    ).metrics["accuracy"]
    assert (float(ratio.sum), float(ratio.count)) == (right, len(examples))


@pytest.mark.parametrize("limit", [8, 9, 16, 17])
def test_texts_are_cut_as_transformers_cuts_them(limit, tmp_path):
    TOKENIZER.save(tmp_path)
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    sizes = [(first, second) for first in (1, 3, 6, 7, 14) for second in (1, 2, 6, 7, 8, 20)]
    texts = [(sentence(first), sentence(second)) for first, second in sizes]
    pairs = [
        Pairs.parse(Pairs.Options(), record(premise=a, hypothesis=b, label=str(len(a) % 2)))
        for a, b in texts
    ]
    singles = [
        Classify.parse(Classify.Options(), record(text=b, label=str(len(b) % 2))) for _, b in texts
    ]
    for cls, examples in ((Pairs, pairs), (Classify, singles)):
        bench = TaskBench.of(cls, examples, TOKENIZER, sequence_tokens=limit, labels=["0", "1"])
        for example, one in zip(examples, bench.encoded(examples), strict=True):
            (sample,), whole = one.samples, theirs(*example.data)
            expected = theirs(*example.data, truncation="longest_first", max_length=limit)
            assert sample.tokens.tolist() == expected["input_ids"]
            assert sample.segments.tolist() == expected["token_type_ids"]
            assert one.whole_tokens == len(whole["input_ids"])


@torch.no_grad()
@pytest.mark.parametrize("asked", ["balanced", "no=1,yes=5", {"maybe": 3}])
def test_class_weights_are_those_of_torch(asked):
    golds = ["no"] * 7 + ["yes"] * 2 + ["maybe"] * 3
    examples = examples_of(golds)
    bench = TaskBench.of(Classify, examples, TOKENIZER, class_weights=asked)
    names, weights = list(bench.task.names), bench.task.options.class_weights
    asked_for = {"balanced": None, "no=1,yes=5": {"no": 1, "yes": 5, "maybe": 1}}.get(
        str(asked), {"no": 1, "yes": 1, "maybe": 3}
    )
    raw = (
        [asked_for[name] for name in names]
        if asked_for
        else compute_class_weight("balanced", classes=np.array(names), y=golds)
    )
    logits = torch.stack([logits_alone(bench, one.samples[0]) for one in bench.encoded(examples)])
    expected = cross_entropy(
        logits,
        torch.tensor([names.index(gold) for gold in golds]),
        torch.tensor(raw, dtype=torch.float32),
    )
    batch = bench.collate(bench.encoded(examples))
    assert mean_loss(bench.task(bench.backbone, batch), batch).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    assert np.mean([weights[gold] for gold in golds]) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_settled_stays_and_survives_a_run_file(kind):
    examples = examples_of(KINDS[kind])
    settled = Classify.resolve_options(
        Classify.Options(class_weights="balanced" if kind == "classes" else "none"),
        examples,
        TOKENIZER,
    )
    assert settled.kind == kind
    assert Classify.resolve_options(settled, examples, TOKENIZER) == settled
    assert (
        resolve(Classify.Options, Layer(yaml.safe_load(write_yaml(settled)), {})).settings
        == settled
    )
    assert kind != "number" or settled.first_number == pytest.approx(np.mean(KINDS["number"]))


def test_a_number_begins_at_the_mean():
    examples = examples_of(KINDS["number"])
    bench = TaskBench.of(Classify, examples, TOKENIZER)
    assert np.mean([prediction.value for prediction in bench.predict(examples)]) == pytest.approx(
        np.mean(KINDS["number"]), abs=0.7
    )
    assert bench.task.classifier.classifier.bias.item() == pytest.approx(np.mean(KINDS["number"]))


@pytest.mark.parametrize("kind", KINDS)
def test_thirty_two_examples_are_learnt_by_heart(kind):
    golds = {
        "classes": [["no", "yes", "maybe"][place % 3] for place in range(32)],
        "labels": gold_sets(32),
        "number": [float(place % 5) + 0.5 for place in range(32)],
    }[kind]
    options = Classify.Options()
    examples = [
        Classify.parse(options, record(text=sentence(3 + n % 5) + " cat" * (n % 4), label=g))
        for n, g in enumerate(golds)
    ]
    bench = TaskBench.of(Classify, examples, TOKENIZER)
    bench.train(examples, 150)
    values = [prediction.value for prediction in bench.predict(examples)]
    if kind == "number":
        np.testing.assert_allclose(values, golds, atol=0.3)
    else:
        assert values == golds


def predictions_of(golds, names):
    """Right three times of four."""
    return [
        gold if RANDOM.random() < 0.75 else names[RANDOM.integers(len(names))] for gold in golds
    ]


@pytest.mark.parametrize("names", [["no", "yes"], ["a", "b", "c"]])
def test_scores_of_classes_are_those_of_sklearn(names):
    golds = [names[place] for place in RANDOM.integers(len(names), size=80)]
    given = predictions_of(golds, names)
    options = Classify.Options(kind="classes")
    answers = [Prediction(value) for value in given]
    scores = {
        score.name: score
        for score in Classify.scorer(options, names).score(answers, examples_of(golds))
    }
    assert next(iter(scores)) == "accuracy"
    expected = {
        "accuracy": metrics.accuracy_score(golds, given),
        "macro f1": metrics.f1_score(golds, given, average="macro"),
        "matthews": metrics.matthews_corrcoef(golds, given),
    } | ({"f1": metrics.f1_score(golds, given, pos_label="yes")} if len(names) == 2 else {})
    assert {name: scores[name].value for name in expected} == pytest.approx(expected)
    assert ("f1" in scores) == (len(names) == 2)
    assert all(
        score.count == 80 and score.interval[0] <= score.value <= score.interval[1]
        for score in scores.values()
    )


def test_scores_of_labels_and_numbers_are_those_of_sklearn_and_scipy():
    golds, given = gold_sets(50), gold_sets(50)
    options = Classify.Options(kind="labels")
    answers = [Prediction(value) for value in given]
    scores = {
        s.name: s.value
        for s in Classify.scorer(options, list("abc")).score(answers, examples_of(golds))
    }
    there, said = (
        np.array([[name in own for name in "abc"] for own in sets]) for sets in (golds, given)
    )
    micro, macro = (
        metrics.f1_score(there, said, average=average) for average in ("micro", "macro")
    )
    assert scores == pytest.approx(
        {"micro f1": micro, "macro f1": macro, "exact match": metrics.accuracy_score(there, said)}
    )
    right = RANDOM.normal(size=50)
    numbers = right + RANDOM.normal(size=50)
    options, examples = Classify.Options(kind="number"), examples_of(right.tolist())
    scores = {
        s.name: s.value
        for s in Classify.scorer(options, []).score(
            [Prediction(value) for value in numbers.tolist()], examples
        )
    }
    assert scores == pytest.approx(
        {
            "pearson": stats.pearsonr(right, numbers)[0],
            "spearman": stats.spearmanr(right, numbers)[0],
            "squared error": metrics.mean_squared_error(right, numbers),
        }
    )


def test_baselines_answer_without_a_model():
    train, test = examples_of(["no"] * 6 + ["yes"] * 4), examples_of(["yes"] * 400)
    options = Classify.Options(kind="classes")
    found = Classify.scorer(options, ["no", "yes"]).baselines(train, test)
    assert {prediction.value for prediction in found["majority"]} == {"no"}
    assert np.mean([prediction.value == "yes" for prediction in found["chance"]]) == pytest.approx(
        0.5, abs=0.1
    )
    assert (
        found["chance"] == Classify.scorer(options, ["no", "yes"]).baselines(train, test)["chance"]
    )
    numbers = Classify.scorer(Classify.Options(kind="number"), []).baselines(
        examples_of([1.5, 2.5]), test
    )
    assert [prediction.value for prediction in numbers["mean"]] == [2.0] * 400
    labels = Classify.scorer(Classify.Options(kind="labels"), list("ab")).baselines(
        examples_of([["a"], ["a", "b"], []]), test
    )
    assert labels["majority"][0].value == ["a"]


def test_the_surest_errors_come_first_and_are_errors():
    golds = ["no", "yes"] * 20
    examples = examples_of(golds)
    given = [
        Prediction("yes" if place % 3 else gold, 0.5 + place / 100)
        for place, gold in enumerate(golds)
    ]
    report = Classify.scorer(Classify.Options(kind="classes"), ["no", "yes"]).error_report(
        given, examples
    )
    wrong = [place for place in range(40) if given[place].value != golds[place]]
    expected = sorted(wrong, key=lambda place: -given[place].confidence)[:10]
    assert [passage.spans[0].text for passage in report.passages] == [
        examples[place].data[0] for place in expected
    ]
    assert report.passages[0].title.startswith("yes (")
    assert [table.title for table in report.tables] == ["scores by class", "confusions"]


def test_the_table_of_labels_counts_each_for_itself():
    golds, given = [["a", "b"], ["a"], [], ["b"]], [["a"], ["a"], ["a"], []]
    answers = [Prediction(value, 0.9) for value in given]
    report = Classify.scorer(Classify.Options(kind="labels"), ["a", "b"]).error_report(
        answers, examples_of(golds)
    )
    (table,) = report.tables
    assert table.rows == [
        ["a", pytest.approx(2 / 3), 1.0, pytest.approx(0.8), 2],
        ["b", 0.0, 0.0, 0.0, 2],
    ]
    assert len(report.passages) == 3


def test_the_balance_and_the_order_of_labels():
    assert balance_of(Classify, Classify.Options(), examples_of(["10", "9", "10", "-1"])) == {
        "10": 2,
        "-1": 1,
        "9": 1,
    }
    assert balance_of(Classify, Classify.Options(), examples_of([["a"], ["a", "b"], []])) == {
        "a": 2,
        "b": 1,
    }
    assert balance_of(Classify, Classify.Options(), examples_of([1.5, 2.0])) == {}
    assert list(
        Classify.labels(Classify.Options(kind="classes"), examples_of(["10", "9", "10", "-1"]))
    ) == ["-1", "9", "10"]


def test_the_key_is_the_text_alone():
    one, two, other = (
        Pairs.parse(Pairs.Options(), record(premise=a, hypothesis=b, label=c))
        for a, b, c in (("a  b", "c", "x"), ("a b\n", "c", "y"), ("a", "b c", "x"))
    )
    assert Pairs.key(one) == Pairs.key(two) != Pairs.key(other)


def test_what_does_not_fit_is_said():
    examples = examples_of(["no", "yes"] * 4)
    bench = TaskBench.of(Classify, examples, TOKENIZER)
    with pytest.raises(
        DataError, match=r"memory, record 1: no training example has the label 'yess'"
    ) as caught:
        bench.encoded(examples_of(["yess"]))
    assert "'yes'" in caught.value.hint
    with pytest.raises(DataError, match="every training example has the label 'no'"):
        TaskBench.of(Classify, examples_of(["no"] * 3), TOKENIZER)
    with pytest.raises(DataError, match="no training example has a label"):
        TaskBench.of(Classify, examples_of([[], []]), TOKENIZER)
    with pytest.raises(DataError, match="no training example has an answer"):
        TaskBench.of(Classify, without_gold(examples), TOKENIZER)
    with pytest.raises(UsageError, match="sequences of 65 tokens are longer than the 64 positions"):
        TaskBench.of(Classify, examples, TOKENIZER, sequence_tokens=65)
    with pytest.raises(UsageError, match="leave no room"):
        TaskBench.of(Classify, examples, TOKENIZER, sequence_tokens=3)
    with pytest.raises(UsageError, match="names 'yee', which no training example is"):
        TaskBench.of(Classify, examples, TOKENIZER, class_weights="yee=2")
    with pytest.raises(UsageError, match="class weights need one class"):
        TaskBench.of(Classify, examples_of([1.5, 2.5]), TOKENIZER, class_weights="balanced")


@pytest.mark.parametrize("weights", ["heavy", "no=", "no=-1", "=2", {"no": "much"}, "no=inf"])
def test_weights_that_are_none(weights):
    with pytest.raises(ConfigError, match="must be none, balanced, or numbers above 0 by label"):
        resolve(Classify.Options, Layer({"class_weights": weights}, {}))


def test_a_text_without_any_piece_is_said():
    pairs = [Example(str(n), Where("memory", n), ("good film", "\u200b"), "no") for n in (1, 2)]
    bench = TaskBench.of(Pairs, [replace(pairs[0], gold="yes"), pairs[1]], TOKENIZER)
    # As BERT's normalizer, which leaves out what cannot be seen.
    bench.task.cut = lambda texts: TOKENIZER.encode_batch([text.strip("\u200b") for text in texts])
    blank = replace(pairs[0], data=("good film", " "))
    found = [encoded.lost for encoded in bench.task.encode([*pairs[:1], blank], training=False)]
    assert found == [r"its second text '\u200b' has no piece in this tokenizer", ""]


@pytest.mark.parametrize("architecture", ["encoder", "decoder"])
def test_an_empty_text_reads_nothing_of_its_neighbours(architecture):
    """Where a tokenizer adds no special tokens, as those of many decoders."""
    bare = Library(models.WordLevel({word: number for number, word in enumerate(WORDS)}, "the"))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = Tokenizer(bare)
    assert not len(tokenizer.template.single.build(tokenizer.encode(""))[0])
    rows = [("cat sees dog", "a"), ("", "b"), ("bird", "a"), ("", "b")]
    examples = [
        Classify.parse(Classify.Options(), record(text=text, label=label)) for text, label in rows
    ]
    shape = {"architecture": architecture, "segments": 0}
    bench = TaskBench.of(Classify, examples, tokenizer, shape=shape)
    together = logits_of(bench, examples)
    alone = [logits_of(bench, [example])[0] for example in examples]
    assert torch.allclose(together, torch.stack(alone), atol=1e-6)
    assert torch.allclose(together[1], together[3], atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@torch.no_grad()
def logits_of(bench, examples):
    batch = bench.collate(bench.encoded(examples))
    return bench.task.classifier(bench.backbone(batch.inputs))
