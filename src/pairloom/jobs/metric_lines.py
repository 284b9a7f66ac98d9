"""Values of metrics in the lines of a log, found by regular expressions that anybody may have written."""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

__all__ = ["MetricFinder"]

LONGEST_SEARCHED = 16 << 10
"""Characters of a line that are looked at."""
LONGEST_SEARCH_S = 0.5


class TooSlow(Exception):  # noqa: N818 - never leaves this file
    """An expression has taken too long on one line."""


class MetricFinder:
    """Appends each value to a file of JSON lines ``{"n": name, "v": value, "t": seconds since 1970}``.

    An expression whose search takes over half a second is given up, for backtracking can take for ever; it says so
    once. Only usable in the main thread of a process.

    Parameters
    ----------
    definitions : mapping of str to str
        Expression by name of the metric; its first group is the number.
    path : path
    tell : callable
        Takes a sentence for the log.
    """

    def __init__(self, definitions: Mapping[str, str], path: Path, tell: Callable[[str], None]) -> None:
        self.expressions: dict[str, re.Pattern[str]] = {}
        self._faults: list[str] = []
        for name, expression in definitions.items():
            try:
                self.expressions[name] = re.compile(expression)
            except (re.error, RecursionError, OverflowError) as error:
                self._faults.append(f"Metric '{name}': its expression must be a regular one. Got: {error}.")
        self._file = path.open("ab", buffering=0)
        self.tell = tell
        self._searching = False
        if self.expressions:
            signal.signal(signal.SIGALRM, self._too_slow)

    def tell_faults(self) -> None:
        """Say which expressions mean nothing."""
        for fault in self._faults:
            self.tell(fault)

    def hear(self, line: str, now: float) -> None:
        """Search a line."""
        searched = line[:LONGEST_SEARCHED]
        found = [
            json.dumps({"n": name, "v": value, "t": now}) + "\n"
            for name in list(self.expressions)
            if (value := self._value(name, searched)) is not None
        ]
        if found:
            self._file.write("".join(found).encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _value(self, name: str, line: str) -> float | None:
        match: re.Match[str] | None = None
        try:
            signal.setitimer(signal.ITIMER_REAL, LONGEST_SEARCH_S)
            self._searching = True
            match = self.expressions[name].search(line)
            self._searching = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        except TooSlow:
            del self.expressions[name]
            self.tell(
                f"Metric '{name}': its expression must find its value within {LONGEST_SEARCH_S} s. "
                "It took longer and is left out from here on."
            )
        if match is None or not match.re.groups or match[1] is None:
            return None
        try:
            value = float(match[1])
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def _too_slow(self, number: int, frame: FrameType | None) -> None:
        if self._searching:
            self._searching = False
            raise TooSlow
