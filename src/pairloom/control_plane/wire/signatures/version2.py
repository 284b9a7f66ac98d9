"""Presigned URLs of S3 in the older form, which boto3 still makes by default for custom addresses.

References
----------
AWS, "Signing and authenticating REST requests", Signature Version 2, query string request authentication.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError

__all__ = ["OlderClaim", "older_claim_of", "verify_older"]

NAMES = ("AWSAccessKeyId", "Signature", "Expires")
LONGEST_S = 7 * 24 * 3600
SIGNED_PARAMETERS = frozenset({
    "accelerate", "acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging", "notification",
    "partNumber", "policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
    "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore",
    "select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
    "versions", "website", "encryption",
})  # fmt: skip
"""Query parameters that the older form covers. Any other but its own three is refused: it would be unsigned."""


@dataclass(frozen=True, slots=True)
class OlderClaim:
    """Who a presigned URL says that it is from.

    Parameters
    ----------
    access_key : str
    signature : str
        In base64.
    expires : str
        Seconds since 1970.
    """

    access_key: str
    signature: str
    expires: str


def older_claim_of(head: RequestHead) -> OlderClaim | None:
    """Read the claim of a URL that was presigned in the older form; None if it was not."""
    values = [head.parameter(name) for name in NAMES]
    if None in values or head.header("authorization") or head.parameter("X-Amz-Signature") is not None:
        return None
    access_key, signature, expires = (value or "" for value in values)
    return OlderClaim(access_key, signature.replace(" ", "+"), expires)  # a plus sign that was not encoded


def verify_older(
    head: RequestHead, claim: OlderClaim, secret_of: Callable[[str], str | None], now_s: float, resource: str
) -> None:
    """Check a claim.

    Parameters
    ----------
    head : RequestHead
    claim : OlderClaim
    secret_of : callable
        Secret of an access key; None if there is no such key.
    now_s : float
    resource : str
        Path-style path, as it was sent.

    Raises
    ------
    SignatureRefusedError
    """
    secret = secret_of(claim.access_key)
    if secret is None:
        raise SignatureRefusedError("unknown key")
    names = [name for name, _ in head.query]
    unsigned = sorted(set(names) - SIGNED_PARAMETERS - {*NAMES})
    if unsigned or len(set(names)) < len(names):
        what = ", ".join(unsigned)[:256] or "one that is repeated"
        raise SignatureRefusedError(
            "malformed", f"This form of signature does not cover these parameters: {what}."
        )
    if not (claim.expires.isascii() and claim.expires.isdigit() and len(claim.expires) <= 12):
        raise SignatureRefusedError("malformed", "Expires must be a number of seconds since 1970.")
    if now_s >= int(claim.expires):
        raise SignatureRefusedError("expired")
    if int(claim.expires) > now_s + LONGEST_S + 900:
        raise SignatureRefusedError("malformed", f"Expires must be at most {LONGEST_S} s from now.")
    digest = hmac.digest(secret.encode(), _text(head, claim, resource), "sha1")
    if not hmac.compare_digest(base64.b64encode(digest), claim.signature.encode()):
        raise SignatureRefusedError("wrong")


def _text(head: RequestHead, claim: OlderClaim, resource: str) -> bytes:
    amz = {name: value for name, value in head.headers.items() if name.startswith("x-amz-")}
    lines = [head.method, head.header("content-md5"), head.header("content-type"), claim.expires]
    lines += [f"{name}:{amz[name].strip()}" for name in sorted(amz)]
    covered = sorted((name, value) for name, value in head.query if name in SIGNED_PARAMETERS)
    query = "&".join(name if value == "" else f"{name}={value}" for name, value in covered)
    return "\n".join([*lines, resource + (f"?{query}" if query else "")]).encode()
