"""The expressions that a recorded tuning job of SageMaker's linear learner used, found again in our log."""

import re

import pytest

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.description import definitions_of
from pairloom.algorithms.log_lines import LogLines
from pairloom.algorithms.report import ChannelScored, EpochEnded, TrainingEnded

NAMES = {"objective_loss": "mse_objective", "binary_f_beta": "binary_f_2.000"}
RECORDED = {
    "train:progress": r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
    "train:objective_loss": r"#quality_metric: host=\S+, epoch=\S+, train \S+_objective <loss>=(\S+)",
    "train:objective_loss:final": r"#quality_metric: host=\S+, train \S+_objective <loss>=(\S+)",
    "validation:objective_loss": r"#quality_metric: host=\S+, epoch=\S+, validation \S+_objective <loss>=(\S+)",
    "validation:objective_loss:final": r"#quality_metric: host=\S+, validation \S+_objective <loss>=(\S+)",
    "test:objective_loss": r"#quality_metric: host=\S+, test \S+_objective <loss>=(\S+)",
} | {
    f"{channel}:{name}": rf"#quality_metric: host=\S+, {channel} {logged} <{kind}>=(\S+)"
    for channel in ("train", "validation", "test")
    for name, logged, kind in (
        ("absolute_loss", "absolute_loss", "loss"), ("mse", "mse", "loss"), ("precision", "precision", "score"),
        ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
        ("binary_f_beta", r"binary_f_\S+", "score"), ("recall", "recall", "score"), ("dcg", "dcg", "score"),
        ("macro_f_beta", r"macro_f_\S+", "score"), ("macro_precision", "macro_precision", "score"),
        ("macro_recall", "macro_recall", "score"), ("multiclass_accuracy", "multiclass_accuracy", "score"),
        ("multiclass_top_k_accuracy", r"multiclass_top_k_accuracy_\S+", "score"),
    )
}  # fmt: skip


def test_expressions_are_the_recorded_ones():
    ours = definitions_of(algorithm("linear-learner"))
    assert {name: ours[name] for name in RECORDED} == RECORDED


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("train:objective_loss", ["0.5", "0.4"]),
        ("train:objective_loss:final", ["0.3"]),
        ("validation:objective_loss", ["0.7", "0.6"]),
        ("validation:objective_loss:final", ["0.2"]),
        ("test:objective_loss", ["0.1"]),
        ("test:binary_f_beta", ["0.9"]),
        ("validation:binary_f_beta", ["0.8"]),
        ("train:binary_f_beta", ["0.95"]),
    ],
)
def test_expressions_find_what_was_reported(name, values):
    lines: list[str] = []
    log = LogLines("linear-learner", lines.append)
    for number, (train, held_out) in enumerate([(0.5, 0.7), (0.4, 0.6)]):
        log(EpochEnded(number, 2, {"objective_loss": train}, 9, 0.1, {"objective_loss": held_out}, NAMES))
    log(TrainingEnded(2, {"objective_loss": 0.3, "binary_f_beta": 0.95}, 0.2, NAMES))
    log(ChannelScored("validation", {"objective_loss": 0.2, "binary_f_beta": 0.8}, NAMES))
    log(ChannelScored("test", {"objective_loss": 0.1, "binary_f_beta": 0.9}, NAMES))
    expression = definitions_of(algorithm("linear-learner"))[name]
    assert [found[1] for line in lines if (found := re.search(expression, line))] == values
    assert "('mse_objective', 0.1)" in "\n".join(lines)
    assert any("binary_f_2.000" in line for line in lines)
