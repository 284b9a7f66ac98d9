"""CloudWatch Logs: pages and their tokens, as SDKs walk them."""

import json

import pytest
from botocore.exceptions import ClientError

from pairloom.control_plane.log_storage import log_folder

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def logs(local_service):
    return local_service.client("logs")


@pytest.fixture
def write(local_service):
    def write(stream, lines, group=GROUP):
        """Lines are (milliseconds, text)."""
        path = log_folder(local_service.application.service).path(group, stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(json.dumps({"t": at, "m": text}) + "\n" for at, text in lines)
        return path

    return write


def asked(**more):
    return {"logGroupName": GROUP, "logStreamName": "job/algo-1-1", **more}


def messages(answer):
    return [event["message"] for event in answer["events"]]


def test_a_log_is_walked_onwards_while_it_grows(logs, write):
    write("job/algo-1-1", [(n, f"line {n}") for n in range(7)])
    seen, token = [], {}
    while True:
        page = logs.get_log_events(**asked(startFromHead=True, limit=3, **token))
        seen += messages(page)
        if token and page["nextForwardToken"] == token["nextToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert seen == [f"line {n}" for n in range(7)]
    assert messages(logs.get_log_events(**asked(**token))) == []
    write("job/algo-1-1", [(8, "new")])
    assert messages(logs.get_log_events(**asked(**token))) == ["new"]


def test_a_log_is_walked_backwards_to_its_beginning(logs, write):
    write("job/algo-1-1", [(n, f"line {n}") for n in range(7)])
    page = logs.get_log_events(**asked(limit=3))
    assert messages(page) == ["line 4", "line 5", "line 6"]
    assert messages(logs.get_log_events(**asked(nextToken=page["nextForwardToken"]))) == []
    page = logs.get_log_events(**asked(limit=3, nextToken=page["nextBackwardToken"]))
    assert messages(page) == ["line 1", "line 2", "line 3"]
    again = logs.get_log_events(**asked(limit=3, nextToken=page["nextForwardToken"]))
    assert messages(again) == ["line 4", "line 5", "line 6"]
    page = logs.get_log_events(**asked(limit=3, nextToken=page["nextBackwardToken"]))
    assert messages(page) == ["line 0"]
    page = logs.get_log_events(**asked(nextToken=(before := page["nextBackwardToken"])))
    assert (messages(page), page["nextBackwardToken"]) == ([], before)


def test_times_bound_a_page(logs, write):
    write("job/algo-1-1", [(n * 1000, str(n)) for n in range(10)])
    page = logs.get_log_events(**asked(startFromHead=True, startTime=3000, endTime=6000))
    assert messages(page) == ["3", "4", "5"]
    assert [event["timestamp"] for event in page["events"]] == [3000, 4000, 5000]


def test_a_page_holds_a_megabyte_at_most(logs, write):
    write("job/algo-1-1", [(n, "x" * 200_000) for n in range(12)])
    n_seen, token = 0, {}
    while True:
        page = logs.get_log_events(**asked(startFromHead=True, **token))
        assert sum(len(event["message"]) for event in page["events"]) <= 1 << 20
        n_seen += len(page["events"])
        if not page["events"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert n_seen == 12


def test_half_a_line_is_not_shown_and_a_broken_one_is_passed_over(logs, write):
    path = write("job/algo-1-1", [(1, "one")])
    with path.open("a") as file:
        file.write('{"t": 2, "m"\n[]\nnull\n{"t": 3, "m": "three"}\n{"t": 4, "m": "fo')
    assert messages(logs.get_log_events(**asked(startFromHead=True))) == ["one", "three"]
    assert messages(logs.get_log_events(**asked(limit=1))) == ["three"]


@pytest.mark.parametrize("token", ["nonsense", "f/", "f/-1", "x/1", "f/" + "9" * 57, "b/1 "])
def test_a_token_that_is_none(logs, write, token):
    write("job/algo-1-1", [(1, "one")])
    with pytest.raises(ClientError, match=r"The specified nextToken is invalid\.") as caught:
        logs.get_log_events(**asked(nextToken=token))
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_token_beyond_the_end_or_within_a_line_is_borne(logs, write):
    write("job/algo-1-1", [(1, "one"), (2, "two")])
    assert messages(logs.get_log_events(**asked(nextToken="f/" + "9" * 50))) == []
    assert messages(logs.get_log_events(**asked(nextToken="f/5"))) == ["two"]


@pytest.mark.parametrize("name", ["missing", "../../../etc/passwd", "a/../b", "x" * 512, "..", "job"])
def test_a_log_that_is_not_there(logs, write, name):
    write("job/algo-1-1", [(1, "one")])
    with pytest.raises(ClientError, match=r"The specified log stream does not exist\."):
        logs.get_log_events(logGroupName=GROUP, logStreamName=name)
    with pytest.raises(ClientError, match=r"The specified log group does not exist\."):
        logs.get_log_events(logGroupName="/other", logStreamName=name)
    with pytest.raises(ClientError, match=r"The specified log group does not exist\."):
        logs.describe_log_streams(logGroupName="..")


def test_streams_are_listed_by_name_and_by_time(logs, write):
    write("one/algo-1-5", [(5, "b"), (9, "c")])
    write("one/algo-2-5", [(1, "a")])
    write("one-more/algo-1-5", [(1, "a")])
    found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="one/", limit=1)
    assert [stream["logStreamName"] for stream in found["logStreams"]] == ["one/algo-1-5"]
    assert (found["logStreams"][0]["firstEventTimestamp"], found["logStreams"][0]["lastEventTimestamp"]) == (
        5,
        9,
    )
    rest = logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix="one/", nextToken=found["nextToken"]
    )
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["one/algo-2-5"]
    assert "nextToken" not in rest
    everything = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)
    assert everything["logStreams"][0]["logStreamName"] == "one-more/algo-1-5"
    assert len(logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="on")["logStreams"]) == 3
    assert logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="none/x/")["logStreams"] == []


def test_groups_are_listed(logs, write):
    assert logs.describe_log_groups()["logGroups"] == []
    write("a", [(1, "x")], "/aws/sagemaker/Endpoints/mine")
    write("a", [(1, "x")])
    names = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert names == ["/aws/sagemaker/Endpoints/mine", GROUP]
    found = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/T")["logGroups"]
    assert [group["logGroupName"] for group in found] == [GROUP]


def test_logs_are_searched_in_order_of_time(logs, write):
    write("one/a", [(1, "ERROR no data"), (3, "fine"), (5, "ERROR retry")])
    write("one/b", [(2, "ERROR too"), (4, "WARN no data")])

    def found(pattern, **more):
        return messages(logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern, **more))

    assert found("") == ["ERROR no data", "ERROR too", "fine", "WARN no data", "ERROR retry"]
    assert found("ERROR -retry") == ["ERROR no data", "ERROR too"]
    assert found('"no data"') == ["ERROR no data", "WARN no data"]
    assert found("?WARN ?retry") == ["WARN no data", "ERROR retry"]
    assert found("ERROR", logStreamNames=["one/b"]) == ["ERROR too"]
    assert found("", startTime=2, endTime=4) == ["ERROR too", "fine"]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, filterPattern="ERROR", PaginationConfig={"PageSize": 1}
    )
    assert [text for page in pages for text in messages(page)] == [
        "ERROR no data",
        "ERROR too",
        "ERROR retry",
    ]


@pytest.mark.parametrize("pattern", ['"open', "{ $.a = 1 }", "%x%", "[a, b]"])
def test_patterns_that_are_not_offered(logs, write, pattern):
    write("one/a", [(1, "x")])
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern)
    with pytest.raises(ClientError, match="The specified nextToken is invalid"):
        logs.filter_log_events(logGroupName=GROUP, nextToken="WzFd")
