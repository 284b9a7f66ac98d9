"""A tiny data set with a known answer for every task of every algorithm in the catalogue."""

from pairloom.testing.cases import factorization_machines, kmeans, linear_learner, pca, xgboost
from pairloom.testing.cases.case import Case, batched

__all__ = ["CASES", "Case", "batched"]

CASES: tuple[Case, ...] = (
    *factorization_machines.CASES,
    *kmeans.CASES,
    *linear_learner.CASES,
    *pca.CASES,
    *xgboost.CASES,
)
