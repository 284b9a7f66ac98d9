"""Model files: safetensors for the arrays, JSON for everything else, in a folder or as ``model.tar.gz``.

``model.json`` holds ``format`` ("pairloom-fm"), ``version``, the task, the bias and what belongs to the
model: feature names, encoder, hyperparameters. ``model.safetensors`` holds ``weights`` (n_features,) and
``factors`` (n_features, n_factors), both float32, and further arrays such as an encoder's. Where more than half of
the features have only zeros, ``rows`` (int32, ascending) names the others, and both arrays hold these alone.
``feature_scale`` is what values were divided by in training. Samples of a Bayesian model are arrays whose names begin
with ``posterior.``, float16; such a file is of version 2. Where ``interactions`` says that features interact in another
way than in plain pairs, ``factors`` are of shape (n_features, n_blocks, n_factors), and ``pair_weights`` and
``column_fields`` may be there; such a file is of version 3. Loading one runs no code.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.calibration import calibration_from_json
from pairloom.fm.interactions.saved import (
    described_interactions,
    interaction_arrays,
    interaction_sizes,
    restored_interactions,
)
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.posterior import Posterior, sample_bytes
from pairloom.formats.model_archive import read_members
from pairloom.formats.tensor_file import LARGEST_HEADER_BYTES, parse_tensors, write_tensors
from pairloom.kernels.fm import allocate_table

__all__ = ["FORMAT_VERSION", "load_model", "save_model"]

FORMAT = "pairloom-fm"
FORMAT_VERSION = 3
METADATA_FILE, ARRAYS_FILE = "model.json", "model.safetensors"
LARGEST_METADATA_BYTES = 256 << 20
EXTRA_BYTES, POSTERIOR, INTERACTIONS = "extra_bytes", "posterior", "interactions"
UNDECLARED_BYTES = 64 << 20
"""Further arrays that a model may have without saying so in its metadata, as those before this was said."""
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
    arrays = _parameter_arrays(model)
    extra = {name: np.ascontiguousarray(array) for name, array in (extra_arrays or {}).items()}
    metadata = {
        "format": FORMAT,
        "version": 3 if model.interactions is not None else 1 if model.posterior is None else 2,
        "task": model.task,
        "n_features": model.n_features,
        "n_factors": model.n_factors,
        "bias": model.bias,
        "label_range": model.label_range,
        "clip_predictions": model.clip_predictions,
        **({} if model.calibration is None else {"calibration": model.calibration.to_json()}),
        **{name: value for name, value in model.metadata.items() if value is not None},
        **({} if model.posterior is None else {POSTERIOR: model.posterior.described()}),
        **({} if model.interactions is None else {INTERACTIONS: described_interactions(model.interactions)}),
        **({EXTRA_BYTES: sum(array.nbytes for array in extra.values())} if extra else {}),
    }
    path = Path(target)
    is_archive = path.name.endswith(".tar.gz")
    (path.parent if is_archive else path).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as work:
        files = [Path(work) / name for name in (METADATA_FILE, ARRAYS_FILE)]
        files[0].write_bytes(json.dumps(metadata, indent=1, allow_nan=False).encode())
        write_tensors(files[1], {**arrays, **extra})
        if is_archive:
            packed = Path(work) / "packed"
            with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
                for file in files:
                    archive.add(file, file.name, filter=_anonymous)
            _settle(packed)
            packed.replace(path)
            return
        for file in files:  # both are whole on the disk before either takes its place
            _settle(file)
        for file in files:
            file.replace(path / file.name)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed it and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _settle(file: Path) -> None:
    """Wait until a file is on the disk."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
    file.chmod(0o644)


def _parameter_arrays(model: FactorizationMachine) -> dict[str, npt.NDArray[Any]]:
    scale: dict[str, npt.NDArray[Any]] = {}
    if model.feature_scale is not None:
        scale["feature_scale"] = model.feature_scale
    if model.posterior is not None:
        scale |= model.posterior.arrays()
    factors = model.factors
    if model.interactions is not None:
        scale |= interaction_arrays(model.interactions)
        factors = model.blocks
    used = factors.any(axis=tuple(range(1, factors.ndim)))
    rows = np.flatnonzero((model.weights != 0) | used).astype(np.int32)
    if 2 * len(rows) >= model.n_features:
        return {"weights": model.weights, "factors": factors, **scale}
    return {"rows": rows, "weights": model.weights[rows], "factors": factors[rows], **scale}


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
    read = _read_folder if path.is_dir() else _read_archive
    metadata = _parse_metadata(read(path, METADATA_FILE, LARGEST_METADATA_BYTES), path)
    content = read(path, ARRAYS_FILE, _declared_bytes(metadata, path))
    arrays = parse_tensors(content, f"{path}/{ARRAYS_FILE}")
    return _build(metadata, arrays, path), arrays


def _parse_metadata(content: npt.NDArray[np.uint8], path: Path) -> dict[str, Any]:
    try:
        metadata: Any = json.loads(content.tobytes())
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
    return metadata


def _declared_bytes(metadata: dict[str, Any], path: Path) -> int:
    """Return the most that the arrays of such a model can take, before any memory is given to them."""
    n_features, n_factors = metadata.get("n_features"), metadata.get("n_factors")
    extra = metadata.pop(EXTRA_BYTES, UNDECLARED_BYTES)
    if not (isinstance(n_features, int) and isinstance(n_factors, int) and isinstance(extra, int)):
        got = f"n_features {n_features!r}, n_factors {n_factors!r}, {EXTRA_BYTES} {extra!r}"
        raise DataError("complete metadata", got=got, source=str(path), action="Train again")
    n_blocks, n_more = interaction_sizes(metadata.get(INTERACTIONS), n_features, str(path))
    return (
        4 * n_features * (n_blocks * n_factors + 3)
        + n_more
        + extra
        + _posterior_bytes(metadata, n_features, path)
        + LARGEST_HEADER_BYTES
    )


def _posterior_bytes(metadata: dict[str, Any], n_features: int, path: Path) -> int:
    said = metadata.get(POSTERIOR)
    if said is None:
        return 0
    match said:
        case {"n_samples": int(n_samples), "n_factors": int(n_factors)} if n_samples > 0 and n_factors > 0:
            return n_samples * sample_bytes(n_features, n_factors)
        case _:
            got = f"{POSTERIOR} {said!r}"[:80]
            raise DataError("complete metadata", got=got, source=str(path), action="Train again")


def _build(metadata: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], path: Path) -> FactorizationMachine:
    try:
        weights, factors = arrays.pop("weights"), arrays.pop("factors")
        shape = (int(metadata.pop("n_features")), int(metadata.pop("n_factors")))
        rows, scale = arrays.pop("rows", None), arrays.pop("feature_scale", None)
        task, bias = metadata.pop("task"), float(metadata.pop("bias"))
        label_range = metadata.pop("label_range", None)
        clip = bool(metadata.pop("clip_predictions", False))
        calibration = metadata.pop("calibration", None)
        if label_range is not None:
            label_range = (float(label_range[0]), float(label_range[1]))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            "complete metadata", got=repr(error), source=str(path), action="Train again"
        ) from error
    said_interactions = metadata.pop(INTERACTIONS, None)
    interactions = None
    if said_interactions is not None:
        interactions = restored_interactions(said_interactions, arrays, shape[0], str(path))
    expected = shape[1:] if interactions is None else (interactions.layout(shape[1]).n_blocks, shape[1])
    sound = (
        task in ("regression", "classification")
        and factors.shape == (shape[0] if rows is None else len(rows), *expected)
        and weights.shape == factors.shape[:1]
        and (rows is None or _rows_fit(rows, shape[0]))
        and (scale is None or _scale_fits(scale, shape[0]))
        and {weights.dtype, factors.dtype} == {np.dtype(np.float32)}
        and abs(bias) <= float(np.finfo(np.float32).max)
        and bool(np.isfinite(weights).all() and np.isfinite(factors).all())
    )
    if not sound:
        raise DataError(
            "finite float32 weights and factors of the shape that the metadata names", source=str(path),
            action="Train again; the file is damaged",
        )  # fmt: skip
    scale = None if scale is None else np.array(scale)
    said = metadata.pop(POSTERIOR, None)
    posterior = None if said is None else Posterior.restored(said, arrays, shape[0], scale, str(path))
    machine = FactorizationMachine.from_arrays(
        task, bias, weights, factors, label_range=label_range, clip_predictions=clip, metadata=metadata,
        feature_scale=scale, posterior=posterior, interactions=interactions,
        calibration=None if calibration is None else calibration_from_json(calibration, f"{path}/{METADATA_FILE}"),
    )  # fmt: skip
    return machine if rows is None else replace(machine, table=_spread(machine.table, rows, shape[0]))


def _spread(
    stored: npt.NDArray[np.float32], rows: npt.NDArray[Any], n_features: int
) -> npt.NDArray[np.float32]:
    """Put rows in their places; those between them are zeros that take no memory before they are read."""
    table = allocate_table(n_features, stored.shape[1])
    table[rows] = stored
    return table


def _scale_fits(scale: npt.NDArray[Any], n_features: int) -> bool:
    sound = scale.dtype == np.float32 and scale.ndim == 1 and len(scale) <= n_features
    return sound and bool(((scale >= 1) & np.isfinite(scale)).all())


def _rows_fit(rows: npt.NDArray[Any], n_features: int) -> bool:
    ascending = rows.dtype == np.int32 and rows.ndim == 1 and bool((np.diff(rows) > 0).all())
    return ascending and 0 <= n_features < 2**31 and (not len(rows) or 0 <= rows[0] <= rows[-1] < n_features)


def _read_folder(path: Path, name: str, limit: int) -> npt.NDArray[np.uint8]:
    file = path / name
    if not file.is_file():
        raise DataError(f"a model with {name}", source=str(path), action="Give the folder of a model")
    _check_size(file.stat().st_size, limit, name, path)
    try:
        return np.fromfile(file, np.uint8)
    except OSError as error:
        raise DataError(f"a model with {name}", got=error.strerror, source=str(path)) from error


def _read_archive(path: Path, name: str, limit: int) -> npt.NDArray[np.uint8]:
    if not path.exists():
        raise UserError(f"Model: there must be a file or folder at {path}. Got none. Check the path.")
    try:
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise DataError(
            "a model.tar.gz", got=error.strerror, source=str(path), action="Give a model that Pairloom saved"
        ) from error
    found: npt.NDArray[np.uint8] | None = None
    with stream:
        for member in read_members(stream, str(path)):
            if member.name == name:
                _check_size(member.size_bytes, limit, name, path)
                found = np.frombuffer(b"".join(member.pieces), np.uint8)
                if name == METADATA_FILE:
                    break  # what follows is read, and checked, with the arrays
    if found is None:
        raise DataError(
            f"an archive with {METADATA_FILE} and {ARRAYS_FILE}",
            source=str(path),
            action="Give a model that Pairloom saved",
        )
    return found


def _check_size(n_bytes: int, limit: int, name: str, path: Path) -> None:
    if n_bytes > limit:
        raise DataError(
            f"at most {limit:,} bytes of {name}", got=f"{n_bytes:,}", source=str(path),
            action="Give a model that Pairloom saved",
        )  # fmt: skip
