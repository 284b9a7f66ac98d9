"""Why a signature is refused, in the words of each kind of service."""

from __future__ import annotations

from pairloom.control_plane.wire.errors import AwsError

__all__ = ["SignatureRefusedError", "refusal"]

UNKNOWN = "The security token included in the request is invalid."
UNSIGNED = "Request is missing Authentication Token"
WRONG = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
CODES: dict[str, dict[str, tuple[str, int, str | None]]] = {
    "json": {
        "missing": ("MissingAuthenticationTokenException", 400, UNSIGNED),
        "malformed": ("IncompleteSignatureException", 400, None),
        "unknown key": ("UnrecognizedClientException", 400, UNKNOWN),
        "wrong": ("InvalidSignatureException", 400, WRONG),
        "skewed": ("InvalidSignatureException", 400, None),
        "expired": ("InvalidSignatureException", 400, None),
        "body": ("InvalidSignatureException", 400, None),
    },
    "query": {
        "missing": ("MissingAuthenticationToken", 403, UNSIGNED),
        "malformed": ("IncompleteSignature", 400, None),
        "unknown key": ("InvalidClientTokenId", 403, UNKNOWN),
        "wrong": ("SignatureDoesNotMatch", 403, WRONG),
        "skewed": ("SignatureDoesNotMatch", 403, None),
        "expired": ("SignatureDoesNotMatch", 403, None),
        "body": ("SignatureDoesNotMatch", 403, None),
    },
    "s3": {
        "missing": ("AccessDenied", 403, "Access Denied"),
        "malformed": ("AuthorizationHeaderMalformed", 400, None),
        "unknown key": (
            "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
        ),
        "wrong": ("SignatureDoesNotMatch", 403, WRONG.replace("AWS Secret Access Key", "key")),
        "skewed": (
            "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."
        ),
        "expired": ("AccessDenied", 403, "Request has expired"),
        "body": (
            "XAmzContentSHA256Mismatch", 400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    },
}  # fmt: skip
"""Code, status and fixed message by kind of service and reason."""


class SignatureRefusedError(Exception):
    """A request that is not let in.

    Parameters
    ----------
    reason : str
        A key of `CODES`: "missing", "malformed", "unknown key", "wrong", "skewed", "expired", "body".
    detail : str
        Used where the kind of service has no fixed message.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def refusal(service_id: str, refused: SignatureRefusedError) -> AwsError:
    """Word a refusal for a service."""
    kind = "s3" if service_id == "s3" else "query" if service_id in ("sts", "iam") else "json"
    code, status, message = CODES[kind][refused.reason]
    return AwsError(code, message or refused.detail, status)
