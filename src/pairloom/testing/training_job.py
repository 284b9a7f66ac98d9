"""A temporary ``/opt/ml``: files and FIFOs in, a training job run on them, what it left behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairloom.artifact import Artifact, load_artifact
from pairloom.container.entry import run
from pairloom.formats import write_rows
from pairloom.formats.registry import by_content_type
from pairloom.rows import RowBatch

__all__ = ["FifoWriter", "Finished", "TrainingJob"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended: exit code, standard output, standard error, and ``output/failure`` if there is one."""

    code: int
    out: str
    err: str
    failure: str | None


@dataclass
class TrainingJob:
    """A job's folder, filled step by step.

    Parameters
    ----------
    root : path
        Stands for ``/opt/ml``.
    algorithm : str
    hyperparameters : mapping of str to str
    environment : mapping of str to str
        Variables of the job, beside this process's.
    """

    root: Path
    algorithm: str
    hyperparameters: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    channels: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def __post_init__(self) -> None:
        for name in ("input/config", "input/data", "model", "output/data"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        """Folder of the channels."""
        return self.root / "input" / "data"

    def configure(self, name: str, content: object) -> None:
        """Write a file of ``input/config``, such as ``resourceconfig``."""
        path = self.root / "input" / "config" / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")

    def add_channel(self, name: str, content_type: str | None = None, **words: Any) -> Path:
        """Declare a channel; returns its folder, which is there and empty."""
        given = {} if content_type is None else {"ContentType": content_type}
        self.channels[name] = {"TrainingInputMode": "File", **given, **words}
        folder = self.data / name
        if self.channels[name]["TrainingInputMode"] != "Pipe":
            folder.mkdir(exist_ok=True)
        return folder

    def add_rows(
        self, name: str, rows: RowBatch | Sequence[RowBatch], content_type: str, **words: Any
    ) -> Path:
        """Declare a channel with files of rows, one for each batch; returns its folder."""
        folder = self.add_channel(name, content_type, **words)
        ending = by_content_type(content_type)[0].endings[0]
        for number, batch in enumerate([rows] if isinstance(rows, RowBatch) else rows):
            write_rows(
                [batch], folder / f"part-{number:05}{ending}", content_type=content_type.partition(";")[0]
            )
        return folder

    def write(self) -> None:
        """Write the configuration."""
        self.configure("hyperparameters", dict(self.hyperparameters))
        self.configure("inputdataconfig", self.channels)

    def run_here(self) -> Finished:
        """Run the job in this process."""
        self.write()
        out, err = io.StringIO(), io.StringIO()
        environment = dict(os.environ) | dict(self.environment) | {"PAIRLOOM_ML_ROOT": str(self.root)}
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([self.algorithm], environment)
        return Finished(code, out.getvalue(), err.getvalue(), self.failure())

    def start(self, **options: Any) -> subprocess.Popen[str]:
        """Start the job as a process of its own, its output piped; options are those of Popen."""
        self.write()
        environment = os.environ | dict(self.environment) | {"PAIRLOOM_ML_ROOT": str(self.root)}
        command = [sys.executable, "-m", "pairloom.container", self.algorithm]
        return subprocess.Popen(  # noqa: S603 - this Python and a module of ours
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    def run(self, *, timeout_s: float = 120, **options: Any) -> Finished:
        """Run the job as a process of its own."""
        return self.finish(self.start(**options), timeout_s=timeout_s)

    def finish(self, process: subprocess.Popen[str], *, timeout_s: float = 120) -> Finished:
        """Wait for a job that was started; one that does not end in time is killed and raises TimeoutExpired."""
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
        return Finished(process.returncode, out, err, self.failure())

    def failure(self) -> str | None:
        """Return what ``output/failure`` says."""
        path = self.root / "output" / "failure"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def pack(self) -> Path:
        """Pack ``model/`` as a platform does; returns the path of ``model.tar.gz``."""
        target = self.root / "model.tar.gz"
        with tarfile.open(target, "w:gz") as archive:
            archive.add(self.root / "model", ".")
        return target

    def artifact(self) -> Artifact:
        """Load the model out of the packed archive."""
        return load_artifact(self.pack())


class FifoWriter:
    """Offers a channel in Pipe mode, one FIFO for each pass, and writes into them one after the other.

    Parameters
    ----------
    data : path
        ``input/data``.
    channel : str
    passes : iterable of bytes
        What each pass brings.
    """

    def __init__(self, data: Path, channel: str, passes: Iterable[bytes]) -> None:
        self.contents = list(passes)
        self.paths = [data / f"{channel}_{number}" for number in range(len(self.contents))]
        self.n_written = 0
        self.n_broken = 0
        for path in self.paths:
            os.mkfifo(path)
        self._thread = threading.Thread(target=self._write, name=f"fifo-{channel}", daemon=True)

    def __enter__(self) -> FifoWriter:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        """Wait until every pass is written, or its reader has gone."""
        self._thread.join(timeout=10)
        if self._thread.is_alive():
            raise AssertionError(f"the writer still waits for a reader of {self.paths[self.n_written].name}")

    def _write(self) -> None:
        for path, content in zip(self.paths, self.contents, strict=True):
            try:
                with path.open("wb", buffering=0) as fifo:
                    view = memoryview(content)
                    while view:
                        view = view[fifo.write(view) :]
            except BrokenPipeError:
                self.n_broken += 1
            self.n_written += 1
