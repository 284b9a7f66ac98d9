"""Tours through what the service does: lists of steps that can be repeated. Together they pass every fault point."""

import contextlib

from workload import BUCKET, ONE, save_model


def put_model(work):
    path = work.outside.with_name("model.tar.gz")
    if not path.exists():
        save_model(path)
    work.put("model.tar.gz", path.read_bytes())
    work.put("broken.tar.gz", b"no model")


JOBS = [
    lambda work: work.put("data", b"1,2,3\n" * 1000),
    lambda work: work.create_job("short"),
    lambda work: work.create_job("longer", seconds=1.0),
    lambda work: work.wait_for_job("short"),
    lambda work: work.wait_for_job("longer"),
]


STOPPED_JOB = [
    lambda work: work.put("data", b"1,2,3\n"),
    lambda work: work.create_job("stopped", seconds=600.0),
    lambda work: work.stop_job("stopped"),
    lambda work: work.wait_for_job("stopped", "Stopped"),
]


def create_resumable_job(work):
    work.may_begin_twice.add("resumed")
    work.create_job("resumed", seconds=1.0, CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"})


INTERRUPTED_JOB = [
    lambda work: work.put("data", b"1,2,3\n"),
    create_resumable_job,
    lambda work: work.kill_job("resumed"),
    lambda work: work.wait_for_job("resumed"),
]


def update_endpoint(config):
    def update(work):
        work.endpoint_is("films", "InService")
        told = work.client("sagemaker").describe_endpoint(EndpointName="films")
        if told["EndpointConfigName"] != config:
            work.client("sagemaker").update_endpoint(EndpointName="films", EndpointConfigName=config)

    return update


def fail_to_update(work):
    update_endpoint("broken")(work)
    work.endpoint_is("films", "InService", "good")


def delete_endpoint(work):
    work.endpoints.discard("films")
    client = work.client("sagemaker")
    with contextlib.suppress(client.exceptions.ClientError):
        client.delete_endpoint(EndpointName="films")
    work.until(lambda: not client.list_endpoints()["Endpoints"])


ENDPOINT = [
    put_model,
    lambda work: work.deploy("good", "model.tar.gz"),
    lambda work: work.deploy("better", "model.tar.gz"),
    lambda work: work.deploy("broken", "broken.tar.gz"),
    lambda work: work.create_endpoint("films", "good"),
    lambda work: work.endpoint_is("films", "InService", "good"),
    lambda work: work.invoke("films"),
    fail_to_update,
    lambda work: work.invoke("films"),
    update_endpoint("better"),
    lambda work: work.endpoint_is("films", "InService", "better"),
    lambda work: work.invoke("films"),
    delete_endpoint,
]


def deploy_asynchronous(work):
    work.deploy(
        "later",
        "model.tar.gz",
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/answers"}},
    )


def ask_for_later(work):
    """Each attempt at the request is one of its own; the last one is acknowledged."""
    asked = {
        "EndpointName": "later",
        "InputLocation": f"s3://{BUCKET}/question",
        "ContentType": "application/json",
    }
    work.answer_at = work.client("sagemaker-runtime").invoke_endpoint_async(**asked)["OutputLocation"]


def answer_has_come(work):
    key = work.answer_at.removeprefix(f"s3://{BUCKET}/")
    listed = work.until(lambda: work.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"))
    assert [found["Key"] for found in listed] == [key]


ASYNCHRONOUS = [
    put_model,
    lambda work: work.put("question", ONE),
    deploy_asynchronous,
    lambda work: work.create_endpoint("later", "later"),
    lambda work: work.endpoint_is("later", "InService"),
    ask_for_later,
    answer_has_come,
]

TOURS = {
    "database.written:7": JOBS,
    "database.committed:7": JOBS,
    "object.written:2": JOBS,
    "object.named:2": JOBS,
    "training-job.interrupted": INTERRUPTED_JOB,
    "training-job.stop-asked": STOPPED_JOB,
    "training-job": JOBS,
    "endpoint": ENDPOINT,
    "async-invocation": ASYNCHRONOUS,
}


def tour_of(point):
    """Return the fault to set for a point, and the tour that passes it."""
    for name, tour in TOURS.items():
        if name.partition(":")[0] == point:
            return name, tour
    return point, TOURS[point.partition(".")[0]]
