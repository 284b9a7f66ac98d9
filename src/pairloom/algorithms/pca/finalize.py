"""From a sketch of second moments to the principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.pca.nystrom import leading_eigenvectors, low_rank

__all__ = ["Components", "finalize"]

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components in SageMaker's order, the strongest last.

    Parameters
    ----------
    mean : ndarray of shape (n_features,), float64
        Zeros where it is not to be subtracted.
    vectors : ndarray of shape (n_features, n_components), float64
        Orthonormal columns; the entry of largest size is positive.
    singular_values : ndarray of shape (n_components,), float64
        Of the matrix of the rows less the mean, ascending.
    total : float
        Sum of the squares of that matrix, of which the squared singular values are parts.
    """

    mean: Float64Array
    vectors: Float64Array
    singular_values: Float64Array
    total: float


def finalize(state: State, n_components: int, *, subtract_mean: bool = True) -> Components:
    """Return the components of the rows of a state.

    Parameters
    ----------
    state : dict of ndarrays
        Of at least one row.
    n_components : int
        At most n_features.
    subtract_mean : bool
    """
    n_rows, sums = int(state["n_rows"][0]), state["sums"]
    mean = state["origin"] + sums / n_rows
    basis = state.get("basis")
    offset = sums / n_rows if subtract_mean else -state["origin"].astype(np.float64)
    # Rows about origin + offset: the moments lose what the offset explains.
    along = offset if basis is None else offset @ basis
    total_along = sums if basis is None else sums @ basis
    moments = state["moments"] - np.outer(offset, total_along) - np.outer(sums, along)
    moments += n_rows * np.outer(offset, along)
    total = float(state["squares"][0] - 2 * (offset @ sums) + n_rows * (offset @ offset))
    if basis is None:
        vectors, values = leading_eigenvectors(moments, n_components)
    else:
        vectors, values = (part[..., :n_components] for part in low_rank(moments, basis))
    values = np.maximum(values, 0.0)
    vectors = vectors * np.where(_largest(vectors) < 0, -1.0, 1.0)
    return Components(
        mean if subtract_mean else np.zeros_like(mean),
        vectors[:, ::-1],
        np.sqrt(values)[::-1],
        max(total, float(values.sum())),
    )


def _largest(vectors: Float64Array) -> Float64Array:
    return vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
