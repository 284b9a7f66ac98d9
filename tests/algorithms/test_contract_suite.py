"""Every check over every case of the catalogue, and over a plug-in; exceptions are a strict table."""

from dataclasses import dataclass
from typing import Literal

import pytest
from linear_plugin import LinearPlugin

from pairloom.algorithms.catalogue import algorithm_names
from pairloom.testing.cases import CASES, Case
from pairloom.testing.contract_suite import CHECKS


@dataclass(frozen=True)
class Excepted:
    kind: Literal["not yet", "never"]
    reason: str


class PluginCase(Case):
    """A case of an algorithm that is not installed."""

    @property
    def algorithm(self):
        return LinearPlugin


PLUGIN = PluginCase(
    "linear-plugin", "regressor", {"feature_dim": "110", "learning_rate": "0.05"},
    CASES[0].train, CASES[0].test, "rmse", 0.85 * float(CASES[0].test.labels.std()), CASES[0].measure,
)  # fmt: skip
N_CHECKS = {
    "factorization-machines as regressor": 30,
    "factorization-machines as classifier": 30,
    "kmeans as dense clusters": 30,
    "kmeans as sparse clusters": 30,
    "linear-learner as binary classifier": 30,
    "linear-learner as regressor": 30,
    "linear-learner as multiclass classifier": 30,
    "linear-plugin as regressor": 30,
    "pca as regular": 30,
    "pca as randomized": 30,
    "xgboost as regressor": 30,
    "xgboost as classifier": 30,
    "xgboost as multiclass classifier": 30,
}
EXCEPTIONS: dict[tuple[str, str], Excepted] = {}
ALL = [
    pytest.param(case, check, id=f"{case.name}-{check.__name__}")
    for case in (*CASES, PLUGIN)
    for check in CHECKS
]


@pytest.mark.parametrize(("case", "check"), ALL)
def test_contract(case, check):
    excepted = EXCEPTIONS.get((case.name, check.__name__))
    if excepted is None:
        check(case)
    else:
        with pytest.raises(AssertionError):
            check(case)


def test_every_algorithm_of_the_catalogue_has_a_case():
    assert {case.algorithm_name for case in CASES} == set(algorithm_names())


def test_no_check_was_lost():
    held = {case.name: len(CHECKS) for case in (*CASES, PLUGIN)}
    assert held == N_CHECKS


def test_exceptions_name_what_exists_and_why():
    names = {(case.name, check.__name__) for case in CASES for check in CHECKS}
    assert set(EXCEPTIONS) <= names
    assert all(len(excepted.reason) > 20 for excepted in EXCEPTIONS.values())
