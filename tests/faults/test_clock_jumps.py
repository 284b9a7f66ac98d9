"""The service's clock jumps by hours, forwards and back, while a job runs."""

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from service_process import lines_of, service_on
from workload import Workload, settings_for


@pytest.fixture
def work(tmp_path):
    outside = tmp_path / "outside.jsonl"
    program = Path(__file__).with_name("service_with_a_clock.py")
    with service_on(tmp_path / "data", settings_for(outside), command=(str(program),)) as service:
        jump(tmp_path, 0)
        service.start()
        yield Workload(service, outside)


def jump(folder, seconds):
    draft = folder / "offset.new"
    draft.write_text(str(seconds))
    draft.replace(folder / "offset")


@pytest.mark.parametrize("hours", [3, -3])
def test_a_job_that_ends_at_another_time(work, tmp_path, hours):
    """Its limit of ten minutes is of time that passes; its times stay in order; nobody signs for that time."""
    work.put("data", b"1")
    work.create_job("jumped", seconds=1.0)
    work.until(lambda: work.begun("jumped"))
    jump(tmp_path, hours * 3600)
    with pytest.raises(ClientError, match="Signature"):
        work.client("sagemaker").describe_training_job(TrainingJobName="jumped")
    work.until(lambda: len(lines_of(work.outside)) == 2)
    time.sleep(2)  # for what comes after the end of the program
    jump(tmp_path, 0)
    told = work.wait_for_job("jumped")
    assert (
        told["CreationTime"]
        <= told["TrainingStartTime"]
        <= told["TrainingEndTime"]
        <= told["LastModifiedTime"]
    )
    assert told["TrainingTimeInSeconds"] < 60
    times = [step["StartTime"] for step in told["SecondaryStatusTransitions"]]
    assert times == sorted(times)
    work.create_job("after")
    work.wait_for_job("after")
    work.check_end()
