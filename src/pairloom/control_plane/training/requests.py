"""What a request for a training job must hold beyond the shapes of the service model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pairloom.control_plane.s3_locations import split_uri
from pairloom.control_plane.training.plans import hosts_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.errors import UserError

__all__ = ["check_request"]

INVALID = "ValidationException"
MOST_HOSTS = 20


def check_request(request: Mapping[str, Any]) -> None:
    """Refuse what can never run, in SageMaker's words where they are known.

    Raises
    ------
    AwsError
    """
    specification, resources = request["AlgorithmSpecification"], request.get("ResourceConfig")
    if bool(specification.get("TrainingImage")) == bool(specification.get("AlgorithmName")):
        raise AwsError(
            INVALID,
            "You must specify exactly one of TrainingImage and AlgorithmName in AlgorithmSpecification.",
        )
    if resources is None or not (resources.get("InstanceCount") or resources.get("InstanceGroups")):
        raise AwsError(
            INVALID, "ResourceConfig must name an InstanceType and an InstanceCount, or InstanceGroups."
        )
    _check_hosts(request)
    _check_channels(request.get("InputDataConfig", []), specification["TrainingInputMode"])
    _check_waiting(request)
    _check_address(request["OutputDataConfig"]["S3OutputPath"], "OutputDataConfig, S3OutputPath")
    if request.get("CheckpointConfig"):
        _check_address(request["CheckpointConfig"]["S3Uri"], "CheckpointConfig, S3Uri")


def _check_hosts(request: Mapping[str, Any]) -> None:
    n_hosts, kind = len(hosts_of(request)), request["ResourceConfig"].get("InstanceType", "instances")
    if n_hosts > MOST_HOSTS:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for training job usage' is {MOST_HOSTS} Instances, with current "
            f"utilization of 0 Instances and a request delta of {n_hosts} Instances. Here hosts are processes.",
        )


def _check_channels(channels: list[Mapping[str, Any]], mode: str) -> None:
    twice = [name for name, times in Counter(given["ChannelName"] for given in channels).items() if times > 1]
    if twice:
        raise AwsError(
            INVALID, f"Channel names must be unique within InputDataConfig. Got '{twice[0]}' twice."
        )
    for given in channels:
        if given["ChannelName"] in (".", ".."):
            raise AwsError(
                INVALID, f"A channel's name must be that of a folder. Got '{given['ChannelName']}'."
            )
        owner = f"InputDataConfig, channel '{given['ChannelName']}'"
        source = given["DataSource"].get("S3DataSource")
        if source is None:
            raise AwsError(
                INVALID, f"{owner}: DataSource must be an S3DataSource. Other sources are not offered."
            )
        _check_address(source["S3Uri"], f"{owner}, S3Uri")
        if source["S3DataType"] == "AugmentedManifestFile":
            if not source.get("AttributeNames"):
                raise AwsError(
                    INVALID, f"{owner}: AttributeNames must be specified for an AugmentedManifestFile."
                )
            if (given.get("InputMode") or mode) != "Pipe":
                raise AwsError(INVALID, f"{owner}: an AugmentedManifestFile must be read in input mode Pipe.")


def _check_waiting(request: Mapping[str, Any]) -> None:
    stopping = request.get("StoppingCondition", {})
    runs, waits = stopping.get("MaxRuntimeInSeconds", 86400), stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining") and (waits is None or waits < runs):
        raise AwsError(
            INVALID,
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds.",
        )


def _check_address(uri: str, owner: str) -> None:
    try:
        split_uri(uri, owner)
    except UserError as error:
        raise AwsError(INVALID, str(error)) from error
