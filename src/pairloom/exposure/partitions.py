"""Partitions: the Parquet files that the events of a journal end in, by hour."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec

from pairloom.errors import PlatformError
from pairloom.exposure.events import Feedback, Impressions
from pairloom.exposure.journal import Lines, sync_folder
from pairloom.formats.arrow_columns import pyarrow

__all__ = ["FEEDBACK", "IMPRESSIONS", "folder_of_hour", "load_libraries", "schemas", "write_partitions"]

IMPRESSIONS, FEEDBACK = "impressions", "feedback"
HOUR_US = 3_600_000_000
MOST_OPEN_ROWS = 100_000


def load_libraries() -> None:
    """Import what writing needs; Arrow imports pandas at its first array, if it is there, which is too late at exit."""
    pa = pyarrow("Exposure log")
    import_module("pyarrow.parquet")
    pa.array([0])


def schemas() -> dict[str, Any]:
    """Return the Arrow schemas of the two kinds of file."""
    pa = pyarrow("Exposure log")
    at = pa.timestamp("us", tz="UTC")
    return {
        IMPRESSIONS: pa.schema(
            [
                ("request", pa.string()), ("user", pa.string()), ("item", pa.string()),
                ("position", pa.int32()), ("propensity", pa.float64()), ("list_propensity", pa.float64()),
                ("model", pa.string()), ("time", at), ("context", pa.string()),
            ]
        ),
        FEEDBACK: pa.schema(
            [
                ("request", pa.string()), ("item", pa.string()), ("kind", pa.string()),
                ("value", pa.float64()), ("time", at), ("id", pa.string()),
            ]
        ),
    }  # fmt: skip


@dataclass(slots=True)
class _Hour:
    """Columns of one kind and hour, on their way to a file."""

    kind: str
    hour: int
    columns: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def add_impressions(self, event: Impressions) -> None:
        n_items, columns = len(event.items), self.columns
        context = msgspec.json.encode(event.context, order="sorted").decode() if event.context else None
        columns["request"] += repeat(event.request, n_items)
        columns["user"] += repeat(None if event.user is None else str(event.user), n_items)
        columns["item"] += map(str, event.items)
        columns["position"] += range(event.first_position, event.first_position + n_items)
        columns["propensity"] += repeat(None, n_items) if event.propensities is None else event.propensities
        columns["list_propensity"] += repeat(event.list_propensity, n_items)
        columns["model"] += repeat(event.model, n_items)
        columns["time"] += repeat(event.time, n_items)
        columns["context"] += repeat(context, n_items)

    def add_feedback(self, event: Feedback, own_id: str) -> None:
        row = (event.request, str(event.item), event.kind, event.value, event.time, event.id or own_id)
        for name, value in zip(self.columns, row, strict=True):
            self.columns[name].append(value)


def folder_of_hour(folder: Path, kind: str, hour: int) -> Path:
    """Return where the files of an hour since 1970 are."""
    at = time.gmtime(hour * 3600)
    return folder / kind / time.strftime("date=%Y-%m-%d", at) / time.strftime("hour=%H", at)


def write_partitions(folder: Path, lines: Lines) -> list[Path]:
    """Write the events of a journal to files of their hours, whole ones, named after the journal.

    Doing it again writes the same files anew, so that a journal left by a process that died in the midst of this is
    told once all the same. Memory: a few hundred bytes an event.
    """
    written: list[Path] = []
    for part, hours in enumerate(_filled(lines)):
        for hour in hours:
            written.append(_write(folder, hour, f"{lines.path.stem}-{part:04d}"))
    return written


def _filled(lines: Lines) -> Iterator[list[_Hour]]:
    """Yield the hours of as many events as are held at once."""
    names = {kind: schema.names for kind, schema in schemas().items()}
    hours: dict[tuple[str, int], _Hour] = {}
    n_rows = 0
    for number, event in lines:
        kind = IMPRESSIONS if isinstance(event, Impressions) else FEEDBACK
        key = kind, event.time // HOUR_US
        if key not in hours:
            hours[key] = _Hour(*key, {name: [] for name in names[kind]})
        if isinstance(event, Impressions):
            hours[key].add_impressions(event)
            n_rows += len(event.items)
        else:
            hours[key].add_feedback(event, f"{lines.path.stem}.{number}")
            n_rows += 1
        if n_rows >= MOST_OPEN_ROWS:
            yield list(hours.values())
            hours, n_rows = {}, 0
    if hours:
        yield list(hours.values())


def _write(folder: Path, hour: _Hour, stem: str) -> Path:
    pa = pyarrow("Exposure log")
    from pyarrow import parquet

    target = folder_of_hour(folder, hour.kind, hour.hour) / f"{stem}.parquet"
    made = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with made.open("wb") as file:
            parquet.write_table(pa.table(hour.columns, schema=schemas()[hour.kind]), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
        for upper in (target.parent, target.parent.parent, target.parent.parent.parent):
            sync_folder(upper)
    except OSError as error:
        raise PlatformError(
            f"Exposure log: {target} cannot be written ({error}). Make room on the disk."
        ) from error
    return target
