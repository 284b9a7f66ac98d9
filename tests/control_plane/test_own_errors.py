"""Errors of ours that an operation lets through, as clients read them."""

import pytest

from pairloom.control_plane.wire.errors import told_to_clients
from pairloom.errors import AlgorithmError, AlreadyExistsError, ConflictError, DataError, PlatformError


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (DataError("a token", source="NextToken"), "ValidationException", 400),
        (AlreadyExistsError("job 'a' exists"), "ResourceInUse", 400),
        (ConflictError("job 'a' changed"), "ConflictException", 409),
        (PlatformError("Database: the disk is full"), "ServiceUnavailable", 503),
    ],
)
def test_what_is_meant_for_clients_is_told(error, code, status):
    told = told_to_clients(error, "r-1")
    assert (told.code, told.status, told.message) == (code, status, str(error))


@pytest.mark.parametrize("error", [AlgorithmError("secret"), KeyError("secret"), OSError("secret")])
def test_what_is_not_stays_in_the_log(error):
    told = told_to_clients(error, "r-1")
    assert (told.code, told.status) == ("InternalFailure", 500)
    assert "secret" not in told.message
    assert "r-1" in told.message
