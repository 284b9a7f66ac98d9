"""Recommenders as files: safetensors for the arrays, JSON for everything else, in a folder or as ``.tar.gz``.

``recommender.json`` holds ``format`` ("pairloom-recommender"), ``version``, the model's name and its parameters;
``recommender.safetensors`` holds ids, histories, the tables of users and items and what was learned. Loading one runs
no code. Version 1 had no users table.
"""

from __future__ import annotations

import inspect
import io
import os
import tarfile
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.formats.archive_contents import RECOMMENDER_FILES
from pairloom.formats.model_archive import read_members
from pairloom.formats.tensor_file import parse_tensors, write_tensors
from pairloom.recommenders.attributes import Attribute, Attributes
from pairloom.recommenders.catalogue import recommender_type
from pairloom.recommenders.fading import FadingCounts
from pairloom.recommenders.ids import Ids
from pairloom.recommenders.interactions import Columns, Histories
from pairloom.recommenders.recommender import Recommender

__all__ = ["load_recommender", "model_contents", "save_recommender"]

FORMAT, VERSION = "pairloom-recommender", 2
ABOUT_FILE, ARRAYS_FILE = RECOMMENDER_FILES
LARGEST_ABOUT_BYTES = 1 << 20
LEARNED, PREPARED, FADING = "learned.", "prepared.", "fading."
ITEMS_TABLE, USERS_TABLE = "attributes.", "user_attributes."
Arrays = dict[str, npt.NDArray[Any]]


class About(msgspec.Struct, forbid_unknown_fields=True):
    """The contents of ``recommender.json``."""

    format: str
    version: int
    model: str
    parameters: dict[str, Any]
    attributes: list[str]
    array_bytes: int
    user_attributes: list[str] = []
    contexts: list[str] = []


def save_recommender(recommender: Recommender, target: str | Path) -> None:
    """Write a fitted recommender, replacing what is there in one step.

    Parameters
    ----------
    recommender : Recommender
    target : path
        A folder (created where missing), or a file whose name ends in ``.tar.gz``.
    """
    arrays = _to_arrays(recommender)
    about = About(
        FORMAT, VERSION, recommender.name, _parameters(recommender), list(recommender.attributes_.columns),
        sum(array.nbytes for array in arrays.values()), list(recommender.user_attributes_.columns),
        list(recommender.contexts_),
    )  # fmt: skip
    path = Path(target)
    is_archive = path.name.endswith(".tar.gz")
    (path.parent if is_archive else path).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as work:
        files = [Path(work) / name for name in (ABOUT_FILE, ARRAYS_FILE)]
        files[0].write_bytes(msgspec.json.format(msgspec.json.encode(about)))
        write_tensors(files[1], arrays)
        if is_archive:
            packed = Path(work) / "packed"
            with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
                for file in files:
                    archive.add(file, file.name, filter=_anonymous)
            files = [packed]
        for file in files:
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
            file.chmod(0o644)
        for file in files:
            file.replace(path if is_archive else path / file.name)


def load_recommender(source: str | Path) -> Recommender:
    """Read what `save_recommender` wrote; it answers the same.

    Raises
    ------
    DataError
        If it is no recommender, is damaged, or was written by a newer version.
    """
    path = Path(source)
    if not path.exists():
        raise DataError(
            "a saved recommender", got="nothing by that name", source=str(path), action="Check the path"
        )
    contents = _read_folder(path) if path.is_dir() else _read_archive(path)
    about = _parse_about(contents.get(ABOUT_FILE), path)
    content = contents.get(ARRAYS_FILE)
    if content is None:
        raise DataError(f"a recommender with {ARRAYS_FILE}", source=str(path))
    arrays = parse_tensors(content, f"{path}/{ARRAYS_FILE}")
    try:
        return _build(about, arrays, str(path))
    except (KeyError, ValueError, IndexError, TypeError, UserError) as error:
        raise DataError(
            "arrays that fit one another", got=str(error), source=str(path), action="Fit again"
        ) from error


def model_contents(recommender: Recommender) -> tuple[dict[str, Any], Arrays]:
    """Return the parameters of a fitted recommender and all arrays of its file but those that are made from others."""
    arrays = _to_arrays(recommender)
    kept = {name: array for name, array in arrays.items() if not name.startswith(PREPARED)}
    return _parameters(recommender), kept


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed it and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _parameters(recommender: Recommender) -> dict[str, Any]:
    names = [
        name for name in inspect.signature(type(recommender)).parameters if name not in ("columns", "n_jobs")
    ]
    columns = recommender.columns
    return {
        **{name: _plain(getattr(recommender, name)) for name in names},
        "columns": [columns.user, columns.item, columns.weight, columns.time],
    }


def _plain(value: Any) -> Any:
    """Say a recommender that is a part of another by its name and parameters; its arrays are among the other's."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Recommender):
        return value
    own = {name: kept for name, kept in _parameters(value).items() if name != "columns"}
    return {"model": value.name, "parameters": own}


def _to_arrays(recommender: Recommender) -> Arrays:
    histories = recommender.histories_
    arrays: Arrays = {
        **recommender.users_.to_arrays("users"),
        **recommender.items_.to_arrays("items"),
        "histories.offsets": histories.offsets,
        "histories.items": histories.items,
        "histories.weights": histories.weights,
    }
    for place, ids in enumerate(recommender.contexts_.values()):
        arrays |= ids.to_arrays(f"contexts.{place}")
    if recommender.fading_ is not None:
        arrays |= {FADING + name: array for name, array in recommender.fading_.to_arrays().items()}
    arrays |= _table_arrays(recommender.attributes_, ITEMS_TABLE)
    arrays |= _table_arrays(recommender.user_attributes_, USERS_TABLE)
    arrays |= {LEARNED + name: array for name, array in recommender._arrays().items()}  # pyright: ignore[reportPrivateUsage]
    prepared = recommender._prepared_arrays()  # pyright: ignore[reportPrivateUsage]
    return arrays | {PREPARED + name: array for name, array in prepared.items()}


def _table_arrays(table: Attributes, table_prefix: str) -> Arrays:
    arrays: Arrays = {}
    for place, column in enumerate(table.columns.values()):
        prefix = f"{table_prefix}{place}."
        data = [value.encode() for value in column.values]
        arrays |= {
            f"{prefix}ends": np.cumsum([len(each) for each in data], dtype=np.int64),
            f"{prefix}data": np.frombuffer(b"".join(data), np.uint8),
            f"{prefix}offsets": column.offsets,
            f"{prefix}places": column.places,
        }
        if column.numbers is not None:
            arrays[f"{prefix}numbers"] = column.numbers
        if column.vectors is not None:
            arrays[f"{prefix}vectors"] = column.vectors
    return arrays


def _build(about: About, arrays: Arrays, source: str) -> Recommender:
    kind = recommender_type(about.model)
    columns = Columns(*about.parameters.pop("columns"))
    recommender = kind(**{**about.parameters, "columns": columns})
    recommender.users_ = Ids.from_arrays(arrays, "users", source)
    recommender.items_ = Ids.from_arrays(arrays, "items", source)
    recommender.contexts_ = {
        name: Ids.from_arrays(arrays, f"contexts.{place}", source)
        for place, name in enumerate(about.contexts)
    }
    n_items = len(recommender.items_)
    histories = Histories(
        np.array(arrays["histories.offsets"]), np.array(arrays["histories.items"]),
        np.array(arrays["histories.weights"]), n_items,
    )  # fmt: skip
    histories.baskets()  # refuses what does not fit
    if histories.n_users != len(recommender.users_) or histories.weights.shape != histories.items.shape:
        raise ValueError("histories that do not fit the users")
    recommender.histories_ = histories
    recommender.attributes_ = _table(arrays, ITEMS_TABLE, about.attributes, n_items)
    recommender.user_attributes_ = _table(arrays, USERS_TABLE, about.user_attributes, histories.n_users)
    fading = {name.removeprefix(FADING): array for name, array in arrays.items() if name.startswith(FADING)}
    recommender.fading_ = FadingCounts.from_arrays(fading, n_items) if fading else None
    recommender._count()  # pyright: ignore[reportPrivateUsage]
    recommender._restore(_of_prefix(arrays, LEARNED))  # pyright: ignore[reportPrivateUsage]
    recommender._prepare(_of_prefix(arrays, PREPARED))  # pyright: ignore[reportPrivateUsage]
    return recommender


def _of_prefix(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _table(arrays: Arrays, prefix: str, names: list[str], n_rows: int) -> Attributes:
    columns = {name: _attribute(arrays, f"{prefix}{place}.", n_rows) for place, name in enumerate(names)}
    return Attributes(n_rows, columns)


def _attribute(arrays: Arrays, prefix: str, n_rows: int) -> Attribute:
    ends, data = arrays[prefix + "ends"], arrays[prefix + "data"].tobytes()
    stops = [0, *ends.tolist()]
    values = [data[begin:end].decode() for begin, end in pairwise(stops)]
    offsets, places = np.array(arrays[prefix + "offsets"]), np.array(arrays[prefix + "places"])
    numbers, vectors = arrays.get(prefix + "numbers"), arrays.get(prefix + "vectors")
    sound = (
        offsets.shape == (n_rows + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(places)
        and bool((np.diff(offsets) >= 0).all())
        and (not len(places) or 0 <= places.min() <= places.max() < len(values))
        and (numbers is None or numbers.shape == (n_rows,))
        and (vectors is None or _are_vectors(vectors, n_rows))
    )
    if not sound:
        raise ValueError("a table that does not fit its users or items")
    return Attribute(
        values, offsets, places, None if numbers is None else np.array(numbers),
        None if vectors is None else np.array(vectors),
    )  # fmt: skip


def _are_vectors(array: npt.NDArray[Any], n_rows: int) -> bool:
    sound = array.ndim == 2 and len(array) == n_rows and array.dtype == np.float32
    with np.errstate(over="ignore"):
        return sound and bool(np.isfinite(np.square(array).sum(axis=1)).all())


def _parse_about(content: npt.NDArray[np.uint8] | None, path: Path) -> About:
    if content is None:
        raise DataError(
            f"a recommender with {ABOUT_FILE}", source=str(path), action="Give one that Pairloom saved"
        )
    try:
        about = msgspec.json.decode(content.tobytes(), type=About)
    except msgspec.MsgspecError as error:
        raise DataError("sound metadata", got=str(error), source=f"{path}/{ABOUT_FILE}") from error
    if about.format != FORMAT or not 1 <= about.version <= VERSION:
        raise DataError(
            f"format {FORMAT}, version 1 to {VERSION}", got=f"{about.format}, {about.version}", source=str(path),
            action="Load it with a newer Pairloom",
        )  # fmt: skip
    return about


def _read_folder(path: Path) -> dict[str, npt.NDArray[np.uint8]]:
    found: dict[str, npt.NDArray[np.uint8]] = {}
    for name in (ABOUT_FILE, ARRAYS_FILE):
        if (path / name).is_file():
            if name == ABOUT_FILE and (path / name).stat().st_size > LARGEST_ABOUT_BYTES:
                raise DataError(f"at most {LARGEST_ABOUT_BYTES:,} bytes of {name}", source=str(path))
            found[name] = np.fromfile(path / name, np.uint8)
    return found


def _read_archive(path: Path) -> dict[str, npt.NDArray[np.uint8]]:
    found: dict[str, npt.NDArray[np.uint8]] = {}
    try:
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise DataError("a saved recommender", got=error.strerror, source=str(path)) from error
    with stream:
        for member in read_members(stream, str(path)):
            if member.name not in (ABOUT_FILE, ARRAYS_FILE):
                continue
            if member.name == ABOUT_FILE and member.size_bytes > LARGEST_ABOUT_BYTES:
                raise DataError(f"at most {LARGEST_ABOUT_BYTES:,} bytes of {member.name}", source=str(path))
            buffer = io.BytesIO()
            for piece in member.pieces:
                buffer.write(piece)
            found[member.name] = np.frombuffer(buffer.getbuffer(), np.uint8)
    return found
