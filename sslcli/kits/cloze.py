"""Predictions of a masked language model for words in context, with the words masked or visible.

Letters: N words, T tokens, M rows that are read, P rows of one chunk, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch

from sslcli.contracts.probe import FrozenModel
from sslcli.core.generation import only_known
from sslcli.errors import UsageError
from sslcli.kits.word_vectors import Located

ROWS_AT_ONCE = 256  # of logits: beside a vocabulary of 250,000 they are a quarter of a gigabyte


def words_told(model: FrozenModel, words: Located, hidden: bool) -> np.ndarray:
    """Return, bool [N], whether the top prediction is right at every piece of the word.

    `hidden`: all pieces of a word are masked, one word at a time ("mask-predict"); else the text is
    unchanged ("reconstruct"; Chiang, Huang & Lee 2020, arXiv 2010.02480, section 3). Raises
    UsageError for a model without a masked-language-model head.
    """
    head, mask = model.head, model.tokenizer.mask
    if head is None or mask is None:
        raise UsageError(
            f"{model.name} has no head that fills blanks",
            "choose a model of mlm"
            if model.is_half
            else "give it one: ssl pretrain --objective mlm --model MODEL --train head",
        )
    sequences, asked = _one_hidden_each(words, mask) if hidden else _as_they_are(words)
    known_V = torch.from_numpy(model.tokenizer.known)
    told_N = np.ones(len(words.owners), dtype=bool)
    for batch in model.hidden(sequences, ()):
        starts = np.cumsum((0, *batch.hidden.packing.lengths[:-1]))
        placed = [
            (start, word)
            for number, start in zip(batch.numbers, starts, strict=True)
            for word in asked[number]
        ]
        if not placed:
            continue
        rows_M = np.concatenate([start + words.places[word] for start, word in placed])
        owners_M = np.repeat(
            [word for _, word in placed], [len(words.places[word]) for _, word in placed]
        )
        truth_M = np.concatenate([words.tokens(word) for _, word in placed])
        for part in np.array_split(np.arange(len(rows_M)), -(-len(rows_M) // ROWS_AT_ONCE)):
            rows = torch.from_numpy(rows_M[part]).to(batch.hidden.last_TD.device)
            with torch.no_grad():
                logits_PV = head(batch.hidden.last_TD.index_select(0, rows), model.backbone)
            guesses = only_known(logits_PV, known_V).argmax(dim=-1).cpu().numpy()
            np.logical_and.at(told_N, owners_M[part], guesses == truth_M[part])
    return told_N


# sequences, and of each the numbers of the words that are asked of it
Asked = tuple[Sequence[np.ndarray], Sequence[Sequence[int]]]


def _one_hidden_each(words: Located, mask: int) -> Asked:
    sequences = []
    for number, owner in enumerate(words.owners):
        tokens_T = words.sequences[owner].copy()
        tokens_T[words.places[number]] = mask
        sequences.append(tokens_T)
    return sequences, [[number] for number in range(len(sequences))]


def _as_they_are(words: Located) -> Asked:
    """Every sequence once, however many words are asked of it."""
    asked: list[list[int]] = [[] for _ in words.sequences]
    for number, owner in enumerate(words.owners):
        asked[owner].append(number)
    return words.sequences, asked
