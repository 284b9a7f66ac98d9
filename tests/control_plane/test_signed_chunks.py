"""Bodies in aws-chunked form: AWS's published example, botocore's trailers, and what must not get through."""

import asyncio
import hashlib
from binascii import crc32
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import SECRET

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.signatures.canonical import sign, signing_key
from pairloom.control_plane.wire.signatures.chunks import EMPTY, Chunks, ChunkSigner
from pairloom.control_plane.wire.signatures.refusals import SignatureRefusedError

TIME, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
PIECES = (
    (b"a" * 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
)
CRC = {"x-amz-checksum-crc32": "AAAAAA=="}


def signer(seed=SEED):
    return ChunkSigner(signing_key(SECRET, SCOPE), TIME, SCOPE, seed)


def written(pieces):
    return b"".join(
        b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), name.encode(), data) for data, name in pieces
    )


def signed_chunks(pieces, trailers=None, seed=SEED):
    """Write pieces as a client would, from the definition of the chain."""
    key, previous, body = signing_key(SECRET, SCOPE), seed, b""
    for data in [*pieces, b""]:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{TIME}\n{SCOPE}\n{previous}\n{EMPTY}\n{hashlib.sha256(data).hexdigest()}"
        previous = sign(key, text.encode())
        body += b"%x;chunk-signature=%s\r\n" % (len(data), previous.encode())
        body += data + b"\r\n" if data or trailers is None else b""
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items()))
        text = f"AWS4-HMAC-SHA256-TRAILER\n{TIME}\n{SCOPE}\n{previous}\n{hashlib.sha256(lines.encode()).hexdigest()}"
        body += lines.replace("\n", "\r\n").encode()
        body += f"x-amz-trailer-signature:{sign(key, text.encode())}\r\n\r\n".encode()
    return body


def unsigned_chunks(pieces, trailers):
    body = b"".join(b"%X\r\n%s\r\n" % (len(data), data) for data in pieces) + b"0\r\n"
    return body + "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode() + b"\r\n"


def read(body, length, signed_by=None, announced=None, cuts=()):
    """Take a body apart that arrives in pieces; returns content and trailers."""
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    parts = [body[start:end] for start, end in pairwise(edges)]
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    trailers = {}

    async def receive():
        return messages.pop(0)

    chunks = Chunks(receive, length, signed_by, None if announced is None else frozenset(announced), trailers)

    async def run():
        content, more = b"", True
        while more:
            message = await chunks.receive()
            content, more = content + message["body"], message["more_body"]
        return content

    return asyncio.run(run()), trailers


def test_the_published_example():
    content, trailers = read(written(PIECES), 66560, signer(), cuts=[10, 70000])
    assert content == b"a" * 66560
    assert trailers == {}


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=4),
    st.lists(st.integers(0, 600), max_size=5),
    st.booleans(),
)
def test_pieces_however_they_arrive(pieces, cuts, with_trailer):
    content = b"".join(pieces)
    trailers = {"x-amz-checksum-crc32": str(crc32(content))} if with_trailer else None
    body = signed_chunks(pieces, trailers)
    assert read(body, len(content), signer(), trailers, cuts) == (content, trailers or {})
    if with_trailer:
        body = unsigned_chunks(pieces, trailers)
        assert read(body, len(content), None, trailers, cuts) == (content, trailers)


def test_a_trailer_may_follow_the_last_piece_alone():
    assert read(unsigned_chunks([], CRC), 0, None, CRC) == (b"", CRC)


@pytest.mark.parametrize("at", [3, 30, 90, 70_000 - 3_400, -80, -20])
def test_nothing_in_a_signed_body_can_be_changed(at):
    body = bytearray(written(PIECES))
    body[at] ^= 1
    with pytest.raises((AwsError, SignatureRefusedError)):
        read(bytes(body), 66560, signer())


def test_trailers_are_signed_too():
    body = signed_chunks([b"data"], CRC)
    read(body, 4, signer(), CRC)
    with pytest.raises(SignatureRefusedError):
        read(body.replace(b"AAAAAA==", b"AAAAAQ=="), 4, signer(), CRC)
    with pytest.raises(SignatureRefusedError):
        read(body[: body.index(b"x-amz-trailer-signature")] + b"\r\n", 4, signer(), CRC)


def test_pieces_of_another_request_do_not_fit():
    with pytest.raises(SignatureRefusedError):
        read(signed_chunks([b"data"]), 4, signer("0" * 64))


@pytest.mark.parametrize(
    ("body", "length", "announced", "code"),
    [
        (b"", 0, CRC, "IncompleteBody"),
        (b"4\r\nda", 4, CRC, "IncompleteBody"),
        (unsigned_chunks([b"data"], CRC), 5, CRC, "IncompleteBody"),
        (unsigned_chunks([b"data"], CRC), 3, CRC, "IncompleteBody"),
        (unsigned_chunks([b"data"], CRC) + b"more", 4, CRC, "InvalidRequest"),
        (unsigned_chunks([b"data"], {}), 4, CRC, "MalformedTrailerError"),
        (unsigned_chunks([b"data"], CRC), 4, {}, "MalformedTrailerError"),
        (unsigned_chunks([b"data"], CRC | {"x-amz-meta-a": "1"}), 4, CRC, "MalformedTrailerError"),
        (b"4\r\ndata0\r\n\r\n", 4, {}, "InvalidRequest"),
        (b"-4\r\ndata\r\n0\r\n\r\n", 4, {}, "InvalidRequest"),
        (b"4;chunk-signature=" + b"0" * 64 + b"\r\ndata\r\n0\r\n\r\n", 4, {}, "InvalidRequest"),
        (b"f" * 17 + b"\r\n", 4, {}, "InvalidRequest"),
        (b"f" * 16 + b"\r\n", 4, {}, "IncompleteBody"),
        (b"f" * 9000, 4, {}, "InvalidRequest"),
        (b"0\r\n" + b"a:b\r\n" * 2 + b"\r\n", 0, {"a"}, "InvalidRequest"),
        (b"0\r\n" + b"".join(b"a%d:b\r\n" % i for i in range(20)), 0, {"a"}, "InvalidRequest"),
    ],
)  # fmt: skip
def test_what_is_no_body_in_chunks(body, length, announced, code):
    with pytest.raises(AwsError) as caught:
        read(body, length, None, announced)
    assert caught.value.code == code


def test_a_signed_body_needs_signatures():
    with pytest.raises(AwsError):
        read(b"4\r\ndata\r\n0\r\n\r\n", 4, signer())
