"""Models of every algorithm, applications over them, and an endpoint of processes."""

import numpy as np
import pytest
from endpoint_clients import make_client

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.encoding import FeatureEncoder
from pairloom.serving.running import running
from pairloom.synthetic import planted_ratings
from pairloom.testing.cases import CASES

FM = "factorization-machines"


@pytest.fixture(scope="session")
def artifacts():
    """A model of every case of the contract suite, by the case's name."""
    return {case.name: Artifact(case.algorithm_name, case.fit_short(1)) for case in CASES}


@pytest.fixture(scope="session")
def classifier(artifacts):
    return artifacts[f"{FM} as classifier"]


@pytest.fixture(scope="session")
def client(classifier):
    return make_client(classifier)


@pytest.fixture(scope="session")
def raw_artifact():
    """A regressor of ratings behind an encoder of the columns user and item."""
    planted = planted_ratings(30, 20, 600, noise=0.4)
    columns = {"user": planted.users.astype(np.int64), "item": planted.items.astype(np.int64)}
    encoder = FeatureEncoder(["user", "item"]).fit(columns)
    hyperparameters = {
        "num_factors": "2",
        "predictor_type": "regressor",
        "feature_dim": str(encoder.n_features_out_),
    }
    labelled = columns | {"rating": planted.ratings.astype(np.float64)}
    model = FactorizationMachines(hyperparameters).fit(
        {"train": lambda: encoder.encode(labelled, label="rating", training=True)}
    )
    return Artifact(FM, model, encoder, "rating")


@pytest.fixture(scope="session")
def model_file(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.tar.gz"
    save_artifact(classifier, path)
    return path


@pytest.fixture(scope="session")
def endpoint(model_file, tmp_path_factory):
    """An endpoint of one worker with short limits; tests must leave it serving."""
    log = tmp_path_factory.mktemp("endpoint") / "log.jsonl"
    with running(model_file, "--timeout-s", "2", "--no-access-log", log=log) as found:
        yield found
