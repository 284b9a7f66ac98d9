"""Uploads by a form, as boto3 presigns them: what the policy allows is kept, and nothing else."""

import http.client
import json
from base64 import b64decode, b64encode
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.wire import form_uploads
from pairloom.testing.local_service import serving

CONTENT = b"a,b\r\n--\r\n1,2\r\n" * 100
FIELDS = {"Content-Type": "text/csv", "x-amz-meta-from": "a page", "success_action_status": "201"}
CONDITIONS = [
    ["starts-with", "$Content-Type", "text/"], {"x-amz-meta-from": "a page"}, ["content-length-range", 10, 5000],
    ["starts-with", "$success_action_status", ""], ["starts-with", "$success_action_redirect", ""],
]  # fmt: skip


@pytest.fixture(scope="module")
def local_service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "data"
    with open_service(folder) as service, serving(Application(service)) as found:
        for bucket in ("bucket", "other"):
            found.client("s3").create_bucket(Bucket=bucket)
        yield found


@pytest.fixture(scope="module")
def clients(local_service):
    """boto3's clients by the form of their signatures; making one takes longer than a test."""
    return {
        form: local_service.client("s3", config=Config(signature_version=form)) for form in ("s3", "s3v4")
    }


@pytest.fixture
def s3(clients):
    client = clients["s3v4"]
    yield client
    for kept in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=kept["Key"])


@pytest.fixture(params=["s3", "s3v4"])
def presigned(request, clients, s3):
    return clients[request.param].generate_presigned_post(
        "bucket", "in/${filename}", FIELDS, CONDITIONS, ExpiresIn=60
    )


def body_of(fields, content=CONTENT, filename="C:\\data\\ü.csv", boundary="----x"):
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: text/csv\r\n\r\n'
    return (
        "".join(parts).encode()
        + f"--{boundary}\r\n{head}".encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )


def post(url, body, boundary="----x"):
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    try:
        connection.request(
            "POST", where.path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def test_what_the_policy_allows_is_kept(presigned, s3):
    status, said, _ = post(presigned["url"], body_of(presigned["fields"]))
    assert status == 201, said
    assert "<Key>in/ü.csv</Key>".encode() in said
    found = s3.get_object(Bucket="bucket", Key="in/ü.csv")
    assert found["Body"].read() == CONTENT
    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {"from": "a page"})


@pytest.mark.parametrize(
    ("more", "status"),
    [({"success_action_status": "200"}, 200), ({"success_action_status": "no"}, 204),
     ({"success_action_redirect": "http://localhost/done?a=1"}, 303),
     ({"success_action_redirect": "javascript:1"}, 201)],
)  # fmt: skip
def test_the_answer_is_the_one_that_the_form_asks_for(more, status, presigned):
    got, _, headers = post(presigned["url"], body_of(presigned["fields"] | more))
    assert got == status
    if status == 303:
        assert headers["location"].startswith("http://localhost/done?a=1&bucket=bucket&key=in%2F")


def altered_policy(fields):
    policy = json.loads(b64decode(fields["policy"]))
    return {
        "policy": b64encode(json.dumps(policy | {"expiration": "2099-01-01T00:00:00Z"}).encode()).decode()
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda fields: {"key": "out/a"}, b"AccessDenied"),
        (lambda fields: {"Content-Type": "image/png"}, b"AccessDenied"),
        (lambda fields: {"x-amz-meta-from": "elsewhere"}, b"AccessDenied"),
        (lambda fields: {"x-amz-meta-more": "a"}, b"AccessDenied"),
        (lambda fields: {"policy": ""}, b"AccessDenied"),
        (altered_policy, b"SignatureDoesNotMatch"),
        (lambda fields: {name: "AKIAUNKNOWN" for name in fields if name == "AWSAccessKeyId"}
         or {"x-amz-credential": "AKIAUNKNOWN/20261121/us-east-1/s3/aws4_request"}, b"InvalidAccessKeyId"),
    ],
)  # fmt: skip
def test_what_the_policy_does_not_allow_is_not_kept(change, code, presigned, s3):
    fields = presigned["fields"]
    status, said, _ = post(presigned["url"], body_of(fields | change(fields)))
    assert 400 <= status < 500
    assert b"<Code>" + code in said
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")


@pytest.mark.parametrize(("n_bytes", "code"), [(9, b"EntityTooSmall"), (5001, b"EntityTooLarge")])
def test_a_file_of_another_size_is_not_kept(n_bytes, code, presigned, s3):
    status, said, _ = post(presigned["url"], body_of(presigned["fields"], b"x" * n_bytes))
    assert status == 400
    assert b"<Code>" + code in said
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")


def test_a_form_is_good_until_it_expires_and_for_its_bucket(presigned, local_service, s3):
    assert (
        b"<Code>AccessDenied"
        in post(presigned["url"].replace("/bucket", "/other"), body_of(presigned["fields"]))[1]
    )
    service = local_service.application.service
    clock, service.clock = service.clock, lambda: clock() + 61
    said = post(presigned["url"], body_of(presigned["fields"]))[1]
    service.clock = clock
    assert b"Policy expired" in said
    with pytest.raises(ClientError):
        s3.head_object(Bucket="bucket", Key="in/ü.csv")


@pytest.mark.parametrize(
    "body",
    [b"", b"text", b"------x\r\n", b"------x--\r\n",
     b"------x\r\n\r\n\r\n------x--\r\n", b"------x\r\n" + b"a" * 100_000,
     b'------x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 100_000,
     b'------x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n------x--\r\n',
     b'------x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n------x--\r\n'],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_what_is_no_form_or_unsigned(body, local_service, s3):
    status, said, _ = post(f"{local_service.url}/bucket", body)
    assert 400 <= status < 500
    assert b"<Code>" in said


def test_a_form_without_a_boundary(local_service, s3):
    assert b"must name its boundary" in post(f"{local_service.url}/bucket", b"", "")[1]


def test_a_file_has_a_limit_even_where_the_policy_has_none(local_service, s3, monkeypatch):
    monkeypatch.setattr(form_uploads, "LARGEST_FILE_BYTES", 1000)
    form = s3.generate_presigned_post("bucket", "key", ExpiresIn=60)
    assert post(form["url"], body_of(form["fields"], b"x" * 1000))[0] == 204
    assert b"<Code>EntityTooLarge" in post(form["url"], body_of(form["fields"], b"x" * 1001))[1]
