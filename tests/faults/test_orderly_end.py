"""SIGTERM while jobs run: they end with the service, and begin again at the next start where they may."""

import pytest
from service_process import service_on
from tours import create_resumable_job
from workload import Workload, settings_for


@pytest.fixture
def work(tmp_path):
    outside = tmp_path / "outside.jsonl"
    with service_on(tmp_path / "data", settings_for(outside)) as service:
        service.start()
        yield Workload(service, outside)


def test_running_and_waiting_jobs(work):
    work.put("data", b"1")
    create_resumable_job(work)
    work.create_job("once", seconds=600.0)
    work.create_job("waiting")  # there are two slots
    work.until(lambda: work.begun("resumed") and work.begun("once"))
    assert work.begun("waiting") == []
    work.service.stop()
    work.service.no_process_is_left()
    work.service.start()
    work.wait_for_job("resumed")
    work.wait_for_job("waiting")
    told = work.wait_for_job("once", "Failed")
    assert told["FailureReason"].startswith(
        "InternalServerError: The job must run to its end; the service was stopped"
    )
    assert (len(work.begun("once")), len(work.begun("waiting"))) == (1, 1)
    work.service.stop()
    work.service.no_process_is_left()
