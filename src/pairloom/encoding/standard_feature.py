"""Feature of `Standard`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pairloom.encoding.column_views import as_numbers
from pairloom.encoding.features import Arrays, Int32Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn
from pairloom.encoding.specs import Standard
from pairloom.errors import UserError
from pairloom.kernels.row_assembly import RowPart

__all__ = ["StandardFeature"]

LARGEST = 1e140  # sums of squares stay finite


class StandardFeature:
    """A column for missing values, then one for the number."""

    def __init__(self, spec: Standard) -> None:
        self._spec = spec
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._settled: tuple[float, float] | None = None
        self._n_missing = 0

    def learn(self, column: RawColumn, place: Place) -> None:
        """Take in numbers; mean and deviation stay once they are settled.

        References
        ----------
        Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances", 1979.
        """
        numbers = as_numbers(column, place)
        present = numbers[~np.isnan(numbers)]
        self._n_missing += len(numbers) - len(present)
        if self._settled is not None or len(present) == 0:
            return
        large = np.abs(numbers) > LARGEST
        if large.any():
            row = int(np.argmax(large))
            raise place.error(
                row, f"a number within {LARGEST:g}", str(numbers[row]), "Use Bucket(log=2) instead"
            )
        mean = float(present.mean())
        count = self._count + len(present)
        apart = mean - self._mean
        self._squares += (
            float(np.square(present - mean).sum()) + apart**2 * self._count * len(present) / count
        )
        self._mean += apart * len(present) / count
        self._count = count

    def settle(self) -> int:
        """Fix mean and deviation, the first time."""
        if self._settled is None:
            deviation = math.sqrt(self._squares / self._count) if self._count else 0.0
            negligible = deviation <= 1e-12 * abs(self._mean)  # all alike but for rounding
            self._settled = self._mean, 1.0 if deviation == 0 or negligible else deviation
        return 2

    def labels(self, name: str) -> list[str]:
        """Names of the columns."""
        return [f"{name}=<missing>", name]

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each row."""
        numbers = as_numbers(column, place)
        mean, deviation = (0.0, 1.0) if self._settled is None else self._settled
        missing = np.isnan(numbers)
        if lending is not None and self._n_missing == 0:
            missing |= lending.as_missing(len(numbers))
        with np.errstate(over="ignore"):  # told below, with its row
            scaled = np.where(missing, 1.0, (numbers - mean) / deviation)
        large = np.abs(scaled) > np.finfo(np.float32).max
        if large.any():
            row = int(np.argmax(large))
            raise place.error(
                row, "a number near those of training", str(numbers[row]), "Mend the row or use Bucket(log=2)"
            )
        return RowPart(columns[np.where(missing, 0, 1)], scaled.astype(np.float32))

    def state(self) -> State:
        """What was learned."""
        mean, deviation = (0.0, 1.0) if self._settled is None else self._settled
        return {"n_missing": self._n_missing, "mean": mean, "deviation": deviation}, {}

    @classmethod
    def restored(cls, spec: Standard, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`."""
        feature = cls(spec)
        mean, deviation = float(values["mean"]), float(values["deviation"])
        if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
            raise UserError(
                f"mean and deviation must be finite, the deviation above 0. Got {mean} and {deviation}."
            )
        feature._settled, feature._n_missing = (mean, deviation), int(values["n_missing"])
        return feature
