"""The service is killed and started again: endpoints answer by themselves, and nothing is left over."""

import json
import time

import pytest
from service_process import service_on

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.object_storage import FolderStore
from pairloom.synthetic import planted_ratings

FM, BUCKET = "factorization-machines", "models"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
ONE = b'{"instances":[{"data":{"features":{"keys":[1,37],"shape":[50],"values":[1,1]}}}]}'


def model_bytes(path, predictor_type):
    rows = planted_ratings(30, 20, 600, noise=0.4).rows()
    if predictor_type != "regressor":
        rows.labels[:] = rows.labels > rows.labels.mean()
    asked = {"num_factors": "2", "predictor_type": predictor_type, "feature_dim": "50"}
    save_artifact(Artifact(FM, FactorizationMachines(asked).fit({"train": lambda: iter([rows])})), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def stored_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "regressor": model_bytes(folder / "a", "regressor"),
        "classifier": model_bytes(folder / "b", "binary_classifier"),
        "broken": b"no model",
    }


class Outside:
    """boto3 over a service in a process of its own."""

    def __init__(self, process, models):
        self.process = process
        store = FolderStore(process.folder / "objects")
        store.create_bucket(BUCKET)
        for name, content in models.items():
            store.put(BUCKET, f"{name}/model.tar.gz", content)
        store.close()
        self.again()
        for name in models:
            container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz"}
            self.sagemaker.create_model(ModelName=name, PrimaryContainer=container)
            variant = {
                "VariantName": "v1",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
            self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def again(self):
        self.process.start()
        self.sagemaker, self.runtime = (
            self.process.client("sagemaker"),
            self.process.client("sagemaker-runtime"),
        )

    def settled(self, name="one"):
        deadline = time.monotonic() + 60
        while True:
            told = self.sagemaker.describe_endpoint(EndpointName=name)
            if told["EndpointStatus"] in ("InService", "Failed"):
                return told
            assert time.monotonic() < deadline, told

    def answer(self):
        answer = self.runtime.invoke_endpoint(EndpointName="one", Body=ONE, ContentType="application/json")
        return json.loads(answer["Body"].read())["predictions"][0]


@pytest.fixture
def outside(tmp_path, stored_models):
    with service_on(tmp_path / "data") as process:
        yield Outside(process, stored_models)


def test_an_endpoint_answers_again_after_a_kill(outside):
    outside.sagemaker.create_endpoint(EndpointName="one", EndpointConfigName="regressor")
    assert outside.settled()["EndpointStatus"] == "InService"
    score = outside.answer()
    outside.process.kill()
    outside.process.no_process_is_left()
    outside.again()
    assert outside.answer() == score
    outside.process.stop()
    outside.process.no_process_is_left()
    outside.again()
    assert outside.answer() == score
    outside.sagemaker.delete_endpoint(EndpointName="one")


@pytest.mark.parametrize(
    "fault",
    [
        "endpoint.exchanged",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("endpoint.started", "endpoint.update-failed", "endpoint.ended")
        ),
    ],
)
def test_a_kill_at_every_step_ends_as_if_it_had_not_been(fault, outside):
    outside.sagemaker.create_endpoint(EndpointName="one", EndpointConfigName="regressor")
    assert outside.settled()["EndpointStatus"] == "InService"
    outside.process.kill()
    outside.process.start(fault=fault)
    outside.sagemaker = outside.process.client("sagemaker", read_timeout=60)
    if fault == "endpoint.started":
        outside.sagemaker.create_endpoint(EndpointName="two", EndpointConfigName="regressor")
    elif fault == "endpoint.ended":
        outside.sagemaker.delete_endpoint(EndpointName="one")
    else:
        config = "classifier" if fault == "endpoint.exchanged" else "broken"
        outside.sagemaker.update_endpoint(EndpointName="one", EndpointConfigName=config)
    deadline = time.monotonic() + 60
    while outside.process.alive:
        assert time.monotonic() < deadline, "it must be killed at the fault point"
        time.sleep(0.02)
    outside.process.no_process_is_left()
    outside.again()
    if fault == "endpoint.ended":
        waiter = outside.sagemaker.get_waiter("endpoint_deleted")
        waiter.wait(EndpointName="one", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        return
    told = outside.settled("two" if fault == "endpoint.started" else "one")
    assert told["EndpointStatus"] == "InService"
    assert ("predicted_label" in outside.answer()) is (fault == "endpoint.exchanged")
    assert ("FailureReason" in told) is (fault == "endpoint.update-failed")


def test_an_asynchronous_request_is_answered_whatever_happens(outside):
    where = {"S3OutputPath": f"s3://{BUCKET}/answers", "S3FailurePath": f"s3://{BUCKET}/failures"}
    variant = {
        "VariantName": "v1",
        "ModelName": "regressor",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
    }
    outside.sagemaker.create_endpoint_config(
        EndpointConfigName="async", ProductionVariants=[variant], AsyncInferenceConfig={"OutputConfig": where}
    )
    outside.sagemaker.create_endpoint(EndpointName="one", EndpointConfigName="async")
    assert outside.settled()["EndpointStatus"] == "InService"
    outside.process.client("s3").put_object(Bucket=BUCKET, Key="asked", Body=ONE)
    outside.process.kill()
    outside.process.start(fault="async-invocation.answered")
    told = outside.process.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName="one", InputLocation=f"s3://{BUCKET}/asked", ContentType="application/json"
    )
    deadline = time.monotonic() + 60
    while outside.process.alive:
        assert time.monotonic() < deadline, "it must be killed at the fault point"
        time.sleep(0.02)
    outside.again()
    outside.answer()  # it is up again
    outside.process.stop()
    store = FolderStore(outside.process.folder / "objects")
    answer = store.open(BUCKET, told["OutputLocation"].removeprefix(f"s3://{BUCKET}/")).read()
    store.close()
    assert "score" in json.loads(answer)["predictions"][0]
