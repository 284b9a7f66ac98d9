"""Points of metrics, those of jobs that still run included."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.control_plane.service import Service
from pairloom.control_plane.training.controller import job_folder
from pairloom.control_plane.training.results import DIMENSION, NAMESPACE, points_of
from pairloom.control_plane.training.states import KIND, UNFINISHED
from pairloom.database import Metric
from pairloom.jobs.attempt_files import AttemptFiles
from pairloom.jobs.watching import metric_values

__all__ = ["metric_names", "points"]


def points(
    service: Service, namespace: str, name: str, dimensions: Mapping[str, str], *, start: float, end: float
) -> list[Metric]:
    """Return the points of a metric in [start, end), in order of time."""
    with service.database.snapshot() as t:
        kept = t.metrics(namespace, name, dimensions, start=start, end=end)
    live = [
        point
        for point in _live(service, dimensions.get(DIMENSION))
        if point.name == name and start <= point.at < end
    ] if namespace == NAMESPACE and set(dimensions) == {DIMENSION} else []  # fmt: skip
    return sorted([*kept, *live], key=lambda point: point.at)


def metric_names(service: Service, namespace: str | None) -> list[tuple[str, str, dict[str, str]]]:
    """Return (namespace, name, dimensions) of every metric that has points."""
    with service.database.snapshot() as t:
        kept = t.metric_names(namespace)
        running = [job.name for job in t.list(KIND, status=UNFINISHED, limit=1000).resources]
    live = {
        (NAMESPACE, point.name, job)
        for job in running
        if namespace in (None, NAMESPACE)
        for point in _live(service, job)
    }
    return [*kept, *((space, name, {DIMENSION: job}) for space, name, job in sorted(live))]


def _live(service: Service, name: str | None) -> list[Metric]:
    if name is None:
        return []
    with service.database.snapshot() as t:
        job = t.get(KIND, name)
    if job is None or job.status not in UNFINISHED or not job.document["attempt"]:
        return []
    attempt = AttemptFiles(job_folder(service, job.name) / f"{job.document['attempt']:04}")
    return points_of(job.name, metric_values(attempt))
