"""The text that a signature is made over.

References
----------
AWS, "Create a signed AWS API request", Signature Version 4.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, unquote

from pairloom.control_plane.wire.request import RequestHead

__all__ = ["ALGORITHM", "canonical_requests", "sign", "signing_key", "string_to_sign"]

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"


def canonical_requests(
    head: RequestHead, signed_headers: Iterable[str], payload_hash: str, *, is_s3: bool
) -> Iterator[bytes]:
    """Yield the texts that a client may have signed for this request.

    Clients agree on all but what to do with characters of a path to S3 that need no percent-encoding and have one, or
    the other way round: it is taken as it was sent, then in normal form. Both name the same key.

    Parameters
    ----------
    head : RequestHead
    signed_headers : iterable of str
        Lower case, sorted.
    payload_hash : str
        SHA-256 of the body in hexadecimal, or the word that stands for it.
    is_s3 : bool
        S3 signs a path as it is; elsewhere its dots and double slashes go and it is percent-encoded once more.
    """
    names = list(signed_headers)
    headers = "".join(f"{name}:{' '.join(head.header(name).split())}\n" for name in names)
    tail = f"{headers}\n{';'.join(names)}\n{payload_hash}".encode("latin-1")
    normal = quote(unquote(head.raw_path), safe="/" + UNRESERVED)
    paths = (head.raw_path, normal) if is_s3 else (quote(_without_dots(head.raw_path), safe="/~"),)
    pairs = sorted(
        (quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in head.query
    )
    query = "&".join(f"{name}={value}" for name, value in pairs if name != "X-Amz-Signature")
    for path in dict.fromkeys(paths):
        yield f"{head.method}\n{path}\n{query}\n".encode("latin-1") + tail


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    ending = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + ending


def string_to_sign(timestamp: str, scope: str, canonical_request: bytes) -> bytes:
    """Return the four lines that are signed."""
    digest = hashlib.sha256(canonical_request).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}".encode()


@lru_cache(maxsize=64)
def signing_key(secret_key: str, scope: str) -> bytes:
    """Derive the key of a day, region and service from `scope`: ``20261121/us-east-1/s3/aws4_request``."""
    key = b"AWS4" + secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: bytes) -> str:
    """Return a signature in hexadecimal."""
    return hmac.digest(key, text, "sha256").hex()
