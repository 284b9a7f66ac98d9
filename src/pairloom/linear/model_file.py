"""Model files: ``model.json`` and ``model.safetensors`` in a folder. Reading them runs no code.

``model.json`` holds ``format`` ("pairloom-linear"), ``version``, ``task``, ``loss``, ``n_features``,
``n_outputs``, ``threshold`` and ``metadata``. ``model.safetensors`` holds ``weights`` (n_features, n_outputs) and
``bias`` (n_outputs,), float64; where more than half of the features weigh nothing, ``rows`` (int32, ascending)
names the others, and ``weights`` holds these alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.linear.losses import LOSSES
from pairloom.linear.model import LinearModel

__all__ = ["load_model", "save_model"]

FORMAT, VERSION = "pairloom-linear", 1
METADATA_FILE, ARRAYS_FILE = "model.json", "model.safetensors"
TASKS = ("binary", "regression", "multiclass")
LARGEST_METADATA_BYTES = 64 << 20


def save_model(model: LinearModel, folder: Path) -> None:
    """Write a model into a folder that exists, each file in one step."""
    from safetensors.numpy import save

    rows = np.flatnonzero(model.weights.any(axis=1)).astype(np.int32)
    arrays: dict[str, npt.NDArray[Any]] = {"bias": np.ascontiguousarray(model.bias)}
    if 2 * len(rows) >= model.n_features:
        arrays["weights"] = np.ascontiguousarray(model.weights)
    else:
        arrays |= {"rows": rows, "weights": np.ascontiguousarray(model.weights[rows])}
    metadata = {
        "format": FORMAT, "version": VERSION, "task": model.task, "loss": model.loss,
        "n_features": model.n_features, "n_outputs": model.n_outputs, "threshold": model.threshold,
        "metadata": dict(model.metadata),
    }  # fmt: skip
    for name, content in (
        (ARRAYS_FILE, save(arrays)),
        (METADATA_FILE, json.dumps(metadata, indent=1, allow_nan=False).encode()),
    ):
        written = folder / f".{name}.part"
        written.write_bytes(content)
        written.replace(folder / name)


def load_model(folder: Path) -> LinearModel:
    """Read what `save_model` wrote; DataError when it is missing, damaged or of a newer version."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        if (folder / METADATA_FILE).stat().st_size > LARGEST_METADATA_BYTES:
            raise DataError("metadata of sane size", source=str(folder / METADATA_FILE))
        about = json.loads((folder / METADATA_FILE).read_bytes())
        arrays = load((folder / ARRAYS_FILE).read_bytes())
    except DataError:
        raise
    except (OSError, ValueError, RecursionError, SafetensorError, KeyError) as error:
        raise DataError(
            f"a folder with sound {METADATA_FILE} and {ARRAYS_FILE}", got=str(error), source=str(folder),
            action="Give a model that Pairloom saved",
        ) from error  # fmt: skip
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f"a model of format '{FORMAT}'", source=str(folder / METADATA_FILE))
    if about.get("version") != VERSION:
        raise DataError(
            f"a model file of version {VERSION}", got=str(about.get("version")), source=str(folder),
            action="Load it with a newer Pairloom",
        )  # fmt: skip
    return _build(about, arrays, folder)


def _build(about: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], folder: Path) -> LinearModel:
    try:
        weights, bias, rows = arrays["weights"], arrays["bias"], arrays.get("rows")
        shape = (int(about["n_features"]), int(about["n_outputs"]))
        task, loss = about["task"], about["loss"]
        threshold = None if about["threshold"] is None else float(about["threshold"])
        metadata = dict(about.get("metadata") or {})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError("complete metadata", got=repr(error), source=str(folder)) from error
    stored = shape if rows is None else (len(rows), shape[1])
    sound = (
        task in TASKS
        and loss in LOSSES
        and 0 <= shape[0] < 2**31
        and (shape[1] >= 2 if task == "multiclass" else shape[1] == 1)
        and weights.shape == stored
        and bias.shape == shape[1:]
        and {weights.dtype, bias.dtype} == {np.dtype(np.float64)}
        and bool(np.isfinite(weights).all() and np.isfinite(bias).all())
        and (threshold is None if task != "binary" else threshold is not None and np.isfinite(threshold))
        and (rows is None or _ascending(rows, shape[0]))
    )
    if not sound:
        raise DataError(
            "finite float64 weights and bias of the shape that the metadata names", source=str(folder),
            action="Train again; the file is damaged",
        )  # fmt: skip
    if rows is not None:
        whole = np.zeros(shape)
        whole[rows] = weights
        weights = whole
    return LinearModel(task, loss, np.ascontiguousarray(weights), bias, threshold, metadata)


def _ascending(rows: npt.NDArray[Any], n_features: int) -> bool:
    sound = rows.dtype == np.int32 and rows.ndim == 1 and bool((np.diff(rows) > 0).all())
    return sound and (not len(rows) or 0 <= rows[0] <= rows[-1] < n_features)
