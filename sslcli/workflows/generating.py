"""`ssl generate`: what a model with the ability makes of a request; and the examples shown while it learns."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from pydantic import ValidationError

from sslcli.config import problems_of
from sslcli.contracts import Artifact, Generates
from sslcli.data.draws import Draws
from sslcli.data.tokenizer import Tokenizer
from sslcli.engine.composite import with_ability
from sslcli.engine.learner import Learner
from sslcli.engine.trainer import Illustrate
from sslcli.errors import ConfigError, UsageError
from sslcli.workflows.models import learner_of, load_pretrained
from sslcli.workflows.preparing import Prepared

EXAMPLES = 3
PROMPT_TOKENS = 6


def generator_of(learner: Learner, what: str) -> Generates:
    """The part of a learner that generates. Raises UsageError where none does."""
    found = next(with_ability(learner.learnable, Generates), None)
    if found is None:
        raise UsageError(f"{what} cannot generate: its objective has no such ability", "ssl generate needs a model of mlm or clm")
    return found[1]


def generate(reference: str, request: Mapping[str, Any], seed: int) -> Iterator[Artifact]:
    """Artifacts one after the other; the same request and seed give the same ones. Raises ConfigError, ModelError, UsageError."""
    learner = learner_of(load_pretrained(reference)).eval()
    generator = generator_of(learner, reference)
    try:
        complete = generator.Request(**request)
    except ValidationError as error:
        raise ConfigError(problems_of(error, generator.Request), "ssl generate --help lists the flags") from error
    yield from generator.generate(learner.backbone, complete, Draws(seed, 0))


def illustrations(prepared: Prepared) -> Illustrate:
    """A few held-out samples with one blank to fill (encoders) or to be continued (decoders), the same at every evaluation."""
    draws = Draws(prepared.settings.training.seed, 0, "illustration")
    wanted = min(EXAMPLES, len(prepared.evaluation))
    samples = [prepared.evaluation.sample(number, draws.sample(number)) for number in range(wanted)]
    texts = [text for sample in samples if sample.tokens is not None and (text := _prompt(sample.tokens, prepared.tokenizer))]

    def illustrate(learner: Learner) -> Sequence[tuple[str, str]]:
        found = next(with_ability(learner.learnable, Generates), None)
        if found is None:
            return ()
        generator = found[1]
        return [(text, _in_one_line(generator.generate(learner.backbone, generator.Request(text=text), draws))) for text in texts]

    return illustrate


def _prompt(tokens_T: np.ndarray, tokenizer: Tokenizer) -> str:
    """The text of a sample with its middle word blanked, or its beginning where the tokenizer has no mask."""
    plain_T = tokens_T[~tokenizer.specials[tokens_T]]
    if len(plain_T) < 3:
        return ""
    if tokenizer.mask is None:
        return tokenizer.decode(plain_T[:PROMPT_TOKENS])
    middle = len(plain_T) // 2
    mask = tokenizer.pieces(np.asarray([tokenizer.mask]))[0]
    return f"{tokenizer.decode(plain_T[:middle])} {mask} {tokenizer.decode(plain_T[middle + 1 :])}".strip()


def _in_one_line(artifacts: Iterator[Artifact]) -> str:
    """ "apple .41  orange .12" for candidates of one blank, the text for anything else."""
    lines = []
    for _, group in groupby(artifacts, key=lambda artifact: artifact.details.get("blank")):
        lines.append("  ".join(a.text if a.score is None else f"{a.text} {a.score:.2f}".replace("0.", ".", 1) for a in group))
    return " | ".join(lines)
