"""Second moments of a stream as a sketch: the whole matrix, or its product with a few columns.

Both are sums over rows, so that parts add up whatever their order. Rows are taken about the mean of the first ones:
what is large in them all does not swallow what differs.

The columns of the randomized mode are most of them the leading directions of the first rows, the others random: on
rows that resemble the first ones that is worth an iteration of the power method, on others the random ones still
see every direction.

References
----------
Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011; Tropp, Yurtsever, Udell, Cevher,
"Fixed-rank approximation of a positive-semidefinite matrix from streaming data", NIPS 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.dense_rows import dense_pieces, dense_rows
from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.pca.nystrom import low_rank
from pairloom.rows import RowBatch

__all__ = ["ADDED", "init", "merge", "settle", "update", "widened"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

ADDED = ("n_rows", "sums", "squares", "moments")
"""The arrays of a state that hosts with the same origin and basis add up."""
PIECE_NUMBERS = 1 << 24
BASIS_ROWS, BASIS_ITERATIONS, RANDOM_SHARE = 1024, 2, 10
LEAST_FAITHFUL = 1e-24


def init(n_features: int, *, n_columns: int = 0, seed: int = 0) -> State:
    """Return the state of no rows.

    Parameters
    ----------
    n_features : int
        Grows where wider rows come.
    n_columns : int
        Of the sketch; 0, or as many as there are features: the whole matrix.
    seed : int

    Returns
    -------
    dict of ndarrays
        ``asked`` (2,), int64; ``n_rows`` (1,), int64; of the rows about ``origin`` (n_features,), float32: their
        ``sums`` (n_features,), ``squares`` (1,), and ``moments``, the second moments (n_features, n_features) or their
        product with ``basis`` (n_features, n_columns), float64. Origin and basis come with the first rows.
    """
    return {
        "asked": np.array([n_columns, seed], np.int64),
        "n_rows": np.zeros(1, np.int64),
        "sums": np.zeros(n_features),
        "squares": np.zeros(1),
    }


def settle(state: State, rows: RowBatch) -> State:
    """Return the state with an origin, and a basis if it needs one, taken from its first rows."""
    if "origin" in state:
        return state
    n_features = max(len(state["sums"]), rows.n_features)
    few = dense_rows(rows.part(0, min(rows.n_rows, BASIS_ROWS)), n_features)
    n_columns, seed = (int(x) for x in state["asked"])
    origin = few.mean(axis=0, dtype=np.float64).astype(np.float32)
    settled = widened(state, n_features) | {"origin": origin}
    if not n_columns or n_columns >= n_features:
        return settled | {"moments": np.zeros((n_features, n_features))}
    basis = _leading(few, origin, n_columns, np.random.default_rng([seed, n_features]))
    return settled | {"basis": basis, "moments": np.zeros(basis.shape)}


def update(state: State, rows: RowBatch) -> State:
    """Return the state of these rows too; the state given is used up."""
    state = widened(settle(state, rows), rows.n_features)
    moments, sums, squares = state["moments"], state["sums"].copy(), state["squares"].copy()
    for _, piece in dense_pieces(rows, len(sums), PIECE_NUMBERS):
        products, piece_sums, piece_squares = _piece(piece, state["origin"], state.get("basis"))
        moments += products
        sums += piece_sums
        squares += piece_squares
    return state | {
        "n_rows": state["n_rows"] + rows.n_rows, "sums": sums, "squares": squares, "moments": moments,
    }  # fmt: skip


def merge(first: State, second: State) -> State:
    """Return the state of the rows of both.

    Parts with the same origin and basis, as hosts have and as `settle` gives, are added exactly; another origin is
    brought to the first one's, and so is another basis, for which a sketch stands in for its rows.
    """
    if "origin" not in first or "origin" not in second:
        return second if "origin" not in first else first
    n_features = max(len(first["sums"]), len(second["sums"]))
    first, second = widened(first, n_features), widened(second, n_features)
    second = _on_basis(_about(second, first["origin"]), first.get("basis"))
    return first | {name: first[name] + second[name] for name in ADDED}


def _piece(
    rows: Float32Array, origin: Float32Array, basis: Float32Array | None
) -> tuple[npt.NDArray[np.floating], Float64Array, float]:
    """Return (second moments, sums, sum of squares) of rows about the origin, by products in float32."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        moved = rows - origin
        products = moved.T @ (moved if basis is None else moved @ basis)
        squares = (
            float(products.trace(dtype=np.float64))
            if basis is None
            else float(np.einsum("ij,ij->i", moved, moved).sum(dtype=np.float64))
        )
        faithful = np.isfinite(squares) and squares >= LEAST_FAITHFUL * moved.size
        if faithful and np.isfinite(products).all():
            return products, (np.ones(len(moved), np.float32) @ moved).astype(np.float64), squares
    exact = rows.astype(np.float64) - origin
    products = exact.T @ (exact if basis is None else exact @ basis.astype(np.float64))
    return products, exact.sum(axis=0), float(np.square(exact).sum())


def _leading(
    rows: Float32Array, origin: Float32Array, n_columns: int, rng: np.random.Generator
) -> Float32Array:
    """Return columns of like size: leading directions of some rows, and random ones."""
    n_features = len(origin)
    n_random = max(1, n_columns // RANDOM_SHARE)
    random = rng.standard_normal((n_features, n_random), np.float32) / np.float32(np.sqrt(n_features))
    moved = rows.astype(np.float64) - origin
    largest = float(np.abs(moved).max(initial=0.0))
    moved = (moved / largest if largest else moved).astype(np.float32)
    leading = rng.standard_normal((n_features, n_columns - n_random), np.float32)
    for _ in range(BASIS_ITERATIONS):
        leading, _ = np.linalg.qr(moved.T @ (moved @ leading))
    return np.concatenate([leading, random], axis=1, dtype=np.float32)


def _about(state: State, origin: Float32Array) -> State:
    """Return the state with its rows taken about another origin."""
    step = state["origin"].astype(np.float64) - origin
    if not step.any():
        return state
    n_rows, sums = int(state["n_rows"][0]), state["sums"]
    basis = state.get("basis")
    across = (step, sums) if basis is None else (step @ basis, sums @ basis)
    moments = state["moments"] + np.outer(sums + n_rows * step, across[0]) + np.outer(step, across[1])
    squares = state["squares"] + 2 * float(sums @ step) + n_rows * float(step @ step)
    return state | {"origin": origin, "sums": sums + n_rows * step, "squares": squares, "moments": moments}


def _on_basis(state: State, basis: Float32Array | None) -> State:
    """Return the state with its second moments multiplied by another basis."""
    own = state.get("basis")
    same = own is basis or (own is not None and basis is not None and np.array_equal(own, basis))
    if same:
        return state
    if own is None:
        assert basis is not None
        return state | {"basis": basis, "moments": state["moments"] @ basis}
    vectors, values = low_rank(state["moments"], own)
    spread = vectors * values
    across = vectors.T if basis is None else vectors.T @ basis
    changed = {name: array for name, array in state.items() if name != "basis"}
    return changed | {"moments": spread @ across} | ({} if basis is None else {"basis": basis})


def widened(state: State, n_features: int) -> State:
    """Return the state with columns of zeros up to `n_features`; the basis goes on at random."""
    missing = n_features - len(state["sums"])
    if missing <= 0:
        return state
    wide = state | {"sums": np.pad(state["sums"], (0, missing))}
    if "origin" not in state:
        return wide
    wide["origin"] = np.pad(state["origin"], (0, missing))
    across = missing if "basis" not in state else 0
    wide["moments"] = np.pad(state["moments"], ((0, missing), (0, across)))
    if "basis" in state:
        rng = np.random.default_rng([int(state["asked"][1]), n_features])
        more = rng.standard_normal((missing, state["basis"].shape[1]), np.float32)
        wide["basis"] = np.concatenate([state["basis"], more / np.float32(np.sqrt(n_features))])
    return wide
