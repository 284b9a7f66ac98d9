"""The state of a training job as it is kept, and how one becomes the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairloom.database import Resource

__all__ = ["FINISHED", "KIND", "MESSAGES", "UNFINISHED", "begun", "ended", "moved", "told"]

KIND = "training-job"
UNFINISHED = frozenset({"InProgress", "Stopping"})
FINISHED = frozenset({"Completed", "Failed", "Stopped"})
MESSAGES = {
    "Starting": "Starting the training job",
    "Preparing": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The training job was interrupted",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}
"""What SageMaker says of each secondary status; SDKs print it."""


def begun(request: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the document of a job that has just been asked for.

    ``step`` is what its controller is at: queued, launching, running, collecting. ``attempt`` counts from 1.
    """
    return {
        "request": request,
        "step": "queued",
        "attempt": 0,
        "transitions": [_transition("Starting", MESSAGES["Starting"], now)],
        "log_epoch": int(now),
        "ran_s": 0.0,
        "training_started_at": None,
        "training_ended_at": None,
        "stop_reason": None,
        "ending": None,
        "failure_reason": None,
        "model": None,
        "final_metrics": [],
    }


def moved(
    job: Resource,
    secondary: str,
    now: float,
    *,
    message: str | None = None,
    status: str | None = None,
    **changes: Any,
) -> Resource:
    """Return a job in another secondary status, the one before closed, or with another message in the same one."""
    said = message or MESSAGES[secondary]
    transitions = [dict(transition) for transition in job.document["transitions"]]
    last = transitions[-1]
    if last["Status"] == secondary:
        last["StatusMessage"] = said
    else:
        now = max(now, last["StartTime"])
        last.setdefault("EndTime", now)
        transitions.append(_transition(secondary, said, now))
    document = {**job.document, **changes, "transitions": transitions}
    return replace(job, status=status or job.status, document=document)


def ended(job: Resource, status: str, secondary: str, now: float, **changes: Any) -> Resource:
    """Return a job that has come to its end."""
    at = job.document["training_ended_at"] or max(now, job.document["transitions"][-1]["StartTime"])
    final = moved(job, secondary, now, status=status, step="finished", training_ended_at=at, **changes)
    final.document["transitions"][-1]["EndTime"] = max(now, final.document["transitions"][-1]["StartTime"])
    return final


def told(job: Resource) -> str:
    """Return the secondary status."""
    return job.document["transitions"][-1]["Status"]


def _transition(status: str, message: str, now: float) -> dict[str, Any]:
    return {"Status": status, "StartTime": now, "StatusMessage": message}
