"""Addresses such as ``s3://bucket/key`` in requests."""

from __future__ import annotations

from pairloom.errors import UserError

__all__ = ["joined", "split_uri"]

SCHEME = "s3://"


def split_uri(uri: str, owner: str) -> tuple[str, str]:
    """Return bucket and key, which may be empty.

    Parameters
    ----------
    uri : str
    owner : str
        Begins the error.

    Raises
    ------
    UserError
        If it is another kind of address.
    """
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not bucket:
        raise UserError(f"{owner}: must be an address such as s3://bucket/prefix. Got {uri!r}. Correct it.")
    return bucket, key


def joined(uri: str, *parts: str) -> str:
    """Return an address below another."""
    return "/".join((uri.rstrip("/"), *parts))
