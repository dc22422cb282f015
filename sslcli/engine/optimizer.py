"""AdamW and Muon behind one face: groups with their own rate and rhythm, state by parameter name."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from sslcli.contracts import Group
from sslcli.engine.settings import OptimizerSettings
from sslcli.errors import ModelError


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """What Muon is made for: matrices between hidden states; embeddings and heads stay with AdamW."""
    return parameter.ndim == 2 and ".blocks." in name


class Optimizer:
    """Updates named parameters; the rate comes from outside at every step.

    AdamW: Loshchilov and Hutter 2019, arXiv 1711.05101, torch's fused kernel. Muon: Jordan 2024, torch's own, its rate
    matched to AdamW's root mean square (Liu et al. 2025, arXiv 2502.16982) so that one rate serves both. Weight decay
    acts on matrices only, not on biases and norms.
    """

    def __init__(self, parameters: dict[str, Tensor], groups: Sequence[Group], settings: OptimizerSettings) -> None:
        self.parameters, self.settings = parameters, settings
        sorted_names: dict[tuple[Group, bool, bool], list[str]] = defaultdict(list)
        for name, parameter in parameters.items():
            group = next(group for group in groups if fnmatchcase(name, group.match))
            muon = settings.name == "muon" and _is_hidden_matrix(name, parameter)
            sorted_names[group, muon, parameter.ndim >= 2].append(name)

        def torch_groups(muon: bool) -> list[dict]:
            return [
                {
                    "params": [parameters[name] for name in names],
                    "names": names,
                    "group": group,
                    "weight_decay": settings.weight_decay * decays,
                }
                for (group, is_muon, decays), names in sorted_names.items()
                if is_muon == muon
            ]

        self._torch_optimizers: list[torch.optim.Optimizer] = []
        if ordinary := torch_groups(muon=False):
            betas = (settings.beta1, settings.beta2)
            self._torch_optimizers.append(torch.optim.AdamW(ordinary, lr=settings.rate, betas=betas, eps=settings.epsilon, fused=True))
        if matrices := torch_groups(muon=True):
            self._torch_optimizers.append(
                torch.optim.Muon(matrices, lr=settings.rate, momentum=settings.momentum, adjust_lr_fn="match_rms_adamw")
            )

    def _groups(self) -> Iterator[dict]:
        for optimizer in self._torch_optimizers:
            yield from optimizer.param_groups

    def drop_idle_gradients(self, step: int) -> None:
        """Groups whose turn it is not lose their gradients, so that neither clipping nor the update sees them."""
        for torch_group in self._groups():
            if step % torch_group["group"].every != torch_group["group"].phase:
                for parameter in torch_group["params"]:
                    parameter.grad = None

    def clip(self) -> Tensor:
        """Scale all gradients to a global norm of at most `clip`; returns the norm before, a scalar on the device."""
        gradients = [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.settings.clip:
            torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), self.settings.clip, norm)
        return norm

    def step(self, factor: float) -> None:
        """One update at `factor` times the peak rate; parameters without a gradient stay as they are."""
        for torch_group in self._groups():
            torch_group["lr"] = self.settings.rate * factor * torch_group["group"].rate
        for optimizer in self._torch_optimizers:
            optimizer.step()

    def zero(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Every tensor of the state as "parameter name/key"."""
        found = {}
        for optimizer in self._torch_optimizers:
            for torch_group in optimizer.param_groups:
                for name, parameter in zip(torch_group["names"], torch_group["params"], strict=True):
                    for key, value in optimizer.state.get(parameter, {}).items():
                        found[f"{name}/{key}"] = value
        return found

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave. Raises ModelError where it is of other parameters."""
        unknown = {key.rsplit("/", 1)[0] for key in state} - set(self.parameters)
        if unknown:
            raise ModelError(
                f"the optimizer state knows a parameter '{min(unknown)}' that this model has not", "resume with the settings of the run"
            )
        by_name: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, value in state.items():
            name, kind = key.rsplit("/", 1)
            by_name[name][kind] = value
        for optimizer in self._torch_optimizers:
            for torch_group in optimizer.param_groups:
                for name, parameter in zip(torch_group["names"], torch_group["params"], strict=True):
                    if name in by_name:
                        # AdamW's step counter lives where the parameter lives; everything else has the parameter's shape.
                        optimizer.state[parameter] = {kind: value.to(parameter.device) for kind, value in by_name[name].items()}
