"""What goes on beside requests: capture, metrics, logs, scaling, asynchronous answers."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hosted_clients import BUCKET, IMAGE, ONE, until

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}
VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/one/variant/v1",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def tracking(target, **more):
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {"TargetValue": target, "PredefinedMetricSpecification": metric, **more}


def test_requests_and_answers_are_captured(quick_hosting):
    hosting = quick_hosting
    told = hosting.deploy("one", "regressor", DataCaptureConfig=CAPTURE)
    assert told["DataCaptureConfig"]["CaptureStatus"] == "Started"
    hosting.ask("one", InferenceId="id-1", CustomAttributes="a=b")
    (key,) = until(lambda: list(hosting.texts(BUCKET, "captured/")))
    assert key.startswith(datetime.now(UTC).strftime("captured/one/v1/%Y/%m/%d/"))
    (line,) = hosting.texts(BUCKET, "captured/")[key].splitlines()
    record = json.loads(line)
    assert record["captureData"]["endpointInput"]["data"] == ONE.decode()
    assert record["captureData"]["endpointOutput"]["encoding"] == "JSON"
    assert "score" in json.loads(record["captureData"]["endpointOutput"]["data"])["predictions"][0]
    assert record["eventMetadata"]["inferenceId"] == "id-1"
    assert record["eventVersion"] == "0"
    hosting.ask("one")
    hosting.sagemaker.delete_endpoint(EndpointName="one")
    until(lambda: len(hosting.texts(BUCKET, "captured/")) == 2)


def test_invocations_are_counted_as_metrics(quick_hosting, request):
    hosting = quick_hosting
    hosting.deploy("one", "regressor")
    for _ in range(5):
        hosting.ask("one")
    with pytest.raises(ClientError):
        hosting.ask("one", b"{")
    cloudwatch = hosting.client("cloudwatch")
    now = datetime.now(UTC)

    def total(name, statistic="Sum"):
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "one"}, {"Name": "VariantName", "Value": "v1"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=600,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)

    until(lambda: total("Invocations") == 6)
    assert total("Invocation4XXErrors") == 1
    assert total("Invocation5XXErrors") == 0
    assert total("ModelLatency", "SampleCount") == 6
    assert 0 < total("ModelLatency", "Maximum") < 60e6


def test_what_workers_say_is_a_log(hosting):
    hosting.model("broken")
    hosting.config("one", "broken")
    hosting.endpoint("one")
    hosting.deploy("two", "regressor")
    pool = hosting.service.endpoints.get("two").deployment.variants["v1"].pool
    pool.plan.on_log("worker-1", b"said")
    streams = hosting.client("logs").describe_log_streams(logGroupName="/aws/sagemaker/Endpoints/two")[
        "logStreams"
    ]
    assert [each["logStreamName"] for each in streams] == ["v1/worker-1"]
    events = hosting.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/Endpoints/two", logStreamName="v1/worker-1", startFromHead=True
    )["events"]
    assert [each["message"] for each in events] == ["said"]


def test_workers_follow_the_load(quick_hosting):
    hosting = quick_hosting
    hosting.deploy("one", "regressor")
    scaling = hosting.client("application-autoscaling")
    scaling.register_scalable_target(**VARIANT, MinCapacity=1, MaxCapacity=2)
    policy = tracking(60.0, ScaleOutCooldown=0, ScaleInCooldown=0)
    arn = scaling.put_scaling_policy(
        **VARIANT,
        PolicyName="load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=policy,
    )["PolicyARN"]
    (told,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert (told["PolicyARN"], told["TargetTrackingScalingPolicyConfiguration"]) == (arn, policy)

    def n_workers():
        (variant,) = hosting.settled("one")["ProductionVariants"]
        return variant["CurrentInstanceCount"]

    end = time.monotonic() + 40
    while n_workers() == 1:
        assert time.monotonic() < end
        for _ in range(10):
            hosting.ask("one")
    until(lambda: n_workers() == 1)  # nobody asks any more
    activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert [each["Description"][-2:] for each in activities] == ["1.", "2."]
    scaling.delete_scaling_policy(**VARIANT, PolicyName="load")
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    scaling.deregister_scalable_target(**VARIANT)
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_what_cannot_be_scaled_is_refused(hosting):
    scaling = hosting.client("application-autoscaling")

    def refused(call, **values):
        with pytest.raises(ClientError) as caught:
            call(**values)
        return caught.value.response["Error"]["Code"]

    assert (
        refused(scaling.register_scalable_target, **VARIANT, MinCapacity=1, MaxCapacity=2)
        == "ValidationException"
    )
    hosting.deploy("one", "regressor")
    assert (
        refused(scaling.register_scalable_target, **VARIANT, MinCapacity=3, MaxCapacity=2)
        == "ValidationException"
    )
    elsewhere = VARIANT | {"ResourceId": "endpoint/one"}
    assert (
        refused(scaling.register_scalable_target, **elsewhere, MinCapacity=1, MaxCapacity=2)
        == "ValidationException"
    )
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    put = scaling.put_scaling_policy
    asked = {"TargetTrackingScalingPolicyConfiguration": tracking(1.0)}
    assert refused(put, **VARIANT, **policy, **asked) == "ObjectNotFoundException"
    scaling.register_scalable_target(**VARIANT, MinCapacity=1, MaxCapacity=2)
    asked = {"TargetTrackingScalingPolicyConfiguration": tracking(0.0)}
    assert refused(put, **VARIANT, **policy, **asked) == "ValidationException"
    assert refused(scaling.delete_scaling_policy, **VARIANT, PolicyName="p") == "ObjectNotFoundException"


def test_asynchronous_answers_and_failures_are_objects(hosting):
    output = {"S3OutputPath": f"s3://{BUCKET}/answers", "S3FailurePath": f"s3://{BUCKET}/failures"}
    hosting.deploy("one", "regressor", AsyncInferenceConfig={"OutputConfig": output})
    hosting.objects.put(BUCKET, "asked/one.json", ONE)
    hosting.objects.put(BUCKET, "asked/bad.json", b"{")

    def ask(key, **more):
        return hosting.runtime.invoke_endpoint_async(
            EndpointName="one", InputLocation=f"s3://{BUCKET}/{key}", ContentType="application/json", **more
        )

    told = ask("asked/one.json", InferenceId="mine")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert told["InferenceId"] == "mine"
    key = told["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    body = until(lambda: hosting.texts(BUCKET, "answers/").get(key))
    assert "score" in json.loads(body)["predictions"][0]
    for asked, said in (("asked/bad.json", b"(400)"), ("asked/none.json", b"does not exist")):
        told = ask(asked)
        key = told["FailureLocation"].removeprefix(f"s3://{BUCKET}/")
        assert said in until(lambda key=key: hosting.texts(BUCKET, "failures/").get(key))
    with hosting.service.database.snapshot() as t:
        assert t.count("async-invocation") == 0
    with pytest.raises(ClientError, match="InputLocation"):
        hosting.runtime.invoke_endpoint_async(EndpointName="one", InputLocation="https://elsewhere")


def test_an_endpoint_without_a_place_for_answers_takes_no_asynchronous_requests(hosting):
    hosting.deploy("one", "regressor")
    with pytest.raises(ClientError, match="AsyncInferenceConfig") as caught:
        hosting.runtime.invoke_endpoint_async(EndpointName="one", InputLocation=f"s3://{BUCKET}/x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_model_of_loose_files_is_served(hosting):
    import tarfile
    from io import BytesIO

    with tarfile.open(
        fileobj=BytesIO(hosting.objects.open(BUCKET, "regressor/model.tar.gz").read())
    ) as archive:
        for member in archive.getmembers():
            hosting.objects.put(BUCKET, f"loose/{member.name}", archive.extractfile(member).read())
    source = {"S3Uri": f"s3://{BUCKET}/loose/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    hosting.sagemaker.create_model(
        ModelName="loose",
        PrimaryContainer={"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}},
    )
    hosting.config("loose", "loose")
    assert hosting.endpoint("loose")["EndpointStatus"] == "InService"
    assert "score" in hosting.score("loose")
