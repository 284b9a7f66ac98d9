"""Which endpoints answer now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairloom.hosting.capture import CaptureWriter
from pairloom.hosting.deployment import Deployment

__all__ = ["LiveEndpoint", "LiveEndpoints"]


@dataclass(slots=True)
class LiveEndpoint:
    """An endpoint that answers.

    Parameters
    ----------
    generation : str
        Of the deployment; another one is another set of workers.
    deployment : Deployment
    captures : mapping of str to CaptureWriter
        By variant; empty if nothing is captured.
    about : mapping
        What else whoever started it wants to know of it.
    """

    generation: str
    deployment: Deployment
    captures: Mapping[str, CaptureWriter] = field(default_factory=dict[str, CaptureWriter])
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


class LiveEndpoints:
    """Endpoints by name; for one event loop."""

    def __init__(self) -> None:
        self._live: dict[str, LiveEndpoint] = {}
        self._changed = asyncio.Event()

    def get(self, name: str) -> LiveEndpoint | None:
        """Return an endpoint that answers, or None."""
        return self._live.get(name)

    def items(self) -> list[tuple[str, LiveEndpoint]]:
        """Return all that answer."""
        return list(self._live.items())

    def put(self, name: str, endpoint: LiveEndpoint) -> None:
        """Let requests go to an endpoint from now on."""
        self._live[name] = endpoint
        self._changed.set()

    def remove(self, name: str) -> LiveEndpoint | None:
        """Let no more requests go to an endpoint."""
        return self._live.pop(name, None)

    async def wait(self, name: str, timeout_s: float) -> LiveEndpoint | None:
        """Return an endpoint as soon as it answers, or None after a while."""
        try:
            async with asyncio.timeout(timeout_s):
                while (found := self._live.get(name)) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return found
