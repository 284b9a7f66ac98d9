"""The loop that drives the controllers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pairloom.control_plane.supervisor.controller import Controller
from pairloom.control_plane.supervisor.process_ends import on_end
from pairloom.control_plane.supervisor.slots import Slots, n_cores
from pairloom.database import Change, Database, Resource, Transaction
from pairloom.errors import ConflictError

log = logging.getLogger("pairloom.supervisor")

N_ATTEMPTS = 5
FIRST_DELAY_S, LONGEST_DELAY_S = 0.05, 30.0

Key = tuple[str, str]


@dataclass(slots=True)
class _Work:
    """What is going on for one resource."""

    id: str | None = None
    task: asyncio.Task[None] | None = None
    again: bool = False
    n_failures: int = 0
    timer: asyncio.TimerHandle | None = None
    watched: dict[int, Callable[[], None]] = field(default_factory=dict[int, Callable[[], None]])


class Supervisor:
    """Calls the controllers whenever there may be something to do; lives on one event loop.

    Parameters
    ----------
    database : Database
    n_slots : int, optional
        Most jobs at once; one for each core by default.
    """

    def __init__(self, database: Database, *, n_slots: int | None = None) -> None:
        self.database = database
        self.slots = Slots(n_slots or n_cores(), self._wake)
        self._controllers: dict[str, Controller] = {}
        self._work: dict[Key, _Work] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def add(self, controller: Controller) -> None:
        """Let a controller take care of its kind; before `start`."""
        if controller.kind in self._controllers:
            raise ValueError(f"Supervisor: kind {controller.kind!r} must have one controller. Got a second.")
        self._controllers[controller.kind] = controller

    async def start(self) -> None:
        """Adopt what runs, then begin to reconcile all that is unfinished."""
        self._loop = asyncio.get_running_loop()
        found = await self.database.read(self._unfinished)
        for resource in found:
            try:
                await self._controllers[resource.kind].adopt(resource)
            except Exception:
                log.exception("%s %s could not be adopted; it is reconciled", resource.kind, resource.name)
        self._unsubscribe = self.database.changes.subscribe(self._changed)
        for resource in await self.database.read(
            self._unfinished
        ):  # with what came while others were adopted
            self._wake(resource.kind, resource.name)

    async def stop(self) -> None:
        """Cancel the steps under way, then let each controller stop what must not outlive the service."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._loop, work, self._work = None, self._work, {}
        for one in work.values():
            self._rest(one)
            if one.task is not None:
                one.task.cancel()
        await asyncio.gather(*(one.task for one in work.values() if one.task), return_exceptions=True)
        closing = [controller.close() for controller in self._controllers.values()]
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                log.error("A controller could not be closed", exc_info=outcome)

    def wake(self, kind: str, name: str) -> None:
        """Take the next step for a resource soon; from any thread."""
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._wake, kind, name)
            except RuntimeError:
                if not loop.is_closed():
                    raise

    def watch(self, pid: int, kind: str, name: str) -> None:
        """Wake a resource when a process ends, a child or not; once, however often it is asked."""
        work = self._work.setdefault((kind, name), _Work())

        def ended() -> None:
            work.watched.pop(pid, None)
            self._wake(kind, name)

        if pid not in work.watched:
            work.watched[pid] = on_end(pid, ended)

    @property
    def idle(self) -> bool:
        """Whether no step is under way."""
        return all(work.task is None for work in self._work.values())

    def _unfinished(self, t: Transaction) -> list[Resource]:
        found: list[Resource] = []
        for controller in self._controllers.values():
            page = t.list(controller.kind, status=controller.unfinished, limit=1000)
            found += page.resources
            while page.next_token:
                page = t.list(
                    controller.kind, status=controller.unfinished, limit=1000, after=page.next_token
                )
                found += page.resources
        return sorted(found, key=lambda resource: (resource.created_at, resource.kind, resource.name))

    def _changed(self, change: Change) -> None:
        if change.kind in self._controllers:
            self.wake(change.kind, change.name)

    def _wake(self, kind: str, name: str) -> None:
        if self._loop is None or kind not in self._controllers:
            return
        work = self._work.setdefault((kind, name), _Work())
        if work.task is not None:
            work.again = True
            return
        if work.timer is not None:
            work.timer.cancel()
            work.timer = None
        work.task = self._loop.create_task(self._run((kind, name), work))

    async def _run(self, key: Key, work: _Work) -> None:
        delay: float | None = None
        finished = False
        try:
            while True:
                work.again = False
                delay, finished = await self._step(key, work)
                if not work.again:
                    break
        finally:
            work.task = None
        if finished:
            self._rest(work)
            self._work.pop(key, None)
        elif self._loop is not None and delay is not None:
            work.timer = self._loop.call_later(delay, self._wake, *key)

    async def _step(self, key: Key, work: _Work) -> tuple[float | None, bool]:
        """Take one step; return when the next is due, and whether there is nothing left to do."""
        controller = self._controllers[key[0]]
        try:
            resource = await self.database.read(lambda t: t.get(*key))
            if resource is None or resource.status not in controller.unfinished:
                self.slots.release(*key)
                await controller.forget(key[1])
                return None, True
            if work.id not in (None, resource.id):  # deleted, and made anew under its name
                self.slots.release(*key)
                await controller.forget(key[1])
            work.id = resource.id
            delay = await controller.reconcile(resource)
        except ConflictError:
            work.again = True
            return None, False
        except Exception as error:
            return await self._failed(controller, key, work, error), False
        work.n_failures = 0
        return delay, False

    async def _failed(self, controller: Controller, key: Key, work: _Work, error: Exception) -> float:
        work.n_failures += 1
        delay = min(FIRST_DELAY_S * 4 ** (work.n_failures - 1), LONGEST_DELAY_S)
        what = " ".join(key)
        log.error(
            "A step for %s failed, %d in a row; next in %.2f s", what, work.n_failures, delay, exc_info=error
        )
        if work.n_failures >= N_ATTEMPTS:
            try:
                now = await self.database.read(
                    lambda t: t.get(*key)
                )  # the step may have changed it before it failed
                if now is not None and now.status in controller.unfinished:
                    await controller.give_up(now, error)
            except Exception:
                log.exception("%s could not be given up", what)
        work.again = False  # not at once: what failed may have committed, and so have asked for the next step
        return delay

    @staticmethod
    def _rest(work: _Work) -> None:
        if work.timer is not None:
            work.timer.cancel()
            work.timer = None
        for cancel in work.watched.values():
            cancel()
        work.watched.clear()
