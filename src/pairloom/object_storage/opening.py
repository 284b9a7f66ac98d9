"""The object store that a service is told to use."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pairloom.object_storage.folder import FolderStore
from pairloom.object_storage.interface import ObjectStore

__all__ = ["open_object_store"]


def open_object_store(
    folder: Path, url: str | None = None, *, clock: Callable[[], float] = time.time
) -> ObjectStore:
    """Open the store in `folder`, or the S3 that a URL names.

    Parameters
    ----------
    folder : Path
        Holds the objects, or what is on its way to the S3.
    url : str, optional
        ``s3://[BUCKET[/PREFIX]][?endpoint_url=URL&region=NAME]``.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    UserError
        If the URL is none.
    PlatformError
        If the folder is another's, or the S3 does not answer.
    NoSuchBucketError
        If the URL names a bucket that is not there.
    """
    if url is None:
        return FolderStore(folder, clock=clock)
    from pairloom.object_storage.s3_client import S3Store, target_of

    target = target_of(url)
    spool = folder / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    for left_over in spool.glob("pairloom-*"):
        left_over.unlink(missing_ok=True)
    return S3Store(target, spool=spool, clock=clock)
