"""A disk without room: refused clearly, nothing acknowledged is lost, and it goes on when there is room again."""

import os
import shutil
import subprocess
import uuid

import pytest
from botocore.exceptions import ClientError
from service_process import service_on
from workload import Workload, settings_for


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root and CAP_SYS_ADMIN")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk(small_disk):
    with service_on(small_disk / "data") as service:
        service.start()
        s3 = service.client("s3")
        s3.create_bucket(Bucket="films")
        kept = {}

        def put(n_bytes):
            key, content = uuid.uuid4().hex, os.urandom(n_bytes)
            s3.put_object(Bucket="films", Key=key, Body=content)
            kept[key] = content

        def put_many():
            for _ in range(1000):
                put(20_000)

        put(1000)
        (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
        with pytest.raises(ClientError) as refused:
            put_many()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503, 507)
        assert "space" in str(refused.value).lower() or "full" in str(refused.value).lower(), str(
            refused.value
        )
        for key, content in kept.items():  # what is there can be read
            assert s3.get_object(Bucket="films", Key=key)["Body"].read() == content
        service.kill()
        (small_disk / "ballast").unlink()
        service.start()
        put(100_000)
        listed = {found["Key"] for found in s3.list_objects_v2(Bucket="films")["Contents"]}
        assert kept.keys() <= listed
        for key, content in kept.items():
            assert s3.get_object(Bucket="films", Key=key)["Body"].read() == content
        service.stop()
        service.no_process_is_left()


def test_jobs_on_a_full_disk(small_disk, tmp_path):
    """Requests are refused clearly; what was acknowledged ends, completed or failed with its reason."""
    outside = tmp_path / "outside.jsonl"
    with service_on(small_disk / "data", settings_for(outside)) as service:
        work = Workload(service, outside)
        service.start()
        work.put("data", b"1")
        work.create_job("before")
        work.wait_for_job("before")
        (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 50_000))

        def ask_for_many():
            for number in range(1000):
                work.create_job(f"job-{number}")

        with pytest.raises(ClientError, match=r"ServiceUnavailable.*disk"):
            ask_for_many()
        assert work.finished("before")
        (small_disk / "ballast").unlink()
        work.check_acknowledged()
        work.until(lambda: all(work.finished(job["TrainingJobName"]) for job in work.listed()), 120)
        for job in work.listed():
            told = work.finished(job["TrainingJobName"])
            assert (
                told["TrainingJobStatus"] == "Completed" or "InternalServerError" in told["FailureReason"]
            ), told
        work.create_job("after")
        work.wait_for_job("after")
        service.stop()
        service.no_process_is_left()
