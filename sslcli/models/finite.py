"""Guard against frozen models whose outputs are not finite.

Weights may be finite, and so large that sums of products are not: scores would be nan, and the
answers chosen from them would be silent guesses.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from sslcli.core.heads import LanguageModelHead, PooledClassifier, RowClassifier
from sslcli.core.inputs import Hidden
from sslcli.core.transformer import Transformer
from sslcli.errors import ModelError

_WATCHED = (Transformer, LanguageModelHead, PooledClassifier, RowClassifier)


def watched(*modules: nn.Module) -> None:
    """Make the backbones and heads in these modules raise ModelError for non-finite outputs.

    Edited hidden states are not checked: their values are the edit's.
    """
    for module in modules:
        for part in module.modules():
            if isinstance(part, _WATCHED):
                part.register_forward_hook(_refuse_no_numbers, with_kwargs=True)


def _refuse_no_numbers(
    module: nn.Module,
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    found: Hidden | Tensor,
) -> None:
    values = found.last_TD if isinstance(found, Hidden) else found
    if not named.get("edit") and not values.isfinite().all():
        raise ModelError(
            "what this model computes is no finite number",
            "its weights are damaged, or too large for its precision",
        )
