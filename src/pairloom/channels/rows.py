"""A channel as rows: what an algorithm is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, BinaryIO, TypeVar, cast

from pairloom.channels.channel import ChannelInput, Interrupted
from pairloom.channels.content_types import choose_format
from pairloom.channels.files import channel_files, open_files
from pairloom.channels.pipes import PipeStream, release_writers
from pairloom.channels.streams import PeekableStream, unpacked
from pairloom.channels.wrapping import holds_records, objects_of
from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.registry import by_content_type, operation
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["ChannelRows", "open_channel"]

Batch = TypeVar("Batch", RowBatch, Table)
RECORDIO_PROTOBUF = "recordio-protobuf"


def open_channel(
    channel: ChannelInput,
    accepted: Sequence[str],
    *,
    n_threads: int = 1,
    stopped: Callable[[], bool] = lambda: False,
    reading: Callable[[str], Mapping[str, object]] = lambda _: {},
) -> ChannelRows:
    """Return a channel as a source of rows; nothing is read yet.

    Parameters
    ----------
    channel : ChannelInput
    accepted : sequence of str
        Content types that the algorithm declares for it; the first is the default.
    n_threads : int
        Parsing threads.
    stopped : callable
        Once true, passes end after their next batch, so that training comes to its end soon.
    reading : callable
        Given the name of the format, returns options to read it with, before those of the content type.

    Raises
    ------
    UserError
        If its files are missing or its content type is not accepted.
    """
    rows = ChannelRows(channel, accepted, n_threads, stopped)
    rows.options = {**reading(rows.format), **rows.options}
    return rows


class ChannelRows:
    """Opens one fresh pass over the rows of a channel; memory holds a few batches, never the data.

    In Pipe mode pass n reads FIFO ``<channel>_<n>``. One that is left before its end is closed, as SageMaker has it,
    and every pass that is read to its end must have the same number of rows: a writer that dies between two
    records is found out.
    """

    def __init__(
        self, channel: ChannelInput, accepted: Sequence[str], n_threads: int, stopped: Callable[[], bool]
    ) -> None:
        self.channel, self.n_threads, self.stopped = channel, n_threads, stopped
        self.paths = [] if channel.mode == "Pipe" else channel_files(channel)
        self.format, self.options = choose_format(channel.label, channel.content_type, accepted, self.paths)
        self.n_passes = 0
        self._pipe: PipeStream | None = None
        self._n_rows: int | None = None

    def __call__(self) -> Iterator[RowBatch]:
        """Open the next pass.

        Raises
        ------
        DataError
            While reading, for bad data: with channel, epoch or file, and place.
        """
        return self._pass(self._read)

    def tables(self, **reading: Any) -> Generator[Table]:
        """Open the next pass over raw columns.

        Parameters
        ----------
        **reading
            Arguments of `pairloom.formats.read_tables`: `columns` and `kinds`.

        Raises
        ------
        UserError
            For a format that holds no raw columns.
        DataError
            As of `__call__`.
        """
        read = operation(by_content_type(self.format)[0], "read_tables")
        known = inspect.signature(read).parameters
        options = {name: value for name, value in self.options.items() if name in known} | reading
        return self._pass(
            lambda streams: read_tables(
                cast("Iterator[BinaryIO]", streams),
                content_type=self.format,
                n_threads=self.n_threads,
                **options,
            )
        )

    def _pass(self, read: Callable[[Iterator[PeekableStream]], Iterator[Batch]]) -> Generator[Batch]:
        epoch, n_rows = self.n_passes, 0
        self.n_passes += 1
        try:
            with closing(self._objects(epoch)) as streams:
                for batch in read(streams):
                    n_rows += batch.n_rows
                    yield batch
                    if self.stopped():
                        return
        except Interrupted:
            return
        if self.channel.mode == "Pipe":
            self._check_whole(epoch, n_rows)

    def close(self) -> None:
        """Let go of what was not read: no writer waits for a pass that will not come."""
        self._close_pipe()
        if self.channel.mode == "Pipe":
            release_writers(self.channel, self.n_passes)

    def _read(self, streams: Iterator[PeekableStream]) -> Iterator[RowBatch]:
        files = cast("Iterator[BinaryIO]", streams)
        return read_rows(files, content_type=self.format, n_threads=self.n_threads, **self.options)

    def _objects(self, epoch: int) -> Generator[PeekableStream]:
        """Yield what is parsed on its own: a file, what one FIFO brings, or each payload of RecordIO around them."""
        for stream in self._streams(epoch):
            may_be_records = self.format == RECORDIO_PROTOBUF
            if self.channel.is_wrapped and not (may_be_records and holds_records(stream)):
                yield from objects_of(stream)
            else:
                yield stream

    def _streams(self, epoch: int) -> Generator[PeekableStream]:
        if self.channel.mode != "Pipe":
            yield from open_files(self.channel, self.paths, epoch)
            return
        self._close_pipe()
        self._pipe = PipeStream(self.channel, epoch, self.stopped)
        try:
            yield unpacked(PeekableStream(self._pipe, self._pipe.label))
        finally:
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _check_whole(self, epoch: int, n_rows: int) -> None:
        if self._n_rows is None:
            self._n_rows = n_rows
        if n_rows != self._n_rows:
            raise DataError(
                f"{self._n_rows} rows, as in the passes before",
                got=str(n_rows),
                source=f"{self.channel.label}, epoch {epoch}",
                action="Check that the writer did not end early and sends the same rows in every pass",
            )
