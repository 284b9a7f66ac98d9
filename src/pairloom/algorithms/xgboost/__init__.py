"""SageMaker's algorithm ``xgboost``, an adapter on the library of that name."""

from pairloom.algorithms.xgboost.algorithm import XGBoost

__all__ = ["XGBoost"]
