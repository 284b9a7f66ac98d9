"""The folder store's SQLite file: buckets, keys, uploads. A blob is in use exactly when a row here names it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.errors import PlatformError
from pairloom.object_storage.errors import StorageFullError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Index"]

SCHEMA_VERSION = 1
BATCH = 256
"""Most writes of one transaction."""
SCHEMA = """
create table bucket (name text primary key, created_at real not null, tags blob not null) without rowid;
create table object (
    bucket text not null, key blob not null, blob integer not null, size integer not null, etag text not null,
    modified_at real not null, details blob not null, primary key (bucket, key)
) without rowid;
create table upload (
    id text primary key, bucket text not null, key blob not null, created_at real not null, details blob not null
) without rowid;
create index upload_of_key on upload (bucket, key, id);
create table part (
    upload text not null, number integer not null, blob integer not null, offset integer not null,
    size integer not null, etag text not null, modified_at real not null, checksums blob not null,
    primary key (upload, number)
) without rowid;
create table state (name text primary key, value integer not null) without rowid;
insert into state values ('generation', 0), ('in_order', 1);
"""
Change = Callable[[sqlite3.Connection], Any]


class _Ticket:
    """A write that waits for its transaction."""

    def __init__(self, change: Change) -> None:
        self.change, self.done = change, False
        self.value: Any = None
        self.error: BaseException | None = None


class Index:
    """Rows on disk: connections that read, one that writes.

    Writes that arrive while another is being made durable share the next transaction, so that many small ones do not
    each wait for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._turn, self._waiting_lock = threading.Lock(), threading.Lock()
        self._waiting: list[_Ticket] = []
        self._writer = self._connect()
        version: int = self._writer.execute("pragma user_version").fetchone()[0]
        if version == 0:
            self._writer.execute("pragma journal_mode=wal")
            self._writer.executescript(f"begin; {SCHEMA} pragma user_version={SCHEMA_VERSION}; commit;")
        elif version != SCHEMA_VERSION:
            self._writer.close()
            raise PlatformError(
                f"Object store: the index must be of version {SCHEMA_VERSION}. Got {version} in {path}. "
                "Open it with the version of pairloom that wrote it."
            )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=60)
        connection.execute("pragma synchronous=full")
        return connection

    def one(self, statement: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query."""
        with self.reading() as reader:
            return reader.execute(statement, values).fetchone()

    def all(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        with self.reading() as reader:
            return reader.execute(statement, values).fetchall()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Lend a connection for reading, in a transaction: all that is read within the block is of one moment."""
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = self._connect()
        reader.execute("begin")
        try:
            yield reader
        finally:
            reader.execute("commit")
            self._idle.append(reader)

    def write(self, change: Change) -> Any:
        """Call `change` in a transaction, alone; return its value when that is on disk.

        An exception of `change` undoes what it did and is raised here. A full disk raises StorageFullError.
        """
        ticket = _Ticket(change)
        with self._waiting_lock:
            self._waiting.append(ticket)
        with self._turn:
            if not ticket.done:
                self._commit_waiting(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.value

    def _commit_waiting(self, own: _Ticket) -> None:
        while not own.done:
            with self._waiting_lock:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                self._writer.execute("begin immediate")
                for ticket in batch:
                    self._try(ticket)
                self._writer.execute("commit")
            except BaseException as error:
                if self._writer.in_transaction:
                    self._writer.execute("rollback")
                for ticket in batch:
                    ticket.error = _named(error)
                if not isinstance(error, sqlite3.Error):
                    raise
            finally:
                for ticket in batch:
                    ticket.done = True

    def _try(self, ticket: _Ticket) -> None:
        self._writer.execute("savepoint one")
        try:
            ticket.value = ticket.change(self._writer)
        except sqlite3.Error:
            raise
        except Exception as error:
            ticket.error = error
            self._writer.execute("rollback to one")
        self._writer.execute("release one")

    def close(self) -> None:
        """Close every connection."""
        for connection in (*self._idle, self._writer):
            connection.close()


def _named(error: BaseException) -> BaseException:
    if not isinstance(error, sqlite3.Error):
        return error
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StorageFullError(
            f"Object store: the index must have room to grow. Got '{error}'. Free some of the disk."
        )
    return PlatformError(f"Object store: the index must take a write. Got '{error}'.")
