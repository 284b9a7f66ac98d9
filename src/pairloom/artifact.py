"""``model.tar.gz``: a model of any algorithm, and the encoder that its rows came from.

The archive holds what the model's own `save` wrote, ``artifact.json`` (algorithm, hyperparameters, metrics,
how raw data is read) and, where there is an encoder, ``encoder.safetensors``. One that SageMaker trained holds
``model_algo-1`` or ``xgboost-model`` instead. Loading one runs no code.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.contract import Model
from pairloom.algorithms.sagemaker_artifacts import FILE_NAME, LONE_FILES, read_model_file, write_model_file
from pairloom.errors import DataError, PlatformError
from pairloom.formats.model_archive import LIMITS, Limits, Member, read_members

if TYPE_CHECKING:
    from pairloom.encoding import FeatureEncoder  # brings libraries that a model without an encoder needs not

__all__ = ["Artifact", "load_artifact", "save_artifact", "save_artifact_folder"]

VERSION = 1
ABOUT, ENCODER = "artifact.json", "encoder.safetensors"
SAVING = ".saving-"
LARGEST_ABOUT_BYTES = 64 << 20
UNNAMED = "factorization-machines"
"""The algorithm of archives that hold a model alone, without a name that tells more."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What an archive holds.

    Parameters
    ----------
    algorithm : str
    model : Model
    encoder : FeatureEncoder, optional
        Turns raw columns into the model's rows.
    label : str, optional
        Raw column of the label.
    hyperparameters : mapping of str to str
        As they were given.
    metrics : mapping of str to (mapping of str to float)
        What it scored, by channel.
    """

    algorithm: str
    model: Model
    encoder: FeatureEncoder | None = None
    label: str | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])


class About(msgspec.Struct, forbid_unknown_fields=False):
    """The contents of ``artifact.json``."""

    version: int
    algorithm: str
    label: str | None = None
    hyperparameters: dict[str, str] = {}
    metrics: dict[str, dict[str, float]] = {}
    encoder: dict[str, Any] | None = None


def save_artifact(artifact: Artifact, target: str | Path, *, model_algo_1: bool = False) -> None:
    """Write an archive; it replaces what is there in one step, or not at all.

    Parameters
    ----------
    artifact : Artifact
    target : path
        Its folder is created where missing.
    model_algo_1 : bool
        Whether the model is there in SageMaker's own form too, for code that unpacks it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
        folder = Path(work) / "model"
        folder.mkdir()
        _write(artifact, folder, model_algo_1=model_algo_1)
        packed = Path(work) / "packed"
        with (
            packed.open("wb") as file,
            gzip.GzipFile(
                "", "wb", compresslevel=1, fileobj=file, mtime=0
            ) as stream,  # neither name nor time
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name, filter=_anonymous)
        packed.replace(target)


def save_artifact_folder(artifact: Artifact, folder: str | Path, *, model_algo_1: bool = False) -> None:
    """Write the contents of an archive into a folder, from where a platform packs them.

    Every file is whole and on disk before the first one takes its place, so that a full disk leaves what was
    there before. Other files of the folder stay.

    Parameters
    ----------
    artifact : Artifact
    folder : path
        Created where missing; may be a mount point.
    model_algo_1 : bool
        As for `save_artifact`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for unfinished in folder.glob(f"{SAVING}*"):  # of a process that was killed
        shutil.rmtree(unfinished)
    with tempfile.TemporaryDirectory(dir=folder, prefix=SAVING) as work:
        _write(artifact, Path(work), model_algo_1=model_algo_1)
        written = sorted(Path(work).iterdir(), key=lambda path: (path.name == ABOUT, path.name))
        for path in written:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        for path in written:
            path.replace(folder / path.name)


def _write(artifact: Artifact, folder: Path, *, model_algo_1: bool) -> None:
    about = About(
        version=VERSION,
        algorithm=artifact.algorithm,
        label=artifact.label,
        hyperparameters=dict(artifact.hyperparameters),
        metrics={channel: dict(values) for channel, values in artifact.metrics.items()},
    )
    artifact.model.save(folder)
    if model_algo_1:
        (folder / FILE_NAME).write_bytes(write_model_file(artifact.algorithm, artifact.model))
    if artifact.encoder is not None:
        from safetensors.numpy import save_file

        about.encoder, arrays = artifact.encoder.to_state()
        save_file(arrays, folder / ENCODER)
    (folder / ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))


def load_artifact(
    source: str | Path, *, limits: Limits = LIMITS, told: Mapping[str, str] | None = None
) -> Artifact:
    """Read an archive that `save_artifact` wrote, one that SageMaker trained, or a folder with the contents of one.

    Parameters
    ----------
    source : path
    limits : Limits
        How large an archive may be.
    told : mapping of str to str, optional
        Hyperparameters that SageMaker's file may not tell, such as ``predictor_type``.

    Raises
    ------
    DataError
        If it is missing, no archive of a model, damaged, or written by a newer version.
    """
    path = Path(source)
    if not path.exists():
        raise DataError(
            "a model.tar.gz", got="nothing by that name", source=str(path), action="Check the path"
        )
    with _as_folder(path, limits) as folder:
        if (folder / FILE_NAME).is_file() and not (folder / ABOUT).is_file():
            name, model = read_model_file(folder / FILE_NAME, f"{path}/{FILE_NAME}", told or {}, limits)
            return Artifact(name, model, hyperparameters=dict(told or {}))
        about = _read_about(folder, path)
        encoder = None
        if about.encoder is not None:
            from pairloom.encoding import FeatureEncoder

            encoder = FeatureEncoder.from_state(about.encoder, _read_arrays(folder / ENCODER, path))
        model = algorithm(about.algorithm).model_type.load(folder)
    return Artifact(about.algorithm, model, encoder, about.label, about.hyperparameters, about.metrics)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed it and when: the same model makes the same bytes."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


@contextmanager
def _as_folder(path: Path, limits: Limits) -> Generator[Path]:
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pairloom-model-") as work:
        folder = Path(work)
        try:
            stream = path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(
                "a model.tar.gz", got=error.strerror, source=str(path), action="Give a file that can be read"
            ) from error
        with stream:
            for member in read_members(stream, str(path), limits):
                _unpack(member, folder / member.name)
        yield folder


def _unpack(member: Member, target: Path) -> None:
    try:
        with target.open("xb") as file:
            for piece in member.pieces:
                file.write(piece)
    except OSError as error:
        raise PlatformError(
            f"Model: {member.name!r} ({member.size_bytes:,} bytes) must fit into {target.parent}. Got: "
            f"{error.strerror}. Free space there, or set TMPDIR to another folder."
        ) from error


def _read_about(folder: Path, path: Path) -> About:
    file = folder / ABOUT
    if not file.is_file():
        named = (name for lone, name in LONE_FILES.items() if (folder / lone).is_file())
        return About(VERSION, next(named, UNNAMED))
    try:
        if file.stat().st_size > LARGEST_ABOUT_BYTES:
            raise DataError("metadata of sane size", got=f"{file.stat().st_size} bytes", source=str(path))
        about = msgspec.json.decode(file.read_bytes(), type=About)
    except msgspec.MsgspecError as error:
        raise DataError("sound metadata", got=str(error), source=f"{path}/{ABOUT}") from error
    if not 1 <= about.version <= VERSION:
        raise DataError(
            f"an artifact of version 1 to {VERSION}",
            got=str(about.version),
            source=str(path),
            action="Load it with a newer Pairloom",
        )
    return about


def _read_arrays(file: Path, path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not file.is_file():
        raise DataError("the encoder's file", got="none", source=f"{path}/{ENCODER}", action="Train again")
    try:
        return load(file.read_bytes())
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DataError("a safetensors file", got=str(error), source=f"{path}/{ENCODER}") from error
