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
from sslcli.workflows.caching import Say, quiet
from sslcli.workflows.finite import watched
from sslcli.workflows.models import learner_of, load_pretrained
from sslcli.workflows.preparing import Prepared
from sslcli.workflows.unknownwords import unknown_in, unknown_sentences

EXAMPLES = 3
PROMPT_TOKENS = 6
AROUND_TOKENS = 10
CANDIDATES = 3
NEW_TOKENS = 24


def generator_of(learner: Learner, what: str) -> Generates:
    """The part of a learner that generates. Raises UsageError where none does."""
    found = next(with_ability(learner.learnable, Generates), None)
    if found is None:
        raise UsageError(f"{what} cannot generate: its objective has no such ability", "ssl generate needs a model of mlm or clm")
    return found[1]


def generate(reference: str, request: Mapping[str, Any], seed: int, say: Say = quiet) -> Iterator[Artifact]:
    """Artifacts one after the other; the same request and seed give the same ones.

    `say` hears what is to be known of the model and of the text. Raises ConfigError, ModelError, UsageError.
    """
    pretrained = load_pretrained(reference)
    learner = learner_of(pretrained).eval()
    watched(learner)
    generator = generator_of(learner, reference)
    try:
        complete = generator.Request(**request)
    except ValidationError as error:
        raise ConfigError(problems_of(error, generator.Request), "ssl generate --help lists the flags") from error
    yield from generator.generate(learner.backbone, complete, Draws(seed, 0))
    tokenizer = pretrained.tokenizer()
    remarks = tokenizer.remarks()  # which count texts: before the prompt is read once more
    unknown = unknown_sentences(unknown_in(tokenizer, str(request.get("text", ""))))
    for note in (*tokenizer.notes, *remarks, *unknown):
        say(f"note: {note}")


def illustrations(prepared: Prepared) -> Illustrate:
    """A few held-out samples with one blank to fill (encoders) or to be continued (decoders), the same at every evaluation.

    Nothing where the learnable does not generate from a text.
    """
    part = next((part for _, part in with_ability(prepared.twin, Generates)), None)
    if part is None or "text" not in part.Request.model_fields:
        return lambda learner: ()
    shape = prepared.learner.backbone.settings
    draws = Draws(prepared.settings.training.seed, 0, "illustration")
    count = min(EXAMPLES, len(prepared.evaluation))
    numbers = [int(number) for number in np.linspace(0, len(prepared.evaluation) - 1, count)]
    samples = [prepared.evaluation.sample(number, draws.sample(number)) for number in numbers]
    blanks = not shape.causal
    asked = [found for sample in samples if sample.tokens is not None and (found := _question(sample.tokens, prepared.tokenizer, blanks))]
    lengths = {"new_tokens": min(NEW_TOKENS, shape.longest_tokens - 2 * PROMPT_TOKENS)} if "new_tokens" in part.Request.model_fields else {}
    if any(length < 1 for length in lengths.values()):
        return lambda learner: ()
    requests = [(f"{text} ({truth})" if truth else text, part.Request(text=text, **lengths)) for text, truth in asked]

    def illustrate(learner: Learner) -> Sequence[tuple[str, str]]:
        generator = generator_of(learner, "this model")
        return [(shown, _in_one_line(generator.generate(learner.backbone, request, draws))) for shown, request in requests]

    return illustrate


def _question(tokens_T: np.ndarray, tokenizer: Tokenizer, blanks: bool) -> tuple[str, str] | None:
    """The middle of a sample with one word blanked, and that word; its beginning, and nothing, where there is no mask."""
    plain_T = tokens_T[~tokenizer.specials[tokens_T]]
    if len(plain_T) < 3:
        return None
    if not blanks or tokenizer.mask is None:
        return tokenizer.decode(plain_T[:PROMPT_TOKENS]), ""
    middle = len(plain_T) // 2
    before_T = plain_T[max(0, middle - AROUND_TOKENS) : middle]
    after_T = plain_T[middle + 1 : middle + 1 + AROUND_TOKENS]
    (mask,) = tokenizer.pieces(np.asarray([tokenizer.mask]))
    text = tokenizer.decode([*before_T, tokenizer.mask, *after_T])
    return _spaced(text, mask, tokenizer), tokenizer.decode(plain_T[middle : middle + 1]).strip()


def _spaced(text: str, mask: str, tokenizer: Tokenizer) -> str:
    """With a space before the blank, where that changes no token."""
    if text.startswith(mask) or f" {mask}" in text:
        return text
    spaced = text.replace(mask, f" {mask}")
    text_T, spaced_T = tokenizer.encode_with_blanks([text, spaced])
    return spaced if np.array_equal(text_T, spaced_T) else text


def _in_one_line(artifacts: Iterator[Artifact]) -> str:
    """ "apple .41  orange .12" for the best candidates of a blank, the text for anything else."""
    lines = []
    for _, group in groupby(artifacts, key=lambda artifact: artifact.details.get("blank")):
        best = list(group)[:CANDIDATES]
        lines.append("  ".join(a.text if a.score is None else f"{a.text} {a.score:.2f}".replace("0.", ".", 1) for a in best))
    return " | ".join(lines)
