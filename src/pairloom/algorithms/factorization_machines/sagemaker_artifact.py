"""Factorization machines in the form of SageMaker's own: a zip of ``symbol.json``, ``params`` and ``meta.json``.

``params`` holds ``v`` (features x factors), ``w1_weight`` (features x 1) and ``w0_weight`` (1). A model that was
trained on dense data on a GPU may hold ``v`` the other way round, with ``Linear_Plus_Bias_weight`` (1 x features)
and ``Linear_Plus_Bias_bias``. What it predicts is said by ``meta.json`` or by the last operator of the symbol.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.algorithms.sagemaker_artifacts import FILE_NAME, ModelFile, zipped
from pairloom.errors import DataError, UserError
from pairloom.fm.model import FactorizationMachine, refuse_interactions
from pairloom.fm.settings import Task

__all__ = ["read", "recognises", "write"]

SYMBOL, PARAMETERS, META = "symbol.json", "params", "meta.json"
FACTORS, WEIGHTS, BIAS = "v", "w1_weight", "w0_weight"
DENSE_WEIGHTS, DENSE_BIAS = "Linear_Plus_Bias_weight", "Linear_Plus_Bias_bias"
TASKS: Mapping[str, Task] = {"binary_classifier": "classification", "regressor": "regression"}
OPERATORS: Mapping[str, str] = {
    "LogisticRegressionOutput": "binary_classifier",
    "LinearRegressionOutput": "regressor",
    "MAERegressionOutput": "regressor",
    "sigmoid": "binary_classifier",
}
"""Last operators of a symbol, by what they predict."""

Float32Array = npt.NDArray[np.float32]


def recognises(file: ModelFile) -> bool:
    """Say whether it is a zip with a symbol and factors."""
    return SYMBOL in file.files and FACTORS in file.names


def read(file: ModelFile, told: Mapping[str, str]) -> FactorizationMachinesModel:
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
    factors, weights = file.array(FACTORS, 2), None
    if DENSE_WEIGHTS in file.names:
        factors, weights = np.ascontiguousarray(factors.T), file.array(DENSE_WEIGHTS, 2).ravel()
    elif WEIGHTS in file.names:
        weights = file.array(WEIGHTS, 2).ravel()
    if weights is None:
        weights = np.zeros(len(factors), np.float32)
    if factors.shape[1] < 1 or weights.shape != factors.shape[:1]:
        raise DataError(
            "a weight for every row of factors", got=f"{len(weights)} for {factors.shape}", source=file.source
        )
    biases = [file.array(name, 1) for name in (BIAS, DENSE_BIAS) if name in file.names]
    if any(bias.shape != (1,) for bias in biases):
        raise DataError("a bias of one number", got=str(biases[0].shape), source=file.source, field=BIAS)
    meta = _meta(file)
    predictor_type = told.get("predictor_type") or _predictor_type(file, meta)
    if predictor_type not in TASKS:
        got = f"predictor_type {predictor_type!r}"
        raise DataError(f"a predictor_type of {' or '.join(TASKS)}", got=got, source=file.source)
    clip = _clipped(file, meta)
    machine = FactorizationMachine.from_arrays(
        TASKS[predictor_type], float(biases[0][0]) if biases else 0.0, weights, factors,
        label_range=clip, clip_predictions=clip is not None,
    )  # fmt: skip
    return FactorizationMachinesModel(machine)


def write(model: FactorizationMachinesModel) -> bytes:
    """Return the zip; MXNet's ``Module.load(..., label_names=["out_label"])`` takes what is in it.

    Raises
    ------
    UserError
        For a calibrated classifier, whose curve that form has no place for.
    """
    machine = model.machine
    refuse_interactions(machine, FILE_NAME)
    if machine.calibration is not None:
        raise UserError(
            f"{FILE_NAME}: must be written of a model without calibration, which SageMaker's form cannot hold. Got a "
            "calibrated classifier. Give the model from before."
        )
    predictor_type = next(name for name, task in TASKS.items() if task == machine.task)
    meta: dict[str, Any] = {
        "training_parameters": {
            "feature_dim": str(machine.n_features),
            "num_factors": str(machine.n_factors),
            "predictor_type": predictor_type,
        }
    }
    if machine.clip_predictions and machine.label_range is not None:
        meta["clip_predictions"] = list(machine.label_range)
    arrays = {
        f"arg:{FACTORS}": np.ascontiguousarray(machine.factors),
        f"arg:{WEIGHTS}": np.ascontiguousarray(machine.weights[:, None]),
        f"arg:{BIAS}": np.array([machine.bias], np.float32),
    }
    return zipped(
        {
            SYMBOL: json.dumps(_symbol(predictor_type, machine.factors.shape), indent=2).encode(),
            PARAMETERS: arrays,
            META: json.dumps(meta).encode(),
        }
    )


def _meta(file: ModelFile) -> dict[str, Any]:
    found: Any = file.json(META) if META in file.files else {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _predictor_type(file: ModelFile, meta: Mapping[str, Any]) -> str:
    told: Any = meta.get("training_parameters")
    if isinstance(told, dict) and "predictor_type" in told:
        return str(cast("dict[str, object]", told)["predictor_type"])
    symbol: Any = file.json(SYMBOL)
    nodes: Any = cast("dict[str, object]", symbol).get("nodes") if isinstance(symbol, dict) else None
    nodes = cast("list[object]", nodes) if isinstance(nodes, list) else []
    operators = [str(cast("dict[str, object]", node).get("op")) for node in nodes if isinstance(node, dict)]
    kinds = {OPERATORS[operator] for operator in operators if operator in OPERATORS}
    if len(kinds) != 1:
        raise DataError(
            f"a symbol that ends in one of {', '.join(OPERATORS)}", got=f"operators {operators[-3:]}",
            source=f"{file.source}/{SYMBOL}",
            action="Say predictor_type, 'binary_classifier' or 'regressor', when you load it",
        )  # fmt: skip
    return kinds.pop()


def _clipped(file: ModelFile, meta: Mapping[str, Any]) -> tuple[float, float] | None:
    found: Any = meta.get("clip_predictions")
    if found is None:
        return None
    try:
        lowest, highest = (float(each) for each in found)
    except (TypeError, ValueError):
        lowest, highest = 1.0, 0.0
    if not lowest <= highest:
        raise DataError("two numbers", got=repr(found)[:100], source=file.source, field="clip_predictions")
    return lowest, highest


def _symbol(predictor_type: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Write down ``bias + x w + (square(x v) - square(x) square(v)) / 2`` as MXNet's graph."""
    nodes: list[dict[str, Any]] = []

    def node(operator: str, name: str, *inputs: int, **attributes: str) -> int:
        made: dict[str, Any] = {"op": operator, "name": name, "inputs": [[each, 0, 0] for each in inputs]}
        nodes.append(made | ({"attrs": attributes} if attributes else {}))
        return len(nodes) - 1

    data = node("null", "data")
    weights = node("null", WEIGHTS, __shape__=f"({shape[0]}, 1)")
    linear = node("dot", "linear", data, weights)
    factors = node("null", FACTORS, __shape__=str(shape))
    sums = node("square", "sums", node("dot", "projected", data, factors))
    squared = node("square", "data_squared", data)
    alone = node("dot", "alone", squared, node("square", "v_squared", factors))
    pairs = node("sum", "pairs", node("elemwise_sub", "twice_pairs", sums, alone), axis="1", keepdims="True")
    both = node("elemwise_add", "both", linear, node("_mul_scalar", "half", pairs, scalar="0.5"))
    bias = node("null", BIAS, __shape__="(1,)")
    score = node("broadcast_add", "raw_score", both, bias)
    operator = next(name for name, kind in OPERATORS.items() if kind == predictor_type)
    out = node(operator, "out", score, node("null", "out_label"))
    return {
        "nodes": nodes,
        "arg_nodes": [at for at, each in enumerate(nodes) if each["op"] == "null"],
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[out, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
