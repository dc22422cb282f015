"""Followers: parameters that are a moving average of others, such as a teacher's of its student's.

No gradient reaches them and no optimizer holds them. Each rank updates its own shard, so a sharded
follower costs no communication: it is sharded as its leader is.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from sslcli.contracts.parameters import Follower
from sslcli.engine.checkpoints.tensor_files import local
from sslcli.errors import PluginError

_OWN = "learnable."


def momentum_at(follower: Follower, progress: float) -> float:
    """Return the momentum of a follower, along half a cosine from first to last.

    As in BYOL (Grill et al. 2020, arXiv 2006.07733, section 3.3) and DINO (Caron et al. 2021, arXiv
    2104.14294).
    """
    if not isinstance(follower.momentum, tuple):
        return follower.momentum
    first, last = follower.momentum
    return last - (last - first) * (math.cos(math.pi * progress) + 1) / 2


def leaders_of(
    parameters: Mapping[str, Tensor], followers: Sequence[Follower]
) -> dict[str, tuple[str, Follower]]:
    """Return {follower's parameter: (its leader's parameter, its Follower)}.

    Raises PluginError for a pattern without match, without leader of its shape, or with two
    leaders.
    """
    found: dict[str, tuple[str, Follower]] = {}
    for follower in followers:
        _refuse_unsound(follower)
        pairs = [
            (name, leader) for name in parameters if (leader := _leader(follower, name)) is not None
        ]
        if not pairs:
            raise PluginError(
                f"follower '{follower.match}' matches no parameter", 'names begin with "learnable."'
            )
        for name, leader in pairs:
            if name in found:
                raise PluginError(
                    f"{name} follows {found[name][0]} and {leader}",
                    "let it match one follower alone",
                )
            if leader not in parameters or parameters[leader].shape != parameters[name].shape:
                what = (
                    "there is no such parameter"
                    if leader not in parameters
                    else "their shapes differ"
                )
                raise PluginError(
                    f"{name} cannot follow {leader}: {what}", "build both with the same settings"
                )
            found[name] = leader, follower
    for name, (leader, _) in found.items():
        if leader in found:
            raise PluginError(
                f"{name} follows {leader}, which follows another itself", "let it follow that one"
            )
    return found


def _refuse_unsound(follower: Follower) -> None:
    stars = follower.match.count("*"), follower.leader.count("*")
    if stars not in ((0, 0), (1, 1)):
        problem = (
            f"follower '{follower.match}' of '{follower.leader}' needs one * in both names, or none"
        )
        raise PluginError(problem, 'such as Follower("learnable.teacher.*", leader="backbone.*")')
    if not follower.match.startswith(_OWN):
        raise PluginError(
            f"follower '{follower.match}' is no part of the learnable",
            'names begin with "learnable."',
        )
    momentum: object = follower.momentum  # a plugin may have given anything
    ends = momentum if isinstance(momentum, tuple) and len(momentum) == 2 else (momentum,)
    if not all(isinstance(end, int | float) and 0 <= end <= 1 for end in ends):
        problem = f"follower '{follower.match}' has the momentum {momentum!r}"
        raise PluginError(
            problem, "give one number from 0 to 1, or a tuple of two for its begin and its end"
        )


def _leader(follower: Follower, name: str) -> str | None:
    """Return the leader's name for a parameter that the follower matches, else None."""
    before, star, after = follower.match.partition("*")
    if not star:
        return follower.leader if name == before else None
    if len(name) < len(before) + len(after) or not (
        name.startswith(before) and name.endswith(after)
    ):
        return None
    return follower.leader.replace("*", name[len(before) : len(name) - len(after)])


class Followers:
    """The followers among `parameters`, as this process holds them: whole, or its shards."""

    def __init__(
        self, parameters: Mapping[str, Tensor], leaders: Mapping[str, tuple[str, Follower]]
    ) -> None:
        self._sets: dict[Follower, tuple[list[Tensor], list[Tensor]]] = {}
        for name, (leader, follower) in leaders.items():
            own, leading = self._sets.setdefault(follower, ([], []))
            own.append(local(parameters[name].detach()))
            leading.append(local(parameters[leader].detach()))

    @torch.no_grad()
    def copy(self) -> None:
        """Set each follower to its leader."""
        for own, leading in self._sets.values():
            torch._foreach_copy_(own, leading)

    @torch.no_grad()
    def update(self, progress: float, applied: Tensor) -> None:
        """Update after a step: own <- m · own + (1 - m) · leader.

        Nothing changes if the scalar bool `applied`, on the device, is false; the host does not
        wait for it.
        """
        for follower, (own, leading) in self._sets.items():
            weight = applied.to(own[0].dtype) * (1 - momentum_at(follower, progress))
            torch._foreach_lerp_(own, leading, [weight] * len(own))


def modules_of(root: nn.Module, parameters: Collection[Tensor]) -> Iterator[nn.Module]:
    """Yield the modules within `root` all of whose parameters are among these."""
    these = {id(parameter) for parameter in parameters}
    for module in root.modules():
        own = list(module.parameters())
        if own and all(id(parameter) in these for parameter in own):
            yield module
