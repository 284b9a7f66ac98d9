"""Checkpoints of a job: a folder that outlives its attempts, kept alike with a prefix of the object store."""

from __future__ import annotations

import os
from pathlib import Path

from pairloom.control_plane.s3_locations import joined, split_uri
from pairloom.control_plane.training.channels import copy_out
from pairloom.errors import UserError
from pairloom.jobs.specification import safe_name
from pairloom.object_storage import ObjectStore

__all__ = ["CheckpointMirror", "check_bucket", "restore"]

OWNER = "CheckpointConfig, S3Uri"
UNFINISHED = (".unfinished", ".tmp")


def restore(store: ObjectStore, uri: str, folder: Path) -> None:
    """Bring what lies at a prefix into a folder; what is there already stays.

    Raises
    ------
    UserError
        If the bucket is not there, or a key cannot become a file.
    """
    bucket, prefix = split_uri(joined(uri, ""), OWNER)
    after: str | None = ""
    while after is not None:
        page = store.list(bucket, prefix, after=after)
        for found in page.objects:
            if found.key.endswith("/"):
                continue
            target = folder / safe_name(found.key[len(prefix) :], f"s3://{bucket}/{found.key}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                copy_out(store, bucket, found.key, target)
        after = page.next_after


class CheckpointMirror:
    """Puts what is new in a folder to a prefix; what a job deletes stays there, as on SageMaker.

    Parameters
    ----------
    store : ObjectStore
    uri : str
    folder : path
    """

    def __init__(self, store: ObjectStore, uri: str, folder: Path) -> None:
        self.store, self.uri, self.folder = store, uri, folder
        self._seen: dict[str, tuple[int, int]] = {}

    def sync(self) -> None:
        """Put files that are new or have changed since the last time; those that vanish meanwhile are passed over.

        Raises
        ------
        UserError, PlatformError
            If the store does not take them.
        """
        for name, path in self._files():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            state = (status.st_size, status.st_mtime_ns)
            if self._seen.get(name) == state:
                continue
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                bucket, key = split_uri(joined(self.uri, name), OWNER)
                self.store.put(bucket, key, file)
            self._seen[name] = state

    def take_as_kept(self) -> None:
        """Take what is in the folder now as lying at the prefix."""
        for name, path in self._files():
            status = path.stat()
            self._seen[name] = (status.st_size, status.st_mtime_ns)

    def _files(self) -> list[tuple[str, Path]]:
        found: list[tuple[str, Path]] = []
        for at, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not _is_unfinished(name))
            for name in sorted(files):
                path = Path(at) / name
                if not _is_unfinished(name) and path.is_file() and not path.is_symlink():
                    found.append((str(path.relative_to(self.folder)), path))
        return found


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(UNFINISHED)


def check_bucket(store: ObjectStore, uri: str, owner: str) -> None:
    """Raise UserError unless the bucket of an address is there."""
    bucket, _ = split_uri(uri, owner)
    try:
        store.head_bucket(bucket)
    except UserError as error:
        raise UserError(f"{owner}: {error}") from error
