"""Leading eigenvectors of a positive semidefinite matrix, from the matrix or from its product with some columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["leading_eigenvectors", "low_rank"]

Float64Array = npt.NDArray[np.float64]

SMALL = 256
LARGE_SHARE = 20
EXTRA_COLUMNS = 8
MOST_STEPS = 24
TOLERANCE = 1e-8
FLOAT32_ROUNDING = 1e-7


def low_rank(products: Float64Array, basis: npt.NDArray[np.float32]) -> tuple[Float64Array, Float64Array]:
    """Return the eigenvectors and eigenvalues of the Nystrom approximation of a matrix.

    Parameters
    ----------
    products : ndarray of shape (n, n_columns)
        The matrix times the basis, up to the rounding of float32.
    basis : ndarray of shape (n, n_columns), float32

    Returns
    -------
    (vectors, values)
        Of shapes (n, n_columns) and (n_columns,), values descending and not negative.

    References
    ----------
    Tropp, Yurtsever, Udell, Cevher, "Fixed-rank approximation of a positive-semidefinite matrix from streaming
    data", NIPS 2017, algorithm 3.
    """
    # Another basis of the same columns: it makes the small matrix well conditioned.
    orthogonal, triangle = np.linalg.qr(basis.astype(np.float64))
    products = np.asarray(np.linalg.lstsq(triangle.T, products.T, rcond=None)[0].T, np.float64)
    size = float(np.abs(products).max(initial=0.0))
    if not size:
        return orthogonal, np.zeros(basis.shape[1])
    shift = FLOAT32_ROUNDING * float(np.linalg.norm(products))
    while True:
        shifted = products + shift * orthogonal
        small = orthogonal.T @ shifted
        try:
            lower = np.linalg.cholesky((small + small.T) / 2)
            break
        except np.linalg.LinAlgError:
            shift *= 10
    vectors, singular, _ = np.linalg.svd(np.linalg.solve(lower, shifted.T).T, full_matrices=False)
    return vectors, np.maximum(singular**2 - shift, 0.0)


def leading_eigenvectors(matrix: Float64Array, n_wanted: int) -> tuple[Float64Array, Float64Array]:
    """Return eigenvectors and eigenvalues of a symmetric matrix, the largest first.

    Few of a large matrix come from a block Krylov space, which grows until the residuals are below 1e-8 of the largest
    eigenvalue; else the whole matrix is decomposed.

    Parameters
    ----------
    matrix : ndarray of shape (n, n), float64
    n_wanted : int

    Returns
    -------
    (vectors, values)
        Of shapes (n, n_wanted) and (n_wanted,).

    References
    ----------
    Musco and Musco, "Randomized block Krylov methods for stronger and faster approximate singular value
    decomposition", NIPS 2015.
    """
    size = len(matrix)
    if size > SMALL and LARGE_SHARE * n_wanted < size:
        found = _from_krylov_space(matrix, n_wanted)
        if found is not None:
            return found
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, ::-1][:, :n_wanted], values[::-1][:n_wanted]


def _from_krylov_space(matrix: Float64Array, n_wanted: int) -> tuple[Float64Array, Float64Array] | None:
    size, width = len(matrix), n_wanted + EXTRA_COLUMNS
    block, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(size, width)))
    space, images = block, matrix @ block
    for _ in range(MOST_STEPS):
        small = space.T @ images
        values, rotation = np.linalg.eigh((small + small.T) / 2)
        values, rotation = values[::-1][:n_wanted], rotation[:, ::-1][:, :n_wanted]
        vectors = space @ rotation
        residuals = np.linalg.norm(images @ rotation - vectors * values, axis=0)
        if residuals.max() <= TOLERANCE * max(abs(float(values[0])), np.finfo(np.float64).tiny):
            return vectors, values
        if 3 * (space.shape[1] + width) > size:
            return None
        block = images[:, -width:]
        for _ in range(2):
            block, _ = np.linalg.qr(block - space @ (space.T @ block))
        space = np.concatenate([space, block], axis=1)
        images = np.concatenate([images, matrix @ block], axis=1)
    return None
