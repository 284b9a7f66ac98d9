"""Where values come from, for messages."""

from __future__ import annotations

from dataclasses import dataclass

from pairloom.errors import DataError

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Some rows of one raw column.

    Parameters
    ----------
    field : str
        Name of the column.
    first_row : int
        Row of the whole input, counted from 0, at which they begin.
    """

    field: str
    first_row: int = 0

    def error(self, row: int, expected: str, got: str, action: str) -> DataError:
        """Make the error for one of the rows."""
        return DataError(expected, got=got, row=self.first_row + row + 1, field=self.field, action=action)

    def refusal(self, expected: str, got: str, action: str) -> DataError:
        """Make the error for the whole column."""
        return DataError(expected, got=got, field=self.field, action=action)
