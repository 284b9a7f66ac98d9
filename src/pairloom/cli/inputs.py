"""Rows as the command line names them: files of any format, raw columns through an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairloom.algorithms.contract import RowSource
from pairloom.artifact import Artifact
from pairloom.cli.options import option_names, settings
from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Spec, Standard, Text
from pairloom.errors import UserError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.registry import Format, offers, operation
from pairloom.formats.sources import list_inputs, resolve_format
from pairloom.rows import RowBatch
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
    format : Format
    """

    source: str
    content_type: str | None
    options: Mapping[str, Any]
    n_threads: int
    format: Format

    @classmethod
    def parse(
        cls, source: str, content_type: str | None, words: Sequence[str] | None, n_threads: int
    ) -> Input:
        """Take a source and its ``--reading`` words as a command got them."""
        known, _ = resolve_format(list_inputs(source), content_type)
        readers = [operation(known, name) for name in ("read_rows", "read_tables") if offers(known, name)]
        return cls(source, content_type, settings(words, "--reading", *readers), n_threads, known)

    def tables(self, **more: Any) -> Iterator[Table]:
        """Read raw columns."""
        options = self._options_of("read_tables") | more
        return read_tables(self.source, content_type=self.content_type, n_threads=self.n_threads, **options)

    def rows(self, n_features: int | None = None) -> Iterator[RowBatch]:
        """Read sparse rows."""
        return read_rows(
            self.source,
            content_type=self.content_type,
            n_threads=self.n_threads,
            n_features=n_features,
            **self._options_of("read_rows"),
        )

    def _options_of(self, reader: str) -> dict[str, Any]:
        known = option_names(operation(self.format, reader))
        return {name: value for name, value in self.options.items() if name in known}


def column_names(given: Input) -> list[str]:
    """Return the names of the raw columns."""
    return list(next(given.tables()).columns)


def raw_columns(given: Input, label: str | None, features: str | None) -> str | None:
    """Return the label if the rows are raw columns, None if they are sparse rows already.

    They are raw if `label` or `features` say so, and where a CSV file has a column called ``rating``.
    """
    if label is not None or features is not None:
        return label or LABEL
    return LABEL if given.format.name in TABLE_FORMATS and LABEL in column_names(given) else None


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


def plain(given: Input) -> RowSource:
    """Return a channel of sparse rows."""
    return given.rows


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
