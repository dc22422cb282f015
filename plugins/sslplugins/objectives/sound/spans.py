"""Which frames of recordings are hidden: runs of neighbours, for one frame alone is told from those
beside it.

Letters: B recordings, T frames of all of them end to end, N hidden ones, M mel bands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sslcli.api import Batch, Rng

SHORT = 4  # of a recording of few frames a run hides at most this part


@dataclass(frozen=True)
class Runs:
    """`hidden_T`: frames that lie in a run; `start_T`: the place in T where the last run began that
    a hidden frame lies in.
    """

    hidden_T: np.ndarray
    start_T: np.ndarray


def hidden_runs(batch: Batch, rng: Rng, share: float, run: int) -> Runs:
    """Hide about this share of all frames in runs of `run`, which may overlap, and at least one run
    of every recording.

    Each frame begins a run with the same probability. A recording of t frames has runs of at most
    t / SHORT.
    """
    lengths_B = batch.lengths
    run_B = np.clip(lengths_B // SHORT, 1, run)
    run_T = np.repeat(run_B, lengths_B)
    chance_T = rng.uniform("run", batch.sample_of, batch.positions)
    # where runs overlap: 1 - (1 - p) ** run of the frames are hidden
    begins_T = chance_T < 1 - (1 - share) ** (1 / run_T)
    first_T = np.repeat(batch.starts[:-1], lengths_B)
    fits_T = np.arange(len(chance_T)) - first_T <= np.repeat(lengths_B - run_B, lengths_B)
    likeliest_B = np.minimum.reduceat(np.where(fits_T, chance_T, np.inf), batch.starts[:-1])
    begins_T |= chance_T == np.repeat(likeliest_B, lengths_B)
    places_T = np.arange(len(chance_T))
    start_T = np.maximum.accumulate(np.where(begins_T, places_T, -1))
    hidden_T = (start_T >= first_T) & (places_T - start_T < run_T)
    return Runs(hidden_T, np.where(hidden_T, start_T, 0))


@dataclass(frozen=True)
class Hidden:
    """Of one recording the hidden frames and the nearest visible ones before and behind them, as
    places in T; at the ends of a recording both are the nearest one.
    """

    places_N: np.ndarray
    before_N: np.ndarray
    behind_N: np.ndarray


def beside_hidden(starts_B1: np.ndarray, hidden_T: np.ndarray) -> Iterator[Hidden | slice]:
    """Yield what stands beside the hidden frames of each recording; the recording itself where all
    of it is hidden.
    """
    for start, stop in pairwise(starts_B1.tolist()):
        seen = start + np.flatnonzero(~hidden_T[start:stop])
        if not len(seen):
            yield slice(start, stop)
            continue
        places_N = start + np.flatnonzero(hidden_T[start:stop])
        behind = np.clip(np.searchsorted(seen, places_N), 0, len(seen) - 1)
        before = np.clip(behind - (seen[behind] > places_N), 0, None)
        yield Hidden(places_N, seen[before], seen[behind])


def interpolated(
    rows_TM: np.ndarray, starts_B1: np.ndarray, hidden_T: np.ndarray, usual_M: np.ndarray
) -> np.ndarray:
    """Hidden frames on the straight line between the visible ones before and behind them, and like
    the nearest one at the ends of a recording: [T, M]. Where all are hidden, the usual one.
    """
    found_TM = rows_TM.copy()
    for hidden in beside_hidden(starts_B1, hidden_T):
        if isinstance(hidden, slice):
            found_TM[hidden] = usual_M
            continue
        left_N, right_N = hidden.before_N, hidden.behind_N
        way_N = (hidden.places_N - left_N) / np.maximum(right_N - left_N, 1)
        way_N1 = np.clip(way_N, 0, 1)[:, None]
        found_TM[hidden.places_N] = rows_TM[left_N] * (1 - way_N1) + rows_TM[right_N] * way_N1
    return found_TM


def nearest_visible(starts_B1: np.ndarray, hidden_T: np.ndarray) -> np.ndarray:
    """[N], for each hidden frame the nearest visible one of its recording, of two the one before;
    itself where all are hidden.
    """
    found = []
    for hidden in beside_hidden(starts_B1, hidden_T):
        if isinstance(hidden, slice):
            found.append(np.arange(hidden.start, hidden.stop))
            continue
        is_before_N = hidden.places_N - hidden.before_N <= hidden.behind_N - hidden.places_N
        is_before_N |= hidden.before_N == hidden.behind_N
        found.append(np.where(is_before_N, hidden.before_N, hidden.behind_N))
    return np.concatenate(found)
