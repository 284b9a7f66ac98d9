"""Many clients of the object store at once, and what a refusal leaves of a connection."""

import threading

import pytest
from botocore.exceptions import ClientError


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


def test_refused_contents_do_not_spoil_the_connection(local_service):
    """boto3 asks before it sends a content; whoever refuses it, what is asked next on the connection is answered."""
    s3 = local_service.client("s3")
    s3.create_bucket(Bucket="bucket")
    stranger = local_service.client("s3", aws_secret_access_key="not the secret")
    for client, bucket, code in (
        (s3, "missing", "NoSuchBucket"),
        (stranger, "bucket", "SignatureDoesNotMatch"),
    ):
        for _ in range(3):
            with pytest.raises(ClientError) as caught:
                client.put_object(Bucket=bucket, Key="key", Body=b"1" * 100_000)
            assert caught.value.response["Error"]["Code"] == code
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
    stranger.close()
    s3.close()
