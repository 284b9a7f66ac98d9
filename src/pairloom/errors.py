"""Every public error of Pairloom.

PairloomError
├── UserError                 the caller can fix it (also a ValueError)
│   ├── DataError             a value, row, file or content type that cannot be used
│   ├── AlreadyExistsError    a name that must be new is taken
│   ├── NotFoundError         what is named does not exist (any more)
│   ├── DivergenceError       training left the finite numbers: the step size is too high
│   └── MissingExtraError     an optional library is not installed (also an ImportError)
├── AlgorithmError            a fault of ours (also a RuntimeError)
└── PlatformError             the machine or a service failed (also an OSError)
    └── ConflictError         somebody else changed it in between: read again and repeat

A message says who, what must be what, what was got, and what to do:
``FactorizationMachines: 'num_factors' must be an integer in [2, 1000]. Got 1.``
"""

from __future__ import annotations

__all__ = [
    "AlgorithmError",
    "AlreadyExistsError",
    "ConflictError",
    "DataError",
    "DivergenceError",
    "MissingExtraError",
    "NotFoundError",
    "PairloomError",
    "PlatformError",
    "UserError",
]


class PairloomError(Exception):
    """Base of every error that Pairloom raises on purpose."""


class UserError(PairloomError, ValueError):
    """The caller can fix it."""


class DataError(UserError):
    """Input data cannot be used as it is.

    Parameters
    ----------
    expected : str
        What had to be there, as a clause: ``"a column index in [0, 4]"``.
    got : str, optional
        What was there instead.
    action : str, optional
        What to do about it, as a sentence without its full stop.
    source : str, optional
        File, channel or argument that held it.
    row : int, optional
        Row, counted from 1.
    line : int, optional
        Line of a text file, counted from 1.
    byte_offset : int, optional
        Offset of a binary file where the fault begins.
    field : str, optional
        Column, key or part of the row.

    Examples
    --------
    >>> print(DataError("a finite number", got="nan", source="ratings.csv", line=7, field="rating",
    ...                 action="Remove the row"))
    ratings.csv, line 7, field 'rating': expected a finite number. Got nan. Remove the row.
    """

    def __init__(
        self,
        expected: str,
        *,
        got: str | None = None,
        action: str | None = None,
        source: str | None = None,
        row: int | None = None,
        line: int | None = None,
        byte_offset: int | None = None,
        field: str | None = None,
    ) -> None:
        self.expected, self.got, self.action = expected, got, action
        self.source, self.row, self.line, self.byte_offset, self.field = source, row, line, byte_offset, field
        where = [source] if source else []
        where += [f"line {line}"] if line is not None else []
        where += [f"row {row}"] if row is not None else []
        where += [f"byte {byte_offset}"] if byte_offset is not None else []
        where += [f"field {field!r}"] if field is not None else []
        message = f"{', '.join(where)}: expected {expected}." if where else f"Expected {expected}."
        message += f" Got {got}." if got is not None else ""
        message += f" {action}." if action is not None else ""
        super().__init__(message)


class AlreadyExistsError(UserError):
    """A name that must be new is taken."""


class NotFoundError(UserError):
    """What is named does not exist, or not any more."""


class DivergenceError(UserError):
    """Training left the finite numbers; the message names the epoch and what to lower."""


class MissingExtraError(UserError, ImportError):
    """An optional library is missing.

    Parameters
    ----------
    purpose : str
        What needs it, as the subject of the sentence: ``"Reading Parquet"``.
    extra : str
        The extra of the distribution that brings it: ``"arrow"``.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs an optional library. Install it with: pip install 'pairloom[{extra}]'."
        )


class AlgorithmError(PairloomError, RuntimeError):
    """A fault of ours, not of the caller; please report it."""


class PlatformError(PairloomError, OSError):
    """The machine or a service failed: disk, memory, network."""


class ConflictError(PlatformError):
    """Somebody else changed it in between: read again, decide again."""
