"""``pairloom predict``: a score for every row."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pairloom.artifact import Artifact, load_artifact
from pairloom.cli.inputs import Input, asked_of, rows_to_answer
from pairloom.cli.options import ContentType, Settings, Threads
from pairloom.cli.terminal import Counted, say
from pairloom.formats import write_tables
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["predict"]


def predict(
    model: Path,
    rows: str,
    /,
    *,
    output: Path | None = None,
    content_type: ContentType = None,
    reading: Settings = None,
    threads: Threads = 1,
) -> None:
    """Answer every row of a file, folder or glob, in order; an answer that is a list takes several columns.

    A model that was trained on raw columns takes raw columns; labels and others may stay in them. Other
    models take sparse rows.

    For example:

        pairloom predict model.tar.gz ratings.csv
        pairloom predict model.tar.gz rows.libsvm --output scores.jsonl
        pairloom predict model.tar.gz rows.csv --content-type "text/csv; label_size=0"

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved.
    rows
        File, folder or glob of rows.
    output
        File to write, in the format of its ending. Default: CSV to standard output.
    content_type
        Content type or format name of the rows. Default: by file ending.
    reading
        Option NAME=VALUE of the rows' format; may be repeated.
    threads
        Threads that parse and score.
    """
    artifact = load_artifact(model)
    given = Input.parse(rows, content_type, reading, threads, asked_of(artifact))
    batches = Counted(rows_to_answer(artifact, given, labelled=False))
    tables = _predictions(artifact, batches, threads)
    if output is None:
        write_tables(tables, sys.stdout.buffer, content_type="csv")
        sys.stdout.buffer.flush()
        return
    write_tables(tables, output)
    say(f"{batches.n_rows:,} predictions written to {output}")


def _predictions(artifact: Artifact, batches: Counted[RowBatch], n_threads: int) -> Iterator[Table]:
    for batch in batches:
        found = artifact.model.predict(batch, n_threads=n_threads)
        columns = {name: part for each, values in found.items() for name, part in _columns(each, values)}
        yield Table(columns, batch.n_rows)


def _columns(name: str, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield an answer as columns: a list of numbers becomes one column for each, counted from 0."""
    if values.ndim == 1:
        yield name, _column(values)
        return
    for position in range(values.shape[1]):
        yield f"{name}_{position}", _column(values[:, position])


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64 if values.dtype.kind in "biu" else np.float64)
