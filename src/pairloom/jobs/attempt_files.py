"""The files of one attempt at a job: what its launcher and its shim say to each other."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

__all__ = ["AttemptFiles", "read_json", "write_json"]


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """The paths of an attempt.

    Parameters
    ----------
    folder : path
    """

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked by the launcher, whose lock the shim inherits: as long as it is held, the attempt runs."""
        return self.folder / "lock"

    @property
    def control(self) -> Path:
        """A FIFO that the shim listens to; a line of it is a reason to stop."""
        return self.folder / "control"

    @property
    def launch(self) -> Path:
        """What to run; readable by the owner alone, for it holds the environment."""
        return self.folder / "launch.json"

    @property
    def shim(self) -> Path:
        """That the commands are started, and when that was."""
        return self.folder / "shim.json"

    @property
    def ended(self) -> Path:
        """How the commands ended; their results are being packed."""
        return self.folder / "ended.json"

    @property
    def finished(self) -> Path:
        """The same, once the results are packed: nothing of this attempt will change."""
        return self.folder / "finished.json"

    @property
    def metrics(self) -> Path:
        """Values of metrics that the log has shown, as JSON lines."""
        return self.folder / "metrics.jsonl"

    @property
    def results(self) -> Path:
        """Packed results, ``model.tar.gz`` and ``output.tar.gz``."""
        return self.folder / "results"

    @property
    def sources(self) -> Path:
        """What Pipe mode streams."""
        return self.folder / "sources"

    @property
    def shim_log(self) -> Path:
        """What the shim itself says; empty unless it has a fault."""
        return self.folder / "shim.log"

    def host(self, name: str) -> Path:
        """Return the ``/opt/ml`` of a host."""
        return self.folder / "hosts" / name


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file in one step, on disk when this returns; only its owner may read it."""
    written = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system that cannot sync a folder
            os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what `write_json` wrote, None where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return cast("dict[str, Any]", json.loads(text))
