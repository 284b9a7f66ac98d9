"""Log lines of the endpoint: one JSON object a line on standard error."""

from __future__ import annotations

import json
import os
import time

__all__ = ["log"]

STANDARD_ERROR = 2
_ENCODER = json.JSONEncoder(default=str)


def log(level: str, event: str, **facts: object) -> None:
    """Write a line at once; lines of several processes do not mix.

    Parameters
    ----------
    level : {"info", "warning", "error"}
    event : str
        What happened, in a word or two.
    **facts
        Whatever JSON can hold.
    """
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
    line = {"time": stamp, "level": level, "event": event, "pid": os.getpid(), **facts}
    os.write(STANDARD_ERROR, _ENCODER.encode(line).encode() + b"\n")
