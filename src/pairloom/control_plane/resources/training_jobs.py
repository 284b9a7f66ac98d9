"""Training jobs: create, describe, list, stop, delete."""

from __future__ import annotations

import asyncio
from typing import Any

from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.search import Record, searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.training.controller import TrainingJobs
from pairloom.control_plane.training.descriptions import description, summary
from pairloom.control_plane.training.requests import check_request
from pairloom.control_plane.training.results import DIMENSION, NAMESPACE
from pairloom.control_plane.training.states import FINISHED, KIND, UNFINISHED, begun, moved
from pairloom.control_plane.waiting import described
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction
from pairloom.errors import AlreadyExistsError
from pairloom.faults import fault_point

__all__ = [
    "create_training_job",
    "delete_training_job",
    "describe_training_job",
    "list_training_jobs",
    "stop_training_job",
]

assert TrainingJobs.kind == KIND  # importing it registers the controller
DEFAULT_RUNTIME_S = 86400
MISSING = "Requested resource not found."


@searchable("TrainingJob", kind=KIND)
def _record(service: Service, job: Resource) -> Record:
    return description(job)


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(call: Call) -> dict[str, Any]:
    """Keep the job; its controller brings it on."""
    request = {name: value for name, value in call.input.items() if name != "Tags"}
    request.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", DEFAULT_RUNTIME_S)
    check_request(request)
    tags = tags_of(call.input.get("Tags"))
    service, name = call.service, request["TrainingJobName"]
    now = service.clock()
    job = Resource(KIND, name, service.arn(KIND, name), "InProgress", now, now, document=begun(request, now))
    with service.database.transaction() as t:
        try:
            t.insert(job)
        except AlreadyExistsError as error:
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this "
                f"name already exists ({job.arn})",
            ) from error
        t.put_tags(job.arn, tags)
    fault_point("training-job.created")
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "DescribeTrainingJob")
async def describe_training_job(call: Call) -> dict[str, Any]:
    """Tell of a job, held open for a moment while it is unfinished."""
    job = await described(call, KIND, call.input["TrainingJobName"], UNFINISHED)
    if job is None:
        raise AwsError("ValidationException", MISSING)
    return await asyncio.to_thread(description, job)


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(call: Call) -> dict[str, Any]:
    """List jobs, the oldest first unless it is asked otherwise."""
    if call.input.get("WarmPoolStatusEquals") or call.input.get("TrainingPlanArnEquals"):
        return {"TrainingJobSummaries": []}  # none of ours has such
    return list_of(call, KIND, "TrainingJobSummaries", summary, descending=False)


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(call: Call) -> dict[str, Any]:
    """Ask a job to stop; one that is stopping already goes on doing so."""
    with call.service.database.transaction() as t:
        job = _found(t, call.input["TrainingJobName"])
        if job.status in FINISHED:
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the training job is in status {job.status}.",
            )
        if job.status != "Stopping":
            now = call.service.clock()
            t.update(moved(job, "Stopping", now, status="Stopping", stop_reason="stop"))
    fault_point("training-job.stop-asked")
    return {}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(call: Call) -> dict[str, Any]:
    """Forget a finished job; its logs and what it has put into S3 stay."""
    with call.service.database.transaction() as t:
        job = _found(t, call.input["TrainingJobName"])
        if job.status in UNFINISHED:
            raise AwsError(
                "ResourceInUse", f"A training job must be finished to be deleted. This one is {job.status}."
            )
        t.delete(KIND, job.name)
        t.remove_metrics(NAMESPACE, {DIMENSION: job.name})
    return {}


def _found(t: Transaction, name: str) -> Resource:
    job = t.get(KIND, name)
    if job is None:
        raise AwsError("ValidationException", MISSING)
    return job
