"""How a worker fails to answer."""

from __future__ import annotations

from pairloom.errors import PlatformError

__all__ = ["LostError", "PoolBusyError", "TooLongError", "WorkerError"]


class WorkerError(PlatformError):
    """A worker could not be started; the message is its own.

    Parameters
    ----------
    message : str
    by_user : bool
        Whether the model is at fault, and not this machine.
    reported : bool
        Whether the worker itself said so, so that another try would end alike.
    """

    def __init__(self, message: str, *, by_user: bool = False, reported: bool = False) -> None:
        super().__init__(message)
        self.by_user, self.reported = by_user, reported


class LostError(PlatformError):
    """A worker went away while it had a request.

    Parameters
    ----------
    message : str
    sent : bool
        Whether any of the request may have reached the worker.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class TooLongError(PlatformError):
    """An answer is longer than one may be."""


class PoolBusyError(PlatformError):
    """More requests wait than may."""
