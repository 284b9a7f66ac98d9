"""What clients do while the service is killed, and what must hold afterwards."""

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from botocore import exceptions
from botocore.exceptions import ClientError
from service_process import lines_of

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.synthetic import planted_ratings

ROLE = "arn:aws:iam::000000000000:role/PairloomExecutionRole"
FM_IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
BUCKET = "films"
ONE = b'{"instances":[{"data":{"features":{"keys":[1,37],"shape":[50],"values":[1,1]}}}]}'
GONE = (exceptions.ConnectionError, exceptions.HTTPClientError)
"""How botocore says that nobody answers any more."""
TAKEN = ("ResourceInUse", "already exist", "BucketAlreadyOwnedByYou")


def settings_for(outside):
    """Settings in which the image `counted` appends to a file outside of the data folder."""
    program = Path(__file__).with_name("counted_job.py")
    command = json.dumps([sys.executable, "-S", str(program), str(outside)])
    return f"n_slots = 2\ndescribe_hold_s = 0.5\n[images]\ncounted = {command}\n"


def save_model(path):
    rows = planted_ratings(30, 20, 600, noise=0.4).rows()
    hyperparameters = {"num_factors": "2", "predictor_type": "regressor", "feature_dim": str(rows.n_features)}
    model = FactorizationMachines(hyperparameters).fit({"train": lambda: iter([rows])})
    save_artifact(Artifact("factorization-machines", model), path)


class Workload:
    """Requests to a service, and what of them was acknowledged.

    Every method can be repeated after the service was killed within it: what exists by then was made by the request
    that got no answer.
    """

    def __init__(self, service, outside):
        self.service, self.outside = service, outside
        self.asked, self.jobs, self.objects, self.endpoints, self.tags = set(), {}, {}, set(), {}
        self.may_begin_twice, self.stopped_jobs = set(), set()

    def client(self, name):
        return self.service.client(name)

    def make(self, request, **names):
        """Make something that may have been made by an earlier attempt at the same."""
        key = (request.__name__, *sorted(map(str, names.values())))
        try:
            request()
        except ClientError as error:
            if key not in self.asked or not any(word in str(error) for word in TAKEN):
                raise
        except GONE:
            self.asked.add(key)
            raise

    def put(self, key, content):
        client = self.client("s3")
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=BUCKET)
        self.objects.setdefault(key, [None]).append(content)
        client.put_object(Bucket=BUCKET, Key=key, Body=content)
        self.objects[key] = [content]

    def create_job(self, name, seconds=0.0, **more):
        def create_training_job():
            self.client("sagemaker").create_training_job(
                TrainingJobName=name,
                AlgorithmSpecification={"TrainingImage": "counted", "TrainingInputMode": "File"},
                RoleArn=ROLE,
                HyperParameters={"seconds": str(seconds)},
                OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
                ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                StoppingCondition={"MaxRuntimeInSeconds": 600},
                Tags=[{"Key": "made-for", "Value": name}],
                **more,
            )

        self.jobs.setdefault(name, False)
        self.make(create_training_job, name=name)
        self.jobs[name] = True

    def wait_for_job(self, name, wanted="Completed"):
        told = self.until(lambda: self.finished(name), 120)
        assert told["TrainingJobStatus"] == wanted, told
        return told

    def stop_job(self, name):
        self.stopped_jobs.add(name)
        self.until(lambda: self.begun(name))
        told = self.client("sagemaker").describe_training_job(TrainingJobName=name)
        if told["TrainingJobStatus"] == "InProgress":
            self.client("sagemaker").stop_training_job(TrainingJobName=name)

    def finished(self, name):
        told = self.client("sagemaker").describe_training_job(TrainingJobName=name)
        return told if told["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

    def begun(self, name):
        return [
            line["pid"] for line in lines_of(self.outside) if line["job"] == name and line["what"] == "begin"
        ]

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self.service.log.read_text()
            time.sleep(0.05)
        return found

    def deploy(self, name, model_key, **more):
        """Make model, configuration and endpoint of one name."""
        client = self.client("sagemaker")

        def create_model():
            container = {"Image": FM_IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{model_key}"}
            client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

        def create_config():
            variant = {
                "VariantName": "v",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
            client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)

        self.make(create_model, name=name)
        self.make(create_config, name=name)

    def create_endpoint(self, name, config):
        def create_endpoint():
            self.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)

        self.make(create_endpoint, name=name)
        self.endpoints.add(name)

    def endpoint_is(self, name, status, config=None):
        def settled():
            told = self.client("sagemaker").describe_endpoint(EndpointName=name)
            busy = told["EndpointStatus"] in ("Creating", "Updating", "RollingBack", "Deleting")
            return None if busy else told

        told = self.until(settled)
        assert told["EndpointStatus"] == status, told
        assert config in (None, told["EndpointConfigName"]), told

    def invoke(self, name):
        """Ask an endpoint until it answers; it does so by itself after a restart, within some seconds."""

        def answer():
            try:
                told = self.client("sagemaker-runtime").invoke_endpoint(
                    EndpointName=name, Body=ONE, ContentType="application/json"
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (424, 429, 500, 503):
                    return None
                raise
            return json.loads(told["Body"].read())

        (prediction,) = self.until(answer, 30)["predictions"]
        assert 0 < prediction["score"] < 10

    def kill_job(self, name):
        """Kill the newest program of a job, and the shim that started it."""
        pid = self.until(lambda: self.begun(name))[-1]
        with contextlib.suppress(ProcessLookupError, FileNotFoundError, IndexError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if b"pairloom.jobs.shim" in Path(f"/proc/{parent}/cmdline").read_bytes():
                os.kill(parent, signal.SIGKILL)

    def listed(self, **more):
        """Summaries of all training jobs."""
        pages = self.client("sagemaker").get_paginator("list_training_jobs").paginate(**more)
        return [job for page in pages for job in page["TrainingJobSummaries"]]

    def check_acknowledged(self):
        """Whatever was acknowledged is there, as far as it has come."""
        sagemaker, s3 = self.client("sagemaker"), self.client("s3")
        listed = {job["TrainingJobName"]: job for job in self.listed()}
        for name, acknowledged in self.jobs.items():
            assert name in listed or not acknowledged, f"{name} was acknowledged, and is lost"
            if name in listed:
                told = sagemaker.list_tags(ResourceArn=listed[name]["TrainingJobArn"])["Tags"]
                assert told == [{"Key": "made-for", "Value": name}]
        for key, contents in self.objects.items():
            try:
                found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                found = None
            assert found in contents, key
        for name in self.endpoints:
            sagemaker.describe_endpoint(EndpointName=name)

    def check_end(self):
        """Nothing stays unfinished, no job ran twice, every endpoint answers; then an orderly end leaves no process."""
        self.check_acknowledged()
        sagemaker = self.client("sagemaker")

        def all_have_ended():
            return not [*self.listed(StatusEquals="InProgress"), *self.listed(StatusEquals="Stopping")]

        self.until(all_have_ended, 180)
        pages = sagemaker.get_paginator("list_training_jobs").paginate(MaxResults=100)
        statuses = {
            job["TrainingJobName"]: job["TrainingJobStatus"]
            for page in pages
            for job in page["TrainingJobSummaries"]
        }
        counts = Counter((line["job"], line["what"]) for line in lines_of(self.outside))
        for name, status in statuses.items():
            if name in self.may_begin_twice:
                continue
            told = sagemaker.describe_training_job(TrainingJobName=name)
            was_stopped = name in self.stopped_jobs
            assert status == ("Stopped" if was_stopped else "Completed"), told
            assert (counts[name, "begin"], counts[name, "end"]) == (1, 0 if was_stopped else 1), told
        assert {name for name, _ in counts} <= statuses.keys()
        for name in self.endpoints:
            self.endpoint_is(name, "InService")
            self.invoke(name)
        self.service.stop()
        self.service.no_process_is_left()
