"""Principal components in the form of SageMaker's own: a list of the arrays ``s``, ``v`` and ``mean``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pairloom.algorithms.pca.model import PCAModel
from pairloom.algorithms.sagemaker_artifacts import ModelFile
from pairloom.errors import DataError
from pairloom.formats.mxnet_arrays import serialize_arrays

__all__ = ["read", "recognises", "write"]


def recognises(file: ModelFile) -> bool:
    """Say whether it is a list with singular values and components."""
    return not file.files and {"s", "v"} <= set(file.names)


def read(file: ModelFile, told: Mapping[str, str]) -> PCAModel:
    """Build the model; DataError for arrays that are missing, not finite or of shapes that do not fit."""
    v, s = file.array("v", 2), file.array("s", 1)
    mean = np.zeros(len(v), np.float32)
    if "mean" in file.names:
        stored = file.arrays[file.names.index("mean")]
        mean = file.checked(stored, "mean", stored.ndim).ravel()
    if not v.size or v.shape != (len(mean), len(s)):
        raise DataError(
            "v of shape (n_features, n_components) with as many means and singular values",
            got=f"shapes {v.shape}, {mean.shape} and {s.shape}",
            source=file.source,
        )
    return PCAModel(np.ascontiguousarray(mean), np.ascontiguousarray(v), np.ascontiguousarray(s))


def write(model: PCAModel) -> bytes:
    """Return the list."""
    return serialize_arrays({"s": model.s, "v": model.v, "mean": model.mean})
