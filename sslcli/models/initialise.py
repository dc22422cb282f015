"""The learner that is fine-tuned: backbone and head from what was trained before or from nothing,
and who learns how fast.
"""

from collections.abc import Callable, Sequence

from sslcli.contracts.parameters import Group
from sslcli.contracts.task import Task
from sslcli.core.adapters import add_adapters
from sslcli.core.initialize import shuffle
from sslcli.core.settings import AdapterSettings, TransformerSettings
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError
from sslcli.models.task_heads import load_head
from sslcli.models.weights import NEW, Pretrained, from_seed, generator_for
from sslcli.settings import StartSettings


def learner_to_finetune(
    build: Callable[[], Task],
    start: StartSettings,
    adapters: AdapterSettings,
    seed: int,
    pretrained: Pretrained,
    shape: TransformerSettings,
) -> tuple[Learner, str]:
    """The learner, and in words whether its head goes on from a trained one or is new.

    Weights that are not loaded follow from the seed alone, each network's from its own generator.

    A `pretrained` without a backbone is of a run that goes on, whose checkpoint has all weights.
    Raises UsageError where nothing would learn.
    """
    head = NEW
    backbone, task = from_seed(build, shape, seed)
    if start.start != "random" and pretrained.backbone:
        backbone.load_state_dict(dict(pretrained.backbone))
    if start.start == "pretrained":
        head = load_head(task, pretrained)
    if start.start == "shuffled-weights":
        shuffle(backbone, generator_for(seed, "shuffle"))
    if start.freeze:
        backbone.requires_grad_(False)
    add_adapters(backbone, adapters, generator_for(seed, "adapters"))
    learner = Learner(backbone, task, rates(start, shape))
    if not any(each.requires_grad for each in learner.parameters()):
        raise UsageError(
            "with --freeze nothing would learn: the head of this model is the embedding matrix",
            "leave out --freeze, or train adapters: --lora-rank 8",
        )
    return learner, head if pretrained.backbone else "the checkpoint's"


def rates(start: StartSettings, shape: TransformerSettings) -> Sequence[Group]:
    """Return a group per layer: `layer_decay` times the rate of the layer above it.

    Howard and Ruder 2018, section 3.2. The encoder lies below the decoder that reads it; the token
    matrix, which both read, is the lowest. Raises UsageError if all layers share weights.
    """
    decay = start.layer_decay
    if decay != 1.0 and shape.shared_layers:
        raise UsageError(
            "the layers of this model share their weights, which learn at one rate",
            "leave out --layer-decay",
        )
    stacks = [("backbone", shape.depth)]
    if shape.has_memory:
        stacks.append(("backbone.decoder", shape.layers_of_decoder))
    groups: list[Group] = []
    above = 0
    for stack, depth in reversed(stacks):
        groups += [
            Group(f"{stack}.blocks.{layer}.*", decay ** (above + depth - layer))
            for layer in range(depth)
        ]
        above += depth
        groups.append(Group(f"{stack}.inputs.*", decay ** (above + 1)))
    return [*(groups if decay != 1.0 else []), Group("learnable.*", start.head_rate)]
