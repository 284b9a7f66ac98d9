"""Training jobs through the service, as a client of boto3 sees them: how long until the first epoch, the lab, a queue.

A service of its own is started on a temporary folder. The lab is MovieLens-100K (90,570 / 9,430 ratings, liked or not)
with 64 factors and 100 epochs, from CreateTrainingJob to the answer that says Completed.

    ./go bench training_jobs
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import boto3
import numpy as np

from pairloom.formats import write_rows
from pairloom.movielens import read_movielens
from pairloom.rows import RowBatch
from support.datasets import data_folder
from support.machine import describe

BUCKET = "benchmark"
GROUP = "/aws/sagemaker/TrainingJobs"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
LAB = {
    "feature_dim": "2625",
    "predictor_type": "binary_classifier",
    "num_factors": "64",
    "mini_batch_size": "1000",
}
FIRST_EPOCH = re.compile(r"#quality_metric: host=\S+, epoch=0, train ")


class Client:
    """Asks a running service."""

    def __init__(self, folder: Path, url: str) -> None:
        keys = dict(re.findall(r"(aws\w+) = (\S+)", (folder / "credentials").read_text()))
        session = boto3.Session(region_name="us-east-1", **keys)
        self.s3, self.sagemaker, self.logs = (
            session.client(name, endpoint_url=url) for name in ("s3", "sagemaker", "logs")
        )
        self.s3.create_bucket(Bucket=BUCKET)

    def create(self, name: str, channels: dict[str, str], **hyperparameters: str) -> None:
        """Ask for a job on prefixes of the bucket."""
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn="arn:aws:iam::000000000000:role/PairloomExecutionRole",
            InputDataConfig=[
                {
                    "ChannelName": channel,
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
                    },
                }
                for channel, prefix in channels.items()
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters={**LAB, **hyperparameters},
        )

    def completed(self, name: str) -> dict:
        """Wait for a job, which must end well."""
        while True:
            found = self.sagemaker.describe_training_job(TrainingJobName=name)
            if found["TrainingJobStatus"] not in ("InProgress", "Stopping"):
                assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
                return found

    def first_epoch(self, name: str) -> float:
        """When the log said that the first epoch was over, in seconds since 1970."""
        stream = self.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")[
            "logStreams"
        ][0]
        events = self.logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        return next(event["timestamp"] for event in events if FIRST_EPOCH.search(event["message"])) / 1e3


@contextmanager
def service(folder: Path):
    """A service on a free port, ended with the block."""
    home = str(Path(__file__).resolve().parents[1] / "src")
    with (folder.parent / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"],
            stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": home},
        )  # fmt: skip
    try:
        address = folder / "service.json"
        while not address.exists():
            assert process.poll() is None, (folder.parent / "service.log").read_text()
            time.sleep(0.02)
        yield Client(folder, json.loads(address.read_text())["url"]), process.pid
    finally:
        process.terminate()
        process.wait(60)


def recordio(rows: RowBatch, folder: Path) -> bytes:
    """Rows as a client uploads them."""
    path = folder / "rows.pbr"
    write_rows([rows], path, content_type="application/x-recordio-protobuf")
    return path.read_bytes()


def liked(table, n_users: int = 943, n_items: int = 1682) -> RowBatch:
    """Rows of the lab: user and film one-hot, the label whether it got four stars or more."""
    columns = np.empty((len(table.columns["rating"]), 2), np.int32)
    columns[:, 0] = np.asarray(table.columns["user"], np.int64) - 1
    columns[:, 1] = np.asarray(table.columns["item"], np.int64) - 1 + n_users
    labels = (np.asarray(table.columns["rating"], np.float32) >= 4).astype(np.float32)
    indptr = np.arange(0, columns.size + 1, 2, dtype=np.int64)
    return RowBatch(indptr, columns.ravel(), None, n_users + n_items, labels)


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(client: Client, pid: int, *, n_repeats: int, n_epochs: int, n_queued: int) -> None:
    """Print the rows of the table."""
    print("| what | target | measured |\n|---|---|---|")
    idle = resident_mb(pid)
    waits: list[float] = []
    for number in range(n_repeats):
        start = time.time()
        client.create(f"first-{number}", {"train": "small"}, epochs="1")
        client.completed(f"first-{number}")
        waits.append(client.first_epoch(f"first-{number}") - start)
    print(
        f"| CreateTrainingJob to the end of the first epoch, median of {n_repeats} / slowest | 1 s "
        f"| {median(waits):.2f} s / {max(waits):.2f} s |"
    )
    times: list[float] = []
    for number in range(n_repeats):
        start = time.time()
        client.create(f"lab-{number}", {"train": "train", "test": "test"}, epochs=str(n_epochs))
        found = client.completed(f"lab-{number}")
        times.append(time.time() - start)
    metrics = {each["MetricName"]: each["Value"] for each in found["FinalMetricDataList"]}
    print(
        f"| lab, {n_epochs} epochs, Create to Completed, median / slowest | 5 s "
        f"| {median(times):.2f} s / {max(times):.2f} s |"
    )
    print(
        f"| its test accuracy (SageMaker's: 0.6931) | 0.69 | {metrics['test:binary_classification_accuracy']:.4f} |"
    )
    start = time.time()
    for number in range(n_queued):
        client.create(f"queued-{number}", {"train": "small"}, epochs="1")
    created = time.time() - start
    for number in range(n_queued):
        client.completed(f"queued-{number}")
    total = time.time() - start
    print(
        f"| {n_queued} jobs queued at once: asked for in / all completed in (a second) | all complete "
        f"| {created:.1f} s / {total:.1f} s ({n_queued / total:.1f}) |"
    )
    print(
        f"| resident memory of the service, before / after | - | {idle:.0f} MB / {resident_mb(pid):.0f} MB |"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--queued", type=int, default=200)
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    print(describe())
    split = read_movielens(data_folder() / "movielens-100k")
    train, test = liked(split.train), liked(split.test)
    with tempfile.TemporaryDirectory() as work, service(Path(work) / "data") as (client, pid):
        for key, rows in (("train/a.pbr", train), ("test/a.pbr", test), ("small/a.pbr", train.part(0, 5000))):
            client.s3.put_object(Bucket=BUCKET, Key=key, Body=recordio(rows, Path(work)))
        small = {"n_repeats": 1, "n_epochs": 2, "n_queued": 4}
        full = {"n_repeats": asked.repeats, "n_epochs": 100, "n_queued": asked.queued}
        measure(client, pid, **(small if asked.small else full))


if __name__ == "__main__":
    main()
