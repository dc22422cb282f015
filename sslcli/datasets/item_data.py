"""Items to look at a model of images with: what --data names, else the data of its run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from sslcli import registry
from sslcli.contracts.probe import Part
from sslcli.core.settings import TransformerSettings
from sslcli.data.corpus import SPLIT_SEED, Corpus
from sslcli.data.items import Items
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.datasets.array_rows import refuse_unread
from sslcli.datasets.cache import cache_folder
from sslcli.datasets.layouts import RowLayout, refuse_other_layouts
from sslcli.datasets.locate import is_shards
from sslcli.datasets.sources import expand
from sslcli.datasets.tokenized import shards_for
from sslcli.errors import UsageError
from sslcli.grid import Grid
from sslcli.modalities import WORDS, Modality


@dataclass(frozen=True)
class ItemData:
    """`shape`: of the model, `modality`: what it reads, `trained`: the data of its run."""

    shape: TransformerSettings
    modality: Modality
    trained: DataSettings

    def items(self, part: Part, given: Sequence[str] = (), reader: str | None = None) -> Items:
        """The items of the run's training part, or of its held-out part, instead of which others
        may be `given`.

        Raises UsageError where there are none, DataError where the model does not read them.
        """
        if part == "held_out" and given:
            return self._all(self._given(given, reader))
        if not self.trained.train:
            raise UsageError(
                "this model does not say what it was trained on",
                "give data with --data, or choose the model of a run",
            )
        if self.trained.evaluation:
            own = self.trained.train if part == "train" else self.trained.evaluation
            return self._all(self.trained.model_copy(update={"train": own, "evaluation": ()}))
        corpus = self._corpus(self.trained)
        parts = corpus.split(self.trained.held_out, SPLIT_SEED)
        chosen = parts[part != "train"]
        return self._items(chosen, self.trained)

    def _given(self, given: Sequence[str], reader: str | None) -> DataSettings:
        options = {} if _are_shards(given) else self._known_options(given, reader)
        return DataSettings(train=tuple(given), reader=reader, reader_options=options)

    def _known_options(self, given: Sequence[str], reader: str | None) -> dict[str, Any]:
        """The options that the run's data was read with, as far as these readers have them."""
        names = {source.reader for source in expand(given, reader)}
        fields = [
            registry.plugin_settings("readers", each).model_fields.keys() for each in sorted(names)
        ]
        return {
            name: value
            for name, value in self.trained.reader_options.items()
            if all(name in own for own in fields)
        }

    def _all(self, data: DataSettings) -> Items:
        return self._items(self._corpus(data), data)

    def _items(self, corpus: Corpus, data: DataSettings) -> Items:
        own, grid = corpus.grid, self.shape.grid
        rows_of = corpus.array
        if own is not None and grid is not None and own != grid:
            rows_of = partial(_cut_anew, corpus, own, grid)
        name = ", ".join(data.train)
        unknown = () if corpus.table is None else corpus.table.left_out
        notes = [f"{name}: column '{column}' is not read, for {why}" for column, why in unknown]
        layout = self.shape.layout
        labelled = (corpus.spans[:, 0], rows_of, corpus.label_of, name)
        return Items(*labelled, layout, tuple(notes), corpus.file_of)

    def _corpus(self, data: DataSettings) -> Corpus:
        """All documents. Raises UsageError or DataError where the model does not read them."""
        table, name = self.shape.table, ", ".join(data.train)
        held = refuse_unread({"the model": get_args(Modality)}, data)
        if held != self.modality:
            raise UsageError(
                f"{name} holds {WORDS[held]}, and the model reads {WORDS[self.modality]}",
                "choose other data, or another --model",
            )
        shards = shards_for(data, TokenizerSettings(), cache_folder(), table=table)
        corpus = Corpus.open(shards.folder, data.sequence_tokens, data.unit)
        if table is not None and corpus.table is not None:
            corpus = corpus.coded(table, name)
        own = {name: RowLayout.of_corpus(corpus)}
        # how images are cut into patches is the model's own affair
        refuse_other_layouts(own, RowLayout.of_shape(self.shape), cut_anew=True)
        return corpus


def _cut_anew(corpus: Corpus, own: Grid, grid: Grid, document: int) -> np.ndarray:
    """The rows of an image in the patches of another grid."""
    return grid.cut(own.joined(corpus.array(document)))


def _are_shards(given: Sequence[str]) -> bool:
    return len(given) == 1 and is_shards(Path(given[0]))
