"""Factorization machines as ONNX graphs, for programs that score without Pairloom."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import MissingExtraError, UserError
from pairloom.fm.calibration import Calibration, IsotonicCalibration, PlattCalibration
from pairloom.fm.model import FactorizationMachine, refuse_interactions
from pairloom.kernels.native_rows import checked_rows
from pairloom.rows import RowBatch

__all__ = ["OnnxInputs", "export_onnx", "padded_inputs"]

OnnxInputs = Literal["dense", "sparse"]

WIDEST_DENSE = 1024
LARGEST_SINGLE_FILE_BYTES = 1 << 30  # a protobuf message ends at 2 GiB
OPSET, IR_VERSION = 17, 8  # old enough for any onnxruntime that Python 3.11 can have


def export_onnx(
    model: FactorizationMachine,
    target: str | Path,
    *,
    inputs: OnnxInputs | None = None,
    classes: npt.NDArray[Any] | None = None,
) -> None:
    """Write a model as an ONNX graph, which sums in float64 and answers in float32.

    Parameters
    ----------
    model : FactorizationMachine
    target : path
        The file to write; parameters of more than 1 GiB go into a second file with ``.data`` behind its name.
    inputs : {"dense", "sparse"}, optional
        "dense" gives the graph one input ``X`` of shape (n_rows, n_features), float32. "sparse" gives it
        ``indices`` (int64) and ``values`` (float32) of shape (n_rows, max_length), where places that a row does not
        need hold index 0 and value 0, and no index but these repeats within a row; `padded_inputs` makes them.
        None takes "dense" up to 1,024 features.
    classes : ndarray of shape (2,), optional
        Labels of a classifier: integers, strings, booleans or floats; default 0 and 1.

    Raises
    ------
    UserError
        If `inputs` is neither, or classes cannot be written.
    MissingExtraError
        If the package onnx is not installed.

    Notes
    -----
    A regressor's graph has the output ``prediction`` of shape (n_rows,); a classifier's has ``label``, of shape
    (n_rows,), and ``probabilities``, of shape (n_rows, 2).
    """
    refuse_interactions(model, "ONNX export")
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("Exporting to ONNX", "onnx") from error
    if inputs is None:
        inputs = "dense" if model.n_features <= WIDEST_DENSE else "sparse"
    if inputs not in ("dense", "sparse"):
        raise UserError(f"ONNX export: 'inputs' must be dense or sparse. Got {inputs!r}.")
    graph = _Graph(onnx)
    if inputs == "dense":
        _dense_scores(graph, model)
    else:
        _sparse_scores(graph, model)
    if model.task == "classification":
        _classify(graph, np.array([0, 1]) if classes is None else np.asarray(classes), model.calibration)
    else:
        _regress(graph, model)
    path = Path(target)
    external = model.table.nbytes > LARGEST_SINGLE_FILE_BYTES
    if external:
        path.with_name(f"{path.name}.data").unlink(missing_ok=True)  # onnx appends to what is there
    onnx.save_model(
        graph.model(),
        str(path),
        save_as_external_data=external,
        location=f"{path.name}.data" if external else None,
    )


def padded_inputs(rows: RowBatch, n_features: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return (indices, values) of shape (n_rows, max_length) for a graph with sparse inputs.

    Parameters
    ----------
    rows : RowBatch
        Repeated indices of a row are summed.
    n_features : int
        Width of the model; features beyond add nothing, as in Pairloom's own predictions.
    """
    rows = checked_rows(rows)
    lengths = np.diff(rows.indptr)
    shape = (rows.n_rows, max(1, int(lengths.max(initial=0))))
    indices, values = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    taken = np.arange(shape[1]) < lengths[:, None]
    known = rows.indices < n_features
    indices[taken] = np.where(known, rows.indices, 0)
    values[taken] = known if rows.values is None else np.where(known, rows.values, np.float32(0))
    return indices, values


class _Graph:
    """Nodes, constants, inputs and outputs, gathered one by one."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        if name not in self._constants:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def input(self, name: str, dtype: type, width: str | int) -> str:
        self._inputs.append(self._value(name, np.dtype(dtype), ["n_rows", width]))
        return name

    def output(self, name: str, dtype: np.dtype[Any], shape: list[str | int]) -> None:
        self._outputs.append(self._value(name, dtype, shape))

    def _value(self, name: str, dtype: np.dtype[Any], shape: list[str | int]) -> Any:
        helper = self._onnx.helper
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its result."""
        output = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def float64(self, tensor: str) -> str:
        return self.add("Cast", tensor, to=self._onnx.TensorProto.DOUBLE)

    def float32(self, tensor: str, name: str | None = None) -> str:
        return self.add("Cast", tensor, name=name, to=self._onnx.TensorProto.FLOAT)

    def sum_over(self, tensor: str, axis: int) -> str:
        return self.add("ReduceSum", tensor, self.constant(f"axis_{axis}", np.array([axis])), keepdims=0)

    def model(self) -> Any:
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes, "factorization_machine", self._inputs, self._outputs, list(self._constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="pairloom"
        )
        model.ir_version = IR_VERSION
        return model


def _dense_scores(graph: _Graph, model: FactorizationMachine) -> None:
    x = graph.float64(graph.input("X", np.float32, model.n_features))
    factors = model.factors.astype(np.float64)
    linear = graph.add("MatMul", x, graph.constant("weights", model.weights.astype(np.float64)))
    sums = graph.add("MatMul", x, graph.constant("factors", factors))
    lengths = graph.constant("squared_lengths", np.square(factors).sum(axis=1))
    own = graph.add("MatMul", graph.add("Mul", x, x), lengths)
    _score(graph, model, linear, sums, own)


def _sparse_scores(graph: _Graph, model: FactorizationMachine) -> None:
    indices = graph.input("indices", np.int64, "max_length")
    x = graph.float64(graph.input("values", np.float32, "max_length"))
    weights = graph.add("Gather", graph.constant("weights", model.weights), indices)
    factors = graph.add("Gather", graph.constant("factors", model.factors), indices)
    linear = graph.sum_over(graph.add("Mul", graph.float64(weights), x), 1)
    column = graph.add("Unsqueeze", x, graph.constant("axis_2", np.array([2])))
    scaled = graph.add("Mul", graph.float64(factors), column)
    sums = graph.sum_over(scaled, 1)
    own = graph.sum_over(graph.sum_over(graph.add("Mul", scaled, scaled), 2), 1)
    _score(graph, model, linear, sums, own)


def _score(graph: _Graph, model: FactorizationMachine, linear: str, sums: str, own: str) -> None:
    """Rendle's lemma 3.1: all pairs are half of the squared sums less each feature's own square."""
    squares = graph.sum_over(graph.add("Mul", sums, sums), 1)
    half = graph.constant("half", np.float64(0.5))
    pairs = graph.add("Mul", graph.add("Sub", squares, own), half)
    bias = graph.constant("bias", np.float64(model.bias))
    graph.add("Add", graph.add("Add", linear, bias), pairs, name="score")


def _regress(graph: _Graph, model: FactorizationMachine) -> None:
    name = "prediction"
    if model.clip_predictions and model.label_range is not None:
        low, high = (np.float32(limit) for limit in model.label_range)
        graph.add(
            "Clip",
            graph.float32("score"),
            graph.constant("lowest", low),
            graph.constant("highest", high),
            name=name,
        )
    else:
        graph.float32("score", name)
    graph.output(name, np.dtype(np.float32), ["n_rows"])


def _classify(graph: _Graph, classes: npt.NDArray[Any], calibration: Calibration | None) -> None:
    if classes.shape != (2,) or classes.dtype.kind not in "biufUO":
        raise UserError(
            f"ONNX export: 'classes' must be two numbers, booleans or strings. Got {classes.tolist()!r}."
        )
    if classes.dtype.kind in "UO":
        classes = np.array([str(label) for label in classes], dtype=object)
    if classes.dtype.kind in "iu":
        classes = classes.astype(np.int64)
    second = _probability(graph, calibration)
    first = graph.add("Sub", graph.constant("one", np.float64(1)), second)
    column = graph.constant("axis_1", np.array([1]))
    both = [graph.add("Unsqueeze", part, column) for part in (first, second)]
    graph.float32(graph.add("Concat", *both, axis=1), "probabilities")
    decided_by, threshold = ("score", 0.0) if calibration is None else (second, 0.5)
    above = graph.add("Greater", decided_by, graph.constant("threshold", np.float64(threshold)))
    likelier = graph.add(
        "Where", above, graph.constant("index_1", np.int64(1)), graph.constant("index_0", np.int64(0))
    )
    graph.add("Gather", graph.constant("classes", classes), likelier, name="label")
    graph.output("label", classes.dtype, ["n_rows"])
    graph.output("probabilities", np.dtype(np.float32), ["n_rows", 2])


def _probability(graph: _Graph, calibration: Calibration | None) -> str:
    if calibration is None:
        return graph.add("Sigmoid", "score")
    if isinstance(calibration, PlattCalibration):
        slope = graph.constant("slope", np.float64(calibration.slope))
        intercept = graph.constant("intercept", np.float64(calibration.intercept))
        return graph.add("Sigmoid", graph.add("Add", graph.add("Mul", "score", slope), intercept))
    return _along_points(graph, calibration)


def _along_points(graph: _Graph, curve: IsotonicCalibration) -> str:
    """Interpolate as a sum of ramps: each piece between two points adds its rise, as far as the score has come."""
    points, values = curve.scores, curve.values
    widths, rises = np.diff(points), np.diff(values)
    kept = (widths > 0) & (rises > 0)
    lowest = graph.constant("lowest_probability", values[0])
    if not kept.any():
        return graph.add("Add", graph.add("Mul", "score", graph.constant("float64_0", np.float64(0))), lowest)
    column = graph.add("Unsqueeze", "score", graph.constant("axis_1", np.array([1])))
    start = graph.constant("piece_starts", points[:-1][kept])
    along = graph.add("Div", graph.add("Sub", column, start), graph.constant("piece_widths", widths[kept]))
    within = graph.add(
        "Clip", along, graph.constant("float64_0", np.float64(0)), graph.constant("float64_1", np.float64(1))
    )
    risen = graph.add("MatMul", within, graph.constant("piece_rises", rises[kept]))
    return graph.add("Add", risen, lowest)
