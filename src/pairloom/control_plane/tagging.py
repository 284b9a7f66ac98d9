"""Tags as requests and answers have them: lists of Key and Value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pairloom.control_plane.wire.errors import AwsError

__all__ = ["MAX_TAGS", "check_number", "tag_list", "tags_of"]

MAX_TAGS = 50


def tags_of(given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Read the ``Tags`` of a request, for `Transaction.put_tags`.

    Raises
    ------
    AwsError
        If a key is given twice or is reserved.
    """
    found: dict[str, str] = {}
    for tag in given or ():
        key = tag["Key"]
        if key in found:
            raise AwsError("ValidationException", f"Duplicate tag keys found: {key}. Give each key once.")
        if key.lower().startswith("aws:"):
            raise AwsError("ValidationException", f"Tag keys that start with 'aws:' are reserved. Got {key}.")
        found[key] = tag["Value"]
    check_number(found)
    return found


def check_number(tags: Mapping[str, str]) -> None:
    """Refuse more tags than a resource may have.

    Raises
    ------
    AwsError
    """
    if len(tags) > MAX_TAGS:
        raise AwsError(
            "ResourceLimitExceeded",
            f"A resource can have {MAX_TAGS} tags. Got {len(tags)}. Remove some first.",
        )


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as answers have them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
