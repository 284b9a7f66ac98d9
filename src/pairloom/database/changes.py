"""Tells whoever waits, in this process, that a commit changed a resource."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Listener = Callable[["Change"], None]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change; version None means that the resource was deleted."""

    kind: str
    name: str
    version: int | None


class Changes:
    """Passes committed changes on to listeners (any thread) and to coroutines that wait for one resource."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._waiting: dict[Key, set[Waiter]] = {}

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(change)` after each commit, in the thread that committed; return what ends that.

        A listener must be quick and must not raise.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return unsubscribe

    def announce(self, changes: Iterable[Change]) -> None:
        """Tell of committed changes."""
        for change in changes:
            with self._lock:
                listeners = [*self._listeners]
                waiters = [*self._waiting.get((change.kind, change.name), ())]
            for listener in listeners:
                listener(change)
            for waiter in waiters:
                waiter.wake()

    def wait_for(self, kind: str, name: str) -> Waiter:
        """Begin to listen for the next change of one resource; for `with`, in a coroutine."""
        return Waiter(self, (kind, name))

    def add(self, key: Key, waiter: Waiter) -> None:
        """Wake `waiter` at each change of `key`."""
        with self._lock:
            self._waiting.setdefault(key, set()).add(waiter)

    def remove(self, key: Key, waiter: Waiter) -> None:
        """Forget `waiter`."""
        with self._lock:
            waiters = self._waiting[key]
            waiters.discard(waiter)
            if not waiters:
                del self._waiting[key]


class Waiter:
    """One coroutine that waits for the next change of one resource."""

    def __init__(self, changes: Changes, key: Key) -> None:
        self._changes, self._key = changes, key
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def __enter__(self) -> Waiter:
        self._changes.add(self._key, self)
        return self

    def __exit__(self, *_: object) -> None:
        self._changes.remove(self._key, self)

    def wake(self) -> None:
        """End the wait; from any thread, also after the loop has closed."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    async def changed(self, timeout_s: float) -> bool:
        """Wait; False when nothing changed in time."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
