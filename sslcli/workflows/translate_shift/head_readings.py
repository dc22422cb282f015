"""Predictions of the language-model head from rows: the likeliest token, and ranks of right ones.

Letters: N rows, P of them at once, R the most right answers that a row has, V vocabulary, D width.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from sslcli.core.generation import only_known
from sslcli.core.heads import LanguageModelHead
from sslcli.core.transformer import Transformer
from sslcli.errors import DataError

LOGITS_AT_ONCE = 1 << 24  # 64 MiB
NONE = -1


@dataclass(frozen=True)
class Asked:
    """`tokens_N`: what stands there. `rights_NR`: tokens of which any is right, then NONE; a row of
    NONE alone is asked nothing.

    `target_V`: bool, of all tokens those of the target language; `known_V`: of all ids those that
    have a token, which alone are candidates. A right answer is never what stands there.
    """

    tokens_N: np.ndarray
    rights_NR: np.ndarray
    target_V: np.ndarray
    known_V: np.ndarray

    @property
    def asked_N(self) -> np.ndarray:
        """Which rows have a right answer, bool [N]."""
        return (self.rights_NR != NONE).any(axis=1)


@dataclass(frozen=True)
class HeadReading:
    """The likeliest token of every row, and the rank of its best right answer, from 1.

    A token that is as likely ranks before it. `_without_own`: the token at the position is no
    candidate, as in Gonen et al. (2020). `_within`: only the target language's tokens are
    candidates, and the right answers. Ranks of rows without a right answer mean nothing.
    """

    best_N: np.ndarray
    ranks_N: np.ndarray
    ranks_without_own_N: np.ndarray
    best_within_N: np.ndarray
    ranks_within_N: np.ndarray


def read(
    head: LanguageModelHead, backbone: Transformer, rows_ND: Tensor, asked: Asked
) -> HeadReading:
    """Logits are computed some rows at a time, so that memory grows neither with the rows nor with
    the vocabulary.

    Raises DataError where they are not finite: nothing stands before what is not a number, and
    every answer would be right.
    """
    at_once = max(1, LOGITS_AT_ONCE // head.settings.vocabulary)
    tokens_N, rights_NR = (
        torch.from_numpy(table).to(rows_ND.device) for table in (asked.tokens_N, asked.rights_NR)
    )
    target_V = torch.zeros(head.settings.vocabulary, dtype=torch.bool, device=rows_ND.device)
    known_V = torch.from_numpy(asked.known_V)
    target_V[: len(asked.target_V)] = torch.from_numpy(asked.target_V).to(rows_ND.device)
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows_ND), at_once):
            here = slice(start, start + at_once)
            logits_PV = head(rows_ND[here], backbone).float()
            if not logits_PV.isfinite().all():
                raise DataError(
                    "what the head reads in hidden states is not a finite number",
                    "take a smaller --alpha, or --precision fp32",
                )
            logits_PV = only_known(logits_PV, known_V)
            parts.append(_read(logits_PV, tokens_N[here], rights_NR[here], target_V))
    return HeadReading(
        **{
            field.name: torch.cat([part[field.name] for part in parts]).cpu().numpy()
            for field in fields(HeadReading)
        }
    )


def _read(
    logits_PV: Tensor, tokens_P: Tensor, rights_PR: Tensor, target_V: Tensor
) -> dict[str, Tensor]:
    """The fields of a Reading, as tensors."""
    right_PR = logits_PV.gather(1, rights_PR.clamp(min=0)).masked_fill(
        rights_PR == NONE, -torch.inf
    )
    best_P1 = right_PR.max(dim=1, keepdim=True).values
    before_PV = logits_PV >= best_P1
    rights_before_P = (right_PR >= best_P1).sum(dim=1)
    own_before_P = before_PV.gather(1, tokens_P[:, None])[:, 0]
    ranks_P = before_PV.sum(dim=1) - rights_before_P + 1
    within_PV = before_PV & target_V
    rights_within_P = (within_PV.gather(1, rights_PR.clamp(min=0)) & (rights_PR != NONE)).sum(dim=1)
    own_within_P = within_PV.gather(1, tokens_P[:, None])[:, 0]
    return {
        "best_N": logits_PV.argmax(dim=1),
        "ranks_N": ranks_P,
        "ranks_without_own_N": ranks_P - own_before_P.long(),
        "best_within_N": logits_PV.masked_fill(~target_V, -torch.inf).argmax(dim=1),
        "ranks_within_N": within_PV.sum(dim=1) - rights_within_P - own_within_P.long() + 1,
    }
