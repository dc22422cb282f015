"""The one module that the loop trains: the backbone and whatever learns on top of it."""

from collections.abc import Sequence
from typing import Any, Self

from torch import Tensor, nn

from sslcli.contracts import Group, Learnable, Loss, Views
from sslcli.core.transformer import Transformer


class Learner(nn.Module):
    """Parameter names begin with "backbone." or "learnable."; groups and checkpoints go by them.

    `groups` are what a user asks for on top of the learnable's own, such as rates by layer.
    """

    def __init__(self, backbone: Transformer, learnable: Learnable, groups: Sequence[Group] = ()) -> None:
        super().__init__()
        self.asked_groups = tuple(groups)
        self.backbone = backbone
        self.learnable = learnable

    def forward(self, views: Views, examines: bool = False) -> Loss | tuple[Loss, Sequence[Any]]:
        """The loss; where it `examines`, a task's parts too. Both pass through here, because FSDP begins at the outermost module."""
        with self.backbone.sharing():
            return self.learnable.examine(self.backbone, views) if examines else self.learnable(self.backbone, views)

    def train(self, mode: bool = True) -> Self:
        """A backbone of which nothing learns is read as it will be read later: without dropout."""
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.backbone.parameters()):
            self.backbone.eval()
        return self

    def groups(self) -> list[Group]:
        """The learnable's groups, then those asked for; the first that matches a name counts, and a last one matches whatever is left."""
        return [*self.learnable.groups(), *self.asked_groups, Group("*")]

    def trained_parameters(self) -> dict[str, Tensor]:
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
