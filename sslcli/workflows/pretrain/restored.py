"""A few held-out samples as the model was given them, and as it restores them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sslcli.contracts.abilities import Restoration, Restores
from sslcli.core.inputs import to_device
from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.data.table_rows import gathered, in_words
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.composite import CompositeBatch, with_ability
from sslcli.engine.learner import Learner
from sslcli.metrics.chrf import chrf, chrf_rows
from sslcli.metrics.restored_text import token_error, token_error_rows
from sslcli.reports import Score
from sslcli.rows.schema import Schema
from sslcli.workflows.pretrain.prepare import MOST_SHOWN, Prepared

MOST_CHARACTERS, MOST_NUMBERS = 160, 8  # of one sample, in a line
MOST_HEIGHTS, HEIGHTS = 32, "▁▂▃▄▅▆▇█"  # of an image or a recording, in a line
MOST_SCORED = 16  # texts that are compared with what they should be
MOST_IMAGES = 8  # in a picture of them


class RestoredSamples:
    """The same held-out samples, corrupted in the same way, restored at every evaluation.

    A few of them are shown. `found`: those of the last time, and `scores` of them, where they are
    texts.
    """

    def __init__(self, prepared: Prepared, name: str | None) -> None:
        self.name, self.tokenizer = name, prepared.tokenizer
        self.scores: Sequence[Score] = ()
        self.found: Sequence[Restoration] = ()
        self.shape = prepared.collator.context.architecture
        self.table = self.shape.table
        rng = Rng(prepared.settings.training.seed, 0, "restoration")
        most = MOST_SHOWN if self.shape.grid is None else MOST_IMAGES
        most = most if self.tokenizer is None else MOST_SCORED
        batch = prepared.collator.collate(collate(*prepared.shown_samples(rng, most)), rng)
        is_joined = isinstance(batch, CompositeBatch) and name is not None
        self.batch = batch.parts[name] if is_joined else batch

    def __call__(self, learner: Learner) -> Sequence[tuple[str, str]]:
        """What each was given, and what was made of it."""
        restoring = dict(with_ability(learner.learnable, Restores))[self.name]
        batch = to_device(self.batch, next(learner.backbone.parameters()).device)
        found = restoring.restore(learner.backbone, batch)
        self.found = found
        if self.tokenizer is not None:
            self.scores = text_scores(found, self.tokenizer)
        return [
            (
                self._in_a_line(each.corrupted, each.input, each.hidden),
                f"{self._in_a_line(each.restored, each.input) or '(nothing)'} "
                f"({_error_in_words(each, restoring.loss_unit)})",
            )
            for each in found[:: -(-len(found) // MOST_SHOWN)]
        ]

    def _in_a_line(
        self, content: str | np.ndarray, whole: str | np.ndarray, hidden: np.ndarray | None = None
    ) -> str:
        if isinstance(content, str) or isinstance(whole, str):
            return _text_in_a_line(str(content))
        if self.table is None:
            return _heights_in_a_line(content, whole)
        return _record_in_a_line(self.table, content, hidden)


def _error_in_words(restoration: Restoration, loss_unit: str) -> str:
    unit = loss_unit if restoration.unit is None else restoration.unit
    return f"error {restoration.error:.3g} {unit}".rstrip()


def restored_samples(prepared: Prepared) -> RestoredSamples | None:
    """None where no part restores, or nothing is held out."""
    name, part = next(with_ability(prepared.collator, Restores), (None, None))
    if part is None or not len(prepared.evaluation):
        return None
    return RestoredSamples(prepared, name)


def text_scores(found: Sequence[Restoration], tokenizer: Tokenizer) -> list[Score]:
    """Token error rate and chrF of restored texts; none where they are no texts.

    The baseline is what the model was given, without its masks: whoever changes nothing has that.
    """
    if not all(isinstance(each.restored, str) for each in found):
        return []
    wanted, restored, given = (
        [str(getattr(each, part)) for each in found] for part in ("input", "restored", "corrupted")
    )
    if tokenizer.mask is not None:
        (mask,) = tokenizer.pieces([tokenizer.mask])
        given = [" ".join(text.replace(mask, " ").split()) for text in given]
    wanted_ids, restored_ids, given_ids = (
        [tokens.tolist() for tokens in tokenizer.encode_batch(texts)]
        for texts in (wanted, restored, given)
    )
    return [
        replace(score, baselines={"as given": as_given.value})
        for score, as_given in (
            [token_error(token_error_rows(ids, wanted_ids)) for ids in (restored_ids, given_ids)],
            [chrf(chrf_rows(texts, [[each] for each in wanted])) for texts in (restored, given)],
        )
    ]


def _record_in_a_line(table: Schema, rows_LF: np.ndarray, hidden_L: np.ndarray | None) -> str:
    """The values of the first columns."""
    if hidden_L is not None:
        rows_LF = np.where(hidden_L[:, None], np.float32(np.nan), rows_LF)
    words = in_words(table, gathered(table, rows_LF[None])[0])
    names = (column.name for column in table.columns)
    found = [f"{name} {word}" for name, word in zip(names, words, strict=True)]
    return ", ".join(found[:MOST_NUMBERS] + ["..."] * (len(found) > MOST_NUMBERS))


def _text_in_a_line(content: str) -> str:
    """The beginning of a text."""
    text = " ".join(content.split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."


def _heights_in_a_line(content: np.ndarray, whole: np.ndarray) -> str:
    """The mean of each row, or of several neighbours, as a height within those of the whole."""
    means, bounds = (
        each.reshape(len(each), -1).mean(axis=1, dtype=np.float64) for each in (content, whole)
    )
    parts = np.array_split(means, min(len(means), MOST_HEIGHTS))
    low, high = bounds.min(), max(bounds.max(), bounds.min() + 1e-9)
    shares = np.clip([(part.mean() - low) / (high - low) for part in parts], 0, 1)
    return "".join(HEIGHTS[round(share * (len(HEIGHTS) - 1))] for share in shares.tolist())
