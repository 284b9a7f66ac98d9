"""What the encoder knows of one raw column: the contract of its kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn
from pairloom.kernels.row_assembly import RowPart

__all__ = ["Arrays", "Feature", "Int32Array", "Int64Array", "State"]

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]
State = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


class Feature(Protocol):
    """One raw column: learn it, settle its own columns 0 to n - 1, encode it.

    Column 0 is that of missing values. Columns are only ever added at the end.
    """

    def learn(self, column: RawColumn, place: Place) -> None:
        """Take in some rows."""
        ...

    def settle(self) -> int:
        """Fix columns for all that was learned, and return how many there are.

        Those fixed before stay as they are.
        """
        ...

    def labels(self, name: str) -> list[str]:
        """Names of the settled columns."""
        ...

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """Turn rows into non-zeros; `columns` gives the matrix column of each settled column."""
        ...

    def state(self) -> State:
        """What was learned, as JSON and arrays."""
        ...

    @classmethod
    def restored(cls, spec: Any, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`; raises KeyError, TypeError or ValueError at what it never returned."""
        ...
