"""Stores that every implementation of the interface is tested through."""

import uuid

import pytest

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.object_storage import FolderStore
from pairloom.object_storage.s3_client import S3Store, target_of
from pairloom.testing.local_service import serving


@pytest.fixture
def folder_store(tmp_path):
    store = FolderStore(tmp_path / "objects")
    yield store
    store.close()


@pytest.fixture(scope="session")
def s3_service(tmp_path_factory):
    """A service whose S3 the client store talks to."""
    with (
        open_service(tmp_path_factory.mktemp("s3") / "data") as service,
        serving(Application(service)) as found,
    ):
        yield found


@pytest.fixture
def s3_store(s3_service, tmp_path):
    """A store whose buckets are the service's own."""
    store = S3Store(target_of("s3://"), spool=tmp_path, client=s3_service.client("s3"))
    yield store
    for bucket in store.buckets():
        for info in store.list(bucket.name).objects:
            store.delete(bucket.name, info.key)
        for upload in store.uploads(bucket.name):
            store.abort_upload(upload)
        store.delete_bucket(bucket.name)
    assert not list(tmp_path.glob("pairloom-*")), "nothing is left of what was on its way"
    store.close()


@pytest.fixture
def s3_prefix_store(s3_service, tmp_path):
    """A store whose buckets are prefixes in one bucket of the service."""
    objects = s3_service.application.service.objects
    outer = f"outer-{uuid.uuid4().hex}"
    objects.create_bucket(outer)
    store = S3Store(target_of(f"s3://{outer}/a/b"), spool=tmp_path, client=s3_service.client("s3"))
    yield store
    for info in objects.list(outer).objects:
        assert info.key.startswith("a/b/")
        objects.delete(outer, info.key)
    for upload in objects.uploads(outer):
        objects.abort_upload(upload)
    objects.delete_bucket(outer)
    store.close()


@pytest.fixture(params=["folder", "s3", "s3_prefix"])
def store(request):
    """An empty store of each kind, with one bucket named ``bucket``."""
    store = request.getfixturevalue(f"{request.param}_store")
    store.create_bucket("bucket")
    return store
