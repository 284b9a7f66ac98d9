"""Tags of every resource that has an ARN."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.tagging import check_number, tag_list, tags_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Transaction

__all__ = ["add_tags", "delete_tags", "list_tags"]


@operation("sagemaker", "AddTags")
def add_tags(call: Call) -> dict[str, Any]:
    """Set tags; others stay."""
    added = tags_of(call.input["Tags"])
    with call.service.database.transaction() as t:
        arn = _existing(t, call.input["ResourceArn"])
        check_number({**t.tags(arn), **added})
        t.put_tags(arn, added)
        return {"Tags": tag_list(t.tags(arn))}


@operation("sagemaker", "ListTags")
def list_tags(call: Call) -> dict[str, Any]:
    """List tags by key; all are on the first page, which holds as many as a resource can have."""
    if call.input.get("NextToken"):
        raise AwsError("ValidationException", "The NextToken must be one that ListTags gave. It gives none.")
    with call.service.database.snapshot() as t:
        return {"Tags": tag_list(t.tags(_existing(t, call.input["ResourceArn"])))}


@operation("sagemaker", "DeleteTags")
def delete_tags(call: Call) -> dict[str, Any]:
    """Remove tags; keys that are not there are no matter."""
    with call.service.database.transaction() as t:
        t.remove_tags(_existing(t, call.input["ResourceArn"]), call.input["TagKeys"])
    return {}


def _existing(t: Transaction, arn: str) -> str:
    """Return the ARN as it is kept: clients that build one themselves keep the case of the name."""
    head, _, name = arn.rpartition("/")
    for candidate in (arn, f"{head}/{name.lower()}"):
        if t.get_arn(candidate) is not None:
            return candidate
    raise AwsError("ValidationException", f"Requested resource not found: {arn}.")
