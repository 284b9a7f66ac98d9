import pytest
from hosted_clients import Hosting, model_bytes


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
