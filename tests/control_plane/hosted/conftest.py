import pytest
from hosted_clients import Hosting, model_bytes

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.settings import Settings
from pairloom.testing.local_service import serving

QUICK = Settings(capture_flush_s=0.2, endpoint_metrics_s=0.3, autoscaling_period_s=0.2)


@pytest.fixture(scope="session")
def stored_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "regressor": model_bytes(folder / "regressor.tar.gz"),
        "classifier": model_bytes(folder / "classifier.tar.gz", "binary_classifier"),
        "broken": b"no model",
    }


@pytest.fixture
def hosting(local_service, stored_models):
    return Hosting(local_service, stored_models)


@pytest.fixture
def quick_hosting(service_folder, stored_models):
    """A service that captures, counts and scales within fractions of a second."""
    with open_service(service_folder, QUICK) as service, serving(Application(service)) as found:
        yield Hosting(found, stored_models)
