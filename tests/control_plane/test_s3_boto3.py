"""The object store through boto3, unmodified."""

import base64
import hashlib
import io
import urllib.error
import urllib.request
from functools import partial

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.testing.local_service import serving

HARD_KEYS = [
    "dir", "dir/x", "dir/", "/dir", "//", "a//b", "..", "../up", "a/./b", " ", "a b+c%20d", "ü中\U0001f600",
    "\x7f", "q?x=1&y=2#z", "'\"<&>", "a" * 1024, "ü" * 512, "\\win", "\uffff", "\r\n\t", "\x01",
]  # fmt: skip
MIB = 1 << 20


@pytest.fixture(scope="module")
def local_service(tmp_path_factory):
    """One service for all tests of this file."""
    with (
        open_service(tmp_path_factory.mktemp("s3") / "data") as service,
        serving(Application(service)) as found,
    ):
        yield found


@pytest.fixture
def s3(local_service):
    """A client; nothing is there but an empty bucket named ``bucket``."""
    client = local_service.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    objects = local_service.application.service.objects
    for bucket in objects.buckets():
        for info in objects.list(bucket.name).objects:
            objects.delete(bucket.name, info.key)
        for upload in objects.uploads(bucket.name):
            objects.abort_upload(upload)
        objects.delete_bucket(bucket.name)
    client.close()


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def read(s3, **arguments):
    """GetObject, its body read to the end."""
    with s3.get_object(**arguments)["Body"] as body:
        return body.read()


def keys_of(listing):
    return [each["Key"] for each in listing.get("Contents", [])]


def test_buckets(s3):
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket"]
    assert s3.list_buckets()["Buckets"][0]["CreationDate"].year > 2000
    s3.head_bucket(Bucket="bucket")
    s3.create_bucket(Bucket="bucket")
    assert refused(s3.head_bucket, Bucket="missing") == (404, "404")
    assert refused(s3.list_objects_v2, Bucket="missing") == (404, "NoSuchBucket")
    assert refused(s3.put_object, Bucket="missing", Key="key", Body=b"1") == (404, "NoSuchBucket")
    assert refused(s3.create_bucket, Bucket="Bad_Name") == (400, "InvalidBucketName")
    s3.put_object(Bucket="bucket", Key="key")
    assert refused(s3.delete_bucket, Bucket="bucket") == (409, "BucketNotEmpty")
    s3.delete_object(Bucket="bucket", Key="key")
    s3.delete_bucket(Bucket="bucket")
    assert s3.list_buckets()["Buckets"] == []


def test_again_in_another_region(s3, local_service):
    client = local_service.client("s3", region_name="eu-west-1")
    create = {"Bucket": "far-away", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    client.create_bucket(**create)
    assert refused(client.create_bucket, **create) == (409, "BucketAlreadyOwnedByYou")


def test_put_get_head(s3):
    put = s3.put_object(
        Bucket="bucket", Key="key", Body=b"0123456789", ContentType="text/csv", CacheControl="no-cache",
        ContentDisposition="inline", ContentEncoding="identity", ContentLanguage="de", Metadata={"Author": "me"},
        Tagging="a=b&c=d%20e",
    )  # fmt: skip
    assert put["ETag"] == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    got = s3.get_object(Bucket="bucket", Key="key")
    head = s3.head_object(Bucket="bucket", Key="key")
    assert got["Body"].read() == b"0123456789"
    for each in (got, head):
        assert each["ContentType"] == "text/csv"
        assert each["CacheControl"] == "no-cache"
        assert each["ContentDisposition"] == "inline"
        assert each["ContentEncoding"] == "identity"
        assert each["ContentLanguage"] == "de"
        assert each["ContentLength"] == 10
        assert each["Metadata"] == {"author": "me"}
        assert each["ETag"] == put["ETag"]
        assert each["LastModified"].year > 2000
    assert got["TagCount"] == 2
    assert s3.get_object_tagging(Bucket="bucket", Key="key")["TagSet"] == [
        {"Key": "a", "Value": "b"},
        {"Key": "c", "Value": "d e"},
    ]
    assert "ServerSideEncryption" not in head
    changed = s3.get_object(Bucket="bucket", Key="key", ResponseContentType="text/plain")
    assert (changed["ContentType"], changed["Body"].read()) == ("text/plain", b"0123456789")
    assert refused(s3.get_object, Bucket="bucket", Key="missing") == (404, "NoSuchKey")
    assert refused(s3.head_object, Bucket="bucket", Key="missing") == (404, "404")
    assert refused(s3.get_object, Bucket="bucket", Key="key", VersionId="1") == (404, "NoSuchVersion")
    s3.put_object(Bucket="bucket", Key="asked", Body=b"1", ServerSideEncryption="AES256")
    assert s3.head_object(Bucket="bucket", Key="asked")["ServerSideEncryption"] == "AES256"


def test_ranges(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"0123456789")

    def part(text):
        got = s3.get_object(Bucket="bucket", Key="key", Range=text)
        status = got["ResponseMetadata"]["HTTPStatusCode"]
        assert status == 200 or not [name for name in got if name.startswith("Checksum")]
        return status, got.get("ContentRange"), got["Body"].read()

    assert part("bytes=2-4") == (206, "bytes 2-4/10", b"234")
    assert part("bytes=7-") == (206, "bytes 7-9/10", b"789")
    assert part("bytes=-3") == (206, "bytes 7-9/10", b"789")
    assert part("bytes=-300") == (206, "bytes 0-9/10", b"0123456789")
    assert part("bytes=9-1000") == (206, "bytes 9-9/10", b"9")
    assert part("bytes=0-9") == (206, "bytes 0-9/10", b"0123456789")
    assert part("bytes=4-2") == (200, None, b"0123456789")
    assert part("lines=1-2") == (200, None, b"0123456789")
    assert refused(s3.get_object, Bucket="bucket", Key="key", Range="bytes=10-") == (416, "InvalidRange")
    assert refused(s3.get_object, Bucket="bucket", Key="key", Range="bytes=-0") == (416, "InvalidRange")
    assert s3.head_object(Bucket="bucket", Key="key", Range="bytes=2-4")["ContentLength"] == 3


def test_conditional_reads(s3):
    etag = s3.put_object(Bucket="bucket", Key="key", Body=b"1")["ETag"]
    at = s3.head_object(Bucket="bucket", Key="key")["LastModified"]
    place = {"Bucket": "bucket", "Key": "key"}
    for call in (partial(read, s3), s3.head_object):
        call(**place, IfMatch=etag)
        call(**place, IfNoneMatch='"other"')
        call(**place, IfUnmodifiedSince=at)
        assert refused(call, **place, IfMatch='"other"')[0] == 412
        assert refused(call, **place, IfNoneMatch=etag) == (304, "304")
        assert refused(call, **place, IfModifiedSince=at) == (304, "304")
        assert refused(call, **place, IfUnmodifiedSince="2001-01-01")[0] == 412
        call(**place, IfMatch=etag, IfUnmodifiedSince="2001-01-01")
        call(**place, IfNoneMatch='"other"', IfModifiedSince=at)
    assert refused(s3.get_object, **place, IfMatch='"other"') == (412, "PreconditionFailed")


def test_conditional_writes(s3):
    place = {"Bucket": "bucket", "Key": "key"}
    etag = s3.put_object(**place, Body=b"1", IfNoneMatch="*")["ETag"]
    assert refused(s3.put_object, **place, Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.put_object, **place, Body=b"2", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.put_object, Bucket="bucket", Key="missing", IfMatch=etag) == (404, "NoSuchKey")
    assert refused(s3.delete_object, **place, IfMatch='"other"') == (412, "PreconditionFailed")
    s3.put_object(**place, Body=b"2", IfMatch=etag)
    assert s3.get_object(**place)["Body"].read() == b"2"


def test_any_key(s3):
    for key in HARD_KEYS:
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    assert keys_of(s3.list_objects_v2(Bucket="bucket")) == sorted(HARD_KEYS, key=str.encode)
    assert keys_of(s3.list_objects(Bucket="bucket")) == sorted(HARD_KEYS, key=str.encode)
    for key in HARD_KEYS:
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode()
        s3.copy_object(Bucket="bucket", Key="copied", CopySource={"Bucket": "bucket", "Key": key})
        assert s3.get_object(Bucket="bucket", Key="copied")["Body"].read() == key.encode()
    assert refused(s3.put_object, Bucket="bucket", Key="a" * 1025) == (400, "KeyTooLongError")
    in_xml = [key for key in HARD_KEYS if key not in ("\x01", "\uffff")]
    deleted = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in in_xml]})
    assert "Errors" not in deleted
    assert keys_of(s3.list_objects_v2(Bucket="bucket")) == ["\x01", "copied", "\uffff"]


def test_listing(s3):
    keys = ["a", "a/1", "a/2", "b", "c d/1", "c d/2", "e"]
    for key in keys:
        s3.put_object(Bucket="bucket", Key=key, Body=b"12")
    for name in ("list_objects_v2", "list_objects", "list_object_versions"):
        pages = list(s3.get_paginator(name).paginate(Bucket="bucket", PaginationConfig={"PageSize": 2}))
        rows = [row for page in pages for row in page.get("Contents", page.get("Versions", []))]
        assert [row["Key"] for row in rows] == keys
        assert len(pages) == 4
        pages = s3.get_paginator(name).paginate(
            Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": 1}
        )
        pages = list(pages)
        assert [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])] == ["a/", "c d/"]
        assert len(pages) == 5
    row = s3.list_objects_v2(Bucket="bucket", FetchOwner=True)["Contents"][0]
    assert (row["Size"], row["StorageClass"], row["ETag"]) == (
        2,
        "STANDARD",
        f'"{hashlib.md5(b"12").hexdigest()}"',
    )
    assert row["Owner"]["ID"] == "000000000000"
    assert keys_of(s3.list_objects_v2(Bucket="bucket", StartAfter="b")) == ["c d/1", "c d/2", "e"]
    assert keys_of(s3.list_objects(Bucket="bucket", Marker="b", Prefix="c")) == ["c d/1", "c d/2"]
    nothing = s3.list_objects_v2(Bucket="bucket", MaxKeys=0)
    assert (nothing["KeyCount"], nothing["IsTruncated"]) == (0, False)
    call = {"Bucket": "bucket", "ContinuationToken": "\u00fc"}
    assert refused(s3.list_objects_v2, **call) == (400, "InvalidArgument")


def test_copy(s3):
    s3.put_object(
        Bucket="bucket", Key="key", Body=b"bytes", ContentType="text/csv", Metadata={"a": "b"}, Tagging="t=u"
    )
    source = {"Bucket": "bucket", "Key": "key"}
    copied = s3.copy_object(Bucket="bucket", Key="copy", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'
    head = s3.head_object(Bucket="bucket", Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"a": "b"})
    s3.copy_object(
        Bucket="bucket", Key="copy", CopySource=source, MetadataDirective="REPLACE", Metadata={"c": "d"},
        TaggingDirective="REPLACE", Tagging="v=w",
    )  # fmt: skip
    head = s3.head_object(Bucket="bucket", Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("binary/octet-stream", {"c": "d"})
    assert s3.get_object_tagging(Bucket="bucket", Key="copy")["TagSet"] == [{"Key": "v", "Value": "w"}]
    assert refused(s3.copy_object, **source, CopySource=source) == (400, "InvalidRequest")
    missing = {"Bucket": "bucket", "Key": "missing"}
    assert refused(s3.copy_object, Bucket="bucket", Key="x", CopySource=missing) == (404, "NoSuchKey")
    call = {"Bucket": "bucket", "Key": "x", "CopySource": source}
    assert refused(s3.copy_object, **call, CopySourceIfMatch="other") == (412, "PreconditionFailed")
    assert refused(s3.copy_object, **call, CopySourceIfNoneMatch=head["ETag"][::-1] + ",*")[0] == 412
    assert refused(s3.copy_object, Bucket="missing", Key="x", CopySource=source) == (404, "NoSuchBucket")
    summed = s3.copy_object(**call, ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    assert summed["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()


def test_delete_many(s3):
    for i in range(20):
        s3.put_object(Bucket="bucket", Key=f"key {i}")
    objects = [{"Key": f"key {i}"} for i in range(15)] + [{"Key": "missing"}]
    deleted = s3.delete_objects(Bucket="bucket", Delete={"Objects": objects})
    assert [row["Key"] for row in deleted["Deleted"]] == [row["Key"] for row in objects]
    quiet = s3.delete_objects(
        Bucket="bucket", Delete={"Objects": [{"Key": "key 15"}, {"Key": "a" * 1025}], "Quiet": True}
    )
    assert "Deleted" not in quiet
    assert [row["Code"] for row in quiet["Errors"]] == ["KeyTooLongError"]
    assert len(keys_of(s3.list_objects_v2(Bucket="bucket"))) == 4


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])  # others need awscrt in the client
def test_checksums(s3, algorithm):
    place = {"Bucket": "bucket", "Key": "key"}
    put = s3.put_object(**place, Body=b"0123456789", ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    head = s3.head_object(**place, ChecksumMode="ENABLED")
    assert put[name] == head[name]
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert name not in s3.head_object(**place)
    s3.put_object(**place, Body=b"0123456789", **{name: put[name]})
    wrong = base64.b64encode(bytes(len(base64.b64decode(put[name])))).decode()
    assert refused(s3.put_object, **place, Body=b"123", **{name: wrong}) == (400, "BadDigest")
    assert refused(s3.put_object, **place, Body=b"123", **{name: "abc"}) == (400, "InvalidRequest")
    assert s3.get_object(**place)["Body"].read() == b"0123456789"
    attributes = s3.get_object_attributes(**place, ObjectAttributes=["Checksum", "ObjectSize", "ETag"])
    assert (attributes["Checksum"][name], attributes["ObjectSize"]) == (put[name], 10)


def test_content_md5(s3):
    place = {"Bucket": "bucket", "Key": "key"}
    right = base64.b64encode(hashlib.md5(b"1").digest()).decode()
    s3.put_object(**place, Body=b"1", ContentMD5=right)
    assert refused(s3.put_object, **place, Body=b"2", ContentMD5=right) == (400, "BadDigest")
    assert refused(s3.put_object, **place, Body=b"2", ContentMD5="abc") == (400, "InvalidDigest")


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_files_of_many_parts(s3, local_service, tmp_path, checksums):
    config = Config(request_checksum_calculation=checksums, response_checksum_validation=checksums)
    client = local_service.client("s3", config=config)
    path = tmp_path / "file"
    data = bytes(range(256)) * (23 * MIB // 256) + b"end"
    path.write_bytes(data)
    client.upload_file(
        str(path), "bucket", "key", ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "text/csv"}
    )
    head = client.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["Metadata"], head["ContentType"]) == (
        len(data),
        {"a": "b"},
        "text/csv",
    )
    assert head["ETag"].endswith('-3"')
    client.download_file("bucket", "key", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    assert client.get_object(Bucket="bucket", Key="key", PartNumber=3)["Body"].read() == data[16 * MIB :]
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    client.copy({"Bucket": "bucket", "Key": "key"}, "bucket", "copied", Config=config)
    body = io.BytesIO()
    client.download_fileobj("bucket", "copied", body)
    assert body.getvalue() == data


def test_multipart(s3):
    place = {"Bucket": "bucket", "Key": "a key/ü"}
    upload = s3.create_multipart_upload(**place, Tagging="a=b")["UploadId"]
    call = {**place, "UploadId": upload}
    etags = {n: s3.upload_part(**call, PartNumber=n, Body=bytes([n]) * 5 * MIB)["ETag"] for n in (2, 1)}
    etags[3] = s3.upload_part_copy(
        **call, PartNumber=3, CopySource=_put(s3, b"copied part"), CopySourceRange="bytes=2-5"
    )["CopyPartResult"]["ETag"]
    listed = s3.list_parts(**call, MaxParts=2)
    assert [(row["PartNumber"], row["ETag"]) for row in listed["Parts"]] == [(1, etags[1]), (2, etags[2])]
    assert (listed["IsTruncated"], listed["NextPartNumberMarker"]) == (True, 2)
    uploads = s3.list_multipart_uploads(Bucket="bucket")["Uploads"]
    assert [(row["Key"], row["UploadId"]) for row in uploads] == [(place["Key"], upload)]
    rolled = s3.list_multipart_uploads(Bucket="bucket", Delimiter="/")
    assert [row["Prefix"] for row in rolled["CommonPrefixes"]] == ["a key/"]
    parts = [{"PartNumber": n, "ETag": etags[n]} for n in (1, 2, 3)]
    bad = {"Parts": parts[::-1]}
    assert refused(s3.complete_multipart_upload, **call, MultipartUpload=bad) == (400, "InvalidPartOrder")
    bad = {"Parts": [{"PartNumber": 1, "ETag": etags[2]}]}
    assert refused(s3.complete_multipart_upload, **call, MultipartUpload=bad) == (400, "InvalidPart")
    done = s3.complete_multipart_upload(**call, MultipartUpload={"Parts": parts})
    again = s3.complete_multipart_upload(**call, MultipartUpload={"Parts": parts})
    assert done["ETag"] == again["ETag"] == s3.head_object(**place)["ETag"]
    assert s3.get_object(**place)["Body"].read() == b"\x01" * 5 * MIB + b"\x02" * 5 * MIB + b"pied"
    assert s3.get_object_tagging(**place)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert refused(s3.upload_part, **call, PartNumber=1, Body=b"1") == (404, "NoSuchUpload")
    other = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    s3.upload_part(**other, PartNumber=1, Body=b"1")
    s3.abort_multipart_upload(**other)
    assert refused(s3.list_parts, **other) == (404, "NoSuchUpload")
    assert refused(s3.abort_multipart_upload, **other) == (404, "NoSuchUpload")
    bad = {**other, "UploadId": "nonsense"}
    assert refused(s3.upload_part, **bad, PartNumber=1, Body=b"1") == (404, "NoSuchUpload")


def _put(s3, body):
    s3.put_object(Bucket="bucket", Key="source", Body=body)
    return {"Bucket": "bucket", "Key": "source"}


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE")]
)
def test_checksums_of_parts(s3, algorithm, kind):
    place = {"Bucket": "bucket", "Key": "key"}
    name = f"Checksum{algorithm}"
    made = s3.create_multipart_upload(**place, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == (algorithm, kind)
    call = {**place, "UploadId": made["UploadId"]}
    bodies = [b"1" * 5 * MIB, b"2" * 5 * MIB, b"end"]
    parts = []
    for number, body in enumerate(bodies, 1):
        kept = s3.upload_part(**call, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": kept["ETag"], name: kept[name]})
    wrong = [{**parts[0], name: parts[1][name]}, *parts[1:]]
    assert refused(s3.complete_multipart_upload, **call, MultipartUpload={"Parts": wrong}) == (
        400,
        "InvalidPart",
    )
    whole = {}
    if kind == "FULL_OBJECT":
        once = s3.put_object(Bucket="bucket", Key="once", Body=b"".join(bodies), ChecksumAlgorithm=algorithm)[
            name
        ]
        bad = {**call, "MultipartUpload": {"Parts": parts}, "ChecksumType": kind, name: parts[0][name]}
        assert refused(s3.complete_multipart_upload, **bad) == (400, "BadDigest")
        whole = {"ChecksumType": kind, name: once}
    done = s3.complete_multipart_upload(**call, MultipartUpload={"Parts": parts}, **whole)
    head = s3.head_object(**place, ChecksumMode="ENABLED")
    assert done[name] == head[name]
    assert head["ChecksumType"] == kind
    assert head[name].endswith("-3") == (kind == "COMPOSITE")
    if whole:
        assert head[name] == once
    assert s3.get_object(**place, ChecksumMode="ENABLED")["Body"].read() == b"".join(bodies)


def test_presigned(s3, local_service):
    signing = local_service.client("s3", config=Config(signature_version="s3v4"))
    put = signing.generate_presigned_url(
        "put_object", Params={"Bucket": "bucket", "Key": "a b/ü", "ContentType": "text/csv"}
    )
    request = urllib.request.Request(
        put, data=b"presigned", method="PUT", headers={"Content-Type": "text/csv"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    get = signing.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a b/ü"})
    with urllib.request.urlopen(get) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"presigned", "text/csv")
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(get.replace("a%20b", "a%20c"))
    caught.value.close()


def test_tagging(s3):
    place = {"Bucket": "bucket", "Key": "key"}
    s3.put_object(**place)
    s3.put_object_tagging(**place, Tagging={"TagSet": [{"Key": "a", "Value": "<&>"}]})
    assert s3.get_object_tagging(**place)["TagSet"] == [{"Key": "a", "Value": "<&>"}]
    s3.delete_object_tagging(**place)
    assert s3.get_object_tagging(**place)["TagSet"] == []
    many = {"TagSet": [{"Key": str(i), "Value": ""} for i in range(11)]}
    assert refused(s3.put_object_tagging, **place, Tagging=many) == (400, "InvalidTag")
    assert refused(s3.get_bucket_tagging, Bucket="bucket") == (404, "NoSuchTagSet")
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == [{"Key": "team", "Value": "x"}]


def test_what_buckets_have_not(s3):
    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")
    grant = s3.get_bucket_acl(Bucket="bucket")["Grants"][0]
    assert (grant["Permission"], grant["Grantee"]["ID"]) == ("FULL_CONTROL", "000000000000")
    absent = {
        s3.get_bucket_encryption: "ServerSideEncryptionConfigurationNotFoundError",
        s3.get_bucket_policy: "NoSuchBucketPolicy",
        s3.get_bucket_cors: "NoSuchCORSConfiguration",
        s3.get_bucket_lifecycle_configuration: "NoSuchLifecycleConfiguration",
        s3.get_public_access_block: "NoSuchPublicAccessBlockConfiguration",
    }
    for call, code in absent.items():
        assert refused(call, Bucket="bucket") == (404, code)
        assert refused(call, Bucket="missing") == (404, "NoSuchBucket")


def test_what_is_not_offered(s3):
    place = {"Bucket": "bucket", "Key": "key"}
    versioning = {"Status": "Enabled"}
    call = {"Bucket": "bucket", "VersioningConfiguration": versioning}
    assert refused(s3.put_bucket_versioning, **call) == (501, "NotImplemented")
    s3.put_object(**place, Body=b"kept")
    assert refused(s3.put_object_acl, **place, ACL="private") == (501, "NotImplemented")
    assert refused(s3.put_object, **place, ACL="public-read") == (400, "AccessControlListNotSupported")
    key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/mine"}
    assert refused(s3.put_object, **place, **key) == (501, "NotImplemented")
    assert s3.put_object(**place, ServerSideEncryption="aws:kms")["ServerSideEncryption"] == "aws:kms"
    assert s3.head_object(**place)["ServerSideEncryption"] == "aws:kms"
    assert (
        refused(s3.put_object, **place, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)[1]
        == "NotImplemented"
    )
    assert refused(s3.put_object, **place, StorageClass="GLACIER") == (400, "InvalidStorageClass")
    assert refused(s3.put_object, **place, ExpectedBucketOwner="111111111111") == (403, "AccessDenied")
    assert refused(s3.put_object, **place, Metadata={"a": "b" * 3000}) == (400, "MetadataTooLarge")
    s3.put_object(**place, Body=b"kept", ExpectedBucketOwner="000000000000", ACL="bucket-owner-full-control")
    assert s3.get_object(**place)["Body"].read() == b"kept"
