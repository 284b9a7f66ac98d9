"""The lines a job prints and the expressions that are published find each other, as SageMaker's do."""

import re

import pytest

from pairloom.metrics import BINARY, METRICS, REGRESSION
from pairloom.metrics.log_patterns import metric_definitions, progress_line, quality_line, throughput_line

QUALITY = r"#quality_metric: host=\S+, "
RECORDED_LINES = {
    "train:rmse": "#quality_metric: host=algo-1, epoch=0, batch=0 train rmse <loss>=68.4",
    "train:rmse:epoch": "#quality_metric: host=algo-1, epoch=0, train rmse <loss>=89.1",
    "train:mse:epoch": "#quality_metric: host=algo-1, epoch=0, train mse <loss>=7945.5",
    "train:absolute_loss:epoch": "#quality_metric: host=algo-1, epoch=0, train absolute_loss <loss>=17.2",
    "train:binary_classification_accuracy": (
        "#quality_metric: host=algo-1, epoch=0, batch=0 train binary_classification_accuracy <score>=0.555"
    ),
    "train:binary_classification_cross_entropy:epoch": (
        "#quality_metric: host=algo-1, epoch=0, train binary_classification_cross_entropy <loss>=0.684"
    ),
    "train:binary_f_beta:epoch": "#quality_metric: host=algo-1, epoch=0, train binary_f_1.000 <score>=0.708",
    "test:rmse": "#quality_metric: host=algo-1, test rmse <loss>=68.7",
    "train:progress": "#progress_metric: host=algo-1, completed 50.0 % of epochs",
    "train:throughput": "#throughput_metric: host=algo-1, train throughput=12345.6 records/second",
}


def definitions():
    return metric_definitions((*REGRESSION, *BINARY))


def test_the_expressions_are_the_published_ones():
    assert definitions()["train:progress"] == r"#progress_metric: host=\S+, completed (\S+) %"
    throughput = r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"
    assert definitions()["train:throughput"] == throughput
    words = {
        "rmse": "rmse <loss>", "mse": "mse <loss>", "absolute_loss": "absolute_loss <loss>",
        "binary_classification_accuracy": "binary_classification_accuracy <score>",
        "binary_classification_cross_entropy": "binary_classification_cross_entropy <loss>",
        "binary_f_beta": r"binary_f_\S+ <score>",
    }  # fmt: skip
    for name, written in words.items():
        batch = rf"{QUALITY}epoch=\S+, batch=\S+ train {written}=(\S+)"
        assert definitions()[f"train:{name}"] == batch
        assert definitions()[f"train:{name}:epoch"] == rf"{QUALITY}epoch=\S+, train {written}=(\S+)"
        assert definitions()[f"test:{name}"] == rf"{QUALITY}test {written}=(\S+)"
    assert len(definitions()) == 2 + 3 * 6


@pytest.mark.parametrize(("name", "line"), RECORDED_LINES.items())
def test_an_expression_finds_its_recorded_line_and_no_other_does(name, line):
    found = {other: re.search(expression, line) for other, expression in definitions().items()}
    assert {other for other, match in found.items() if match} == {name}
    assert line.split(found[name][1])[0].endswith(("=", "completed "))


@pytest.mark.parametrize("metric", [*REGRESSION, *BINARY], ids=lambda metric: metric.name)
def test_a_printed_line_is_found_under_its_name_alone(metric):
    lines = {
        f"train:{metric.name}": quality_line(metric, 0.25, "train", host="algo-2", epoch=3, batch=500),
        f"train:{metric.name}:epoch": quality_line(metric, 1e-07, "train", host="algo-2", epoch=3),
        f"test:{metric.name}": quality_line(metric, 12.0, "test", host="algo-2"),
    }
    for name, line in lines.items():
        found = {other: float(m[1]) for other, e in definitions().items() if (m := re.search(e, line))}
        assert found == {name: float(line.rsplit("=", 1)[1])}


def test_printed_lines_equal_the_recorded_ones():
    rmse = METRICS["rmse"]
    batch = quality_line(rmse, 68.4, "train", host="algo-1", epoch=0, batch=0)
    assert batch == RECORDED_LINES["train:rmse"]
    assert quality_line(rmse, 89.1, "train", host="algo-1", epoch=0) == RECORDED_LINES["train:rmse:epoch"]
    assert quality_line(rmse, 68.7, "test", host="algo-1") == RECORDED_LINES["test:rmse"]
    f_1 = METRICS["binary_f_beta"]
    assert (
        quality_line(f_1, 0.708, "train", host="algo-1", epoch=0)
        == RECORDED_LINES["train:binary_f_beta:epoch"]
    )
    assert progress_line(50.0, host="algo-1") == RECORDED_LINES["train:progress"]
    assert throughput_line(12345.6, "train", host="algo-1") == RECORDED_LINES["train:throughput"]


def test_a_channel_measured_after_each_epoch_has_its_own_expression():
    found = metric_definitions(REGRESSION, epoch_channels=("validation",))
    line = quality_line(METRICS["rmse"], 0.93, "validation", host="algo-1", epoch=4)
    assert [name for name, expression in found.items() if re.search(expression, line)] == ["validation:rmse"]
