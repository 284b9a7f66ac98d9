"""Models in the object store of a service, and endpoints over them, with boto3's clients."""

import io
import json
import os
import time
from pathlib import Path

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.synthetic import planted_ratings

FM = "factorization-machines"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
ROLE = "arn:aws:iam::000000000000:role/PairloomExecutionRole"
BUCKET = "models"
ONE = b'{"instances":[{"data":{"features":{"keys":[1,37],"shape":[50],"values":[1,1]}}}]}'


def model_bytes(path, predictor_type="regressor"):
    rows = planted_ratings(30, 20, 600, noise=0.4).rows()
    if predictor_type != "regressor":
        rows.labels[:] = rows.labels > rows.labels.mean()
    hyperparameters = {
        "num_factors": "2", "predictor_type": predictor_type, "feature_dim": str(rows.n_features), "epochs": "1",
    }  # fmt: skip
    save_artifact(
        Artifact(FM, FactorizationMachines(hyperparameters).fit({"train": lambda: iter([rows])})), path
    )
    return path.read_bytes()


class Hosting:
    """boto3 over a service whose bucket "models" holds regressor, classifier and broken models."""

    def __init__(self, local_service, models):
        self.service, self.client = local_service.application.service, local_service.client
        self.sagemaker = local_service.client("sagemaker")
        self.runtime = local_service.client("sagemaker-runtime")
        self.objects = self.service.objects
        if BUCKET not in [bucket.name for bucket in self.objects.buckets()]:
            self.objects.create_bucket(BUCKET)
        for name, content in models.items():
            self.objects.put(BUCKET, f"{name}/model.tar.gz", content)

    def model(self, name, data=None, image=IMAGE, **more):
        container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{data or name}/model.tar.gz"} | more
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

    def config(self, name, *variants, **more):
        """Variants are model names, or dicts."""
        made = [
            {
                "VariantName": f"v{number}",
                "ModelName": each,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
            if isinstance(each, str)
            else {"InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"} | each
            for number, each in enumerate(variants, 1)
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=made, **more)

    def endpoint(self, name, config=None):
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config or name)
        return self.settled(name)

    def settled(self, name, seconds=60.0):
        deadline = time.monotonic() + seconds
        while True:
            told = self.sagemaker.describe_endpoint(EndpointName=name)
            if told["EndpointStatus"] in ("InService", "Failed"):
                return told
            assert time.monotonic() < deadline, told

    def deploy(self, name, *models, **more):
        """One variant for each model, all of weight 1."""
        for model in models:
            self.model(model)
        self.config(name, *models, **more)
        told = self.endpoint(name)
        assert told["EndpointStatus"] == "InService", told
        return told

    def ask(self, endpoint, body=ONE, content_type="application/json", **more):
        return self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, **more
        )

    def score(self, endpoint, **more):
        return json.loads(self.ask(endpoint, **more)["Body"].read())["predictions"][0]

    def texts(self, bucket, prefix=""):
        listed = self.objects.list(bucket, prefix).objects
        return {
            each.key: io.BytesIO(self.objects.open(bucket, each.key).read()).getvalue() for each in listed
        }


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
    return found


def own_workers(parent=None):
    """Process ids of workers that are children of this process, or of another."""
    children = Path(f"/proc/{parent or os.getpid()}/task").glob("*/children")
    pids = {int(pid) for each in children for pid in each.read_text().split()}
    return [pid for pid in pids if b"pairloom.serving.worker" in _command(pid)]


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
