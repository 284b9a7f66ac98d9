"""Small ratings as files, and a model trained on them by the command itself."""

from types import SimpleNamespace

import numpy as np
import pytest

from pairloom.cli import run
from pairloom.formats import write_rows, write_tables
from pairloom.synthetic import planted_ratings
from pairloom.tables import Table

ASKED = ["--num-factors", "4", "--predictor-type", "regressor", "--epochs", "20", "--solver", "sgd"]
RATES = ["--linear-lr", "0.02", "--factors-lr", "0.02", "--linear-wd", "0.04", "--factors-wd", "0.07"]


@pytest.fixture(scope="session")
def ratings(tmp_path_factory):
    """Files train.csv, test.csv, train.libsvm and test.libsvm; the raw columns are user, item and rating."""
    folder = tmp_path_factory.mktemp("ratings")
    planted = planted_ratings(80, 50, 2500, noise=0.4)
    rows = planted.rows()
    for name, (begin, end) in {"train": (0, 2200), "test": (2200, 2500)}.items():
        columns = {
            "user": planted.users[begin:end].astype(np.int64),
            "item": planted.items[begin:end].astype(np.int64),
            "rating": planted.ratings[begin:end].astype(np.float64),
        }
        write_tables([Table(columns, end - begin)], folder / f"{name}.csv")
        write_rows([rows.part(begin, end)], folder / f"{name}.libsvm")
    return folder


@pytest.fixture(scope="session")
def trained(ratings):
    """Models that the command trained: `raw` on raw columns, `sparse` on sparse rows."""
    models = SimpleNamespace(raw=ratings / "raw.tar.gz", sparse=ratings / "sparse.tar.gz", files=ratings)
    for ending, model in (("csv", models.raw), ("libsvm", models.sparse)):
        data = ["--train", str(ratings / f"train.{ending}"), "--test", str(ratings / f"test.{ending}")]
        assert run(["train", "factorization-machines", *data, *ASKED, *RATES, "--model", str(model)]) == 0
    return models
