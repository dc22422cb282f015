"""What of a model generates, ready to be asked, and what is to be known of it."""

from collections.abc import Sequence

from sslcli.contracts.abilities import Generates, RemarksOnGeneration
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say
from sslcli.datasets.unknown_words import unknown_in, unknown_sentences
from sslcli.engine.composite import with_ability
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError
from sslcli.modalities import modality_read
from sslcli.models.finite import watched
from sslcli.models.loading import Pretrained, learner_of, load_pretrained
from sslcli.runs.references import what_generates


def ready_to_generate(reference: str) -> tuple[Pretrained, Learner, Generates]:
    """Load a model, and what of it generates. Raises ModelError, and UsageError where nothing
    does.
    """
    pretrained = load_pretrained(reference)
    if pretrained.settings.vocabulary:
        pretrained.tokenizer().refuse_strange_generation()
    learner = learner_of(pretrained).eval()
    watched(learner)
    return pretrained, learner, _generator_of(learner, reference)


def say_remarks(
    tokenizer: Tokenizer, generator: Generates, read: Sequence[str], say: Say
) -> None:
    """Say what is to be known of a model and the texts that it has read."""
    remarks = tokenizer.remarks()  # which count texts: before the prompt is read once more
    if isinstance(generator, RemarksOnGeneration):
        remarks = [*remarks, *generator.remarks_on_generation()]
    unknown = unknown_sentences(unknown_in(tokenizer, " ".join(read)))
    for note in (*tokenizer.notes, *remarks, *unknown):
        say(f"note: {note}")


def _generator_of(learner: Learner, what: str) -> Generates:
    """The part of a learner that generates. Raises UsageError where none does."""
    found = next(with_ability(learner.learnable, Generates), None)
    if found is None:
        reads = modality_read(learner.backbone.settings.model_dump()) or "text"
        raise UsageError(
            f"{what} cannot generate: its objective does not implement generation",
            what_generates(reads),
        )
    return found[1]
