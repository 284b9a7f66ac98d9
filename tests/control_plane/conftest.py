"""A service in this process, as unmodified clients see it."""

import sys

import pytest

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.testing.local_service import serving

if sys.platform == "win32":
    collect_ignore_glob = ["test_*.py"]  # the service locks its folder as Linux and macOS do


@pytest.fixture
def service_folder(tmp_path):
    """The data folder of the service."""
    return tmp_path / "data"


@pytest.fixture
def local_service(service_folder):
    """A service that answers on a loopback port; `local_service.client("sagemaker")` is boto3's."""
    with open_service(service_folder) as service, serving(Application(service)) as found:
        yield found
