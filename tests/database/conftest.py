"""Both databases, each test with an empty one."""

import uuid

import pytest
import sqlalchemy as sa

from pairloom.database import Database
from postgresql import server


@pytest.fixture(scope="session")
def postgresql_server():
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))])
def url(request, tmp_path):
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    server_url = sa.make_url(request.getfixturevalue("postgresql_server"))
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server_url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server_url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def database(url):
    opened = Database.open(url)
    yield opened
    opened.close()
