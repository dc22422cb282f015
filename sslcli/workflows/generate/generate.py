"""`ssl generate`: what a model with the ability makes of a request; and the examples shown while it
learns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sslcli.config import Config
from sslcli.contracts.abilities import (
    Artifact,
    ContinuesTokens,
    Generates,
    Illustrates,
    ReadsText,
    RemarksOnGeneration,
    Streams,
)
from sslcli.core.transformer import Transformer
from sslcli.data.rng import Rng
from sslcli.datasets.cache import Say, quiet
from sslcli.datasets.unknown_words import unknown_in, unknown_sentences
from sslcli.engine.composite import with_ability
from sslcli.engine.evaluator import Illustrate
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError, naming_text
from sslcli.modalities import modality_read
from sslcli.models.finite import watched
from sslcli.models.loading import learner_of, load_pretrained
from sslcli.resolving import checked
from sslcli.runs.references import what_generates
from sslcli.workflows.pretrain.prepare import Prepared

CANDIDATES = 3


def generator_of(learner: Learner, what: str) -> Generates:
    """The part of a learner that generates. Raises UsageError where none does."""
    found = next(with_ability(learner.learnable, Generates), None)
    if found is None:
        reads = modality_read(learner.backbone.settings.model_dump()) or "text"
        raise UsageError(
            f"{what} cannot generate: its objective does not implement generation",
            what_generates(reads),
        )
    return found[1]


def generate(
    reference: str, request: Mapping[str, Any], seed: int, say: Say = quiet
) -> Iterator[Artifact]:
    """Yield whole artifacts; otherwise as `streamed`."""
    made = streamed(reference, request, seed, say)
    return (each for each in made if isinstance(each, Artifact))


def streamed(
    reference: str,
    request: Mapping[str, Any],
    seed: int,
    say: Say = quiet,
    texts: Sequence[str] | None = None,
    *,
    continues: bool = False,
) -> Iterator[str | Artifact]:
    """Yield artifacts; the same request and seed give the same ones.

    `texts` are asked for in place of the request's one, and `details["prompt"]` is the one that an
    artifact answers. `continues`: whether it must be a model that continues texts. A model that
    writes piece by piece yields the pieces of a single artifact before it. `say` receives remarks
    on the model and the text. Raises ConfigError, ModelError, UsageError.
    """
    pretrained = load_pretrained(reference)
    if pretrained.settings.vocabulary:
        pretrained.tokenizer().refuse_strange_generation()
    learner = learner_of(pretrained).eval()
    watched(learner)
    generator = generator_of(learner, reference)
    if continues and not isinstance(generator, ContinuesTokens):
        problem = f"{reference} continues no text, and worked examples are for a model that does"
        raise UsageError(problem, "name a decoder with --model")
    asked = [request] if texts is None else [{**request, "text": text} for text in texts]
    hint = "ssl generate --help lists the flags"
    complete = [checked(generator.Request, each, hint=hint) for each in asked]
    rng = Rng(seed, 0)
    if isinstance(generator, Streams):
        _, notes = generator.completed(complete[0])
        for note in notes:
            say(note)
        requests = [generator.completed(each)[0] for each in complete]
        yield from generator.stream(learner.backbone, requests, rng)
    else:
        for text, each in zip(texts or [None], complete, strict=True):
            yield from _answers(generator, learner.backbone, each, rng, text, len(complete))
    if not pretrained.settings.vocabulary:
        return
    tokenizer = pretrained.tokenizer()
    remarks = tokenizer.remarks()  # which count texts: before the prompt is read once more
    if isinstance(generator, RemarksOnGeneration):
        remarks = [*remarks, *generator.remarks_on_generation()]
    read = " ".join(each.text for each in complete if isinstance(each, ReadsText))
    unknown = unknown_sentences(unknown_in(tokenizer, read))
    for note in (*tokenizer.notes, *remarks, *unknown):
        say(f"note: {note}")


def _answers(
    generator: Generates,
    backbone: Transformer,
    request: Config,
    rng: Rng,
    text: str | None,
    texts: int,
) -> Iterator[Artifact]:
    """The artifacts of one request; of one of several texts, each says which."""
    with naming_text(text or "", texts):
        for artifact in generator.generate(backbone, request, rng):
            if text is None:
                yield artifact
            else:
                yield replace(artifact, details={"prompt": text, **artifact.details})


def illustrations(prepared: Prepared) -> Illustrate | None:
    """Return outputs for a few held-out samples, the same at every evaluation.

    None if the learnable makes no requests of them.
    """
    name, part = next(with_ability(prepared.collator, Illustrates), (None, None))
    if part is None:
        return None
    rng = Rng(prepared.settings.training.seed, 0, "illustration")
    _, samples = prepared.shown_samples(rng)
    requests = part.illustrations(samples)

    def illustrate(learner: Learner) -> Sequence[tuple[str, str]]:
        generator = dict(with_ability(learner.learnable, Illustrates))[name]
        return [
            (shown, _in_one_line(generator.generate(learner.backbone, request, rng)))
            for shown, request in requests
        ]

    return illustrate


def _in_one_line(artifacts: Iterator[Artifact]) -> str:
    """ "apple .41  orange .12" for the first candidates of a place, the text for anything else."""
    lines = []
    for _, group in groupby(artifacts, key=lambda artifact: artifact.details):
        best = list(group)[:CANDIDATES]
        lines.append(
            "  ".join(
                a.text if a.score is None else f"{a.text} {f'{a.score:.2f}'.removeprefix('0')}"
                for a in best
            )
        )
    return " | ".join(lines)
