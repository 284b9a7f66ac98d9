"""Raw tables through an encoder, as a source of rows that can be opened again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pairloom.encoding.encoder import FeatureEncoder
from pairloom.rows import RelationalRows, RowBatch
from pairloom.tables import Table

__all__ = ["EncodedRows"]


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Opens fresh passes over encoded rows; see `pairloom.rows.RelationalSource`.

    Parameters
    ----------
    tables : callable
        Given the arguments `columns` and `kinds` of `pairloom.formats.read_tables`, opens a pass over raw columns.
    encoder : FeatureEncoder
        Fitted.
    label : str, optional
        Raw column of the label.
    training : bool
        Whether the rows are trained on.
    """

    tables: Callable[..., Iterator[Table]]
    encoder: FeatureEncoder
    label: str | None = None
    training: bool = False

    def __call__(self) -> Iterator[RowBatch]:
        """Open a pass over rows; those of training have fields and lend cells to unseen ids and missing values."""
        return self.encoder.encode(
            self._opened(), label=self.label, training=self.training, with_fields=self.training
        )

    def relational(self) -> Iterator[RelationalRows]:
        """Open a pass over rows whose shared parts stay apart; none lends a cell."""
        return self.encoder.encode_relational(
            self._opened(), label=self.label, training=self.training, lends=False
        )

    def _opened(self) -> Iterator[Table]:
        reading = self.encoder.reading()
        kinds: dict[str, Any] = dict(reading["kinds"])
        columns: list[str] = list(reading["columns"])
        if self.label is not None:
            kinds[self.label] = "number"
            columns = [*(name for name in columns if name != self.label), self.label]
        return self.tables(columns=columns, kinds=kinds)
