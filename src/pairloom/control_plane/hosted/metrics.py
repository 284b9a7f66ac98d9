"""What endpoints count, as metrics of CloudWatch."""

from __future__ import annotations

from pairloom.database import Metric
from pairloom.hosting.deployment import Tally

__all__ = ["NAMESPACE", "metric_points"]

NAMESPACE = "AWS/SageMaker"


def metric_points(endpoint: str, variant: str, tally: Tally, n_workers: int, at_s: float) -> list[Metric]:
    """Return the points of one variant since its last ones; none if nothing was asked."""
    n = tally.n_invocations
    if not n:
        return []
    about = {"EndpointName": endpoint, "VariantName": variant}
    counts = {
        "Invocations": n,
        "Invocation4XXErrors": tally.n_4xx,
        "Invocation5XXErrors": tally.n_5xx,
    }
    points = [
        Metric(
            NAMESPACE, name, about, at_s, float(count), float(n), 0.0 if count < n else 1.0, float(count > 0)
        )
        for name, count in counts.items()
    ]
    points.append(Metric(NAMESPACE, "InvocationsPerInstance", about, at_s, n / max(n_workers, 1), float(n)))
    for name, found in (("ModelLatency", tally.model_latency), ("OverheadLatency", tally.overhead_latency)):
        if found.count:
            values = found.total, float(found.count), found.smallest, found.largest
            points.append(Metric(NAMESPACE, name, about, at_s, *values, unit="Microseconds"))
    return points
