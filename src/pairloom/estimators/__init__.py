"""Estimators with scikit-learn's manners over the factorization machine."""

from pairloom.estimators.classifier import FactorizationMachineClassifier
from pairloom.estimators.ranker import FactorizationMachineRanker
from pairloom.estimators.regressor import FactorizationMachineRegressor

__all__ = ["FactorizationMachineClassifier", "FactorizationMachineRanker", "FactorizationMachineRegressor"]
