"""The one error that an operation answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pairloom.errors import AlreadyExistsError, ConflictError, PlatformError, UserError

__all__ = ["AwsError", "told_to_clients"]


class AwsError(Exception):
    """A refusal as a client of AWS reads it.

    Parameters
    ----------
    code : str
        What clients match: ``"ValidationException"``, ``"ResourceNotFound"``, ``"ResourceInUse"``, ...
    message : str
    status : int, optional
        HTTP status; if not given, the service model's for this code, or 400.
    fields : mapping, optional
        Further members of the modelled error, such as ``OriginalStatusCode`` of ModelError.
    """

    def __init__(
        self, code: str, message: str, status: int | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, dict(fields or {})


def told_to_clients(error: Exception, request_id: str) -> AwsError:
    """Word an error of ours that an operation let through; what is not meant for clients stays in the log.

    Clients try again by themselves after `ServiceUnavailable`: the disk is full, the database gone.
    """
    match error:
        case AlreadyExistsError():
            return AwsError("ResourceInUse", str(error), 400)
        case UserError():
            return AwsError("ValidationException", str(error), 400)
        case ConflictError():
            return AwsError("ConflictException", str(error), 409)
        case PlatformError():
            return AwsError("ServiceUnavailable", str(error), 503)
        case _:
            text = f"Pairloom failed; its log tells more of request {request_id}."
            return AwsError("InternalFailure", text, 500)
