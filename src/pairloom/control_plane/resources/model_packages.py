"""Model packages: models that are registered, in versions of a group, and approved before they are deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairloom.control_plane.hosted.containers import check_container
from pairloom.control_plane.hosted.packages import UNVERSIONED, VERSIONED, package_of
from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.resources.model_package_groups import KIND as GROUP
from pairloom.control_plane.resources.model_package_groups import group_name
from pairloom.control_plane.search import searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction
from pairloom.errors import AlreadyExistsError

__all__ = [
    "batch_describe_model_package",
    "create_model_package",
    "delete_model_package",
    "describe_model_package",
    "list_model_packages",
    "update_model_package",
]

PENDING = "PendingManualApproval"
UNOFFERED = {
    "ValidationSpecification": "validation of packages",
    "SourceAlgorithmSpecification": "algorithms of one's own by name",
    "CertifyForMarketplace": "a market place",
}
CHANGED = ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification", "SourceUri", "ModelCard",
           "ModelLifeCycle", "ModelPackageRegistrationType")  # fmt: skip


@operation("sagemaker", "CreateModelPackage")
def create_model_package(call: Call) -> dict[str, Any]:
    """Register a model: as the next version of a group, or by a name of its own."""
    asked, service = dict(call.input), call.service
    tags = tags_of(asked.pop("Tags", None))
    asked.pop("ClientToken", None)
    for member, meaning in UNOFFERED.items():
        if asked.get(member):
            raise AwsError(
                "ValidationException", f"{member}: Pairloom does not offer {meaning}. Leave it out."
            )
    group, name = asked.pop("ModelPackageGroupName", None), asked.pop("ModelPackageName", None)
    if (group is None) == (name is None):
        message = "A model package must have a ModelPackageGroupName or a ModelPackageName, and not both."
        raise AwsError("ValidationException", message)
    for container in asked.get("InferenceSpecification", {}).get("Containers", []):
        check_container(container, service.objects)
    try:
        with service.database.transaction() as t:
            made = _unversioned(service, asked, name) if group is None else _version(service, t, asked, group)
            package = t.insert(made)
            t.put_tags(package.arn, tags)
    except AlreadyExistsError as error:
        message = (
            "Model Package names must be unique within an AWS account and region. "
            f"Model Package with name ({name}) already exists."
        )
        raise AwsError("ValidationException", message) from error
    return {"ModelPackageArn": package.arn}


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(call: Call) -> dict[str, Any]:
    """Tell of a package, by its ARN or name."""
    with call.service.database.snapshot() as t:
        package = package_of(call.service, t, call.input["ModelPackageName"])
    return _told(call.service, package)


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(call: Call) -> dict[str, Any]:
    """Tell of several packages."""
    told: dict[str, Any] = {}
    faults: dict[str, Any] = {}
    with call.service.database.snapshot() as t:
        for arn in call.input["ModelPackageArnList"]:
            try:
                told[arn] = _told(call.service, package_of(call.service, t, arn))
            except AwsError as error:
                faults[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": told, "BatchDescribeModelPackageErrorMap": faults}


@operation("sagemaker", "ListModelPackages")
def list_model_packages(call: Call) -> dict[str, Any]:
    """List the versions of a group, or packages by names of their own."""
    asked = call.input
    group, kind = asked.get("ModelPackageGroupName"), asked.get("ModelPackageType", "Unversioned")
    if group is None and kind == "Both":
        raise AwsError("ValidationException", "ModelPackageType must be Versioned or Unversioned. Got Both.")
    is_versioned = group is not None or kind == "Versioned"
    return list_of(
        call,
        VERSIONED if is_versioned else UNVERSIONED,
        "ModelPackageSummaryList",
        lambda package: _summary(call.service, package),
        parent=None if group is None else group_name(group),
        status=asked.get("ModelApprovalStatus"),
    )


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(call: Call) -> dict[str, Any]:
    """Approve or reject a package, or change what is told of it."""
    asked = call.input
    for container in asked.get("InferenceSpecification", {}).get("Containers", []):
        check_container(container, call.service.objects)
    with call.service.database.transaction() as t:
        package = package_of(call.service, t, asked["ModelPackageArn"])
        document = package.document | {name: asked[name] for name in CHANGED if name in asked}
        properties = document.get("CustomerMetadataProperties", {}) | asked.get(
            "CustomerMetadataProperties", {}
        )
        for name in asked.get("CustomerMetadataPropertiesToRemove", []):
            properties.pop(name, None)
        if properties or "CustomerMetadataProperties" in document:
            document["CustomerMetadataProperties"] = properties
        if "AdditionalInferenceSpecificationsToAdd" in asked:
            more = asked["AdditionalInferenceSpecificationsToAdd"]
            before = document.get("AdditionalInferenceSpecifications", [])
            document["AdditionalInferenceSpecifications"] = [*before, *more]
        status = document.get("ModelApprovalStatus", package.status)
        t.update(replace(package, status=status, document=document))
    return {"ModelPackageArn": package.arn}


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(call: Call) -> dict[str, Any]:
    """Forget a package; its version is not given again."""
    with call.service.database.transaction() as t:
        package = package_of(call.service, t, call.input["ModelPackageName"])
        t.delete(package.kind, package.name)
    return {}


def _unversioned(service: Service, asked: dict[str, Any], name: str) -> Resource:
    document = asked | {"ModelPackageName": name}
    return Resource(UNVERSIONED, name, service.arn("model-package", name), document=document)


def _version(service: Service, t: Transaction, asked: dict[str, Any], group: str) -> Resource:
    """Return the next version of a group, whose counter goes on."""
    name = group_name(group)
    found = t.get(GROUP, name)
    if found is None:
        message = f"ModelPackageGroup {service.arn(GROUP, name)} does not exist."
        raise AwsError("ValidationException", message)
    version = found.document["LastVersion"] + 1
    t.update(replace(found, document=found.document | {"LastVersion": version}))
    told = {"ModelApprovalStatus": PENDING, **asked}
    document = told | {"ModelPackageGroupName": name, "ModelPackageVersion": version}
    arn = service.arn("model-package", f"{name}/{version}")
    return Resource(
        VERSIONED, f"{name}/{version}", arn, told["ModelApprovalStatus"], parent=name, document=document
    )


@searchable("ModelPackage", kind=VERSIONED)
def _told(service: Service, package: Resource) -> dict[str, Any]:
    return {"ModelPackageName": package.name} | package.document | {
        "ModelPackageArn": package.arn,
        "CreationTime": package.created_at,
        "LastModifiedTime": package.modified_at,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }  # fmt: skip


def _summary(service: Service, package: Resource) -> dict[str, Any]:
    members = (
        "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn",
        "ModelPackageDescription", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus",
    )  # fmt: skip
    told = _told(service, package)
    return {name: told[name] for name in members if name in told}
