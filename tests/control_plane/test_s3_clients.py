"""The object store through the AWS CLI and s3fs, unmodified, and many clients at once."""

import os
import subprocess
import sys
import threading
from importlib.metadata import version

import pytest


@pytest.fixture
def environment(local_service, tmp_path):
    credentials = local_service.application.service.credentials
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": local_service.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }


def test_aws_cli(environment, tmp_path):
    pytest.importorskip("awscli", reason="needs the AWS CLI")

    def aws(*arguments, expected=(0,)):
        command = [sys.executable, "-W", "ignore", "-m", "awscli", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in expected, done.stdout + done.stderr
        return done.stdout

    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.csv").write_text("1,2\n")
    (tmp_path / "tree" / "sub" / "b ü.bin").write_bytes(os.urandom(9 << 20))
    aws("s3", "mb", "s3://bucket")
    aws("s3", "sync", "--quiet", str(tmp_path / "tree"), "s3://bucket/data")
    listed = aws("s3", "ls", "--recursive", "s3://bucket/")
    assert [line.split(None, 3)[3] for line in listed.splitlines()] == ["data/a.csv", "data/sub/b ü.bin"]
    aws("s3", "cp", "--quiet", "--recursive", "s3://bucket/data", "s3://bucket/copy")
    aws("s3", "sync", "--quiet", "s3://bucket/copy", str(tmp_path / "back"))
    for name in ("a.csv", "sub/b ü.bin"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "tree" / name).read_bytes()
    aws("s3", "rb", "--force", "s3://bucket")
    aws("s3", "ls", "s3://bucket", expected=(254, 255))


def use_s3fs(url, key, secret):
    import s3fs

    files = s3fs.S3FileSystem(
        key=key, secret=secret, client_kwargs={"endpoint_url": url, "region_name": "us-east-1"}
    )
    files.mkdir("bucket")
    with files.open("bucket/dir/file", "wb", block_size=5 << 20) as file:
        for _ in range(3):
            file.write(bytes(5 << 20))
    files.pipe("bucket/dir/small ü", b"small")
    with files.open("bucket/dir/file", "rb", block_size=5 << 20) as file:
        file.seek(6 << 20)
        assert len(file.read()) == 9 << 20
    assert sorted(files.ls("bucket/dir")) == ["bucket/dir/file", "bucket/dir/small ü"]
    assert files.cat("bucket/dir/small ü") == b"small"
    assert files.info("bucket/dir/file")["size"] == 15 << 20
    files.cp("bucket/dir/file", "bucket/other")
    files.rm("bucket/dir", recursive=True)
    assert files.find("bucket") == ["bucket/other"]


def test_s3fs(local_service):
    pytest.importorskip("s3fs", reason="needs s3fs")
    credentials = local_service.application.service.credentials
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of s3fs
        use_s3fs(local_service.url, credentials.access_key, credentials.secret_key)
    assert version("s3fs")


def test_many_clients_at_once(local_service):
    s3 = local_service.client("s3")
    s3.create_bucket(Bucket="bucket")
    faults = []

    def work(worker):
        try:
            for i in range(20):
                body = f"{worker} {i}".encode() * 100
                s3.put_object(Bucket="bucket", Key=f"{worker}/{i}", Body=body)
                s3.put_object(Bucket="bucket", Key="shared", Body=body)
                assert s3.get_object(Bucket="bucket", Key=f"{worker}/{i}")["Body"].read() == body
                assert len(s3.get_object(Bucket="bucket", Key="shared")["Body"].read()) >= 300
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 161
