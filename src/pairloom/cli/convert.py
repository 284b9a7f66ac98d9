"""``pairloom convert``: any format to any other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pairloom.cli.options import ContentType, Settings, Threads, settings
from pairloom.cli.terminal import Counted, say

__all__ = ["convert"]


def convert(
    source: str,
    target: Path,
    /,
    *,
    from_: Annotated[ContentType, Parameter(name="--from")] = None,
    to: ContentType = None,
    raw: bool = False,
    n_features: int | None = None,
    reading: Settings = None,
    writing: Settings = None,
    threads: Threads = 1,
) -> None:
    """Turn a file, folder or glob of rows from any format into any other.

    Rows stream through: memory holds a few batches, whatever the size of the data. A compression is told by
    the ending: `.gz`, `.bz2`, `.xz`.

    For example:

        pairloom convert rows.libsvm rows.recordio
        pairloom convert rows.csv rows.libsvm.gz --from "text/csv; label_size=1"
        pairloom convert one-based.svm rows.jsonl --reading zero_based=false
        pairloom convert ratings.csv ratings.parquet --raw

    Parameters
    ----------
    source
        File, folder or glob to read.
    target
        File to write; it appears whole or not at all.
    from_
        Content type or format name of the source. Default: by file ending.
    to
        Content type or format name of the target. Default: by file ending.
    raw
        Copy named columns as they are, ids and text included, rather than sparse rows of numbers.
    n_features
        Width of the rows. Default: as wide as the largest index.
    reading
        Option NAME=VALUE of the source's format; may be repeated.
    writing
        Option NAME=VALUE of the target's format; may be repeated.
    threads
        Threads that parse.
    """
    from pairloom.formats import read_rows, read_tables, write_rows, write_tables
    from pairloom.formats.registry import operation
    from pairloom.formats.sources import list_inputs, resolve_format
    from pairloom.formats.writing import resolve_target

    kind = "tables" if raw else "rows"
    read_from, _ = resolve_format(list_inputs(source), from_)
    write_to, _, _ = resolve_target(target, to)
    read_options: dict[str, Any] = settings(reading, "--reading", operation(read_from, f"read_{kind}"))
    write_options: dict[str, Any] = settings(writing, "--writing", operation(write_to, f"write_{kind}"))
    if raw:
        tables = Counted(read_tables(source, content_type=from_, n_threads=threads, **read_options))
        write_tables(tables, target, content_type=to, **write_options)
        n_rows = tables.n_rows
    else:
        read_options["n_features"] = n_features
        rows = Counted(read_rows(source, content_type=from_, n_threads=threads, **read_options))
        write_rows(rows, target, content_type=to, **write_options)
        n_rows = rows.n_rows
    say(f"{n_rows:,} rows written to {target}")
