"""Denoising by BART's noises: what encoder and decoder get, which targets count as touched, and what
does not fit.
"""

from dataclasses import replace

import numpy as np
import pytest
import tokenizers
import torch
from pydantic import ValidationError

from sslcli import registry
from sslcli.api import Context, DataError, Inputs, Restores, Rng, UsageError
from sslcli.conformance.tiny import corpus_in_memory
from sslcli.core.initialize import initialize
from sslcli.core.transformer import Transformer
from sslcli.data.batches import collate
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.learner import Learner
from sslcli.errors import ConfigError
from sslcli.models.objectives import objective_options
from sslcli.testing import Bench, tiny_context, tiny_tokenizer

Bart, Denoise = (registry.load("objectives", name) for name in ("bart", "denoise"))
TOKENIZER = tiny_tokenizer()
CONTEXT = tiny_context("encoder_decoder")
WORDS = np.flatnonzero(TOKENIZER.known & ~TOKENIZER.specials)
TRAINING = Rng(3, 0, progress=0.0)
NOISES = [
    "infill",
    "mask",
    "delete",
    "permute",
    "rotate",
    "infill=0.5,permute",
    "mask,delete,rotate",
]


def bart(context=CONTEXT, **options):
    return Bart(Bart.Options(**options), context)


def corpus_of(documents=12, sentences=4, words=6, **more):
    random = np.random.default_rng(0)
    texts = [[random.choice(WORDS, words) for _ in range(sentences)] for _ in range(documents)]
    return corpus_in_memory(texts, **{"sequence_tokens": 64, **more})


def batch_of(objective, corpus, numbers=None, rng=TRAINING):
    rows = np.concatenate([chunk.values for chunk in objective.arrange(corpus)])
    numbers = range(len(rows)) if numbers is None else numbers
    samples = [objective.sample(corpus, rows[number], rng.sample(number)) for number in numbers]
    return collate(numbers, samples)


def parts(inputs, *more):
    cuts = np.cumsum(inputs.packing.lengths)[:-1]
    return [np.split(each.numpy(), cuts) for each in (inputs.ids_T, *more)]


@pytest.mark.parametrize("noise", NOISES)
def test_the_decoder_reads_the_clean_text_one_behind_its_last_token(noise):
    objective = bart(noise=noise)
    batch = batch_of(objective, corpus_of())
    made = objective.collate(batch, TRAINING)
    (told,), (targets,) = parts(made.decoder), parts(replace(made.decoder, tokens_T=made.targets_S))
    for clean, read, predicted in zip(
        np.split(batch.tokens, batch.starts[1:-1]), told, targets, strict=True
    ):
        assert predicted.tolist() == clean.tolist()
        assert read.tolist() == [clean[-1], *clean[:-1]]
    assert made.counts == {"bart": len(batch.tokens)}
    rows = np.concatenate([made.touched_N, made.copied_N])
    assert sorted(rows.tolist()) == list(range(len(batch.tokens)))
    places = parts(made.decoder, made.decoder.positions_T)[1]
    assert all(own.tolist() == list(range(len(own))) for own in places)


@pytest.mark.parametrize("noise", NOISES)
def test_special_tokens_stand_around_every_source(noise):
    objective = bart(noise=noise)
    made = objective.collate(batch_of(objective, corpus_of()), TRAINING)
    for source, broken in zip(*parts(made.inputs, made.broken_T), strict=True):
        assert (source[0], source[-1]) == (TOKENIZER.classify, TOKENIZER.separate)
        inner = source[1:-1]
        assert (TOKENIZER.specials[inner] == (inner == TOKENIZER.mask)).all()
        assert broken[1:-1].tolist() == (inner == TOKENIZER.mask).tolist()


def test_untouched_targets_are_got_by_copying_the_source_on():
    """Whoever stands behind the copy of the token before finds the right one there."""
    objective = bart(noise="infill,permute")
    batch = batch_of(objective, corpus_of(words=9, sentences=5))
    made = objective.collate(batch, TRAINING)
    copied = np.zeros(len(batch.tokens), dtype=bool)
    copied[made.copied_N.numpy()] = True
    owners = np.searchsorted(batch.starts, np.flatnonzero(copied), side="right") - 1
    assert set(owners) == set(range(len(batch)))
    for clean, source, own in zip(
        np.split(batch.tokens, batch.starts[1:-1]),
        parts(made.inputs)[0],
        np.split(copied, batch.starts[1:-1]),
        strict=True,
    ):
        pairs = set(zip([-1, *source.tolist()], source.tolist(), strict=False))
        for place in np.flatnonzero(own):
            assert (clean[place - 1] if place else -1, clean[place]) in pairs


def test_the_first_tokens_of_moved_sentences_are_touched_and_no_others():
    objective = bart(noise="permute")
    batch = batch_of(objective, corpus_of(sentences=3, words=5))
    made = objective.collate(batch, TRAINING)
    assert made.hidden == 0
    firsts = {1, 6, 11, 16}  # of three sentences, and what closes
    touched = {
        (int(row) - batch.starts[owner], int(owner))
        for row in made.touched_N
        for owner in [np.searchsorted(batch.starts, row, side="right") - 1]
    }
    assert {place for place, _ in touched} == firsts
    for number, (clean, source) in enumerate(
        zip(np.split(batch.tokens, batch.starts[1:-1]), parts(made.inputs)[0], strict=True)
    ):
        moved = not np.array_equal(clean, source)
        assert ((1, number) in touched or (6, number) in touched) == moved


def test_a_sample_cut_inside_a_sentence_keeps_its_parts_whole():
    """A sentence longer than a sample is cut, and its pieces are one sentence each."""
    objective = bart(noise="permute")
    random = np.random.default_rng(1)
    texts = [[random.choice(WORDS, size) for size in (25, 3, 4)] for _ in range(4)]
    corpus = corpus_in_memory(texts, sequence_tokens=12)
    batch = batch_of(objective, corpus)
    for own, sentence in zip(
        np.split(batch.tokens, batch.starts[1:-1]),
        np.split(batch.per_token["sentence"], batch.starts[1:-1]),
        strict=True,
    ):
        assert (sentence == -1).tolist() == TOKENIZER.specials[own].tolist()
        sizes = np.unique(sentence[1:-1], return_counts=True)[1].tolist()
        assert sizes in ([3, 4], [8], [9])
    assert len(batch) == 4 * 4


@pytest.mark.parametrize("noise", NOISES)
def test_a_sample_is_broken_alike_whatever_batch_it_is_in(noise):
    objective, corpus = bart(noise=noise), corpus_of()
    together = objective.collate(batch_of(objective, corpus), TRAINING)
    alone = objective.collate(batch_of(objective, corpus, [5]), TRAINING)
    assert parts(together.inputs)[0][5].tolist() == alone.inputs.ids_T.tolist()
    after = objective.collate(batch_of(objective, corpus), Rng(3, 1, progress=0.5))
    assert not np.array_equal(after.inputs.ids_T, together.inputs.ids_T)


def test_of_several_noises_that_hide_each_text_gets_one_with_its_own_share():
    objective = bart(noise="mask=0.2,delete=0.6")
    batch = batch_of(objective, corpus_of(documents=60))
    made = objective.collate(batch, TRAINING)
    assert sum(made.noises.values()) == len(batch)
    assert made.noises["mask"] == pytest.approx(30, abs=11)
    for source in parts(made.inputs)[0]:
        masked = (source == TOKENIZER.mask).sum()
        assert (len(source), masked) in {(26, 5), (26 - 15, 0)}  # ceil(.2 * 24), ceil(.6 * 24)


def test_only_texts_of_several_sentences_are_permuted():
    words = iter(np.random.default_rng(2).choice(WORDS, (30, 6)))
    corpus = corpus_in_memory(
        [[next(words) for _ in range(sentences)] for sentences in (1, 4) * 6], sequence_tokens=64
    )
    made = bart().collate(batch_of(bart(), corpus), TRAINING)
    assert made.noises == {"permute": 6}


def test_rotation_is_drawn_for_its_share_of_the_texts():
    objective = bart(noise="rotate=0.25")
    batch = batch_of(objective, corpus_of(documents=80))
    made = objective.collate(batch, TRAINING)
    changed = [
        not np.array_equal(*pair)
        for pair in zip(
            np.split(batch.tokens, batch.starts[1:-1]), parts(made.inputs)[0], strict=True
        )
    ]
    assert 0 < sum(changed) <= made.noises["rotate"]
    assert made.noises["rotate"] == pytest.approx(20, abs=10)


def test_random_tokens_are_ordinary_ones():
    objective = bart(noise="mask=0.5", random_share=0.4)
    made = objective.collate(batch_of(objective, corpus_of(documents=60)), TRAINING)
    broken = made.inputs.ids_T.numpy()[made.broken_T.numpy()]
    assert (broken != TOKENIZER.mask).mean() == pytest.approx(0.4, abs=0.05)
    assert set(broken.tolist()) == {TOKENIZER.mask, *WORDS.tolist()}


def test_words_are_hidden_whole():
    words = TOKENIZER.encode("the horse in the garden")
    assert TOKENIZER.continues[words].any()
    corpus = corpus_in_memory([[words, words]] * 20, sequence_tokens=40)
    objective = bart(noise="delete=0.3", whole_words=True)
    made = objective.collate(batch_of(objective, corpus), TRAINING)
    follows = {
        (int(words[i - 1]), int(words[i])) for i in np.flatnonzero(TOKENIZER.continues[words])
    }
    for source in parts(made.inputs)[0]:
        for place in np.flatnonzero(TOKENIZER.continues[source]):
            assert (int(source[place - 1]), int(source[place])) in follows
        assert (~TOKENIZER.continues[source[1:-1]]).sum() == 7  # of ten words


def test_a_source_is_no_longer_than_the_model_reads():
    """Nearly every span is a mask more where spans have a mean length of 1."""
    shape = CONTEXT.architecture.model_copy(update={"longest_tokens": 27})
    objective = bart(replace(CONTEXT, architecture=shape), noise="infill=0.99", span_mean=1.0)
    lengths = []
    for epoch in range(20):
        batch = batch_of(objective, corpus_of())
        lengths += objective.collate(batch, Rng(0, epoch, progress=0.0)).inputs.packing.lengths
    assert max(lengths) == 27
    assert min(lengths) < 26


def test_the_loss_is_one_sum_and_its_parts_are_of_disjoint_targets():
    bench = Bench.of(Bart, None, "encoder_decoder")
    learner, batch = bench.learner(), bench.collate(range(8), progress=0.0)
    loss = learner(batch)
    hidden = learner.backbone.decode(batch.decoder, learner.backbone.encode(batch.inputs)).last_TD
    logits = learner.learnable.head(hidden, learner.backbone)
    nll = torch.nn.functional.cross_entropy(logits, batch.targets_S, reduction="none")
    assert loss.sums["bart"].item() == pytest.approx(nll.sum().item(), rel=1e-5)
    right = logits.argmax(dim=1) == batch.targets_S
    for kind, rows in (("touched", batch.touched_N), ("copied", batch.copied_N)):
        mean, accuracy = loss.metrics[f"{kind}_loss"], loss.metrics[f"{kind}_accuracy"]
        assert mean.count == accuracy.count == len(rows) > 0
        assert float(mean.sum) == pytest.approx(nll[rows].sum().item(), rel=1e-5)
        assert int(accuracy.sum) == int(right[rows].sum())
    assert int(loss.metrics["accuracy"].sum) == int(right.sum())
    hidden_share = loss.metrics["hidden_share"]
    assert hidden_share.sum / hidden_share.count == pytest.approx(0.27, abs=0.08)
    assert "other_source_loss" not in loss.metrics


def test_evaluation_measures_the_loss_with_the_source_of_another_document():
    objective, corpus = bart(noise="delete=0.3"), corpus_of()
    evaluation = Rng(3, -1)
    batch = batch_of(objective, corpus, rng=evaluation)
    other = batch["other"]
    document_of = {
        tuple(corpus.tokens(start, start + 6)): start // 24 for start in range(0, 288, 6)
    }
    for number, (own, another) in enumerate(
        zip(*(np.split(each.tokens, each.starts[1:-1]) for each in (batch, other)), strict=True)
    ):
        assert len(own) == len(another) == 26
        assert document_of[tuple(own[1:7])] == number
        assert document_of[tuple(another[1:7])] != number
    bench = Bench.of(Bart, Bart.Options(noise="delete=0.3"), "encoder_decoder")
    learner, made = bench.learner(), objective.collate(batch, evaluation)
    assert made.other.packing.lengths == tuple(26 - 8 for _ in range(12))
    found = learner(made).metrics["other_source_loss"]
    expected = learner(replace(made, inputs=made.other, other=None)).sums["bart"]
    assert float(found.sum) == pytest.approx(expected.item(), rel=1e-5)
    assert found.count == made.counts["bart"]


def test_it_says_what_the_source_is_worth():
    objective = bart()
    (worth,) = objective.conclusions(1.0, {"other_source_loss": 3.5})
    assert "saves 2.500 nats" in worth
    for other in (1.0, 0.9, 1.009):
        (said,) = objective.conclusions(1.0, {"other_source_loss": other})
        assert said.startswith("not emerged")
    assert not objective.conclusions(1.0, {})


def test_a_corpus_of_one_document_has_no_other():
    objective = bart()
    assert not batch_of(objective, corpus_of(documents=1), rng=Rng(0, -1)).streams
    (other,) = {len(batch_of(objective, corpus_of(documents=2), rng=Rng(0, -1)).streams)}
    assert other == 1


def test_another_document_is_of_the_same_language():
    languages = [number % 2 for number in range(12)]
    corpus = corpus_of(language_of=languages)
    objective = bart(language_codes="no")
    rows = np.concatenate([chunk.values for chunk in objective.arrange(corpus)])
    for number, row in enumerate(rows):
        sample = objective.sample(corpus, row, Rng(0, -1).sample(number))
        assert sample.language == sample["other"].language == number % 2


def test_baselines_are_of_touched_targets_and_see_what_the_decoder_reads():
    bench = Bench.of(Bart, None, "encoder_decoder")
    made = bench.collate(range(4))
    found = bench.collator().targets(made)
    touched = made.touched_N.tolist()
    assert 0 < len(touched) < len(made.targets_S)
    assert found.tokens_N.tolist() == made.targets_S[touched].tolist()
    assert found.left_N.tolist() == made.decoder.ids_T[touched].tolist()
    assert found.kind == "touched"
    assert set(found.right_N.tolist()) == {-1}


def test_show_marks_what_is_broken_and_what_is_touched():
    bench = Bench.of(Bart, Bart.Options(noise="mask=0.3"), "encoder_decoder")
    made = bench.collate([0], progress=0.0)
    report = bench.collator().show(made)
    source, told, target = report.passages
    broken = [span.text for span in source.spans if span.role == "corrupted"]
    assert " ".join(broken).split() == ["[MASK]"] * int(made.broken_T.sum())
    touched = " ".join(span.text for span in target.spans if span.role == "target")
    expected = TOKENIZER.decode(made.targets_S[made.touched_N].tolist())
    assert touched.replace(" ", "") == expected.replace(" ", "")
    assert "".join(span.text for span in told.spans).split()[0] == "[SEP]"
    assert f"{100 * made.hidden / made.size:.1f} %" in report.notes[0]


def test_a_decoder_that_knows_the_text_restores_it():
    """Of one text by heart, from any source; the error is the loss of what is touched."""
    bench = Bench.of(Bart, None, "encoder_decoder")
    learner, made = bench.learner(), bench.collate([0, 1])
    assert isinstance(learner.learnable, Restores)
    before = learner.learnable.restore(learner.backbone, made)
    optimizer = torch.optim.Adam(learner.parameters(), lr=5e-3)
    for _ in range(80):
        loss = learner(made).sums["bart"] / made.counts["bart"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learner.eval()
    after = learner.learnable.restore(learner.backbone, made)
    metrics = learner(made).metrics
    for old, new in zip(before, after, strict=True):
        assert new.restored == new.input == old.input
        assert "[MASK]" in new.corrupted
        assert "[CLS]" not in new.input
        assert new.error < 0.1 < old.error
    touched = metrics["touched_loss"]
    assert min(each.error for each in after) <= float(touched.sum) / touched.count
    assert max(each.error for each in after) >= float(touched.sum) / touched.count


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ("infill=2", "the share of infill must be above 0 and at most 1, not 2"),
        ("infill=0", "must be above 0"),
        ("delete=nan", "must be above 0"),
        ("mask=much", "must be a number, not 'much'"),
        ("infil", "there is no noise 'infil'; did you mean 'infill'?"),
        ("xyz=0.1", "there is no noise 'xyz'; there are mask, delete"),
        ("delete=1", "delete=1 leaves nothing; use a share below 1"),
        ("mask,mask=0.1", "'mask' is named twice"),
        (" , ", "names no noise"),
        ("=0.3", "'=0.3' names no noise"),
        ("mask,", "'mask,' leaves a place empty"),
        ("spans", "there is no noise 'spans'"),
    ],
)
def test_noises_that_cannot_be(noise, said):
    with pytest.raises(ConfigError) as caught:
        objective_options({"bart": Bart}, {"bart": {"noise": noise}})
    (problem,) = caught.value.problems
    assert problem.startswith("options.bart.noise")
    assert said in problem


@pytest.mark.parametrize("options", [{"span_mean": 0.5}, {"random_share": 1.1}, {"mask": 0.1}])
def test_bad_options(options):
    with pytest.raises(ValidationError):
        Bart.Options(**options)


@pytest.mark.parametrize(
    ("noise", "sentences", "words", "least"),
    [
        ("permute", 1, 5, "two sentences"),
        ("rotate", 1, 1, "two tokens"),
        ("rotate,permute", 1, 1, "two"),
    ],
)
def test_data_that_the_noises_cannot_change_is_refused(noise, sentences, words, least):
    with pytest.raises(DataError, match=f"no text has {least}"):
        list(bart(noise=noise).arrange(corpus_of(sentences=sentences, words=words)))
    assert list(bart(noise=f"{noise},infill").arrange(corpus_of(sentences=1, words=1)))


@pytest.mark.parametrize("noise", ["delete=0.3", "infill", "mask"])
def test_a_text_of_one_token_loses_it(noise):
    objective = bart(noise=noise)
    made = objective.collate(batch_of(objective, corpus_of(sentences=1, words=1)), TRAINING)
    assert made.hidden == made.size == 12
    assert made.counts == {"bart": 12 * 3}
    assert min(made.inputs.packing.lengths) >= 2


def test_it_needs_a_mask_token():
    with pytest.raises(UsageError, match="mask token"):
        Bart(
            Bart.Options(), replace(CONTEXT, tokenizer=Tokenizer(library(), {"sep_token": "[SEP]"}))
        )


def library(*more):
    pieces = {piece: number for number, piece in enumerate(TOKENIZER.pieces(range(TOKENIZER.size)))}
    found = tokenizers.Tokenizer(tokenizers.models.WordPiece(pieces, unk_token="[UNK]"))
    found.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *more])
    return found


CODES = ("en_XX", "zh_CN", "eng_Latn")


def coded():
    tokenizer = Tokenizer(library(*CODES))
    shape = CONTEXT.architecture.model_copy(update={"vocabulary": tokenizer.size})
    return Context(shape, tokenizer), [tokenizer._library.token_to_id(code) for code in CODES]


def in_languages(*names):
    corpus = corpus_of(language_of=[number % len(names) for number in range(12)])
    return replace(corpus, languages=names)


@pytest.mark.parametrize(
    ("names", "codes"), [(("en", "zh"), (0, 1)), (("eng_latn", "zh_CN"), (2, 1))]
)
def test_a_text_ends_with_its_language_and_the_decoder_begins_with_it(names, codes):
    context, ids = coded()
    objective, corpus = bart(context), in_languages(*names)
    batch = batch_of(objective, corpus)
    made = objective.collate(batch, TRAINING)
    lengths = np.concatenate([chunk.lengths for chunk in objective.arrange(corpus)])
    assert batch.lengths.tolist() == lengths.tolist() == [26] * 12
    for number, (source, told, target) in enumerate(
        zip(
            parts(made.inputs)[0],
            parts(made.decoder)[0],
            parts(replace(made.decoder, tokens_T=made.targets_S))[0],
            strict=True,
        )
    ):
        closing = [TOKENIZER.separate, ids[codes[number % 2]]]
        assert source[-2:].tolist() == target[-2:].tolist() == closing
        assert told[0] == closing[1]
        assert target[:-2].tolist() == corpus.tokens(24 * number, 24 * number + 24).tolist()
    assert objective.show(made).notes[-1].endswith("), and the decoder begins with it")


def test_tokens_masked_for_comparison_are_the_same_with_and_without_codes():
    context, _ = coded()
    corpus, evaluation = in_languages("en", "zh"), Rng(3, -1)
    with_codes, without = (
        (objective := bart(context, language_codes=wish)).collate(
            batch_of(objective, corpus, rng=evaluation), evaluation
        )
        for wish in ("yes", "no")
    )
    assert with_codes.texts.ids_T.tolist() != without.texts.ids_T.tolist()
    assert with_codes.alike.targets_N.tolist() == without.alike.targets_N.tolist()
    places = (parts(made.alike.inputs)[0] for made in (with_codes, without))
    for coded_ids, ids in zip(*places, strict=True):
        assert coded_ids[:-2].tolist() == ids[1:-1].tolist()


def test_codes_are_left_out_where_they_are_not_wanted_or_no_language_is_said():
    context, _ = coded()
    for objective, corpus in (
        (bart(context, language_codes="no"), in_languages("en", "zh")),
        (bart(context), in_languages("")),
        (bart(), in_languages("en", "zh")),
    ):
        batch = batch_of(objective, corpus)
        assert set(batch.tokens[batch.starts[:-1]]) == {TOKENIZER.classify}
        assert set(batch.tokens[batch.starts[1:] - 1]) == {TOKENIZER.separate}


def test_languages_without_a_code_are_refused_before_anything_is_trained():
    context, _ = coded()
    with pytest.raises(DataError, match="no code for the language 'de'"):
        next(bart(context).arrange(in_languages("en", "de")))
    for wish, names in (("auto", ("en", "")), ("yes", ("",))):
        with pytest.raises(DataError, match="does not say its language"):
            next(bart(context, language_codes=wish).arrange(in_languages(*names)))
    with pytest.raises(UsageError, match="has no language codes"):
        bart(language_codes="yes")


def greedily(objective, backbone, tokens, most):
    """The likeliest token at every step, all that was written read anew each time."""
    memory, written = backbone.encode(Inputs.pack([tokens])), [int(tokens[-1])]
    unknown = ~torch.from_numpy(TOKENIZER.known)
    while len(written) <= most:
        hidden = backbone.decode(Inputs.pack([np.asarray(written)]), memory)
        logits = objective.head(hidden.last_TD[-1:], backbone)[0]
        token = int(logits.masked_fill(unknown, -torch.inf).argmax())
        if token == int(tokens[-1]):
            break
        written.append(token)
    return written[1:]


@torch.no_grad()
def test_a_text_with_gaps_is_written_anew():
    objective = bart()
    learner = Learner(Transformer(CONTEXT.architecture), objective).eval()
    for module in (learner.backbone, objective):
        initialize(module, torch.Generator().manual_seed(5), 0.3)
    text = f"{TOKENIZER.decode([7, 8])} [MASK] {TOKENIZER.decode([9])}"
    own = TOKENIZER.pieces([TOKENIZER.mask])[0]
    (tokens,) = TOKENIZER.encode_with_blanks([text.replace("[MASK]", own)])
    tokens = np.asarray([TOKENIZER.classify, *tokens, TOKENIZER.separate])
    assert TOKENIZER.mask in tokens
    request = objective.Request(text=text)
    (found,) = objective.generate(learner.backbone, request, TRAINING)
    written = greedily(objective, learner.backbone, tokens, objective.longest_written(len(tokens)))
    assert found.text == objective._words(np.asarray(written, dtype=np.int64))
    several = list(
        objective.generate(learner.backbone, objective.Request(text=text, beams=3), TRAINING)
    )
    assert len(several) == 3
    assert [each.score for each in several] == sorted(
        (each.score for each in several), reverse=True
    )
    with pytest.raises(DataError, match="has no token"):
        list(objective.generate(learner.backbone, objective.Request(text=" "), TRAINING))
