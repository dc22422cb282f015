"""AdamW and Muon behind one interface: groups with their own rate and period, state by name."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from inspect import unwrap

import torch
from torch import Size, Tensor

from sslcli.contracts.parameters import Group
from sslcli.engine.checkpoints.tensor_files import like, local
from sslcli.engine.muon import StackedMuon
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.settings import OptimizerSettings
from sslcli.errors import ModelError, UsageError

# Devices whose fused AdamW passes over the scale and the skip flag, as that of torch up to 2.13
# does (pytorch/pytorch#186360).
SCALED_BEFORE = frozenset({"mps"})
_adamw_step = unwrap(torch.optim.AdamW.step)


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Tell whether Muon updates it: matrices between hidden states; AdamW keeps embeddings and
    heads.
    """
    return parameter.ndim == 2 and ".blocks." in name


def state_bytes(parameters: Mapping[str, Tensor], settings: OptimizerSettings) -> int:
    """Return the bytes of the state: AdamW has two moments of a parameter, Muon one."""
    muon = settings.name == "muon"

    def moments(name: str, parameter: Tensor) -> int:
        return 1 if muon and _is_hidden_matrix(name, parameter) else 2

    return sum(value.nbytes * moments(name, value) for name, value in parameters.items())


class FusedAdamW(torch.optim.AdamW):
    """torch's AdamW, with the attributes that its fused kernel reads: gradient scale and skip flag.

    Its methods come without their wrappers, which import torch._dynamo: half of all that a training
    command imports.
    """

    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None
    add_param_group = unwrap(torch.optim.Optimizer.add_param_group)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all parameters that have a gradient."""
        _adamw_step(self)


class Optimizer:
    """Updates named parameters; the rate comes from outside at every step.

    AdamW: Loshchilov and Hutter 2019, arXiv 1711.05101, torch's fused kernel. Muon: Jordan 2024,
    torch's own in stacks, its rate matched to AdamW's root mean square (Liu et al. 2025, arXiv
    2502.16982) so that one rate serves both. Weight decay acts on matrices only, not on biases and
    norms. Of a sharded parameter each rank updates its share.

    Raises UsageError for Muon over sharded matrices.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        groups: Sequence[Group],
        settings: OptimizerSettings,
        process_group: ProcessGroup = ALONE,
    ) -> None:
        self.parameters, self.settings, self.process_group = parameters, settings, process_group
        self._shares = {name: local(parameter) for name, parameter in parameters.items()}
        self._is_sharded = any(
            self._shares[name] is not parameter for name, parameter in parameters.items()
        )
        sorted_names: dict[tuple[Group, bool, bool], list[str]] = defaultdict(list)
        for name, parameter in parameters.items():
            group = next(group for group in groups if fnmatchcase(name, group.match))
            muon = settings.name == "muon" and _is_hidden_matrix(name, parameter)
            sorted_names[group, muon, parameter.ndim >= 2].append(name)

        def torch_groups(muon: bool) -> list[dict]:
            return [
                {
                    "params": [self._shares[name] for name in names],
                    "names": names,
                    "group": group,
                    "weight_decay": settings.weight_decay * decays,
                }
                for (group, is_muon, decays), names in sorted_names.items()
                if is_muon == muon
            ]

        self._adamw = self._muon = None
        if ordinary := torch_groups(muon=False):
            betas = (settings.beta1, settings.beta2)
            self._adamw = FusedAdamW(
                ordinary, lr=settings.rate, betas=betas, eps=settings.epsilon, fused=True
            )
        if matrices := torch_groups(muon=True):
            if self._is_sharded:
                raise UsageError(
                    "Muon needs whole matrices, and FSDP shards them",
                    "use --parallel ddp, or --optimizer adamw",
                )
            self._muon = StackedMuon(
                matrices,
                lr=settings.rate,
                momentum=settings.momentum,
                adjust_lr_fn="match_rms_adamw",
            )

    def drop_idle_gradients(self, step: int) -> None:
        """Drop the gradients of groups that are not due, so neither norm nor update sees them."""
        for _, torch_group in self._groups():
            if step % torch_group["group"].every != torch_group["group"].phase:
                for name in torch_group["names"]:
                    self.parameters[name].grad = None

    def norm(self) -> Tensor:
        """Return the global norm of all gradients, a scalar on the device."""
        norm = torch.nn.utils.get_total_norm(
            [
                local(parameter.grad)
                for parameter in self.parameters.values()
                if parameter.grad is not None
            ]
        )
        return (
            self.process_group.sum(norm.double().square()).sqrt().to(norm.dtype)
            if self._is_sharded
            else norm
        )

    def step(self, factor: float, norm: Tensor) -> None:
        """Update at `factor` times the peak rate, with gradients clipped to a norm of at most
        `clip`.

        Nothing changes if `norm` is not finite. Parameters without a gradient stay unchanged.
        AdamW's kernel scales and skips on the device, so the host does not wait for the norm.
        """
        # As torch's clip_grad_norm_ has it, with its 1e-6.
        scale = (
            ((norm + 1e-6) / self.settings.clip).clamp(min=1.0)
            if self.settings.clip
            else torch.ones_like(norm)
        )
        finite = torch.isfinite(norm)
        for _, torch_group in self._groups():
            torch_group["lr"] = self.settings.rate * factor * torch_group["group"].rate
        if self._is_sharded:
            for name, parameter in self.parameters.items():
                self._shares[name].grad = None if parameter.grad is None else local(parameter.grad)
        if self._adamw is not None and norm.device.type not in SCALED_BEFORE:
            self._adamw.grad_scale, self._adamw.found_inf = (
                scale.float(),
                finite.logical_not().float(),
            )
            self._adamw.step()
        elif self._adamw is not None:
            self._adamw.grad_scale = self._adamw.found_inf = None
            self._step_scaled(self._adamw, scale, finite)
        if self._muon is not None:
            self._step_scaled(self._muon, scale, finite)

    def _step_scaled(self, optimizer: torch.optim.Optimizer, scale: Tensor, finite: Tensor) -> None:
        """Update with an optimizer that takes neither scale nor skip flag: the host waits."""
        if not finite:
            return
        gradients = [
            parameter.grad for group in optimizer.param_groups for parameter in group["params"]
        ]
        torch._foreach_div_([gradient for gradient in gradients if gradient is not None], scale)
        optimizer.step()

    def zero(self) -> None:
        """Drop all gradients."""
        for tensor in (*self.parameters.values(), *self._shares.values()):
            tensor.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return every tensor of the state as "parameter name/key", sharded as its parameter is."""
        return {
            f"{name}/{key}": like(value, self.parameters[name])
            for name, states in self._states()
            for key, value in states.get(self._shares[name], {}).items()
        }

    def empty_state(self, shapes: Mapping[str, Size]) -> dict[str, Tensor]:
        """Allocate a state of these names and shapes. Raises ModelError if it is of other
        parameters.
        """
        room = {}
        for key, shape in shapes.items():
            name = key.rsplit("/", 1)[0]
            parameter = self.parameters.get(name)
            # AdamW's step counter is a scalar; everything else has the parameter's shape.
            if parameter is None or shape not in (Size(), parameter.shape):
                raise ModelError(
                    f"the optimizer state knows a '{key}' that this model has not",
                    "resume with the settings of the run",
                )
            share = self._shares[name]
            room[key] = like(torch.empty_like(share), parameter) if shape else share.new_empty(())
        return room

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load what `state` returned."""
        by_name: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, value in state.items():
            name, kind = key.rsplit("/", 1)
            by_name[name][kind] = local(value).to(self._shares[name].device)
        for name, states in self._states():
            if name in by_name:
                states[self._shares[name]] = by_name[name]

    def _groups(self) -> Iterator[tuple[torch.optim.Optimizer, dict]]:
        for optimizer in (self._adamw, self._muon):
            if optimizer is not None:
                yield from ((optimizer, torch_group) for torch_group in optimizer.param_groups)

    def _states(self) -> Iterator[tuple[str, dict]]:
        """Yield each parameter's name and the states of the torch optimizer that updates it."""
        for optimizer, torch_group in self._groups():
            yield from ((name, optimizer.state) for name in torch_group["names"])
