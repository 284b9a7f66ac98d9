"""CloudWatch: metrics that jobs have shown, and those that clients put."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.training.live_metrics import metric_names, points
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Metric

__all__ = ["get_metric_data", "get_metric_statistics", "list_metrics", "put_metric_data"]

INVALID, COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"
MOST_POINTS = 1440
MOST_LISTED = 500
MOST_DATA = 100_800
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)", re.ASCII)


@operation("cloudwatch", "PutMetricData")
def put_metric_data(call: Call) -> dict[str, Any]:
    """Keep values that a client has measured."""
    now = call.service.clock()
    found: list[Metric] = []
    for given in call.input.get("MetricData", []):
        found += _points_of(call.input["Namespace"], given, now)
    with call.service.database.transaction() as t:
        t.put_metrics(found)
    return {}


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call) -> dict[str, Any]:
    """Sum a metric up by periods."""
    given = call.input
    wanted = [*given.get("Statistics", []), *given.get("ExtendedStatistics", [])]
    if not wanted:
        raise AwsError(
            "MissingParameter",
            "At least one of the parameters Statistics or ExtendedStatistics must be specified.",
        )
    start, end, period = given["StartTime"], given["EndTime"], given["Period"]
    _check_times(start, end)
    n_asked = math.ceil((end - start) / period)
    if n_asked > MOST_POINTS:
        raise AwsError(
            COMBINATION,
            f"You have requested up to {n_asked:,} datapoints, which exceeds the limit of {MOST_POINTS:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )
    series = _series(call, given, start, end, period)
    datapoints = [
        {
            "Timestamp": at,
            "Unit": found[0].unit,
            **{name: _statistic(name)(found) for name in given.get("Statistics", [])},
            **(
                {
                    "ExtendedStatistics": {
                        name: _statistic(name)(found) for name in given["ExtendedStatistics"]
                    }
                }
                if given.get("ExtendedStatistics")
                else {}
            ),
        }
        for at, found in series
    ]
    return {"Label": given["MetricName"], "Datapoints": datapoints}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call) -> dict[str, Any]:
    """Sum several metrics up by periods."""
    given = call.input
    start, end = given["StartTime"], given["EndTime"]
    _check_times(start, end)
    newest_first = given.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results: list[dict[str, Any]] = []
    for query in given["MetricDataQueries"]:
        stat = query.get("MetricStat")
        if stat is None:
            raise AwsError(
                "ValidationError",
                f"MetricDataQueries, '{query['Id']}': MetricStat must be given. Expressions are not offered.",
            )
        if query.get("ReturnData", True) is False:
            continue
        series = _series(call, stat["Metric"], start, end, stat["Period"])[:MOST_DATA]
        measure = _statistic(stat["Stat"])
        shown = series[::-1] if newest_first else series
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label") or stat["Metric"]["MetricName"],
                "Timestamps": [at for at, _ in shown],
                "Values": [measure(found) for _, found in shown],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


@operation("cloudwatch", "ListMetrics")
def list_metrics(call: Call) -> dict[str, Any]:
    """List metrics that have points."""
    given = call.input
    wanted = given.get("Dimensions", [])
    found = [
        {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        for namespace, name, dimensions in metric_names(call.service, given.get("Namespace"))
        if given.get("MetricName") in (None, name) and all(_has(dimensions, each) for each in wanted)
    ]
    token = given.get("NextToken", "0")
    if not (token.isascii() and token.isdecimal() and len(token) < 12):
        raise AwsError(
            INVALID,
            "The value for parameter NextToken is invalid. Reason: it must come from the page before.",
        )
    first, last = int(token), int(token) + MOST_LISTED
    return {"Metrics": found[first:last]} | ({"NextToken": str(last)} if last < len(found) else {})


def _points_of(namespace: str, given: Mapping[str, Any], now: float) -> list[Metric]:
    name, at = given["MetricName"], given.get("Timestamp", now)
    dimensions = _dimensions(given)
    unit = given.get("Unit", "None")
    if "StatisticValues" in given:
        sums = given["StatisticValues"]
        numbers = (sums["Sum"], sums["SampleCount"], sums["Minimum"], sums["Maximum"])
        _check_numbers(name, numbers)
        if sums["SampleCount"] <= 0:
            raise AwsError(
                INVALID, f"MetricData, '{name}': SampleCount must be > 0. Got {sums['SampleCount']}."
            )
        return [Metric(namespace, name, dimensions, at, *numbers, unit)]
    values = given.get("Values") or ([given["Value"]] if "Value" in given else [])
    counts = given.get("Counts") or [1.0] * len(values)
    if not values or len(values) != len(counts):
        raise AwsError(
            INVALID, f"MetricData, '{name}': must have a Value, StatisticValues, or as many Values as Counts."
        )
    _check_numbers(name, [*values, *counts])
    if min(counts) <= 0:
        raise AwsError(INVALID, f"MetricData, '{name}': Counts must be > 0. Got {min(counts)}.")
    return [
        Metric(namespace, name, dimensions, at, value * times, times, value, value, unit)
        for value, times in zip(values, counts, strict=True)
    ]


def _series(
    call: Call, metric: Mapping[str, Any], start: float, end: float, period: int
) -> list[tuple[float, list[Metric]]]:
    """Return the points of each period that has any, with its beginning."""
    first = math.floor(start / period) * period
    found = points(
        call.service, metric["Namespace"], metric["MetricName"], _dimensions(metric), start=first, end=end
    )
    unit = metric.get("Unit")
    series: dict[float, list[Metric]] = {}
    for point in found:
        if unit is None or point.unit == unit:
            series.setdefault(float(point.at // period * period), []).append(point)
    return sorted(series.items())


def _statistic(name: str) -> Callable[[Sequence[Metric]], float]:
    if name in STATISTICS:
        return STATISTICS[name]
    match = PERCENTILE.fullmatch(name)
    if match is None:
        raise AwsError(
            INVALID,
            f"The statistic must be one of {', '.join(STATISTICS)} or a percentile such as p90. Got {name}.",
        )
    return lambda found: _percentile(found, float(match[1]))


def _count(found: Iterable[Metric]) -> float:
    return sum(point.n_samples for point in found)


def _sum(found: Iterable[Metric]) -> float:
    return sum(point.total for point in found)


STATISTICS: dict[str, Callable[[Sequence[Metric]], float]] = {
    "SampleCount": _count,
    "Average": lambda found: _sum(found) / _count(found),
    "Sum": _sum,
    "Minimum": lambda found: min(point.lowest for point in found),
    "Maximum": lambda found: max(point.highest for point in found),
}


def _percentile(found: Sequence[Metric], percent: float) -> float:
    """Return a percentile of samples, of which a set counts as so many of its mean."""
    values = sorted((point.total / point.n_samples, point.n_samples) for point in found)
    left = percent / 100 * sum(times for _, times in values)
    for value, times in values:
        left -= times
        if left <= 0:
            return value
    return values[-1][0]


def _dimensions(given: Mapping[str, Any]) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in given.get("Dimensions", [])}


def _has(dimensions: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    name = wanted["Name"]
    return name in dimensions and wanted.get("Value") in (None, dimensions[name])


def _check_times(start: float, end: float) -> None:
    if start >= end:
        raise AwsError(COMBINATION, "The parameter StartTime must be less than the parameter EndTime.")


def _check_numbers(name: str, numbers: Iterable[float]) -> None:
    bad = [number for number in numbers if not math.isfinite(number)]
    if bad:
        raise AwsError(INVALID, f"MetricData, '{name}': must be finite numbers. Got {bad[0]}.")
