"""What a job leaves: its archives in the object store, its last metrics, its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.control_plane.s3_locations import joined, split_uri
from pairloom.database import Metric
from pairloom.jobs.attempt_files import AttemptFiles
from pairloom.jobs.packing import members
from pairloom.jobs.watching import MetricValue
from pairloom.object_storage import ObjectStore

__all__ = ["DIMENSION", "NAMESPACE", "OWNER", "Outcome", "final_metrics", "outcome_of", "points_of", "upload"]

NAMESPACE = "/aws/sagemaker/TrainingJobs"
DIMENSION = "TrainingJobName"
OWNER = "OutputDataConfig, S3OutputPath"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended, in SageMaker's words."""

    status: str
    secondary: str
    failure_reason: str | None = None


def outcome_of(reason: str | None, failure: str | None) -> Outcome:
    """Return the outcome of an attempt that was asked to stop for a reason (or None), and failed for another."""
    if reason == "stop":
        return Outcome("Stopped", "Stopped")
    if reason == "max-runtime":
        return Outcome("Stopped", "MaxRuntimeExceeded")
    if reason == "max-wait":
        return Outcome("Stopped", "MaxWaitTimeExceeded")
    if failure is not None:
        return Outcome("Failed", "Failed", failure)
    return Outcome("Completed", "Completed")


def upload(
    store: ObjectStore,
    request: Mapping[str, Any],
    files: AttemptFiles,
    hosts: tuple[str, ...],
    *,
    failed: bool,
) -> str | None:
    """Put model and output of a job where it asked for them; return the address of the model.

    A failed job leaves its output only. Doing it twice leaves the same.
    """
    name, output = request["TrainingJobName"], request["OutputDataConfig"]
    folder = joined(output["S3OutputPath"], name, "output")
    if output.get("CompressionType") == "NONE":
        _put_files(store, joined(folder, "data"), [files.host(host) / "output" / "data" for host in hosts])
        if failed:
            return None
        _put_files(store, joined(folder, "model"), [files.host(host) / "model" for host in hosts])
        return joined(folder, "model", "")
    _put(store, joined(folder, "output.tar.gz"), files.results / "output.tar.gz")
    if failed:
        return None
    model = joined(folder, "model.tar.gz")
    _put(store, model, files.results / "model.tar.gz")
    return model


def final_metrics(values: list[MetricValue]) -> list[dict[str, Any]]:
    """Return the last value of each metric, as ``FinalMetricDataList`` has it."""
    last = {value.name: value for value in values}
    return [
        {"MetricName": name, "Value": value.value, "Timestamp": value.time} for name, value in last.items()
    ]


def points_of(job: str, values: list[MetricValue]) -> list[Metric]:
    """Return values as points of CloudWatch's metrics, one for each metric and second."""
    sets: dict[tuple[str, int], list[float]] = {}
    for value in values:
        sets.setdefault((value.name, int(value.time)), []).append(value.value)
    return [
        Metric(
            NAMESPACE,
            name,
            {DIMENSION: job},
            float(at),
            sum(samples),
            float(len(samples)),
            min(samples),
            max(samples),
        )
        for (name, at), samples in sorted(sets.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def _put(store: ObjectStore, uri: str, file: Path) -> None:
    if file.exists():
        bucket, key = split_uri(uri, OWNER)
        store.put(bucket, key, file)


def _put_files(store: ObjectStore, uri: str, folders: list[Path]) -> None:
    found: dict[str, Path] = {}
    for folder in folders:
        for name, path in members(folder, lambda _: None):
            found.setdefault(name, path)
    for name, path in found.items():
        _put(store, joined(uri, name), path)
