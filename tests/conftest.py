"""Fixtures that more than one room uses."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

CHECKOUT = Path(__file__).resolve().parents[1]

settings.register_profile("unhurried", settings(), deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of public data sets (such as movielens-100k): PAIRLOOM_DATA, or shared/data by the checkout."""
    named = os.environ.get("PAIRLOOM_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if named and not folder.is_dir():
        pytest.fail(f"PAIRLOOM_DATA must name a folder. Got {named}.")
    if not folder.is_dir():
        pytest.skip(f"needs real data: set PAIRLOOM_DATA or put it into {folder}")
    return folder
