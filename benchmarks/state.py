"""How Describe, List and Search grow with the number of training jobs that the service keeps.

./go bench state
./go bench state --database postgresql://USER@HOST/NAME     # an empty one
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from pairloom.database import Database, Resource
from pairloom.database.resource import new_id
from support.machine import describe

SIZES = (1_000, 10_000, 100_000)
SMALL_SIZES = (50, 200)
KIND = "training-job"
SETTINGS = f'[images]\nnothing = ["{sys.executable}", "-S", "-c", "pass"]\n'


@contextmanager
def service(folder: Path, url: str) -> Generator[Callable[[str], Any]]:
    """Run the service; yields what makes boto3's clients."""
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"]
    command += ["--database", url] if url.startswith("postgresql") else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    try:
        said = ""
        while "pairloom run" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        keys = dict(re.findall(r"(\w+) = (\S+)", (folder / "credentials").read_text()))
        (address,) = re.findall(r"AWS_ENDPOINT_URL=(\S+)", said)
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        session: Any = boto3.Session(region_name="us-east-1", **keys)
        yield lambda name: session.client(name, endpoint_url=address, config=config)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def one_real_job(folder: Path, url: str) -> None:
    """Have the service run a job, whose row the others are made from."""
    with service(folder, url) as client:
        client("s3").create_bucket(Bucket="benchmark")
        sagemaker = client("sagemaker")
        sagemaker.create_training_job(
            TrainingJobName="job-000000",
            AlgorithmSpecification={"TrainingImage": "nothing", "TrainingInputMode": "File"},
            RoleArn="arn:aws:iam::000000000000:role/PairloomExecutionRole",
            HyperParameters={f"hyperparameter_{i}": str(i) for i in range(20)},
            OutputDataConfig={"S3OutputPath": "s3://benchmark/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        status = "InProgress"
        while status == "InProgress":
            status = sagemaker.describe_training_job(TrainingJobName="job-000000")["TrainingJobStatus"]
        assert status == "Completed", status


def fill(database: Database, n_jobs: int) -> float:
    """Add copies of the real job until there are n_jobs; return seconds for each."""
    with database.transaction() as t:
        n_before = t.count(KIND)
        real = t.get(KIND, "job-000000")
        assert real is not None
        began = time.perf_counter()
        for i in range(n_before, n_jobs):
            t.insert(copy_of(real, i))
    return (time.perf_counter() - began) / (n_jobs - n_before)


def copy_of(real: Resource, i: int) -> Resource:
    """Return another job like the real one, a second younger than the one before."""
    name = f"job-{i:06}"
    at = real.created_at + i
    return replace(
        real, name=name, arn=real.arn.replace("job-000000", name), id=new_id(), created_at=at, modified_at=at
    )


def median_ms(call: Callable[[], object], n: int) -> float:
    call()
    times: list[float] = []
    for _ in range(n):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def database_row(database: Database, n_jobs: int) -> list[float]:
    """Milliseconds of a commit of one, a read of one, a page of 100, and a page of 100 in the middle."""
    middle = f"job-{n_jobs // 2:06}"

    def commit() -> None:
        with database.transaction() as t:
            found = t.get(KIND, middle)
            assert found is not None
            t.update(found)

    def get() -> None:
        with database.snapshot() as t:
            assert t.get(KIND, middle) is not None

    def page(**more: Any) -> None:
        with database.snapshot() as t:
            assert len(t.list(KIND, descending=True, limit=min(100, n_jobs // 4), **more).resources) > 1

    with database.snapshot() as t:
        found = t.get(KIND, middle)
    assert found is not None
    return [
        median_ms(commit, 50),
        median_ms(get, 200),
        median_ms(page, 20),
        median_ms(lambda: page(created_before=found.created_at), 20),
    ]


def client_row(client: Any, n_jobs: int) -> list[float]:
    """Milliseconds, as boto3 has them, of Describe, List, List of a name in the middle, and Search of a tag."""
    middle = f"job-{n_jobs // 2:06}"
    by_tag = {"Filters": [{"Name": "Tags.team", "Operator": "Equals", "Value": "films"}]}
    asked: list[tuple[Callable[[], object], int]] = [
        (lambda: client.describe_training_job(TrainingJobName=middle), 100),
        (lambda: client.list_training_jobs(MaxResults=100), 10),
        (lambda: client.list_training_jobs(NameContains=middle), 3),
        (lambda: client.search(Resource="TrainingJob", SearchExpression=by_tag), 1),
    ]
    return [median_ms(call, n) for call, n in asked]


def main() -> None:
    """Measure at each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="sizes of seconds, that show it works")
    parser.add_argument("--database", help="address of an empty PostgreSQL database")
    chosen = parser.parse_args()
    print(describe("sqlalchemy", "boto3"))
    print("milliseconds, medians; the last column is MB on disk (SQLite)")
    print("| jobs | add one of many | commit | get | page | page in the middle "
          "| Describe | List | List by name | Search | MB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir(mode=0o700)
        (folder / "settings.toml").write_text(SETTINGS)
        url = chosen.database or f"sqlite:///{folder / 'state.sqlite'}"
        one_real_job(folder, url)
        for n_jobs in SMALL_SIZES if chosen.small else SIZES:
            database = Database.open(url)
            row = [1000 * fill(database, n_jobs), *database_row(database, n_jobs)]
            database.close()
            with service(folder, url) as client:
                row += client_row(client("sagemaker"), n_jobs)
            size = sum(file.stat().st_size for file in folder.glob("state.sqlite*")) / 1e6
            cells = [f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in row]
            print(f"| {n_jobs:,} | {' | '.join(cells)} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
