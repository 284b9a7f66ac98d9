"""Large objects pass through the service in constant memory."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

import pairloom

MIB = 1 << 20


class Zeros(io.RawIOBase):
    """A file of zero bytes that takes no room."""

    def __init__(self, size):
        self.size, self.at = size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self):
        return self.at

    def readinto(self, buffer):
        n_bytes = max(0, min(len(buffer), self.size - self.at))
        buffer[:n_bytes] = bytes(n_bytes)
        self.at += n_bytes
        return n_bytes


@pytest.fixture
def service(tmp_path):
    source = Path(pairloom.__file__).resolve().parents[1]
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(tmp_path / "data"), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(source)}
    )
    assert process.stdout.readline()
    yield process, tmp_path / "data"
    process.terminate()
    process.wait(60)
    process.stdout.close()


def peak_mib(pid):
    (kib,) = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(kib) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("size", [256 * MIB, pytest.param(5 << 30, marks=pytest.mark.slow)])
def test_constant_memory(service, size):
    process, folder = service
    keys = dict(re.findall(r"(\w+) = (\S+)", (folder / "credentials").read_text()))
    url = json.loads((folder / "service.json").read_text())["url"]
    config = Config(retries={"total_max_attempts": 1}, read_timeout=300)
    s3 = boto3.Session(region_name="us-east-1", **keys).client("s3", endpoint_url=url, config=config)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="small", Body=bytes(8 * MIB))
    s3.get_object(Bucket="bucket", Key="small")["Body"].read()
    before = peak_mib(process.pid)
    put = s3.put_object(Bucket="bucket", Key="large", Body=Zeros(size), ContentLength=size)
    digest = hashlib.md5()
    n_bytes = 0
    for step in s3.get_object(Bucket="bucket", Key="large")["Body"].iter_chunks(MIB):
        n_bytes += len(step)
        digest.update(step)
    assert n_bytes == size
    assert put["ETag"] == f'"{digest.hexdigest()}"'
    assert peak_mib(process.pid) - before < 48
    s3.close()
