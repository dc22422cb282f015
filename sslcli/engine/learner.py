"""The one module that the loop trains: the backbone and whatever learns on top of it."""

from torch import Tensor, nn

from sslcli.contracts import Group, Learnable, Loss, Views
from sslcli.core.transformer import Transformer


class Learner(nn.Module):
    """Parameter names begin with "backbone." or "learnable."; groups and checkpoints go by them."""

    def __init__(self, backbone: Transformer, learnable: Learnable) -> None:
        super().__init__()
        self.backbone = backbone
        self.learnable = learnable

    def forward(self, views: Views) -> Loss:
        return self.learnable(self.backbone, views)

    def groups(self) -> list[Group]:
        """The learnable's groups; the first that matches a name counts, and a last one matches whatever is left."""
        return [*self.learnable.groups(), Group("*")]

    def trained_parameters(self) -> dict[str, Tensor]:
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
