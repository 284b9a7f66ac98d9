"""Trained centres as the contract asks for them: answers by name, saved in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.families.dense_rows import dense_pieces
from pairloom.algorithms.families.sketches.files import load_arrays, save_arrays
from pairloom.algorithms.kmeans.nearest import Nearest
from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["KMeansModel"]

FORMAT = "pairloom-kmeans"


@dataclass(frozen=True)
class KMeansModel:
    """Answers ``closest_cluster`` and ``distance_to_cluster``.

    Parameters
    ----------
    centers : ndarray of shape (k, n_features), float32
    metadata : mapping of str to JSON values
        What is saved with it.
    """

    centers: npt.NDArray[np.float32]
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def n_features(self) -> int:
        """Width of the rows it scores; columns beyond add nothing."""
        return self.centers.shape[1]

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> Predictions:
        """Find the nearest centre of each row.

        Returns
        -------
        dict of ndarrays of shape (n_rows,), float32
            ``closest_cluster``, counted from 0, and ``distance_to_cluster``, Euclidean.
        """
        closest = np.zeros(rows.n_rows, np.float32)
        distance = np.zeros(rows.n_rows, np.float32)
        with blas_threads(n_threads):
            for start, piece in dense_pieces(rows, self.n_features):
                part = slice(start, start + len(piece))
                closest[part], distance[part] = self._nearest.answer(piece)
        return {"closest_cluster": closest, "distance_to_cluster": distance}

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` (``centers``) into a folder."""
        save_arrays(folder, "model", FORMAT, {"centers": self.centers}, self.metadata)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; DataError when it is not there or damaged."""
        arrays, metadata = load_arrays(folder, "model", FORMAT, {"centers": ("float32", 2)})
        centers = arrays["centers"]
        if not centers.size or not np.isfinite(centers).all():
            raise DataError(
                "finite centers of at least one cluster and feature", got=f"shape {centers.shape}",
                source=str(folder), action="Train again; the file is damaged",
            )  # fmt: skip
        own = {name: value for name, value in metadata.items() if name not in ("format", "version")}
        return cls(centers, own)

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest(self.centers)
