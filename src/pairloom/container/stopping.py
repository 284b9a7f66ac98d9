"""SIGTERM as a request that training hears at its next event."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

__all__ = ["StopRequest"]


class StopRequest:
    """Turns SIGTERM into a flag, from entering to leaving the context; usable in the main thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._before = signal.getsignal(signal.SIGTERM)

    def __enter__(self) -> Self:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the signal to whom it belonged."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)

    def __bool__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask for the end of the training."""
        self._asked.set()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.ask()
