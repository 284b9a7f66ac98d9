"""Principal components as the contract asks for them: answers by name, saved in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.families.dense_rows import dense_pieces
from pairloom.algorithms.families.sketches.files import load_arrays, save_arrays
from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["PCAModel"]

FORMAT = "pairloom-pca"
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class PCAModel:
    """Answers ``projection``: the row less the mean, in the coordinates of the components.

    The arrays have the names and the order of SageMaker's artifact: the strongest component is the last.

    Parameters
    ----------
    mean : ndarray of shape (n_features,), float32
        Zeros where the mean is not subtracted.
    v : ndarray of shape (n_features, n_components), float32
        Orthonormal columns.
    s : ndarray of shape (n_components,), float32
        Singular values of the training rows less the mean, ascending.
    metadata : mapping of str to JSON values
        What is saved with it.
    """

    mean: npt.NDArray[np.float32]
    v: npt.NDArray[np.float32]
    s: npt.NDArray[np.float32]
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def n_features(self) -> int:
        """Width of the rows it projects; columns beyond add nothing."""
        return len(self.mean)

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> Predictions:
        """Project rows.

        Returns
        -------
        dict of ndarrays
            ``projection`` of shape (n_rows, n_components), float32, the strongest component last.
        """
        projection = np.zeros((rows.n_rows, len(self.s)), np.float32)
        with blas_threads(n_threads):
            for start, piece in dense_pieces(rows, self.n_features):
                projection[start : start + len(piece)] = self._project(piece)
        return {"projection": projection}

    def _project(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            projected = (rows - self.mean) @ self.v
        if np.isfinite(projected).all():
            return np.asarray(projected, np.float32)
        exact = (rows.astype(np.float64) - self.mean) @ self.v.astype(np.float64)
        return np.asarray(np.clip(exact, -LARGEST, LARGEST), np.float32)

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` (``mean``, ``v``, ``s``) into a folder."""
        save_arrays(folder, "model", FORMAT, {"mean": self.mean, "v": self.v, "s": self.s}, self.metadata)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; DataError when it is not there or damaged."""
        expected = {"mean": ("float32", 1), "v": ("float32", 2), "s": ("float32", 1)}
        arrays, metadata = load_arrays(folder, "model", FORMAT, expected)
        mean, v, s = arrays["mean"], arrays["v"], arrays["s"]
        if (
            not v.size
            or v.shape != (len(mean), len(s))
            or not all(np.isfinite(a).all() for a in (mean, v, s))
        ):
            raise DataError(
                "finite mean (n_features,), v (n_features, n_components) and s (n_components,)",
                got=f"shapes {mean.shape}, {v.shape} and {s.shape}", source=str(folder),
                action="Train again; the file is damaged",
            )  # fmt: skip
        own = {name: value for name, value in metadata.items() if name not in ("format", "version")}
        return cls(mean, v, s, own)
