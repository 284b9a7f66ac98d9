"""Stores that every implementation of the interface is tested through."""

import pytest

from pairloom.object_storage import FolderStore


@pytest.fixture
def folder_store(tmp_path):
    store = FolderStore(tmp_path / "objects")
    yield store
    store.close()


@pytest.fixture(params=["folder"])
def store(request):
    """An empty store of each kind, with one bucket named ``bucket``."""
    store = request.getfixturevalue(f"{request.param}_store")
    store.create_bucket("bucket")
    return store
