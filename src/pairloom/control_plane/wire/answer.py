"""An answer on its way out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body.

    Parameters
    ----------
    status : int
    body : bytes or an asynchronous iterator of bytes
    headers : mapping
        Names in lower case.
    """

    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
