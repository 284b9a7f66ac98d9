"""Endpoints: models that answer."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from pairloom.control_plane.hosted import controller
from pairloom.control_plane.hosted.capacities import with_capacities
from pairloom.control_plane.hosted.pinning import pinned
from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.search import searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.waiting import hold_s
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction
from pairloom.errors import AlreadyExistsError

__all__ = [
    "KIND",
    "create_endpoint",
    "delete_endpoint",
    "describe_endpoint",
    "list_endpoints",
    "update_endpoint",
    "update_endpoint_weights_and_capacities",
]

assert controller.__name__  # importing it registers the controller
KIND = "endpoint"
UNDER_WAY = frozenset({"Creating", "Updating", "RollingBack", "Deleting"})


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(call: Call) -> dict[str, Any]:
    """Keep an endpoint; its workers are then started."""
    asked = call.input
    _check_deployment(asked.get("DeploymentConfig", {}))
    name = asked["EndpointName"]
    arn = call.service.arn(KIND, name)
    try:
        with call.service.database.transaction() as t:
            document: dict[str, Any] = {"Config": pinned(call.service, t, asked["EndpointConfigName"])}
            if "DeploymentConfig" in asked:
                document["LastDeploymentConfig"] = asked["DeploymentConfig"]
            t.insert(Resource(KIND, name, arn, "Creating", document=document))
            t.put_tags(arn, tags_of(asked.get("Tags", [])))
    except AlreadyExistsError as error:
        message = f'Cannot create already existing endpoint "{arn}".'
        raise AwsError("ValidationException", message) from error
    return {"EndpointArn": arn}


@operation("sagemaker", "DescribeEndpoint")
async def describe_endpoint(call: Call) -> dict[str, Any]:
    """Answer with the state of an endpoint; held for a moment while it is about to change."""
    database, name, settings = call.service.database, call.input["EndpointName"], call.service.settings
    endpoint = await database.read(lambda t: _there(call, t, name))
    age_s = call.service.clock() - endpoint.modified_at
    end = time.monotonic() + hold_s(call.headers, age_s, settings.describe_hold_s)
    while endpoint.status in UNDER_WAY and (left := end - time.monotonic()) > 0:
        if not await database.changed(KIND, name, endpoint.version, left):
            break
        endpoint = await database.read(lambda t: _there(call, t, name))
    return _described(endpoint)


@operation("sagemaker", "ListEndpoints")
def list_endpoints(call: Call) -> dict[str, Any]:
    """List endpoints."""
    return list_of(call, KIND, "Endpoints", _summary)


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(call: Call) -> dict[str, Any]:
    """Exchange what an endpoint serves; the old workers answer until the new ones do."""
    asked = call.input
    _check_deployment(asked.get("DeploymentConfig", {}))
    with call.service.database.transaction() as t:
        endpoint = _settled(call, t)
        coming = pinned(call.service, t, asked["EndpointConfigName"])
        if asked.get("RetainAllVariantProperties"):
            excluded = {
                each["VariantPropertyType"] for each in asked.get("ExcludeRetainedVariantProperties", [])
            }
            _retain(endpoint.document["Config"], coming, excluded)
        document = _without_failure(endpoint) | {"Next": coming}
        if "DeploymentConfig" in asked:
            document["LastDeploymentConfig"] = asked["DeploymentConfig"]
        elif not asked.get("RetainDeploymentConfig"):
            document.pop("LastDeploymentConfig", None)
        t.update(replace(endpoint, status="Updating", document=document))
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(call: Call) -> dict[str, Any]:
    """Divide requests by other weights, and have other numbers of workers."""
    with call.service.database.transaction() as t:
        endpoint = _settled(call, t)
        changes = {each["VariantName"]: each for each in call.input["DesiredWeightsAndCapacities"]}
        t.update(with_capacities(endpoint, changes))
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(call: Call) -> dict[str, Any]:
    """Let an endpoint go; requests that it has are finished."""
    with call.service.database.transaction() as t:
        endpoint = _there(call, t, call.input["EndpointName"])
        if endpoint.status != "Deleting":
            t.update(replace(endpoint, status="Deleting"))
    return {}


def _check_deployment(asked: dict[str, Any]) -> None:
    """Refuse ways of updating that are not offered: what takes over does so at once, when all of it answers."""
    routing = asked.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    for member, is_asked, instead in (
        ("RollingUpdatePolicy", bool(asked.get("RollingUpdatePolicy")), "Leave it out."),
        ("TrafficRoutingConfiguration", routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE", "Use ALL_AT_ONCE."),
        ("AutoRollbackConfiguration", bool(asked.get("AutoRollbackConfiguration", {}).get("Alarms")),
         "Leave it out: an update is rolled back when a worker cannot answer."),
    ):  # fmt: skip
        if is_asked:
            message = f"{member}: Pairloom exchanges all workers at once, and knows no alarms. {instead}"
            raise AwsError("ValidationException", message)


def _there(call: Call, t: Transaction, name: str) -> Resource:
    endpoint = t.get(KIND, name)
    if endpoint is None:
        message = f'Could not find endpoint "{call.service.arn(KIND, name)}".'
        raise AwsError("ValidationException", message)
    return endpoint


def _settled(call: Call, t: Transaction) -> Resource:
    """Return an endpoint that may be changed."""
    endpoint = _there(call, t, call.input["EndpointName"])
    if endpoint.status in UNDER_WAY:
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
    if endpoint.status == "Failed":
        message = f'Cannot update endpoint "{endpoint.arn}", which has failed. Delete it and create it anew.'
        raise AwsError("ValidationException", message)
    return endpoint


def _without_failure(endpoint: Resource) -> dict[str, Any]:
    return {name: value for name, value in endpoint.document.items() if name != "FailureReason"}


def _retain(old: dict[str, Any], coming: dict[str, Any], excluded: set[str]) -> None:
    """Keep weights and numbers of the variants that both have, but for the excluded properties."""
    before = {each["VariantName"]: each for each in old["Variants"]}
    properties = {"DesiredWeight": "Weight", "DesiredInstanceCount": "Count"}
    kept = [name for told, name in properties.items() if told not in excluded]
    for variant in coming["Variants"]:
        known = before.get(variant["VariantName"], {})
        variant.update({name: known[name] for name in kept if name in known})
    if "DataCaptureConfig" not in excluded and "DataCaptureConfig" in old:
        coming["DataCaptureConfig"] = old["DataCaptureConfig"]


def _summary(endpoint: Resource) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created_at,
        "LastModifiedTime": endpoint.modified_at,
        "EndpointStatus": endpoint.status,
    }


@searchable("Endpoint", kind=KIND)
def _searched(service: Service, endpoint: Resource) -> dict[str, Any]:
    return _described(endpoint)


def _described(endpoint: Resource) -> dict[str, Any]:
    config, coming = endpoint.document["Config"], endpoint.document.get("Next")
    told = _summary(endpoint) | {"EndpointConfigName": config["EndpointConfigName"]}
    for name in ("FailureReason", "LastDeploymentConfig"):
        if name in endpoint.document:
            told[name] = endpoint.document[name]
    if endpoint.status not in ("Creating", "Failed"):
        told["ProductionVariants"] = _variants(endpoint, config, coming)
        if coming is not None and coming["Generation"] != config["Generation"]:
            told["PendingDeploymentSummary"] = {
                "EndpointConfigName": coming["EndpointConfigName"],
                "ProductionVariants": _variants(endpoint, coming, None),
                "StartTime": endpoint.modified_at,
            }
    if "AsyncInferenceConfig" in config:
        told["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
    if capture := config.get("DataCaptureConfig"):
        enabled = bool(capture.get("EnableCapture", True))
        told["DataCaptureConfig"] = {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled and endpoint.status == "InService" else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
    return told


def _variants(
    endpoint: Resource, config: dict[str, Any], coming: dict[str, Any] | None
) -> list[dict[str, Any]]:
    resized = coming is not None and coming["Generation"] == config["Generation"]
    desired = {each["VariantName"]: each for each in (coming if resized and coming else config)["Variants"]}
    return [_variant(endpoint, each, desired[each["VariantName"]]) for each in config["Variants"]]


def _variant(endpoint: Resource, variant: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    image = variant["Container"]["Image"]
    told: dict[str, Any] = {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.created_at}
        ],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": desired["Weight"],
    }
    if "ServerlessConfig" in variant:
        told["CurrentServerlessConfig"] = told["DesiredServerlessConfig"] = variant["ServerlessConfig"]
        return told
    return told | {"CurrentInstanceCount": variant["Count"], "DesiredInstanceCount": desired["Count"]}
