"""The log itself: cheap enough for the path of a request, and nothing acknowledged is lost."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pairloom.errors import NotFoundError, PlatformError, UserError
from pairloom.exposure.events import (
    Event,
    Feedback,
    Impressions,
    checked_feedback,
    checked_impressions,
    now_us,
)
from pairloom.exposure.journal import ENDING, Journal, held, read_lines, sync_folder
from pairloom.exposure.partitions import load_libraries, write_partitions
from pairloom.exposure.sending import Sender, outbox_of, waiting
from pairloom.exposure.sinks import Sink

__all__ = ["ExposureLog", "LogStatus", "recover"]

Durable = Literal["process", "power"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogStatus:
    """How a log does.

    Parameters
    ----------
    n_events : int
        Acknowledged by this object.
    n_waiting : int
        Of these, not in Parquet yet.
    n_unsent, unsent_bytes : int
        Journals that wait for the sink, of all processes, and their bytes.
    error : str
        What hinders the writing of Parquet or the sending just now; empty if nothing does.
    """

    n_events: int
    n_waiting: int
    n_unsent: int
    unsent_bytes: int
    error: str


class ExposureLog:
    """An append-only log of what was shown and what came of it, in a folder.

    `log` and `feedback` return once the event stands in a journal (about 10 microseconds); a thread turns journals into
    Parquet files by hour. Any number of threads may use one object, and any number of processes one folder. Whatever
    a process that died had acknowledged is taken over by the next that opens the folder, once.

    Parameters
    ----------
    folder : path
        Made if it is not there. Partitions are in ``impressions/date=.../hour=...`` and ``feedback/...``.
    flush_events : int
        A journal of so many events becomes Parquet at once.
    flush_s : float
        And one that has any, after so many seconds.
    durable : {"process", "power"}
        What an acknowledged event survives: the death of this process; or a cut of power too, at the price of one
        sync of the disk for all threads that wait at the time.
    sink : Sink, optional
        A broker that gets every event too, at least once: what a journal holds when it becomes Parquet, so ``flush_s``
        is how long an event may take. While the broker is down, journals wait in ``outbox`` and are sent later, by
        this or another process.
    most_unsent_bytes : int
        With more than that waiting, `log` and `feedback` refuse with PlatformError instead of filling the disk.
    on_sigterm : bool
        Flush when SIGTERM comes and nobody else handles it, then end as before. For the main thread of a program; in
        any case nothing is lost.

    Raises
    ------
    PlatformError
        If the disk cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with ExposureLog(tempfile.mkdtemp()) as log:
    ...     log.log(Impressions("r1", [31, 17, 5], user=7, propensities=[0.5, 0.3, 0.2], model="v12"))
    ...     log.feedback("r1", 17)
    ...     log.feedback("r1", 17, "purchase", value=9.90)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        flush_events: int = 50_000,
        flush_s: float = 30.0,
        durable: Durable = "process",
        sink: Sink | None = None,
        most_unsent_bytes: int = 1 << 30,
        on_sigterm: bool = False,
    ) -> None:
        if flush_events < 1 or not flush_s > 0:
            raise UserError(
                f"ExposureLog: 'flush_events' must be 1 or more and 'flush_s' above 0. "
                f"Got {flush_events} and {flush_s:g}."
            )
        if durable not in ("process", "power"):
            raise UserError(f"ExposureLog: 'durable' must be 'process' or 'power'. Got {durable!r}.")
        load_libraries()
        self.folder = Path(folder)
        self.flush_events, self.flush_s, self.durable = flush_events, flush_s, durable
        self.sink, self.most_unsent_bytes = sink, most_unsent_bytes
        self._journals = _journal_folder(self.folder)
        if sink is not None:
            outbox_of(self.folder).mkdir(exist_ok=True)
        recover(self.folder)
        self._n_events = self._n_written = 0
        self._start()
        _open_logs.add(self)
        if on_sigterm:
            self._handle_sigterm()

    def _start(self) -> None:
        """Begin with a journal and a thread of this process's own."""
        self._lock, self._sync_lock, self._flush_lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._synced = self._n_events
        self._error = ""
        self._journal = self._begin()
        self._sealed: list[Journal] = []
        self._unsent_bytes = waiting(self.folder)[1]
        self._sender = None if self.sink is None else Sender(self.folder, self.sink)
        self._thread = threading.Thread(target=self._work, name="exposure-log", daemon=True)
        self._thread.start()

    def _begin(self) -> Journal:
        journal = Journal(self._journals)
        if self.durable == "power":
            sync_folder(self._journals)
        return journal

    def log(self, impressions: Impressions) -> None:
        """Log the list that a request was shown; returns once it cannot be lost.

        Raises
        ------
        DataError
            For an event that could not be joined or evaluated later: a missing id, an item twice, a propensity of 0.
        PlatformError
            If the disk is full; the event is then not logged.
        """
        self._append(checked_impressions(impressions, now_us()))

    def feedback(
        self,
        request: str,
        item: Any,
        kind: str = "click",
        *,
        value: float = 0.0,
        time: int = 0,
        event_id: str = "",
    ) -> None:
        """Log what came of an item; returns once it cannot be lost.

        Parameters
        ----------
        request, item, kind, value, time, event_id : as in `Feedback`

        Raises
        ------
        DataError, PlatformError
            As in `log`.
        """
        self._append(checked_feedback(Feedback(request, item, kind, value, time, event_id), now_us()))

    def _append(self, event: Event) -> None:
        with self._lock:
            if self._closed:
                raise UserError("ExposureLog: must be open. Got one that is closed. Open it anew.")
            if self._unsent_bytes > self.most_unsent_bytes:
                self._unsent_bytes = waiting(self.folder)[1]
            if self._unsent_bytes > self.most_unsent_bytes:
                raise PlatformError(
                    f"Exposure log: at most {self.most_unsent_bytes} bytes must wait for the broker. "
                    f"Got {self._unsent_bytes}. Start the broker, or allow more."
                )
            self._journal.append(event)
            self._n_events += 1
            mine = self._n_events
            if self._journal.n_events == self.flush_events:
                self._wake.set()
        if self.durable == "power":
            self._sync_up_to(mine)

    def _sync_up_to(self, mine: int) -> None:
        """Wait until an event is on the disk; one sync serves all that wait."""
        with self._sync_lock:
            if self._synced >= mine:
                return
            with self._lock:
                upto, journal = self._n_events, self._journal
            journal.sync()
            with self._lock:
                self._synced = max(self._synced, upto)

    def _seal(self) -> None:
        """Begin a new journal; the lock is held."""
        if not self._journal.n_events:
            return
        fresh = self._begin()
        if self.durable == "power":
            self._journal.sync()
            self._synced = self._n_events
        self._sealed.append(self._journal)
        self._journal = fresh

    def flush(self) -> None:
        """Return once everything logged so far is in Parquet files.

        Raises
        ------
        PlatformError
            If the disk cannot be written; the events stay in their journals.
        """
        with self._lock:
            self._seal()
        self._write_sealed()

    def _write_sealed(self) -> None:
        with self._flush_lock:
            while self._sealed:
                journal = self._sealed[0]
                _finish(self.folder, journal.path)
                self._sealed.pop(0)
                self._n_written += journal.n_events
                journal.close()
        self._error = ""
        if self._sender is not None:
            self._unsent_bytes = waiting(self.folder)[1]
            self._sender.wake()

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(self.flush_s)
            self._wake.clear()
            if self._closed:
                return
            try:
                if not self._sealed:
                    with self._lock:
                        self._seal()
                self._write_sealed()
            except Exception as error:  # of whatever kind: the journal stays, and the thread must
                if not self._error:
                    logger.warning("%s Events stay in the journal; trying again.", error)
                self._error = str(error)

    def status(self) -> LogStatus:
        """Return counts, and what is wrong just now."""
        error = self._error or (self._sender.error if self._sender is not None else "")
        return LogStatus(self._n_events, self._n_events - self._n_written, *waiting(self.folder), error)

    def close(self) -> None:
        """Flush and end; closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sealed = self._journal
            self._sealed.append(sealed)
        self._wake.set()
        self._thread.join()
        _open_logs.discard(self)
        try:
            self._write_sealed()
        finally:
            for left in self._sealed:
                left.close()
            if self._sender is not None:
                self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _handle_sigterm(self) -> None:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return  # whoever handles it ends the program in order, and closes the log
        own = weakref.ref(self)

        def flush_and_end() -> None:
            log = own()
            try:
                if log is not None:
                    log.flush()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        def handle(_signal: int, _frame: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            threading.Thread(target=flush_and_end).start()  # the frame that this interrupts may hold the lock

        signal.signal(signal.SIGTERM, handle)


def recover(folder: str | os.PathLike[str]) -> int:
    """Write the journals of processes that are gone to Parquet, and return how many there were.

    An `ExposureLog` does so when it opens; this is for readers of a folder that nobody writes any more.
    """
    folder, n_journals = Path(folder), 0
    if not (folder / "journal").is_dir():
        raise NotFoundError(f"Exposure log: {folder} must be the folder of a log. Got one without a journal.")
    for path in sorted((folder / "journal").glob(f"*{ENDING}")):
        file = held(path)
        if file is not None:
            try:
                _finish(folder, path)
                n_journals += 1
            finally:
                os.close(file)
    return n_journals


def _finish(folder: Path, path: Path) -> None:
    """Write a journal to partitions, then take it away."""
    lines = read_lines(path)
    write_partitions(folder, lines)
    try:
        if lines.n_damaged:
            logger.warning("%s: %d damaged lines were left out; kept as .damaged.", path, lines.n_damaged)
            path.with_suffix(".damaged").write_bytes(path.read_bytes())
        if outbox_of(folder).is_dir():
            path.rename(outbox_of(folder) / path.name)
            sync_folder(outbox_of(folder))
        else:
            path.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise PlatformError(f"Exposure log: {path} cannot be removed ({error}).") from error


def _journal_folder(folder: Path) -> Path:
    journals = folder / "journal"
    try:
        journals.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(f"Exposure log: {folder} must be a folder to write to ({error}).") from error
    return journals


_open_logs: weakref.WeakSet[ExposureLog] = weakref.WeakSet()


def _begin_in_child() -> None:
    """After a fork: the journals belong to the parent; the child begins its own."""
    for log in list(_open_logs):
        for journal in (log._journal, *log._sealed):  # pyright: ignore[reportPrivateUsage]
            journal.close_copy()
        log._n_events = log._n_written = 0  # pyright: ignore[reportPrivateUsage]
        log._start()  # pyright: ignore[reportPrivateUsage]


def _close_all() -> None:
    for log in list(_open_logs):
        log.close()


os.register_at_fork(after_in_child=_begin_in_child) if hasattr(os, "register_at_fork") else None
atexit.register(_close_all)
