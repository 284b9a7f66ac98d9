"""What the object store's face gets of a verified request: a plain path-style one, its body checked on the way.

The face is called with a copy of the ASGI scope in which

- path and raw_path are path-style, ``/bucket/key``, also when the bucket stood in the Host;
- headers are those of the request without aws-chunked: Content-Encoding without it, Content-Length that of the content;
- ``scope["pairloom"]`` is an `S3Context`.

`receive` gives the content piece by piece. When the content is not what was signed, it raises AwsError *instead of the
last piece*: what was written so far must be thrown away and the error let through; the wire answers it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.request import Receive, RequestHead, Scope
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError, refusal
from pairloom.control_plane.wire.signatures.verification import UNSIGNED_PAYLOAD, Claim, Verified

__all__ = ["S3Context", "checked", "payload_hash_of", "s3_scope"]

HOSTED = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]*)\.(?:s3[.-].*amazonaws\.com|s3\.localhost|localhost)(?::\d+)?"
)
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class S3Context:
    """What the wire knows of a request.

    Parameters
    ----------
    access_key : str
        Whose request it is.
    request_id : str
    region : str
        Region that the client signed for.
    trailers : dict
        Headers that follow the body (``x-amz-checksum-crc32``), in lower case; filled with the last piece.
    """

    access_key: str
    request_id: str
    region: str
    trailers: dict[str, str] = field(default_factory=dict[str, str])


def payload_hash_of(head: RequestHead, claim: Claim) -> str:
    """Return what stands for the body in the text that is signed.

    Raises
    ------
    SignatureRefusedError
        If it is missing or of no known form.
    """
    declared = head.header("x-amz-content-sha256")
    if not declared and claim.expires_s is not None:
        return UNSIGNED_PAYLOAD
    if SHA256.fullmatch(declared) or declared == UNSIGNED_PAYLOAD:
        return declared
    raise SignatureRefusedError("malformed", "Missing or unknown form of the header x-amz-content-sha256.")


def checked(receive: Receive, payload_hash: str) -> Receive:
    """Let a body through that has the hash it was signed with."""
    if payload_hash == UNSIGNED_PAYLOAD:
        return receive
    digest = hashlib.sha256()

    async def receive_checked() -> Any:
        message = await receive()
        if message["type"] == "http.request":
            digest.update(message.get("body", b""))
            if not message.get("more_body", False) and digest.hexdigest() != payload_hash:
                raise refusal("s3", SignatureRefusedError("body"))
        return message

    return receive_checked


def s3_scope(scope: Scope, head: RequestHead, verified: Verified, request_id: str) -> Scope:
    """Return the scope that the face gets."""
    context = S3Context(verified.claim.access_key, request_id, verified.claim.region)
    raw_path = head.raw_path
    if (hosted := HOSTED.fullmatch(head.header("host").lower())) and hosted["bucket"] != "s3":
        raw_path = f"/{hosted['bucket']}{raw_path}"
    path = RequestHead(head.method, raw_path, (), {}).path
    if "\x00" in path:
        raise AwsError("InvalidURI", "A key must hold no NUL character.")
    return {**scope, "path": path, "raw_path": raw_path.encode(), "pairloom": context}
