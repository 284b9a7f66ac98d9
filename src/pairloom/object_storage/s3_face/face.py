"""What every operation of the face works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pairloom.object_storage.interface import ObjectStore
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Request

__all__ = ["Face"]

Value = TypeVar("Value")
N_THREADS = 16


class Face:
    """An object store and the threads that call it.

    Parameters
    ----------
    store : ObjectStore
    account_id : str
        Owner of every bucket.
    region : str
        Where every bucket is said to be.
    """

    def __init__(self, store: ObjectStore, account_id: str, region: str) -> None:
        self.store, self.account_id, self.region = store, account_id, region
        self.threads = ThreadPoolExecutor(N_THREADS, "pairloom-s3")

    async def in_thread(self, function: Callable[..., Value], *values: Any) -> Value:
        """Call a function that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *values)

    @property
    def owner(self) -> str:
        """Markup of who owns things here."""
        return f"<Owner><ID>{self.account_id}</ID><DisplayName>pairloom</DisplayName></Owner>"

    def check_owner(self, request: Request) -> None:
        """Refuse a request that expects another owner."""
        for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
            if request.headers.get(name, self.account_id) != self.account_id:
                raise S3Fault("AccessDenied", "Access Denied")
