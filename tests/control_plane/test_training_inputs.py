"""Channels out of S3 as a job sees them."""

import gzip
import io
import json

import pytest
from training_requests import BUCKET, channel, manifest

from pairloom.control_plane.training.channels import channel_of
from pairloom.errors import UserError
from pairloom.object_storage import FolderStore


@pytest.fixture
def store(tmp_path):
    store = FolderStore(tmp_path / "objects")
    store.create_bucket(BUCKET)
    yield store
    store.close()


def put(store, **contents):
    for key, content in contents.items():
        store.put(BUCKET, key, io.BytesIO(content))


def placed(found, folder):
    """Contents of a channel's files by their names."""
    for record in found.records:
        for part in record:
            target = folder / part.name
            target.parent.mkdir(parents=True, exist_ok=True)
            part.place(target)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(store, uri, mode="File", **s3):
    found = channel_of(channel("train", f"s3://{BUCKET}/{uri}", s3=s3), mode, store, by_copy=False)
    return [record[0].name for record in found.records]


def test_a_prefix_that_is_a_folder_a_file_or_a_part_of_a_name(store):
    put(
        store,
        **{"d/train/a": b"1", "d/train/sub/b": b"2", "d/train.csv": b"3", "d/train/": b"", "other": b"4"},
    )
    assert names(store, "d/train/") == ["a", "sub/b"]
    assert names(store, "d/train") == ["train.csv", "a", "sub/b"]
    assert names(store, "d/train.csv") == ["train.csv"]
    assert names(store, "d/tr") == ["train.csv", "train/a", "train/sub/b"]
    assert names(store, "") == ["d/train.csv", "d/train/a", "d/train/sub/b", "other"]


@pytest.mark.parametrize("by_copy", [False, True])
def test_files_are_links_of_the_objects_or_copies(store, tmp_path, by_copy):
    put(store, a=b"content")
    found = channel_of(channel("train", f"s3://{BUCKET}/a"), "File", store, by_copy=by_copy)
    assert placed(found, tmp_path / "data") == {"a": b"content"}
    assert ((tmp_path / "data" / "a").stat().st_nlink > 1) is not by_copy


def test_a_thousand_objects_and_more(store):
    put(store, **{f"many/{number:04}": b"x" for number in range(1203)})
    assert len(names(store, "many/")) == 1203


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/../../b", "x" * 300])
def test_keys_that_can_be_no_files(store, key):
    put(store, **{f"in/{key}": b"x"})
    with pytest.raises(UserError, match=f"s3://{BUCKET}/in/"):
        names(store, "in/")
    assert names(store, "in/", mode="Pipe") == [key]  # a stream needs no name


def test_a_manifest_names_its_objects(store):
    put(store, **{"p/a": b"1", "p/deep/b": b"2", "p/c": b"3"})
    put(store, m=manifest(f"s3://{BUCKET}/p/", "deep/b", "a"))
    assert names(store, "m", S3DataType="ManifestFile") == ["deep/b", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "must be a JSON list"),
        (b"[", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b"[]", "must name at least one object"),
        (b'["a"]', "must begin with"),
        (b'[{"prefix": "http://x"}, "a"]', "must be an address"),
        (manifest(f"s3://{BUCKET}/", "missing"), "The specified key does not exist"),
        (manifest(f"s3://{BUCKET}/p/", "../m"), "The specified key does not exist"),
        (json.dumps([{"prefix": f"s3://{BUCKET}/"}, 5]).encode(), "must begin with"),
    ],
)
def test_manifests_that_are_none(store, content, message):
    put(store, m=content, a=b"1")
    with pytest.raises(UserError, match=message):
        names(store, "m", S3DataType="ManifestFile")


def test_an_augmented_manifest_gives_its_attributes_in_order(store, tmp_path):
    put(
        store,
        x=b"image",
        m=json.dumps({"class": 3, "source-ref": f"s3://{BUCKET}/x", "t": "é", "o": {"a": 1}}).encode(),
    )
    asked = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["source-ref", "class", "t", "o"]}
    given = channel("train", f"s3://{BUCKET}/m", s3=asked, RecordWrapperType="RecordIO", InputMode="Pipe")
    found = channel_of(given, "File", store, by_copy=False)
    assert (found.mode, found.is_wrapped) == ("Pipe", True)
    ((file, number, text, thing),) = found.records
    file.place(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"image"
    assert (number, text, thing) == (b"3", "é".encode(), b'{"a": 1}')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n\n", "at least one line"),
        (b"[]", "must be a JSON object"),
        (b'{"a": 1}', "must have the attribute 'source-ref'"),
        (b'{"source-ref": 5}', "must be an address"),
        (b'{"source-ref": "/etc/passwd"}', "must be an address"),
        (b'{"source-ref": "s3://a-bucket/nothing"}', "The specified key does not exist"),
    ],
)
def test_augmented_manifests_that_are_none(store, content, message):
    put(store, m=content)
    asked = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["source-ref"]}
    with pytest.raises(UserError, match=message):
        channel_of(channel("train", f"s3://{BUCKET}/m", s3=asked), "Pipe", store, by_copy=False)


def test_what_the_container_is_told(store):
    put(store, a=gzip.compress(b"1"))
    given = channel(
        "train", f"s3://{BUCKET}/a", ContentType="text/csv", CompressionType="Gzip", RecordWrapperType="RecordIO",
        InputMode="Pipe", ShuffleConfig={"Seed": 7}, s3={"S3DataDistributionType": "ShardedByS3Key"},
    )  # fmt: skip
    found = channel_of(given, "File", store, by_copy=False)
    assert found.words == {
        "TrainingInputMode": "Pipe", "S3DistributionType": "ShardedByS3Key", "RecordWrapperType": "RecordIO",
        "ContentType": "text/csv", "ShuffleConfig": {"Seed": 7},
    }  # fmt: skip
    assert (found.is_compressed, found.is_wrapped, found.is_sharded, found.seed) == (True, True, True, 7)


def test_a_bucket_that_is_not_there(store):
    with pytest.raises(UserError, match="The specified bucket does not exist"):
        channel_of(channel("train", "s3://nobody-has-this/x"), "File", store, by_copy=False)
