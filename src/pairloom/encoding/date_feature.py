"""Feature of `Date`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.bucket_feature import checked_edges, interval_labels
from pairloom.encoding.column_views import as_times
from pairloom.encoding.date_parts import FIRST, NAMES, SIZES, part_of, phase_of
from pairloom.encoding.features import Arrays, Int32Array, Int64Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.quantile_sample import QuantileSample
from pairloom.encoding.raw_columns import RawColumn, TimeColumn
from pairloom.encoding.specs import Date, DatePart
from pairloom.encoding.times import EPOCH, LATEST
from pairloom.errors import UserError
from pairloom.kernels.row_assembly import RowPart
from pairloom.tables import StringColumn

__all__ = ["DateFeature"]

MICROSECONDS_PER_DAY = 86_400_000_000


class DateFeature:
    """A column for missing times, then those of the parts, of the circles, of the age and of the bins."""

    def __init__(self, spec: Date) -> None:
        self._spec = spec
        self._sample = QuantileSample()
        self._edges = np.zeros(0)
        self._first, self._last = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self._settled: tuple[int, int, int] | None = None  # first and last year, age taken at
        self._n_missing = 0

    def learn(self, column: RawColumn, place: Place) -> None:
        """Take in times; years and the end of ages stay once they are settled."""
        times = self._times(column, place)
        self._n_missing += int(np.count_nonzero(~times.valid))
        if self._settled is None and times.valid.any():
            present = times.microseconds[times.valid]
            self._first, self._last = (
                min(self._first, int(present.min())),
                max(self._last, int(present.max())),
            )
            if self._spec.bins is not None:
                self._sample.add(present.astype(np.float64))

    def settle(self) -> int:
        """Fix the years and the end of ages, the first time."""
        if self._settled is None:
            first, last = (self._first, self._last) if self._first <= self._last else (0, 0)
            years = part_of(np.array([first, last], np.int64), "year").tolist()
            at = last
            if self._spec.age_at is not None:
                given = StringColumn.from_strings([self._spec.age_at])
                at = int(as_times(given, "s", None, Place("age_at")).microseconds[0])
            self._settled = years[0], years[1], at
            if self._spec.bins is not None:
                self._edges, self._sample = self._sample.cuts(self._spec.bins), QuantileSample()
        return 1 + sum(self._sizes())

    def labels(self, name: str) -> list[str]:
        """Names of the columns."""
        labels = [f"{name}=<missing>"]
        for part, size in zip(self._spec.parts, self._sizes(), strict=False):
            first = self._first_value(part)
            names = NAMES.get(part) or range(first, first + size)
            labels += [f"{name}.{part}={value}" for value in names]
        for part in self._spec.cyclic:
            labels += [f"{name}.{part}.sin", f"{name}.{part}.cos"]
        if self._spec.age_days:
            labels += [f"{name}.age_days={interval}" for interval in interval_labels(self._spec.age_days)]
        if self._spec.bins is not None:
            labels += [f"{name}.bins={interval}" for interval in interval_labels(self._edges, _iso)]
        return labels

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each part and the age, two for each circle."""
        times = self._times(column, place)
        missing = ~times.valid
        if lending is not None and self._n_missing == 0:
            missing |= lending.as_missing(len(missing))
        own, values = self._encode_present(times.microseconds)
        if missing.any():
            own[missing, 0] = 0
            if values is not None:
                values[missing, 0] = 1
            kept = ~missing[:, None] | (np.arange(own.shape[1]) == 0)
            indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept.sum(axis=1))))
            return RowPart(columns[own[kept]], None if values is None else values[kept], indptr)
        return RowPart(columns[own.ravel()], None if values is None else values.ravel())

    def state(self) -> State:
        """What was learned."""
        first, last, at = self._settled or (1970, 1970, 0)
        values = {"n_missing": self._n_missing, "first_year": first, "last_year": last, "age_at": at}
        return values, {} if self._spec.bins is None else {"edges": self._edges}

    @classmethod
    def restored(cls, spec: Date, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`."""
        feature = cls(spec)
        first, last, at = int(values["first_year"]), int(values["last_year"]), int(values["age_at"])
        if not (1 <= first <= last <= 9999) or abs(at) > 2**60:
            raise UserError(f"years must rise within 1 to 9999. Got {first} to {last}.")
        feature._settled, feature._n_missing = (first, last, at), int(values["n_missing"])
        if spec.bins is not None:
            feature._edges = checked_edges(arrays["edges"])
            if not (np.abs(feature._edges) < LATEST).all() or len(feature._edges) > 2 * spec.bins:
                raise UserError(f"'edges' must cut the years 1 to 9999 into about {spec.bins} bins.")
        return feature

    def _times(self, column: RawColumn, place: Place) -> TimeColumn:
        return as_times(column, self._spec.unit, self._spec.format, place)

    def _first_value(self, part: DatePart) -> int:
        first, _, _ = self._settled or (1970, 1970, 0)
        return first if part == "year" else FIRST[part]

    def _sizes(self) -> list[int]:
        """Columns of each part, each circle and the age."""
        first, last, _ = self._settled or (1970, 1970, 0)
        sizes = [last - first + 1 if part == "year" else SIZES[part] for part in self._spec.parts]
        sizes += [2] * len(self._spec.cyclic)
        sizes += [len(self._spec.age_days) + 1] if self._spec.age_days else []
        return sizes + ([len(self._edges) + 1] if self._spec.bins is not None else [])

    def _encode_present(self, times: Int64Array) -> tuple[Int64Array, npt.NDArray[np.float32] | None]:
        """Return own columns and values of shape (n_rows, n_per_row); no values when all are one."""
        sizes, own, values, begin = self._sizes(), list[Int64Array](), list[npt.NDArray[np.float64]](), 1
        ones = np.ones(len(times))
        for part, size in zip(self._spec.parts, sizes, strict=False):
            own.append(begin + np.clip(part_of(times, part) - self._first_value(part), 0, size - 1))
            values.append(ones)
            begin += size
        for part in self._spec.cyclic:
            phase = phase_of(times, part)
            own += [np.full(len(times), begin), np.full(len(times), begin + 1)]
            values += [np.sin(phase), np.cos(phase)]
            begin += 2
        if self._spec.age_days:
            _, _, at = self._settled or (1970, 1970, 0)
            ages = (at - times) / MICROSECONDS_PER_DAY
            own.append(begin + np.searchsorted(self._spec.age_days, ages, side="right"))
            values.append(ones)
            begin += len(self._spec.age_days) + 1
        if self._spec.bins is not None:
            own.append(begin + np.searchsorted(self._edges, times, side="right"))
            values.append(ones)
        stacked = np.stack(values, axis=1).astype(np.float32) if self._spec.cyclic else None
        return np.stack(own, axis=1), stacked


def _iso(microseconds: float) -> str:
    return (EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=None).isoformat(timespec="seconds")
