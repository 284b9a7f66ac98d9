"""CloudWatch Logs: reading what jobs and endpoints have said."""

from __future__ import annotations

import base64
import heapq
import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from pairloom.control_plane.log_storage import log_folder
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.service import Service
from pairloom.control_plane.wire.errors import AwsError
from pairloom.jobs.log_streams import LogEvent, LogPage, LogStream

__all__ = ["describe_log_groups", "describe_log_streams", "filter_log_events", "get_log_events"]

INVALID, MISSING = "InvalidParameterException", "ResourceNotFoundException"
NO_GROUP, NO_STREAM = "The specified log group does not exist.", "The specified log stream does not exist."
BAD_TOKEN = "The specified nextToken is invalid."  # noqa: S105 - a sentence
MOST_EVENTS = 10_000
TOKEN = re.compile(r"([fb])/(\d{1,56})", re.ASCII)
END = 1 << 62
PAGE = 1000
T = TypeVar("T")


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call) -> dict[str, Any]:
    """List groups that hold a log."""
    given = call.input
    part = given.get("logGroupNamePattern", "")
    names = [
        name
        for name in log_folder(call.service).groups(given.get("logGroupNamePrefix", ""))
        if part.lower() in name.lower()
    ]
    shown, token = _page(names, given.get("nextToken"), given.get("limit", 50))
    groups = [
        {
            "logGroupName": name,
            "arn": _arn(call.service, name) + ":*",
            "logGroupArn": _arn(call.service, name),
            "creationTime": 0,
            "metricFilterCount": 0,
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
        }
        for name in shown
    ]
    return {"logGroups": groups} | ({"nextToken": token} if token else {})


@operation("logs", "DescribeLogStreams")
def describe_log_streams(call: Call) -> dict[str, Any]:
    """List the logs of a group, by name or by when they were written last."""
    given = call.input
    group = _group(call)
    logs = log_folder(call.service)
    if group not in logs.groups(group):
        raise AwsError(MISSING, NO_GROUP)
    order = given.get("orderBy", "LogStreamName")
    prefix = given.get("logStreamNamePrefix", "")
    if order == "LastEventTime" and prefix:
        raise AwsError(INVALID, "Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = logs.streams(group, prefix)
    if order == "LastEventTime":
        streams.sort(key=lambda stream: stream.path.stat().st_mtime)
    if given.get("descending"):
        streams.reverse()
    shown, token = _page(streams, given.get("nextToken"), given.get("limit", 50))
    found = [_described(call.service, group, stream) for stream in shown]
    return {"logStreams": found} | ({"nextToken": token} if token else {})


@operation("logs", "GetLogEvents")
def get_log_events(call: Call) -> dict[str, Any]:
    """Read a page of a log, onwards or backwards; the token that leads nowhere further is the one that was given."""
    given = call.input
    stream = _stream(call, _group(call), given["logStreamName"])
    page = _events(
        stream,
        given.get("nextToken"),
        limit=given.get("limit", MOST_EVENTS),
        times=(given.get("startTime"), given.get("endTime")),
        from_head=given.get("startFromHead", False),
    )
    now_ms = int(call.service.clock() * 1e3)
    return {
        "events": [
            {
                "timestamp": event.time_ms,
                "message": event.message,
                "ingestionTime": max(event.time_ms, min(now_ms, event.time_ms)),
            }
            for event in page.events
        ],
        "nextForwardToken": f"f/{page.forward:056}",
        "nextBackwardToken": f"b/{page.backward:056}",
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(call: Call) -> dict[str, Any]:
    """Search the logs of a group, in order of time."""
    given = call.input
    group = _group(call)
    logs = log_folder(call.service)
    if group not in logs.groups(group):
        raise AwsError(MISSING, NO_GROUP)
    names = given.get("logStreamNames")
    if names:
        streams = [_stream(call, group, name) for name in names]
    else:
        streams = logs.streams(group, given.get("logStreamNamePrefix", ""))
    matches = _pattern(given.get("filterPattern", ""))
    offsets = _offsets(given.get("nextToken"))
    times = (given.get("startTime"), given.get("endTime"))
    sources = [_walk(stream, offsets.get(stream.name, 0), times) for stream in streams]
    limit, found, more = given.get("limit", MOST_EVENTS), list[dict[str, Any]](), False
    merged = heapq.merge(*sources, key=lambda item: item[0].time_ms)
    for n_looked_at, (event, name, after) in enumerate(merged):
        if len(found) == limit or n_looked_at == MOST_EVENTS:
            more = True
            break
        offsets[name] = after
        if matches(event.message):
            found.append(
                {
                    "logStreamName": name,
                    "timestamp": event.time_ms,
                    "message": event.message,
                    "ingestionTime": event.time_ms,
                    "eventId": f"{event.time_ms:015}{event.offset:041}",
                }
            )
    searched = [{"logStreamName": stream.name, "searchedCompletely": not more} for stream in streams]
    answer: dict[str, Any] = {"events": found, "searchedLogStreams": searched}
    return answer | ({"nextToken": _offsets_token(offsets)} if more else {})


def _events(
    stream: LogStream,
    token: str | None,
    *,
    limit: int,
    times: tuple[int | None, int | None],
    from_head: bool,
) -> LogPage:
    way: Literal["f", "b"] | str = "f" if from_head else "b"
    offset = 0 if from_head else END
    if token is not None:
        match = TOKEN.fullmatch(token)
        if match is None:
            raise AwsError(INVALID, BAD_TOKEN)
        way, offset = match[1], min(int(match[2]), END)
    read = stream.forward if way == "f" else stream.backward
    return read(offset, limit=limit, start_ms=times[0], end_ms=times[1])


def _walk(
    stream: LogStream, offset: int, times: tuple[int | None, int | None]
) -> Iterator[tuple[LogEvent, str, int]]:
    """Yield events with the name of their stream and where the next one begins."""
    while True:
        page = stream.forward(offset, limit=PAGE, start_ms=times[0], end_ms=times[1])
        ends = [event.offset for event in page.events[1:]] + [page.forward]
        for number, event in enumerate(page.events):
            yield event, stream.name, ends[number]
        if page.forward == offset:
            return
        offset = page.forward


def _pattern(text: str) -> Callable[[str], bool]:
    """Return whether a message holds every term, some of those behind ``?``, and none of those behind ``-``."""
    if text.lstrip().startswith(("{", "[", "%")):
        raise AwsError(
            INVALID, 'Invalid filter pattern: only terms are offered, such as ERROR -retry "no data".'
        )
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape, lexer.quotes = True, "", "", '"'
    try:
        terms = list(lexer)
    except ValueError as error:
        raise AwsError(INVALID, "Invalid filter pattern: a quotation mark is missing.") from error
    none = [term[1:] for term in terms if term.startswith("-") and len(term) > 1]
    some = [term[1:] for term in terms if term.startswith("?") and len(term) > 1]
    every = [term for term in terms if not term.startswith(("-", "?"))]

    def matches(message: str) -> bool:
        return (
            all(term in message for term in every)
            and (not some or any(term in message for term in some))
            and not any(term in message for term in none)
        )

    return matches


def _described(service: Service, group: str, stream: LogStream) -> dict[str, Any]:
    times = stream.times_ms()
    made_ms = int(stream.path.stat().st_ctime * 1e3) if times is None else times[0]
    found: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": made_ms,
        "arn": f"{_arn(service, group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    if times is not None:
        found |= {
            "firstEventTimestamp": times[0],
            "lastEventTimestamp": times[1],
            "lastIngestionTime": times[1],
        }
    return found


def _stream(call: Call, group: str, name: str) -> LogStream:
    logs = log_folder(call.service)
    stream = logs.stream(group, name)
    if stream is None:
        raise AwsError(MISSING, NO_STREAM if group in logs.groups(group) else NO_GROUP)
    return stream


def _group(call: Call) -> str:
    """Return the name of the group, which a request may also give as an ARN."""
    named = call.input.get("logGroupName")
    if named is None:
        named = call.input.get("logGroupIdentifier")
    if not named:
        raise AwsError(INVALID, "A log group must be named in logGroupName or logGroupIdentifier.")
    return named.partition(":log-group:")[2].removesuffix(":*") if named.startswith("arn:") else named


def _arn(service: Service, group: str) -> str:
    return f"arn:aws:logs:{service.region}:{service.account_id}:log-group:{group}"


def _page(found: list[T], token: str | None, limit: int) -> tuple[list[T], str | None]:
    if token is not None and not (token.isascii() and token.isdecimal() and len(token) < 12):
        raise AwsError(INVALID, BAD_TOKEN)
    first = int(token or 0)
    last = first + limit
    return found[first:last], str(last) if last < len(found) else None


def _offsets(token: str | None) -> dict[str, int]:
    if token is None:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
        return {str(name): int(offset) for name, offset in found.items()}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise AwsError(INVALID, BAD_TOKEN) from error


def _offsets_token(offsets: dict[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(offsets).encode()).decode()
