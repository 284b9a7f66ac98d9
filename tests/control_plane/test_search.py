"""Search, as boto3 asks; the kind that is searched is the test's own way of telling experiments."""

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pairloom.control_plane.search import matches, searchable
from pairloom.database import Resource

JOB = {
    "TrainingJobName": "fm-1",
    "TrainingJobStatus": "Completed",
    "CreationTime": 1_700_000_000.5,
    "HyperParameters": {"epochs": "10", "a.b": "x", "predictor_type": "regressor"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
    "EnableManagedSpotTraining": True,
    "FinalMetricDataList": [
        {"MetricName": "test:rmse", "Value": 0.91, "Timestamp": 1.0},
        {"MetricName": "objective", "Value": 3.0, "Timestamp": 1.0},
    ],
    "InputDataConfig": [
        {"ChannelName": "train", "ContentType": "text/csv"},
        {"ChannelName": "test", "ContentType": "text/libsvm"},
    ],
    "Tags": [{"Key": "team", "Value": "films"}, {"Key": "dotted.key", "Value": "1"}],
}


def condition(name, operator="Equals", value=None):
    found = {"Name": name, "Operator": operator}
    return found if value is None else found | {"Value": value}


@pytest.mark.parametrize(
    ("name", "operator", "value", "wanted"),
    [
        ("TrainingJobName", "Equals", "fm-1", True),
        ("TrainingJobName", "Equals", "fm", False),
        ("TrainingJobName", "NotEquals", "fm", True),
        ("TrainingJobName", "NotEquals", "fm-1", False),
        ("TrainingJobName", "Contains", "m-", True),
        ("TrainingJobName", "Contains", "x", False),
        ("TrainingJobName", "In", "a, fm-1,b", True),
        ("TrainingJobName", "In", "a,b", False),
        ("FailureReason", "Exists", None, False),
        ("FailureReason", "NotExists", None, True),
        ("FailureReason", "Equals", "x", False),
        ("FailureReason", "NotEquals", "x", True),
        ("HyperParameters", "Exists", None, False),
        ("HyperParameters.epochs", "GreaterThan", "9.5", True),
        ("Hyperparameters.epochs", "GreaterThanOrEqualTo", "10", True),
        ("HyperParameters.epochs", "LessThan", "10", False),
        ("HyperParameters.epochs", "LessThanOrEqualTo", "10", True),
        ("HyperParameters.epochs", "LessThan", "ten", False),
        ("HyperParameters.a.b", "Equals", "x", True),
        ("HyperParameters.predictor_type", "GreaterThan", "1", False),
        ("ResourceConfig.InstanceCount", "Equals", "2", True),
        ("ResourceConfig.InstanceCount", "Equals", "2.0", True),
        ("ResourceConfig.InstanceCount", "Equals", "two", False),
        ("EnableManagedSpotTraining", "Equals", "true", True),
        ("EnableManagedSpotTraining", "Equals", "false", False),
        ("Metrics.test:rmse", "LessThan", "0.92", True),
        ("Metrics.test:rmse", "LessThan", "0.9", False),
        ("Metrics.other", "Exists", None, False),
        ("FinalMetricDataList.Value", "Equals", "3", True),
        ("Tags.team", "Equals", "films", True),
        ("Tags.dotted.key", "Equals", "1", True),
        ("Tags.other", "NotExists", None, True),
        ("CreationTime", "GreaterThan", "2023-11-14T00:00:00Z", True),
        ("CreationTime", "LessThan", "2023-11-14T00:00:00", False),
        ("CreationTime", "LessThan", "1700000001", True),
        ("InputDataConfig.ChannelName", "Equals", "test", True),
        ("InputDataConfig.ChannelName.deeper", "Exists", None, False),
    ],
)
def test_conditions(name, operator, value, wanted):
    assert matches({"Filters": [condition(name, operator, value)]}, JOB) is wanted


def test_conditions_are_joined():
    yes, no = condition("TrainingJobName", "Equals", "fm-1"), condition("TrainingJobName", "Equals", "x")
    assert matches({}, JOB)
    assert matches({"Operator": "Or"}, JOB)
    assert not matches({"Filters": [yes, no]}, JOB)
    assert matches({"Filters": [yes, no], "Operator": "Or"}, JOB)
    assert not matches({"Filters": [yes], "SubExpressions": [{"Filters": [no]}]}, JOB)
    assert matches({"Filters": [no], "Operator": "Or", "SubExpressions": [{"Filters": [yes]}]}, JOB)


def test_nested_conditions_hold_for_one_element():
    def nested(channel, content_type):
        inner = [
            condition("InputDataConfig.ChannelName", "Equals", channel),
            condition("InputDataConfig.ContentType", "Equals", content_type),
        ]
        return {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": inner}]}

    assert matches(nested("train", "text/csv"), JOB)
    assert not matches(nested("train", "text/libsvm"), JOB)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text("aKeyVlu."), inner)),
       st.text("aKeyVlu."), st.sampled_from(["Equals", "In", "LessThan", "Contains", "Exists"]), st.text())  # fmt: skip
def test_no_record_and_no_value_breaks_a_condition(record, name, operator, value):
    assert matches({"Filters": [condition(name, operator, value)]}, {"a": record}) in (True, False)


@searchable("Experiment", kind="test-experiment")
def _experiment(service, resource):
    times = {"CreationTime": resource.created_at, "LastModifiedTime": resource.modified_at}
    return {"ExperimentName": resource.name, "ExperimentArn": resource.arn, **times, **resource.document}


@pytest.fixture
def client(local_service):
    service = local_service.application.service
    with service.database.transaction() as t:
        for i in range(25):
            name = f"e{i:02}"
            document = {"Description": "even" if i % 2 == 0 else "odd"}
            t.insert(Resource("test-experiment", name, f"arn:{name}", document=document, created_at=1000.0 + i,
                              modified_at=2000.0 - i))  # fmt: skip
        t.put_tags("arn:e07", {"team": "films"})
    return local_service.client("sagemaker")


def found(answer):
    return [result["Experiment"]["ExperimentName"] for result in answer["Results"]]


def test_the_last_changed_come_first_ten_at_a_time(client):
    first = client.search(Resource="Experiment")
    assert found(first) == [f"e{i:02}" for i in range(10)]
    assert first["TotalHits"] == {"Value": 11, "Relation": "GreaterThanOrEqualTo"}
    pages = client.get_paginator("search").paginate(Resource="Experiment", PaginationConfig={"PageSize": 4})
    assert [name for page in pages for name in found(page)] == [f"e{i:02}" for i in range(25)]


def test_what_is_found_is_told_whole(client):
    answer = client.search(
        Resource="Experiment", SearchExpression={"Filters": [condition("Tags.team", value="films")]}
    )
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}
    (experiment,) = (result["Experiment"] for result in answer["Results"])
    assert experiment.pop("CreationTime").timestamp() == 1007.0
    assert experiment.pop("LastModifiedTime").timestamp() == 1993.0
    assert experiment == {
        "ExperimentName": "e07", "ExperimentArn": "arn:e07", "Description": "odd",
        "Tags": [{"Key": "team", "Value": "films"}],
    }  # fmt: skip


def test_pages_of_what_matches(client):
    odd = {"Filters": [condition("Description", value="odd")]}
    pages = client.get_paginator("search").paginate(
        Resource="Experiment", SearchExpression=odd, SortBy="ExperimentName", SortOrder="Ascending",
        PaginationConfig={"PageSize": 6},
    )  # fmt: skip
    assert [found(page) for page in pages] == [
        [f"e{i:02}" for i in range(1, 13, 2)],
        [f"e{i:02}" for i in range(13, 25, 2)],
    ]


def test_a_kind_of_which_there_is_none(client):
    answer = client.search(Resource="HubContent")
    assert (answer["Results"], answer["TotalHits"]["Value"]) == ([], 0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"SortBy": "Nonsense"}, "SortBy must be CreationTime"),
        ({"NextToken": "x"}, "NextToken: expected the token"),
        ({"SearchExpression": {"Filters": [condition("Nonsense.x", value="y")]}}, "Unknown property name: Nonsense.x"),
        ({"SearchExpression": {"Filters": [condition("Description")]}}, "needs a Value"),
        ({"SearchExpression": {"NestedFilters": [{"NestedPropertyName": "No", "Filters": [condition("Tags.a")]}]}},
         "Unknown property name: No"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched(client, asked, said):
    with pytest.raises(ClientError, match=f"ValidationException.*{said}"):
        client.search(Resource="Experiment", **asked)


def test_expressions_that_are_too_deep(client):
    deep = {}
    for _ in range(30):
        deep = {"SubExpressions": [deep]}
    with pytest.raises(ClientError, match="nested 20 deep"):
        client.search(Resource="Experiment", SearchExpression=deep)
