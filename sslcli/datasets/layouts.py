"""How the rows of items lie, in data and as a model reads them: patches of images, columns of
tables, frames of recordings, or so many numbers of which nothing else is known.
"""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple, Self

from sslcli.core.settings import TransformerSettings
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Document
from sslcli.errors import DataError
from sslcli.grid import Grid
from sslcli.modalities import Frames
from sslcli.rows.schema import Schema


class RowLayout(NamedTuple):
    """`features`: numbers of a row; `kind`: what the rows are, None where nobody says."""

    features: int
    kind: Grid | Schema | Frames | None = None

    @classmethod
    def of_corpus(cls, corpus: Corpus) -> Self:
        """That of data."""
        kind = corpus.grid or corpus.coded_as or corpus.frames
        return cls(prod(corpus.row_shape), kind)

    @classmethod
    def of_shape(cls, shape: TransformerSettings) -> Self:
        """What a model reads."""
        return cls(shape.row_features, shape.grid or shape.table or shape.frames)

    @classmethod
    def of_document(cls, document: Document, features: int) -> Self:
        """That of one item; how the columns of a table lie, its shards say."""
        return cls(features, document.grid or document.frames)

    def fits(self, other: Self, *, cut_anew: bool) -> bool:
        """Whether rows that lie so can be read where others are wanted; with `cut_anew` images may
        be cut into other patches.
        """
        if cut_anew and isinstance(self.kind, Grid) and isinstance(other.kind, Grid):
            return self.kind[:3] == other.kind[:3]
        return self.kind == other.kind if self.kind or other.kind else self == other

    def described(self, *, cut_anew: bool = False) -> str:
        """It in words."""
        if isinstance(self.kind, Grid):
            return f"images of {self.kind.pixels if cut_anew else self.kind.described}"
        if isinstance(self.kind, Schema):
            return f"records of {self.kind.described}"
        if isinstance(self.kind, Frames):
            return f"recordings of {self.kind.described}"
        return f"rows of {self.features} numbers" if self.features else "no rows"

    @property
    def hint(self) -> str:
        """How other data is brought to it."""
        if isinstance(self.kind, Grid):
            return "bring all images to that size and kind, as with --resize and --colours"
        if isinstance(self.kind, Frames):
            return f"bring all to one rate and as many bands: --rate {self.kind.rate}"
        return "choose other data, or another --model"


def refuse_other_layouts(
    found: Mapping[str, RowLayout],
    wanted: RowLayout,
    who: str = "the model reads",
    *,
    cut_anew: bool = False,
) -> None:
    """Raises DataError for data, by name, whose rows lie otherwise than those that are `wanted`."""
    for name, own in found.items():
        if not own.fits(wanted, cut_anew=cut_anew):
            raise DataError(
                f"{name} holds {own.described(cut_anew=cut_anew)}, and {who} "
                f"{wanted.described(cut_anew=cut_anew)}",
                wanted.hint,
            )
