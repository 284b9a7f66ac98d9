import json

import pytest

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.description import describe_algorithm


@pytest.mark.parametrize("name", algorithm_names())
def test_a_description_is_plain_json(name):
    described = describe_algorithm(algorithm(name))
    assert json.loads(json.dumps(described)) == described


def test_factorization_machines_publish_what_a_tuner_needs():
    described = describe_algorithm(algorithm("factorization-machines"))
    hyperparameters = {each["name"]: each for each in described["hyperparameters"]}
    assert hyperparameters["epochs"] == {
        "name": "epochs", "type": "integer", "required": False, "must_be": "an integer >= 1", "ge": 1,
        "description": "Passes over the training data.", "default": 1,
        "tunable": {"low": 1, "high": 1000, "scale": "auto"},
    }  # fmt: skip
    assert sum(not name.startswith("pairloom_") for name in hyperparameters) == 26
    assert [channel["name"] for channel in described["channels"] if channel["required"]] == ["train"]
    assert set(described["objectives"]) <= set(described["metric_definitions"])
    assert {each["name"]: each["direction"] for each in described["metrics"]} == {
        "rmse": "minimize",
        "mse": "minimize",
        "absolute_loss": "minimize",
        "binary_classification_accuracy": "maximize",
        "binary_classification_cross_entropy": "minimize",
        "binary_f_beta": "maximize",
    }
