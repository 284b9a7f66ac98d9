"""Centres in the form of SageMaker's own k-means: a list of one array (k x features) without a name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pairloom.algorithms.kmeans.model import KMeansModel
from pairloom.algorithms.sagemaker_artifacts import ModelFile
from pairloom.errors import DataError
from pairloom.formats.mxnet_arrays import serialize_arrays

__all__ = ["read", "recognises", "write"]


def recognises(file: ModelFile) -> bool:
    """Say whether it is a list of one array without a name, as people also write by hand."""
    return not file.files and not file.names and len(file.arrays) == 1


def read(file: ModelFile, told: Mapping[str, str]) -> KMeansModel:
    """Build the model; DataError for what is no matrix of finite numbers with a cluster and a feature."""
    centers = file.checked(file.arrays[0], "centers", 2)
    if not centers.size:
        got = f"shape {centers.shape}"
        raise DataError("centers of at least one cluster and feature", got=got, source=file.source)
    return KMeansModel(np.ascontiguousarray(centers))


def write(model: KMeansModel) -> bytes:
    """Return the list."""
    return serialize_arrays([model.centers])
