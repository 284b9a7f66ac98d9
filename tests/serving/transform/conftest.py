"""Small models in archives, and a way to transform."""

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, save_artifact
from pairloom.encoding import FeatureEncoder
from pairloom.fm.model import FactorizationMachine
from pairloom.serving.transform import TransformJob, TransformSettings


def machine(n_features, task="regression"):
    """Scores 10 + the sum of (i + 1) x_i."""
    weights = np.arange(1, n_features + 1, dtype=np.float32)
    return FactorizationMachine.from_arrays(task, 10.0, weights, np.zeros((n_features, 2), np.float32))


def save(path, n_features, encoder=None, task="regression"):
    model = FactorizationMachinesModel(machine(n_features, task))
    save_artifact(Artifact("factorization-machines", model, encoder), path)
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Archives: `numbers` takes 3 columns, `classifier` too, `raw` the columns user and item."""
    folder = tmp_path_factory.mktemp("models")
    encoder = FeatureEncoder(["user", "item"]).fit({"user": ["a", "b"], "item": ["x", "y"]})
    return {
        "numbers": save(folder / "numbers.tar.gz", 3),
        "classifier": save(folder / "classifier.tar.gz", 3, task="classification"),
        "raw": save(folder / "raw.tar.gz", encoder.n_features_out_, encoder),
    }


@pytest.fixture
def transform(models, tmp_path):
    """Transform a source into the folder ``out`` of tmp_path and return the result."""

    def run(source, *, model="numbers", resume=True, **settings):
        job = TransformJob(
            models[model], str(source), tmp_path / "out", TransformSettings(**settings), resume=resume
        )
        return job.run()

    return run
