import json
import re
import threading

import pytest

from pairloom.algorithms.description import definitions_of
from pairloom.algorithms.log_lines import LogLines, configuration_lines
from pairloom.algorithms.report import BatchMeasured, ChannelScored, EpochEnded, TrainingEnded
from pairloom.algorithms.xgboost import XGBoost

STAMP = f"[11/21/2026 12:00:00 INFO {threading.get_ident()}] "
NOON = 1795262400.0


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    return LogLines("factorization-machines", lines.append, clock=lambda: NOON)


def test_a_batch(log, lines):
    log(BatchMeasured(0, 0, {"rmse": 68.4}))
    assert lines == [f"{STAMP}#quality_metric: host=algo-1, epoch=0, batch=0 train rmse <loss>=68.4"]


def test_an_epoch(log, lines):
    log(EpochEnded(0, 2, {"rmse": 89.1, "mse": 7938.81}, n_rows=500, seconds=0.25, validation={"rmse": 90.5}))
    record = {
        "StartTime": NOON - 0.25,
        "EndTime": NOON,
        "Dimensions": {"Algorithm": "factorization-machines", "Host": "algo-1", "Operation": "training"},
        "Metrics": {
            "epochs": {"sum": 1.0, "count": 1, "min": 1, "max": 1},
            "update.time": {"sum": 250.0, "count": 1, "min": 250.0, "max": 250.0},
        },
    }
    assert lines == [
        f"{STAMP}#quality_metric: host=algo-1, epoch=0, train rmse <loss>=89.1",
        f"{STAMP}#quality_metric: host=algo-1, epoch=0, train mse <loss>=7938.81",
        f"{STAMP}#quality_metric: host=algo-1, epoch=0, validation rmse <loss>=90.5",
        f"#metrics {json.dumps(record)}",
        f"{STAMP}#progress_metric: host=algo-1, completed 50.0 % of epochs",
        f"{STAMP}#throughput_metric: host=algo-1, train throughput=2000.0 records/second",
    ]


def test_the_end_of_training(log, lines):
    log(TrainingEnded(1, {"rmse": 89.1}, seconds=1.0))
    assert lines == [f"{STAMP}#quality_metric: host=algo-1, train rmse <loss>=89.1"]


def test_a_test(log, lines):
    log(ChannelScored("test", {"rmse": 68.7, "binary_f_beta": 0.75}))
    assert lines == [
        f"{STAMP}#test_score (algo-1) : ('rmse', 68.7)",
        f"{STAMP}#test_score (algo-1) : ('binary_f_1.000', 0.75)",
        f"{STAMP}#quality_metric: host=algo-1, test rmse <loss>=68.7",
        f"{STAMP}#quality_metric: host=algo-1, test binary_f_1.000 <score>=0.75",
    ]


def test_another_host_is_named(lines):
    LogLines("knn", lines.append, host="algo-7", clock=lambda: NOON)(ChannelScored("test", {"rmse": 1.0}))
    assert all("algo-7" in line for line in lines)


def test_an_epoch_of_no_time_has_no_throughput(log, lines):
    log(EpochEnded(0, 1, {}, n_rows=10, seconds=0.0))
    assert not any("throughput" in line for line in lines)
    assert any("completed 100.0 % of epochs" in line for line in lines)


def test_the_configuration():
    lines = configuration_lines(
        {"epochs": "1", "_kvstore": "auto"},
        {"epochs": "50", "num_factors": "64\t"},
        defaults_path="/lib/default-conf.json",
        given_path="/opt/ml/input/config/hyperparameters.json",
        clock=lambda: NOON,
    )
    head = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] ")
    assert [head.sub("", line) for line in lines] == [
        "Reading default configuration from /lib/default-conf.json: {'epochs': '1', '_kvstore': 'auto'}",
        "Merging with provided configuration from /opt/ml/input/config/hyperparameters.json: "
        r"{'epochs': '50', 'num_factors': '64\t'}",
        r"Final configuration: {'epochs': '50', '_kvstore': 'auto', 'num_factors': '64\t'}",
    ]


def test_an_epoch_as_boosting_writes_it(lines):
    log = LogLines("xgboost", lines.append, clock=lambda: NOON, form="evaluation")
    log(EpochEnded(0, 2, {"rmse": 0.7}, n_rows=500, seconds=0.25, validation={"rmse": 0.8}))
    assert lines[0] == "[0]#011train-rmse:0.7#011validation-rmse:0.8"
    lines.clear()
    both = {"mae": 0.5, "rmse": 0.7}
    log(EpochEnded(1, 2, both, n_rows=500, seconds=0.25, validation=both))
    for name, value in both.items():
        found = re.search(definitions_of(XGBoost)[f"validation:{name}"], lines[0])
        assert found is not None
        assert found[1] == str(value)


def test_the_expressions_of_boosting_are_sagemakers():
    assert definitions_of(XGBoost)["validation:rmse"] == r".*\[[0-9]+\].*#011validation-rmse:(\S+)"
