import pytest
from hosting_models import save_model


@pytest.fixture(scope="session")
def regressor(tmp_path_factory):
    path = tmp_path_factory.mktemp("hosting") / "model.tar.gz"
    save_model(path)
    return path
