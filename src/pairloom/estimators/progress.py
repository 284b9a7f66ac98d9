"""A progress bar over epochs, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pairloom.fm.epochs import EpochReport

__all__ = ["epoch_progress"]


def _describe(report: EpochReport) -> str:
    rate = report.n_rows / max(report.seconds, 1e-9)
    text = f"loss {report.train_loss:.4f}"
    if report.validation_loss is not None:
        text += f"  validation {report.validation_loss:.4f}"
    return f"{text}  {rate / 1e6:.1f} M rows/s"


@contextmanager
def epoch_progress(title: str, epochs: int, verbose: int) -> Generator[Callable[[EpochReport], None]]:
    """Give a callback that shows epochs: nothing at 0, a bar on a terminal from 1, a line an epoch elsewhere.

    Parameters
    ----------
    title : str
    epochs : int
    verbose : int
    """
    if verbose <= 0:
        yield lambda report: None
        return
    if not sys.stderr.isatty():
        yield lambda report: print(f"epoch {report.epoch + 1}/{epochs}  {_describe(report)}", file=sys.stderr)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[state]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=epochs, state="")

        def show(report: EpochReport) -> None:
            bar.update(task, advance=1, state=_describe(report))

        yield show
