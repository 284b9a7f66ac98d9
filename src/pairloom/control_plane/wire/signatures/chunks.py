"""Bodies in aws-chunked form: pieces with signatures of their own, checksums in trailers.

References
----------
AWS, "Signature calculations for the Authorization header: transferring a payload in multiple chunks", and "... with
trailing headers".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.request import Receive
from pairloom.control_plane.wire.signatures.canonical import ALGORITHM, sign
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError

__all__ = ["FORMS", "ChunkSigner", "Chunks"]

FORMS = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}
"""Whether pieces are signed, and whether trailers follow, by x-amz-content-sha256."""
EMPTY = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 8192
MAX_TRAILERS = 16
SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
TRAILER_SIGNATURE = "x-amz-trailer-signature"


@dataclass(slots=True)
class ChunkSigner:
    """The chain of signatures that begins with the one of the head.

    Parameters
    ----------
    key : bytes
    timestamp, scope : str
        As the head was signed with.
    previous : str
        Signature before the next piece.
    """

    key: bytes
    timestamp: str
    scope: str
    previous: str

    def check(self, kind: str, hashes: str, claimed: str) -> None:
        """Check the next signature: of a piece (PAYLOAD) or of the trailers (TRAILER).

        Raises
        ------
        SignatureRefusedError
        """
        text = f"{ALGORITHM}-{kind}\n{self.timestamp}\n{self.scope}\n{self.previous}\n{hashes}".encode()
        expected = sign(self.key, text)
        if not hmac.compare_digest(expected, claimed):
            raise SignatureRefusedError("wrong")
        self.previous = expected


class Chunks:
    """Takes the chunks apart: `receive` gives the content, and no last piece unless everything was right.

    Parameters
    ----------
    receive : callable
        Of the body as it was sent.
    length : int
        Bytes that the content must have (x-amz-decoded-content-length).
    signer : ChunkSigner or None
        None for pieces without signatures.
    announced : frozenset of str or None
        Names of the trailers (x-amz-trailer), all of which must come; None if none may.
    trailers : dict
        Filled before the last piece is given.
    """

    def __init__(
        self,
        receive: Receive,
        length: int,
        signer: ChunkSigner | None,
        announced: frozenset[str] | None,
        trailers: dict[str, str],
    ) -> None:
        self._receive, self._signer, self._announced, self._trailers = receive, signer, announced, trailers
        self._length, self._n_given = length, 0
        self._buffer, self._more = bytearray(), True
        self._left, self._claimed = 0, ""
        self._hash = hashlib.sha256()
        self._step = self._read_size
        self._done = False

    async def receive(self) -> Any:
        """Return the next piece, as ASGI's receive does."""
        given: list[bytes] = []
        while not self._done:
            if not self._step(given):
                if given:
                    break
                if not self._more:
                    raise _incomplete("The body ended within a chunk.")
                message = await self._receive()
                if message["type"] != "http.request":
                    return message
                self._buffer += message.get("body", b"")
                self._more = message.get("more_body", False)
        return {"type": "http.request", "body": b"".join(given), "more_body": not self._done}

    def _read_size(self, given: list[bytes]) -> bool:
        line = self._line()
        if line is None:
            return False
        found = SIZE_LINE.fullmatch(line)
        if found is None or (found[2] is None) is not (self._signer is None):
            raise _malformed(
                "A chunk must begin with its size" + (" and its signature." if self._signer else ".")
            )
        self._left, self._claimed = int(found[1], 16), (found[2] or b"").decode()
        self._n_given += self._left
        if self._n_given > self._length:
            raise _incomplete(
                f"The content must have {self._length} bytes, as x-amz-decoded-content-length says."
            )
        if self._left:
            self._step = self._read_content
        else:
            self._check_piece()
            self._step = self._read_trailers
        return True

    def _read_content(self, given: list[bytes]) -> bool:
        if not self._buffer:
            return False
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: len(piece)]
        self._left -= len(piece)
        if self._signer:
            self._hash.update(piece)
        given.append(piece)
        if not self._left:
            self._step = self._read_end
        return True

    def _read_end(self, given: list[bytes]) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise _malformed("A chunk must be as long as it says.")
        del self._buffer[:2]
        self._check_piece()
        self._step = self._read_size
        return True

    def _check_piece(self) -> None:
        if self._signer:
            self._signer.check("PAYLOAD", f"{EMPTY}\n{self._hash.hexdigest()}", self._claimed)
            self._hash = hashlib.sha256()

    def _read_trailers(self, given: list[bytes]) -> bool:
        if not self._buffer and not self._more and self._announced is None:
            line: bytes | None = b""  # some clients leave out the last line
        else:
            line = self._line()
        if line is None:
            return False
        if line:
            name, colon, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            if not colon or name in self._trailers or len(self._trailers) >= MAX_TRAILERS:
                raise _malformed("A trailer must be NAME:VALUE, each once.")
            self._trailers[name] = value.strip()
            return True
        self._end()
        return True

    def _end(self) -> None:
        if self._n_given < self._length:
            raise _incomplete(f"The content must have {self._length} bytes. Got {self._n_given}.")
        if self._buffer:
            raise _malformed("Nothing must follow the last chunk.")
        signature = self._trailers.pop(TRAILER_SIGNATURE, "")
        if set(self._trailers) != (self._announced or set()):
            raise AwsError("MalformedTrailerError", "The trailers must be those that x-amz-trailer names.")
        if self._signer and self._announced is not None:
            written = "".join(f"{name}:{self._trailers[name]}\n" for name in sorted(self._trailers))
            self._signer.check("TRAILER", hashlib.sha256(written.encode("latin-1")).hexdigest(), signature)
        self._done = True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._buffer) >= LONGEST_LINE:
                raise _malformed("A line between chunks is too long.")
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line


def _malformed(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteBody", message)
