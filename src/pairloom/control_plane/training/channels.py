"""Channels of a job out of the object store: prefixes, manifests and augmented manifests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from pairloom.control_plane.s3_locations import split_uri
from pairloom.errors import UserError
from pairloom.jobs.specification import Channel, InputFile, Record, safe_name
from pairloom.object_storage import ObjectStore

__all__ = ["channel_of", "copy_out", "file_in"]

Mode = Literal["File", "FastFile", "Pipe"]
LARGEST_MANIFEST_BYTES = 256 << 20
MOST_OBJECTS = 1_000_000
PAGE = 1000
REFERENCE = "-ref"
Place = Callable[[str, str, Path], None]
"""Takes bucket, key and target."""


def channel_of(given: Mapping[str, Any], mode: str, store: ObjectStore, *, by_copy: bool) -> Channel:
    """Return a channel with its objects.

    Parameters
    ----------
    given : mapping
        A member of ``InputDataConfig``.
    mode : str
        Of the job; the channel's own goes before it.
    store : ObjectStore
    by_copy : bool
        Whether files are copies, because whoever reads them might also write.

    Raises
    ------
    UserError
        If there are no such objects, a manifest is none, or a key cannot become a file.
    """
    name = given["ChannelName"]
    owner = f"Channel '{name}'"
    source = given["DataSource"].get("S3DataSource")
    if source is None:
        raise UserError(
            f"{owner}: its data must be in S3 (S3DataSource). Got {', '.join(given['DataSource'])}."
        )
    asked = cast(Mode, given.get("InputMode") or mode)
    shuffle = given.get("ShuffleConfig")
    distribution = source.get("S3DataDistributionType", "FullyReplicated")
    kind = source["S3DataType"]
    bucket, key = split_uri(source["S3Uri"], owner)
    place: Place = partial(copy_out, store) if by_copy else store.link
    if kind == "S3Prefix":
        files = list(_of_prefix(store, source["S3Uri"], (bucket, key), asked, place))
        records: list[Record] = [(file,) for file in files]
    elif kind == "ManifestFile":
        records = [
            (file,)
            for file in _of_manifest(_read(store, bucket, key, owner), source["S3Uri"], asked, place, store)
        ]
    elif kind == "AugmentedManifestFile":
        if asked != "Pipe":
            raise UserError(
                f"{owner}: an augmented manifest must be read in Pipe mode. Got {asked}. Set InputMode to Pipe."
            )
        content = _read(store, bucket, key, owner)
        records = list(
            _of_augmented(content, source["S3Uri"], source.get("AttributeNames", []), place, store)
        )
    else:
        raise UserError(
            f"{owner}: S3DataType must be S3Prefix, ManifestFile or AugmentedManifestFile. Got {kind}."
        )
    return Channel(
        name,
        asked,
        tuple(records),
        _words(given, asked, distribution),
        is_compressed=asked == "Pipe" and given.get("CompressionType") == "Gzip",
        is_wrapped=asked == "Pipe" and given.get("RecordWrapperType") == "RecordIO",
        is_sharded=distribution == "ShardedByS3Key",
        seed=None if shuffle is None else shuffle["Seed"],
    )


def copy_out(store: ObjectStore, bucket: str, key: str, target: Path) -> None:
    """Copy an object into a new file of its own."""
    with store.open(bucket, key) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def file_in(store: ObjectStore, uri: str, name: str, owner: str) -> InputFile:
    """Return one object as a file, a copy; it must be there."""
    bucket, key = split_uri(uri, owner)
    store.head(bucket, key)
    return InputFile(name, partial(copy_out, store, bucket, key), uri)


def _words(given: Mapping[str, Any], mode: Mode, distribution: str) -> dict[str, Any]:
    """Return what the container is told."""
    words: dict[str, Any] = {
        "TrainingInputMode": mode,
        "S3DistributionType": distribution,
        "RecordWrapperType": given.get("RecordWrapperType", "None"),
    }
    if given.get("ContentType"):
        words["ContentType"] = given["ContentType"]
    if given.get("ShuffleConfig"):
        words["ShuffleConfig"] = dict(given["ShuffleConfig"])
    return words


def _of_prefix(
    store: ObjectStore, uri: str, at: tuple[str, str], mode: Mode, place: Place
) -> Iterator[InputFile]:
    (bucket, prefix), after, n_found = at, "", 0
    while True:
        page = store.list(bucket, prefix, after=after, limit=PAGE)
        for found in page.objects:
            if found.key.endswith("/") and not found.size_bytes:
                continue  # what consoles leave for a folder
            n_found += 1
            if n_found > MOST_OBJECTS:
                raise UserError(
                    f"{uri}: must hold at most {MOST_OBJECTS:,} objects. Got more. Name a longer prefix."
                )
            yield _file(bucket, found.key, _below(found.key, prefix), mode, place)
        if page.next_after is None:
            break
        after = page.next_after
    if not n_found:
        raise UserError(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            "exists and that objects exist under that S3 prefix."
        )


def _of_manifest(
    content: bytes, uri: str, mode: Mode, place: Place, store: ObjectStore
) -> Iterator[InputFile]:
    entries = _json(content, uri)
    if not isinstance(entries, list) or len(cast("list[Any]", entries)) > MOST_OBJECTS:
        raise UserError(
            f"{uri}: a manifest must be a JSON list of at most {MOST_OBJECTS:,} names. Got something else."
        )
    prefix: tuple[str, str] | None = None
    n_found = 0
    for entry in cast("list[Any]", entries):
        if isinstance(entry, dict) and isinstance(found := cast("dict[str, Any]", entry).get("prefix"), str):
            prefix = split_uri(found, uri)
        elif isinstance(entry, str) and prefix is not None:
            bucket, key = prefix[0], prefix[1] + entry
            store.head(bucket, key)
            n_found += 1
            yield _file(bucket, key, entry, mode, place)
        else:
            raise UserError(
                f'{uri}: a manifest must begin with {{"prefix": "s3://…"}}, then name keys below it. '
                f"Got {json.dumps(entry)[:200]}."
            )
    if not n_found:
        raise UserError(f"{uri}: a manifest must name at least one object. Got none.")


def _of_augmented(
    content: bytes, uri: str, attributes: list[str], place: Place, store: ObjectStore
) -> Iterator[Record]:
    n_found = 0
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        about = _json(line, f"{uri}, line {number}")
        if not isinstance(about, dict):
            raise UserError(f"{uri}, line {number}: must be a JSON object. Got {line[:100]!r}.")
        values = cast("dict[str, Any]", about)
        missing = [name for name in attributes if name not in values]
        if missing:
            raise UserError(
                f"{uri}, line {number}: must have the attribute '{missing[0]}'. Got {', '.join(values)}."
            )
        n_found += 1
        yield tuple(_part(name, values[name], f"{uri}, line {number}", place, store) for name in attributes)
    if not n_found:
        raise UserError(f"{uri}: an augmented manifest must hold at least one line. Got none.")


def _part(name: str, value: Any, owner: str, place: Place, store: ObjectStore) -> InputFile | bytes:
    if not name.endswith(REFERENCE):
        return (value if isinstance(value, str) else json.dumps(value)).encode()
    if not isinstance(value, str):
        raise UserError(
            f"{owner}: '{name}' must be an address such as s3://bucket/key. Got {json.dumps(value)[:100]}."
        )
    bucket, key = split_uri(value, f"{owner}, '{name}'")
    store.head(bucket, key)
    return _file(bucket, key, key, "Pipe", place)


def _file(bucket: str, key: str, name: str, mode: Mode, place: Place) -> InputFile:
    label = f"s3://{bucket}/{key}"
    inside = name if mode == "Pipe" else safe_name(name, label)
    return InputFile(inside, partial(place, bucket, key), label)


def _below(key: str, prefix: str) -> str:
    """Return the part of a key below its prefix; below the prefix's last folder where it ends within a name."""
    rest = key[len(prefix) :]
    if rest and (not prefix or prefix.endswith("/") or rest.startswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _read(store: ObjectStore, bucket: str, key: str, owner: str) -> bytes:
    size = store.head(bucket, key).size_bytes
    if size > LARGEST_MANIFEST_BYTES:
        raise UserError(
            f"{owner}: a manifest must have at most {LARGEST_MANIFEST_BYTES:,} bytes. Got {size:,} in s3://{bucket}/{key}."
        )
    with store.open(bucket, key) as file:
        return file.read()


def _json(content: bytes, owner: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{owner}: must be JSON. Got: {error}. Correct it.") from error
