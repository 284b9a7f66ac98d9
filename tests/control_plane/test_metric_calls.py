"""CloudWatch's metrics: what was put comes back by periods."""

import pytest
from botocore.exceptions import ClientError

BEGIN = 1_700_000_100  # the beginning of five minutes


@pytest.fixture
def watch(local_service):
    return local_service.client("cloudwatch")


def put(watch, *points, name="m", **more):
    watch.put_metric_data(
        Namespace="space",
        MetricData=[{"MetricName": name, "Timestamp": at, **data, **more} for at, data in points],
    )


def statistics(watch, *, name="m", statistics=("Average",), start=BEGIN, end=BEGIN + 600, period=60, **more):
    answer = watch.get_metric_statistics(
        Namespace="space", MetricName=name, StartTime=start, EndTime=end, Period=period, Statistics=list(statistics),
        **more,
    )  # fmt: skip
    return {int(point["Timestamp"].timestamp()) - BEGIN: point for point in answer["Datapoints"]}


def test_values_are_summed_up_by_periods(watch):
    put(watch, (BEGIN, {"Value": 1.0}), (BEGIN + 59, {"Value": 3.0}), (BEGIN + 60, {"Value": 7.0}))
    found = statistics(watch, statistics=("Average", "Sum", "Minimum", "Maximum", "SampleCount"))
    assert {at: point["Average"] for at, point in found.items()} == {0: 2.0, 60: 7.0}
    assert (found[0]["Sum"], found[0]["Minimum"], found[0]["Maximum"], found[0]["SampleCount"]) == (
        4,
        1,
        3,
        2,
    )
    assert statistics(watch, period=300)[0]["Average"] == pytest.approx(11 / 3)


def test_sets_of_samples_and_counted_values(watch):
    put(watch, (BEGIN, {"StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5}}))
    put(watch, (BEGIN, {"Values": [1.0, 6.0], "Counts": [2.0, 1.0]}))
    found = statistics(watch, statistics=("Sum", "SampleCount", "Maximum", "Minimum"))[0]
    assert (found["Sum"], found["SampleCount"], found["Maximum"], found["Minimum"]) == (18, 7, 6, 1)


def test_dimensions_and_units_part_metrics(watch):
    dimensions = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
    put(watch, (BEGIN, {"Value": 1.0}))
    put(watch, (BEGIN, {"Value": 5.0}), Dimensions=dimensions, Unit="Seconds")
    assert statistics(watch)[0]["Average"] == 1
    assert statistics(watch, Dimensions=dimensions[::-1])[0]["Average"] == 5
    assert statistics(watch, Dimensions=dimensions, Unit="Bytes") == {}
    assert statistics(watch, Dimensions=dimensions)[0]["Unit"] == "Seconds"


def test_percentiles(watch):
    put(watch, *((BEGIN + n, {"Value": float(n)}) for n in range(10)))
    answer = watch.get_metric_statistics(
        Namespace="space", MetricName="m", StartTime=BEGIN, EndTime=BEGIN + 60, Period=60,
        ExtendedStatistics=["p50", "p99.9"],
    )  # fmt: skip
    assert answer["Datapoints"][0]["ExtendedStatistics"] == {"p50": 4.0, "p99.9": 9.0}


def query(identity, **stat):
    metric = {"Namespace": "space", "MetricName": stat.pop("name", "m")}
    return {"Id": identity, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"} | stat}


def test_several_metrics_at_once(watch):
    put(watch, (BEGIN, {"Value": 1.0}), (BEGIN + 60, {"Value": 2.0}))
    put(watch, (BEGIN, {"Value": 9.0}), name="other")
    asked = {"StartTime": BEGIN, "EndTime": BEGIN + 120}
    queries = [query("a"), query("b", name="other", Stat="p90"), {**query("c"), "ReturnData": False}]
    found = watch.get_metric_data(MetricDataQueries=queries, **asked)["MetricDataResults"]
    assert [(each["Id"], each["Values"], each["StatusCode"]) for each in found] == [
        ("a", [2.0, 1.0], "Complete"), ("b", [9.0], "Complete"),
    ]  # fmt: skip
    first = watch.get_metric_data(MetricDataQueries=queries[:1], ScanBy="TimestampAscending", **asked)
    assert first["MetricDataResults"][0]["Values"] == [1.0, 2.0]
    with pytest.raises(ClientError, match="Expressions are not offered"):
        watch.get_metric_data(MetricDataQueries=[{"Id": "e", "Expression": "a / b"}], **asked)


def test_metrics_are_listed(watch):
    put(watch, (BEGIN, {"Value": 1.0}), Dimensions=[{"Name": "a", "Value": "1"}])
    put(watch, (BEGIN, {"Value": 1.0}), name="other")
    found = watch.list_metrics(Namespace="space")["Metrics"]
    assert [(each["MetricName"], each["Dimensions"]) for each in found] == [
        ("m", [{"Name": "a", "Value": "1"}]), ("other", []),
    ]  # fmt: skip
    assert len(watch.list_metrics(Dimensions=[{"Name": "a"}])["Metrics"]) == 1
    assert watch.list_metrics(Dimensions=[{"Name": "a", "Value": "2"}])["Metrics"] == []
    assert watch.list_metrics(Namespace="elsewhere")["Metrics"] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "must have a Value"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "must have a Value"),
        ({"Value": float("nan")}, "can not be converted to a Double"),
        ({"Values": [1.0], "Counts": [0.0]}, "Counts must be > 0"),
        (
            {"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "SampleCount must be > 0",
        ),
    ],
)
def test_values_that_are_none(watch, data, message):
    with pytest.raises(ClientError, match=message):
        put(watch, (BEGIN, data))


def test_questions_that_have_no_answer(watch):
    with pytest.raises(ClientError, match="StartTime must be less than"):
        statistics(watch, end=BEGIN)
    with pytest.raises(ClientError, match="exceeds the limit of 1,440"):
        statistics(watch, end=BEGIN + 86_400 * 30)
    with pytest.raises(ClientError, match="Statistics or ExtendedStatistics must be specified"):
        watch.get_metric_statistics(
            Namespace="space", MetricName="m", StartTime=BEGIN, EndTime=BEGIN + 60, Period=60
        )
    with pytest.raises(ClientError, match="must be one of"):
        watch.get_metric_data(
            MetricDataQueries=[query("a", Stat="Median")], StartTime=BEGIN, EndTime=BEGIN + 60
        )
