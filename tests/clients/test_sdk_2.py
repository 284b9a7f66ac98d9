"""The SageMaker SDK 2, unmodified."""

import pytest

from client_environments import NAMES_OF_THE_ACCOUNT

pytestmark = pytest.mark.xdist_group("sagemaker-2")


def test_the_accounts_bucket_and_role_are_found(clients):
    assert clients.run("sagemaker-2", "aws_names.py").answer == NAMES_OF_THE_ACCOUNT


def test_the_class_of_factorization_machines_makes_its_own_record_sets(clients):
    found = clients.run("sagemaker-2", "record_sets.py").answer
    assert found["channels"] == ["train", "test"]
    assert found["rmse"] < 0.5 * found["spread"]
