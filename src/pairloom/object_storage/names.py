"""Names of buckets and keys."""

from __future__ import annotations

import re

from pairloom.object_storage.errors import BadBucketNameError, BadKeyError, KeyTooLongError

__all__ = ["LONGEST_KEY_BYTES", "check_bucket", "check_key"]

LONGEST_KEY_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def check_bucket(name: str) -> None:
    """Refuse a name that S3 would refuse.

    Raises
    ------
    BadBucketNameError
    """
    if not _BUCKET.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        raise BadBucketNameError(
            "The specified bucket is not valid: a name has 3 to 63 of a-z, 0-9, '.' and '-', begins and ends with "
            f"a letter or digit, has no '..' and is no IP address. Got {name[:100]!r}."
        )


def check_key(key: str) -> bytes:
    """Return the key in UTF-8: the bytes that keys are ordered and limited by.

    Raises
    ------
    BadKeyError
        If it is empty or has half a surrogate pair.
    KeyTooLongError
    """
    if not key:
        raise BadKeyError("A key has at least one character. Got ''.")
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        raise BadKeyError(f"A key must be Unicode text. Got {key[:100]!r}.") from None
    if len(encoded) > LONGEST_KEY_BYTES:
        raise KeyTooLongError(
            f"Your key is too long: at most {LONGEST_KEY_BYTES} bytes of UTF-8. Got {len(encoded)}."
        )
    return encoded
