"""Documents as short texts: codes are written, scored and drawn as a slow obvious way does it."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from sslplugins.objectives.shortening.codes import Told, Vocabulary, write_codes

from sslcli import registry
from sslcli.api import DataError, Inputs, Rng, Transformer, UsageError
from sslcli.conformance.tiny import corpus_in_memory
from sslcli.core.initialize import initialize
from sslcli.data.batches import collate
from sslcli.engine.learner import Learner
from sslcli.testing import tiny_context, tiny_tokenizer

TextAutoEncoder = registry.load("objectives", "text-autoencoder")
TOKENIZER = tiny_tokenizer()
CONTEXT = tiny_context("encoder_decoder")
WORDS = np.flatnonzero(TOKENIZER.known & ~TOKENIZER.specials)
SHAPE = CONTEXT.architecture
SEP = TOKENIZER.special_tokens["sep"]
COPYING, LATER, EVALUATING = (Rng(3, 0, progress=share) for share in (0.0, 0.9, 1.0))
MOST = 5


def objective(**options):
    return TextAutoEncoder(TextAutoEncoder.Options(**{"code_tokens": MOST, **options}), CONTEXT)


def learner_of(made, seed=0):
    found, generator = Learner(Transformer(SHAPE), made), torch.Generator().manual_seed(seed)
    initialize(found.backbone, generator)
    initialize(made, generator)
    return found.eval()


def corpus(short=6, documents=10):
    random = np.random.default_rng(0)
    texts = [[random.choice(WORDS, 4) for _ in range(3)] for _ in range(documents)]
    return corpus_in_memory(
        texts + [[random.choice(WORDS, 3)] for _ in range(short)], sequence_tokens=64
    )


def batch_of(made, rng, given=None):
    given = corpus() if given is None else given
    rows = np.concatenate([chunk.values for chunk in made.arrange(given)])
    samples = [made.sample(given, row, rng.sample(number)) for number, row in enumerate(rows)]
    return collate(range(len(rows)), samples)


def model_batch(made, rng, given=None):
    return replace(made.collate(batch_of(made, rng, given), rng), progress=rng.progress)


@pytest.fixture(scope="module")
def writer():
    made = objective()
    learner = learner_of(made)
    documents = [torch.from_numpy(np.append(WORDS[n : n + 6], SEP)) for n in range(5)]
    with torch.no_grad():
        memory = learner.backbone.encode(Inputs.pack(documents))
    return made, learner.backbone, documents, memory


def slowly(made, backbone, document, code):
    """Probabilities [V] of what follows the first tokens of a code, one pass for each."""
    told = []
    with torch.no_grad():
        memory = backbone.encode(Inputs.pack([document]))
        for length in range(len(code) + 1):
            read = torch.tensor([made.vocabulary.start, *code[:length]])
            last_D = backbone.decode(Inputs.pack([read]), memory).last_TD[-1:]
            logits_V = made.head(last_D, backbone)[0].float()
            forbidden_V = ~made.vocabulary.allowed_V.clone()
            forbidden_V[SEP] = length == 0
            logits_V[: len(forbidden_V)][forbidden_V] = -torch.inf
            logits_V[len(forbidden_V) :] = -torch.inf
            told.append(logits_V.softmax(dim=0))
    return told


def test_greedy_codes_are_the_likeliest_tokens_one_by_one(writer):
    made, backbone, documents, memory = writer
    codes = write_codes(backbone, made.head, memory, made.vocabulary, MOST)
    for document, code in zip(documents, codes, strict=True):
        own = code.tolist()
        assert 1 <= len(own) <= MOST
        told = slowly(made, backbone, document, own)
        for place, token in enumerate([*own, SEP][:MOST]):
            assert told[place].argmax() == token


def test_a_sampled_token_is_the_one_that_its_number_falls_to(writer):
    made, backbone, documents, memory = writer
    uniforms_BK = torch.rand(len(documents), MOST, dtype=torch.float64)
    codes = write_codes(backbone, made.head, memory, made.vocabulary, MOST, uniforms_BK)
    assert len({tuple(code.tolist()) for code in codes}) > 1
    for document, code, uniforms_K in zip(documents, codes, uniforms_BK, strict=True):
        own = code.tolist()
        told = slowly(made, backbone, document, own)
        for place, token in enumerate([*own, SEP][:MOST]):
            before = told[place][:token].double().sum()
            assert before - 1e-5 <= uniforms_K[place] <= before + told[place][token] + 1e-5


def test_special_tokens_are_never_written_and_no_code_is_empty(writer):
    made, backbone, _, memory = writer
    for seed in range(20):
        uniforms_BK = torch.rand(5, MOST, generator=torch.Generator().manual_seed(seed))
        for code in write_codes(backbone, made.head, memory, made.vocabulary, MOST, uniforms_BK):
            assert len(code) > 0
            assert not TOKENIZER.specials[code.numpy()].any()


def test_what_a_code_costs_is_the_product_of_its_tokens_probabilities(writer):
    made, backbone, documents, memory = writer
    codes = [torch.tensor(WORDS[:size]) for size in (1, 2, MOST, 3, 4)]
    told = Told.of(codes, made.vocabulary, MOST)
    logits_RV = made.head(backbone.decode(told.inputs, memory).last_TD, backbone)
    nats_B = told.sums_B(told.nats_R(logits_RV, made.vocabulary), len(codes))
    for document, code, nats in zip(documents, codes, nats_B.tolist(), strict=True):
        own = code.tolist()
        chances = slowly(made, backbone, document, own)
        expected = sum(
            -log(chances[place][token]) for place, token in enumerate([*own, SEP][:MOST])
        )
        assert nats == pytest.approx(expected, rel=1e-4)


def test_the_gradient_is_that_of_the_expected_cost():
    """Of a writer of one token and two words, where the expectation is a sum of two."""
    allowed_V = torch.zeros(SHAPE.vocabulary, dtype=torch.bool)
    allowed_V[WORDS[:2]] = True
    made = objective(code_tokens=1, readability=0.7)
    made.vocabulary = Vocabulary(allowed_V, made.vocabulary.start, SEP)
    learner = learner_of(made)
    batch = model_batch(made, LATER)
    count, (first, second) = len(batch.inputs.packing), (torch.tensor([w]) for w in WORDS[:2])
    costs = [
        made._cost_B(
            made._read_B([code] * count), made._restoring_B([code] * count, batch), batch
        ).detach()
        for code in (first, second)
    ]
    nats_B = made._writing_B(learner.backbone, batch, [first] * count)
    chance_B = nats_B.neg().exp()
    expected = (chance_B * costs[0] + (1 - chance_B) * costs[1]).sum()
    (wanted,) = torch.autograd.grad(expected, learner.backbone.embedding)
    found, draws = torch.zeros_like(wanted), 128
    memory = made.memory_of(learner.backbone, batch.inputs)
    for number in ((torch.arange(draws) + 0.5) / draws).tolist():
        drawn = replace(batch, uniforms_BK=torch.full((count, 1), number, dtype=torch.float64))
        surrogate, _ = made._surrogate(learner.backbone, memory, drawn, costs[0])
        assert surrogate.item() == 0
        found += torch.autograd.grad(surrogate, learner.backbone.embedding)[0] / draws
    assert wanted.norm() > 0
    assert (found - wanted).norm() < 0.03 * wanted.norm()


def test_what_codes_cost_stands_in_no_gradient_of_the_language_model():
    made = objective()
    learner, batch = learner_of(made), model_batch(made, LATER)
    loss = learner(batch)
    loss.sums["writing"].backward()
    of_others = [*made.language.parameters(), *made.restorer.parameters()]
    assert all(each.grad is None or not each.grad.any() for each in of_others)
    assert learner.backbone.embedding.grad.any()


def test_restoring_costs_what_a_decoder_of_the_code_gives_each_token():
    made = objective()
    learner_of(made)
    batch = model_batch(made, EVALUATING)
    codes = [torch.from_numpy(WORDS[n : n + 1 + n % 3]) for n in range(len(batch.inputs.packing))]
    with torch.no_grad():
        nats_B = made._restoring_B(codes, batch)
    documents = batch.inputs.ids_T.split(batch.inputs.packing.lengths)
    for document, code, nats in zip(documents, codes, nats_B.tolist(), strict=True):
        source = torch.tensor([TOKENIZER.special_tokens["cls"], *code.tolist(), SEP])
        with torch.no_grad():
            memory = made.restorer.encode(Inputs.pack([source]))
            read = torch.cat([torch.tensor([made.vocabulary.start]), document[:-1]])
            hidden = made.restorer.decode(Inputs.pack([read]), memory)
            scores_tV = made.restorer_head(hidden.last_TD, made.restorer).log_softmax(dim=-1)
        expected = -scores_tV[torch.arange(len(document)), document].sum().item()
        assert nats == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("rng", "passes"), [(COPYING, 2), (LATER, 3), (EVALUATING, 1)])
def test_counts_are_of_the_tokens_that_are_told(rng, passes):
    made = objective()
    batch = model_batch(made, rng)
    assert batch.counts["restoring"] == passes * batch.inputs.packing.total
    assert batch.counts["language"] == sum(
        min(size + 1, MOST) for size in batch.spoken.packing.lengths
    )
    per_token = sum(min(size + 1, MOST) for size in batch.sentences.packing.lengths)
    wanted = per_token if rng is COPYING else len(batch.inputs.packing)
    assert batch.counts["writing"] == wanted


def test_each_document_gets_one_of_its_own_sentences_and_a_short_text_of_the_data():
    made, given = objective(), corpus()
    batch = model_batch(made, COPYING, given)
    short = {tuple(given.tokens(*given.sentences[span[1:]].tolist()).tolist()) for span in
             given.spans[10:]}  # fmt: skip
    spoken = batch.spoken.ids_T.split(batch.spoken.packing.lengths)
    assert {tuple(text.tolist()) for text in spoken} <= short
    documents = batch.inputs.ids_T.split(batch.inputs.packing.lengths)
    sentences = batch.sentences.ids_T.split(batch.sentences.packing.lengths)
    places = set()
    for document, sentence in zip(documents, sentences, strict=True):
        plain = document[1:-1]
        (place,) = (n for n in range(3) if torch.equal(plain[4 * n : 4 * n + 4], sentence))
        places.add(place)
    assert len(documents) == 10
    assert len(places) > 1


def test_short_texts_are_no_documents_and_without_them_sentences_teach():
    made = objective()
    assert made.remarks_on(corpus(), np.zeros((1, 3), int)) == [
        f"6 texts of at most {MOST} tokens teach what is readable"
    ]
    bare = corpus(short=0)
    assert made.remarks_on(bare, np.zeros((1, 3), int))[0].startswith("no text has at most")
    batch = model_batch(made, COPYING, bare)
    assert set(batch.spoken.packing.lengths) == {4}


def test_where_all_is_short_there_is_nothing_to_shorten():
    with pytest.raises(DataError, match="nothing to shorten"):
        list(objective().arrange(corpus(documents=0)))


def test_a_code_longer_than_the_positions_is_refused():
    with pytest.raises(UsageError, match="too long"):
        objective(code_tokens=SHAPE.longest_tokens)


def test_what_stands_in_the_place_of_a_code_is_as_long():
    made = objective()
    learner, batch = learner_of(made), model_batch(made, EVALUATING)
    seen = []
    made._restoring_B = lambda codes, _, inner=made._restoring_B: (
        seen.append(codes) or inner(codes, batch)
    )
    with torch.no_grad():
        found = made(learner.backbone, batch).metrics
    documents = batch.inputs.ids_T.split(batch.inputs.packing.lengths)
    for code, first, some, none, document in zip(*seen, documents, strict=True):
        plain = document[1:-1].tolist()
        assert first.tolist() == plain[: len(code)]
        assert len(some) == len(code)
        rest = iter(plain)
        assert all(token in rest for token in some.tolist())  # in their order
        assert len(none) == 0
    assert found["code_tokens"].sum == sum(map(len, seen[0]))


def test_it_restores_and_generates_what_it_writes():
    made = objective()
    learner, batch = learner_of(made), model_batch(made, EVALUATING)
    restored = made.restore(learner.backbone, batch)
    codes = made.codes_of(learner.backbone, made.memory_of(learner.backbone, batch.inputs))
    assert [each.corrupted for each in restored] == [made._words(code) for code in codes]
    (made_of_first,) = made.generate(
        learner.backbone, made.Request(text=restored[0].input), EVALUATING
    )
    assert made_of_first.text == restored[0].corrupted
    with pytest.raises(DataError, match="nothing to shorten"):
        list(made.generate(learner.backbone, made.Request(text=""), EVALUATING))


def test_it_says_whether_codes_are_worth_more_than_what_needs_no_learning():
    made, figures = objective(), {"lead_loss": 2.0, "words_loss": 1.9, "nothing_loss": 3.0}
    (better,) = made.conclusions(1.0, {**figures, "code_loss": 1.5})
    (worse,) = made.conclusions(1.0, {**figures, "code_loss": 1.95})
    assert better.startswith("a token of a document costs 1.500 nats given its code")
    assert worse.startswith("not emerged")
