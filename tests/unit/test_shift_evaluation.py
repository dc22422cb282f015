"""The whole test of a shift on a model made by hand, for which every figure is known, and what is
said of it.
"""

from dataclasses import replace

import pytest
import two_languages
from two_languages import CONCEPTS, DEPTH, ProbeData, headless, subject

from sslcli import registry
from sslcli.config import Config
from sslcli.conformance.subjects import tiny_frozen_model
from sslcli.data.rng import Rng
from sslcli.datasets.probe_data import References
from sslcli.errors import DataError, PluginError, Preempted, RunError, UsageError
from sslcli.workflows.translate_shift import translate_shift
from sslcli.workflows.translate_shift.estimate import has_texts
from sslcli.workflows.translate_shift.evaluation import evaluate_shift
from sslcli.workflows.translate_shift.evaluation_report import evaluation_report
from sslcli.workflows.translate_shift.head_readings import NONE
from sslcli.workflows.translate_shift.sentences import encoded, read_language
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.template import template_sentences
from sslcli.workflows.translate_shift.translations import (
    Translations,
    read_translations,
    right_answers,
    rights_of_tokens,
    set_apart,
)

SETTINGS = ShiftSettings(source="aa", target="bb", sentences=200, limit=20, random_vectors=3)


def evaluated(of=None, name="mean", settings=SETTINGS, references=()):
    of = of or subject()
    found = read_translations(
        references, of.probe_data, (settings.source, settings.target), of.tokenizer
    )
    return evaluate_shift(
        registry.load("shifts", name)(Config()), of, settings, found, Rng(0, 0, "test")
    )


def test_where_a_word_is_concept_plus_language_the_shift_translates_all_at_every_layer():
    found = evaluated()
    assert found.layers == list(range(DEPTH + 1))
    for layer in found.layers:
        whole, still = found.words.by_cell[layer, 1.0], found.words.by_cell[layer, 0.0]
        assert [share.value for share in whole.ranks.accuracy] == [1, 1, 1]
        assert (
            whole.changed.value,
            whole.ranks.mean_rank,
            whole.ranks.reciprocal,
            whole.bleu.value,
        ) == (1, 1, 1, 1)
        assert (still.changed.value, still.ranks.accuracy[0].value) == (0, 0)
        assert still.bleu.value == pytest.approx(1 / 6)  # the full stop
        assert found.words.random[layer].ranks.accuracy[0].value < 0.1
        assert found.words.within[layer, 0.0].ranks.accuracy[0].value == 1
        assert found.retrieval[layer, 1.0].value == 1
    assert (found.words.asked, found.words.tokens) == (100, 120)
    assert found.words.third == {}


def test_the_report_says_that_the_words_lay_close_already():
    report = evaluation_report(evaluated(), SETTINGS, "hint")
    notes = "\n".join(report.notes)
    assert "the shift translates: accuracy 1.00" in notes
    assert "1.00 comes at alpha 0 where only bb tokens may be chosen" in notes
    assert "no third language" in notes
    assert "no template: it needs the English name of 'bb'" in notes
    rows = {row[0]: row for row in report.tables[0].rows}
    assert rows["alpha 1"][2] == 1
    assert {
        "alpha 0",
        "alpha 0, bb tokens only",
        "alpha 1, bb tokens only",
        "random vector as long (mean of 3)",
    } <= set(rows)
    assert {score.name: score.baselines["alpha 0"] for score in report.scores}[
        "translation accuracy at 1"
    ] == 0
    assert report.matrices[0].title == "tokens that changed language"
    assert all(score.count and score.interval for score in report.scores)


def test_a_third_language_leads_elsewhere():
    found = evaluated(subject(ProbeData(spoken=("aa", "bb", "cc"))))
    assert found.words.third_language == "cc"
    assert found.words.third[DEPTH].ranks.accuracy[0].value == 0
    assert found.words.third[DEPTH].changed.value == 0
    assert "the shift into cc" in [
        row[0] for row in evaluation_report(found, SETTINGS, "").tables[0].rows
    ]


def test_what_translates_nothing_has_not_emerged():
    of = tiny_frozen_model()
    settings = replace_languages(
        ShiftSettings(sentences=40, limit=20, random_vectors=2), "aa", "bb"
    )
    notes = evaluation_report(evaluated(of, settings=settings), settings, "").notes
    assert any(note.startswith("not emerged: accuracy ") for note in notes)


def replace_languages(settings, source, target):
    return settings.model_copy(update={"source": source, "target": target})


def test_procrustes_learns_from_pairs_that_are_not_tested():
    found = evaluated(name="procrustes")
    assert len(found.estimated.behind[0].tokens) == 20
    assert found.retrieval[DEPTH, 1.0].value == 1
    assert found.words.by_cell[DEPTH, 1.0].ranks.accuracy[0].value > 0.9


def test_without_a_head_sentences_are_retrieved_all_the_same():
    report = evaluation_report(
        evaluated(headless(subject())), SETTINGS, "ssl pretrain --train head"
    )
    assert [score.name for score in report.scores] == ["sentence retrieval at 1, layer 0"]
    assert any("ssl pretrain --train head" in note for note in report.notes)


def test_without_texts_the_pairs_that_are_not_tested_give_the_means(tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(
        "".join(
            f"{two_languages.sentence(n, 'aa')}\t{two_languages.sentence(n, 'bb')}\n"
            for n in range(60)
        )
    )
    found = evaluated(headless(subject(ProbeData(spoken=(), known=False))), references=[str(pairs)])
    assert [len(side.tokens) for side in found.estimated.behind] == [40, 40]
    assert found.retrieval[0, 1.0].count == 20


def test_a_dictionary_alone_is_tested_in_texts_of_the_language(tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("".join(f"a{n}\tb{n}\n" for n in range(CONCEPTS)))
    found = evaluated(subject(ProbeData(known=False)), references=[str(words)])
    assert found.words.by_cell[DEPTH, 1.0].ranks.accuracy[0].value == 1
    assert found.words.by_cell[DEPTH, 1.0].bleu is None
    assert not found.retrieval


def test_nothing_to_evaluate_with_is_said():
    of = subject(ProbeData(known=False))
    with pytest.raises(UsageError, match="nothing to evaluate with"):
        read_translations((), of.probe_data, ("aa", "bb"), of.tokenizer)
    with pytest.raises(
        DataError, match="4 different translations are needed to test a shift, not 3"
    ):
        set_apart(Translations(sentences=[("a", "b"), ("c", "d"), ("e", "f"), ("a", "b")]), 2, 0)
    with pytest.raises(UsageError, match="no text in 'xx'"):
        read_language(of.probe_data, "xx", 10, of.tokenizer, 64)


class Broken(ProbeData):
    """A source that fails in another way than not to know what it is asked for."""

    def __init__(self, error):
        super().__init__()
        object.__setattr__(self, "error", error)

    def records(self, kind):
        raise self.error

    def languages(self):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [PluginError("the reader is broken"), RunError("the disk refuses"), Preempted("stopped")],
)
def test_what_goes_wrong_is_not_taken_for_data_without_translations(error):
    of = subject(Broken(error))
    with pytest.raises(type(error)):
        read_translations((), of.probe_data, ("aa", "bb"), of.tokenizer)


def test_a_path_that_is_not_there_is_not_taken_for_a_model_without_texts(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        has_texts(subject(References((f"en={tmp_path / 'none.txt'}",))))
    assert not has_texts(subject(References()))


def test_pairs_are_either_tested_or_learnt_from():
    pairs = [(str(n), str(n)) for n in range(10)]
    apart = set_apart(Translations(words=pairs[:2], sentences=pairs), 3, 4)
    assert (apart.words, apart.sentences, apart.learning) == (pairs[:2], pairs[:3], pairs[3:7])
    apart = set_apart(Translations(words=pairs), 8, 100)
    assert (apart.words, apart.learning) == (pairs[:5], pairs[5:])


@pytest.mark.parametrize("kind", ["words", "sentences"])
def test_nothing_is_learnt_of_what_is_tested(kind):
    pairs = [(str(n), f"x{n}") for n in range(8)]
    pairs += [("0", "x8"), ("9", "x8"), ("1", "x1"), ("7", "x0"), ("10", "x2"), ("11", "x11")]
    apart = set_apart(Translations(**{kind: pairs}), 3, 100)
    tested, learnt = (zip(*each, strict=True) for each in (getattr(apart, kind), apart.learning))
    assert all(set(ours).isdisjoint(others) for ours, others in zip(tested, learnt, strict=True))
    assert ("11", "x11") in apart.learning
    if kind == "words":
        # any translation of a word is right
        assert apart.words == [*pairs[:3], ("0", "x8"), ("1", "x1")]


def test_sentences_that_come_twice_are_retrieved_once():
    found = [(two_languages.sentence(n, "aa"), two_languages.sentence(n, "bb")) for n in range(20)]
    of = headless(subject())
    for pairs in (found, [*found[:10], *found]):
        evaluation = evaluate_shift(
            registry.load("shifts", "mean")(Config()),
            of,
            SETTINGS,
            Translations(sentences=pairs),
            Rng(0, 0, "test"),
        )
        assert (evaluation.retrieval[0, 1.0].value, evaluation.retrieval[0, 1.0].count) == (1, 20)


def test_only_whole_words_of_one_piece_are_asked_and_any_translation_is_right():
    tokenizer = tiny_frozen_model().tokenizer
    right = right_answers(
        [
            ("cat", "dog"),
            ("cat", "bird"),
            ("garden", "fish"),
            ("fish", "river"),
            ("bird", "bird"),
            ("zebra", "cat"),
        ],
        tokenizer,
    )
    ids = {piece: number for number, piece in enumerate(tokenizer.pieces(range(tokenizer.size)))}
    assert right == {"cat": {ids["dog"], ids["bird"]}}
    right = {"gar": frozenset({1}), "cat": frozenset({ids["dog"], ids["bird"]})}
    table = rights_of_tokens(encoded(["the cat garden", "cat"], tokenizer, 64), right)
    assert table.tolist() == [
        [NONE, NONE],
        sorted(right["cat"]),
        [NONE, NONE],
        [NONE, NONE],
        sorted(right["cat"]),
    ]


def test_the_template_asks_with_one_mask_a_word():
    tokenizer = two_languages.tokenizer("The", "word", "in", "Chinese", "is", "'", ":")
    sentences, void = template_sentences(["a0", "a1"], "zh", tokenizer)
    assert not void
    assert [tokenizer.decode(tokens) for tokens in sentences.tokens] == [
        f"The word ' {word} ' in Chinese is : [MASK] ." for word in ("a0", "a1")
    ]
    assert template_sentences(["a0"], "zh", two_languages.tokenizer())[1].startswith(
        "the model has no token for 'The', 'word'"
    )


def test_a_text_is_read_piece_by_piece():
    of, settings = (
        subject(),
        SETTINGS.model_copy(update={"alpha": (0.0, 1.0), "layers": (0, DEPTH), "top": 2}),
    )
    estimated, learning = translate_shift.fit_for_text(
        registry.load("shifts", "mean")(Config()), of, settings
    )
    tokens = translate_shift.tokens_of(of, "a3 a7 .")
    report = translate_shift.text_report(
        of, "a3 a7 .", tokens, settings, estimated.moves, ["where from"]
    )
    assert (learning, report.notes) == ((), ["where from"])
    assert [table.title for table in report.tables] == [
        f"layer 0 of {DEPTH}",
        f"layer {DEPTH} of {DEPTH}",
    ]
    for table in report.tables:
        assert list(table.columns) == ["aa", "alpha 0", "alpha 1"]
        assert [(row[0], row[1].split()[0], row[2].split()[0]) for row in table.rows] == [
            ("a3", "a3", "b3"),
            ("a7", "a7", "b7"),
            (".", ".", "."),
        ]
        assert all(len(row[1].split()) == 4 for row in table.rows)


@pytest.mark.parametrize(("text", "error"), [("  ", UsageError), ("a1 " * 80, DataError)])
def test_a_text_without_a_word_or_too_long_is_refused(text, error):
    with pytest.raises(error) as caught:
        translate_shift.tokens_of(subject(), text)
    assert caught.value.hint


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="layer 9 does not exist"):
        evaluated(replace(subject()), settings=SETTINGS.model_copy(update={"layers": (0, 9)}))
