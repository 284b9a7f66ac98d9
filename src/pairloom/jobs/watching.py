"""What has become of an attempt, read from its folder alone: whoever looks need not have launched it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pairloom.jobs.attempt_files import AttemptFiles, read_json
from pairloom.jobs.launching import is_running

__all__ = ["Ending", "MetricValue", "look", "metric_values"]

Phase = Literal["starting", "running", "packing", "finished", "lost"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Parameters
    ----------
    started_at, ended_at : float
        Of its commands, seconds since 1970.
    codes : dict of str to int
        Exit code of each host; negative for the number of a signal.
    reason : str, optional
        Why it was asked to stop; None where it was not.
    feeding_fault : str, optional
        What kept Pipe mode from going on.
    fault : str, optional
        What kept its results from being packed.
    """

    started_at: float
    ended_at: float
    codes: dict[str, int]
    reason: str | None
    feeding_fault: str | None
    fault: str | None


def look(files: AttemptFiles) -> tuple[Phase, Ending | None]:
    """Return where an attempt is, and how it ended once it has.

    ``lost`` is one that nobody runs and that has not finished: its shim was killed, or never started.
    """
    finished = read_json(files.finished)
    if finished is not None:
        return "finished", _ending(finished)
    if not is_running(files):
        finished = read_json(files.finished)  # it may have finished between the two looks
        return ("finished", _ending(finished)) if finished is not None else ("lost", None)
    if files.ended.exists():
        return "packing", None
    return ("running" if files.shim.exists() else "starting"), None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A value that the log has shown.

    Parameters
    ----------
    name : str
    value : float
    time : float
        Seconds since 1970.
    """

    name: str
    value: float
    time: float


def metric_values(files: AttemptFiles) -> list[MetricValue]:
    """Return the values that an attempt has shown so far; a line that is being written is left out."""
    try:
        content = files.metrics.read_bytes()
    except FileNotFoundError:
        return []
    return [
        MetricValue(about["n"], about["v"], about["t"])
        for line in content[: content.rfind(b"\n") + 1].splitlines()
        if (about := _line(line)) is not None
    ]


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:  # of a shim that was killed within a line
        return None


def _ending(about: dict[str, Any]) -> Ending:
    return Ending(
        about["started_at"],
        about["ended_at"],
        about["hosts"],
        about["reason"],
        about["feeding_fault"],
        about["fault"],
    )


def first_started_at(folder: Path) -> float | None:
    """Return when the commands of an attempt were started, None where they were not."""
    about = read_json(AttemptFiles(folder).shim)
    return None if about is None else about["started_at"]
