"""Addresses of the object store, ``s3://bucket/key``, and files made of what they name."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from pairloom.control_plane.wire.errors import AwsError
from pairloom.errors import UserError
from pairloom.object_storage import ObjectInfo, ObjectStore
from pairloom.object_storage.errors import StorageError

__all__ = ["below", "link_folder", "link_object", "parse_s3_url"]


def parse_s3_url(url: str, what: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``; the key may be empty.

    Raises
    ------
    AwsError
        If it is no such address; `what` names the member that held it.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise AwsError(
            "ValidationException", f"{what} must be an address s3://BUCKET/KEY. Got '{url[:1024]}'."
        )
    return bucket, key


def below(objects: ObjectStore, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the objects of a prefix, in the order of their keys."""
    after: str | None = ""
    while after is not None:
        page = objects.list(bucket, prefix, after=after)
        yield from page.objects
        after = page.next_after


def link_object(objects: ObjectStore, bucket: str, key: str, target: Path) -> None:
    """Make `target` a file with an object's bytes, unless it is there; it appears whole or not at all.

    Raises
    ------
    StorageError
        If there is no such object.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        objects.link(bucket, key, partial)
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def link_folder(objects: ObjectStore, bucket: str, prefix: str, target: Path) -> None:
    """Make `target` a folder with the objects of a prefix, unless it is there; keys must be plain relative paths.

    Raises
    ------
    UserError
        For a key that leads out of the folder, and for a prefix without objects.
    """
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        n_files = 0
        for found in below(objects, bucket, prefix):
            name = found.key[len(prefix) :].lstrip("/")
            if not name or found.key.endswith("/"):
                continue
            parts = name.split("/")
            if any(part in ("", ".", "..") or "\0" in part for part in parts):
                raise UserError(f"Object s3://{bucket}/{found.key}: its key must be a plain path. Rename it.")
            place = partial.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                objects.link(bucket, found.key, place)
            except FileExistsError as error:
                raise UserError(
                    f"s3://{bucket}/{found.key}: it must not be a folder too. Rename it."
                ) from error
            n_files += 1
        if not n_files:
            raise UserError(f"s3://{bucket}/{prefix}: there must be objects below it. Got none.")
        partial.replace(target)
    except StorageError as error:
        raise UserError(str(error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
