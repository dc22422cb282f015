"""A frozen model to look into, from any reference, with its milestones."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sslcli.contracts.learnable import Learnable
from sslcli.contracts.probe import FrozenModel
from sslcli.core.transformer import Transformer
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.probe_data import References
from sslcli.engine.checkpoints.checkpoint_files import step_of
from sslcli.engine.precision import Hardware
from sslcli.errors import UsageError
from sslcli.models.finite import watched
from sslcli.models.loading import learner_of, load_pretrained
from sslcli.models.weights import Pretrained
from sslcli.progress import begin
from sslcli.settings import PretrainSettings


def load_frozen_model(
    reference: str, given: Sequence[str], hardware: Hardware, reader: str | None = None
) -> FrozenModel:
    """Load the model of a reference; `given` and its `reader`: data from the command line.

    Raises ModelError or UsageError if the reference is no model.
    """
    return subject_of(load_pretrained(reference), given, hardware, reader)


def subject_of(
    pretrained: Pretrained, given: Sequence[str], hardware: Hardware, reader: str | None = None
) -> FrozenModel:
    """Return the frozen model of loaded weights."""
    return _subject(
        pretrained,
        _references(pretrained, given, reader),
        hardware,
        pretrained.tokenizer(),
        with_stages=True,
    )


def _references(pretrained: Pretrained, given: Sequence[str], reader: str | None) -> References:
    settings = None if pretrained.trained is None else pretrained.trained.settings
    if not isinstance(settings, PretrainSettings):
        return References(given, reader=reader)
    return References(given, settings.data, reader)


def _subject(
    pretrained: Pretrained,
    probe_data: References,
    hardware: Hardware,
    tokenizer: Tokenizer,
    *,
    with_stages: bool = False,
) -> FrozenModel:
    backbone, learnable = _frozen(pretrained, hardware)
    run = None if pretrained.trained is None else pretrained.trained.folder
    stages = (
        partial(_stages, run, probe_data, hardware, tokenizer)
        if with_stages and run is not None
        else lambda: iter(())
    )
    step = None if run is None else step_of(pretrained.folder)
    name = str(pretrained.folder) if run is None or step is None else f"{run.name}, step {step:,}"
    return FrozenModel(name, step, backbone, tokenizer, learnable, probe_data, stages)


def _frozen(pretrained: Pretrained, hardware: Hardware) -> tuple[Transformer, Learnable | None]:
    if pretrained.head is None and (
        pretrained.trained is None or not isinstance(pretrained.trained.settings, PretrainSettings)
    ):
        backbone, learnable = Transformer(pretrained.settings), None
        backbone.load_state_dict(dict(pretrained.backbone))
    else:
        learner = learner_of(pretrained)
        backbone, learnable = learner.backbone, learner.learnable.to(hardware.device).eval()
    backbone = backbone.to(hardware.device).eval().requires_grad_(False)
    watched(backbone)
    return backbone, learnable


def _stages(
    run: Path, probe_data: References, hardware: Hardware, tokenizer: Tokenizer
) -> Iterator[FrozenModel]:
    """Each milestone in turn, and what came last, with `tokenizer` where theirs is equal to it.

    Raises UsageError where the run kept none.
    """
    by_step = {
        step: folder
        for folder in (run / "milestones").glob("step-*")
        if (step := step_of(folder)) is not None
    }
    if not by_step:
        raise UsageError(f"{run} kept no milestones", "pretrain with --milestones")
    last = load_pretrained(f"{run}:last")
    by_step.setdefault(step_of(last.folder) or 0, last.folder)
    for number, (step, folder) in enumerate(sorted(by_step.items()), 1):
        begin(f"milestone {number} of {len(by_step)}, step {step:,}")
        pretrained = load_pretrained(str(folder))
        own = pretrained.tokenizer()
        yield _subject(
            pretrained, probe_data, hardware, tokenizer if own.hash == tokenizer.hash else own
        )
    begin("")
