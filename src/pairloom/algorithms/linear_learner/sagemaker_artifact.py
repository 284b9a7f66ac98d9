"""Linear learners in the form of SageMaker's own: a zip of MXNet's symbol and parameters, and of two JSON files.

``mx-mod-0000.params`` holds ``fc0_weight`` (outputs x features) and ``fc0_bias`` (outputs). What it predicts is said by
a member ``predictor_type`` of the JSON files or by the operators of the symbol; more outputs than one are classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from pairloom.algorithms.linear_learner.model import LinearLearnerModel
from pairloom.algorithms.sagemaker_artifacts import ModelFile, zipped
from pairloom.errors import DataError
from pairloom.linear.losses import LossName
from pairloom.linear.model import LinearModel
from pairloom.linear.settings import Task

__all__ = ["read", "recognises", "write"]

SYMBOL, PARAMETERS = "mx-mod-symbol.json", "mx-mod-0000.params"
MANIFEST, ADDITIONAL = "manifest.json", "additional-params.json"
WEIGHTS, BIAS = "fc0_weight", "fc0_bias"
TASKS: Mapping[str, Task] = {
    "binary_classifier": "binary",
    "regressor": "regression",
    "multiclass_classifier": "multiclass",
}
OPERATORS: Mapping[str, str] = {
    "LogisticRegressionOutput": "binary_classifier",
    "sigmoid": "binary_classifier",
    "SoftmaxOutput": "multiclass_classifier",
    "softmax": "multiclass_classifier",
    "LinearRegressionOutput": "regressor",
    "MAERegressionOutput": "regressor",
}
LOSSES: Mapping[Task, LossName] = {"binary": "logistic", "regression": "squared", "multiclass": "softmax"}
THRESHOLD = 0.5


def recognises(file: ModelFile) -> bool:
    """Say whether it is a zip with a linear learner's symbol."""
    return SYMBOL in file.files


def read(file: ModelFile, told: Mapping[str, str]) -> LinearLearnerModel:
    """Build the model.

    Parameters
    ----------
    file : ModelFile
    told : mapping of str to str
        May hold ``predictor_type``, for a file that does not tell.

    Raises
    ------
    DataError
        For arrays that are missing, not finite or of shapes that do not fit, and if nothing tells what it predicts.
    """
    weights = file.array(WEIGHTS, 2).astype(np.float64).T
    n_outputs = weights.shape[1]
    bias = file.array(BIAS, 1).astype(np.float64) if BIAS in file.names else np.zeros(n_outputs)
    if n_outputs < 1 or bias.shape != (n_outputs,):
        raise DataError(
            "a bias for every output", got=f"{bias.shape} for {n_outputs}", source=file.source, field=BIAS
        )
    said = dict(_members([file.json(name) for name in (MANIFEST, ADDITIONAL) if name in file.files]))
    predictor_type = (
        told.get("predictor_type") or said.get("predictor_type") or _by_operators(file, n_outputs)
    )
    if predictor_type not in TASKS:
        got = f"predictor_type {predictor_type!r}"
        raise DataError(f"a predictor_type of {', '.join(TASKS)}", got=got, source=file.source)
    task = TASKS[predictor_type]
    if (n_outputs > 1) != (task == "multiclass"):
        got = f"{n_outputs} outputs for a {predictor_type}"
        raise DataError("several outputs for classes and otherwise one", got=got, source=file.source)
    hinge = task == "binary" and said.get("loss") == "hinge_loss"
    threshold = None
    if task == "binary":
        stated = said.get("threshold")
        threshold = float(stated) if isinstance(stated, int | float) else (0.0 if hinge else THRESHOLD)
    loss: LossName = "hinge" if hinge else LOSSES[task]
    return LinearLearnerModel(LinearModel(task, loss, np.ascontiguousarray(weights), bias, threshold))


def write(model: LinearLearnerModel) -> bytes:
    """Return the zip; numbers are float32 there."""
    machine = model.machine
    predictor_type = next(name for name, task in TASKS.items() if task == machine.task)
    said: dict[str, Any] = {"predictor_type": predictor_type, "num_outputs": machine.n_outputs}
    if machine.task == "binary":
        said |= {
            "loss": "hinge_loss" if machine.loss == "hinge" else "logistic",
            "threshold": machine.threshold,
        }
    operator = {"binary": "sigmoid", "multiclass": "softmax"}.get(machine.task)
    arrays = {
        f"arg:{WEIGHTS}": np.ascontiguousarray(machine.weights.T.astype(np.float32)),
        f"arg:{BIAS}": machine.bias.astype(np.float32),
    }
    return zipped(
        {
            ADDITIONAL: json.dumps(said).encode(),
            MANIFEST: json.dumps({"files": [SYMBOL, PARAMETERS, ADDITIONAL]}).encode(),
            SYMBOL: json.dumps(
                _symbol(machine.n_outputs, None if machine.loss == "hinge" else operator), indent=2
            ).encode(),
            PARAMETERS: arrays,
        }
    )


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every member of nested objects, outer ones last."""
    waiting, found = [value], list[tuple[str, Any]]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += cast("list[Any]", each)
        elif isinstance(each, dict):
            found += cast("dict[str, Any]", each).items()
            waiting += cast("dict[str, Any]", each).values()
    return reversed(found)


def _by_operators(file: ModelFile, n_outputs: int) -> str:
    if n_outputs > 1:
        return "multiclass_classifier"
    operators = [str(value) for name, value in _members(file.json(SYMBOL)) if name == "op"]
    kinds = {OPERATORS[operator] for operator in operators if operator in OPERATORS}
    if len(kinds) != 1:
        raise DataError(
            f"a symbol with one of {', '.join(OPERATORS)}", got=f"operators {operators[-3:]}",
            source=f"{file.source}/{SYMBOL}", action=f"Say predictor_type, one of {', '.join(TASKS)}, when you load it",
        )  # fmt: skip
    return kinds.pop()


def _symbol(n_outputs: int, operator: str | None) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = [
        {"op": "null", "name": name, "inputs": []} for name in ("data", WEIGHTS, BIAS)
    ]
    inputs = [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    nodes.append(
        {"op": "FullyConnected", "name": "fc0", "attrs": {"num_hidden": str(n_outputs)}, "inputs": inputs}
    )
    if operator is not None:
        nodes.append({"op": operator, "name": "out", "inputs": [[3, 0, 0]]})
    return {
        "nodes": nodes,
        "arg_nodes": [0, 1, 2],
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[len(nodes) - 1, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
