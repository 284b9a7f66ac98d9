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
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.request import Receive, RequestHead, Scope
from pairloom.control_plane.wire.signatures.chunks import FORMS, Chunks, ChunkSigner
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError, refusal
from pairloom.control_plane.wire.signatures.verification import UNSIGNED_PAYLOAD, Claim, admitted, verify
from pairloom.control_plane.wire.signatures.version2 import OlderClaim, verify_older

__all__ = ["S3Context", "path_style", "verified_s3"]

BUCKET = r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
REGION = r"(?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d+"
HOSTED = tuple(
    re.compile(rf"{BUCKET}\.{ending}(?::\d+)?")
    for ending in (rf"s3(?:[.-]{REGION})?\.amazonaws\.com(?:\.cn)?", r"s3\.localhost", "localhost")
)
"""Hosts that begin with a bucket."""
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
        Region that the client signed for; empty for presigned URLs in the older form.
    trailers : dict
        Headers that follow the body (``x-amz-checksum-crc32``), in lower case; filled with the last piece.
    """

    access_key: str
    request_id: str
    region: str
    trailers: dict[str, str] = field(default_factory=dict[str, str])


def verified_s3(
    scope: Scope,
    head: RequestHead,
    claim: Claim | OlderClaim,
    receive: Receive,
    *,
    secret_of: Callable[[str], str | None],
    now_s: float,
    request_id: str,
) -> tuple[Scope, Receive]:
    """Verify a request to S3 and make of it what the face gets.

    Raises
    ------
    SignatureRefusedError, AwsError
    """
    raw_path = path_style(head)
    context = S3Context(claim.access_key, request_id, "" if isinstance(claim, OlderClaim) else claim.region)
    if isinstance(claim, OlderClaim):
        verify_older(head, claim, secret_of, now_s, raw_path)
    else:
        payload_hash = _payload_hash(head, claim)
        key = admitted(head, claim, secret_of, now_s)
        verify(head, claim, key, payload_hash, is_s3=True)
        if payload_hash in FORMS:
            signer = ChunkSigner(key, claim.timestamp, claim.scope, claim.signature)
            receive = _unchunked(head, receive, signer, payload_hash, context)
        else:
            receive = _checked(receive, payload_hash)
    path = RequestHead(head.method, raw_path, (), {}).path
    if "\x00" in path:
        raise AwsError("InvalidURI", "A key must hold no NUL character.")
    headers = _headers_of_content(scope["headers"], head)
    return {
        **scope,
        "path": path,
        "raw_path": raw_path.encode(),
        "headers": headers,
        "pairloom": context,
    }, receive


def path_style(head: RequestHead) -> str:
    """Return the path as it was sent, with the bucket in front if it stood in the Host."""
    host = head.header("host").lower()
    hosted = next(filter(None, (pattern.fullmatch(host) for pattern in HOSTED)), None)
    return f"/{hosted['bucket']}{head.raw_path}" if hosted else head.raw_path


def _payload_hash(head: RequestHead, claim: Claim) -> str:
    """Return what stands for the body in the text that is signed."""
    declared = head.header("x-amz-content-sha256") or head.parameter("X-Amz-Content-Sha256") or ""
    if not declared and claim.expires_s is not None:
        return UNSIGNED_PAYLOAD
    if SHA256.fullmatch(declared) or declared == UNSIGNED_PAYLOAD or declared in FORMS:
        return declared
    forms = ", ".join(["a SHA-256 in hexadecimal", UNSIGNED_PAYLOAD, *FORMS])
    raise AwsError("InvalidRequest", f"x-amz-content-sha256 must be one of {forms}. Got '{declared[:80]}'.")


def _unchunked(
    head: RequestHead, receive: Receive, signer: ChunkSigner, form: str, context: S3Context
) -> Receive:
    signed, with_trailers = FORMS[form]
    length = head.header("x-amz-decoded-content-length")
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise AwsError("MissingContentLength", "x-amz-decoded-content-length must be a number of bytes.", 411)
    announced = frozenset(
        filter(None, (name.strip().lower() for name in head.header("x-amz-trailer").split(",")))
    )
    chunks = Chunks(
        receive,
        int(length),
        signer if signed else None,
        announced if with_trailers else None,
        context.trailers,
    )

    async def receive_content() -> Any:
        try:
            return await chunks.receive()
        except SignatureRefusedError as error:
            raise refusal("s3", error) from error

    return receive_content


def _checked(receive: Receive, payload_hash: str) -> Receive:
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


def _headers_of_content(headers: list[tuple[bytes, bytes]], head: RequestHead) -> list[tuple[bytes, bytes]]:
    encodings = [each.strip() for each in head.header("content-encoding").split(",")]
    chunked = head.header("x-amz-content-sha256") in FORMS
    if not chunked and "aws-chunked" not in encodings:
        return headers
    left = ", ".join(each for each in encodings if each and each != "aws-chunked")
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() != b"content-encoding" and not (chunked and name.lower() == b"content-length")
    ]
    if left:
        kept.append((b"content-encoding", left.encode("latin-1")))
    if chunked:
        kept.append((b"content-length", head.header("x-amz-decoded-content-length").encode()))
    return kept
