"""The door to the state: transactions, snapshots, and waiting for a change."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import exc

from pairloom.database.changes import Changes
from pairloom.database.engines import Engines, open_engines
from pairloom.database.migrations import migrate
from pairloom.database.transaction import Transaction
from pairloom.errors import AlgorithmError, PlatformError
from pairloom.faults import fault_point

N_READERS = 4

T = TypeVar("T")


class Database:
    """A document store in one SQLite file or one PostgreSQL database; for any number of threads.

    What a transaction wrote is on disk when `transaction` ends without an exception. Transactions that write run one
    after the other; snapshots run beside them.
    """

    def __init__(self, engines: Engines, clock: Callable[[], float]) -> None:
        self._engines, self._clock = engines, clock
        self._writing = threading.Lock()
        self._writer: int | None = None
        self._reads = ThreadPoolExecutor(N_READERS, "database-read")
        self._writes = ThreadPoolExecutor(
            1, "database-write"
        )  # those of readers are not taken by who waits to write
        self.changes = Changes()

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Database:
        """Open ``sqlite:////FOLDER/FILE`` or ``postgresql://…``, made or brought up to date where needed.

        Parameters
        ----------
        url : str
        clock : callable
            Gives created_at and modified_at, in seconds since 1970.

        Raises
        ------
        UserError
            If the address is neither (MissingExtraError: the driver of PostgreSQL is missing).
        PlatformError
            If it cannot be reached, read or written, or a newer version made it.
        """
        engines = open_engines(url)
        try:
            with _platform_errors(), engines.writer.begin() as connection:
                engines.begin_writing(connection)
                migrate(connection)
        except BaseException:
            engines.dispose()
            raise
        return cls(engines, clock)

    @property
    def is_postgresql(self) -> bool:
        """Whether several machines may share it."""
        return self._engines.postgresql

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        """Read and write; committed at the end, rolled back if the body raises.

        Raises
        ------
        PlatformError
            If the disk is full, the server gone, the file damaged: nothing was written.
        AlgorithmError
            If this thread is within a transaction already.
        """
        if self._writer == threading.get_ident():
            raise AlgorithmError("Database: a transaction must not begin within another of the same thread.")
        with self._writing:
            self._writer = threading.get_ident()
            try:
                with _platform_errors(), self._engines.writer.begin() as connection:
                    self._engines.begin_writing(connection)
                    transaction = Transaction(connection, self._clock)
                    yield transaction
                    fault_point("database.written")
            finally:
                self._writer = None
        fault_point("database.committed")
        self.changes.announce(transaction.changes.values())

    @contextmanager
    def snapshot(self) -> Generator[Transaction]:
        """Read only, as of one moment; waits for no writer."""
        with _platform_errors(), self._engines.reader.begin() as connection:
            yield Transaction(connection, self._clock)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work(transaction)` in a thread and return its answer, for coroutines."""

        def run() -> T:
            with self.transaction() as transaction:
                return work(transaction)

        return await asyncio.get_running_loop().run_in_executor(self._writes, run)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work(snapshot)` in a thread and return its answer, for coroutines."""

        def run() -> T:
            with self.snapshot() as transaction:
                return work(transaction)

        return await asyncio.get_running_loop().run_in_executor(self._reads, run)

    async def changed(self, kind: str, name: str, version: int | None, timeout_s: float) -> bool:
        """Wait until a resource has another version than the one that was read (None: until it exists).

        Commits of this process are heard at once; False when nothing changed in time.
        """
        with self.changes.wait_for(kind, name) as waiter:
            if await self.read(lambda t: t.version(kind, name)) != version:
                return True
            return await waiter.changed(timeout_s)

    @contextmanager
    def held(self) -> Generator[None]:
        """Be the one service that works on this database, until the block or the process ends.

        A file of SQLite is held with its folder; PostgreSQL could be reached from several folders and machines.

        Raises
        ------
        UserError
            If another service does; it is named.
        """
        with _platform_errors(), self._engines.hold():
            yield

    def close(self) -> None:
        """End the threads, then close every connection."""
        self._writes.shutdown()
        self._reads.shutdown()
        self._engines.dispose()


@contextmanager
def _platform_errors() -> Generator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        said = str(error.orig).strip().partition("\n")[0]
        raise PlatformError(
            f"Database: the last change must reach the disk. Got '{said}'; nothing of it was kept. "
            "Look at the disk's free space and the database."
        ) from error
    except exc.TimeoutError as error:
        raise PlatformError(
            "Database: a connection must come free within 30 s. Got none. Try again."
        ) from error
