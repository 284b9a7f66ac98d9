"""What endpoints need every second: metrics counted up, captured requests handed on, workers scaled."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from pairloom.control_plane.hosted.metrics import metric_points
from pairloom.control_plane.hosted.scaling import KIND, parse_resource_id, scale
from pairloom.database import Metric, Resource
from pairloom.errors import ConflictError, PairloomError
from pairloom.hosting.live import LiveEndpoint

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["Beat"]

LOG = logging.getLogger("pairloom.endpoints")
BEAT_S = 0.5
MOST_TARGETS = 1000


class Beat:
    """Looks after the live endpoints of a service until it is cancelled.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._metrics_at = self._period_at = time.monotonic()

    async def run(self) -> None:
        """Go on until cancelled; what fails once is tried again."""
        while True:
            await asyncio.sleep(BEAT_S)
            for step in (self.hand_on_captures, self._metrics, self._scaling):
                try:
                    await step()
                except PairloomError as error:
                    LOG.error("Endpoints: %s", error)
                except Exception:
                    LOG.exception("Endpoints: a step failed; it is tried again")

    async def hand_on_captures(self, *, all_of_it: bool = False) -> None:
        """Put captured requests that are due into the object store."""
        now = self._service.clock()
        for name, live in self._service.endpoints.items():
            for capture in live.captures.values():
                capture.finish_if_due(now, all_of_it=all_of_it)
                if not capture.is_waiting:
                    continue
                try:
                    await asyncio.to_thread(capture.hand_on_finished)
                except PairloomError as error:
                    LOG.error("Data capture of endpoint %s waits on disk: %s", name, error)

    async def write_metrics(self) -> None:
        """Write what was counted since the last time."""
        now, points = self._service.clock(), list[Metric]()
        for name, live in self._service.endpoints.items():
            for variant in live.deployment.variants.values():
                points += metric_points(name, variant.name, variant.take_tally(), variant.pool.n_wanted, now)
        if points:
            await self._service.database.write(lambda t: t.put_metrics(points))

    async def _metrics(self) -> None:
        if time.monotonic() - self._metrics_at >= self._service.settings.endpoint_metrics_s:
            self._metrics_at = time.monotonic()
            await self.write_metrics()

    async def _scaling(self) -> None:
        period_s = self._service.settings.autoscaling_period_s
        if time.monotonic() - self._period_at < period_s:
            return
        self._period_at = time.monotonic()
        live = dict(self._service.endpoints.items())
        for endpoint in live.values():
            for variant in endpoint.deployment.variants.values():
                variant.close_period()
        if not live:
            return
        page = await self._service.database.read(lambda t: t.list(KIND, limit=MOST_TARGETS))
        for target in page.resources:
            await self._scale(target, live, 60.0 / period_s)

    async def _scale(self, target: Resource, live: dict[str, LiveEndpoint], per_minute: float) -> None:
        place = parse_resource_id(target.name)
        endpoint = live.get(place[0]) if place else None
        if place is None or endpoint is None or place[1] not in endpoint.deployment.variants:
            return
        variant = endpoint.deployment.variants[place[1]]
        n_workers = max(variant.n_instances, 1)
        loads = [count * per_minute / n_workers for count in variant.periods]
        now = self._service.clock()
        try:
            wanted = await self._service.database.write(lambda t: scale(t, target, loads, now))
        except ConflictError:  # somebody changed the endpoint; the next period looks again
            return
        if wanted is not None:
            variant.periods.clear()
            LOG.info("Endpoint %s, variant %s: %d workers for its load", *place, wanted)
