"""Brings endpoints to their stored state: workers up, updates blue/green, rollback where an update fails."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.control_plane.hosted.beat import Beat
from pairloom.control_plane.hosted.variants import (
    Place,
    build_captures,
    build_deployment,
    n_workers_of,
    sockets_folder,
)
from pairloom.control_plane.hosted.waiting_requests import WaitingRequests
from pairloom.control_plane.hosted.worker_logs import WorkerLogs
from pairloom.control_plane.log_storage import log_folder
from pairloom.control_plane.supervisor import Controller, controller
from pairloom.control_plane.supervisor.slots import n_cores
from pairloom.database import Resource
from pairloom.errors import PairloomError
from pairloom.faults import fault_point
from pairloom.hosting.capture import finish_left_over
from pairloom.hosting.live import LiveEndpoint

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["FOLDER", "Endpoints"]

assert WaitingRequests.kind  # importing it registers the controller
LOG = logging.getLogger("pairloom.endpoints")
FOLDER, CAPTURED = "endpoints", "capture"
LOOK_S = 0.05
RESIZE_S = 120.0
CLOSE_DRAIN_S = 5.0
Config = dict[str, Any]


@controller
class Endpoints(Controller):
    """Controller of endpoints; one that is in service is watched as well, so that it answers again after a restart."""

    kind: ClassVar[str] = "endpoint"
    unfinished: ClassVar[frozenset[str]] = frozenset(
        {"Creating", "Updating", "RollingBack", "InService", "Deleting"}
    )

    def __init__(self, service: Service) -> None:
        self._service, self._live = service, service.endpoints
        self._folder = service.data / FOLDER
        self._sockets = sockets_folder(service.data)
        self._starting: dict[tuple[str, str], asyncio.Task[LiveEndpoint]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        self._logs: dict[str, WorkerLogs] = {}
        self._resizing: dict[str, float] = {}
        self._sweep()
        self._beat = Beat(service)
        self._beating = asyncio.create_task(self._beat.run())

    async def reconcile(self, resource: Resource) -> float | None:
        """Take the next step."""
        config, coming = resource.document["Config"], resource.document.get("Next")
        if resource.status == "Deleting":
            await self._delete(resource)
            return None
        if resource.status == "Creating":
            return await self._create(resource, config)
        is_up = self._bring_up(resource, config)
        if resource.status == "InService":
            return None if is_up else LOOK_S
        if resource.status == "RollingBack":
            if is_up:
                await self._commit(resource, "InService", resource.document)
            return LOOK_S
        assert coming is not None
        if coming["Generation"] == config["Generation"]:
            return await self._resize(resource, coming) if is_up else LOOK_S
        return await self._exchange(resource, coming)

    async def give_up(self, resource: Resource, error: Exception) -> None:
        """Let it fail."""
        document = resource.document | {"FailureReason": f"InternalServerError: {error}"}
        document.pop("Next", None)
        await self._commit(resource, "Failed", document)

    async def forget(self, name: str) -> None:
        """End the workers of an endpoint that failed or was deleted."""
        self._end(name, keep=None)
        if name in self._logs:
            self._after_ends(self._logs.pop(name).close)

    async def close(self) -> None:
        """End all workers: requests under way have a few seconds."""
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        try:
            await self._beat.write_metrics()
        except PairloomError as error:
            LOG.error("The last metrics of endpoints are lost: %s", error)
        names = {name for name, _ in self._live.items()} | {name for name, _ in self._starting}
        for name in names:
            self._end(name, keep=None, drain_s=CLOSE_DRAIN_S)
        await asyncio.gather(*self._ending)
        await asyncio.gather(*self._clearing)
        for logs in self._logs.values():
            logs.close()
        if self._sockets.parent != self._service.data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    async def _create(self, resource: Resource, config: Config) -> float | None:
        task = self._start(resource, config)
        if not task.done():
            return None
        del self._starting[resource.name, config["Generation"]]
        error = task.exception()
        if error is not None:
            document = resource.document | {"FailureReason": _reason(error)}
            await self._commit(resource, "Failed", document)
            return None
        self._live.put(resource.name, task.result())
        fault_point("endpoint.started")
        await self._commit(resource, "InService", resource.document)
        return None

    def _bring_up(self, resource: Resource, config: Config) -> bool:
        """Whether what is in service answers; it is started where it does not, after a restart of the service."""
        live = self._live.get(resource.name)
        if live is not None and live.generation == config["Generation"]:
            return True
        task = self._start(resource, config)
        if not task.done():
            return False
        del self._starting[resource.name, config["Generation"]]
        self._live.put(resource.name, task.result())
        return True

    async def _exchange(self, resource: Resource, coming: Config) -> float | None:
        """Start the new workers beside the old ones; when all answer they take over, and if one fails none does."""
        live = self._live.get(resource.name)
        if live is None or live.generation != coming["Generation"]:
            task = self._start(resource, coming)
            if not task.done():
                return LOOK_S if live is None else None
            del self._starting[resource.name, coming["Generation"]]
            error = task.exception()
            if error is not None:
                document = resource.document | {"FailureReason": _reason(error)}
                del document["Next"]
                fault_point("endpoint.update-failed")
                await self._commit(resource, "RollingBack", document)
                return None
            self._live.put(resource.name, task.result())
            fault_point("endpoint.exchanged")
            if live is not None:
                self._close_soon(resource.name, live)
        document = resource.document | {"Config": coming}
        del document["Next"]
        await self._commit(resource, "InService", document)
        self._clear(resource, keep=coming["Generation"])
        return None

    async def _resize(self, resource: Resource, coming: Config) -> float | None:
        """Divide requests anew and have other numbers of workers; back to the old ones if some do not come."""
        live = self._live.get(resource.name)
        assert live is not None
        deployment, cores = live.deployment, n_cores()
        deployment.weigh({each["VariantName"]: each["Weight"] for each in coming["Variants"]})
        wanted = {each["VariantName"]: n_workers_of(each, cores) for each in coming["Variants"]}
        for each in coming["Variants"]:
            deployment.variants[each["VariantName"]].n_instances = each["Count"]
        for name, n_workers in wanted.items():
            if deployment.variants[name].pool.n_wanted != n_workers:
                deployment.variants[name].pool.resize(n_workers)
        pools = [(deployment.variants[name].pool, n_workers) for name, n_workers in wanted.items()]
        document = dict(resource.document)
        del document["Next"]
        began = self._resizing.setdefault(resource.name, time.monotonic())
        if all(pool.asleep or pool.n_ready >= n_workers for pool, n_workers in pools):
            del self._resizing[resource.name]
            await self._commit(resource, "InService", document | {"Config": coming})
            return None
        if time.monotonic() - began < RESIZE_S:
            return LOOK_S
        del self._resizing[resource.name]
        for each in document["Config"]["Variants"]:
            deployment.variants[each["VariantName"]].pool.resize(n_workers_of(each, cores))
        deployment.weigh({each["VariantName"]: each["Weight"] for each in document["Config"]["Variants"]})
        reason = f"Workers must answer within {RESIZE_S:g} s of a change of capacity."
        await self._commit(resource, "RollingBack", document | {"FailureReason": reason})
        return None

    def _start(self, resource: Resource, config: Config) -> asyncio.Task[LiveEndpoint]:
        """Start the workers of a configuration, once; the resource is woken when they answer or have failed."""
        key = resource.name, config["Generation"]
        task = self._starting.get(key)
        if task is None:
            task = asyncio.create_task(self._started(resource, config))
            task.add_done_callback(lambda _: self._service.supervisor.wake(self.kind, resource.name))
            self._starting[key] = task
        return task

    async def _started(self, resource: Resource, config: Config) -> LiveEndpoint:
        folder = self._folder / resource.id / config["Generation"]
        logs = self._logs.setdefault(
            resource.name,
            WorkerLogs(log_folder(self._service), resource.name, self._service.clock),
        )
        deployment = await asyncio.to_thread(
            build_deployment, self._service, config, Place(folder, self._sockets, logs, n_cores())
        )
        await deployment.start()
        try:
            captures = await asyncio.to_thread(build_captures, self._service, resource.name, config)
        except BaseException:
            await deployment.close(drain_s=0)
            raise
        return LiveEndpoint(config["Generation"], deployment, captures, config)

    async def _delete(self, resource: Resource) -> None:
        self._end(resource.name, keep=None)
        fault_point("endpoint.ended")
        await self._service.database.write(lambda t: t.delete(self.kind, resource.name))
        self._clear(resource, keep=None)

    def _end(self, name: str, *, keep: str | None, drain_s: float | None = None) -> None:
        """Let no requests go to an endpoint, and end its workers in the background."""
        for key in [key for key in self._starting if key[0] == name and key[1] != keep]:
            self._in_background(_cancel(self._starting.pop(key)))
        live = self._live.remove(name)
        if live is not None:
            self._close_soon(name, live, drain_s)

    def _close_soon(self, name: str, live: LiveEndpoint, drain_s: float | None = None) -> None:
        async def close() -> None:
            await live.deployment.close(drain_s=drain_s)
            for capture in live.captures.values():
                capture.finish_if_due(self._service.clock(), all_of_it=True)
                try:
                    await asyncio.to_thread(capture.hand_on_finished)
                except (
                    PairloomError
                ) as error:  # the files stay, and the next one to open the spool hands them on
                    LOG.error("Data capture of endpoint %s stays on disk: %s", name, error)

        self._in_background(close())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        _tracked(self._ending, asyncio.create_task(work))

    def _after_ends(self, step: Callable[[], None]) -> None:
        """Take a step, in a thread, when the workers that end now have ended."""

        async def wait() -> None:
            if ending := list(self._ending):
                await asyncio.wait(ending)
            await asyncio.to_thread(step)

        _tracked(self._clearing, asyncio.create_task(wait()))

    def _clear(self, resource: Resource, *, keep: str | None) -> None:
        """Remove the model data of other generations, once their workers have ended."""
        home = self._folder / resource.id

        self._after_ends(lambda: _remove_all_but(home, keep))

    def _sweep(self) -> None:
        """Remove the folders of endpoints that were deleted while nobody could; finish what was captured."""
        captured = self._service.data / CAPTURED
        if not (self._folder.is_dir() or captured.is_dir()):
            return
        identities, names = set[str](), set[str]()
        with self._service.database.snapshot() as t:
            page = t.list(self.kind, limit=1000)
            while page.resources:
                identities |= {each.id for each in page.resources}
                names |= {each.name for each in page.resources}
                if page.next_token is None:
                    break
                page = t.list(self.kind, after=page.next_token, limit=1000)
        for folder, known in ((self._folder, identities), (captured, names)):
            for home in folder.iterdir() if folder.is_dir() else ():
                if home.name not in known:
                    shutil.rmtree(home, ignore_errors=True)
        if captured.is_dir():
            finish_left_over(captured)

    async def _commit(self, resource: Resource, status: str, document: dict[str, Any]) -> None:
        changed = replace(resource, status=status, document=document)
        await self._service.database.write(lambda t: t.update(changed))


def _tracked(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _cancel(task: asyncio.Task[LiveEndpoint]) -> None:
    """End a start, or what has just been started."""
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, LiveEndpoint):
        await outcome.deployment.close(drain_s=0)


def _remove_all_but(home: Path, keep: str | None) -> None:
    if keep is None:
        shutil.rmtree(home, ignore_errors=True)
        return
    for folder in home.iterdir():
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _reason(error: BaseException) -> str:
    if isinstance(error, PairloomError):
        return str(error)[:1024]
    if not isinstance(error, Exception):
        raise error
    LOG.error("An endpoint could not be started", exc_info=error)
    return f"InternalServerError: {error!r}"[:1024]
