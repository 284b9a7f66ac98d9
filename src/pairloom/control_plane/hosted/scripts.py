"""Models in script mode: somebody's own code, brought to disk beside its model data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pairloom.container.script_mode.requirements import settle_requirements
from pairloom.container.script_mode.source import unpack
from pairloom.control_plane.hosted.containers import is_script, place_model
from pairloom.control_plane.hosted.locations import link_object, parse_s3_url
from pairloom.errors import UserError

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["Script", "place_script"]

MODEL = "/opt/ml/model"


@dataclass(frozen=True, slots=True)
class Script:
    """A script on disk.

    Parameters
    ----------
    model : Path
        Folder of the model data.
    variables : mapping of str to str
        Of the worker.
    """

    model: Path
    variables: Mapping[str, str]


def place_script(service: Service, container: Mapping[str, Any], folder: Path) -> Script:
    """Unpack model data and code into a folder, unless they are there. Blocks.

    Raises
    ------
    UserError
        For archives that cannot be unpacked, and a source that is not there.
    """
    assert is_script(container)
    environment: Mapping[str, str] = container["Environment"]
    home, partial = folder / "script", folder / ".script"
    if not home.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        data = place_model(container, service.objects, folder)
        if data.is_dir():
            shutil.copytree(data, partial / "model")
        else:
            unpack(data, partial / "model")
        (partial / "model").mkdir(exist_ok=True)
        code = _code(service, environment, partial, folder)
        policy = {**os.environ, "PAIRLOOM_SCRIPT_REQUIREMENTS": service.settings.requirements}
        settle_requirements(code, partial / "packages", policy)
        partial.rename(home)
    code = _code(service, environment, home, folder)
    variables = {
        "SAGEMAKER_PROGRAM": environment["SAGEMAKER_PROGRAM"],
        "PAIRLOOM_SCRIPT_CODE": str(code),
        "SM_MODEL_DIR": str(home / "model"),
    }
    if (home / "packages").is_dir():
        variables["PAIRLOOM_SCRIPT_PACKAGES"] = str(home / "packages")
    if service.settings.job_memory_bytes is not None:
        variables["PAIRLOOM_SCRIPT_MEMORY"] = str(service.settings.job_memory_bytes)
    return Script(home / "model", variables)


def _code(service: Service, environment: Mapping[str, str], home: Path, folder: Path) -> Path:
    """Return the folder of the code, unpacked if it is an archive of its own."""
    named = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", f"{MODEL}/code")
    if named.startswith("s3://"):
        code = home / "code"
        if not code.exists():
            bucket, key = parse_s3_url(named, "SAGEMAKER_SUBMIT_DIRECTORY")
            link_object(service.objects, bucket, key, folder / "sourcedir.tar.gz")
            unpack(folder / "sourcedir.tar.gz", code)
        return code
    below = PurePosixPath(named)
    if not below.is_relative_to(MODEL) or ".." in below.parts:
        message = (
            f"SAGEMAKER_SUBMIT_DIRECTORY must be an archive in S3, or a folder under {MODEL}. Got {named!r}."
        )
        raise UserError(message)
    code = home / "model" / below.relative_to(MODEL)
    if not code.is_dir():
        raise UserError(f"SAGEMAKER_SUBMIT_DIRECTORY must be in the model data. Got {named!r}.")
    return code
