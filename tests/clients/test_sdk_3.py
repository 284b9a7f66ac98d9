"""The SageMaker SDK 3, unmodified."""

import sys

import pytest

from client_environments import NAMES_OF_THE_ACCOUNT

pytestmark = pytest.mark.xdist_group("sagemaker-3")


def test_the_accounts_bucket_and_role_are_found(clients):
    assert clients.run("sagemaker-3", "aws_names.py").answer == NAMES_OF_THE_ACCOUNT


def test_a_model_trainer_trains_and_its_model_is_deployed(clients, liked):
    found = clients.run("sagemaker-3", "model_trainer.py", liked.train, liked.test, liked.n_features).answer
    assert found["status"] == "Completed"
    assert found["metrics"]["test:binary_classification_accuracy"] > 0.6
    by_builder, by_resource = found["answers"]
    assert by_builder == by_resource
    assert 0 <= by_resource[0]["score"] <= 1
    assert found["variant"] == "AllTraffic"
    assert found["listed"]


@pytest.mark.skipif(sys.platform != "linux", reason="a job has its own /opt/ml on Linux alone")
def test_a_model_trainer_runs_a_script_of_ones_own(clients, tmp_path):
    found = clients.run("sagemaker-3", "own_script.py", tmp_path).answer
    assert found == {"status": "Completed", "told": "3 1,2 000000000000"}
