"""A frozen model to look into, from any reference, with its milestones."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sslcli.contracts.learnable import Learnable
from sslcli.contracts.probe import FrozenModel
from sslcli.core.settings import StackName
from sslcli.core.transformer import Transformer
from sslcli.data.settings import DataSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.item_data import ItemData
from sslcli.datasets.probe_data import References
from sslcli.engine.checkpoints.checkpoint_files import step_of
from sslcli.engine.precision import Hardware
from sslcli.errors import UsageError
from sslcli.modalities import modality_read
from sslcli.models.finite import watched
from sslcli.models.loading import learner_of, load_pretrained
from sslcli.models.weights import Pretrained
from sslcli.progress import begin
from sslcli.settings import PretrainSettings


def load_frozen_model(
    reference: str,
    given: Sequence[str],
    hardware: Hardware,
    reader: str | None = None,
    stack: StackName | None = None,
) -> FrozenModel:
    """Load the model of a reference; `given` and its `reader`: data from the command line.

    `stack`: the half of an encoder-decoder, its encoder where not given. Raises ModelError or
    UsageError if the reference is no model, or there are no halves.
    """
    return subject_of(load_pretrained(reference), given, hardware, reader, stack)


def subject_of(
    pretrained: Pretrained,
    given: Sequence[str],
    hardware: Hardware,
    reader: str | None = None,
    stack: StackName | None = None,
) -> FrozenModel:
    """Return the frozen model of loaded weights. Raises UsageError where `stack` names a half of
    a model that has none.
    """
    shape = pretrained.settings
    if stack is not None and not shape.has_memory:
        raise UsageError(
            f"{pretrained.folder} is no encoder-decoder, and has no halves to choose from",
            "leave out --stack",
        )
    return _subject(
        pretrained,
        _references(pretrained, given, reader),
        hardware,
        _tokenizer(pretrained),
        with_stages=True,
        stack=stack,
    )


def _references(pretrained: Pretrained, given: Sequence[str], reader: str | None) -> References:
    settings = None if pretrained.trained is None else pretrained.trained.settings
    trained = settings.data if isinstance(settings, PretrainSettings) else DataSettings(train=())
    modality = modality_read(pretrained.settings.model_dump())
    if modality in ("text", None):
        return References(given, trained, reader)
    return References(given, trained, reader, ItemData(pretrained.settings, modality, trained))


def _tokenizer(pretrained: Pretrained) -> Tokenizer | None:
    return pretrained.tokenizer() if pretrained.settings.vocabulary else None


def _subject(
    pretrained: Pretrained,
    probe_data: References,
    hardware: Hardware,
    tokenizer: Tokenizer | None,
    *,
    with_stages: bool = False,
    stack: StackName | None = None,
) -> FrozenModel:
    has_halves = pretrained.settings.has_memory
    backbone, learnable = _frozen(pretrained, hardware, whole=stack == "decoder")
    run = None if pretrained.trained is None else pretrained.trained.folder
    stages = (
        partial(_stages, run, probe_data, hardware, tokenizer, stack)
        if with_stages and run is not None
        else lambda: iter(())
    )
    step = None if run is None else step_of(pretrained.folder)
    name = str(pretrained.folder) if run is None or step is None else f"{run.name}, step {step:,}"
    if has_halves:
        name = f"{name}, its {stack or 'encoder'}"
    return FrozenModel(
        name,
        step,
        backbone,
        tokenizer,
        learnable,
        probe_data,
        stages,
        reads_memory=backbone.settings.has_memory,
        is_half=has_halves,
    )


def _frozen(
    pretrained: Pretrained, hardware: Hardware, *, whole: bool
) -> tuple[Transformer, Learnable | None]:
    """Of an encoder-decoder that is not to be `whole` the encoder, to which no head belongs."""
    if pretrained.settings.has_memory and not whole:
        backbone, learnable = Transformer(pretrained.settings.of_encoder()), None
        own = {
            name: rows
            for name, rows in pretrained.backbone.items()
            if not name.startswith("decoder.")
        }
        backbone.load_state_dict(own)
    elif not _has_learnable(pretrained):
        backbone, learnable = Transformer(pretrained.settings), None
        backbone.load_state_dict(dict(pretrained.backbone))
    else:
        learner = learner_of(pretrained)
        backbone, learnable = learner.backbone, learner.learnable.to(hardware.device).eval()
    backbone = backbone.to(hardware.device).eval().requires_grad_(False)
    watched(backbone)
    return backbone, learnable


def _has_learnable(pretrained: Pretrained) -> bool:
    """Tell whether an objective of ours has trained these weights, or reads their head."""
    if pretrained.trained is not None and isinstance(pretrained.trained.settings, PretrainSettings):
        return True
    # to the probes of a decoder's states its head says nothing
    return pretrained.head is not None and not pretrained.settings.has_memory


def _stages(
    run: Path,
    probe_data: References,
    hardware: Hardware,
    tokenizer: Tokenizer | None,
    stack: StackName | None,
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
        own = _tokenizer(pretrained)
        yield _subject(
            pretrained,
            probe_data,
            hardware,
            tokenizer if own and tokenizer and own.hash == tokenizer.hash else own,
            stack=stack,
        )
    begin("")
