"""Where buckets and keys of the store lie in the S3 behind it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pairloom.errors import UserError

__all__ = ["Places", "Target", "target_of"]

MARKERS = ".buckets/"
"""Names of buckets lie there when they are prefixes; no bucket's own name begins with a dot."""


@dataclass(frozen=True, slots=True)
class Places:
    """Buckets as the S3's own, or as prefixes in one bucket of it.

    Parameters
    ----------
    bucket : str
        The one bucket; empty if the buckets are the S3's own.
    prefix : str
        Before everything in that bucket; empty or ends with a slash.
    """

    bucket: str = ""
    prefix: str = ""

    @property
    def is_nested(self) -> bool:
        """Whether buckets are prefixes."""
        return bool(self.bucket)

    def of(self, bucket: str, key: str = "") -> tuple[str, str]:
        """Return bucket and key in the S3."""
        return (self.bucket, f"{self.prefix}{bucket}/{key}") if self.is_nested else (bucket, key)

    def key(self, bucket: str, key: str) -> str:
        """Return the store's own key."""
        return key.removeprefix(self.of(bucket)[1])

    def marker(self, bucket: str) -> str:
        """Return the key that says that a bucket is there."""
        return f"{self.prefix}{MARKERS}{bucket}"


@dataclass(frozen=True, slots=True)
class Target:
    """An S3 by its URL."""

    places: Places
    endpoint_url: str | None = None
    region: str | None = None


def target_of(url: str) -> Target:
    """Read ``s3://[BUCKET[/PREFIX]][?endpoint_url=URL&region=NAME]``.

    Without a bucket, buckets are the S3's own; with one, they are prefixes in it. What the URL does not name is taken
    from the environment, as every AWS client does.

    Raises
    ------
    UserError
    """
    parts = urlsplit(url)
    named = dict(parse_qsl(parts.query))
    unknown = sorted(set(named) - {"endpoint_url", "region"})
    if parts.scheme != "s3" or unknown or parts.fragment:
        raise UserError(
            "Object store: its URL must be s3://[BUCKET[/PREFIX]][?endpoint_url=URL&region=NAME]. "
            f"Got '{url}'. Change --object-store."
        )
    prefix = parts.path.strip("/")
    if prefix and not parts.netloc:
        raise UserError(f"Object store: a prefix must be in a bucket. Got '{url}'. Write s3://BUCKET/PREFIX.")
    places = Places(parts.netloc, f"{prefix}/" if prefix else "")
    return Target(places, named.get("endpoint_url"), named.get("region"))
