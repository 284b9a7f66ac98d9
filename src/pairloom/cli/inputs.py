"""Rows as the command line names them: files of any format, raw columns through an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.contract import Algorithm, RowSource
from pairloom.algorithms.conventions import reading_options_of
from pairloom.algorithms.raw_columns import TABLE_KEYS
from pairloom.artifact import Artifact
from pairloom.cli.options import option_names, settings
from pairloom.encoding import EncodedRows, FeatureEncoder
from pairloom.encoding.words import EncoderWords
from pairloom.errors import UserError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.registry import Format, by_content_type, offers, operation
from pairloom.formats.sources import list_inputs, resolve_format
from pairloom.rows import RelationalSource, RowBatch
from pairloom.tables import Table

__all__ = [
    "LABEL",
    "Input",
    "asked_of",
    "column_names",
    "encoded",
    "encoder_for",
    "learns_from_labels",
    "plain",
    "raw_columns",
    "rows_for",
    "rows_to_answer",
    "table_sources",
    "training_options",
]

LABEL = "rating"
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


def table_sources(users: str | None, items: str | None, relations: Sequence[str] | None) -> dict[str, str]:
    """Return the file of each key's table, from ``--users``, ``--items`` and ``--relation KEY=FILE``."""
    named = {"users": users, "items": items}
    found = {key: named[name] for name, key in TABLE_KEYS.items()}
    for word in relations or ():
        key, equals, file = word.partition("=")
        if not (key and equals and file):
            raise UserError(f"--relation must be KEY=FILE, such as user=users.csv. Got {word!r}.")
        if found.get(key) is not None:
            raise UserError(f"--relation must name a key that has no table yet. Got {key!r} twice.")
        found[key] = file
    return {key: file for key, file in found.items() if file is not None}


def encoder_for(given: Input, tables: Mapping[str, str], **asked: str | None) -> FeatureEncoder:
    """Make the encoder of raw columns, with the tables that they are joined with.

    Parameters
    ----------
    given : Input
        Training rows.
    tables : mapping of str to str
        File of each key's table.
    **asked
        As of `pairloom.encoding.words.EncoderWords`.
    """
    words = EncoderWords(list(tables), **asked)
    read = {
        key: list(_table(file, given.n_threads, words.table_reading(key))) for key, file in tables.items()
    }
    return words.encoder(column_names(given), read)


def _table(file: str, n_threads: int, reading: Mapping[str, Any]) -> Iterator[Table]:
    return read_tables(file, n_threads=n_threads, **reading)


def plain(given: Input) -> RowSource:
    """Return a channel of sparse rows."""
    return given.rows


def encoded(given: Input, encoder: FeatureEncoder, *, label: str | None, training: bool = False) -> RowSource:
    """Return a channel of encoded rows."""
    return EncodedRows(given.tables, encoder, label, training)


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


def rows_to_answer(artifact: Artifact, given: Input, *, labelled: bool) -> Iterator[Any]:
    """Open a pass over rows that a model answers, what they share apart where the model has a use for that."""
    source = rows_for(artifact, given, labelled=labelled)
    if isinstance(source, RelationalSource) and getattr(artifact.model, "scores_shared_parts", False):
        return source.relational()
    return source()
