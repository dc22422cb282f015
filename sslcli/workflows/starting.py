"""The learner that is fine-tuned: backbone from pretraining or from nothing, a head at random, and who learns how fast."""

from collections.abc import Callable, Sequence

import torch

from sslcli.contracts import Group
from sslcli.core.adapters import add_adapters
from sslcli.core.heads import PooledClassifier
from sslcli.core.initialize import initialize, shuffle
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.draws import mix, name_key
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError
from sslcli.labelled import Task
from sslcli.workflows.labelling import task_class
from sslcli.workflows.settings import FinetuneSettings, StartSettings
from sslcli.workflows.weights import Pretrained, Trained, shapes_of


def learner_to_finetune(
    build: Callable[[], Task], settings: FinetuneSettings, pretrained: Pretrained, shape: TransformerSettings
) -> Learner:
    """Weights that are not loaded follow from the seed alone, each network's from its own generator.

    A `pretrained` without a backbone is of a run that goes on, whose checkpoint has all weights.
    """
    seed, start = settings.training.seed, settings.model
    with torch.random.fork_rng():
        torch.manual_seed(int(mix(seed, name_key("construction"))) >> 1)
        task = build()
    backbone = Transformer(shape)
    for purpose, module in (("backbone", backbone), ("learnable", task)):
        initialize(module, _generator(seed, purpose))
    if start.start != "random" and pretrained.backbone:
        backbone.load_state_dict(dict(pretrained.backbone))
    if start.start == "pretrained":
        _load_head(task, settings, pretrained)
    if start.start == "shuffled-weights":
        shuffle(backbone, _generator(seed, "shuffle"))
    if start.freeze:
        backbone.requires_grad_(False)
    add_adapters(backbone, settings.adapters, _generator(seed, "adapters"))
    return Learner(backbone, task, rates(start, shape))


def rates(start: StartSettings, shape: TransformerSettings) -> Sequence[Group]:
    """Each layer learns at `layer_decay` times the rate of the one above it (Howard and Ruder 2018, section 3.2).

    Raises UsageError where all layers are one.
    """
    decay, depth = start.layer_decay, shape.depth
    if decay != 1.0 and shape.shared_layers:
        raise UsageError("the layers of this model share their weights, which learn at one rate", "leave out --layer-decay")
    blocks = [Group(f"backbone.blocks.{layer}.*", decay ** (depth - layer)) for layer in range(depth)]
    below = [Group("backbone.inputs.*", decay ** (depth + 1))]
    return [*(blocks + below if decay != 1.0 else []), Group("learnable.*", start.head_rate)]


def _load_head(task: Task, settings: FinetuneSettings, pretrained: Pretrained) -> None:
    """The whole head of a model that was fine-tuned for the same answers; of any other the pooler, where both have one."""
    trained = pretrained.trained
    if trained is not None and _is_same_task(trained, settings) and shapes_of(task.state_dict()) == shapes_of(trained.learnable):
        task.load_state_dict(dict(trained.learnable))
        return
    pooler = {name: value for name, value in (pretrained.pooled or {}).items() if name.startswith("pooler.")}
    for module in task.modules():
        if isinstance(module, PooledClassifier) and pooler:
            module.load_state_dict(pooler, strict=False)


def _is_same_task(trained: Trained, settings: FinetuneSettings) -> bool:
    before = trained.settings
    if not isinstance(before, FinetuneSettings) or task_class(before.task) is not task_class(settings.task):
        return False
    return (before.labels, before.options.get("kind")) == (settings.labels, settings.options.get("kind"))


def _generator(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(int(mix(seed, name_key(purpose))) >> 1)
