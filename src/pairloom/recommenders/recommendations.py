"""Answers: items with scores, ranks and reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.tables import Column, StringColumn, Table

__all__ = ["Recommendations"]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Some items for each of some users, or items like an item, best first.

    Parameters
    ----------
    items : ndarray of shape (n,), int64 or str
    scores : ndarray of shape (n,), float32
    ranks : ndarray of shape (n,), int32
        Counted from 1.
    users : ndarray of shape (n,), optional
        Whom each is for, where several were asked for.
    reasons : list of str, optional
        Why, in words.
    """

    items: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.int32]
    users: npt.NDArray[Any] | None = None
    reasons: list[str] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping an item: user, item, score, rank, reason."""
        columns: dict[str, list[Any]] = {} if self.users is None else {"user": self.users.tolist()}
        columns |= {"item": self.items.tolist(), "score": self.scores.tolist(), "rank": self.ranks.tolist()}
        if self.reasons is not None:
            columns["reason"] = self.reasons
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name, for a data frame: ``pandas.DataFrame(found.to_dict())``."""
        columns: dict[str, Any] = {} if self.users is None else {"user": self.users}
        columns |= {"item": self.items, "score": self.scores, "rank": self.ranks}
        return columns if self.reasons is None else columns | {"reason": self.reasons}

    def to_table(self) -> Table:
        """Return a table that `pairloom.formats.write_tables` writes."""
        columns = {name: _column(values) for name, values in self.to_dict().items()}
        return Table(columns, len(self))


def _column(values: Any) -> Column:
    if isinstance(values, list) or values.dtype == object:
        return StringColumn.from_strings(str(value) for value in values)
    return values.astype(np.int64 if values.dtype.kind == "i" else np.float64)
