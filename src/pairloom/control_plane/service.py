"""What a resource may touch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pairloom.control_plane.settings import Settings
from pairloom.control_plane.supervisor import Supervisor, controllers
from pairloom.control_plane.wire.signatures.credentials import Credentials
from pairloom.database import Database
from pairloom.hosting.live import LiveEndpoints
from pairloom.object_storage import ObjectStore

__all__ = ["Clock", "Service"]

Clock = Callable[[], float]
"""Seconds since 1970."""


@dataclass(slots=True)
class Service:
    """The parts of a running service.

    Parameters
    ----------
    data : Path
        Folder that holds everything.
    credentials : Credentials
        The pair of keys that requests are signed with.
    database : Database
    objects : ObjectStore
    settings : Settings
    clock : Clock
    ending : asyncio.Event
        Set as soon as the service is told to end, before requests under way are waited for.
    keys_are_new : bool
        Whether the keys were made just now, so that they are shown.
    supervisor : Supervisor
        Drives the controllers between the start and the end of the application (`start`, `stop`).
    endpoints : LiveEndpoints
        Those that answer now.
    """

    data: Path
    credentials: Credentials
    database: Database
    objects: ObjectStore
    settings: Settings = field(default_factory=Settings)
    clock: Clock = time.time
    keys_are_new: bool = False
    supervisor: Supervisor = field(init=False)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    endpoints: LiveEndpoints = field(default_factory=LiveEndpoints)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.database, n_slots=self.settings.n_slots)

    @property
    def account_id(self) -> str:
        """Account, twelve digits."""
        return self.settings.account_id

    @property
    def region(self) -> str:
        """Region of the service."""
        return self.settings.region

    @property
    def role_arn(self) -> str:
        """ARN of the one role."""
        return f"arn:aws:iam::{self.account_id}:role/{self.settings.role_name}"

    def arn(self, kind: str, name: str) -> str:
        """Return ``arn:aws:sagemaker:REGION:ACCOUNT:kind/name``, the name in lower case as SageMaker has it."""
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{kind}/{name.lower()}"

    async def start(self) -> None:
        """Begin to do, on the running event loop, what goes on beside requests: what runs is adopted first."""
        for make in controllers():
            self.supervisor.add(make(self))
        await self.supervisor.start()

    async def stop(self) -> None:
        """End it, in an orderly way."""
        await self.supervisor.stop()
