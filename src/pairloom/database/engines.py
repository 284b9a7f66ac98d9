"""How each kind of database is opened, so that both give the same guarantees.

A write transaction is alone: SQLite's `BEGIN IMMEDIATE`, an advisory lock on PostgreSQL. Readers see one moment and
never wait for the writer. A commit is on disk when it returns (`synchronous=FULL`; PostgreSQL's default).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from pairloom.errors import MissingExtraError, PlatformError, UserError

BUSY_S = 30
WRITING = 0x70616972  # the advisory locks of PostgreSQL: one writer at a time,
SUPERVISING = 0x70616973  # one service at a time
HOLDER = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objid = :key AND classid = 0 AND granted AND pg_locks.database =
        (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for writers, one for readers (PostgreSQL has one for both)."""

    writer: sa.Engine
    reader: sa.Engine

    @property
    def postgresql(self) -> bool:
        """Whether this is PostgreSQL."""
        return self.writer.dialect.name == "postgresql"

    def begin_writing(self, connection: sa.Connection) -> None:
        """Wait until no other transaction writes, in any process."""
        if self.postgresql:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITING)))

    @contextmanager
    def hold(self) -> Generator[None]:
        """Hold the database against other services; the server lets go when the connection ends, however it ends."""
        if not self.postgresql:
            yield
            return
        with self.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(SUPERVISING))).scalar():
                holder = connection.execute(sa.text(HOLDER), {"key": SUPERVISING}).scalar() or "another one"
                raise UserError(
                    f"Database: one service at a time must work on it. It is used by {holder}. "
                    "Stop that one, or name another with --database."
                )
            yield

    def dispose(self) -> None:
        """Close every connection."""
        self.reader.dispose()
        self.writer.dispose()


def open_engines(url: str) -> Engines:
    """Open ``sqlite:////folder/file`` or ``postgresql://user@host/name``.

    Raises
    ------
    UserError
        If the address is neither.
    MissingExtraError
        If the driver of PostgreSQL is not installed.
    PlatformError
        If the file cannot be made.
    """
    try:
        address = sa.make_url(url)
    except exc.ArgumentError as error:
        raise _unusable(url) from error
    if address.get_backend_name() == "sqlite" and address.database:
        return _open_sqlite(Path(address.database))
    if address.get_backend_name() == "postgresql":
        return _open_postgresql(address)
    raise _unusable(url)


def _unusable(url: str) -> UserError:
    return UserError(
        "Database: the address must be sqlite:////FOLDER/FILE or postgresql://USER:PASSWORD@HOST/NAME. "
        f"Got {url.partition('://')[0][:40]!r}."
    )


def _open_sqlite(path: Path) -> Engines:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise PlatformError(
            f"Database: {path} must be a file that can be written. Got {error.strerror}. Name another data folder."
        ) from error

    def engine(begin: str, *, query_only: bool, **more: Any) -> sa.Engine:
        made = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_S}, **more
        )

        def connected(connection: Any, _: ConnectionPoolEntry) -> None:
            connection.isolation_level = None  # the transactions are ours, not the driver's
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=67108864")
            connection.execute(f"PRAGMA query_only={int(query_only)}")

        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(made, "connect", connected)
        event.listen(made, "begin", begun)
        return made

    return Engines(
        engine("BEGIN IMMEDIATE", query_only=False, pool_size=1, max_overflow=0),
        engine("BEGIN DEFERRED", query_only=True, pool_size=8, max_overflow=56),
    )


def _open_postgresql(address: sa.URL) -> Engines:
    if find_spec("psycopg") is None:
        raise MissingExtraError("Keeping state in PostgreSQL", "postgres")
    engine = sa.create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=8,
        max_overflow=56,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "application_name": f"process {os.getpid()} on {platform.node()}",
        },
    )
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(engine, reader)
