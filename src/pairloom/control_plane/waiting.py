"""Describe calls of unfinished work, held open for a moment.

Clients look, then sleep: the SDK for 5 to 30 s, boto3's waiters for 30 to 120 s. Work that is done in seconds would
seem to take that long. So a Describe of something unfinished waits for its end: as long as the work is young, and
longer for a waiter, which does nothing else meanwhile; later only for a moment, since the same loop shows the log.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping

from pairloom.control_plane.operations import Call
from pairloom.control_plane.service import Service
from pairloom.database import Resource

__all__ = ["described", "hold_s"]

MOMENT_S = 1.0
WAITER_S = 40.0
"""Below the 60 s that clients of AWS wait for an answer."""
OF_WAITER = re.compile(r"(?:^|\s)m/(?:[A-Za-z0-9+-]{1,2},)*B(?:,|\s|$)")
"""How botocore tells in User-Agent that a waiter asks."""


def hold_s(headers: Mapping[str, str], age_s: float, young_s: float) -> float:
    """Return for how long a Describe may be held.

    Parameters
    ----------
    headers : mapping
        Of the request.
    age_s : float
        Since the work was asked for.
    young_s : float
        Work younger than this is waited for until it is this old (``Settings.describe_hold_s``); 0 holds nothing.
    """
    if young_s == 0:
        return 0.0
    if OF_WAITER.search(headers.get("user-agent", "")):
        return WAITER_S
    return min(max(MOMENT_S, young_s - age_s), young_s)


async def described(call: Call, kind: str, name: str, unfinished: Collection[str]) -> Resource | None:
    """Read a resource for a Describe; while its status is one of `unfinished`, wait for a moment.

    Parameters
    ----------
    call : Call
    kind, name : str
    unfinished : collection of str
        Statuses that will change by themselves.

    Returns
    -------
    Resource or None
        As it is at the end of the wait; None if there is none, or not any more.
    """
    database = call.service.database
    resource = await database.read(lambda t: t.get(kind, name))
    if resource is None or resource.status not in unfinished:
        return resource
    age_s = call.service.clock() - resource.created_at
    end = time.monotonic() + hold_s(call.headers, age_s, call.service.settings.describe_hold_s)
    while resource is not None and resource.status in unfinished:
        left = end - time.monotonic()
        if left <= 0 or not await _changed(call.service, resource, left):
            break
        resource = await database.read(lambda t: t.get(kind, name))
    return resource


async def _changed(service: Service, resource: Resource, timeout_s: float) -> bool:
    """Wait for a change; the end of the service ends the wait too, so that its clients have an answer."""
    change = asyncio.ensure_future(
        service.database.changed(resource.kind, resource.name, resource.version, timeout_s)
    )
    ending = asyncio.ensure_future(service.ending.wait())
    try:
        await asyncio.wait({change, ending}, return_when=asyncio.FIRST_COMPLETED)
        return change.done() and change.result()
    finally:
        change.cancel()
        ending.cancel()
