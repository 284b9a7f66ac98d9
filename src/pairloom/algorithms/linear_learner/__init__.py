"""SageMaker's algorithm ``linear-learner``."""

from pairloom.algorithms.linear_learner.algorithm import LinearLearner

__all__ = ["LinearLearner"]
