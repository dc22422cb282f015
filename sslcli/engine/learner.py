"""The module that the loop trains: the backbone and the learnable on top of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from sslcli.contracts.learnable import Learnable
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.parameters import Group
from sslcli.core.transformer import Transformer
from sslcli.data.rng import Rng
from sslcli.engine.checkpoints.tensor_files import TENSOR_MODULE, local
from sslcli.engine.followers import Followers, leaders_of, modules_of
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.errors import PluginError

_KEEP_IN_BUFFERS = "keep what it changes in buffers, which are whole on every rank"


L = TypeVar("L", bound=Learnable)


class Learner(nn.Module, Generic[L]):
    """Backbone and learnable as one module.

    Parameter names begin with "backbone." or "learnable."; groups and checkpoints use them.
    `groups` are the user's in addition to the learnable's own, such as rates by layer. `leaders`:
    for each follower's parameter the name of its leader, and its Follower.
    """

    def __init__(self, backbone: Transformer, learnable: L, groups: Sequence[Group] = ()) -> None:
        super().__init__()
        self.asked_groups = tuple(groups)
        self.backbone = backbone
        self.learnable = learnable
        parameters = dict(self.named_parameters())
        self.leaders = leaders_of(parameters, learnable.followers())
        following = [parameters[name].requires_grad_(False) for name in self.leaders]
        self._following = list(modules_of(learnable, following)) if following else []

    def forward(
        self, batch: ModelBatch, examines: bool = False
    ) -> Loss | tuple[Loss, Sequence[Any]]:
        """Return the loss; with `examines` a task's partial predictions too.

        Both pass through here, because FSDP begins at the outermost module.
        """
        with self.backbone.sharing():
            if not examines:
                return self.learnable(self.backbone, batch)
            return self.learnable.examine(self.backbone, batch)

    def begin(
        self, first_batch: Callable[[], ModelBatch], process_group: ProcessGroup = ALONE
    ) -> None:
        """Run the learnable's `begin`, once before step 0, on whole parameters; all ranks end
        equal.
        """
        self.followers().copy()  # for what reads a teacher in `begin`
        self.eval()
        with torch.no_grad():
            self.learnable.begin(self.backbone, cache(first_batch))
        self.train()
        if self.learnable.overrides("begin"):
            for value in self.learnable.state_dict().values():
                process_group.spread(value)
        self.followers().copy()

    def followers(self) -> Followers:
        """Return the followers of the current parameters; call it again after they were sharded."""
        return Followers(dict(self.named_parameters()), self.leaders)

    @torch.no_grad()
    def after_step(self, state: Mapping[str, Tensor], rng: Rng) -> None:
        """Run the learnable's `after_step`. Raises PluginError if it changes a parameter."""
        parameters = dict(self.named_parameters())
        before = [local(parameter)._version for parameter in parameters.values()]
        try:
            self.learnable.after_step(self.backbone, state, rng)
        except RuntimeError as error:
            if TENSOR_MODULE.rpartition(".")[0] not in str(error) and "DTensor" not in str(error):
                raise
            raise PluginError(
                "after_step computes with a parameter that is sharded", _KEEP_IN_BUFFERS
            ) from error
        for version, (name, parameter) in zip(before, parameters.items(), strict=True):
            if local(parameter)._version != version:
                raise PluginError(f"after_step changes the parameter {name}", _KEEP_IN_BUFFERS)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; followers and a frozen backbone stay in evaluation mode, without
        dropout.
        """
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.backbone.parameters()):
            self.backbone.eval()
        for module in self._following:
            module.eval()
        return self

    def groups(self) -> list[Group]:
        """Return the learnable's groups, then the user's, then one that matches everything.

        The first that matches a name counts.
        """
        return [*self.learnable.groups(), *self.asked_groups, Group("*")]

    def trained_parameters(self) -> dict[str, Tensor]:
        """Return the parameters that require a gradient, by name."""
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }
