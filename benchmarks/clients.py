"""Unmodified clients on the service: the notebook of 2018 by its own SDK, and many clients that wait at once.

./go bench clients

The SDK's environment is made as the tests make it, in build/clients.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from pairloom.client_environment import RunningService, service_for_a_while
from pairloom.formats import write_rows
from pairloom.synthetic import planted_ratings
from support.datasets import data_folder, has_data
from support.machine import describe

TESTS = Path(__file__).parents[1] / "tests"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
BUCKET = "benchmark"
ASKED = {"predictor_type": "regressor", "num_factors": "4", "epochs": "2", "feature_dim": "300"}


def resident_mb(data: Path) -> float:
    """Memory of the service's process, in MB."""
    pid = json.loads((data / "service.json").read_text())["pid"]
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def notebook(data: Path, folder: Path) -> dict[str, Any]:
    """Run the notebook of 2018 with SDK 1.72.1; return what it says of itself."""
    sys.path.insert(0, str(TESTS))
    from client_environments import PROGRAMS, client_environment

    python = client_environment("sagemaker-1") / "bin" / "python"
    words = [sys.executable, "-m", "pairloom", "run", "--data", str(data), "--python", str(python)]
    words += [
        str(PROGRAMS / "movie_recommender.py"),
        str(data_folder() / "movielens-100k"),
        str(folder / "model.tar.gz"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def waiting_clients(service: RunningService, n_clients: int) -> tuple[float, Counter[str]]:
    """Create a job a client, all at once, each then in boto3's waiter as it comes; seconds, and how each ended."""
    session = boto3.Session(service.access_key_id, service.secret_access_key, region_name=service.region)
    clients = [session.client("sagemaker", endpoint_url=service.url) for _ in range(n_clients)]
    where = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/"}
    recordio = "application/x-recordio-protobuf"

    def one(i: int) -> str:
        job = f"waited-for-{i}"
        try:
            clients[i].create_training_job(
                TrainingJobName=job,
                AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
                RoleArn="arn:aws:iam::000000000000:role/PairloomExecutionRole",
                HyperParameters=ASKED,
                InputDataConfig=[
                    {"ChannelName": "train", "DataSource": {"S3DataSource": where}, "ContentType": recordio}
                ],
                OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output"},
                ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
                StoppingCondition={"MaxRuntimeInSeconds": 3600},
            )
            clients[i].get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=job)
            return clients[i].describe_training_job(TrainingJobName=job)["TrainingJobStatus"]
        except Exception as error:  # what a user would see is the figure
            return type(error).__name__

    began = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        ended = Counter(pool.map(one, range(n_clients)))
    return time.perf_counter() - began, ended


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a run of seconds that only shows that it works")
    parser.add_argument("--clients", type=int, default=200, help="clients that wait at once")
    parser.add_argument("--runs", type=int, default=3, help="runs of the notebook")
    told = parser.parse_args()
    if not told.small and not has_data():
        parser.error("MovieLens-100K is needed: set PAIRLOOM_DATA, or take --small")
    print(describe("boto3"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        with service_for_a_while(data) as service:
            time.sleep(1 if told.small else 5)
            print(f"memory of the idle service: {resident_mb(data):.0f} MB")
            for _ in range(0 if told.small else told.runs):
                said = notebook(data, folder)
                print(
                    f"notebook of 2018: job {said['seconds']:.2f} s, fit {said['fit_s']:.1f} s, deploy "
                    f"{said['deploy_s']:.1f} s, accuracy {said['metrics']['test:binary_classification_accuracy']:.4f}"
                )
            session = boto3.Session(
                service.access_key_id, service.secret_access_key, region_name=service.region
            )
            s3: Any = session.client("s3", endpoint_url=service.url)
            s3.create_bucket(Bucket=BUCKET)
            rows = planted_ratings(200, 100, 5000, noise=0.4).rows()
            write_rows([rows], folder / "train.protobuf", content_type="recordio-protobuf")
            s3.upload_file(str(folder / "train.protobuf"), BUCKET, "train/part-0")
            n_clients = 4 if told.small else told.clients
            seconds, ended = waiting_clients(service, n_clients)
            print(f"{n_clients} clients, a job and a waiter each: {seconds:.1f} s, {dict(ended)}")
            print(f"memory of the service afterwards: {resident_mb(data):.0f} MB")


if __name__ == "__main__":
    main()
