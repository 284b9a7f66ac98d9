"""Sending what is written to a broker: at least once, later if it is down, never in the way of a request."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from pairloom.errors import PlatformError
from pairloom.exposure.journal import ENDING, held, read_lines, sync_folder
from pairloom.exposure.sinks import Record, Sink

__all__ = ["Sender", "outbox_of", "send_waiting", "waiting"]

logger = logging.getLogger(__name__)
N_RECORDS = 500
LOOK_AGAIN_S = 5.0
"""What another process left is found after so long."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 30.0


class _Head(msgspec.Struct):
    event: str
    request: str


_heads = msgspec.json.Decoder(_Head)


def outbox_of(folder: Path) -> Path:
    """Return where journals wait for the broker once their Parquet files are written; it is there if there is one."""
    return folder / "outbox"


def waiting(folder: Path) -> tuple[int, int]:
    """Return how many journals wait for the broker, and their bytes."""
    sizes: list[int] = []
    for path in outbox_of(folder).glob(f"*{ENDING}"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue  # sent in between
    return len(sizes), sum(sizes)


def send_waiting(folder: Path, sink: Sink, done: dict[str, int] | None = None) -> int:
    """Send the journals that wait, the oldest first, and return how many events were sent.

    Several processes may do so at a time: each journal is sent by one of them.

    Parameters
    ----------
    folder : path
    sink : Sink
    done : dict of str to int, optional
        Lines of a journal that were acknowledged before; kept up to date, so that the next attempt goes on there.

    Raises
    ------
    PlatformError
        If the broker did not take all; the rest stays.
    """
    done = {} if done is None else done
    n_sent = 0
    for path in sorted(outbox_of(folder).glob(f"*{ENDING}")):
        file = held(path)
        if file is None:
            continue
        try:
            records = _records(path, done.get(path.name, 0))
            while batch := list(islice(records, N_RECORDS)):
                sink.send([record for _, record in batch])
                done[path.name] = batch[-1][0]
                n_sent += len(batch)
            path.unlink()
            done.pop(path.name, None)
            sync_folder(path.parent)
        finally:
            os.close(file)
    return n_sent


def _records(path: Path, after: int) -> Iterator[tuple[int, Record]]:
    for number, text in read_lines(path).raw():
        if number > after:
            head = _heads.decode(text)
            yield number, Record(f"{path.stem}.{number}", head.event, head.request, text)


class Sender:
    """A thread that sends what waits, and pauses longer and longer while the broker is down.

    Parameters
    ----------
    folder : path
    sink : Sink
    """

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.folder, self.sink = folder, sink
        self.error = ""
        self._done: dict[str, int] = {}
        self._news, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="exposure-sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell that something waits."""
        self._news.set()

    def _work(self) -> None:
        pause_s = FIRST_PAUSE_S
        self._news.set()
        while not self._end.is_set():
            self._news.wait(LOOK_AGAIN_S)
            self._news.clear()
            if self._end.is_set():
                return
            if self.attempt():
                pause_s = FIRST_PAUSE_S
            else:
                self._end.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                self._news.set()

    def attempt(self) -> bool:
        """Send what waits; whether all of it was taken."""
        try:
            send_waiting(self.folder, self.sink, self._done)
        except (PlatformError, OSError) as error:
            if not self.error:
                logger.warning("%s", error)
            self.error = str(error)
            return False
        self.error = ""
        return True

    def close(self) -> None:
        """Send what waits once more, then end; what is not taken waits for the next process."""
        self._end.set()
        self._news.set()
        self._thread.join()
        self.attempt()
        self.sink.close()
