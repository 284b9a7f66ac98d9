"""The SageMaker SDK of 2018 to 2020, unmodified."""

import numpy as np
import pytest

from client_environments import NAMES_OF_THE_ACCOUNT
from pairloom.artifact import load_artifact
from pairloom.rows import RowBatch

pytestmark = pytest.mark.xdist_group("sagemaker-1")


def test_the_accounts_bucket_and_role_are_found(clients):
    found = clients.run("sagemaker-1", "aws_names.py").answer
    assert found == NAMES_OF_THE_ACCOUNT


def test_the_movie_recommender_of_2018_runs_unchanged(clients, data_folder, tmp_path):
    ran = clients.run(
        "sagemaker-1", "movie_recommender.py", data_folder / "movielens-100k", tmp_path / "model.tar.gz"
    )
    found = ran.answer
    assert found["status"] == "Completed"
    assert (
        "#quality_metric: host=algo-1, epoch=99, train binary_classification_accuracy <score>=" in ran.output
    )
    assert "Training job completed" in ran.output
    accuracy = found["metrics"]["test:binary_classification_accuracy"]
    assert accuracy > 0.68, "0.6931 on AWS"

    model = load_artifact(tmp_path / "model.tar.gz").model
    columns = np.array(found["rows"], np.int32)
    assert columns.shape == (10, 2)
    rows = RowBatch(np.arange(0, 21, 2, dtype=np.int64), columns.ravel(), None, 2625)
    ours = model.predict(rows)
    theirs = found["result"]["predictions"]
    np.testing.assert_allclose([answer["score"] for answer in theirs], ours["score"], rtol=1e-5)
    assert [answer["predicted_label"] for answer in theirs] == ours["predicted_label"].tolist()
