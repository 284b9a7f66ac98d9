"""Contents on their way in: from pieces of a request to a staged file, checked against what was declared."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass

from pairloom.object_storage.checksums import ALGORITHMS, encoded, new_checksum
from pairloom.object_storage.errors import BadDigestError
from pairloom.object_storage.interface import Staged
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Request

__all__ = ["Declared", "Incoming", "LeftError", "checked_algorithm", "declared_of", "read_document"]

STEP_BYTES = 2 << 20
"""What is hashed and written at a time; two such pieces are in memory at most."""
LARGEST_PUT_BYTES = 5 << 30
LARGEST_XML_BYTES = 8 << 20
CHECKSUM = "x-amz-checksum-"
NOT_CHECKSUMS = ("x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-algorithm")
DIGEST_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "MD5": 16, "SHA1": 20, "SHA256": 32, "SHA512": 64}


class LeftError(Exception):
    """The client went away; nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a request says about its content before it comes."""

    n_bytes: int
    md5: str | None
    algorithm: str | None
    checksum: str | None
    """None for one that follows the content."""

    def check(self, staged: Staged, trailers: dict[str, str]) -> None:
        """Compare what came.

        Raises
        ------
        S3Fault
            ``IncompleteBody``, ``InvalidRequest`` for a checksum that did not come.
        BadDigestError
        """
        if staged.size_bytes != self.n_bytes:
            raise S3Fault(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header. "
                f"Expected {self.n_bytes}. Got {staged.size_bytes}.",
            )
        if self.md5 is not None and (got := staged.etag) != b64decode(self.md5).hex():
            raise BadDigestError("Content-MD5", expected=self.md5, got=got)
        if self.algorithm is None:
            return
        name = CHECKSUM + self.algorithm.lower()
        expected = self.checksum if self.checksum is not None else trailers.get(name)
        if expected is None:
            raise S3Fault("InvalidRequest", f"The trailer {name} was announced and did not come.")
        if (got := staged.checksums[self.algorithm]) != expected.strip():
            raise BadDigestError(self.algorithm, expected=expected[:100], got=got)


def declared_of(request: Request) -> Declared:
    """Read length, Content-MD5 and checksum; raises S3Fault for what is missing, too large or no digest."""
    headers = request.headers
    length = headers.get("content-length")
    if length is None or not (length.isascii() and length.isdigit()):
        raise S3Fault("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if len(length) > 18 or int(length) > LARGEST_PUT_BYTES:
        raise S3Fault(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=length[:40],
            MaxSizeAllowed=str(LARGEST_PUT_BYTES),
        )
    md5 = headers.get("content-md5")
    if md5 is not None and not _is_digest(md5, 16):
        raise S3Fault("InvalidDigest", "The Content-MD5 you specified was invalid.")
    algorithm, checksum = _declared_checksum(request)
    return Declared(int(length), md5, algorithm, checksum)


def _declared_checksum(request: Request) -> tuple[str | None, str | None]:
    given = [name for name in request.headers if name.startswith(CHECKSUM) and name not in NOT_CHECKSUMS]
    trailing = [name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",")]
    trailing = [name for name in trailing if name.startswith(CHECKSUM)]
    if not given and not trailing:
        return None, None
    if len(given) + len(trailing) > 1:
        raise S3Fault(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    name = (given or trailing)[0]
    algorithm = checked_algorithm(name.removeprefix(CHECKSUM).upper())
    value = request.headers[name].strip() if given else None
    if value is not None and not _is_digest(value, DIGEST_BYTES[algorithm]):
        raise S3Fault("InvalidRequest", f"Value for {name} header is invalid.")
    return algorithm, value


def checked_algorithm(name: str) -> str:
    """Return the name of a checksum's algorithm; raises S3Fault ``InvalidRequest``."""
    if name not in ALGORITHMS:
        raise S3Fault(
            "InvalidRequest",
            f"Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(sorted(ALGORITHMS))}]. Got '{name[:40]}'.",
        )
    return name


def _is_digest(text: str, n_bytes: int) -> bool:
    try:
        return len(b64decode(text, validate=True)) == n_bytes
    except (binascii.Error, ValueError):
        return False


class Incoming:
    """The content of a request in steps of some megabytes.

    Parameters
    ----------
    request : Request
    most : int
        Bytes that were announced.
    """

    def __init__(self, request: Request, most: int) -> None:
        self._request, self._most, self._n_bytes = request, most, 0
        self.is_last = False
        """Whether the last step was returned."""

    async def step(self) -> list[bytes]:
        """Return the next bytes, as the pieces that they came in.

        Raises
        ------
        LeftError
        S3Fault
            ``IncompleteBody`` if there are more than announced.
        Exception
            What `receive` raises in place of the last piece, when the content is not what was signed.
        """
        step: list[bytes] = []
        end = self._n_bytes + STEP_BYTES
        while not self.is_last and self._n_bytes < end:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise LeftError
            step.append(message.get("body", b""))
            self._n_bytes += len(step[-1])
            if self._n_bytes > self._most:
                raise S3Fault(
                    "IncompleteBody", f"The content must have the {self._most} bytes announced. Got more."
                )
            self.is_last = not message.get("more_body", False)
        return step


async def read_document(request: Request, *, has_checksum: bool = True) -> bytes:
    """Return the whole content of a request that is a document, checked against what was declared.

    Parameters
    ----------
    request : Request
    has_checksum : bool
        Whether a header with a checksum is about the document, and not about the object that it makes.

    Raises
    ------
    S3Fault
        ``MalformedXML`` for a huge one.
    BadDigestError
    """
    parts: list[bytes] = []
    n_bytes, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise LeftError
        parts.append(message.get("body", b""))
        n_bytes += len(parts[-1])
        if n_bytes > LARGEST_XML_BYTES:
            raise S3Fault(
                "MalformedXML", f"A document must have at most {LARGEST_XML_BYTES} bytes. Got more."
            )
        more = message.get("more_body", False)
    document = b"".join(parts)
    if has_checksum:
        _check_document(request, document)
    return document


def _check_document(request: Request, document: bytes) -> None:
    md5 = request.headers.get("content-md5")
    algorithm, checksum = _declared_checksum(request)
    declared: list[tuple[str, str | None]] = [("MD5", md5)] if md5 is not None else []
    if algorithm is not None:
        declared.append((algorithm, checksum or request.context.trailers.get(CHECKSUM + algorithm.lower())))
    for name, expected in declared:
        computed = new_checksum(name)
        computed.update(document)
        if expected is None or encoded(computed) != expected.strip():
            raise BadDigestError(name, expected=(expected or "")[:100], got=encoded(computed))
