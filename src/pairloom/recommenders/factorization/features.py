"""What is known of users, items and requests as rows of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.attributes import TITLE, Attribute, Attributes
from pairloom.recommenders.fields.encoding import number_rows, word_rows
from pairloom.recommenders.fields.kinds import FieldKind, field_kinds, texts_of
from pairloom.recommenders.fields.sparse_rows import SparseRows
from pairloom.recommenders.ids import Ids
from pairloom.rows import RowBatch

__all__ = ["SideRows", "attribute_rows", "context_numbers", "listed_names", "side_rows"]

Int32Array = npt.NDArray[np.int32]
LEAST_SHARED = 2


def attribute_rows(
    table: Attributes, columns: Sequence[str] | None, categories: Sequence[str], who: str
) -> SparseRows:
    """Encode the columns of a table side by side, each of a row's fields with length 1.

    Categories (several by ``|``) are a feature each, numbers lie between quantiles, texts are their words by how rare
    they are, vectors are as they are. What one row alone has is left out: it would say no more than its id.

    Parameters
    ----------
    table : Attributes
    columns : sequence of str, optional
        None takes all but the title.
    categories : sequence of str
        Columns of numbers that are categories, such as codes; names of other tables are passed over.
    who : str
        Named in errors.

    Raises
    ------
    UserError
        For a name that is no column.
    """
    named = [name for name in table.columns if name != TITLE] if columns is None else list(columns)
    for name in named:
        if name not in table.columns:
            known = ", ".join(table.columns) or "none"
            raise UserError(f"{who} must name columns of its table. Got {name!r} of {known}.")
    chosen = Attributes(table.n_rows, {name: table.columns[name] for name in named})
    kinds = field_kinds(chosen, None, [name for name in categories if name in named], who)
    parts = [_field(chosen.columns[name], kind, table.n_rows).normalized() for name, kind in kinds.items()]
    return SparseRows.beside([part.without(part.counts() < LEAST_SHARED) for part in parts], table.n_rows)


def _field(column: Attribute, kind: FieldKind, n_rows: int) -> SparseRows:
    if kind == "number":
        assert column.numbers is not None
        return number_rows(column.numbers)
    if kind == "text":
        return word_rows(texts_of(column), "tf-idf")
    if column.vectors is not None:
        owners, features = np.nonzero(column.vectors)
        return SparseRows.of_entries(
            owners, features, column.vectors[owners, features], (n_rows, column.vectors.shape[1])
        )
    owners = np.repeat(np.arange(n_rows), np.diff(column.offsets))
    shape = (n_rows, len(column.values))
    return SparseRows.of_entries(owners, column.places, np.ones(len(column.places)), shape)


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows of one side, and where its blocks of columns begin.

    Parameters
    ----------
    rows : RowBatch
    first_id, first_field : int
        The ids' columns where there are any, and those of attributes.
    """

    rows: RowBatch
    first_id: int
    first_field: int


def side_rows(fields: SparseRows, first_column: int, *, ids: bool, n_features: int) -> SideRows:
    """Put an id before the attributes of each row, in columns from `first_column` on."""
    n_rows, n_ids = fields.n_rows, fields.n_rows if ids else 0
    lengths = np.diff(fields.offsets) + int(ids)
    indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
    indices = np.empty(indptr[-1], np.int32)
    values = np.ones(len(indices), np.float32)
    of_fields = np.ones(len(indices), np.bool_)
    if ids:
        of_fields[indptr[:-1]] = False
        indices[indptr[:-1]] = np.arange(first_column, first_column + n_rows)
    indices[of_fields] = fields.features + np.int32(first_column + n_ids)
    values[of_fields] = fields.values
    rows = RowBatch(indptr, indices, None if (values == 1).all() else values, n_features)
    return SideRows(rows, first_column, first_column + n_ids)


def context_numbers(context: Mapping[str, Any], known: Mapping[str, Ids]) -> list[int]:
    """Return the columns, among those of all contexts, of what a request says; unknown values have none.

    Raises
    ------
    UserError
        For a name that the model was not fitted with.
    """
    found: list[int] = []
    first = 0
    for name in context:
        if name not in known:
            names = ", ".join(known) or "none"
            raise UserError(f"recommend: 'context' must name columns of the fit ({names}). Got {name!r}.")
    for name, ids in known.items():
        if name in context and context[name] is not None:
            number = ids.number(context[name], name)
            if number >= 0:
                found.append(first + number)
        first += len(ids)
    return found


def listed_names(names: Sequence[str] | str | None) -> list[str] | None:
    """Return names of columns as a list; a string is one name."""
    if names is None:
        return None
    return [names] if isinstance(names, str) else list(names)
