"""Regular expressions of the service models, which are Java's, as Python's."""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from functools import cache

__all__ = ["fits"]

ASCII_CLASSES = {
    "ASCII": "\\x00-\\x7f",
    "Print": "\\x20-\\x7e",
    "Alnum": "A-Za-z0-9",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
}
SURROGATES = "\\uD800\\uDC00-\\uDBFF\\uDFFF"
"""Java's way to write all characters beyond the 16-bit plane."""
QUICKER = (
    (re.compile(r"\(\[-([a-z0-9A-Z-]+)\]\*\[\1\]\)\{0,\d+\}\??"), r"([-\1]*[\1])?"),
    (re.compile(r"\((\[[^\]]+\])\+/\?\)\{(\d+),\d+\}"), r"(?:\1/?){\2,}"),
)
"""Patterns whose parts overlap take exponential time on what does not fit; these describe the same values. The first
has no count any more, the second only the lower one, which lengths that the service model sets make good."""


def fits(pattern: str, value: str) -> bool:
    """Tell whether a whole value is described by a pattern of a service model."""
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    text = (
        pattern.replace(SURROGATES, "\\U00010000-\\U0010FFFF")
        .replace("\\z", "\\Z")
        .replace("\\w-_", "\\w\\-_")
    )
    text = re.sub(r"\$\{\d+,\d+\}", "$", text)  # one end is as good as a hundred
    for slow, quick in QUICKER:
        text = slow.sub(quick, text)
    text = re.sub(
        r"\[[^\]]*\\p\{[^\]]*\]|\\p\{\w+\}",
        lambda found: _with_classes(found[0]) if found[0][0] == "[" else f"[{_with_classes(found[0])}]",
        text,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(text)


def _with_classes(text: str) -> str:
    return re.sub(r"\\p\{(\w+)\}", lambda found: ASCII_CLASSES.get(found[1]) or _category(found[1]), text)


@cache
def _category(name: str) -> str:
    """Ranges of the characters in a Unicode category, such as L or Zs, as the inside of brackets."""
    ranges: list[str] = []
    start: int | None = None
    for point in range(sys.maxunicode + 2):
        inside = point <= sys.maxunicode and unicodedata.category(chr(point)).startswith(name)
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{point - 1:08x}")
            start = None
    return "".join(ranges)
