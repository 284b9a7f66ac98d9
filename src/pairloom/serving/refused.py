"""Requests without an answer: one exception, and the one shape that every error of the endpoint has."""

from __future__ import annotations

import json

__all__ = ["CODES", "Refused", "error_body"]

CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    408: "RequestTimeout",
    411: "LengthRequired",
    413: "PayloadTooLarge",
    415: "UnsupportedMediaType",
    422: "UnprocessableContent",
    431: "HeadersTooLarge",
    500: "InternalServerError",
    503: "ServiceUnavailable",
    504: "ModelTimeout",
}
"""Names of the status codes that the endpoint refuses with."""


class Refused(Exception):  # noqa: N818 - an answer like others
    """A request that gets no answer.

    Parameters
    ----------
    status : int
    message : str
        One sentence or a few: what was expected, what was got, what to do.
    close : bool
        Whether the rest of the request is not read and the connection ends.
    """

    def __init__(self, status: int, message: str, *, close: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.close = status, message, close


def error_body(status: int, message: str) -> bytes:
    """Return the JSON of an error: ``{"error": "BadRequest", "message": "..."}``."""
    return json.dumps({"error": CODES.get(status, "Error"), "message": message}).encode() + b"\n"
