"""The table of operations, and what one of them is called with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pairloom.control_plane.service import Service

__all__ = ["Call", "Handler", "Principal", "handler_of", "offered", "operation"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Parameters
    ----------
    access_key : str
    arn : str
        As STS tells it: ``arn:aws:sts::000000000000:assumed-role/PairloomExecutionRole/pairloom``.
    """

    access_key: str
    arn: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request, verified and checked.

    Parameters
    ----------
    input : dict
        By botocore's names; types and constraints hold. Timestamps are seconds since 1970, blobs are bytes; unknown and
        null members are gone. It can be kept as JSON unless it holds blobs.
    service : Service
    principal : Principal
    headers : mapping
        Of the request, names in lower case.
    request_id : str
    """

    input: dict[str, Any]
    service: Service
    principal: Principal
    headers: Mapping[str, str]
    request_id: str


Handler = Callable[[Call], dict[str, Any] | Awaitable[dict[str, Any]]]
"""Takes a call, returns the output by botocore's names (datetimes or seconds, bytes, streams) or raises AwsError."""

_HANDLERS: dict[tuple[str, str], Handler] = {}


def operation(service_id: str, name: str) -> Callable[[Handler], Handler]:
    """Offer an operation.

    A plain function runs in a worker thread, a coroutine function on the event loop.

    Parameters
    ----------
    service_id : str
        As botocore names the service: "sagemaker", "sagemaker-runtime", "logs", ...
    name : str
        As AWS names the operation.

    Raises
    ------
    ValueError
        If it is offered twice.

    Examples
    --------
    >>> @operation("sts", "GetCallerIdentity")  # doctest: +SKIP
    ... def get_caller_identity(call: Call) -> dict[str, Any]:
    ...     return {"Account": call.service.account_id, "UserId": ..., "Arn": call.principal.arn}
    """

    def offer(handler: Handler) -> Handler:
        if (service_id, name) in _HANDLERS:
            raise ValueError(f"{service_id}:{name} is offered twice.")
        _HANDLERS[service_id, name] = handler
        return handler

    return offer


def handler_of(service_id: str, name: str) -> Handler | None:
    """Return what answers an operation, or None if it is not offered."""
    return _HANDLERS.get((service_id, name))


def offered() -> frozenset[tuple[str, str]]:
    """Return every operation that is offered, as (service, operation)."""
    return frozenset(_HANDLERS)
