"""K-means as a sketch: more centres than are wanted, weighted by their rows, and a sample of the rows.

The first pass moves each centre to the mean of the rows that it has been the nearest to. `finalize` brings the
weighted centres down to the number wanted and refines them on the sample. Later passes are iterations of Lloyd's
over all rows, from centres that `begin_pass` sets: only their sums are kept, so that parts add up exactly.

References
----------
Sculley, "Web-scale k-means clustering", WWW 2010; Liberty et al., "Elastic machine learning algorithms in Amazon
SageMaker", SIGMOD 2020.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.dense_rows import dense_pieces
from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.families.sketches.reservoir import (
    add_rows,
    draw_keys,
    empty_sample,
    merge_samples,
)
from pairloom.algorithms.kmeans.lloyd import InitMethod, best_of_trials, moved_centers, seeds
from pairloom.algorithms.kmeans.nearest import Nearest, sums_by_label
from pairloom.rows import RowBatch

__all__ = ["begin_pass", "end_pass", "init", "measured", "merge", "update"]

Float64Array = npt.NDArray[np.float64]
SEEDING_STREAM = 1
COMPACTING_ITERATIONS = 5


def init(
    n_features: int,
    *,
    n_centers: int,
    most_sampled: int,
    init_method: InitMethod = "random",
    half_life_rows: int = 0,
    seed: int = 0,
    stream: int = 0,
    first_row: int = 0,
) -> State:
    """Return the state of no rows.

    Parameters
    ----------
    n_features : int
        Grows where wider rows come.
    n_centers : int
        Extra ones included.
    most_sampled : int
        Rows that the sample holds.
    init_method : "random" or "kmeans++"
        How the first centres are taken from the first rows.
    half_life_rows : int
        Rows after which a row counts half; 0: all count alike.
    seed, stream : int
        Hosts share the seed and have each a stream.
    first_row : int
        Number of the first row of this part within its stream.

    Returns
    -------
    dict of ndarrays
        ``centers`` (n, n_features) and ``weights`` (n,), float64; ``sample`` (m, n_features), float32, and its ``keys``
        (m,), float64; ``measured`` (2,), rows of this pass and the sum of their squared distances; ``n_rows`` (1,) and
        ``asked`` (7,), int64.
        Within a later pass also ``moving`` (k, n_features) with ``sums`` and ``totals``.
    """
    sample, keys = empty_sample(n_features)
    asked = [n_centers, most_sampled, init_method == "kmeans++", half_life_rows, seed, stream, first_row]
    return {
        "centers": np.zeros((0, n_features)),
        "weights": np.zeros(0),
        "sample": sample,
        "keys": keys,
        "measured": np.zeros(2),
        "n_rows": np.zeros(1, np.int64),
        "asked": np.array(asked, np.int64),
    }


def update(state: State, rows: RowBatch) -> State:
    """Return the state of these rows too; the state given is used up.

    Centres move once, after all of `rows` have been assigned to them as they stood.
    """
    state = widened(state, rows.n_features)
    return _moved_later(state, rows) if "moving" in state else _moved_first(state, rows)


def merge(first: State, second: State) -> State:
    """Return the state of the rows of both.

    Centres are put side by side, samples and sums are joined: whatever is merged first, the result is the same, but
    for the rounding of sums. The next `update` brings the centres back to their number. Parts of a later pass have
    the first one in common: of them the sums alone are added.
    """
    if "moving" in first:
        return first | {name: first[name] + second[name] for name in ("sums", "totals", "measured")}
    n_features = max(first["centers"].shape[1], second["centers"].shape[1])
    first, second = widened(first, n_features), widened(second, n_features)
    asked = first["asked"].copy()
    asked[6] = max(int(first["asked"][6]), int(second["asked"][6]))
    sample, keys = merge_samples(
        (first["sample"], first["keys"]), (second["sample"], second["keys"]), int(asked[1])
    )
    return {
        "centers": np.concatenate([first["centers"], second["centers"]]),
        "weights": np.concatenate([first["weights"], second["weights"]]),
        "sample": sample,
        "keys": keys,
        "measured": first["measured"] + second["measured"],
        "n_rows": first["n_rows"] + second["n_rows"],
        "asked": asked,
    }


def begin_pass(state: State, centers: Float64Array) -> State:
    """Return the state at the start of a later pass: `centers` of shape (k, n_features) are to be moved."""
    return {
        **state,
        "measured": np.zeros(2),
        "moving": centers.astype(np.float64),
        "sums": np.zeros(centers.shape),
        "totals": np.zeros(len(centers)),
    }


def end_pass(state: State) -> Float64Array:
    """Return the centres after a later pass: the means of their rows."""
    sample = state["sample"][np.isfinite(state["keys"])]
    squared = Nearest(state["moving"]).assign(sample)[1] if not state["totals"].all() else np.zeros(0)
    return moved_centers(state["moving"], state["sums"], state["totals"], sample, squared)


def measured(state: State) -> tuple[int, float]:
    """Return rows of this pass, and the sum of their squared distances to the centres as these stood."""
    n_rows, squares = state["measured"]
    return int(n_rows), float(squares)


def widened(state: State, n_features: int) -> State:
    """Return the state with columns of zeros up to `n_features`."""
    missing = n_features - state["centers"].shape[1]
    if missing <= 0:
        return state
    names = [name for name in ("centers", "sample", "moving", "sums") if name in state]
    return state | {name: np.pad(state[name], ((0, 0), (0, missing))) for name in names}


def _moved_first(state: State, rows: RowBatch) -> State:
    n_centers, most_sampled, careful, half_life, seed, stream, first_row = (int(x) for x in state["asked"])
    width = state["centers"].shape[1]
    state = _compacted(state, n_centers)
    keys = draw_keys(seed, stream, first_row, rows.n_rows, half_life)
    missing = n_centers - len(state["centers"])
    if missing > 0:
        state = _seeded(state, rows, missing, "kmeans++" if careful else "random")
    nearest = Nearest(state["centers"])
    sums, totals = np.zeros(state["centers"].shape), np.zeros(len(state["centers"]))
    sample, squares = (state["sample"], state["keys"]), 0.0
    for start, piece in dense_pieces(rows, width):
        labels, squared = nearest.assign(piece)
        piece_sums, piece_totals = sums_by_label(piece, labels, len(totals))
        sums += piece_sums
        totals += piece_totals
        squares += float(squared.sum())
        sample = add_rows(sample, piece, keys[start : start + len(piece)], most_sampled)
    weights = state["weights"] * (0.5 ** (rows.n_rows / half_life) if half_life else 1.0)
    grown = weights + totals
    step = np.divide(1.0, grown, out=np.zeros_like(grown), where=totals > 0)
    asked = state["asked"].copy()
    asked[6] = first_row + rows.n_rows
    return state | {
        "centers": state["centers"] + (sums - totals[:, None] * state["centers"]) * step[:, None],
        "weights": grown,
        "sample": sample[0],
        "keys": sample[1],
        "measured": state["measured"] + [rows.n_rows, squares],
        "n_rows": state["n_rows"] + rows.n_rows,
        "asked": asked,
    }


def _moved_later(state: State, rows: RowBatch) -> State:
    nearest, half_life = Nearest(state["moving"]), int(state["asked"][3])
    kept = 0.5 ** (rows.n_rows / half_life) if half_life else 1.0
    sums, totals, squares = state["sums"] * kept, state["totals"] * kept, 0.0
    for _, piece in dense_pieces(rows, sums.shape[1]):
        labels, squared = nearest.assign(piece)
        piece_sums, piece_totals = sums_by_label(piece, labels, len(totals))
        sums += piece_sums
        totals += piece_totals
        squares += float(squared.sum())
    return state | {
        "sums": sums,
        "totals": totals,
        "measured": state["measured"] + [rows.n_rows, squares],
    }


def _seeded(state: State, rows: RowBatch, n_missing: int, method: InitMethod) -> State:
    """Add centres that begin at rows of this batch; they weigh nothing until the rows are assigned."""
    from pairloom.algorithms.families.dense_rows import dense_rows

    width = state["centers"].shape[1]
    rng = _rng(state)
    n_new = min(n_missing, rows.n_rows)
    if method == "random" or n_new == rows.n_rows:
        chosen = np.sort(rng.choice(rows.n_rows, n_new, replace=False))
        begin = np.concatenate([dense_rows(rows.part(row, row + 1), width) for row in chosen])
    else:
        dense = np.concatenate([piece for _, piece in dense_pieces(rows, width)])
        begin = dense[seeds(dense, n_new, method, rng, existing=state["centers"])]
    return state | {
        "centers": np.concatenate([state["centers"], begin.astype(np.float64)]),
        "weights": np.concatenate([state["weights"], np.zeros(n_new)]),
    }


def _compacted(state: State, n_centers: int) -> State:
    """Bring the centres of a merged state back to their number."""
    if len(state["centers"]) <= n_centers:
        return state
    points, weights = state["centers"].astype(np.float32), state["weights"]
    centers = best_of_trials(
        points, weights, n_centers, _rng(state), n_trials=1, method="kmeans++",
        max_iter=COMPACTING_ITERATIONS, tol=0.0,
    )  # fmt: skip
    labels, _ = Nearest(centers).assign(points)
    return state | {"centers": centers, "weights": np.bincount(labels, weights, minlength=n_centers)}


def _rng(state: State) -> np.random.Generator:
    seed, stream, row = (int(x) for x in state["asked"][4:])
    return np.random.default_rng([seed, SEEDING_STREAM, stream, row])
