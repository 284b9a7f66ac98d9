"""Scalable targets: what Application Auto Scaling was told of a variant, and what follows for its workers."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pairloom.control_plane.hosted.capacities import with_capacities
from pairloom.database import Resource, Transaction
from pairloom.hosting.autoscaling import Bounds, TargetTracking, wanted_workers

__all__ = ["KIND", "parse_resource_id", "scale"]

KIND = "scalable-target"
COOLDOWN_S = 300
MOST_ACTIVITIES = 50
Policy = Mapping[str, Any]


def parse_resource_id(resource_id: str) -> tuple[str, str] | None:
    """Return endpoint and variant of ``endpoint/NAME/variant/NAME``, or None for what is something else."""
    parts = resource_id.split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant") or not (parts[1] and parts[3]):
        return None
    return parts[1], parts[3]


def scale(t: Transaction, target: Resource, loads: Sequence[float], now_s: float) -> int | None:
    """Ask for another number of workers if the load wants it.

    Parameters
    ----------
    t : Transaction
    target : Resource
        A scalable target.
    loads : sequence of float
        Requests a minute and worker in each period, the latest last.
    now_s : float

    Returns
    -------
    int, optional
        The number asked for; None if it stays, or the endpoint cannot be changed now.
    """
    place = parse_resource_id(target.name)
    endpoint = None if place is None else t.get("endpoint", place[0])
    if place is None or endpoint is None or endpoint.status != "InService":
        return None
    variants = {each["VariantName"]: each for each in endpoint.document["Config"]["Variants"]}
    if place[1] not in variants:
        return None
    document = target.document
    n_workers = variants[place[1]]["Count"]
    wanted = wanted_workers(
        n_workers,
        Bounds(document["MinCapacity"], document["MaxCapacity"]),
        [_tracking(policy) for policy in document["Policies"].values()],
        loads,
        since_out_s=now_s - document.get("LastOut", -math.inf),
        since_in_s=now_s - document.get("LastIn", -math.inf),
    )
    suspended = document.get("SuspendedState", {})
    is_out = wanted > n_workers
    if wanted == n_workers or suspended.get(f"DynamicScaling{'Out' if is_out else 'In'}Suspended"):
        return None
    t.update(with_capacities(endpoint, {place[1]: {"DesiredInstanceCount": wanted}}))
    activity = _activity(target, n_workers, wanted, loads, now_s)
    changed = document | {
        "LastOut" if is_out else "LastIn": now_s,
        "Activities": [activity, *document["Activities"]][:MOST_ACTIVITIES],
    }
    t.update(replace(target, document=changed))
    return wanted


def _tracking(policy: Policy) -> TargetTracking:
    asked = policy["TargetTrackingScalingPolicyConfiguration"]
    return TargetTracking(
        asked["TargetValue"],
        out_cooldown_s=asked.get("ScaleOutCooldown", COOLDOWN_S),
        in_cooldown_s=asked.get("ScaleInCooldown", COOLDOWN_S),
        disable_scale_in=bool(asked.get("DisableScaleIn", False)),
    )


def _activity(
    target: Resource, before: int, wanted: int, loads: Sequence[float], now_s: float
) -> dict[str, Any]:
    load = f"{loads[-1]:.1f} requests a minute and instance" if loads else "the bounds of the target"
    return {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": "sagemaker",
        "ResourceId": target.name,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "Description": f"Setting desired instance count to {wanted}.",
        "Cause": f"{load}, with {before} instances",
        "StartTime": now_s,
        "EndTime": now_s,
        "StatusCode": "Successful",
        "StatusMessage": f"Successfully set desired instance count to {wanted}.",
    }
