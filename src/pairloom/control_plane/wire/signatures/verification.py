"""Signature Version 4 in the Authorization header or in the query: one way for both."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.signatures.canonical import (
    ALGORITHM,
    canonical_requests,
    sign,
    signing_key,
    string_to_sign,
)
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError

__all__ = ["Claim", "admitted", "claim_of", "verify"]

SKEW_S = 15 * 60
"""How far a client's clock may be off."""
LONGEST_PRESIGNED_S = 7 * 24 * 3600
HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
QUERY_NAMES = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires")
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says that it is from; nothing of it is believed yet.

    Parameters
    ----------
    access_key : str
    scope : str
        ``date/region/service/aws4_request``.
    signed_headers : tuple of str
    signature : str
    timestamp : str
        ``20261121T183000Z``.
    expires_s : int, optional
        For a presigned URL: how long it is good for.
    """

    access_key: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    expires_s: int | None = None

    @property
    def service(self) -> str:
        """Name of the service in the scope."""
        return self.scope.split("/")[2]

    @property
    def region(self) -> str:
        """Region in the scope."""
        return self.scope.split("/")[1]


def claim_of(head: RequestHead) -> Claim | None:
    """Read the claim of a request; None if it makes none.

    Raises
    ------
    SignatureRefusedError
        If it makes one that cannot be read.
    """
    authorization = head.header("authorization")
    if authorization:
        found = HEADER.fullmatch(authorization.strip())
        if found is None:
            raise SignatureRefusedError(
                "malformed",
                f"The Authorization header must be '{ALGORITHM} Credential=..., SignedHeaders=..., Signature=...'.",
            )
        return _claim(*found.groups(), timestamp=head.header("x-amz-date"), expires=None)
    if head.parameter("X-Amz-Algorithm") is None and head.parameter("X-Amz-Signature") is None:
        return None
    values = [head.parameter(name) for name in QUERY_NAMES]
    names = [name for name, _ in head.query]
    if head.parameter("X-Amz-Algorithm") != ALGORITHM or None in values or len(set(names)) < len(names):
        raise SignatureRefusedError(
            "malformed",
            f"A presigned URL must have X-Amz-Algorithm={ALGORITHM} and {', '.join(QUERY_NAMES)}, once each.",
        )
    credential, signed, signature, timestamp, expires = (value or "" for value in values)
    return _claim(credential, signed, signature, timestamp=timestamp, expires=expires)


def _claim(credential: str, signed: str, signature: str, *, timestamp: str, expires: str | None) -> Claim:
    access_key, _, scope = credential.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[3] != "aws4_request" or not all(parts):
        raise SignatureRefusedError(
            "malformed", "The credential must be ACCESS_KEY/DATE/REGION/SERVICE/aws4_request."
        )
    if not re.fullmatch(r"\d{8}T\d{6}Z", timestamp, re.ASCII) or timestamp[:8] != parts[0]:
        raise SignatureRefusedError(
            "malformed", "X-Amz-Date must be like 20261121T183000Z, of the day in the credential."
        )
    seconds = None
    if expires is not None:
        if not re.fullmatch(r"\d{1,6}", expires, re.ASCII) or not 0 < int(expires) <= LONGEST_PRESIGNED_S:
            raise SignatureRefusedError("malformed", f"X-Amz-Expires must be in [1, {LONGEST_PRESIGNED_S}].")
        seconds = int(expires)
    names = tuple(signed.split(";"))
    if list(names) != sorted({name.lower() for name in names}):
        raise SignatureRefusedError("malformed", "SignedHeaders must be in lower case, sorted, each once.")
    return Claim(access_key, scope, names, signature, timestamp, seconds)


def admitted(head: RequestHead, claim: Claim, secret_of: Callable[[str], str | None], now_s: float) -> bytes:
    """Check all of a claim that needs no body, so that none is read for a claim that cannot hold.

    Parameters
    ----------
    head : RequestHead
    claim : Claim
    secret_of : callable
        Secret of an access key; None if there is no such key.
    now_s : float
        Seconds since 1970.

    Returns
    -------
    bytes
        The key that the request and its chunks must be signed with.

    Raises
    ------
    SignatureRefusedError
        Unknown key, clock too far off, expired, or a header unsigned.
    """
    secret = secret_of(claim.access_key)
    if secret is None:
        raise SignatureRefusedError("unknown key")
    _check_time(claim, now_s)
    left_out = {name for name in head.headers if name.startswith("x-amz-")} | {"host"}
    left_out -= set(claim.signed_headers)
    if left_out:
        raise SignatureRefusedError(
            "malformed", f"These headers must be signed: {', '.join(sorted(left_out))[:512]}."
        )
    return signing_key(secret, claim.scope)


def verify(head: RequestHead, claim: Claim, key: bytes, payload_hash: str, *, is_s3: bool) -> None:
    """Check the signature of an admitted claim.

    Parameters
    ----------
    head : RequestHead
    claim : Claim
    key : bytes
        As `admitted` returned it.
    payload_hash : str
        What stands for the body in the text that is signed.
    is_s3 : bool

    Raises
    ------
    SignatureRefusedError
    """
    for request in canonical_requests(head, claim.signed_headers, payload_hash, is_s3=is_s3):
        signature = sign(key, string_to_sign(claim.timestamp, claim.scope, request))
        if hmac.compare_digest(signature, claim.signature):
            return
    raise SignatureRefusedError("wrong")


def _check_time(claim: Claim, now_s: float) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureRefusedError("malformed", f"{claim.timestamp} is no time.") from error
    signed_s = signed_at.timestamp()
    now = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    if signed_s > now_s + SKEW_S:
        raise SignatureRefusedError(
            "skewed", f"Signature not yet current: {claim.timestamp} is still later than {now}."
        )
    if claim.expires_s is not None and now_s >= signed_s + claim.expires_s:
        raise SignatureRefusedError(
            "expired", f"Signature expired: {claim.timestamp} and {claim.expires_s} s are before {now}."
        )
    if claim.expires_s is None and signed_s < now_s - SKEW_S:
        raise SignatureRefusedError(
            "skewed", f"Signature expired: {claim.timestamp} is now earlier than {now}."
        )
