"""States of an unfinished training in a folder that outlives the process: ``/opt/ml/checkpoints``.

Each state is a folder named after its step, in a folder named after its host; ``checkpoint.json`` in it says
which job it belongs to and what every file of it must be. It takes its name only when it is on disk whole,
and a platform that copies the folder while it is written copies a state that is found out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError

from pairloom.algorithms.contract import Hyperparameters
from pairloom.collective import ALONE, Collective
from pairloom.errors import PlatformError, UserError

__all__ = ["FolderCheckpoints", "identity"]

ABOUT = "checkpoint.json"
VERSION = 1
N_KEPT = 2
BLOCK_BYTES = 1 << 20
Identity = Mapping[str, str]


def identity(
    algorithm: str, hyperparameters: Hyperparameters, *, n_hosts: int, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what must be equal for one job to go on from another's states: not the data, nor what may change.

    Parameters
    ----------
    algorithm : str
    hyperparameters : Hyperparameters
    n_hosts : int
    more : mapping of str to str, optional
        What the job asks for beside the algorithm's hyperparameters.
    """
    free = {parameter.wire_name for parameter in hyperparameters.parameters if parameter.may_change}
    asked = {name: text for name, text in hyperparameters.to_strings().items() if name not in free}
    return {"algorithm": algorithm, "n_hosts": str(n_hosts), **asked, **(more or {})}


class FolderCheckpoints:
    """Keeps the last two states of one host.

    Parameters
    ----------
    folder : path
        Created where missing; this host's alone.
    identity : mapping of str to str
        Of the job.
    collective : Collective
        All hosts go on from the newest step that each of them has.
    is_cut_short : callable
        While true, nothing is kept: the pass ended before its data did.
    tell : callable
        Takes a sentence for the log.

    Raises
    ------
    UserError
        If the folder holds states of another job.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        *,
        collective: Collective = ALONE,
        is_cut_short: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.folder, self.identity, self.is_cut_short, self.tell = folder, dict(identity), is_cut_short, tell
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        found = self._whole_states()
        step = _common_step(found, collective)
        self._latest = folder / str(step) if step else None
        if step:
            tell(f"Going on from the checkpoint of step {step} in {folder}.")

    def latest(self) -> Path | None:
        """Return the folder of the newest whole state that all hosts have."""
        return self._latest

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Keep a state in one step, and let go of the one before the last.

        Raises
        ------
        PlatformError
            If it cannot be written; the states before stay.
        """
        if self.is_cut_short():
            return
        unfinished = self.folder / f".{step}.unfinished"
        try:
            unfinished.mkdir()
            write(unfinished)
            files = {str(path.relative_to(unfinished)): _digest(path) for path in _files(unfinished)}
            about = {"version": VERSION, "step": step, "job": self.identity, "files": files}
            (unfinished / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
            _sync_tree(unfinished)
            target = self.folder / str(step)
            if target.exists():  # damaged, or of a training that has gone on from an earlier state
                shutil.rmtree(target)
            unfinished.rename(target)
            _sync(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise PlatformError(
                f"Checkpoints: {self.folder} must be writable and have room. Got: {error}. Give it a larger "
                "disk; the checkpoints before stay."
            ) from error
        for old in _steps(self.folder)[:-N_KEPT]:
            shutil.rmtree(self.folder / str(old))

    def _whole_states(self) -> list[int]:
        """Return the steps of sound states of this job, ascending."""
        found: list[int] = []
        for step in _steps(self.folder):
            fault = self._fault(self.folder / str(step), step)
            if fault:
                self.tell(f"The checkpoint of step {step} in {self.folder} is passed over: {fault}.")
            else:
                found.append(step)
        return found

    def _fault(self, state: Path, step: int) -> str:
        try:
            about = json.loads((state / ABOUT).read_text(encoding="utf-8"))
            job, files = about["job"], about["files"]
            if about["version"] != VERSION or about["step"] != step:
                return "it is of another version"
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return f"its {ABOUT} cannot be read ({error})"
        if not isinstance(job, dict) or not isinstance(files, dict):
            return f"its {ABOUT} is damaged"
        self._check_job(cast("dict[str, Any]", job), state)
        listed = cast("dict[str, Any]", files)
        there = {str(path.relative_to(state)): path for path in _files(state) if path.name != ABOUT}
        for name in sorted({*listed, *there}):
            if name not in there:
                return f"{name} is missing"
            if name not in listed or _digest(there[name]) != listed[name]:
                return f"{name} is damaged"
        return ""

    def _check_job(self, job: Mapping[str, Any], state: Path) -> None:
        for name in sorted({*job, *self.identity}):
            if job.get(name) != self.identity.get(name):
                raise UserError(
                    f"Checkpoints: {state} must be of this job. Got one with {name} = {job.get(name, 'unset')}, "
                    f"here it is {self.identity.get(name, 'unset')}. Empty the folder, or name another."
                )


def _common_step(found: list[int], collective: Collective) -> int:
    """Return the newest step that every host has, 0 for none."""
    newest = max(found, default=0)
    if collective.size == 1:
        return newest
    step = int(collective.allreduce(np.array([newest], np.int64), "min")[0])
    has_it = int(step in found)
    return step if int(collective.allreduce(np.array([has_it], np.int64), "min")[0]) else 0


def _steps(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdigit())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob(".*.unfinished"):
        shutil.rmtree(path)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _sync_tree(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
