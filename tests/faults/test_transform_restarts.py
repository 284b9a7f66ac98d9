"""The service is killed at every step of a transform job: the job ends as if it had not been."""

import time
from contextlib import suppress

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from service_process import service_on

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.object_storage import FolderStore
from pairloom.synthetic import planted_ratings

BUCKET = "data"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
ROWS = b'{"data":{"features":{"keys":[%d,%d],"shape":[50],"values":[1,1]}}}\n'
STEPS = ("created", "attempt-named", "launched", "ended", "uploaded")


@pytest.fixture
def store_folder(tmp_path):
    rows = planted_ratings(30, 20, 600, noise=0.4).rows()
    asked = {"num_factors": "2", "predictor_type": "regressor", "feature_dim": "50"}
    machine = FactorizationMachines(asked).fit({"train": lambda: iter([rows])})
    save_artifact(Artifact("factorization-machines", machine), tmp_path / "model.tar.gz")
    (tmp_path / "data").mkdir(mode=0o700)
    store = FolderStore(tmp_path / "data" / "objects")
    store.create_bucket(BUCKET)
    store.put(BUCKET, "model.tar.gz", tmp_path / "model.tar.gz")
    for number in range(3):
        store.put(
            BUCKET, f"rows/{number}.jsonl", b"".join(ROWS % (user, 31 + user) for user in range(number + 1))
        )
    store.close()
    return tmp_path / "data"


@pytest.mark.parametrize(
    "step",
    [step if step == "launched" else pytest.param(step, marks=pytest.mark.slow) for step in STEPS],
)
def test_a_kill_at_every_step(step, store_folder):
    with service_on(store_folder) as process:
        process.start()
        sagemaker = process.client("sagemaker")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        sagemaker.create_model(ModelName="m", PrimaryContainer=container)
        process.kill()
        process.start(fault=f"transform-job.{step}")
        given = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows/"}
        with suppress(
            ConnectionClosedError, EndpointConnectionError
        ):  # it may be killed before it can answer
            process.client("sagemaker").create_transform_job(
                TransformJobName="job",
                ModelName="m",
                TransformInput={
                    "DataSource": {"S3DataSource": given}, "ContentType": "application/jsonlines", "SplitType": "Line",
                },
                TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers"},
                TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while process.alive:
            assert time.monotonic() < deadline, "it must be killed at the fault point"
            time.sleep(0.02)
        process.start()
        sagemaker = process.client("sagemaker", read_timeout=60)
        while True:
            told = sagemaker.describe_transform_job(TransformJobName="job")
            if told["TransformJobStatus"] != "InProgress":
                break
            assert time.monotonic() < deadline, told
        assert told["TransformJobStatus"] == "Completed", told
        process.stop()
        process.no_process_is_left()
    store = FolderStore(store_folder / "objects")
    counts = [
        len(store.open(BUCKET, f"answers/{number}.jsonl.out").read().splitlines()) for number in range(3)
    ]
    store.close()
    assert counts == [1, 2, 3]
