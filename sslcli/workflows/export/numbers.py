"""What is compared of an export.

Letters: T rows of all sequences end to end, B sequences, D width, V vocabulary, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Numbers:
    """Hidden states of every layer [T, D], the first being the embeddings' output, and logits where
    there is a head. Of an encoder-decoder the layers of both halves, and the decoder's logits.

    Logits are of tokens [T, V], or what the head that answers a task gives: [B, C] for sequences,
    else [T, C].
    """

    layers: Sequence[Tensor]
    logits: Tensor | None
