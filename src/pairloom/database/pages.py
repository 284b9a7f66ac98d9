"""Opaque tokens that say where the next page of a list begins."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from pairloom.database.resource import Resource
from pairloom.errors import DataError


@dataclass(frozen=True, slots=True)
class Place:
    """After which row a page begins, in which order."""

    sort_by: str
    descending: bool
    value: str | float
    name: str

    def token(self) -> str:
        """Write the place as a token of URL-safe characters."""
        fields = [self.sort_by, self.descending, self.value, self.name]
        return (
            base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")
        )


def place_after(resource: Resource, *, sort_by: str, descending: bool) -> str:
    """Return the token of a page that begins after a resource, for `Transaction.list`."""
    return Place(sort_by, descending, getattr(resource, sort_by), resource.name).token()


def place_of(token: str, *, sort_by: str, descending: bool) -> Place:
    """Read a token that `Place.token` wrote.

    Raises
    ------
    DataError
        If it is none, or belongs to a list in another order.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        fields = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        found_by, found_descending, value, name = fields
        number = sort_by in ("created_at", "modified_at")
        fits = (found_by, found_descending) == (sort_by, descending) and isinstance(name, str)
        if not fits or not isinstance(value, float if number else str):
            raise ValueError(token)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(
            "the token that the page before gave, with the same order",
            got=repr(token[:100]),
            action="Ask for the first page again, without a token",
            source="NextToken",
        ) from error
    return Place(found_by, found_descending, value, name)
