"""Feature of `Bucket`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.column_views import as_numbers
from pairloom.encoding.features import Arrays, Int32Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.quantile_sample import QuantileSample
from pairloom.encoding.raw_columns import RawColumn
from pairloom.encoding.specs import Bucket
from pairloom.errors import UserError
from pairloom.kernels.row_assembly import RowPart

__all__ = ["BucketFeature", "checked_edges", "interval_labels", "spelled"]

Float64Array = npt.NDArray[np.float64]

MAX_BUCKETS = 65536


class BucketFeature:
    """A column for missing values, then one for each interval."""

    def __init__(self, spec: Bucket) -> None:
        self._spec = spec
        self._sample = QuantileSample()
        self._low, self._high = math.inf, -math.inf
        self._edges: Float64Array | None = None
        self._n_missing = 0

    def learn(self, column: RawColumn, place: Place) -> None:
        """Take in numbers; the intervals stay once they are settled."""
        numbers = as_numbers(column, place)
        missing = np.isnan(numbers)
        self._n_missing += int(np.count_nonzero(missing))
        if self._edges is None and not missing.all():
            present = numbers[~missing] + 0.0  # an edge at -0.0 would be named after its sign
            self._low, self._high = (
                min(self._low, float(present.min())),
                max(self._high, float(present.max())),
            )
            self._check_number_of_intervals(place)
            if self._spec.quantiles is not None:
                self._sample.add(present)

    def settle(self) -> int:
        """Cut the range into intervals, the first time."""
        if self._edges is None:
            self._edges = self._cuts()
            self._sample = QuantileSample()
        return len(self._edges) + 2

    def labels(self, name: str) -> list[str]:
        """Names of the columns."""
        edges = () if self._edges is None else self._edges
        return [f"{name}=<missing>", *(f"{name}={label}" for label in interval_labels(edges))]

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each row."""
        numbers = as_numbers(column, place)
        edges = np.zeros(0) if self._edges is None else self._edges
        missing = np.isnan(numbers)
        if lending is not None and self._n_missing == 0:
            missing |= lending.as_missing(len(numbers))
        buckets = 1 + np.searchsorted(edges, numbers, side="right")
        return RowPart(columns[np.where(missing, 0, buckets)])

    def state(self) -> State:
        """What was learned."""
        return {"n_missing": self._n_missing}, {"edges": np.zeros(0) if self._edges is None else self._edges}

    @classmethod
    def restored(cls, spec: Bucket, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`."""
        feature = cls(spec)
        feature._edges, feature._n_missing = checked_edges(arrays["edges"]), int(values["n_missing"])
        return feature

    def _cuts(self) -> Float64Array:
        spec = self._spec
        if spec.edges is not None:
            return np.array(spec.edges, np.float64)
        if spec.quantiles is not None:
            return self._sample.cuts(spec.quantiles)
        if self._low > self._high:
            return np.zeros(0, np.float64)
        if spec.width is not None:
            first, last = math.floor(self._low / spec.width) + 1, math.floor(self._high / spec.width)
            return np.arange(first, last + 1, dtype=np.float64) * spec.width
        base = spec.log or 2.0
        powers = base ** np.arange(int(self._n_powers(base)) + 1, dtype=np.float64)
        edges = np.concatenate((-powers[::-1], np.zeros(1), powers))
        return edges[(edges > self._low) & (edges <= self._high)]

    def _n_powers(self, base: float) -> float:
        return math.log(max(abs(self._low), abs(self._high), 1.0)) / math.log(base)

    def _check_number_of_intervals(self, place: Place) -> None:
        spec, low, high = self._spec, self._low, self._high
        if spec.width is not None:
            too_many = max(high - low, 2.0**-36 * max(abs(low), abs(high))) / spec.width > MAX_BUCKETS
        else:
            too_many = spec.log is not None and self._n_powers(spec.log) > MAX_BUCKETS // 2
        if too_many:
            how = f"log={spelled(spec.log)}" if spec.log is not None else f"width={spelled(spec.width or 0)}"
            got = f"{how} over {spelled(low)} to {spelled(high)}"
            action = "Choose a larger one, or quantiles"
            raise place.refusal(f"at most {MAX_BUCKETS} intervals", got, action)


def checked_edges(edges: npt.NDArray[Any]) -> Float64Array:
    """Return a copy of saved edges; UserError for what cannot be edges."""
    sound = edges.dtype == np.float64 and edges.ndim == 1 and np.isfinite(edges).all()
    if not sound or (np.diff(edges) <= 0).any():
        raise UserError("'edges' must be rising finite float64 numbers.")
    return edges.copy()


def interval_labels(edges: Any, spell: Callable[[float], str] | None = None) -> list[str]:
    """Name the intervals between rising edges: ``(-inf, 18)``, ``[18, 25)``, ``[25, inf)``."""
    names = [(spell or spelled)(edge) for edge in edges]
    if not names:
        return ["(-inf, inf)"]
    inner = (f"[{low}, {high})" for low, high in pairwise(names))
    return [f"(-inf, {names[0]})", *inner, f"[{names[-1]}, inf)"]


def spelled(number: float) -> str:
    """Write a number as briefly as it can be read back."""
    return repr(float(number)).removesuffix(".0")
