"""What commands show: tables, and progress that only a terminal sees."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from rich.console import Console
from rich.table import Table

from pairloom.rows import RowBatch
from pairloom.tables import Table as RawTable

__all__ = ["Counted", "print_table", "progress", "say", "show"]


B = TypeVar("B", RowBatch, RawTable)


def say(line: str) -> None:
    """Print one line as it is."""
    Console(soft_wrap=True, highlight=False).print(line, markup=False)


def show(item: Any) -> None:
    """Print something that rich can draw."""
    Console().print(item)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    numbers: Sequence[int] = (),
) -> None:
    """Print a table; `numbers` are the columns that are set flush right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    show(table)


class Advance(Protocol):
    """Moves a bar; `note` is shown beside it."""

    def __call__(self, n: int, note: str = "") -> None:
        """Move by n."""
        ...


@contextmanager
def progress(what: str, total: int | None) -> Generator[Advance]:
    """Yield what moves a bar on a terminal and does nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _stay
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(what, total=total, note="")

        def advance(n: int, note: str = "") -> None:
            bars.update(task, advance=n, note=note)

        yield advance


def _stay(n: int, note: str = "") -> None:
    """Move nothing: there is no terminal."""


class Counted(Generic[B]):
    """Batches or tables passing through once, counted, with a bar on a terminal."""

    def __init__(self, batches: Iterable[B]) -> None:
        self._batches = batches
        self.n_rows = 0

    def __iter__(self) -> Iterator[B]:
        """Yield them unchanged."""
        with progress("rows", None) as advance:
            for batch in self._batches:
                yield batch
                self.n_rows += batch.n_rows
                advance(batch.n_rows)
