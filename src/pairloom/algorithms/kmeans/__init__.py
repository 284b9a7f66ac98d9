"""SageMaker's algorithm ``kmeans``."""

from pairloom.algorithms.kmeans.algorithm import KMeans

__all__ = ["KMeans"]
