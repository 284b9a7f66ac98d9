"""Application Auto Scaling, for the variants of endpoints."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from pairloom.control_plane.hosted.scaling import KIND, parse_resource_id
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction

__all__ = [
    "delete_scaling_policy",
    "deregister_scalable_target",
    "describe_scalable_targets",
    "describe_scaling_activities",
    "describe_scaling_policies",
    "put_scaling_policy",
    "register_scalable_target",
]

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"


@operation(SERVICE, "RegisterScalableTarget")
def register_scalable_target(call: Call) -> dict[str, Any]:
    """Let the number of workers of a variant follow its load, within bounds."""
    asked, name = call.input, _resource_id(call)
    with call.service.database.transaction() as t:
        _check_variant(t, name)
        before = t.get(KIND, name)
        known = {} if before is None else before.document
        document = known | {
            "MinCapacity": asked.get("MinCapacity", known.get("MinCapacity")),
            "MaxCapacity": asked.get("MaxCapacity", known.get("MaxCapacity")),
            "RoleARN": asked.get("RoleARN", known.get("RoleARN", call.service.role_arn)),
            "SuspendedState": asked.get("SuspendedState", known.get("SuspendedState", {})),
        }
        _check_bounds(document)
        if before is None:
            target = t.insert(
                Resource(KIND, name, _arn(call, name), document=document | {"Policies": {}, "Activities": []})
            )
            t.put_tags(target.arn, asked.get("Tags", {}))
        else:
            target = t.update(replace(before, document=document))
    return {"ScalableTargetARN": target.arn}


@operation(SERVICE, "DescribeScalableTargets")
def describe_scalable_targets(call: Call) -> dict[str, Any]:
    """List scalable targets."""
    wanted = set(call.input.get("ResourceIds", []))
    targets = [each for each in _targets(call) if not wanted or each.name in wanted]
    return {"ScalableTargets": [_told_target(each) for each in targets]}


@operation(SERVICE, "DeregisterScalableTarget")
def deregister_scalable_target(call: Call) -> dict[str, Any]:
    """Leave the number of workers as it is, and forget the policies."""
    name = _resource_id(call)
    with call.service.database.transaction() as t:
        _target(t, name)
        t.delete(KIND, name)
    return {}


@operation(SERVICE, "PutScalingPolicy")
def put_scaling_policy(call: Call) -> dict[str, Any]:
    """Keep a policy that holds a load a worker."""
    asked, name = call.input, _resource_id(call)
    configuration = asked.get(CONFIGURATION)
    if asked.get("PolicyType", "TargetTrackingScaling") != "TargetTrackingScaling" or configuration is None:
        message = (
            "PolicyType must be TargetTrackingScaling, with its configuration: Pairloom offers no other."
        )
        raise AwsError("ValidationException", message)
    metric = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != METRIC:
        message = f"PredefinedMetricType must be {METRIC}: Pairloom offers no other metric. Got {metric}."
        raise AwsError("ValidationException", message)
    if configuration["TargetValue"] <= 0:
        message = f"TargetValue must be above 0. Got {configuration['TargetValue']}."
        raise AwsError("ValidationException", message)
    with call.service.database.transaction() as t:
        target = _target(t, name)
        policy = {
            "PolicyName": asked["PolicyName"],
            "PolicyARN": _policy_arn(call, name, asked["PolicyName"]),
            "PolicyType": "TargetTrackingScaling",
            "CreationTime": call.service.clock(),
            CONFIGURATION: configuration,
        }
        policies = target.document["Policies"] | {asked["PolicyName"]: policy}
        t.update(replace(target, document=target.document | {"Policies": policies}))
    return {"PolicyARN": policy["PolicyARN"], "Alarms": []}


@operation(SERVICE, "DescribeScalingPolicies")
def describe_scaling_policies(call: Call) -> dict[str, Any]:
    """List policies."""
    asked = call.input
    told = [
        policy | _place(target)
        for target in _targets(call)
        if asked.get("ResourceId", target.name) == target.name
        for policy in target.document["Policies"].values()
    ]
    names = set(asked.get("PolicyNames", []))
    kept = [each for each in told if not names or names & {each["PolicyName"], each["PolicyARN"]}]
    return {"ScalingPolicies": [each | {"Alarms": []} for each in kept]}


@operation(SERVICE, "DeleteScalingPolicy")
def delete_scaling_policy(call: Call) -> dict[str, Any]:
    """Forget a policy."""
    name, policy_name = _resource_id(call), call.input["PolicyName"]
    with call.service.database.transaction() as t:
        target = _target(t, name)
        policies = dict(target.document["Policies"])
        if policies.pop(policy_name, None) is None:
            message = f"No scaling policy found for service namespace: {NAMESPACE}, resource ID: {name}, "
            raise AwsError("ObjectNotFoundException", f"{message}policy name: {policy_name}")
        t.update(replace(target, document=target.document | {"Policies": policies}))
    return {}


@operation(SERVICE, "DescribeScalingActivities")
def describe_scaling_activities(call: Call) -> dict[str, Any]:
    """List what was scaled, the latest first."""
    wanted = call.input.get("ResourceId")
    found = [
        activity
        for target in _targets(call)
        if wanted in (None, target.name)
        for activity in target.document["Activities"]
    ]
    return {"ScalingActivities": sorted(found, key=lambda each: -each["StartTime"])}


def _resource_id(call: Call) -> str:
    asked = call.input
    if asked["ServiceNamespace"] != NAMESPACE or asked["ScalableDimension"] != DIMENSION:
        message = (
            f"ServiceNamespace must be {NAMESPACE} and ScalableDimension {DIMENSION}. "
            f"Got {asked['ServiceNamespace']} and {asked['ScalableDimension']}."
        )
        raise AwsError("ValidationException", message)
    name: str = asked["ResourceId"]
    if parse_resource_id(name) is None:
        message = f"ResourceId must be endpoint/NAME/variant/NAME. Got '{name[:200]}'."
        raise AwsError("ValidationException", message)
    return name


def _check_variant(t: Transaction, resource_id: str) -> None:
    place = parse_resource_id(resource_id)
    assert place is not None
    endpoint = t.get("endpoint", place[0])
    variants = [] if endpoint is None else endpoint.document["Config"]["Variants"]
    if place[1] not in [each["VariantName"] for each in variants]:
        message = f"SageMaker endpoint variant not found: {resource_id}. Create the endpoint first."
        raise AwsError("ValidationException", message)


def _check_bounds(document: dict[str, Any]) -> None:
    low, high = document["MinCapacity"], document["MaxCapacity"]
    if low is None or high is None or not 1 <= low <= high:
        message = f"MinCapacity must be at least 1, and MaxCapacity at least that. Got {low} and {high}."
        raise AwsError("ValidationException", message)


def _targets(call: Call) -> list[Resource]:
    if call.input["ServiceNamespace"] != NAMESPACE:
        return []
    if call.input.get("ScalableDimension", DIMENSION) != DIMENSION:
        return []
    with call.service.database.snapshot() as t:
        return t.list(KIND, limit=1000).resources


def _target(t: Transaction, name: str) -> Resource:
    target = t.get(KIND, name)
    if target is None:
        message = f"No scalable target found for service namespace: {NAMESPACE}, resource ID: {name}"
        raise AwsError("ObjectNotFoundException", message)
    return target


def _place(target: Resource) -> dict[str, Any]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": target.name, "ScalableDimension": DIMENSION}


def _told_target(target: Resource) -> dict[str, Any]:
    members = ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
    told = {name: target.document[name] for name in members}
    arn = {"CreationTime": target.created_at, "ScalableTargetARN": target.arn}
    return _place(target) | told | arn


def _arn(call: Call, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:28]
    service = call.service
    return f"arn:aws:{SERVICE}:{service.region}:{service.account_id}:scalable-target/{digest}"


def _policy_arn(call: Call, name: str, policy: str) -> str:
    digest = hashlib.sha256(f"{name}\0{policy}".encode()).hexdigest()[:32]
    place = f"arn:aws:autoscaling:{call.service.region}:{call.service.account_id}:scalingPolicy:{digest}"
    return f"{place}:resource/sagemaker/{name}:policyName/{policy}"
