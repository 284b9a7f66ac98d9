"""``model_algo-1``, the file in which SageMaker's own algorithms keep a model: recognised, read and written.

It is an MXNet array list, or a zip of such a list and JSON. Which algorithm trained one is seen from what it holds.
Each algorithm that has such a form keeps it in a module ``sagemaker_artifact``, which offers the three functions of
`SageMakerForm`; `FORMS` is the table of them.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Model
from pairloom.errors import DataError, UserError
from pairloom.formats.model_archive import LIMITS, Limits
from pairloom.formats.mxnet_arrays import parse_arrays, serialize_arrays

__all__ = [
    "FILE_NAME",
    "FORMS",
    "LONE_FILES",
    "ModelFile",
    "SageMakerForm",
    "read_model_file",
    "write_model_file",
    "zipped",
]

FILE_NAME = "model_algo-1"
FORMS: Mapping[str, str] = {
    "factorization-machines": "pairloom.algorithms.factorization_machines.sagemaker_artifact",
    "linear-learner": "pairloom.algorithms.linear_learner.sagemaker_artifact",
    "kmeans": "pairloom.algorithms.kmeans.sagemaker_artifact",
    "pca": "pairloom.algorithms.pca.sagemaker_artifact",
}
LONE_FILES: Mapping[str, str] = {"xgboost-model": "xgboost"}
"""Files that are a whole model of an algorithm, in a form that the algorithm here shares with SageMaker's."""
ZIP_START = b"PK"
PARAMETERS = (".params", "params")
EPOCH = (1980, 1, 1, 0, 0, 0)
_DAMAGED = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The contents of a ``model_algo-1``.

    Parameters
    ----------
    source : str
        What errors call it.
    files : mapping of str to bytes
        Of a zip, by name; empty for a bare array list.
    names : sequence of str
        Names of the arrays; empty where they have none.
    arrays : sequence of ndarray
    """

    source: str
    files: Mapping[str, bytes]
    names: Sequence[str]
    arrays: Sequence[npt.NDArray[Any]]

    @classmethod
    def parse(cls, content: bytes, source: str, limits: Limits = LIMITS) -> ModelFile:
        """Take a file apart; DataError for what is neither an array list nor a zip with one in it."""
        if not content.startswith(ZIP_START):
            return cls(source, {}, *parse_arrays(content, source))
        files = _unzip(content, source, limits)
        parameters = [name for name in files if name.endswith(PARAMETERS)]
        if len(parameters) != 1:
            raise DataError("a zip with one file of parameters", got=str(sorted(files)), source=source)
        return cls(source, files, *parse_arrays(files[parameters[0]], f"{source}/{parameters[0]}"))

    def array(self, name: str, n_dimensions: int) -> npt.NDArray[np.float32]:
        """Return an array as float32 with so many dimensions.

        Raises
        ------
        DataError
            If it is missing, has other dimensions, or holds what is no finite float32.
        """
        if name not in self.names:
            raise DataError(
                f"an array {name!r}", got=f"{', '.join(self.names) or 'none'}", source=self.source
            )
        return self.checked(self.arrays[self.names.index(name)], name, n_dimensions)

    def checked(self, array: npt.NDArray[Any], name: str, n_dimensions: int) -> npt.NDArray[np.float32]:
        """Return one of the arrays as `array` does."""
        if array.ndim != n_dimensions:
            got = f"{array.ndim} dimensions"
            raise DataError(f"an array of {n_dimensions} dimensions", got=got, source=self.source, field=name)
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float32, copy=False)
        if not np.isfinite(numbers).all():
            raise DataError("finite numbers", got="nan or inf", source=self.source, field=name)
        return numbers

    def json(self, name: str) -> Any:
        """Return the contents of a JSON file of the zip."""
        try:
            return msgspec.json.decode(self.files[name])
        except (KeyError, msgspec.MsgspecError, RecursionError) as error:
            raise DataError("JSON", got=str(error), source=f"{self.source}/{name}") from error


class SageMakerForm(Protocol):
    """What a module ``sagemaker_artifact`` offers."""

    def recognises(self, file: ModelFile) -> bool:
        """Say whether this algorithm trained it."""
        ...

    def read(self, file: ModelFile, told: Mapping[str, str]) -> Model:
        """Build the model; `told` holds hyperparameters that the caller knows and the file may not tell."""
        ...

    def write(self, model: Any) -> bytes:
        """Return the file for a model of the algorithm."""
        ...


def read_model_file(
    path: Path, source: str, told: Mapping[str, str], limits: Limits = LIMITS
) -> tuple[str, Model]:
    """Read a ``model_algo-1`` of any algorithm in `FORMS`.

    Returns
    -------
    (algorithm, model)

    Raises
    ------
    DataError
        For a file that is damaged or that no algorithm recognises.
    """
    file = ModelFile.parse(path.read_bytes(), source, limits)
    for name in FORMS:
        form = _form(name)
        if form.recognises(file):
            return name, form.read(file, told)
    held = [*file.files, *(f"array {name!r}" for name in file.names)] or [
        f"{len(file.arrays)} arrays without names"
    ]
    raise DataError(
        f"a model of {', '.join(FORMS)}", got=f"a file with {', '.join(held[:10])}", source=source,
        action="Other algorithms have no form here",
    )  # fmt: skip


def write_model_file(algorithm: str, model: Model) -> bytes:
    """Return the ``model_algo-1`` of a model.

    Raises
    ------
    UserError
        For an algorithm without such a form.
    """
    if algorithm not in FORMS:
        known = ", ".join(FORMS)
        raise UserError(f"Model: SageMaker's form is known for {known}. Got {algorithm}. Save it without.")
    return _form(algorithm).write(model)


def zipped(files: Mapping[str, bytes | Mapping[str, npt.NDArray[Any]]]) -> bytes:
    """Pack files as SageMaker does, uncompressed; arrays become a list. The same files make the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else serialize_arrays(content)
            about = zipfile.ZipInfo(name, EPOCH)
            about.external_attr = 0o644 << 16
            archive.writestr(about, data)
    return stream.getvalue()


def _form(algorithm: str) -> SageMakerForm:
    return cast(SageMakerForm, import_module(FORMS[algorithm]))


def _unzip(content: bytes, source: str, limits: Limits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    allowed = min(limits.total_bytes, max(limits.ratio_free_bytes, limits.ratio * len(content)))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > limits.n_members:
                raise DataError(f"at most {limits.n_members} files", got=str(len(members)), source=source)
            for member in members:
                if member.filename in files:
                    raise DataError(
                        "files with different names", got=f"{member.filename!r} twice", source=source
                    )
                with archive.open(member) as file:
                    files[member.filename] = file.read(allowed + 1)
                allowed -= len(files[member.filename])
                if allowed < 0:
                    raise DataError(
                        f"at most {limits.ratio} bytes for each packed one, and {limits.total_bytes:,} in all",
                        got=f"more in {member.filename!r}", source=source,
                    )  # fmt: skip
    except DataError:
        raise
    except (*_DAMAGED, ValueError, zlib.error) as error:
        raise DataError("a sound zip", got=str(error), source=source, action="Fetch it again") from error
    return files
