"""chrF, BLEU and ROUGE of texts: by hand, and as sacreBLEU and rouge-score compute them."""

import random

import pytest

from sslcli.metrics.bleu import bleu, bleu_rows, bleu_signature, bleu_tokenizer
from sslcli.metrics.chrf import CHRF_SIGNATURE, chrf, chrf_rows, sentence_chrf
from sslcli.metrics.ngrams import bleu_words, script_words
from sslcli.metrics.rouge import rouge_f1

ENGLISH = [
    "the",
    "a",
    "cat",
    "sees",
    "likes",
    "3.5",
    "1,000",
    "U.S.",
    "it's",
    "well-known",
    "7-8",
    "(yes)",
    '"no"',
    "hello,",
    "end!",
    "&amp;",
    "a/b",
]
CHINESE = "我爱你中国人民大会堂很好的，。！Ab 12"


def texts_of(kind, count, longest, seed):
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        size = draw.randint(1, longest)
        words = [draw.choice(ENGLISH if kind == "en" else CHINESE) for _ in range(size)]
        made.append((" " if kind == "en" else "").join(words))
    return made


def test_words_of_every_script_stay():
    assert script_words("Cristóbal said: 我爱 NY_2!") == [
        "cristóbal",
        "said",
        "我",
        "爱",
        "ny",
        "2",
    ]
    assert bleu_words("It's 1,000.5 m, end.", "13a") == ["It's", "1,000.5", "m", ",", "end", "."]
    assert bleu_words("我爱NY。", "zh") == ["我", "爱", "NY", "。"]


def test_rouge_by_hand():
    one, two, longest = rouge_f1("the cat sat", ["the cat on the mat"])
    assert one == pytest.approx(2 * 2 / 8)
    assert two == pytest.approx(2 * 1 / 6)
    assert longest == pytest.approx(2 * 2 / 8)
    assert rouge_f1("我爱你", ["nothing", "我爱你"]) == (1, 1, 1)
    assert rouge_f1("", ["a"]) == (0, 0, 0)


def test_equal_texts_have_all_and_none_have_nothing():
    texts = ["one two three four five", "六七八九十"]
    references = [[text] for text in texts]
    assert chrf(chrf_rows(texts, references)).value == pytest.approx(100)
    assert bleu(bleu_rows(texts, references, "zh")).value == pytest.approx(100)
    assert chrf(chrf_rows(["", ""], references)).value == 0
    assert bleu(bleu_rows(["", ""], references, "zh")).value == 0
    assert sentence_chrf("ab", ["xy", "ab"]) == pytest.approx(1)


def test_the_published_example_of_bleu():
    """Two matches in place of seven, Papineni et al. 2002, section 2.1: a word counts as often as
    in the reference that has it most.
    """
    rows = bleu_rows(
        ["the the the the the the the"],
        [["the cat is on the mat", "there is a cat on the mat"]],
        "13a",
    )
    assert rows[0].tolist() == [2, 0, 0, 0, 7, 6, 5, 4, 7, 7]


def test_the_tokenizer_follows_the_script():
    assert bleu_tokenizer([["我爱你"], ["the end"]]) == "zh"
    assert bleu_tokenizer([["ну да", "the end"]]) == "13a"
    assert bleu_signature([["a"], ["b", "c"]]).startswith("nrefs:var|case:mixed|eff:no|tok:13a")


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize(("kind", "tokenizer"), [("en", "13a"), ("zh", "zh")])
@pytest.mark.parametrize("longest", [1, 12])
def test_numbers_are_those_of_sacrebleu(kind, tokenizer, longest, references):
    metrics = pytest.importorskip("sacrebleu.metrics")
    several = [texts_of(kind, 30, longest, seed) for seed in range(references)]
    texts = [*several[-1][:8], *texts_of(kind, 22, longest, 9)]
    own = list(zip(*several, strict=True))
    theirs = metrics.BLEU(tokenize=tokenizer)
    assert bleu(bleu_rows(texts, own, tokenizer)).value == pytest.approx(
        theirs.corpus_score(texts, several).score, abs=1e-9
    )
    said = str(theirs.get_signature()).partition("|version")[0]
    assert said == f"nrefs:{references}|case:mixed|eff:no|tok:{tokenizer}|smooth:exp"
    theirs = metrics.CHRF()
    assert chrf(chrf_rows(texts, own)).value == pytest.approx(
        theirs.corpus_score(texts, several).score, abs=1e-9
    )
    assert str(theirs.get_signature()).startswith(f"nrefs:{references}|{CHRF_SIGNATURE}|version")


@pytest.mark.parametrize("kind", ["en", "zh"])
def test_numbers_are_those_of_rouge_score(kind):
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

    class Ours:
        def tokenize(self, text):
            return script_words(text)

    names = ["rouge1", "rouge2", "rougeL"]
    scorer = rouge_scorer.RougeScorer(names, tokenizer=Ours())
    columns = (texts_of(kind, 60, 12, seed) for seed in range(3))
    for text, *references in zip(*columns, strict=True):
        theirs = scorer.score_multi(references, text)
        assert rouge_f1(text, references) == pytest.approx([theirs[n].fmeasure for n in names])
