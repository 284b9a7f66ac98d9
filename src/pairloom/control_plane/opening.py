"""A service put together from what its data folder holds."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pairloom.control_plane.credentials_file import load_or_make
from pairloom.control_plane.service import Clock, Service
from pairloom.control_plane.settings import Settings
from pairloom.control_plane.supervisor import FolderLock
from pairloom.database import Database
from pairloom.errors import PlatformError
from pairloom.object_storage import open_object_store

__all__ = ["make_data_folder", "open_service"]


def make_data_folder(folder: Path) -> Path:
    """Make the data folder, for its owner only; return it absolute.

    Raises
    ------
    PlatformError
        If it cannot be made.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(
            f"{folder}: the data folder must be a folder. Got: {error.strerror}. Name another with --data."
        ) from error
    return folder


@contextmanager
def open_service(
    data: Path,
    settings: Settings | None = None,
    *,
    database_url: str | None = None,
    object_store_url: str | None = None,
    clock: Clock = time.time,
) -> Generator[Service]:
    """Open the parts of a service, and close them when the block ends.

    What goes on beside requests is started by the application, on its event loop.

    Parameters
    ----------
    data : Path
        Made if it is not there.
    settings : Settings, optional
    database_url : str, optional
        ``postgresql://...``; by default a file of SQLite in the data folder.
    object_store_url : str, optional
        ``s3://...``; by default a folder in the data folder.
    clock : callable

    Raises
    ------
    UserError, PlatformError
        If a part cannot be opened, or another service uses the folder.
    """
    folder = make_data_folder(data)
    with ExitStack() as stack:
        stack.callback(FolderLock(folder).release)
        kept = load_or_make(folder)
        database = Database.open(database_url or f"sqlite:///{folder / 'state.sqlite'}", clock=clock)
        stack.callback(database.close)
        stack.enter_context(database.held())
        objects = open_object_store(folder / "objects", object_store_url, clock=clock)
        stack.callback(objects.close)
        yield Service(
            folder, kept.credentials, database, objects, settings or Settings(), clock, keys_are_new=kept.new
        )
