"""Model files: safetensors for the arrays, JSON for everything else, in a folder or as ``model.tar.gz``.

``model.json`` holds ``format`` ("pairloom-fm"), ``version``, the task, the bias and what belongs to the
model: feature names, encoder, hyperparameters. ``model.safetensors`` holds ``weights`` (n_features,) and
``factors`` (n_features, n_factors), both float32, and further arrays such as an encoder's. Where more than half of
the features have only zeros, ``rows`` (int32, ascending) names the others, and both arrays hold these alone. Loading
one runs no code.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.formats.model_archive import read_members
from pairloom.kernels.fm import allocate_table

__all__ = ["FORMAT_VERSION", "load_model", "save_model"]

FORMAT = "pairloom-fm"
FORMAT_VERSION = 1
METADATA_FILE, ARRAYS_FILE = "model.json", "model.safetensors"
LARGEST_METADATA_BYTES = 256 << 20
Arrays = Mapping[str, npt.NDArray[Any]]


def save_model(
    model: FactorizationMachine, target: str | Path, *, extra_arrays: Arrays | None = None
) -> None:
    """Write a model, replacing what is there in one step.

    Parameters
    ----------
    model : FactorizationMachine
    target : path
        A folder (created where missing), or a file whose name ends in ``.tar.gz``.
    extra_arrays : mapping of str to ndarray, optional
        Further arrays of the model, such as an encoder's.
    """
    from safetensors.numpy import save

    metadata = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "task": model.task,
        "n_features": model.n_features,
        "n_factors": model.n_factors,
        "bias": model.bias,
        "label_range": model.label_range,
        "clip_predictions": model.clip_predictions,
        **{name: value for name, value in model.metadata.items() if value is not None},
    }
    arrays = _parameter_arrays(model)
    arrays.update({name: np.ascontiguousarray(array) for name, array in (extra_arrays or {}).items()})
    contents = {
        METADATA_FILE: json.dumps(metadata, indent=1, allow_nan=False).encode(),
        ARRAYS_FILE: save(arrays),
    }
    path = Path(target)
    if path.name.endswith(".tar.gz"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path) as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return
    path.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with _replacing(path / name) as file:
            file.write(content)


def _parameter_arrays(model: FactorizationMachine) -> dict[str, npt.NDArray[Any]]:
    rows = np.flatnonzero((model.weights != 0) | model.factors.any(axis=1)).astype(np.int32)
    if 2 * len(rows) >= model.n_features:
        return {
            "weights": np.ascontiguousarray(model.weights),
            "factors": np.ascontiguousarray(model.factors),
        }
    return {"rows": rows, "weights": model.weights[rows], "factors": model.factors[rows]}


@contextmanager
def _replacing(path: Path) -> Generator[Any]:
    """Write beside the target, then rename: a crash leaves the old file whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def load_model(source: str | Path) -> tuple[FactorizationMachine, dict[str, npt.NDArray[Any]]]:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    source : path
        The folder or the ``.tar.gz`` file.

    Returns
    -------
    (model, extra_arrays)

    Raises
    ------
    DataError
        If it is no model, is damaged, or was written by a newer version.
    """
    path = Path(source)
    contents = _read_folder(path) if path.is_dir() else _read_archive(path)
    try:
        metadata: Any = json.loads(contents[METADATA_FILE])
    except (ValueError, RecursionError) as error:
        raise DataError(
            "JSON", got=str(error), source=f"{path}/{METADATA_FILE}", action="Train again"
        ) from error
    if not isinstance(metadata, dict) or metadata.pop("format", None) != FORMAT:
        raise DataError(
            f"a model of format '{FORMAT}'", source=str(path), action="Give a model that Pairloom saved"
        )
    version = metadata.pop("version", None)
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise DataError(
            f"a model file of version 1 to {FORMAT_VERSION}", got=str(version), source=str(path),
            action="Load it with a newer Pairloom",
        )  # fmt: skip
    arrays = _parse_arrays(contents[ARRAYS_FILE], path)
    return _build(metadata, arrays, path), arrays


def _build(metadata: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], path: Path) -> FactorizationMachine:
    try:
        weights, factors = arrays.pop("weights"), arrays.pop("factors")
        shape = (int(metadata.pop("n_features")), int(metadata.pop("n_factors")))
        rows = arrays.pop("rows", None)
        task, bias = metadata.pop("task"), float(metadata.pop("bias"))
        label_range = metadata.pop("label_range", None)
        clip = bool(metadata.pop("clip_predictions", False))
        if label_range is not None:
            label_range = (float(label_range[0]), float(label_range[1]))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            "complete metadata", got=repr(error), source=str(path), action="Train again"
        ) from error
    sound = (
        task in ("regression", "classification")
        and factors.shape == (shape if rows is None else (len(rows), shape[1]))
        and weights.shape == factors.shape[:1]
        and (rows is None or _rows_fit(rows, shape[0]))
        and {weights.dtype, factors.dtype} == {np.dtype(np.float32)}
        and abs(bias) <= float(np.finfo(np.float32).max)
        and bool(np.isfinite(weights).all() and np.isfinite(factors).all())
    )
    if not sound:
        raise DataError(
            "finite float32 weights and factors of the shape that the metadata names", source=str(path),
            action="Train again; the file is damaged",
        )  # fmt: skip
    machine = FactorizationMachine.from_arrays(
        task, bias, weights, factors, label_range=label_range, clip_predictions=clip, metadata=metadata
    )
    return machine if rows is None else replace(machine, table=_spread(machine.table, rows, shape[0]))


def _spread(
    stored: npt.NDArray[np.float32], rows: npt.NDArray[Any], n_features: int
) -> npt.NDArray[np.float32]:
    """Put rows in their places; those between them are zeros that take no memory before they are read."""
    table = allocate_table(n_features, stored.shape[1])
    table[rows] = stored
    return table


def _rows_fit(rows: npt.NDArray[Any], n_features: int) -> bool:
    ascending = rows.dtype == np.int32 and rows.ndim == 1 and bool((np.diff(rows) > 0).all())
    return ascending and 0 <= n_features < 2**31 and (not len(rows) or 0 <= rows[0] <= rows[-1] < n_features)


def _parse_arrays(content: bytes, path: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            "a safetensors file", got=str(error), source=f"{path}/{ARRAYS_FILE}", action="Train again"
        ) from error


def _read_folder(path: Path) -> dict[str, bytes]:
    missing = [name for name in (METADATA_FILE, ARRAYS_FILE) if not (path / name).is_file()]
    if missing:
        raise DataError(
            f"a model with {' and '.join(missing)}", source=str(path), action="Give the folder of a model"
        )
    return {name: (path / name).read_bytes() for name in (METADATA_FILE, ARRAYS_FILE)}


def _read_archive(path: Path) -> dict[str, bytes]:
    if not path.exists():
        raise UserError(f"Model: there must be a file or folder at {path}. Got none. Check the path.")
    contents: dict[str, bytes] = {}
    try:
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise DataError(
            "a model.tar.gz", got=error.strerror, source=str(path), action="Give a model that Pairloom saved"
        ) from error
    with stream:
        for member in read_members(stream, str(path)):
            if member.name == METADATA_FILE and member.size_bytes > LARGEST_METADATA_BYTES:
                raise DataError("metadata of sane size", got=f"{member.size_bytes} bytes", source=str(path))
            if member.name in (METADATA_FILE, ARRAYS_FILE):
                contents[member.name] = b"".join(member.pieces)
    if len(contents) != 2:
        raise DataError(
            f"an archive with {METADATA_FILE} and {ARRAYS_FILE}",
            source=str(path),
            action="Give a model that Pairloom saved",
        )
    return contents
