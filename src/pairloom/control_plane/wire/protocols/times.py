"""Times as the protocols write them. Inside, a time is a number of seconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

__all__ = ["http_date", "iso_time", "seconds_of"]

LATEST_S = 253402300799.0
"""The last second of the year 9999."""


def seconds_of(value: Any) -> float | None:
    """Read seconds, ISO 8601 or an HTTP date; None if it is none of them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return _parsed(value).timestamp()
        except (ValueError, OverflowError):
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LATEST_S:
        return float(value)
    return None


def _parsed(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(value: datetime | float) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def iso_time(value: datetime | float) -> str:
    """Write ``2026-11-21T18:30:00.123Z``."""
    moment = _moment(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def http_date(value: datetime | float) -> str:
    """Write ``Sat, 21 Nov 2026 18:30:00 GMT``."""
    return format_datetime(_moment(value).replace(microsecond=0), usegmt=True)
