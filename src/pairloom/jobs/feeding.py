"""Pipe mode: a process that writes the objects of channels into FIFOs, one FIFO a pass.

``python -S -m pairloom.jobs.feeding FEED``. The file names, for each channel, where its FIFOs go and a list with a line
for each record: its parts, files or texts. ``<channel>_<epoch>`` is made when the one before was closed, and offered
for as long as somebody opens it.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from pairloom.jobs.attempt_files import read_json, write_json

__all__ = ["ChannelFeed", "FeedingError", "main"]

MAGIC = 0xCED7230A
HEADER = struct.Struct("<II")
LONGEST_RECORD = (1 << 29) - 1
BLOCK_BYTES = 1 << 20
PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031
SPOOLED_BYTES = 16 << 20


class FeedingError(Exception):
    """An object cannot be streamed as its channel asks."""


class ChannelFeed:
    """Streams one channel.

    Parameters
    ----------
    given : mapping
        ``name``; ``folder`` of the FIFOs; ``records``, a file of JSON lines, each a list of parts ``{"file": path,
        "name": key}`` or ``{"data": base64}``; ``is_compressed`` and ``is_wrapped``; ``seed`` of the order, or null;
        ``rank`` and ``n_hosts`` of whom a sharded channel is dealt to, or null.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.name, self.folder = given["name"], Path(given["folder"])
        self.records = Path(given["records"])
        self.is_compressed, self.is_wrapped = given["is_compressed"], given["is_wrapped"]
        self.seed, self.rank, self.n_hosts = given["seed"], given["rank"], given["n_hosts"]
        self.offsets = self._offsets()

    def offer(self, epoch: int) -> None:
        """Make the FIFO of a pass, wait for its reader and write the pass into it."""
        path = self.folder / f"{self.name}_{epoch}"
        if not path.is_fifo():
            os.mkfifo(path, 0o600)
        with path.open("wb", buffering=0) as fifo:
            _grow(fifo.fileno())
            try:
                for parts in self.of_pass(epoch):
                    for part in parts:
                        self._write_part(part, cast(BinaryIO, fifo))
            except BrokenPipeError:  # the reader has had enough of this pass
                return

    def of_pass(self, epoch: int) -> Iterator[list[dict[str, str]]]:
        """Yield the records of a pass, in its order, this host's share of them."""
        order = list(range(len(self.offsets)))
        if self.seed is not None:
            random.Random(f"{self.seed}:{epoch}").shuffle(order)  # noqa: S311 - an order, no secret
        if self.rank is not None:
            order = order[self.rank :: self.n_hosts]
        with self.records.open("rb") as lines:
            for number in order:
                lines.seek(self.offsets[number])
                yield json.loads(lines.readline())

    def _write_part(self, part: Mapping[str, str], fifo: BinaryIO) -> None:
        if "data" in part:
            content = base64.b64decode(part["data"])
            framed = _header(len(content), self.name) + content + bytes(-len(content) % 4)
            _write(fifo, framed if self.is_wrapped else content)
            return
        with Path(part["file"]).open("rb", buffering=0) as file:
            source = cast(BinaryIO, file)
            if self.is_compressed:
                self._write_unpacked(source, part["name"], fifo)
            else:
                self._write_file(source, os.fstat(file.fileno()).st_size, part["name"], fifo)

    def _write_unpacked(self, packed: BinaryIO, name: str, fifo: BinaryIO) -> None:
        try:
            with gzip.open(packed) as source:
                if not self.is_wrapped:
                    _copy(source, fifo)
                    return
                with tempfile.SpooledTemporaryFile(SPOOLED_BYTES, dir=str(self.records.parent)) as whole:
                    shutil.copyfileobj(source, whole, BLOCK_BYTES)
                    size = whole.tell()
                    whole.seek(0)
                    self._write_file(cast(BinaryIO, whole), size, name, fifo)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FeedingError(
                f"Channel '{self.name}': {name} must be compressed by gzip, as CompressionType says. Got: {error}."
            ) from error

    def _write_file(self, source: BinaryIO, size: int, name: str, fifo: BinaryIO) -> None:
        if self.is_wrapped:
            _write(fifo, _header(size, f"{self.name}': {name} of channel '{self.name}"))
        _copy(source, fifo)
        if self.is_wrapped:
            _write(fifo, bytes(-size % 4))

    def _offsets(self) -> list[int]:
        offsets, at = list[int](), 0
        with self.records.open("rb") as lines:
            for line in lines:
                offsets.append(at)
                at += len(line)
        return offsets


def _header(size: int, name: str) -> bytes:
    if size > LONGEST_RECORD:
        raise FeedingError(
            f"Channel '{name}': an object that is wrapped as RecordIO must be smaller than 512 MiB. "
            f"Got {size:,} bytes."
        )
    return HEADER.pack(MAGIC, size)


def _copy(source: Any, fifo: BinaryIO) -> None:
    while block := source.read(BLOCK_BYTES):
        _write(fifo, block)


def _write(fifo: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[fifo.write(view) :]


def _grow(descriptor: int) -> None:
    import contextlib
    import fcntl

    with contextlib.suppress(OSError):  # a pipe that may not grow: slower, no worse
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)


def main() -> None:
    """Feed the channels that the command line's file names, until somebody ends this process."""
    about = read_json(Path(sys.argv[1]))
    if about is None:
        raise FileNotFoundError(sys.argv[1])

    def feed(given: Mapping[str, Any]) -> None:
        try:
            channel, epoch = ChannelFeed(given), 0
            while True:
                channel.offer(epoch)
                epoch += 1
        except (FeedingError, OSError, ValueError) as error:
            write_json(Path(about["faults"]), {"fault": str(error)})
            os._exit(1)

    threads = [threading.Thread(target=feed, args=(given,), daemon=True) for given in about["channels"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
