"""The learner that is fine-tuned: backbone from pretraining or from nothing, a head at random, and who learns how fast."""

from collections.abc import Callable, Sequence

from sslcli.contracts import Group
from sslcli.core.adapters import add_adapters
from sslcli.core.heads import PooledClassifier
from sslcli.core.initialize import shuffle
from sslcli.core.settings import TransformerSettings
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError
from sslcli.labelled import Task
from sslcli.workflows.labelling import task_class
from sslcli.workflows.settings import FinetuneSettings, StartSettings
from sslcli.workflows.weights import Pretrained, Trained, from_seed, generator_for, shapes_of


def learner_to_finetune(
    build: Callable[[], Task], settings: FinetuneSettings, pretrained: Pretrained, shape: TransformerSettings
) -> Learner:
    """Weights that are not loaded follow from the seed alone, each network's from its own generator.

    A `pretrained` without a backbone is of a run that goes on, whose checkpoint has all weights.
    """
    seed, start = settings.training.seed, settings.model
    backbone, task = from_seed(build, shape, seed)
    if start.start != "random" and pretrained.backbone:
        backbone.load_state_dict(dict(pretrained.backbone))
    if start.start == "pretrained":
        _load_head(task, settings, pretrained)
    if start.start == "shuffled-weights":
        shuffle(backbone, generator_for(seed, "shuffle"))
    if start.freeze:
        backbone.requires_grad_(False)
    add_adapters(backbone, settings.adapters, generator_for(seed, "adapters"))
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
