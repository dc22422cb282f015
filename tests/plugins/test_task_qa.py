"""Question answering: windows that cover a passage, spans against brute force, exact answers, the
loss of transformers.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from qa_bench import CHINESE, ENGLISH, EXAMPLES, LONG, asked, bench_of
from sslplugins.tasks.qa.task import NO_PIECE, QuestionAnswering
from sslplugins.tasks.qa.windows import best_spans, merged_spans, pieces_between, window_bounds
from task_bench import mean_loss, record, without_gold

from sslcli.errors import UsageError
from sslcli.models.hf_directory import read_directory


@pytest.mark.parametrize(
    ("pieces", "capacity", "overlap"),
    [(0, 5, 2), (1, 5, 2), (5, 5, 2), (6, 5, 2), (8, 5, 2), (100, 7, 3), (9, 1, 0)],
)
def test_windows_cover_every_piece_and_share_as_many_as_asked(pieces, capacity, overlap):
    bounds = window_bounds(pieces, capacity, overlap)
    assert sorted({place for start, stop in bounds for place in range(start, stop)}) == list(
        range(pieces)
    )
    assert all(0 < stop - start <= capacity for start, stop in bounds)
    assert all(before_stop - start == overlap for (_, before_stop), (start, _) in pairwise(bounds))
    assert len(bounds) == len({stop for _, stop in bounds})  # none lies within another


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_windows_of_a_long_passage_hold_it_whole(kind):
    bench = bench_of(kind=kind, sequence_tokens=40, stride=10)
    (encoded,) = bench.encoded([EXAMPLES[3]], training=True)
    assert len(encoded.samples) > 4
    assert max(map(len, encoded.samples)) <= 40
    ((ids, places),) = bench.task.tokenizer.encode_with_places([LONG])
    seen = {}
    for sample in encoded.samples:
        inside = sample.per_token["piece"] != NO_PIECE
        assert (sample.segments[inside] == 1).all()
        seen.update(
            zip(
                sample.per_token["piece"][inside].tolist(),
                sample.tokens[inside].tolist(),
                strict=True,
            )
        )
    visible = [place for place in range(len(ids)) if places[place, 0] < places[place, 1]]
    assert seen == {place: ids[place] for place in visible}


def test_a_window_without_the_answer_learns_cls_and_one_with_it_its_pieces():
    bench = bench_of(sequence_tokens=40, stride=10)
    (encoded,) = bench.encoded([EXAMPLES[3]], training=True)
    first, last = pieces_between(
        encoded.places, LONG.index("Anna Berg"), LONG.index("Anna Berg") + len("Anna Berg")
    )
    holding = 0
    for sample in encoded.samples:
        piece, fields = sample.per_token["piece"], sample.fields
        if first in piece and last in piece:
            holding += 1
            assert (piece[fields["first"]], piece[fields["last"]]) == (first, last)
        else:
            assert (fields["first"], fields["last"]) == (0, 0)
            assert sample.tokens[0] == bench.task.tokenizer.classify
    assert holding >= 1


def brute_force(starts, ends, longest):
    spans = [
        (starts[first] + ends[last], first, last)
        for first in range(len(starts))
        for last in range(first, min(first + longest, len(ends)))
        if np.isfinite(starts[first]) and np.isfinite(ends[last])
    ]
    return sorted(spans, key=lambda span: (-span[0], span[1], span[2]))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 14), st.integers(1, 16), st.integers(1, 30), st.integers(0, 10**6), st.booleans()
)
def test_best_spans_are_those_of_brute_force(pieces, longest, most, seed, coarse):
    generator = np.random.default_rng(seed)
    starts, ends = generator.normal(size=(2, pieces))
    if coarse:  # many equal ones
        starts, ends = np.round(starts), np.round(ends)
    hidden = generator.random(pieces) < 0.2
    starts[hidden], ends[hidden] = -np.inf, -np.inf
    assert best_spans(starts, ends, longest, most) == brute_force(starts, ends, longest)[:most]


def test_the_best_span_of_all_windows_is_that_of_the_passage_whole():
    generator = np.random.default_rng(3)
    for _ in range(20):
        starts, ends = generator.normal(size=(2, 50))
        windows = []
        for begin, stop in window_bounds(50, 20, 8):
            found = best_spans(starts[begin:stop], ends[begin:stop], 6, 20)
            windows.append([(score, begin + first, begin + last) for score, first, last in found])
        # an overlap of 8 holds every span of 6
        assert merged_spans(windows)[:5] == brute_force(starts, ends, 6)[:5]


def slow_loss(bench, encoded):
    """One window after the other: two softmaxes over the passage's tokens and [CLS]; in a decoder
    the last token stands for [CLS], which has read nothing there.
    """
    total, count = 0.0, 0
    for one in encoded:
        for sample in one.samples:
            alone = bench.collate([type(one)([sample], 0)])
            logits = bench.task.spans.classifier(bench.backbone(alone.inputs).last_TD)
            may = [0, *np.flatnonzero(sample.per_token["piece"] != NO_PIECE).tolist()]
            wanted = [may.index(int(sample.fields[name])) for name in ("first", "last")]
            if bench.backbone.settings.causal:
                may[0] = len(sample) - 1
            for column, row in enumerate(wanted):
                total -= logits[may, column].log_softmax(dim=0)[row].item() / 2
            count += 1
    return total, count


@pytest.mark.parametrize("causal", [False, True], ids=["encoder", "decoder"])
@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_the_loss_is_that_of_every_window_alone(kind, causal):
    shape = {"architecture": "decoder", "segments": 0, "norm_place": "pre"} if causal else None
    bench = bench_of(kind=kind, shape=shape, sequence_tokens=40, stride=10)
    encoded = bench.encoded(EXAMPLES, training=True)
    batch = bench.collate(encoded)
    total, count = slow_loss(bench, encoded)
    assert batch.counts == {"spans": count} == {"spans": sum(len(one.samples) for one in encoded)}
    assert bench.task(bench.backbone, batch).sums["spans"].item() == pytest.approx(total, rel=1e-5)


def test_the_loss_is_that_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    bench = bench_of(shape={"norm_epsilon": 1e-12}, sequence_tokens=40, stride=10)
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = transformers.BertConfig(
        vocab_size=bench.task.tokenizer.size, max_position_embeddings=64, **sizes
    )
    torch.manual_seed(0)
    theirs = transformers.BertForQuestionAnswering(config).eval()
    theirs.bert.save_pretrained(tmp_path)
    bench.backbone = read_directory(tmp_path).network()[0].eval()
    bench.task.spans.classifier.load_state_dict(theirs.qa_outputs.state_dict())
    encoded = bench.encoded(EXAMPLES, training=True)
    samples = [sample for one in encoded for sample in one.samples]
    longest = max(map(len, samples))
    ids, segments, visible, may = (
        torch.zeros(len(samples), longest, dtype=torch.int64) for _ in range(4)
    )
    for row, sample in enumerate(samples):
        size = len(sample)
        ids[row, :size], segments[row, :size] = (
            torch.from_numpy(sample.tokens),
            torch.from_numpy(sample.segments),
        )
        visible[row, :size] = 1
        may[row, :size] = torch.from_numpy(sample.per_token["piece"] != NO_PIECE)
    may[:, 0] = 1
    # Theirs has no mask: logits of the question and of separators are pushed away before its own
    # loss sees them.
    theirs.qa_outputs.register_forward_hook(
        lambda module, given, logits: logits.masked_fill(may[:, :, None] == 0, -1e9)
    )
    first, last = (
        torch.tensor([sample.fields[name] for sample in samples]) for name in ("first", "last")
    )
    positions = {"start_positions": first, "end_positions": last}
    batch = bench.collate(encoded)
    with torch.no_grad():
        expected = theirs(
            input_ids=ids, attention_mask=visible, token_type_ids=segments, **positions
        ).loss
        ours = mean_loss(bench.task(bench.backbone, batch), batch)
    assert ours.item() == pytest.approx(expected.item(), abs=1e-5)


def certain(bench, example, first, last):
    """What `merge` makes of windows that are sure of one span of pieces."""
    (encoded,) = bench.encoded([example])
    parts = []
    for sample in encoded.samples:
        logits = np.zeros(
            (1 + int((sample.per_token["piece"] != NO_PIECE).sum()), 2), dtype=np.float32
        )
        pieces = np.concatenate(
            [[NO_PIECE], sample.per_token["piece"][sample.per_token["piece"] != NO_PIECE]]
        )
        logits[pieces == first, 0] = 10.0
        logits[pieces == last, 1] = 10.0
        parts.append(bench.task._part(logits, pieces))
    return bench.task.merge(example, encoded, parts)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
@pytest.mark.parametrize(
    ("passage", "answer"),
    [
        (ENGLISH, "cafe\u0301"), (ENGLISH, "Anna Berg"), (ENGLISH, "1998"), (ENGLISH,
        "(born 1970)"), (ENGLISH, "👩\u200d💻 Tom Lee"),
        (CHINESE, "乔布斯"), (CHINESE, "库比蒂诺"), (CHINESE, "苹果公司"), (LONG, "Oslo"),
    ],
)  # fmt: skip
def test_an_answer_comes_back_exactly(kind, passage, answer):
    example = asked("who ?", passage, answer)
    bench = bench_of([example], kind, sequence_tokens=40, stride=20)
    (encoded,) = bench.encoded([example])
    start = passage.index(answer)
    prediction = certain(
        bench, example, *pieces_between(encoded.places, start, start + len(answer))
    )
    assert prediction.value == answer
    assert passage[prediction.details["start"] : prediction.details["end"]] == answer
    assert (prediction.details["start"], prediction.confidence) == (
        start,
        pytest.approx(1.0, abs=0.1),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_whatever_the_weights_an_answer_stands_in_the_passage(seed):
    bench = bench_of(sequence_tokens=40, stride=10, longest_answer_tokens=5)
    generator = np.random.default_rng(seed)
    for example in EXAMPLES:
        (encoded,) = bench.encoded([example])
        parts = []
        for sample in encoded.samples:
            pieces = np.concatenate(
                [[NO_PIECE], sample.per_token["piece"][sample.per_token["piece"] != NO_PIECE]]
            )
            parts.append(bench.task._part(generator.normal(scale=3, size=(len(pieces), 2)), pieces))
        prediction = bench.task.merge(example, encoded, parts)
        start, end = prediction.details["start"], prediction.details["end"]
        assert prediction.value == example.data.passage[start:end] == prediction.value.strip()
        assert prediction.value
        assert 0 < prediction.confidence <= 1
        first, last = pieces_between(encoded.places, start, end)
        assert last - first < 5


def test_no_answer_wins_where_it_scores_higher_in_every_window():
    examples = [*EXAMPLES, asked("why ?", CHINESE)]
    bench = bench_of(examples, sequence_tokens=40, stride=10)
    assert bench.task.options.no_answer == "yes"
    (encoded,) = bench.encoded([EXAMPLES[0]])
    unsure = bench.task.merge(EXAMPLES[0], encoded, [(1.0, [(4.0, 1, 2)]), (5.0, [(3.0, 3, 3)])])
    assert unsure.value
    expected = np.exp([4.0, 3.0, 1.0]) / np.exp([4.0, 3.0, 1.0]).sum()
    assert (unsure.confidence, unsure.details["no_answer_probability"]) == (
        pytest.approx(expected[0]),
        pytest.approx(expected[2]),
    )
    none = bench.task.merge(EXAMPLES[0], encoded, [(6.0, [(4.0, 1, 2)]), (5.0, [(3.0, 3, 3)])])
    assert none.value == ""
    assert none.confidence == none.details["no_answer_probability"] > 0.5


def test_no_answer_is_settled_by_the_training_examples_and_can_be_forbidden():
    unanswerable = asked("why ?", CHINESE)
    assert bench_of(EXAMPLES).task.options.no_answer == "no"
    bench = bench_of([*EXAMPLES, unanswerable], no_answer="no")
    (encoded,) = bench.encoded([unanswerable], training=True)
    assert (encoded.samples, encoded.lost) == ((), "it has no answer")
    assert bench.collate(bench.encoded([unanswerable])).counts == {"spans": 0}
    assert bench.predict([unanswerable])[0].value


def test_an_answer_longer_than_a_window_is_lost_and_told_of():
    example = asked("what ?", LONG, LONG[:300])
    bench = bench_of([example], sequence_tokens=24)
    (encoded,) = bench.encoded([example], training=True)
    assert not encoded.samples
    assert "in no window" in encoded.lost
    assert bench.predict([example])[0].value in LONG


def test_answers_do_not_depend_on_the_batch_and_need_no_gold():
    bench = bench_of(sequence_tokens=40, stride=10)
    encoded = bench.encoded(without_gold(EXAMPLES))
    batch = bench.collate(encoded)
    assert batch.counts == {"spans": 0}
    assert bench.task(bench.backbone, batch).sums["spans"].item() == 0.0
    parts = iter(bench.task.predict(bench.backbone, batch))
    for example, one, alone in zip(EXAMPLES, encoded, bench.predict(EXAMPLES), strict=True):
        together = bench.task.merge(example, one, [next(parts) for _ in one.samples])
        assert (together.value, together.confidence) == (
            alone.value,
            pytest.approx(alone.confidence, abs=1e-5),
        )


def test_it_learns_what_it_is_shown():
    words = ["oslo", "berg", "anna", "tom", "lee", "place1", "place2", "place3"]
    examples = []
    for number in range(32):
        key, value = words[number % 8], words[(3 * number + number // 8 + 1) % 8]
        others = [words[(number + shift) % 8] for shift in (2, 5)]
        passage = f"word1 {others[0]} . {key} stands at {value} . word2 {others[1]} ."
        start = passage.index(f"at {value}") + 3
        fields = {"text": [value], "answer_start": [start]}
        examples.append(
            QuestionAnswering.parse(
                QuestionAnswering.Options(),
                record(question=f"where {key} ?", context=passage, answers=fields),
            )
        )
    bench = bench_of(examples)
    assert bench.train(examples, 1) > 1.5
    assert bench.train(examples, 80) < 0.1
    predictions = bench.predict(without_gold(examples))
    scores = {
        score.name: score.value
        for score in bench.task.scorer(bench.task.options, ()).score(predictions, examples)
    }
    assert scores == {"f1": 100.0, "exact match": 100.0, "same text": 100.0}


def test_the_usual_window_yields_to_a_short_model_and_a_wish_beyond_it_is_refused():
    assert bench_of().task.sequence_tokens == 64
    assert bench_of(shape={"longest_tokens": 512}).task.sequence_tokens == 384
    assert bench_of(shape={"longest_tokens": 512}, sequence_tokens=500).task.sequence_tokens == 500
    with pytest.raises(UsageError, match="longer than the 64 positions"):
        bench_of(sequence_tokens=65)
    with pytest.raises(UsageError, match="leave no room"):
        bench_of(sequence_tokens=4)


def test_a_long_question_leaves_half_of_the_window_to_the_passage():
    example = asked("who " * 100, LONG, "Anna Berg")
    bench = bench_of([example])
    (encoded,) = bench.encoded([example], training=True)
    assert max(map(len, encoded.samples)) == 64
    assert min((sample.segments == 0).sum() for sample in encoded.samples) <= 64 // 2 + 1
