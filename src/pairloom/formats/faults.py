"""Faults that native code finds, as `DataError` with the place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

if TYPE_CHECKING:
    from pairloom.formats import _native

__all__ = ["at_line", "at_row"]


def at_line(
    fault: _native.ParseError, source: str, piece: npt.NDArray[np.uint8], n_lines_before: int
) -> DataError:
    """Place a fault of a text parser in `piece`, which comes after `n_lines_before` lines of the source."""
    expected, got, action, _, byte_offset, field = fault.args
    line = n_lines_before + 1 + int(np.count_nonzero(piece[:byte_offset] == ord("\n")))
    return DataError(expected, got=got, action=action or None, source=source, line=line, field=field or None)


def at_row(fault: _native.ParseError, source: str, n_rows_before: int) -> DataError:
    """Place a fault by its row, after `n_rows_before` rows of the source."""
    expected, got, action, row, _, field = fault.args
    row = n_rows_before + row + 1
    return DataError(expected, got=got, action=action or None, source=source, row=row, field=field or None)
