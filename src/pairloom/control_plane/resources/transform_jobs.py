"""Transform jobs: files in the object store, answered by a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairloom.control_plane.hosted.containers import is_script
from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.s3_locations import split_uri
from pairloom.control_plane.search import searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.transforming.controller import KIND, UNFINISHED
from pairloom.control_plane.transforming.plans import transform_settings
from pairloom.control_plane.waiting import described
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import AlreadyExistsError, UserError
from pairloom.faults import fault_point

__all__ = ["create_transform_job", "describe_transform_job", "list_transform_jobs", "stop_transform_job"]

MISSING = "Requested resource not found."
SOURCES = ("S3Prefix", "ManifestFile")


@operation("sagemaker", "CreateTransformJob")
def create_transform_job(call: Call) -> dict[str, Any]:
    """Keep the job; its controller brings it on."""
    request = {name: value for name, value in call.input.items() if name != "Tags"}
    _check(request)
    service, name = call.service, request["TransformJobName"]
    arn = service.arn(KIND, name)
    with service.database.transaction() as t:
        model = t.get("model", request["ModelName"])
        if model is None:
            missing = service.arn("model", request["ModelName"])
            raise AwsError("ValidationException", f'Could not find model "{missing}".')
        if is_script(model.document["Container"]):
            message = (
                "ModelName must be a model of a built-in algorithm: Pairloom does not transform by scripts."
            )
            raise AwsError("ValidationException", message)
        document: dict[str, Any] = {
            "request": request,
            "Container": model.document["Container"],
            "step": "queued",
            "attempt": 0,
            "log_epoch": int(service.clock()),
            "started_at": None,
            "ended_at": None,
            "failure": None,
            "was_stopped": False,
        }
        try:
            t.insert(Resource(KIND, name, arn, "InProgress", document=document))
        except AlreadyExistsError as error:
            message = (
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({arn})"
            )
            raise AwsError("ResourceInUse", message) from error
        t.put_tags(arn, tags_of(call.input.get("Tags")))
    fault_point("transform-job.created")
    return {"TransformJobArn": arn}


@operation("sagemaker", "DescribeTransformJob")
async def describe_transform_job(call: Call) -> dict[str, Any]:
    """Tell of a job; of a young one that is not finished when it is, or a moment later."""
    job = await described(call, KIND, call.input["TransformJobName"], UNFINISHED)
    if job is None:
        raise AwsError("ValidationException", MISSING)
    return _told(call.service, job)


@operation("sagemaker", "ListTransformJobs")
def list_transform_jobs(call: Call) -> dict[str, Any]:
    """List jobs."""
    return list_of(call, KIND, "TransformJobSummaries", _summary)


@operation("sagemaker", "StopTransformJob")
def stop_transform_job(call: Call) -> dict[str, Any]:
    """Ask a job to stop; answers of files that are finished are kept."""
    with call.service.database.transaction() as t:
        job = t.get(KIND, call.input["TransformJobName"])
        if job is None:
            raise AwsError("ValidationException", MISSING)
        if job.status not in UNFINISHED:
            message = f"The request was rejected because the transform job is in status {job.status}."
            raise AwsError("ValidationException", message)
        if job.status != "Stopping":
            t.update(replace(job, status="Stopping"))
    return {}


@searchable("TransformJob", kind=KIND)
def _told(service: Service, job: Resource) -> dict[str, Any]:
    document = job.document
    told = document["request"] | {
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "CreationTime": job.created_at,
    }
    for member, value in (
        ("TransformStartTime", document["started_at"]),
        ("TransformEndTime", document["ended_at"]),
        ("FailureReason", document["failure"] if job.status == "Failed" else None),
    ):
        if value is not None:
            told[member] = value
    return told


def _summary(job: Resource) -> dict[str, Any]:
    told: dict[str, Any] = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "CreationTime": job.created_at,
        "TransformJobStatus": job.status,
        "LastModifiedTime": job.modified_at,
    }
    if job.document["ended_at"] is not None:
        told["TransformEndTime"] = job.document["ended_at"]
    if job.status == "Failed":
        told["FailureReason"] = job.document["failure"]
    return told


def _check(request: dict[str, Any]) -> None:
    """Refuse what no job could be made from."""
    given = request["TransformInput"]
    source = given["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in SOURCES:
        message = f"S3DataType must be one of {', '.join(SOURCES)}. Got {source['S3DataType']}."
        raise AwsError("ValidationException", message)
    if given.get("SplitType") == "TFRecord":
        raise AwsError("ValidationException", "SplitType must be None, Line or RecordIO. Got TFRecord.")
    try:
        split_uri(source["S3Uri"], "TransformInput, S3Uri")
        split_uri(request["TransformOutput"]["S3OutputPath"], "TransformOutput, S3OutputPath")
        transform_settings(request)
    except UserError as error:
        raise AwsError("ValidationException", str(error)) from error
