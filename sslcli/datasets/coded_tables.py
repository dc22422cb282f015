"""Tables as rows of a model: what is learnt of the training part goes for all other data."""

from collections.abc import Sequence

from sslcli.data.corpus import SPLIT_SEED, Corpus
from sslcli.data.settings import DataSettings
from sslcli.errors import UsageError
from sslcli.rows.schema import Schema

MOST_FEATURES = 4_096  # numbers that a record becomes


def coded_table(
    corpus: Corpus, data: DataSettings, known: Schema | None
) -> tuple[Corpus, Sequence[str]]:
    """The training data with its records as rows of the `known` table of a model, or by what its
    training part says; and what is to be said of that. Other data than a table is left alone.

    Raises DataError where columns are missing, UsageError where there are too many categories.
    """
    if corpus.table is None:
        return corpus, ()
    name = ", ".join(data.train)
    if known is not None:
        return corpus.coded(known, name), ()
    part = corpus if data.evaluation else corpus.split(data.held_out, SPLIT_SEED)[0]
    table, notes = part.learnt()
    if table.features > MOST_FEATURES:
        widest = max(table.columns, key=lambda column: column.slots)
        raise UsageError(
            f"a record of {name} becomes {table.features:,} numbers, and at most "
            f"{MOST_FEATURES:,} are read",
            f"leave columns out, as --leave-out {widest.name}, which has {widest.slots}",
        )
    return corpus.coded(table, name), notes
