"""Reading the log back: impressions with the feedback that belongs to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, NotFoundError, UserError
from pairloom.exposure.events import CLICK, PURCHASE
from pairloom.exposure.partitions import FEEDBACK, HOUR_US, IMPRESSIONS, schemas
from pairloom.exposure.sums import summed
from pairloom.formats.arrow_columns import pyarrow

__all__ = ["JoinCounts", "JoinedLog", "read_exposures"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Time = int | str | np.datetime64 | None
DAY_S = 86_400.0
KEY_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class JoinCounts:
    """What was set aside in joining.

    Parameters
    ----------
    duplicate_impressions : int
        Rows of a request and item that stood there before: the first by time counts.
    duplicate_feedback : int
        Events with an id that stood there before.
    late, early : int
        Feedback longer after its impression than ``window_s``, or further before it than ``skew_s``.
    orphans : int
        Feedback on what no impression in the range of time shows.
    """

    duplicate_impressions: int = 0
    duplicate_feedback: int = 0
    late: int = 0
    early: int = 0
    orphans: int = 0


@dataclass(frozen=True, slots=True)
class JoinedLog:
    """Impressions, one row an item that was shown, by request and position, with the feedback on each.

    Parameters
    ----------
    request : ndarray of shape (n_rows,), int64
        Number of each row's request, from 0, ascending.
    request_ids : ndarray of shape (n_requests,), object
    user, item, model, context : ndarrays of shape (n_rows,), object
        Strings; None where there is none. A context is JSON.
    position : ndarray of shape (n_rows,), int32
        1 is the top.
    propensity, list_propensity : ndarrays of shape (n_rows,), float64
        NaN where none was logged.
    time : ndarray of shape (n_rows,), int64
        Microseconds since 1970, UTC.
    counts : mapping of str to ndarray of shape (n_rows,), int32
        Events of each kind; "click" and "purchase" are always there.
    value : ndarray of shape (n_rows,), float64
        Sum of the values of all events.
    set_aside : JoinCounts
    """

    request: Int64Array
    request_ids: npt.NDArray[Any]
    user: npt.NDArray[Any]
    item: npt.NDArray[Any]
    position: Int32Array
    propensity: Float64Array
    list_propensity: Float64Array
    model: npt.NDArray[Any]
    time: Int64Array
    context: npt.NDArray[Any]
    counts: Mapping[str, Int32Array]
    value: Float64Array
    set_aside: JoinCounts = field(default_factory=JoinCounts)

    def __len__(self) -> int:
        return len(self.request)

    @property
    def n_requests(self) -> int:
        """Number of requests."""
        return len(self.request_ids)

    @property
    def clicked(self) -> Float64Array:
        """1.0 where an item was clicked at least once, otherwise 0.0; of shape (n_rows,)."""
        return (self.counts[CLICK] > 0).astype(np.float64)

    def take(self, rows: npt.NDArray[Any]) -> JoinedLog:
        """Return some rows, in their order; requests keep their ids and get new numbers."""
        rows = np.sort(np.arange(len(self))[rows])
        kept, request = np.unique(self.request[rows], return_inverse=True)
        return JoinedLog(
            request.astype(np.int64), self.request_ids[kept], self.user[rows], self.item[rows],
            self.position[rows], self.propensity[rows], self.list_propensity[rows], self.model[rows],
            self.time[rows], self.context[rows],
            {kind: counts[rows] for kind, counts in self.counts.items()}, self.value[rows], self.set_aside,
        )  # fmt: skip

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns by name, for a data frame."""
        return {
            "request": self.request_ids[self.request], "user": self.user, "item": self.item,
            "position": self.position, "propensity": self.propensity,
            "list_propensity": self.list_propensity, "model": self.model,
            "time": self.time.astype("datetime64[us]"), "context": self.context,
            **self.counts, "value": self.value,
        }  # fmt: skip


def read_exposures(
    folder: str | os.PathLike[str],
    *,
    since: Time = None,
    until: Time = None,
    window_s: float = 7 * DAY_S,
    skew_s: float = 300.0,
) -> JoinedLog:
    """Read a log as one table: what was shown, and the feedback on it, joined by request id and item.

    An impression that came twice counts once, the first by time; so does an event that came twice, by its id. Feedback
    counts if it comes within ``window_s`` after its impression (or up to ``skew_s`` before it, by a clock that goes
    wrong); the rest is counted in `set_aside`. What is in no Parquet file yet is not seen: `ExposureLog.flush`, or
    `recover` where nobody writes any more. Memory grows with the impressions read: about 150 bytes a row and
    its strings.

    Parameters
    ----------
    folder : path
    since, until : int, str or datetime64, optional
        Impressions from the first and before the second: microseconds since 1970 or ISO 8601, UTC. Feedback is read
        ``window_s`` further. An ``until`` in the last ``window_s`` leaves no impression without its chance of feedback.
    window_s, skew_s : float
        Seconds.

    Raises
    ------
    NotFoundError
        If the folder holds no log.
    DataError
        If a file is damaged.
    """
    if not window_s > 0 or not skew_s >= 0:
        raise UserError(
            f"read_exposures: 'window_s' must be above 0 and 'skew_s' 0 or more. Got {window_s} and {skew_s}."
        )
    folder = Path(folder)
    if not (folder / "journal").is_dir():
        raise NotFoundError(f"Exposure log: {folder} must be the folder of a log. Got one without a journal.")
    begin, end = microseconds(since, "since"), microseconds(until, "until")
    shown = _read(folder, IMPRESSIONS, begin, end)
    slack = int(window_s * 1e6), int(skew_s * 1e6)
    events = _read(
        folder,
        FEEDBACK,
        None if begin is None else begin - slack[1],
        None if end is None else end + slack[0] + 1,
    )
    return _joined(shown, events, *slack)


def microseconds(at: Time, what: str) -> int | None:
    """Return a time as microseconds since 1970; UserError for what is none."""
    if at is None or isinstance(at, (int, np.integer)):
        return None if at is None else int(at)
    try:
        found = np.datetime64(cast(str, at), "us")
    except ValueError:
        raise UserError(
            f"Exposure log: {what!r} must be a time in ISO 8601, UTC, or microseconds. Got {at!r}."
        ) from None
    if np.isnat(found):
        raise UserError(f"Exposure log: {what!r} must be a time. Got none.")
    return int(found.astype(np.int64))


def _read(folder: Path, kind: str, begin: int | None, end: int | None) -> Any:
    pa = pyarrow("Exposure log")
    compute, parquet = import_module("pyarrow.compute"), import_module("pyarrow.parquet")

    schema, tables = schemas()[kind], []
    for path in sorted((folder / kind).glob("date=*/hour=*/*.parquet")):
        if path.name.startswith(".") or not _may_hold(path, begin, end):
            continue
        try:
            tables.append(parquet.ParquetFile(path).read(schema.names).cast(schema))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"a file of {kind}", source=str(path), got=str(error), action="Remove the file or restore it"
            ) from error
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    time = table["time"].cast(pa.int64())
    keep = compute.is_valid(time)
    if begin is not None:
        keep = compute.and_(keep, compute.greater_equal(time, begin))
    if end is not None:
        keep = compute.and_(keep, compute.less(time, end))
    return table.filter(keep)


def _may_hold(path: Path, begin: int | None, end: int | None) -> bool:
    date, hour = path.parent.parent.name.partition("=")[2], path.parent.name.partition("=")[2]
    try:
        first = int(np.datetime64(f"{date}T{hour}", "us").astype(np.int64))
    except ValueError:
        return True
    return (begin is None or first + HOUR_US > begin) and (end is None or first < end)


def _joined(shown: Any, events: Any, window: int, skew: int) -> JoinedLog:
    pa = pyarrow("Exposure log")
    compute = import_module("pyarrow.compute")

    shown = shown.sort_by([("time", "ascending")])
    codes = _codes(_keys(shown))
    first = np.unique(codes, return_index=True)[1]
    n_repeats = len(codes) - len(first)
    shown = shown.take(pa.array(np.sort(first)))
    requests = shown["request"].combine_chunks().dictionary_encode()
    request = requests.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((shown["position"].to_numpy(), request))
    shown, request = shown.take(pa.array(order)), request[order]
    time = _numbers(shown["time"].cast(pa.int64()), np.int64)

    seen = np.unique(_codes(events["id"]), return_index=True)[1]
    n_again = events.num_rows - len(seen)
    events = events.take(pa.array(np.sort(seen)))
    row = compute.index_in(_keys(events), value_set=_keys(shown).combine_chunks())
    known = compute.is_valid(row)
    n_orphans = len(row) - int(compute.sum(known).as_py() or 0)
    events, row = events.filter(known), _numbers(row.filter(known), np.int64)
    lag = _numbers(events["time"].cast(pa.int64()), np.int64) - time[row]
    late, early = lag > window, lag < -skew
    kept = ~(late | early)
    kinds = np.asarray(events["kind"].to_pylist(), object)
    values = _numbers(events["value"], np.float64)
    counts = {
        kind: np.bincount(row[kept & (kinds == kind)], minlength=len(time)).astype(np.int32)
        for kind in dict.fromkeys((CLICK, PURCHASE, *sorted(set(kinds[kept].tolist()))))
    }
    return JoinedLog(
        request,
        _strings(requests.dictionary),
        _strings(shown["user"]),
        _strings(shown["item"]),
        _numbers(shown["position"], np.int32),
        _numbers(shown["propensity"], np.float64),
        _numbers(shown["list_propensity"], np.float64),
        _strings(shown["model"]),
        time,
        _strings(shown["context"]),
        counts,
        summed(row[kept], values[kept], len(time)),
        JoinCounts(n_repeats, n_again, int(late.sum()), int(early.sum()), n_orphans),
    )


def _keys(table: Any) -> Any:
    compute = import_module("pyarrow.compute")

    return compute.binary_join_element_wise(table["request"], table["item"], KEY_SEPARATOR)


def _codes(column: Any) -> Int64Array:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _numbers(column: Any, dtype: Any) -> npt.NDArray[Any]:
    return np.asarray(column, dtype)


def _strings(column: Any) -> npt.NDArray[Any]:
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found
