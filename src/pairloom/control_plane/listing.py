"""What every List operation of SageMaker's has in common: filters, order, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pairloom.control_plane.operations import Call
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction
from pairloom.errors import DataError

__all__ = ["list_of"]

PAGE = 10
SORTS = {
    "Name": "name",
    "CreationTime": "created_at",
    "LastModifiedTime": "modified_at",
    "Status": "status",
}
BOUNDS = {
    "CreationTimeAfter": "created_after",
    "CreationTimeBefore": "created_before",
    "LastModifiedTimeAfter": "modified_after",
    "LastModifiedTimeBefore": "modified_before",
    "NameContains": "name_contains",
    "StatusEquals": "status",
}


def list_of(
    call: Call,
    kind: str,
    key: str,
    summary: Callable[[Resource], Mapping[str, Any]],
    *,
    parent: str | None = None,
    status: str | None = None,
    descending: bool = True,
) -> dict[str, Any]:
    """Answer a List operation.

    Parameters
    ----------
    call : Call
        Its input holds ``NameContains``, ``CreationTimeAfter``, ``SortBy``, ``MaxResults``, ``NextToken``, ... or none.
    kind : str
        Of the resources.
    key : str
        Member of the answer that holds the list.
    summary : callable
        Makes an item of a resource.
    parent : str, optional
        Only those that belong to it.
    status : str, optional
        Only those of it, where the caller names none as ``StatusEquals``.
    descending : bool
        The order where the caller asks for none.

    Raises
    ------
    AwsError
        For a token that is none.
    """
    asked = call.input
    filters: dict[str, Any] = {"status": status}
    filters |= {BOUNDS[name]: asked[name] for name in BOUNDS if name in asked}
    order = asked.get("SortOrder")

    def page(transaction: Transaction) -> dict[str, Any]:
        found = transaction.list(
            kind,
            **filters,
            parent=parent,
            sort_by=SORTS.get(asked.get("SortBy", "CreationTime"), "created_at"),
            descending=descending if order is None else order == "Descending",
            after=asked.get("NextToken"),
            limit=asked.get("MaxResults", PAGE),
        )
        answer: dict[str, Any] = {key: [summary(each) for each in found.resources]}
        return answer if found.next_token is None else answer | {"NextToken": found.next_token}

    try:
        with call.service.database.snapshot() as transaction:
            return page(transaction)
    except DataError as error:
        raise AwsError("ValidationException", str(error)) from error
