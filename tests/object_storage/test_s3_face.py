"""The face by itself: what no well-behaved client sends, and what goes wrong in the middle."""

import asyncio
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import pytest

from pairloom.object_storage.errors import StorageFullError
from pairloom.object_storage.s3_face import S3Face

MIB = 1 << 20


@dataclass
class Context:
    request_id: str = "the-request"
    region: str = "us-east-1"
    trailers: dict = field(default_factory=dict)


@dataclass
class Response:
    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        return ET.fromstring(self.body).findtext("Code")


class Client:
    """Calls the face as the wire does."""

    def __init__(self, face):
        self.face = face

    def __call__(self, method, path, body=b"", *, query="", pieces=None, fault=None, trailers=(), **headers):
        pieces = [body] if pieces is None else pieces
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("content-length", str(sum(map(len, pieces))))
        return asyncio.run(self._call(method, path, query, pieces, fault, dict(trailers), named))

    async def _call(self, method, path, query, pieces, fault, trailers, headers):
        context = Context()
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value is not None],
            "pairloom": context,
        }  # fmt: skip
        left, sent = list(pieces), []

        async def receive():
            if len(left) == 1 and fault is not None:
                raise fault
            if not left:
                return {"type": "http.disconnect"}
            piece = left.pop(0)
            if not left:
                context.trailers.update(trailers)
            return {"type": "http.request", "body": piece, "more_body": bool(left) or piece is LEAVES}

        async def send(message):
            sent.append(message)

        await self.face(scope, receive, send)
        if not sent:
            return None
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Response(
            sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
        )


LEAVES = bytes(1000)
"""After this piece the client is gone."""


@pytest.fixture
def call(folder_store):
    folder_store.create_bucket("bucket")
    face = S3Face(folder_store)
    yield Client(face)
    face.close()


def files(folder_store):
    return [path for path in (folder_store.folder / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("n_pieces", [1, 2, 80])
def test_content_that_is_not_what_was_signed(call, folder_store, n_pieces):
    pieces = [bytes(100_000)] * n_pieces + [b"last"]
    with pytest.raises(RuntimeError, match="forged"):
        call("PUT", "/bucket/key", pieces=pieces, fault=RuntimeError("forged"))
    assert folder_store.list("bucket").objects == []
    assert files(folder_store) == []


@pytest.mark.parametrize("n_pieces", [0, 80])
def test_client_that_leaves(call, folder_store, n_pieces):
    folder_store.put("bucket", "key", b"old")
    length = str(10 * MIB)
    assert (
        call("PUT", "/bucket/key", pieces=[bytes(100_000)] * n_pieces + [LEAVES], content_length=length)
        is None
    )
    assert folder_store.open("bucket", "key").read() == b"old"
    assert len(files(folder_store)) == 1


@pytest.mark.parametrize("size", [10, 5 * MIB])
def test_wrong_lengths(call, folder_store, size):
    short = call("PUT", "/bucket/key", bytes(size - 1), content_length=str(size))
    assert (short.status, short.code) == (400, "IncompleteBody")
    long = call("PUT", "/bucket/key", pieces=[bytes(size), b"1"], content_length=str(size))
    assert (long.status, long.code) == (400, "IncompleteBody")
    none = call("PUT", "/bucket/key", b"", content_length=None)
    assert none.status == 411
    assert (none.status, none.code) == (411, "MissingContentLength")
    huge = call("PUT", "/bucket/key", b"", content_length=str(6 << 30))
    assert (huge.status, huge.code) == (400, "EntityTooLarge")
    assert folder_store.list("bucket").objects == []
    assert files(folder_store) == []


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME", "CRC32", "SHA1", "SHA256", "SHA512", "MD5"])
@pytest.mark.parametrize("pieces", [[b"0123456789"], [bytes(MIB)] * 5])
def test_trailing_checksums(call, folder_store, algorithm, pieces):
    with folder_store.stage([algorithm]) as staged:
        staged.write(*pieces)
        expected = staged.checksums[algorithm]
    name = f"x-amz-checksum-{algorithm.lower()}"
    put = call("PUT", "/bucket/key", pieces=pieces, x_amz_trailer=name, trailers={name: expected})
    assert (put.status, put.headers[name]) == (200, expected)
    got = call("GET", "/bucket/key", x_amz_checksum_mode="ENABLED")
    assert (got.headers[name], got.headers["x-amz-checksum-type"]) == (expected, "FULL_OBJECT")
    assert got.body == b"".join(pieces)
    wrong = call("PUT", "/bucket/other", pieces=pieces, x_amz_trailer=name, trailers={name: expected[::-1]})
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    absent = call("PUT", "/bucket/other", pieces=pieces, x_amz_trailer=name)
    assert (absent.status, absent.code) == (400, "InvalidRequest")
    assert call("GET", "/bucket/other").status == 404


def test_known_checksums(call):
    """The values that the catalogue of CRC algorithms gives for 123456789, most significant byte first."""
    for name, value in {"crc32": "y/Q5Jg==", "crc32c": "4waSgw==", "crc64nvme": "rosUhgp5mIg="}.items():
        put = call("PUT", "/bucket/key", b"123456789", **{f"x_amz_checksum_{name}": value})
        assert put.status == 200
        assert (
            call("PUT", "/bucket/key", b"12345678", **{f"x_amz_checksum_{name}": value}).code == "BadDigest"
        )
    plain = call("PUT", "/bucket/key", b"123456789")
    assert plain.headers["x-amz-checksum-crc64nvme"] == "rosUhgp5mIg="
    two = call("PUT", "/bucket/key", b"1", x_amz_checksum_crc32="y/Q5Jg==", x_amz_checksum_crc32c="4waSgw==")
    assert (two.status, two.code) == (400, "InvalidRequest")
    unknown = call("PUT", "/bucket/key", b"1", x_amz_checksum_xxhash3="y/Q5Jg==")
    assert (unknown.status, unknown.code) == (400, "InvalidRequest")


HOSTILE = [
    b"", b"<", b"not xml", b"<Delete>", b"<Other/>", b"<Delete/>", b"<Delete>" * 100_000,
    "<Delete>\ud7ff".encode("utf-16"),
    b'<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    b'<?xml version="1.0"?><!DOCTYPE Delete SYSTEM "file:///etc/passwd"><Delete/>',
    b"<Delete><Object><Key>\xff</Key></Object></Delete>",
    b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>",
    b"<Delete>" + b" " * (9 * MIB) + b"</Delete>",
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_documents(call, body):
    for method, path, query in [
        ("POST", "/bucket", "delete"),
        ("PUT", "/bucket/key", "tagging"),
        ("PUT", "/bucket", "tagging"),
        ("POST", "/bucket/key", "uploadId=1"),
    ]:
        answer = call(method, path, body, query=query)
        assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "code"),
    [
        ("GET", "/bucket/%ff", "", 400, "InvalidURI"),
        ("GET", "/bucket", "prefix=%ff", 400, "InvalidURI"),
        ("GET", "/bucket", "max-keys=-1", 400, "InvalidArgument"),
        ("GET", "/bucket", "max-keys=%C2%B2", 400, "InvalidArgument"),
        ("GET", "/bucket", "encoding-type=base64", 400, "InvalidArgument"),
        ("GET", "/bucket", "list-type=2&continuation-token=!", 400, "InvalidArgument"),
        ("GET", "/..%2f..%2fetc/passwd", "", 404, "NoSuchBucket"),
        ("PUT", "/..", "", 400, "InvalidBucketName"),
        ("GET", "/bucket/key", "torrent", 501, "NotImplemented"),
        ("PUT", "/bucket", "policy", 501, "NotImplemented"),
        ("DELETE", "/bucket", "lifecycle", 501, "NotImplemented"),
        ("POST", "/bucket/key", "", 405, "MethodNotAllowed"),
        ("PATCH", "/bucket", "", 405, "MethodNotAllowed"),
        ("DELETE", "/", "", 405, "MethodNotAllowed"),
        ("PUT", "/bucket/key", "partNumber=0&uploadId=1", 404, "NoSuchUpload"),
        ("PUT", "/bucket/key", "partNumber=1", 501, "NotImplemented"),
    ],
)
def test_refusals(call, method, path, query, status, code):
    answer = call(method, path, query=query)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["x-amz-request-id"] == "the-request"
    assert ET.fromstring(answer.body).findtext("RequestId") == "the-request"


def test_part_numbers(call, folder_store):
    upload = folder_store.create_upload("bucket", "key")
    for number in ("0", "10001"):
        answer = call("PUT", "/bucket/key", b"1", query=f"partNumber={number}&uploadId={upload.upload_id}")
        assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_control_characters_in_lists(call, folder_store):
    folder_store.put("bucket", "a\x01<&>\r", b"")
    plain = call("GET", "/bucket").body
    assert b"<Key>a&#x1;&lt;&amp;&gt;&#xd;</Key>" in plain
    assert b"<Key>a%01%3C%26%3E%0D</Key>" in call("GET", "/bucket", query="encoding-type=url").body


def test_headers_from_the_query_stay_one_line(call, folder_store):
    folder_store.put("bucket", "key", b"")
    got = call(
        "GET",
        "/bucket/key",
        query="response-content-disposition=a%0D%0ASet-Cookie:%20b&response-expires=%E4%B8%AD",
    )
    assert got.headers["content-disposition"] == "a  Set-Cookie: b"
    assert got.headers["expires"] == "?"


def test_full_disk(call, folder_store, monkeypatch):
    def refuse(*_, **__):
        raise StorageFullError("Object store: no room.")

    folder_store.put("bucket", "key", b"old")
    monkeypatch.setattr(type(folder_store), "keep", refuse)
    answer = call("PUT", "/bucket/key", b"new")
    assert (answer.status, answer.code) == (507, "InsufficientStorage")
    assert folder_store.open("bucket", "key").read() == b"old"


def test_lost_file(call, folder_store, caplog):
    folder_store.put("bucket", "key", b"old")
    files(folder_store)[0].unlink()
    answer = call("GET", "/bucket/key")
    assert (answer.status, answer.code) == (500, "InternalError")
    assert "The file is gone" in caplog.text
    assert str(folder_store.folder) not in answer.body.decode()
