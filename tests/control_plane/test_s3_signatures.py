"""Signed requests to S3 in every form, down to the object store: what is not as it was signed is not kept."""

import hashlib
import http.client
from base64 import b64encode
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pairloom.control_plane.wire.signatures.canonical import sign, signing_key
from pairloom.control_plane.wire.signatures.chunks import EMPTY

CONTENT = b"content of an object " * 1000
CHECKSUM = {"x-amz-checksum-crc32": b64encode(crc32(CONTENT).to_bytes(4, "big")).decode()}
SIGNED, SIGNED_WITH_TRAILER, UNSIGNED_WITH_TRAILER = (
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
)


@pytest.fixture
def s3(local_service):
    client = local_service.client("s3")
    client.create_bucket(Bucket="bucket")
    return client


def send(local_service, method, url, body=b"", headers=None):
    """Send a request as it is; returns status and body."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    try:
        connection.request(
            method, f"{where.path}?{where.query}" if where.query else where.path, body, headers or {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def put_in_chunks(local_service, form, write_body):
    """Sign the head as botocore does, and the body from the definition; `write_body(key, time, scope, seed)`."""
    keys = local_service.application.service.credentials
    headers = {"x-amz-content-sha256": form, "content-encoding": "aws-chunked"}
    headers["x-amz-decoded-content-length"] = str(len(CONTENT))
    if form.endswith("TRAILER"):
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    request = AWSRequest("PUT", f"{local_service.url}/bucket/key", headers=headers)
    signer = S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", "us-east-1")
    signer.payload = lambda _: form
    signer.add_auth(request)
    time = request.headers["X-Amz-Date"]
    scope = f"{time[:8]}/us-east-1/s3/aws4_request"
    seed = request.headers["Authorization"].rpartition("=")[2]
    body = write_body(signing_key(keys.secret_key, scope), time, scope, seed)
    return send(local_service, "PUT", request.url, body, dict(request.headers.items()))


def signed_body(trailers=None, content=CONTENT, change=lambda body: body):
    def write(key, time, scope, previous):
        body = b""
        for piece in (content[:8192], content[8192:], b""):
            digest = hashlib.sha256(piece).hexdigest()
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{time}\n{scope}\n{previous}\n{EMPTY}\n{digest}"
            previous = sign(key, text.encode())
            body += b"%x;chunk-signature=%s\r\n%s" % (len(piece), previous.encode(), piece)
            body += b"\r\n" if piece or trailers is None else b""
        if trailers is not None:
            lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
            digest = hashlib.sha256(lines.encode()).hexdigest()
            text = f"AWS4-HMAC-SHA256-TRAILER\n{time}\n{scope}\n{previous}\n{digest}"
            body += f"{lines}x-amz-trailer-signature:{sign(key, text.encode())}\n\n".replace(
                "\n", "\r\n"
            ).encode()
        return change(body)

    return write


def unsigned_body(trailers, content=CONTENT):
    def write(*_):
        lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode()
        return b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(content), content, lines)

    return write


FORMS = [
    (SIGNED, signed_body()),
    (SIGNED_WITH_TRAILER, signed_body(CHECKSUM)),
    (UNSIGNED_WITH_TRAILER, unsigned_body(CHECKSUM)),
]


@pytest.mark.parametrize(
    ("form", "write_body"), FORMS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_body_in_chunks_is_kept_as_its_content(form, write_body, local_service, s3):
    assert put_in_chunks(local_service, form, write_body) == (200, b"")
    found = s3.get_object(Bucket="bucket", Key="key")
    assert found["Body"].read() == CONTENT
    assert found["ContentLength"] == len(CONTENT)
    assert "aws-chunked" not in found.get("ContentEncoding", "")


@pytest.mark.parametrize(
    ("form", "write_body", "code"),
    [
        (SIGNED, signed_body(change=lambda body: body.replace(b"object", b"abject", 1)), b"SignatureDoesNotMatch"),
        (SIGNED, signed_body(change=lambda body: body[: body.rindex(b"0;")]), b"IncompleteBody"),
        (SIGNED, signed_body(change=lambda body: body[:-68] + b"0" * 64 + body[-4:]), b"SignatureDoesNotMatch"),
        (SIGNED_WITH_TRAILER, signed_body(CHECKSUM, change=lambda body: body[:-40]), b"IncompleteBody"),
        (SIGNED_WITH_TRAILER, signed_body({"x-amz-checksum-crc32": "AAAAAA=="}), b"BadDigest"),
        (UNSIGNED_WITH_TRAILER, unsigned_body({"x-amz-checksum-crc32": "AAAAAA=="}), b"BadDigest"),
        (UNSIGNED_WITH_TRAILER, unsigned_body(CHECKSUM, CONTENT[:-1]), b"IncompleteBody"),
        (UNSIGNED_WITH_TRAILER, unsigned_body(CHECKSUM, CONTENT + b"x"), b"IncompleteBody"),
        (UNSIGNED_WITH_TRAILER, unsigned_body({}), b"MalformedTrailerError"),
    ],
)  # fmt: skip
def test_a_body_in_chunks_that_is_not_as_it_was_signed_is_not_kept(form, write_body, code, local_service, s3):
    status, said = put_in_chunks(local_service, form, write_body)
    assert 400 <= status < 500
    assert b"<Code>" + code in said
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bucket", Key="key")
    s3.put_object(Bucket="bucket", Key="key", Body=b"the service goes on")


def test_a_body_with_another_hash_is_not_kept(local_service, s3):
    keys = local_service.application.service.credentials
    request = AWSRequest("PUT", f"{local_service.url}/bucket/key", data=CONTENT)
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    status, said = send(local_service, "PUT", request.url, CONTENT[:-1] + b"x", headers)
    assert status == 400
    assert b"<Code>XAmzContentSHA256Mismatch</Code>" in said
    assert send(local_service, "GET", f"{local_service.url}/bucket/key")[0] == 403
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bucket", Key="key")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_good_for_what_it_names_until_it_expires(version, local_service, s3):
    s3.put_object(Bucket="bucket", Key="a key/ü+", Body=CONTENT)
    s3.put_object(Bucket="bucket", Key="other", Body=b"")
    signing = local_service.client("s3", config=Config(signature_version=version))
    url = signing.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a key/ü+"}, ExpiresIn=60)
    assert ("X-Amz-Signature" in url) == (version == "s3v4")
    assert send(local_service, "GET", url) == (200, CONTENT)
    path, query = url.removeprefix(local_service.url).split("?")
    other = f"{local_service.url}/bucket/other?{query}"
    assert b"<Code>SignatureDoesNotMatch</Code>" in send(local_service, "GET", other)[1]
    for method in ("PUT", "DELETE"):
        assert send(local_service, method, url)[0] == 403
    assert send(local_service, "GET", f"{url}&versionId=1")[0] == 403
    assert send(local_service, "GET", f"{local_service.url}{path}")[0] == 403
    service = local_service.application.service
    clock, service.clock = service.clock, lambda: clock() + 61
    status, said = send(local_service, "GET", url)
    service.clock = clock
    assert status == 403
    assert b"<Message>Request has expired</Message>" in said


def test_a_presigned_url_may_carry_a_body(local_service, s3):
    signing = local_service.client("s3", config=Config(signature_version="s3v4"))
    url = signing.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "key"}, ExpiresIn=60)
    assert send(local_service, "PUT", url, CONTENT)[0] == 200
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == CONTENT


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_operation_other_than_s3_may_be_presigned(method, local_service):
    url = local_service.client("sts").generate_presigned_url(
        "get_caller_identity", ExpiresIn=60, HttpMethod=method
    )
    status, said = send(local_service, method, url)
    assert status == 200
    assert b"<Account>000000000000</Account>" in said
    assert send(local_service, method, url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))[0] == 403
    assert send(local_service, "PUT", url)[0] == 403
