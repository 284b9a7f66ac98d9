"""Rows as the command line names them: files of any format, raw columns through an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.contract import Algorithm, RowSource
from pairloom.algorithms.conventions import reading_options_of
from pairloom.artifact import Artifact
from pairloom.cli.options import option_names, settings
from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Spec, Standard, Text
from pairloom.errors import UserError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.registry import Format, by_content_type, offers, operation
from pairloom.formats.sources import list_inputs, resolve_format
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = [
    "Input",
    "asked_of",
    "column_names",
    "encoded",
    "feature_specs",
    "learns_from_labels",
    "plain",
    "raw_columns",
    "rows_for",
    "training_options",
]

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
        cls,
        source: str,
        content_type: str | None,
        words: Sequence[str] | None,
        n_threads: int,
        asked: Algorithm | None = None,
    ) -> Input:
        """Take a source and its ``--reading`` words as a command got them.

        What neither the words nor the content type say is as `asked` declares it for its training rows.
        """
        known, implied = resolve_format(list_inputs(source), content_type)
        readers = [operation(known, name) for name in ("read_rows", "read_tables") if offers(known, name)]
        options = {} if asked is None else training_options(asked, known)
        options = {name: value for name, value in options.items() if name not in implied}
        options |= settings(words, "--reading", *readers)
        return cls(source, content_type, options, n_threads, known)

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


def training_options(asked: Algorithm, known: Format) -> dict[str, object]:
    """Return the options that an algorithm reads training rows of a format with."""
    declared: dict[str, object] = {}
    for content_type in asked.channels[0].content_types:
        found, options = by_content_type(content_type)
        if found is known:
            declared = options
    return {**declared, **reading_options_of(asked, known.name)}


def learns_from_labels(asked: Algorithm) -> bool:
    """Whether an algorithm's training rows have labels, by what it declares of CSV."""
    csv, _ = by_content_type("text/csv")
    return training_options(asked, csv).get("label_size", 1) == 1


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


def feature_specs(given: Input, label: str | None, features: str | None) -> dict[str, Spec] | list[str]:
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


def asked_of(artifact: Artifact) -> Algorithm:
    """Return the algorithm of a model, asked for what the model was trained with."""
    kind = algorithm(artifact.algorithm)
    known = {parameter.wire_name for parameter in kind.hyperparameters_type.parameters}
    given = {name: value for name, value in artifact.hyperparameters.items() if name in known}
    required = {p.wire_name for p in kind.hyperparameters_type.parameters if p.required}
    return kind(given) if required <= set(given) else cast(Algorithm, kind)


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
