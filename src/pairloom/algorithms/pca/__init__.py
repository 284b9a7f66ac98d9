"""SageMaker's algorithm ``pca``."""

from pairloom.algorithms.pca.algorithm import PCA

__all__ = ["PCA"]
