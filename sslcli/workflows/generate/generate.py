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
    Generates,
    Illustrates,
    ReadsText,
    Streams,
)
from sslcli.core.transformer import Transformer
from sslcli.data.rng import Rng
from sslcli.datasets.cache import Say, quiet
from sslcli.engine.composite import with_ability
from sslcli.engine.evaluator import Illustrate
from sslcli.engine.learner import Learner
from sslcli.errors import naming_text
from sslcli.resolving import checked
from sslcli.workflows.generate.ready import ready_to_generate, say_remarks
from sslcli.workflows.pretrain.prepare import Prepared

CANDIDATES = 3


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
) -> Iterator[str | Artifact]:
    """Yield artifacts; the same request and seed give the same ones.

    `texts` are asked for in place of the request's one, and `details["prompt"]` is the one that an
    artifact answers. A model that writes piece by piece yields the pieces of a single artifact
    before it. `say` receives remarks on the model and the text. Raises ConfigError, ModelError,
    UsageError.
    """
    pretrained, learner, generator = ready_to_generate(reference)
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
    if pretrained.settings.vocabulary:
        read = [each.text for each in complete if isinstance(each, ReadsText)]
        say_remarks(pretrained.tokenizer(), generator, read, say)


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
