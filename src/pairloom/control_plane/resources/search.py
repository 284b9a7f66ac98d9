"""Search: the resources of a kind that match an expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.search import Record, Searchable, matches, searchable_of
from pairloom.control_plane.search.expression import check_names
from pairloom.control_plane.tagging import tag_list
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import wire_service
from pairloom.database import Resource, Transaction, place_after
from pairloom.errors import DataError

__all__ = ["search"]

AT_ONCE = 500


@operation("sagemaker", "Search")
def search(call: Call) -> dict[str, Any]:
    """Find what matches; ordered by the last change, the newest first, unless told otherwise."""
    asked = call.input
    kind = searchable_of(asked["Resource"])
    if kind is None:
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    sort_by = asked.get("SortBy", "LastModifiedTime")
    column = kind.column(sort_by)
    if column is None:
        raise AwsError(
            "ValidationException",
            f"SortBy must be CreationTime, LastModifiedTime, {kind.member}Name or {kind.member}Status. Got {sort_by}.",
        )
    expression = asked.get("SearchExpression", {})
    check_names(expression, _properties(kind))
    descending = asked.get("SortOrder", "Descending") == "Descending"
    limit = asked.get("MaxResults", 10)
    found: list[tuple[Resource, Record]] = []
    with call.service.database.snapshot() as t:
        try:
            for resource, tags in _all(
                t,
                kind.kind,
                asked.get("NextToken"),
                sort_by=column,
                descending=descending,
                tagged=_tags(expression),
            ):
                record = {**kind.tell(call.service, resource), "Tags": tag_list(tags)}
                inner: Any = record.get(kind.member, {})
                if matches(expression, {**record, **inner}):
                    found.append((resource, record))
                    if len(found) > limit:
                        break
        except DataError as error:
            raise AwsError("ValidationException", str(error)) from error
    more = len(found) > limit
    answer: dict[str, Any] = {
        "Results": [{kind.member: record} for _, record in found[:limit]],
        "TotalHits": {"Value": len(found), "Relation": "GreaterThanOrEqualTo" if more else "EqualTo"},
    }
    if more:
        answer["NextToken"] = place_after(found[limit - 1][0], sort_by=column, descending=descending)
    return answer


def _all(
    t: Transaction, kind: str, token: str | None, **asked: Any
) -> Iterator[tuple[Resource, dict[str, str]]]:
    """Yield what `Transaction.list` lists, page by page, each with its tags."""
    while True:
        page = t.list(kind, after=token, limit=AT_ONCE, **asked)
        tags = t.tags_of_all([resource.arn for resource in page.resources])
        yield from ((resource, tags[resource.arn]) for resource in page.resources)
        token = page.next_token
        if token is None:
            return


def _tags(expression: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that whatever matches must have, which the database looks up sooner than we."""
    if expression.get("Operator", "And") != "And":
        return {}
    return {
        condition["Name"].removeprefix("Tags."): condition["Value"]
        for condition in expression.get("Filters", ())
        if condition["Name"].startswith("Tags.")
        and condition.get("Operator", "Equals") == "Equals"
        and "Value" in condition
    }


def _properties(kind: Searchable) -> frozenset[str]:
    """Return what a property may begin with; the members of a model are those of the record within its record."""
    record: Any = wire_service("sagemaker").model.shape_for("SearchRecord").members[kind.member]
    inner = record.members.get(kind.member)
    return frozenset({*record.members, *(inner.members if inner is not None else ()), "Tags"})
