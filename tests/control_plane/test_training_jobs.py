"""Training jobs of the catalogue's algorithms, as boto3 sees them."""

import itertools
import tarfile

import numpy as np
import pytest
from botocore.exceptions import ClientError
from training_requests import BUCKET, channel, fm_job, put_rows, small_rows

from pairloom.artifact import load_artifact

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def objects(local_service, tmp_path):
    objects = local_service.application.service.objects
    objects.create_bucket(BUCKET)
    put_rows(objects, tmp_path)
    return objects


@pytest.fixture
def sagemaker(local_service, objects):
    return local_service.client("sagemaker")


def finished(sagemaker, request):
    sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    found = sagemaker.describe_training_job(TrainingJobName=name)
    while found["TrainingJobStatus"] in ("InProgress", "Stopping"):
        found = sagemaker.describe_training_job(TrainingJobName=name)
    return found


def test_a_job_from_its_request_to_its_model(sagemaker, objects, tmp_path):
    assert sagemaker.create_training_job(**fm_job("Fm-1"))["TrainingJobArn"] == (
        "arn:aws:sagemaker:us-east-1:000000000000:training-job/fm-1"
    )
    found = sagemaker.describe_training_job(TrainingJobName="Fm-1")
    assert found["TrainingJobStatus"] == found["SecondaryStatus"] == "Completed"
    assert found["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{BUCKET}/out/Fm-1/output/model.tar.gz"}
    (tmp_path / "model.tar.gz").write_bytes(objects.open(BUCKET, "out/Fm-1/output/model.tar.gz").read())
    artifact = load_artifact(tmp_path / "model.tar.gz")
    scores = artifact.model.predict(small_rows())["score"]
    assert np.isfinite(scores).all()
    with tarfile.open(fileobj=objects.open(BUCKET, "out/Fm-1/output/output.tar.gz")) as archive:
        assert archive.getnames() == ["metrics.json"]


def test_what_clients_read_of_a_finished_job(sagemaker):
    request = fm_job("fm")
    found = finished(sagemaker, request)
    for name in ("HyperParameters", "InputDataConfig", "ResourceConfig", "StoppingCondition", "RoleArn"):
        assert found[name] == request[name]
    assert found["OutputDataConfig"]["KmsKeyId"] == ""
    steps = [(step["Status"], step["StatusMessage"]) for step in found["SecondaryStatusTransitions"]]
    assert steps == [
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    times = [(step["StartTime"], step["EndTime"]) for step in found["SecondaryStatusTransitions"]]
    assert times == sorted(times)
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(times))
    assert (
        found["CreationTime"]
        <= found["TrainingStartTime"]
        <= found["TrainingEndTime"]
        <= found["LastModifiedTime"]
    )
    assert found["TrainingTimeInSeconds"] >= found["BillableTimeInSeconds"] >= 1
    assert found["EnableManagedSpotTraining"] is False
    definitions = {each["Name"] for each in found["AlgorithmSpecification"]["MetricDefinitions"]}
    assert {"train:rmse", "test:rmse", "train:progress"} <= definitions
    metrics = {each["MetricName"]: each["Value"] for each in found["FinalMetricDataList"]}
    assert 0.3 < metrics["train:rmse:epoch"] < 3
    assert metrics["train:progress"] == 100


def test_a_job_with_a_test_channel_and_expressions_of_its_own(sagemaker, objects, tmp_path):
    put_rows(objects, tmp_path, "test")
    request = fm_job("fm", channels=[channel("train"), channel("test")])
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "mine", "Regex": r"test rmse <loss>=(\S+)"}
    ]
    metrics = {
        each["MetricName"]: each["Value"] for each in finished(sagemaker, request)["FinalMetricDataList"]
    }
    assert metrics["mine"] == metrics["test:rmse"] > 0


@pytest.mark.parametrize(
    "image",
    ["811284229777.dkr.ecr.eu-west-1.amazonaws.com/factorization-machines:latest", "factorization-machines"],
)
def test_any_registry_and_tag_names_the_algorithm(sagemaker, image):
    assert finished(sagemaker, fm_job("fm", image=image))["TrainingJobStatus"] == "Completed"


def test_an_image_that_nobody_knows(sagemaker):
    found = finished(sagemaker, fm_job("fm", image="somebody/else:1"))
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith(
        "ClientError: Cannot pull algorithm container. Either the image does not"
    )
    assert found["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Training job failed"


def test_a_hyperparameter_that_means_nothing(sagemaker, objects):
    found = finished(sagemaker, fm_job("fm", hyperparameters={"num_factors": "zero"}))
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: ")
    assert "num_factors" in found["FailureReason"]
    assert found["FailureReason"].endswith("exit code: 2")
    assert "ModelArtifacts" not in found
    assert [each.key for each in objects.list(BUCKET, "out/").objects] == []


def test_data_that_is_not_there(sagemaker):
    found = finished(sagemaker, fm_job("fm", channels=[channel("train", f"s3://{BUCKET}/nothing")]))
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith(
        f'ClientError: Data download failed: No S3 objects found under S3 URL "s3://{BUCKET}/nothing"'
    )
    assert [step["Status"] for step in found["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Failed",
    ]


def test_logs_and_metrics_of_a_job(sagemaker, local_service):
    found = finished(sagemaker, fm_job("fm"))
    logs = local_service.client("logs")
    streams = logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix="fm/", orderBy="LogStreamName", limit=1
    )
    name = streams["logStreams"][0]["logStreamName"]
    assert name == f"fm/algo-1-{int(found['CreationTime'].timestamp())}"
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True)["events"]
    assert "Final configuration" in events[2]["message"]
    watch = local_service.client("cloudwatch")
    asked = {
        "Namespace": GROUP, "MetricName": "train:progress", "Period": 60, "Statistics": ["Maximum", "SampleCount"],
        "Dimensions": [{"Name": "TrainingJobName", "Value": "fm"}],
        "StartTime": found["TrainingStartTime"], "EndTime": found["TrainingEndTime"].timestamp() + 60,
    }  # fmt: skip
    points = watch.get_metric_statistics(**asked)["Datapoints"]
    assert max(point["Maximum"] for point in points) == 100
    assert sum(point["SampleCount"] for point in points) == 2


def test_a_name_that_is_taken(sagemaker):
    finished(sagemaker, fm_job("fm"))
    with pytest.raises(
        ClientError, match="Training job names must be unique within an AWS account"
    ) as caught:
        sagemaker.create_training_job(**fm_job("fm"))
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"


def test_a_job_that_is_not_there(sagemaker):
    for call in (sagemaker.describe_training_job, sagemaker.stop_training_job, sagemaker.delete_training_job):
        with pytest.raises(ClientError, match="Requested resource not found") as caught:
            call(TrainingJobName="nobody")
        assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_the_waiter_is_content_at_its_first_look(sagemaker):
    sagemaker.create_training_job(**fm_job("fm"))
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="fm", WaiterConfig={"MaxAttempts": 1})


def test_jobs_are_listed_page_by_page(sagemaker):
    for name in ("one", "two", "three"):
        finished(sagemaker, fm_job(name, image="nobody"))
    pages = sagemaker.get_paginator("list_training_jobs").paginate(PaginationConfig={"PageSize": 2})
    found = [job for page in pages for job in page["TrainingJobSummaries"]]
    assert [job["TrainingJobName"] for job in found] == ["one", "two", "three"]
    assert all(job["TrainingJobStatus"] == "Failed" and job["TrainingEndTime"] for job in found)
    names = sagemaker.list_training_jobs(
        NameContains="t", SortBy="Name", SortOrder="Descending", StatusEquals="Failed"
    )
    assert [job["TrainingJobName"] for job in names["TrainingJobSummaries"]] == ["two", "three"]
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.list_training_jobs(NextToken="nonsense")


def test_a_deleted_job_leaves_its_name_and_its_logs(sagemaker, local_service):
    finished(sagemaker, fm_job("fm"))
    sagemaker.delete_training_job(TrainingJobName="fm")
    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="fm")
    assert finished(sagemaker, fm_job("fm"))["TrainingJobStatus"] == "Completed"
    assert local_service.client("logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="fm/")[
        "logStreams"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "exactly one of TrainingImage and AlgorithmName"),
        ({"InputDataConfig": [channel("a"), channel("a")]}, "Channel names must be unique"),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 8},
            },
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds.",
        ),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"OutputDataConfig": {"S3OutputPath": "https://bucket/x"}}, "must be an address such as s3://bucket/prefix"),
        (
            {"InputDataConfig": [channel("a", s3={"S3DataType": "AugmentedManifestFile"})]},
            "AttributeNames must be specified",
        ),
        (
            {"InputDataConfig": [channel("a", s3={"S3DataType": "AugmentedManifestFile", "AttributeNames": ["x"]})]},
            "must be read in input mode Pipe",
        ),
        ({"TrainingJobName": "../x"}, "failed to satisfy constraint"),
        ({"TrainingJobName": "a" * 64}, "Member must have length less than or equal to 63"),
        ({"RoleArn": "nobody" * 5}, "failed to satisfy constraint"),
    ],
)  # fmt: skip
def test_requests_that_can_never_run(sagemaker, changes, message):
    with pytest.raises(ClientError, match="ValidationException") as caught:
        sagemaker.create_training_job(**fm_job("fm") | changes)
    assert message in str(caught.value)


def test_the_request_of_a_recorded_client(sagemaker):
    """As sagemaker 2.257.7 sends it for an Estimator with everything set."""
    request = fm_job("recorded") | {
        "ResourceConfig": {
            "VolumeSizeInGB": 30, "VolumeKmsKeyId": "k", "KeepAlivePeriodInSeconds": 60, "InstanceCount": 1,
            "InstanceType": "ml.c5.xlarge",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "Environment": {"A": "b"}, "Tags": [{"Key": "a", "Value": "b"}],
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "EnableNetworkIsolation": True, "EnableInterContainerTrafficEncryption": True,
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/ck"},
        "DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/", "CollectionConfigurations": []},
        "ProfilerConfig": {"S3OutputPath": f"s3://{BUCKET}/", "DisableProfiler": False},
        "DebugRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}],
    }  # fmt: skip
    found = finished(sagemaker, request)
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    assert found["VpcConfig"] == request["VpcConfig"]
    assert found["Environment"] == {"A": "b"}
    assert found["EnableManagedSpotTraining"] is found["EnableNetworkIsolation"] is True
    assert found["DebugRuleEvaluationStatuses"][0]["RuleConfigurationName"] == "r"
    assert found["CheckpointConfig"] == request["CheckpointConfig"]
