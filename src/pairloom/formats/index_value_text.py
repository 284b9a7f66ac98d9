"""What libsvm and libffm text share: one native parser and one native writer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO, Literal

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.faults import at_row
from pairloom.formats.pieces import cut_lines, parse_in_order, write_text
from pairloom.rows import RowBatch

__all__ = ["read", "write"]

FIRST_QID = re.compile(rb"(?:[ \t\r]*(?:#[^\n]*)?\n)*[^\n#]*[ \t]qid:")
"""Matches where the first row, after blank lines and comments, has one."""


def read(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int,
    n_features: int | None,
    zero_based: bool | Literal["auto"],
    has_labels: bool,
    has_weights: bool,
    has_fields: bool,
    has_groups: bool | Literal["auto"] = False,
    chunk_bytes: int,
    max_line_bytes: int,
) -> Iterator[RowBatch]:
    """Read either format; parameters as of `pairloom.formats.libsvm.read_rows`."""
    pieces = cut_lines(stream, source=source, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes)
    if has_groups == "auto":
        first = next(pieces, None)
        if first is None:
            return
        pieces = chain([first], pieces)
        has_groups = FIRST_QID.match(first.data) is not None
    parse = partial(
        _native.parse_libsvm,
        has_labels=has_labels,
        has_weights=has_weights,
        has_fields=has_fields,
        has_groups=has_groups,
        n_features=-1 if n_features is None else n_features,
    )
    first_index = 0 if zero_based is True else 1
    if zero_based == "auto":
        first = next(pieces, None)
        if first is None:
            return
        pieces = chain([first], pieces)
        look = partial(parse, first_index=0, n_features=-1)
        for _, indices, *_ in parse_in_order(iter([first]), look, source=source, n_threads=1):
            first_index = int(len(indices) > 0 and indices.min() > 0)
    parse = partial(parse, first_index=first_index)
    for *parts, _ in parse_in_order(pieces, parse, source=source, n_threads=n_threads):
        yield RowBatch(*parts)


def write(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    zero_based: bool,
    has_labels: bool,
    has_weights: bool,
    has_fields: bool,
) -> None:
    """Write either format; parameters as of `pairloom.formats.libsvm.write_rows`."""
    n_rows = 0
    for batch in batches:
        _check_parts(batch, source, has_labels, has_weights, has_fields)
        try:
            text = _native.format_libsvm(
                batch.indptr,
                batch.indices,
                batch.values,
                batch.labels if has_labels else None,
                batch.weights if has_weights else None,
                batch.fields if has_fields else None,
                first_index=0 if zero_based else 1,
            )
        except _native.ParseError as fault:
            raise at_row(fault, source, n_rows) from None
        write_text(stream, text)
        n_rows += batch.n_rows


def _check_parts(batch: RowBatch, source: str, has_labels: bool, has_weights: bool, has_fields: bool) -> None:
    if has_labels and batch.labels is None:
        action = "Pass has_labels=False to write rows without"
        raise DataError("rows with labels", got="none", action=action, source=source)
    if batch.weights is not None and not has_weights:
        action = "Pass has_weights=True to write label:weight"
        raise DataError("a place for the weights", got="rows with weights", action=action, source=source)
    if has_weights and (batch.weights is None or not has_labels):
        raise DataError("rows with labels and weights", got="rows without", source=source)
    if has_fields and batch.fields is None:
        action = "Write libsvm, which needs no fields"
        raise DataError("rows with fields", got="rows without", action=action, source=source)
