"""The nearest of some centres, by matrix products; and, where it is asked for, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.kernels.dense_rows import add_by_label

__all__ = ["Nearest", "sums_by_label"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

TILE_ROWS = 512
SMALLEST_MAGNITUDE, LARGEST_MAGNITUDE = 1e-9, 1e9
HALF_ULP = 2.0**-24
PAIR_NUMBERS = 1 << 20
LARGEST = float(np.finfo(np.float32).max)


class Nearest:
    """Centres, prepared for rows to be compared with.

    Squared distances come as ``|y|^2 - 2 y.c + |c|^2`` in float32, where rows and centres are first moved by the
    mean of the centres, so that little is lost where the data lie far from zero, and scaled by a power of two
    where they are very large or small. Rows that leave float32 on the way are done again in float64.

    Parameters
    ----------
    centers : ndarray of shape (n_centers, n_features), float32 or float64
    centered : bool
        Whether rows and centres have been moved to lie about zero already.
    """

    def __init__(self, centers: npt.NDArray[Any], *, centered: bool = False) -> None:
        exact = centers.astype(np.float64)
        self.centers = exact
        self.origin = None if centered else exact.mean(axis=0).astype(np.float32)
        moved = exact.copy() if self.origin is None else exact - self.origin
        magnitude = float(np.abs(moved).max(initial=0.0))
        in_range = magnitude == 0 or SMALLEST_MAGNITUDE < magnitude < LARGEST_MAGNITUDE
        self.scale = 1.0 if in_range else 2.0 ** round(-np.log2(magnitude))
        moved *= self.scale
        self.products = np.ascontiguousarray((-2.0 * moved).T, np.float32)
        norms = np.einsum("ij,ij->i", moved, moved)
        self.norms = norms.astype(np.float32)
        self.largest_norm = float(np.sqrt(norms.max(initial=0.0)))

    def assign(self, rows: Float32Array, norms: Float32Array | None = None) -> tuple[Labels, Float64Array]:
        """Return the nearest centre of each row and the squared distance to it, up to rounding.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features), float32
        norms : ndarray of shape (n_rows,), float32, optional
            Squared norms of centred rows, where they are known.

        Returns
        -------
        (labels, squared_distances)
            Of shape (n_rows,); integers and float64.
        """
        labels = np.zeros(len(rows), np.intp)
        squared = np.zeros(len(rows))
        for tile, own_norms, scores in self._tiles(rows, norms):
            found = scores.argmin(axis=1)
            best = scores[np.arange(len(found)), found] + own_norms
            labels[tile] = found
            squared[tile] = best if self.scale == 1 else best.astype(np.float64) / self.scale**2
            wild = np.flatnonzero(~np.isfinite(best))
            if len(wild):
                labels[tile.start + wild], squared[tile.start + wild] = self._by_differences(rows[tile][wild])
        return labels, np.maximum(squared, 0.0, out=squared)

    def answer(self, rows: Float32Array) -> tuple[Labels, Float32Array]:
        """Return the nearest centre of each row and the distance to it, whatever rows stand beside it.

        Where rounding could decide between centres, they are compared by differences in float64; of equally
        near ones the first is named.

        Returns
        -------
        (labels, distances)
            Of shape (n_rows,); integers and float32. Euclidean.
        """
        labels = np.zeros(len(rows), np.intp)
        slack = 2 * (rows.shape[1] + 8) * HALF_ULP
        for tile, norms, scores in self._tiles(rows):
            labels[tile] = scores.argmin(axis=1)
            best = scores[np.arange(len(scores)), labels[tile]]
            margin = slack * (2 * np.sqrt(norms) * self.largest_norm + self.largest_norm**2)
            near = scores <= (best + margin)[:, None]
            unsure = np.flatnonzero((np.count_nonzero(near, axis=1) != 1) | ~np.isfinite(best + norms))
            for start in range(0, len(unsure), max(1, PAIR_NUMBERS // max(self.centers.size, 1))):
                part = unsure[start : start + max(1, PAIR_NUMBERS // max(self.centers.size, 1))]
                labels[tile.start + part], _ = self._by_differences(rows[tile][part])
        distances = np.zeros(len(rows))
        piece = max(1, PAIR_NUMBERS // max(rows.shape[1], 1))
        for start in range(0, len(rows), piece):
            part = slice(start, start + piece)
            differences = rows[part] - self.centers[labels[part]]
            distances[part] = np.sqrt(np.square(differences, out=differences).sum(axis=1))
        return labels, np.minimum(distances, LARGEST).astype(np.float32)

    def _tiles(
        self, rows: Float32Array, norms: Float32Array | None = None
    ) -> Iterator[tuple[slice, Float32Array, Float32Array]]:
        """Yield (slice, squared norms of the moved rows, scores), a few rows at a time."""
        buffer = np.empty((min(TILE_ROWS, len(rows)), len(self.norms)), np.float32)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for start in range(0, len(rows), TILE_ROWS):
                tile = slice(start, min(start + TILE_ROWS, len(rows)))
                moved = rows[tile] if self.origin is None else rows[tile] - self.origin
                if self.scale != 1:
                    moved = moved * np.float32(self.scale)
                scores = buffer[: len(moved)]
                np.matmul(moved, self.products, out=scores)
                scores += self.norms
                yield tile, np.einsum("ij,ij->i", moved, moved) if norms is None else norms[tile], scores

    def _by_differences(self, rows: Float32Array) -> tuple[Labels, Float64Array]:
        squared = np.empty((len(rows), len(self.centers)))
        for row, values in enumerate(rows.astype(np.float64)):
            differences = values - self.centers
            squared[row] = np.square(differences, out=differences).sum(axis=1)
        labels = squared.argmin(axis=1)
        return labels, squared[np.arange(len(rows)), labels]


def sums_by_label(
    rows: Float32Array, labels: Labels, n_labels: int, weights: Float64Array | None = None
) -> tuple[Float64Array, Float64Array]:
    """Add up rows of the same label.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
    labels : ndarray of shape (n_rows,), integers in [0, n_labels)
    n_labels : int
    weights : ndarray of shape (n_rows,), optional

    Returns
    -------
    (sums, totals)
        Of shapes (n_labels, n_features) and (n_labels,), float64: weighted sums, and sums of weights.
    """
    totals = np.bincount(labels, weights, minlength=n_labels).astype(np.float64)
    return add_by_label(rows, labels, n_labels, weights), totals
