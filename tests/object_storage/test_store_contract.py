"""What every object store holds to."""

import hashlib
import io
import threading
from base64 import b64encode

import pytest

from pairloom.object_storage import Attributes, Condition
from pairloom.object_storage.errors import (
    BadBucketNameError,
    BadKeyError,
    BucketExistsError,
    BucketNotEmptyError,
    InvalidPartError,
    InvalidPartOrderError,
    InvalidRangeError,
    KeyTooLongError,
    NoSuchBucketError,
    NoSuchKeyError,
    NoSuchUploadError,
    PartTooSmallError,
    PreconditionFailedError,
    TooManyPartsError,
)

HARD_KEYS = [
    "dir", "dir/x", "dir/", "/dir", "//", "a//b", "..", "../up", "a/./b", " ", "a b+c%20d", "\u00fc\u4e2d\U0001f600",
    "\x7f", "q?x=1&y=2#z", "'\"<&>", "a" * 1024, "\u00fc" * 512, "\\win", "\uffff", "\r\n\t",
]  # fmt: skip
PART = 5 << 20


def keys(listing):
    return [info.key for info in listing.objects]


def test_buckets(store):
    store.create_bucket("other")
    assert [bucket.name for bucket in store.buckets()] == ["bucket", "other"]
    with pytest.raises(BucketExistsError):
        store.create_bucket("other")
    store.put("other", "key", b"")
    with pytest.raises(BucketNotEmptyError):
        store.delete_bucket("other")
    store.delete("other", "key")
    store.delete_bucket("other")
    with pytest.raises(NoSuchBucketError):
        store.delete_bucket("other")
    assert [bucket.name for bucket in store.buckets()] == ["bucket"]


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 64, "Upper", "under_score", "-a1", "a1-", "a..b", "../etc", "1.2.3.4", "a/b"]
)
def test_bad_bucket_names(store, name):
    with pytest.raises(BadBucketNameError):
        store.create_bucket(name)


def test_missing_bucket(store):
    calls = [
        lambda: store.head_bucket("missing"),
        lambda: store.put("missing", "key", b""),
        lambda: store.head("missing", "key"),
        lambda: store.open("missing", "key"),
        lambda: store.list("missing"),
        lambda: store.delete("missing", "key"),
        lambda: store.copy(("missing", "key"), "bucket", "key"),
        lambda: store.create_upload("missing", "key"),
        lambda: store.uploads("missing"),
    ]
    for call in calls:
        with pytest.raises(NoSuchBucketError):
            call()


def test_put_head_open(store, tmp_path):
    attributes = Attributes(
        "text/csv",
        {"cache-control": "no-cache", "content-encoding": "identity"},
        {"author": "me"},
        {"k": "v \u00fc"},
    )
    info = store.put("bucket", "key", b"0123456789", attributes=attributes)
    assert info.etag == hashlib.md5(b"0123456789").hexdigest()
    head = store.head("bucket", "key")
    assert (head.size_bytes, head.etag, head.attributes) == (10, info.etag, attributes)
    assert abs(head.modified_at - info.modified_at) < 2
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    store.put("bucket", "key", file)
    assert store.open("bucket", "key").read() == b"from a file"
    store.put("bucket", "key", io.BytesIO(b"from an open file"))
    with store.open("bucket", "key") as opened:
        assert opened.read() == b"from an open file"
    assert store.head("bucket", "key").attributes == Attributes()


def test_ranges(store):
    store.put("bucket", "key", b"0123456789")
    assert store.open("bucket", "key", 3).read() == b"3456789"
    assert store.open("bucket", "key", 3, 5).read() == b"34"
    assert store.open("bucket", "key", 9, 1000).read() == b"9"
    with pytest.raises(InvalidRangeError):
        store.open("bucket", "key", 10)
    store.put("bucket", "empty", b"")
    assert store.open("bucket", "empty").read() == b""
    with pytest.raises(NoSuchKeyError):
        store.open("bucket", "missing")
    with pytest.raises(PreconditionFailedError):
        store.open("bucket", "key", etag="another")


def test_any_key(store, request):
    prefixed = request.node.callspec.params["store"] == "s3_prefix"  # which takes from what a key may be long
    hard = [key for key in HARD_KEYS if len(key) < 500 or not prefixed]
    for key in hard:
        store.put("bucket", key, key.encode())
    assert keys(store.list("bucket")) == sorted(hard, key=str.encode)
    for key in hard:
        assert store.open("bucket", key).read() == key.encode()
        store.delete("bucket", key)
        with pytest.raises(NoSuchKeyError):
            store.head("bucket", key)
    assert keys(store.list("bucket")) == []


def test_bad_keys(store):
    with pytest.raises(KeyTooLongError, match="1025"):
        store.put("bucket", "a" * 1025, b"")
    with pytest.raises(BadKeyError):
        store.put("bucket", "", b"")
    with pytest.raises(BadKeyError):
        store.put("bucket", "\ud800", b"")


def test_list(store):
    for key in ["a", "a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d"]:
        store.put("bucket", key, b"")
    page = store.list("bucket", delimiter="/")
    assert (keys(page), page.prefixes, page.next_after) == (["a", "b", "d"], ["a/", "c/"], None)
    page = store.list("bucket", "a/", delimiter="/")
    assert (keys(page), page.prefixes) == (["a/1", "a/2"], ["a/b/"])
    assert keys(store.list("bucket", "a")) == ["a", "a/1", "a/2", "a/b/3"]
    assert keys(store.list("bucket", after="a/b/3")) == ["b", "c/1", "c/2", "d"]
    assert keys(store.list("bucket", "a", after="b")) == []
    assert keys(store.list("bucket", "c", after="a")) == ["c/1", "c/2"]
    page = store.list("bucket", delimiter="/", after="a/")
    assert (keys(page), page.prefixes) == (["b", "d"], ["c/"])
    page = store.list("bucket", delimiter="/", after="a/1")
    assert (keys(page), page.prefixes) == (["b", "d"], ["a/", "c/"])
    page = store.list("bucket", delimiter="b/")
    assert (keys(page), page.prefixes) == (["a", "a/1", "a/2", "b", "c/1", "c/2", "d"], ["a/b/"])


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages(store, delimiter, limit):
    for key in ["a", "a/1", "a/2", "b", "c/1", "c/2", "d"]:
        store.put("bucket", key, b"")
    whole = store.list("bucket", delimiter=delimiter)
    got, after, n_pages = [], "", 0
    while after is not None:
        page = store.list("bucket", delimiter=delimiter, after=after, limit=limit)
        assert len(page.objects) + len(page.prefixes) <= limit
        got += keys(page) + page.prefixes
        after, n_pages = page.next_after, n_pages + 1
    assert sorted(got) == sorted(keys(whole) + whole.prefixes)
    assert n_pages == -(-len(got) // limit)


def test_copy(store):
    attributes = Attributes("text/plain", {}, {"a": "b"}, {"t": "u"})
    store.create_bucket("other")
    store.put("bucket", "key", b"bytes", attributes=attributes)
    store.copy(("bucket", "key"), "other", "copied")
    store.delete("bucket", "key")
    assert store.open("other", "copied").read() == b"bytes"
    assert store.head("other", "copied").attributes == attributes
    store.copy(("other", "copied"), "other", "copied", attributes=Attributes("text/html"))
    assert store.head("other", "copied").attributes.content_type == "text/html"
    with pytest.raises(NoSuchKeyError):
        store.copy(("bucket", "key"), "other", "copied")
    with pytest.raises(PreconditionFailedError):
        store.copy(("other", "copied"), "bucket", "key", source_etag="another")
    assert store.open("other", "copied").read() == b"bytes"


def test_conditions(store):
    store.put("bucket", "key", b"1", condition=Condition(if_none_match=True))
    with pytest.raises(PreconditionFailedError):
        store.put("bucket", "key", b"2", condition=Condition(if_none_match=True))
    etag = store.head("bucket", "key").etag
    store.put("bucket", "key", b"2", condition=Condition(if_match=etag))
    with pytest.raises(PreconditionFailedError):
        store.put("bucket", "key", b"3", condition=Condition(if_match=etag))
    with pytest.raises(NoSuchKeyError):
        store.put("bucket", "missing", b"3", condition=Condition(if_match=etag))
    assert store.open("bucket", "key").read() == b"2"


def test_tags(store):
    store.put("bucket", "key", b"1", attributes=Attributes("text/plain"))
    store.tag("bucket", "key", {"a": "1", "b": ""})
    head = store.head("bucket", "key")
    assert (head.attributes.tags, head.attributes.content_type) == ({"a": "1", "b": ""}, "text/plain")
    store.tag("bucket", "key", {})
    assert store.head("bucket", "key").attributes.tags == {}
    with pytest.raises(NoSuchKeyError):
        store.tag("bucket", "missing", {})
    store.tag_bucket("bucket", {"x": "y"})
    assert store.head_bucket("bucket").tags == {"x": "y"}


def test_link(store, tmp_path):
    store.put("bucket", "key", b"bytes")
    store.link("bucket", "key", tmp_path / "linked")
    store.put("bucket", "key", b"other")
    assert (tmp_path / "linked").read_bytes() == b"bytes"
    with pytest.raises(FileExistsError):
        store.link("bucket", "key", tmp_path / "linked")
    with pytest.raises(NoSuchKeyError):
        store.link("bucket", "missing", tmp_path / "other")


def test_opened_stays(store):
    store.put("bucket", "key", b"first" * 1000)
    opened = store.open("bucket", "key")
    store.put("bucket", "key", b"second")
    store.delete("bucket", "key")
    assert opened.read() == b"first" * 1000


def upload_parts(store, upload, parts, *, announced=True):
    kept = []
    for number, data in parts:
        with store.stage_part(upload, number, ["CRC32"], len(data) if announced else None) as staged:
            staged.write(data)
            kept.append(store.keep_part(upload, number, staged))
    return sorted(kept, key=lambda part: part.number)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    "order",
    [[1, 2, 3], [3, 1, 2], [2, 3, 1], [1, 1, 2, 3], [1, 2, 2, 3, 3]],
    ids=lambda order: "".join(map(str, order)),
)
def test_multipart(store, order, announced):
    data = {1: b"1" * PART, 2: b"2" * PART, 3: b"3" * 17}
    upload = store.create_upload(
        "bucket", "key", attributes=Attributes("text/csv", {}, {"a": "b"}), checksum_algorithm="CRC32"
    )
    assert [found.upload_id for found in store.uploads("bucket")] == [upload.upload_id]
    upload_parts(store, upload, [(number, data[number]) for number in order], announced=announced)
    parts = store.parts(upload)
    assert [(part.number, part.size_bytes) for part in parts] == [(1, PART), (2, PART), (3, 17)]
    assert [part.number for part in store.parts(upload, after=1, limit=1)] == [2]
    with pytest.raises(NoSuchKeyError):
        store.head("bucket", "key")
    info = store.complete_upload(upload, [(part.number, part.etag, part.checksums) for part in parts])
    digests = b"".join(hashlib.md5(data[number]).digest() for number in (1, 2, 3))
    assert info.etag == f"{hashlib.md5(digests).hexdigest()}-3"
    assert store.open("bucket", "key").read() == data[1] + data[2] + data[3]
    head = store.head("bucket", "key")
    assert (head.size_bytes, head.attributes.content_type) == (2 * PART + 17, "text/csv")
    assert store.uploads("bucket") == []
    with pytest.raises(NoSuchUploadError):
        store.upload("bucket", "key", upload.upload_id)


def test_parts_left_out(store):
    upload = store.create_upload("bucket", "key")
    upload_parts(store, upload, [(n, bytes([n]) * PART) for n in (1, 3, 5)] + [(7, b"end")])
    kept = {part.number: part for part in store.parts(upload)}
    store.complete_upload(upload, [(n, kept[n].etag, {}) for n in (3, 7)])
    assert store.open("bucket", "key").read() == b"\x03" * PART + b"end"


def test_refused_completions(store):
    upload = store.create_upload("bucket", "key")
    one, two, three = upload_parts(store, upload, [(1, b"1" * PART), (2, b"small"), (3, b"3" * 10)])
    refused = [
        (InvalidPartError, [(4, one.etag, {})]),
        (InvalidPartError, [(1, two.etag, {})]),
        (InvalidPartOrderError, [(3, three.etag, {}), (1, one.etag, {})]),
        (PartTooSmallError, [(1, one.etag, {}), (2, two.etag, {}), (3, three.etag, {})]),
    ]
    for error, parts in refused:
        with pytest.raises(error):
            store.complete_upload(upload, parts)
    with pytest.raises(TooManyPartsError):
        upload_parts(store, upload, [(10001, b"x")])
    upload_parts(store, upload, [(2, b"2" * PART)])
    parts = [(part.number, part.etag, {}) for part in store.parts(upload)]
    store.put("bucket", "key", b"there")
    with pytest.raises(PreconditionFailedError):
        store.complete_upload(upload, parts, condition=Condition(if_none_match=True))
    store.complete_upload(upload, parts)
    assert store.open("bucket", "key").read() == b"1" * PART + b"2" * PART + b"3" * 10


def test_abort(store):
    upload = store.create_upload("bucket", "key")
    other = store.create_upload("bucket", "other/key")
    upload_parts(store, upload, [(1, b"1" * 100)])
    assert {found.key for found in store.uploads("bucket")} == {"key", "other/key"}
    assert [found.key for found in store.uploads("bucket", "other")] == ["other/key"]
    store.abort_upload(upload)
    with pytest.raises(NoSuchUploadError):
        store.abort_upload(upload)
    with pytest.raises(NoSuchUploadError):
        upload_parts(store, upload, [(1, b"x")])
    store.abort_upload(other)
    assert store.uploads("bucket") == []


def test_two_writers_of_a_key(store):
    bodies = [bytes([i]) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=store.put, args=("bucket", "key", body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = store.open("bucket", "key").read()
    assert got in bodies
    assert store.head("bucket", "key").etag == hashlib.md5(got).hexdigest()


def test_staged_checksums(store):
    with store.stage(["SHA256", "CRC32"]) as staged:
        staged.write(b"12345")
        staged.write(memoryview(b"6789"))
        assert staged.checksums["SHA256"] == b64encode(hashlib.sha256(b"123456789").digest()).decode()
        assert staged.checksums["CRC32"] == "y/Q5Jg=="
        assert (staged.size_bytes, staged.etag) == (9, hashlib.md5(b"123456789").hexdigest())
        store.keep("bucket", "key", staged)
    assert store.head("bucket", "key").checksums.get("SHA256") in (None, staged.checksums["SHA256"])
