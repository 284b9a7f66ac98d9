"""Requests of InvokeEndpointAsync: kept until their answer, or their failure, is in the object store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.control_plane.hosted.answering import Request, ask
from pairloom.control_plane.hosted.locations import parse_s3_url
from pairloom.control_plane.supervisor import Controller, controller
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import PairloomError, PlatformError, UserError
from pairloom.faults import fault_point
from pairloom.hosting.live import LiveEndpoint
from pairloom.object_storage import Attributes, ObjectStore

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["KIND", "WaitingRequests"]

LOG = logging.getLogger("pairloom.endpoints")
KIND = "async-invocation"
WAIT_S = 5.0
AT_ONCE = 4
"""Requests that a worker has at once, where the configuration does not say."""
LARGEST_MB = 1024


@controller
class WaitingRequests(Controller):
    """Answers requests in the order they came, as many at once as the configuration allows.

    A request that was answered when the service was killed may be asked again; the answer replaces itself.
    """

    kind: ClassVar[str] = KIND
    unfinished: ClassVar[frozenset[str]] = frozenset({"Waiting"})

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns: dict[tuple[str, str], asyncio.Semaphore] = {}

    async def reconcile(self, resource: Resource) -> float | None:
        """Answer a request."""
        document = resource.document
        live = self._service.endpoints.get(document["EndpointName"])
        if live is None:
            endpoint = await self._service.database.read(
                lambda t: t.get("endpoint", document["EndpointName"])
            )
            if endpoint is None or endpoint.status in ("Failed", "Deleting"):
                await self._fail(resource, "The endpoint was deleted before it answered this request.")
                return None
            await self._service.endpoints.wait(document["EndpointName"], WAIT_S)
            return 0.05
        async with self._turn(document["EndpointName"], live):
            if self._service.clock() > document["Deadline"]:
                await self._fail(resource, "The request expired before a worker was free for it.")
                return None
            try:
                await self._answer(resource, live)
            except AwsError as error:
                await self._fail(resource, error.message)
            except UserError as error:
                await self._fail(resource, str(error))
        return None

    async def give_up(self, resource: Resource, error: Exception) -> None:
        """Tell of the failure."""
        message = str(error) if isinstance(error, PairloomError) else repr(error)
        await self._fail(resource, f"InternalServerError: {message}")

    async def _answer(self, resource: Resource, live: LiveEndpoint) -> None:
        document, objects = resource.document, self._service.objects
        body = await asyncio.to_thread(_read, objects, document["InputLocation"])
        request = Request(
            document["EndpointName"],
            live.deployment.variant(),
            body,
            document["ContentType"],
            document["Accept"],
            document["CustomAttributes"],
            document["InferenceId"],
            perf_counter(),
            document["TimeoutSeconds"],
        )
        answer = await ask(self._service, request)
        attributes = Attributes(content_type=answer.header(b"content-type") or "application/octet-stream")
        await asyncio.to_thread(_write, objects, document["OutputLocation"], answer.body, attributes)
        fault_point("async-invocation.answered")
        await self._service.database.write(lambda t: t.delete(KIND, resource.name))

    async def _fail(self, resource: Resource, message: str) -> None:
        location = resource.document.get("FailureLocation")
        if location:
            attributes = Attributes(content_type="text/plain; charset=utf-8")
            try:
                await asyncio.to_thread(_write, self._service.objects, location, message.encode(), attributes)
            except UserError as error:
                LOG.error("Request %s failed (%s) and cannot say so: %s", resource.name, message, error)
        await self._service.database.write(lambda t: t.delete(KIND, resource.name))

    def _turn(self, endpoint: str, live: LiveEndpoint) -> asyncio.Semaphore:
        key = endpoint, live.generation
        if key not in self._turns:
            for old in [each for each in self._turns if each[0] == endpoint]:
                del self._turns[old]
            client: Mapping[str, Any] = live.about.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
            per_worker = client.get("MaxConcurrentInvocationsPerInstance", AT_ONCE)
            n_workers = sum(variant.pool.n_wanted for variant in live.deployment.variants.values())
            self._turns[key] = asyncio.Semaphore(max(1, per_worker * n_workers))
        return self._turns[key]


def _read(objects: ObjectStore, location: str) -> bytes:
    bucket, key = parse_s3_url(location, "InputLocation")
    size = objects.head(bucket, key).size_bytes
    if size > LARGEST_MB << 20:
        raise UserError(f"{location}: it must be of at most {LARGEST_MB} MiB. Got {size} bytes.")
    with objects.open(bucket, key) as stream:
        return stream.read()


def _write(objects: ObjectStore, location: str, content: bytes, attributes: Attributes) -> None:
    bucket, key = parse_s3_url(location, "OutputLocation")
    try:
        objects.put(bucket, key, content, attributes=attributes)
    except OSError as error:
        raise PlatformError(f"{location}: it must take the answer. Got: {error}.") from error
