"""Rows as the command line names them: files of any format, raw columns through an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pairloom.algorithms.contract import RowSource
from pairloom.artifact import Artifact
from pairloom.cli.options import settings
from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Spec, Standard, Text
from pairloom.errors import UserError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.registry import operation
from pairloom.formats.sources import list_inputs, resolve_format
from pairloom.tables import Table

__all__ = ["Input", "column_names", "encoded", "feature_specs", "plain", "raw_columns", "rows_for"]

SPECS: Mapping[str, type[Spec]] = {
    "id": Id,
    "multi": Multi,
    "bucket": Bucket,
    "standard": Standard,
    "date": Date,
    "text": Text,
}
LABEL = "rating"
TIMES = ("time", "timestamp")
UNNAMED = "column_1"
TABLE_FORMATS = ("csv", "tsv")


@dataclass(frozen=True, slots=True)
class Input:
    """A source of rows and how to read it.

    Parameters
    ----------
    source : str
        File, folder or glob.
    content_type : str, optional
    options : mapping
        Options of the format.
    n_threads : int
        Parsing threads.
    """

    source: str
    content_type: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    n_threads: int = 1

    @classmethod
    def parse(
        cls, source: str, content_type: str | None, words: Sequence[str] | None, n_threads: int, *, raw: bool
    ) -> Input:
        """Take a source and its ``--reading`` words as a command got them."""
        known, _ = resolve_format(list_inputs(source), content_type)
        reader = operation(known, "read_tables" if raw else "read_rows")
        return cls(source, content_type, settings(words, "--reading", reader), n_threads)

    def tables(self, **more: Any) -> Iterator[Table]:
        """Read raw columns."""
        return read_tables(
            self.source, content_type=self.content_type, n_threads=self.n_threads, **self.options, **more
        )


def column_names(given: Input) -> list[str]:
    """Return the names of the raw columns."""
    return list(next(given.tables()).columns)


def raw_columns(given: Input, format_name: str, label: str | None, features: str | None) -> str | None:
    """Return the label if the rows are raw columns, None if they are sparse rows already.

    They are raw if `label` or `features` say so, and where a CSV file has a column called ``rating``.
    """
    if label is not None or features is not None:
        return label or LABEL
    return LABEL if format_name in TABLE_FORMATS and LABEL in column_names(given) else None


def feature_specs(given: Input, label: str, features: str | None) -> dict[str, Spec] | list[str]:
    """Say how each raw column is encoded.

    Parameters
    ----------
    given : Input
    label : str
    features : str, optional
        ``user,item,genres:multi``; default: every column but the label and times.
    """
    if features is None:
        return [name for name in column_names(given) if name != label and name not in TIMES]
    return dict(_spec(word) for word in features.split(","))


def plain(given: Input, n_features: int | None = None) -> RowSource:
    """Return a channel of sparse rows."""
    return partial(
        read_rows,
        given.source,
        content_type=given.content_type,
        n_threads=given.n_threads,
        n_features=n_features,
        **given.options,
    )


def encoded(given: Input, encoder: FeatureEncoder, *, label: str | None, training: bool = False) -> RowSource:
    """Return a channel of encoded rows."""

    def rows() -> Iterator[Any]:
        reading = encoder.reading()
        kinds: dict[str, Any] = dict(reading["kinds"])
        columns: Sequence[str] = reading["columns"]
        if label is not None:
            columns, kinds[label] = [*columns, label], "number"
        return encoder.encode(given.tables(columns=columns, kinds=kinds), label=label, training=training)

    return rows


def rows_for(artifact: Artifact, given: Input, *, labelled: bool) -> RowSource:
    """Return rows that a model scores: through its encoder, if it has one."""
    if artifact.encoder is None:
        return plain(given)
    return encoded(given, artifact.encoder, label=artifact.label if labelled else None)


def _spec(word: str) -> tuple[str, Spec]:
    name, _, kind = word.strip().partition(":")
    if kind and kind not in SPECS:
        raise UserError(
            f"--features must be NAME or NAME:KIND, KIND one of {', '.join(SPECS)}. Got {word!r}."
        )
    return name, SPECS[kind or "id"]()
