"""The SageMaker SDK 2, unmodified."""

import json
import shutil
import tarfile

import numpy as np
import pytest

from client_environments import NAMES_OF_THE_ACCOUNT, PROGRAMS

pytestmark = pytest.mark.xdist_group("sagemaker-2")


def test_the_accounts_bucket_and_role_are_found(clients):
    assert clients.run("sagemaker-2", "aws_names.py").answer == NAMES_OF_THE_ACCOUNT


def test_a_generic_estimator_is_trained_deployed_captured_and_transformed(clients):
    ran = clients.run("sagemaker-2", "generic_estimator.py")
    found = ran.answer
    assert "#quality_metric: host=algo-1, epoch=11" in ran.output, "logs are streamed"
    assert found["hyperparameters"]["num_factors"] == "4"
    assert "test:binary_classification_accuracy" in found["metrics"]
    assert found["analytics"] == sorted(found["metrics"])
    likes = np.array(found["answers"]) > 0.5
    assert np.mean(likes == np.array(found["labels"])) >= 0.8
    np.testing.assert_allclose(found["batch"], found["answers"], rtol=1e-6)
    captured = found["captured"]
    assert captured["endpointInput"]["mode"] == "INPUT"
    assert len(json.loads(captured["endpointInput"]["data"])["instances"]) == 10
    answers = json.loads(captured["endpointOutput"]["data"])["predictions"]
    assert [answer["score"] for answer in answers] == found["answers"]
    assert {"Key": "team", "Value": "films"} in found["tags"]


def test_the_class_of_factorization_machines_makes_its_own_record_sets(clients):
    found = clients.run("sagemaker-2", "record_sets.py").answer
    assert found["channels"] == ["train", "test"]
    assert found["rmse"] < 0.5 * found["spread"]


def test_a_script_of_ones_own_is_trained(clients, tmp_path):
    (tmp_path / "source").mkdir()
    shutil.copy(PROGRAMS / "mean.py", tmp_path / "source")
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "a.txt").write_text("1\n2\n3\n")
    found = clients.run("sagemaker-2", "script_mode.py", tmp_path).answer
    assert found["status"] == "Completed"
    assert found["metrics"] == {"mean": pytest.approx(14 / 3, rel=1e-5)}
    with tarfile.open(tmp_path / "model" / "model.tar.gz") as archive:
        learned = json.load(archive.extractfile("mean.json"))
    assert found["answer"] == {"sum": pytest.approx(14 / 3 + 1)}
    assert learned == {"mean": pytest.approx(14 / 3), "name": "a film", "team": "films"}
    assert "invalid int value" in found["failure"]


def test_an_algorithm_of_ones_own_is_trained_by_the_name_of_its_image(clients, tmp_path):
    (tmp_path / "words.txt").write_text("eleven letters")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/count-letters:3"
    ran = clients.run("sagemaker-2", "own_image.py", image, tmp_path / "words.txt", tmp_path)
    assert "train: found=5" in ran.output
    assert ran.answer == {"status": "Completed", "metrics": {"found": 5.0}}
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert json.load(archive.extractfile("count.json")) == {"e": 5}
