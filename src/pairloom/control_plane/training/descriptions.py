"""What is told of a training job."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pairloom.control_plane.training.images import metric_definitions_of
from pairloom.control_plane.training.states import FINISHED, told
from pairloom.database import Resource

__all__ = ["description", "summary"]

COPIED = (
    "HyperParameters", "RoleArn", "InputDataConfig", "ResourceConfig", "VpcConfig", "StoppingCondition",
    "CheckpointConfig", "DebugHookConfig", "ExperimentConfig", "DebugRuleConfigurations", "TensorBoardOutputConfig",
    "ProfilerConfig", "ProfilerRuleConfigurations", "Environment", "RetryStrategy", "RemoteDebugConfig",
    "InfraCheckConfig", "SessionChainingConfig", "ModelPackageConfig", "ServerlessJobConfig",
)  # fmt: skip
"""Members of the request that come back as they were."""
SWITCHES = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
RULES = {
    "DebugRuleConfigurations": "DebugRuleEvaluationStatuses",
    "ProfilerRuleConfigurations": "ProfilerRuleEvaluationStatuses",
}


def description(job: Resource) -> dict[str, Any]:
    """Return the answer of DescribeTrainingJob."""
    document = job.document
    request: Mapping[str, Any] = document["request"]
    specification = dict(request["AlgorithmSpecification"])
    definitions = metric_definitions_of(specification)
    if definitions:
        specification["MetricDefinitions"] = [
            {"Name": name, "Regex": regex} for name, regex in definitions.items()
        ]
    output = request["OutputDataConfig"]
    found: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": told(job),
        "SecondaryStatusTransitions": document["transitions"],
        "AlgorithmSpecification": specification,
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP", **output},
        "CreationTime": job.created_at,
        "LastModifiedTime": job.modified_at,
        "ProfilingStatus": "Disabled" if _profiles_nothing(request) else "Enabled",
        **{name: request[name] for name in COPIED if name in request},
        **{name: bool(request.get(name)) for name in SWITCHES},
        **_rules(request, job),
        **_times(job),
    }
    if document["failure_reason"] is not None:
        found["FailureReason"] = document["failure_reason"]
    if document["model"] is not None:
        found["ModelArtifacts"] = {"S3ModelArtifacts": document["model"]}
    if document["final_metrics"]:
        found["FinalMetricDataList"] = document["final_metrics"]
    return found


def summary(job: Resource) -> dict[str, Any]:
    """Return a member of the answer of ListTrainingJobs."""
    found = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created_at,
        "LastModifiedTime": job.modified_at,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": told(job),
    }
    return found | ({"TrainingEndTime": job.document["training_ended_at"]} if job.status in FINISHED else {})


def _times(job: Resource) -> dict[str, Any]:
    document = job.document
    found: dict[str, Any] = {}
    started, finished = document["training_started_at"], document["training_ended_at"]
    if started is not None:
        found["TrainingStartTime"] = started
    if finished is not None:
        found["TrainingEndTime"] = finished
    if started is not None and finished is not None:
        lasted_s = finished - started if document["attempt"] > 1 else document["ran_s"]  # a clock may jump
        found["TrainingTimeInSeconds"] = max(1, math.ceil(lasted_s))
        found["BillableTimeInSeconds"] = max(1, math.ceil(document["ran_s"]))
    return found


def _rules(request: Mapping[str, Any], job: Resource) -> dict[str, Any]:
    """Return a status of every rule that was asked for: none is evaluated, and each says so."""
    return {
        statuses: [
            {
                "RuleConfigurationName": rule["RuleConfigurationName"],
                "RuleEvaluationStatus": "Stopped" if job.status in FINISHED else "InProgress",
                "StatusDetails": "Rules are not evaluated here.",
                "LastModifiedTime": job.modified_at,
            }
            for rule in request[asked]
        ]
        for asked, statuses in RULES.items()
        if request.get(asked)
    }


def _profiles_nothing(request: Mapping[str, Any]) -> bool:
    profiler = request.get("ProfilerConfig")
    return profiler is None or bool(profiler.get("DisableProfiler"))
