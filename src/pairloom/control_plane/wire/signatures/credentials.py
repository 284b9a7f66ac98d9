"""A pair of keys."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field

__all__ = ["Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs with.

    Parameters
    ----------
    access_key : str
        Public name of the pair.
    secret_key : str
        Shared secret; never printed by `repr`.
    """

    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def make(cls) -> Credentials:
        """Make a new pair from the system's randomness (240 bits of secret)."""
        letters = string.ascii_uppercase + "234567"
        access_key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
        return cls(access_key, secrets.token_urlsafe(30))
