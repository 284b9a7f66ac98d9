"""Describe calls that are held open: an end is heard at once, and who asks decides how long there is to hear it."""

import asyncio
import time
from dataclasses import replace

import boto3
import pytest
from botocore.config import Config

from pairloom.control_plane import waiting
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.operations import Call, Principal
from pairloom.control_plane.waiting import MOMENT_S, WAITER_S, described, hold_s
from pairloom.database import Resource

YOUNG_S = 20.0
UNFINISHED = {"InProgress"}
NAME = ("training-job", "a")


@pytest.fixture
def service(service_folder):
    with open_service(service_folder) as opened:
        with opened.database.transaction() as t:
            t.insert(Resource(*NAME, "arn:a", "InProgress"))
        yield opened


def call(service):
    return Call({}, service, Principal("A", "arn"), {}, "1")


def set_status(service, status):
    with service.database.transaction() as t:
        t.update(replace(t.get(*NAME), status=status))


def run(service, *meanwhile):
    """Describe while something else happens; returns what was described and the seconds that it took."""

    async def both():
        begin = time.monotonic()
        held = asyncio.create_task(described(call(service), *NAME, UNFINISHED))
        for act in meanwhile:
            await asyncio.sleep(0.05)
            await asyncio.to_thread(act)
        return await held, time.monotonic() - begin

    return asyncio.run(both())


def test_an_end_is_heard_at_once(service):
    found, took_s = run(service, lambda: set_status(service, "Completed"))
    assert found.status == "Completed"
    assert 0.05 <= took_s < YOUNG_S / 2


def test_a_change_that_is_no_end_is_not_told(service):
    found, _ = run(service, lambda: set_status(service, "InProgress"), lambda: set_status(service, "Failed"))
    assert found.status == "Failed"


def test_what_is_deleted_meanwhile_is_gone(service):
    def delete():
        with service.database.transaction() as t:
            t.delete(*NAME)

    assert run(service, delete)[0] is None


def test_the_end_of_the_service_is_no_reason_to_be_left_without_an_answer(service):
    async def both():
        held = asyncio.create_task(described(call(service), *NAME, UNFINISHED))
        await asyncio.sleep(0.05)
        service.ending.set()
        return await asyncio.wait_for(held, 5)

    assert asyncio.run(both()).status == "InProgress"


def test_what_goes_on_is_told_in_the_end(service, monkeypatch):
    monkeypatch.setattr(waiting, "hold_s", lambda headers, age_s, young_s: 0.1)
    assert run(service)[0].status == "InProgress"


def test_what_is_finished_or_unknown_is_told_at_once(service):
    set_status(service, "Completed")
    assert run(service)[0].status == "Completed"
    assert asyncio.run(described(call(service), "training-job", "b", UNFINISHED)) is None


def test_how_long_depends_on_age_and_client():
    assert hold_s({}, 0, YOUNG_S) == YOUNG_S
    assert hold_s({}, 5, YOUNG_S) == YOUNG_S - 5
    assert hold_s({}, 3600, YOUNG_S) == MOMENT_S
    assert hold_s({}, -3600, YOUNG_S) == YOUNG_S  # the clock was set back
    assert (
        hold_s({"user-agent": "Boto3/1.44.5 ua/2.1 m/Z,b,D cfg/retry-mode#legacy"}, 60, YOUNG_S) == MOMENT_S
    )
    assert hold_s({"user-agent": "Boto3/1.44.5 ua/2.1 os/linux m/B"}, 60, YOUNG_S) == WAITER_S
    assert hold_s({"user-agent": "Boto3/1.44.5 ua/2.1 os/linux m/B"}, 0, 0) == 0


@pytest.mark.parametrize("waits", [True, False])
def test_a_waiter_of_boto3_is_told_from_a_call(waits):
    seen = []
    client = boto3.Session().client(
        "sagemaker",
        region_name="us-east-1",
        aws_access_key_id="A",
        aws_secret_access_key="B",
        config=Config(),
    )

    def answer(request, **_):
        seen.append(request.headers["User-Agent"])
        raise InterruptedError

    client.meta.events.register("before-send.sagemaker", answer)
    ask = client.get_waiter("endpoint_in_service").wait if waits else client.describe_endpoint
    with pytest.raises(InterruptedError):
        ask(EndpointName="e")
    client.close()
    agent = seen[0].decode() if isinstance(seen[0], bytes) else seen[0]
    assert (hold_s({"user-agent": agent}, 3600, YOUNG_S) == WAITER_S) is waits
