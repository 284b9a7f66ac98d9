"""The configuration of a job: JSON files in ``input/config``, each of which may be missing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pairloom.container.folders import Folders
from pairloom.errors import UserError

__all__ = ["Hosts", "checkpoints_folder", "hyperparameters", "input_channels", "resources"]

LONE_HOST = "algo-1"
SDK_PREFIX = "sagemaker_"
"""Of hyperparameters that SageMaker's SDKs add for themselves."""
FIFO = re.compile(r"(.+)_0")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of a job, sorted, and which of them this is."""

    names: tuple[str, ...]
    current: str

    @property
    def rank(self) -> int:
        """Number of this host, from 0."""
        return self.names.index(self.current)


def hyperparameters(folders: Folders) -> dict[str, str]:
    """Read ``hyperparameters.json``; values are strings, JSON in a string is taken out of its quotes."""
    given = _object(folders.configuration / "hyperparameters.json")
    return {name: _text(value) for name, value in given.items() if not name.startswith(SDK_PREFIX)}


def input_channels(folders: Folders) -> dict[str, Mapping[str, Any]]:
    """Read ``inputdataconfig.json``; without it, every folder and FIFO of the data is a channel."""
    path = folders.configuration / "inputdataconfig.json"
    given = _object(path)
    for name, value in given.items():
        if not isinstance(value, dict):
            raise UserError(f"{path}: channel '{name}' must be an object. Got {json.dumps(value)}.")
    return given if path.exists() else _found_channels(folders.data)


def resources(folders: Folders) -> Hosts:
    """Read ``resourceconfig.json``; without it there is one host."""
    path = folders.configuration / "resourceconfig.json"
    given = _object(path)
    names = given.get("hosts", [given.get("current_host", LONE_HOST)])
    current = given.get("current_host", names[0] if isinstance(names, list) and names else None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[object]", names)):
        raise UserError(f"{path}: 'hosts' must be a list of names. Got {json.dumps(names)}.")
    hosts = tuple(sorted(cast("list[str]", names)))
    if current not in hosts:
        raise UserError(
            f"{path}: 'current_host' must be one of {', '.join(hosts)}. Got {json.dumps(current)}."
        )
    return Hosts(hosts, current)


def checkpoints_folder(folders: Folders) -> Path | None:
    """Return where checkpoints are kept, None where neither a configuration nor a folder asks for any."""
    path = folders.configuration / "checkpointconfig.json"
    if path.exists():
        named = _object(path).get("LocalPath") or str(folders.checkpoints)
        if not isinstance(named, str):
            raise UserError(f"{path}: 'LocalPath' must be a path. Got {json.dumps(named)}.")
        return folders.under_root(named)
    return folders.checkpoints if folders.checkpoints.is_dir() else None


def _object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: must be JSON. Got: {error}. Correct the file.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a JSON object. Got {type(content).__name__}. Correct the file.")
    return cast("dict[str, Any]", content)


def _text(value: object) -> str:
    """Return a value as the string that was meant: SDKs quote strings twice, people write numbers plainly."""
    if not isinstance(value, str):
        return json.dumps(value)
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return inner if isinstance(inner, str) else value
    return value


def _found_channels(data: Path) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(data.iterdir()) if data.is_dir() else []:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found[path.name] = {"TrainingInputMode": "File"}
        elif path.is_fifo() and (match := FIFO.fullmatch(path.name)):
            found[match[1]] = {"TrainingInputMode": "Pipe"}
    return found
