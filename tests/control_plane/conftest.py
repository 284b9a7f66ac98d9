"""A service in this process, as unmodified clients see it."""

import pytest

from pairloom.control_plane.app import Application
from pairloom.control_plane.service import Service
from pairloom.control_plane.wire.signatures.credentials import Credentials
from pairloom.database import Database
from pairloom.testing.local_service import serving


@pytest.fixture
def service_folder(tmp_path):
    """The data folder of the service."""
    return tmp_path / "data"


@pytest.fixture
def local_service(service_folder):
    """A service that answers on a loopback port; `local_service.client("sagemaker")` is boto3's."""
    service_folder.mkdir()
    database = Database.open(f"sqlite:///{service_folder / 'state.sqlite'}")
    with serving(Application(Service(service_folder, Credentials.make(), database))) as found:
        yield found
    database.close()
