"""Addresses, migrations, and what cannot be opened."""

import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pairloom.database import Database, Resource, migrations
from pairloom.database.engines import open_engines
from pairloom.database.schema import tables
from pairloom.errors import PlatformError, UserError


def test_migrations_lead_to_the_schema(database, url):
    """Alembic finds no difference between what the migrations made and what the code believes."""
    engines = open_engines(url)
    with engines.writer.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables) == []
    engines.dispose()


def test_the_newest_revision_is_named():
    folder = ScriptDirectory(Path(migrations.__file__).parent)
    assert folder.get_current_head() == migrations.NEWEST


def test_a_database_of_a_newer_version_is_left_alone(database, url):
    with database.transaction() as t:
        t._connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PlatformError, match=r"Got 9999, made by a newer version"):
        Database.open(url)


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "mysql://x/y", "postgres://secret:word@x/y"])
def test_other_addresses_are_refused_without_their_password(url):
    with pytest.raises(UserError, match="Database: the address must be sqlite") as caught:
        Database.open(url)
    assert "word" not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(PlatformError, match="Database"):
        Database.open(f"postgresql://x@/y?host={tmp_path}")


def test_a_file_that_is_no_database(tmp_path):
    file = tmp_path / "state.db"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(PlatformError, match="not a database"):
        Database.open(f"sqlite:///{file}")
    assert file.read_bytes() == b"not a database" * 1000


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match="must be a file that can be written"):
        Database.open(f"sqlite:///{tmp_path}/file/state.db")


def test_sqlite_is_durable_and_private(tmp_path):
    file = tmp_path / "a folder" / "state 100% ü?.db"
    database = Database.open(f"sqlite:///{file}".replace("%", "%25").replace("?", "%3F"))
    with database.transaction() as t:
        pragma = {
            name: t._connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        }
        t.insert(Resource("model", "m", "arn:m"))
    assert pragma == {"journal_mode": "wal", "synchronous": 2}
    (made,) = (found for found in file.parent.iterdir() if found.suffix == ".db")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    database.close()
    with sqlite3.connect(made) as connection:
        assert connection.execute("SELECT name FROM resource").fetchall() == [("m",)]
    connection.close()


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path):
    """SQLite's own limit on pages stands for the disk's."""
    database = Database.open(f"sqlite:///{tmp_path}/state.db")
    with database.transaction() as t:
        t.insert(Resource("model", "first", "arn:first"))
        n_pages = t._connection.exec_driver_sql("PRAGMA page_count").scalar()
        t._connection.exec_driver_sql(f"PRAGMA max_page_count={n_pages}")
    with pytest.raises(PlatformError, match="database or disk is full"), database.transaction() as t:
        t.insert(Resource("model", "second", "arn:second", document={"text": "x" * 100_000}))
    with database.transaction() as t:
        assert [found.name for found in t.list("model").resources] == ["first"]
        t._connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        t.insert(Resource("model", "second", "arn:second", document={"text": "x" * 100_000}))
    database.close()
