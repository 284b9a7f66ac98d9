"""The one error that an operation answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["AwsError"]


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
