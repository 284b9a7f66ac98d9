"""Groups of model packages: the registry's models, of which packages are the versions."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.search import searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import AlreadyExistsError

__all__ = [
    "KIND",
    "create_model_package_group",
    "delete_model_package_group",
    "describe_model_package_group",
    "group_name",
    "list_model_package_groups",
]

KIND = "model-package-group"


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(call: Call) -> dict[str, Any]:
    """Keep a group without versions."""
    asked, service = call.input, call.service
    name = asked["ModelPackageGroupName"]
    document: dict[str, Any] = {"LastVersion": 0}
    if "ModelPackageGroupDescription" in asked:
        document["ModelPackageGroupDescription"] = asked["ModelPackageGroupDescription"]
    try:
        with service.database.transaction() as t:
            group = t.insert(Resource(KIND, name, service.arn(KIND, name), "Completed", document=document))
            t.put_tags(group.arn, tags_of(asked.get("Tags")))
    except AlreadyExistsError as error:
        message = (
            "Model Package Group names must be unique within an AWS account and region. "
            f"Model Package Group with name ({name}) already exists."
        )
        raise AwsError("ValidationException", message) from error
    return {"ModelPackageGroupArn": group.arn}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(call: Call) -> dict[str, Any]:
    """Tell of a group."""
    service = call.service
    name = group_name(call.input["ModelPackageGroupName"])
    with service.database.snapshot() as t:
        group = t.get(KIND, name)
    if group is None:
        raise _missing(service, name)
    return _told(service, group) | {"CreatedBy": {}}


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(call: Call) -> dict[str, Any]:
    """List groups."""
    return list_of(call, KIND, "ModelPackageGroupSummaryList", lambda group: _told(call.service, group))


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(call: Call) -> dict[str, Any]:
    """Forget a group, which must have no versions left."""
    service, name = call.service, group_name(call.input["ModelPackageGroupName"])
    with service.database.transaction() as t:
        group = t.get(KIND, name)
        if group is None:
            raise _missing(service, name)
        if t.list("model-package", parent=name, limit=1).resources:
            message = f"Model Package Group {group.arn} must be empty to be deleted. Delete its Model Packages first."
            raise AwsError("ConflictException", message)
        t.delete(KIND, name)
    return {}


def group_name(name_or_arn: str) -> str:
    """Return the name of a group, also of its ARN."""
    return name_or_arn.rpartition("/")[2]


def _missing(service: Service, name: str) -> AwsError:
    return AwsError("ValidationException", f"ModelPackageGroup {service.arn(KIND, name)} does not exist.")


@searchable("ModelPackageGroup", kind=KIND)
def _told(service: Service, group: Resource) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "CreationTime": group.created_at,
        "ModelPackageGroupStatus": "Completed",
    }
    if "ModelPackageGroupDescription" in group.document:
        told["ModelPackageGroupDescription"] = group.document["ModelPackageGroupDescription"]
    return told
