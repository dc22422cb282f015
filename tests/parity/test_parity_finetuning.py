"""Fine-tuning: from one model directory and the same examples, loss, gradient and answers are those
of transformers.

The other side is the benchmarks' own: its tokenizers on the texts themselves, its labels, its
padding.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_texts import NOUNS, generated_paragraphs
from test_parity_answers import SMALL, model_of

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from finetuning_peers import PEERS, Padding

from sslcli.contracts.learnable import Context
from sslcli.core.presets import preset
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.tasks import task_class, task_options
from sslcli.engine.learner import Learner
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.replicas import Replica
from sslcli.models.hf_directory import write_directory
from sslcli.models.loading import load_pretrained
from sslcli.registry import load
from sslcli.workflows.predict.predictor import EncodedSet, answer, evaluation_loader

VOCABULARY, LONGEST, EXAMPLES = 120, 64, 40
TOLERANCE = 1e-4
OPTIONS = {"qa": {"stride": 16}}
KINDS = {
    "sentiment": "sequence",
    "nli": "sequence",
    "dna": "sequence",
    "pos": "tokens",
    "qa": "spans",
}
SENTENCES = [
    sentence.rstrip(".")
    for paragraph in generated_paragraphs(40)
    for sentence in paragraph.split(". ")
]


def records(name):
    for number in range(EXAMPLES):
        sentence, other = SENTENCES[number], SENTENCES[-1 - number]
        noun = next(noun for noun in NOUNS if noun in sentence)
        yield {
            "sentiment": {
                "text": sentence * (1 + number % 3),
                "label": "good" if number % 3 else "bad",
            },
            "nli": {
                "premise": sentence * (1 + number % 4),
                "hypothesis": other,
                "label": ["yes", "no", "perhaps"][number % 3],
            },
            "dna": {
                "sequence": ("ACGT" * 20)[number % 4 : 10 + number],
                "label": ["ei", "ie", "n"][number % 3],
            },
            "pos": {
                "words": sentence.split(),
                "tags": ["N" if word in NOUNS else "O" for word in sentence.split()],
            },
            "qa": {
                "context": f"{other}. {sentence}.",
                "question": f"who {sentence.split()[-1]}?",
                "answers": {
                    "text": [noun],
                    "answer_start": [len(other) + 2 + sentence.index(noun)],
                },
            },
        }[name]


@pytest.fixture(scope="module")
def tokenizer():
    trainer = load("tokenizers", "wordpiece")
    return Tokenizer(trainer(trainer.Options()).train(generated_paragraphs(40), VOCABULARY))


@pytest.fixture(params=KINDS)
def sides(request, tokenizer, tmp_path):
    """Our task with its backbone, the peer with its model, and the examples; both out of one
    directory, neither in training.
    """
    name, shape = (
        request.param,
        preset("tiny", "encoder", tokenizer.size, **{**SMALL, "longest_tokens": LONGEST}),
    )
    cls = task_class(name)
    asked = task_options(name, {"sequence_tokens": LONGEST, **OPTIONS.get(name, {})})
    examples = [
        cls.parse(asked, Record(Where("made", number), values))
        for number, values in enumerate(records(name))
    ]
    options = cls.resolve_options(asked, examples, tokenizer)
    labels = tuple(cls.labels(options, examples))
    write_directory(model_of(shape, KINDS[name], labels=labels), tmp_path, tokenizer)
    pretrained = load_pretrained(str(tmp_path))
    task = cls(options, Context(pretrained.settings, pretrained.tokenizer(), labels))
    pretrained.answers.load_into(task)
    peer = PEERS[name](tmp_path, options, labels)
    return Learner(pretrained.network()[0], task).eval(), peer, peer.model().eval(), examples


def our_loss(learner, data):
    """Of one batch of all samples."""
    (work,) = evaluation_loader(data, learner.learnable, len(data.samples), None, seed=0).one_pass()
    (term,) = work.counts
    return learner(work.batches[0]).sums[term] / work.counts[term]


def their_loss(peer, model, examples):
    """Their start and end may be anywhere, also in the question and in the padding; ours are of the
    passage, or [CLS].
    """
    features = peer.features(examples)
    output = model(**peer.collate(Padding(tokens=LONGEST))(features))
    if "start_logits" not in output:
        return output.loss
    outside_BP = torch.ones(output.start_logits.shape, dtype=torch.bool)
    for row, window in enumerate(peer.windows(examples)):
        outside_BP[
            row, [0, *(place for place, offsets in enumerate(window.offsets) if offsets)]
        ] = False
    losses = [
        torch.nn.functional.cross_entropy(
            logits.masked_fill(outside_BP, -torch.inf),
            torch.tensor([feature[position] for feature in features]),
        )
        for logits, position in (
            (output.start_logits, "start_positions"),
            (output.end_logits, "end_positions"),
        )
    ]
    return sum(losses) / 2


def test_loss_and_gradient_of_a_batch_are_theirs(sides):
    learner, peer, model, examples = sides
    ours, theirs = (
        our_loss(learner, EncodedSet.of(learner.learnable, examples, training=True)),
        their_loss(peer, model, examples),
    )
    assert abs(ours.item() - theirs.item()) <= TOLERANCE
    ours.backward()
    theirs.backward()
    gradient_VD = model.get_input_embeddings().weight.grad
    assert float(gradient_VD.abs().max()) > 10 * TOLERANCE
    assert float((learner.backbone.embedding.grad - gradient_VD).abs().max()) <= TOLERANCE


def centred(peer, model, task, examples):
    """Biases that give every class its share on both sides: with weights as they are drawn, one
    class wins everywhere.
    """
    rows = [
        arrays[0].reshape(-1, len(peer.labels))
        for arrays in peer.read(model, peer.features(examples))
    ]
    middle = torch.from_numpy(np.median(np.concatenate(rows), axis=0))
    with torch.no_grad():
        for classifier in (model.classifier, task.classifier.classifier):
            classifier.bias -= middle


def test_answers_are_theirs(sides):
    learner, peer, model, examples = sides
    task = learner.learnable
    if peer.labels:
        centred(peer, model, task, examples)
    data = EncodedSet.of(task, examples, training=False)
    loader = evaluation_loader(data, task, 16, None, seed=0)
    _, ours = answer(Replica(learner), loader, data, Hardware(torch.device("cpu"), None, False))
    values = [prediction.value for prediction in ours]
    assert values == [prediction.value for prediction in peer.predictions(model, examples)]
    assert len({str(value) for value in values}) > 1
