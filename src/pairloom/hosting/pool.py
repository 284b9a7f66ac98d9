"""As many workers as a variant wants: the least loaded one answers, one that dies is replaced, idle ones may sleep."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from pairloom.hosting.errors import LostError, PoolBusyError, WorkerError
from pairloom.hosting.worker import Worker, WorkerPlan
from pairloom.hosting.worker_client import Answer, Header, StreamedAnswer

__all__ = ["PoolLimits", "WorkerPool"]

BACKOFF_S = (0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds until a worker is replaced, by how many died soon after their start."""
SOON_S = 10.0
WATCH_S = 1.0
START_TRIES = 3
"""How often a worker may end before it is ready, without saying why, until requests are refused."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How a pool treats requests and workers.

    Parameters
    ----------
    per_worker : int
        Requests that one worker has at once; more wait.
    waiting : int
        Requests that may wait for a worker; one more is refused.
    start_s : float
        Seconds a worker has to load the model.
    silent_s : float
        Seconds beyond the time limit of a request after which a worker without a sign of life is killed.
    drain_s : float
        Seconds that requests under way have when a worker is to end.
    idle_s : float, optional
        Seconds without a request after which the workers end until the next one comes. Default: never.
    n_repeats : int
        How often a request is sent again after workers died over it.
    """

    per_worker: int = 32
    waiting: int = 2048
    start_s: float = 480.0
    silent_s: float = 10.0
    drain_s: float = 25.0
    idle_s: float | None = None
    n_repeats: int = 1


class WorkerPool:
    """Workers over one model.

    Parameters
    ----------
    plan : WorkerPlan
    n_workers : int
        How many are wanted.
    limits : PoolLimits

    Attributes
    ----------
    n_deaths : int
        Workers that ended by themselves.
    last_used : float
        Time of the last request, in seconds of `time.monotonic`.
    on_death : callable
        Called with what a worker died of.
    """

    def __init__(self, plan: WorkerPlan, n_workers: int, limits: PoolLimits | None = None) -> None:
        self.plan, self.limits = plan, limits or PoolLimits()
        self.n_deaths, self.last_used = 0, time.monotonic()
        self.on_death: Callable[[WorkerError], None] = _stay
        self._n_wanted = n_workers
        self._workers: list[Worker] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._awake = self._closing = self._is_watched = False
        self._n_early_deaths = self._n_failed_starts = 0
        self._failure: WorkerError | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def n_wanted(self) -> int:
        """How many workers are wanted while awake."""
        return self._n_wanted

    @property
    def n_ready(self) -> int:
        """How many workers answer."""
        return sum(worker.ready and worker.retired_at is None for worker in self._workers)

    @property
    def asleep(self) -> bool:
        """Whether the workers have ended for want of requests."""
        return not self._awake

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that have not been told to end."""
        return [worker.pid for worker in self._workers if worker.retired_at is None]

    async def start(self) -> None:
        """Return when all wanted workers answer for the first time.

        Raises
        ------
        WorkerError
            If one cannot start; all are ended then.
        """
        self._wake()
        deadline = time.monotonic() + self.limits.start_s
        while self.n_ready < self._n_wanted:
            if self._failure is None and time.monotonic() >= deadline:
                self._failure = WorkerError(f"The model must be loaded within {self.limits.start_s:g} s.")
            if self._failure is not None:
                failure = self._failure
                await self.close(drain_s=0)
                raise failure
            await self._change(deadline - time.monotonic())

    async def request(
        self, method: bytes, target: bytes, headers: Sequence[Header], body: bytes, *, timeout_s: float
    ) -> Answer:
        """Let the least loaded worker answer; a worker that dies over it hands it to another, if it may be repeated.

        Raises
        ------
        LostError
            If workers went away and the request is not sent again.
        WorkerError
            If no worker can be started.
        PoolBusyError
            If too many requests wait.
        TimeoutError
            If there is no answer in `timeout_s` seconds, including the wait for a worker.
        """
        async with asyncio.timeout(timeout_s):
            for n_before in range(self.limits.n_repeats + 2):
                worker = await self._take()
                try:
                    return await worker.client.request(method, target, headers, body, timeout_s=timeout_s)
                except LostError as loss:
                    worker.doubted = True
                    self._check_repeat(loss, n_before)
                finally:
                    self._give(worker)
        raise AssertionError("the last repeat raises")

    async def stream(
        self, method: bytes, target: bytes, headers: Sequence[Header], body: bytes, *, timeout_s: float
    ) -> StreamedAnswer:
        """Let a worker answer piece by piece; parameters and errors as of `request`, until the head is there."""
        for n_before in range(self.limits.n_repeats + 2):
            async with asyncio.timeout(timeout_s):
                worker = await self._take()
            try:
                answer = await worker.client.stream(method, target, headers, body, timeout_s=timeout_s)
            except BaseException as error:
                self._give(worker)
                if not isinstance(error, LostError):
                    raise
                worker.doubted = True
                self._check_repeat(error, n_before)
                continue
            return StreamedAnswer(answer.status, answer.headers, self._given_back(worker, answer.pieces))
        raise AssertionError("the last repeat raises")

    def resize(self, n_workers: int) -> None:
        """Want another number of workers; those too many finish their requests first."""
        self._n_wanted = n_workers
        if self._awake and not self._closing:
            self._settle()

    async def close(self, *, drain_s: float | None = None) -> None:
        """Finish what is under way, and end all workers."""
        self._closing, self._awake = True, False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for worker in self._workers:
            self._retire(worker)
        self._tell()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.drain_s if drain_s is None else drain_s):
                await self._all_ended()
        for worker in self._workers:
            worker.kill()
        await self._all_ended()

    def _check_repeat(self, loss: LostError, n_before: int) -> None:
        """Raise, unless the request may be sent again: it never arrived, or does no harm twice."""
        n_allowed = self.limits.n_repeats if self.plan.repeatable or not loss.sent else 0
        if n_before >= n_allowed + (not loss.sent):
            raise loss

    async def _given_back(self, worker: Worker, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        finally:
            self._give(worker)

    async def _take(self) -> Worker:
        self.last_used = time.monotonic()
        worker = self._least_loaded() if not self._waiting else None
        if worker is None:
            if self._closing:
                raise WorkerError("The endpoint is being deleted.")
            if len(self._waiting) >= self.limits.waiting:
                raise PoolBusyError("Too many requests wait for this model. Try again in a moment.")
            if not self._awake:
                self._wake()
            while (worker := self._least_loaded()) is None:
                if self._closing or (self._failure is not None and not self.n_ready):
                    raise self._failure or WorkerError("The endpoint is being deleted.")
                await self._change(None)
        worker.in_flight += 1
        return worker

    def _least_loaded(self) -> Worker | None:
        best = None
        for worker in self._workers:
            if worker.open and (best is None or worker.in_flight < best.in_flight):
                best = worker
        return best if best is not None and best.in_flight < self.limits.per_worker else None

    def _give(self, worker: Worker) -> None:
        worker.in_flight -= 1
        self.last_used = time.monotonic()
        if worker.retired_at is not None and not worker.in_flight:
            worker.terminate()
        if self._waiting:
            self._tell(1)

    def _retire(self, worker: Worker) -> None:
        if worker.retired_at is None:
            worker.retired_at = time.monotonic()
            if not worker.in_flight:
                worker.terminate()

    async def _change(self, timeout_s: float | None) -> None:
        """Wait until something has happened; requests that wait are told in their order."""
        change = asyncio.get_running_loop().create_future()
        self._waiting.append(change)
        try:
            async with asyncio.timeout(timeout_s):
                await change
        except TimeoutError:
            if timeout_s is None:
                raise
        except asyncio.CancelledError:
            if change.done() and not change.cancelled():
                self._tell(1)  # it was meant for one that still waits
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(change)

    def _tell(self, n_told: int | None = None) -> None:
        for _ in range(len(self._waiting) if n_told is None else n_told):
            while self._waiting:
                change = self._waiting.popleft()
                if not change.done():
                    change.set_result(None)
                    break

    def _wake(self) -> None:
        self._awake, self._failure, self._n_early_deaths, self._n_failed_starts = True, None, 0, 0
        self._settle()
        if not self._is_watched:
            self._is_watched = True
            self._later(WATCH_S, self._watch)

    def _settle(self) -> None:
        """Launch workers that are missing, and let go those that are too many."""
        kept = [worker for worker in self._workers if worker.retired_at is None]
        for worker in sorted(kept, key=lambda each: (each.ready, -each.in_flight, -each.started))[
            : max(len(kept) - self._n_wanted, 0)
        ]:
            self._retire(worker)
        for _ in range(self._n_wanted - len(kept)):
            try:
                self._workers.append(Worker(self.plan, secrets.token_hex(6), self._changed))
            except WorkerError as error:
                self._died(error, soon=True, was_ready=False)

    def _changed(self, worker: Worker) -> None:
        if worker.ended:
            self._workers.remove(worker)
            if worker.retired_at is None:
                assert worker.failure is not None
                soon = time.monotonic() - worker.started < SOON_S
                self._died(worker.failure, soon=soon, was_ready=worker.was_ready)
        elif worker.ready:
            self._failure, self._n_failed_starts = None, 0
        self._tell()

    def _died(self, failure: WorkerError, *, soon: bool, was_ready: bool) -> None:
        self.n_deaths += 1
        self.on_death(failure)
        self._n_early_deaths = self._n_early_deaths + 1 if soon else 0
        if not was_ready:
            self._n_failed_starts += 1
            if failure.reported or self._n_failed_starts >= START_TRIES:
                self._failure = failure  # what those that wait are told, until a worker answers
        if self._awake and not self._closing:
            delay = BACKOFF_S[min(self._n_early_deaths, len(BACKOFF_S) - 1)]
            self._later(delay, self._settle_if_awake)

    def _settle_if_awake(self) -> None:
        if self._awake and not self._closing:
            self._settle()

    def _later(self, delay_s: float, step: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            step()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)

    def _watch(self) -> None:
        """Kill workers that hang, and send idle ones to sleep."""
        self._is_watched = False
        now = time.monotonic()
        patience_s = self.plan.settings.timeout_s + self.limits.silent_s
        for worker in self._workers:
            hangs = now - worker.heard > (patience_s if worker.ready else self.limits.start_s)
            lingers = worker.retired_at is not None and now - worker.retired_at > self.limits.drain_s
            if hangs or lingers:
                worker.kill()
        if self._closing or not (self._awake or self._workers):
            return
        self._is_watched = True
        self._later(WATCH_S, self._watch)
        idle_s = self.limits.idle_s
        is_idle = not self._waiting and not any(worker.in_flight for worker in self._workers)
        if self._awake and idle_s is not None and is_idle and self.n_ready and now - self.last_used > idle_s:
            self._awake = False
            for worker in self._workers:
                self._retire(worker)

    async def _all_ended(self) -> None:
        for worker in list(self._workers):
            await worker.wait()


def _stay(failure: WorkerError) -> None:
    """Tell nobody."""
