"""Endpoint configurations: which models share the requests of an endpoint, on how many workers."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.hosted.locations import parse_s3_url
from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.resources.models import found
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import AlreadyExistsError

__all__ = [
    "KIND",
    "create_endpoint_config",
    "delete_endpoint_config",
    "describe_endpoint_config",
    "list_endpoint_configs",
]

KIND = "endpoint-config"
CALLED = "endpoint configuration"
UNOFFERED = {
    "ShadowProductionVariants": "shadow variants",
    "ExplainerConfig": "explanations of answers",
    "CrossRegionTrafficConfig": "traffic across regions",
}
UNOFFERED_OF_VARIANT = {
    "InstancePools": "pools of instances",
    "AcceleratorType": "accelerators",
    "CapacityReservationConfig": "reservations of capacity",
    "AcceleratorPartitionLayouts": "parts of accelerators",
}


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(call: Call) -> dict[str, Any]:
    """Keep a configuration, whose models must be there."""
    asked = dict(call.input)
    tags = tags_of(asked.pop("Tags", []))
    _check(asked)
    name = asked["EndpointConfigName"]
    arn = call.service.arn(KIND, name)
    for variant in asked["ProductionVariants"]:
        found(call, "model", variant["ModelName"])
    try:
        with call.service.database.transaction() as t:
            t.insert(Resource(KIND, name, arn, document=asked))
            t.put_tags(arn, tags)
    except AlreadyExistsError as error:
        message = f'Cannot create already existing {CALLED} "{arn}".'
        raise AwsError("ValidationException", message) from error
    return {"EndpointConfigArn": arn}


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(call: Call) -> dict[str, Any]:
    """Answer with all that was put in."""
    config = found(call, KIND, call.input["EndpointConfigName"], CALLED)
    told = {"EndpointConfigArn": config.arn, "CreationTime": config.created_at}
    return {"EnableNetworkIsolation": False} | config.document | told


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(call: Call) -> dict[str, Any]:
    """List configurations."""
    return list_of(call, KIND, "EndpointConfigs", _summary)


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(call: Call) -> dict[str, Any]:
    """Forget a configuration; endpoints that were made from it go on."""
    config = found(call, KIND, call.input["EndpointConfigName"], CALLED)
    with call.service.database.transaction() as t:
        t.delete(KIND, config.name)
    return {}


def _summary(config: Resource) -> dict[str, Any]:
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created_at,
    }


def _check(asked: dict[str, Any]) -> None:
    """Refuse what an endpoint could not be made from."""
    for member, meaning in UNOFFERED.items():
        if asked.get(member):
            raise _refusal(f"{member}: Pairloom does not offer {meaning}. Leave it out.")
    variants = asked["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise _refusal(f"ProductionVariants must have names of their own. Got {', '.join(names)}.")
    if not any(variant.get("InitialVariantWeight", 1.0) > 0 for variant in variants):
        raise _refusal("One of the ProductionVariants must have an InitialVariantWeight above 0. Got none.")
    for variant in variants:
        _check_variant(variant)
    capture = asked.get("DataCaptureConfig")
    if capture:
        parse_s3_url(capture["DestinationS3Uri"], "DataCaptureConfig.DestinationS3Uri")
    output = asked.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    if output.get("NotificationConfig"):
        raise _refusal("NotificationConfig: Pairloom does not offer SNS. Leave it out.")
    for member in ("S3OutputPath", "S3FailurePath"):
        if output.get(member):
            parse_s3_url(output[member], f"AsyncInferenceConfig.OutputConfig.{member}")


def _check_variant(variant: dict[str, Any]) -> None:
    if not variant.get("ModelName"):
        message = f"Variant {variant['VariantName']} must have a ModelName: "
        raise _refusal(f"{message}Pairloom does not offer inference components.")
    for member, meaning in UNOFFERED_OF_VARIANT.items():
        if variant.get(member):
            raise _refusal(f"{member}: Pairloom does not offer {meaning}. Leave it out.")
    if variant.get("ManagedInstanceScaling", {}).get("Status") == "ENABLED":
        message = "ManagedInstanceScaling: Pairloom scales by Application Auto Scaling's calls. Leave it out."
        raise _refusal(message)
    if "ServerlessConfig" not in variant and not variant.get("InitialInstanceCount"):
        raise _refusal(f"Variant {variant['VariantName']} must have an InitialInstanceCount of at least 1.")


def _refusal(message: str) -> AwsError:
    return AwsError("ValidationException", message)
