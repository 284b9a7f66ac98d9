"""Which kind of field each column of a table is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from pairloom.errors import UserError
from pairloom.recommenders.attributes import Attribute, Attributes

__all__ = ["FieldKind", "field_kinds", "names_of", "texts_of", "words_of"]

FieldKind = Literal["category", "number", "text", "vector"]
MOST_DIFFERENT, MEAN_WORDS = 0.5, 2.0
WORD = re.compile(r"\w+")


def field_kinds(
    attributes: Attributes, text: Sequence[str] | None, categories: Sequence[str] | None, who: str
) -> dict[str, FieldKind]:
    """Tell the kind of each column.

    Lists of floats are vectors, numbers are numbers unless named in `categories`. A column of strings is text if named
    in `text`; where that is None, if more than half of its values are different and they have two words or more on
    average. Other strings are categories.

    Raises
    ------
    UserError
        For a name that is no column, or no column of its kind.
    """
    named = {"text": text or (), "categories": categories or ()}
    for parameter, names in named.items():
        for name in names:
            if name not in attributes.columns:
                known = ", ".join(attributes.columns) or "no column"
                raise UserError(
                    f"{who}: {parameter!r} must name columns of the table. Got {name!r} of {known}."
                )
            if attributes.columns[name].vectors is not None:
                raise UserError(f"{who}: {parameter!r} must not name a column of vectors. Got {name!r}.")
    both = sorted(set(named["text"]) & set(named["categories"]))
    if both:
        raise UserError(f"{who}: a column must be text or categories, not both. Got {both[0]!r} in both.")
    return {
        name: _kind(name, column, text, named["categories"]) for name, column in attributes.columns.items()
    }


def names_of(columns: str | Sequence[str] | None) -> list[str] | None:
    """Take one name, or several, as a list."""
    return None if columns is None else [columns] if isinstance(columns, str) else list(columns)


def _kind(name: str, column: Attribute, text: Sequence[str] | None, categories: Sequence[str]) -> FieldKind:
    if column.vectors is not None:
        return "vector"
    if text is not None and name in text:
        return "text"
    if name in categories:
        return "category"
    if column.numbers is not None:
        return "number"
    return "text" if text is None and _looks_like_text(column) else "category"


def _looks_like_text(column: Attribute) -> bool:
    lengths = np.diff(column.offsets)
    n_rows, n_values = int((lengths > 0).sum()), len(column.values)
    if n_rows < 2 or n_values <= MOST_DIFFERENT * int(lengths.sum()):
        return False
    return sum(len(WORD.findall(value)) for value in column.values) >= MEAN_WORDS * n_values


def texts_of(column: Attribute) -> list[str]:
    """Return the text of each row, "" where it has none; several values stand one after the other."""
    values, places = column.values, column.places.tolist()
    offsets = column.offsets.tolist()
    return [" ".join(values[place] for place in places[begin:end]) for begin, end in pairwise(offsets)]


def words_of(text: str) -> list[str]:
    """Cut a text into words: runs of letters, digits and underscores, in lower case."""
    return WORD.findall(text.lower())
