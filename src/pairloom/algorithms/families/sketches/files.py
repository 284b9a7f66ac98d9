"""Named arrays in a folder, as safetensors and JSON: models and states. Loading runs no code."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["Shape", "from_bytes", "load_arrays", "save_arrays", "to_bytes"]

Arrays = Mapping[str, npt.NDArray[Any]]
Shape = tuple[int | None, ...]
LARGEST_METADATA_BYTES = 64 << 20


def save_arrays(folder: Path, stem: str, kind: str, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
    """Write ``<stem>.json`` and ``<stem>.safetensors``, each whole or not at all.

    Parameters
    ----------
    folder : Path
        Exists.
    stem : str
    kind : str
        What `load_arrays` must find: ``"pairloom-kmeans"``.
    arrays : mapping of str to ndarray
    metadata : mapping of str to JSON values
    """
    about = {"format": kind, "version": 1, **metadata}
    _replace(folder / f"{stem}.safetensors", to_bytes(arrays))
    _replace(folder / f"{stem}.json", json.dumps(about, indent=1, allow_nan=False).encode())


def load_arrays(
    folder: Path, stem: str, kind: str, expected: Mapping[str, tuple[str, int]]
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Parameters
    ----------
    folder, stem, kind
        As they were saved.
    expected : mapping of str to (str, int)
        Dtype and number of dimensions of each array that must be there.

    Returns
    -------
    (arrays, metadata)

    Raises
    ------
    DataError
        If a file is missing, damaged, of another kind or version, or an array is missing, of another form or
        not finite.
    """
    json_file, arrays_file = folder / f"{stem}.json", folder / f"{stem}.safetensors"
    for file in (json_file, arrays_file):
        if not file.is_file():
            raise DataError(
                f"a folder with {file.name}", source=str(folder), action="Give the folder of a model"
            )
    metadata = _read_metadata(json_file)
    if metadata.get("format") != kind:
        raise DataError(f"the format '{kind}'", got=repr(metadata.get("format"))[:80], source=str(json_file))
    if metadata.get("version") != 1:
        raise DataError(
            "version 1", got=repr(metadata.get("version"))[:80], source=str(json_file),
            action="Load it with a newer Pairloom",
        )  # fmt: skip
    arrays = from_bytes(arrays_file.read_bytes(), str(arrays_file))
    for name, (dtype, n_dimensions) in expected.items():
        array = arrays.get(name)
        if array is None or array.dtype != np.dtype(dtype) or array.ndim != n_dimensions:
            found = "none" if array is None else f"{array.dtype} of shape {array.shape}"
            raise DataError(
                f"an array '{name}' of {dtype} with {n_dimensions} dimensions",
                got=found,
                source=str(arrays_file),
            )
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise DataError(f"numbers in '{name}'", got="nan", source=str(arrays_file))
    return arrays, metadata


def to_bytes(arrays: Arrays) -> bytes:
    """Write arrays as one block of safetensors."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def from_bytes(content: bytes, source: str) -> dict[str, npt.NDArray[Any]]:
    """Read what `to_bytes` wrote; DataError, naming `source`, when it is anything else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError("a safetensors file", got=str(error), source=source, action="Train again") from error


def _read_metadata(file: Path) -> dict[str, Any]:
    if file.stat().st_size > LARGEST_METADATA_BYTES:
        raise DataError("metadata of sane size", got=f"{file.stat().st_size} bytes", source=str(file))
    try:
        metadata: Any = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError("JSON", got=str(error)[:200], source=str(file), action="Train again") from error
    if not isinstance(metadata, dict):
        raise DataError("a JSON object", got=type(metadata).__name__, source=str(file))
    return metadata


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
