"""Batch transform through the stock client."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from hosted_clients import BUCKET, IMAGE

ROWS = b'{"data":{"features":{"keys":[%d,%d],"shape":[50],"values":[1,1]}}}\n'
LINES = b"".join(ROWS % (user, 30 + user) for user in range(6))


class Transforms:
    def __init__(self, hosting):
        self.hosting, self.sagemaker = hosting, hosting.sagemaker

    def start(self, name, prefix="rows/", model="regressor", source=None, output=None, **more):
        source = source or {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
        given = {
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        }
        return self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput=given | more.pop("given", {}),
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers/{name}", "AssembleWith": "Line"}
            | (output or {}),
            TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
            **more,
        )

    def finished(self, name):
        deadline = time.monotonic() + 60
        while True:
            told = self.sagemaker.describe_transform_job(TransformJobName=name)
            if told["TransformJobStatus"] not in ("InProgress", "Stopping"):
                return told
            assert time.monotonic() < deadline, told

    def answers(self, name):
        found = self.hosting.texts(BUCKET, f"answers/{name}/")
        return {key.removeprefix(f"answers/{name}/"): body for key, body in found.items()}


@pytest.fixture
def transforms(hosting):
    hosting.model("regressor")
    hosting.objects.put(BUCKET, "rows/a.jsonl", LINES)
    hosting.objects.put(BUCKET, "rows/deep/b.jsonl", LINES[: len(LINES) // 2])
    return Transforms(hosting)


def test_every_file_of_a_prefix_is_answered_as_an_endpoint_would(transforms, hosting):
    began = transforms.start("all", Tags=[{"Key": "team", "Value": "a"}])
    told = transforms.finished("all")
    assert (told["TransformJobStatus"], told["TransformJobArn"]) == ("Completed", began["TransformJobArn"])
    assert told["CreationTime"] <= told["TransformStartTime"] <= told["TransformEndTime"]
    assert told["TransformOutput"]["AssembleWith"] == "Line"
    answers = transforms.answers("all")
    assert sorted(answers) == ["a.jsonl.out", "deep/b.jsonl.out"]
    scores = [json.loads(line)["score"] for line in answers["a.jsonl.out"].splitlines()]
    assert len(scores) == 6
    hosting.config("one", "regressor")
    hosting.endpoint("one")
    asked = hosting.ask("one", LINES, "application/jsonlines", Accept="application/jsonlines")["Body"].read()
    assert [json.loads(line)["score"] for line in asked.splitlines()] == scores
    logs = hosting.client("logs")
    (stream,) = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix="all/"
    )["logStreams"]
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    assert any("9 records of 2 files" in event["message"] for event in events)
    assert not list((hosting.service.data / "transform-jobs").iterdir())


def test_a_manifest_filters_and_a_join(transforms, hosting):
    manifest = [{"prefix": f"s3://{BUCKET}/rows/"}, "deep/b.jsonl"]
    hosting.objects.put(BUCKET, "manifest", json.dumps(manifest).encode())
    transforms.start(
        "joined",
        source={"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/manifest"},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=2,
        DataProcessing={"JoinSource": "Input", "OutputFilter": "$['SageMakerOutput']['score']"},
    )
    assert transforms.finished("joined")["TransformJobStatus"] == "Completed"
    answers = transforms.answers("joined")
    assert list(answers) == ["deep/b.jsonl.out"]
    assert all(isinstance(json.loads(line), float) for line in answers["deep/b.jsonl.out"].splitlines())


def test_a_record_that_cannot_be_answered_fails_the_job_and_keeps_the_rest(transforms, hosting):
    hosting.objects.put(BUCKET, "rows/bad.jsonl", b'{"data": 3}\n')
    transforms.start("bad")
    told = transforms.finished("bad")
    assert told["TransformJobStatus"] == "Failed"
    assert told["FailureReason"].startswith("ClientError: ")
    assert "bad.jsonl" in told["FailureReason"]
    assert sorted(transforms.answers("bad")) == ["a.jsonl.out", "deep/b.jsonl.out"]


def test_what_can_never_be_done_is_refused_or_fails_with_a_reason(transforms, hosting):
    hosting.model("mislabelled", "regressor", image=IMAGE.replace("factorization-machines", "kmeans"))
    hosting.model("broken")
    transforms.start("empty", prefix="nothing/")
    transforms.start("other", model="mislabelled")
    transforms.start("broken", model="broken")
    assert "No S3 objects found" in transforms.finished("empty")["FailureReason"]
    assert "kmeans" in transforms.finished("other")["FailureReason"]
    assert transforms.finished("broken")["FailureReason"].startswith("ClientError: ")
    for values, code in (
        ({"name": "empty"}, "ResourceInUse"),
        ({"name": "x", "model": "none"}, "ValidationException"),
        ({"name": "x", "given": {"SplitType": "TFRecord"}}, "ValidationException"),
        ({"name": "x", "MaxPayloadInMB": 0}, "ValidationException"),
        ({"name": "x", "output": {"S3OutputPath": "https://elsewhere"}}, "ValidationException"),
    ):
        with pytest.raises(ClientError) as caught:
            transforms.start(**values)
        assert caught.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError, match="Requested resource not found"):
        transforms.sagemaker.describe_transform_job(TransformJobName="none")
    told = transforms.sagemaker.list_transform_jobs(
        StatusEquals="Failed", SortBy="Name", SortOrder="Ascending"
    )
    assert [each["TransformJobName"] for each in told["TransformJobSummaries"]] == [
        "broken",
        "empty",
        "other",
    ]


def test_a_job_is_stopped(transforms, hosting):
    for number in range(40):
        hosting.objects.put(BUCKET, f"many/{number}.jsonl", LINES * 5000)
    transforms.start("long", prefix="many/")
    transforms.sagemaker.stop_transform_job(TransformJobName="long")
    assert transforms.finished("long")["TransformJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="in status Stopped"):
        transforms.sagemaker.stop_transform_job(TransformJobName="long")
