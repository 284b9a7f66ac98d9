"""`pairloom up`: start, memory, and how many Describe calls a second it answers, each with its signature verified.

./go bench service_describe
./go bench service_describe --small
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pairloom.control_plane.opening import open_service
from pairloom.database import Resource
from support.http_load import Load, run_requests
from support.machine import describe, second_core

N_MODELS, CONNECTIONS, RATE = 1000, 16, 100.0
LISTS = {
    "sagemaker": "list_models", "s3": "list_buckets", "sts": "get_caller_identity", "logs": "describe_log_groups",
    "cloudwatch": "list_metrics",
}  # fmt: skip
"""A call of each service that has one without parameters."""


def fill(folder: Path, n_models: int) -> Credentials:
    """Keep models; returns the keys of the service."""
    with open_service(folder) as service:
        with service.database.transaction() as t:
            for number in range(n_models):
                name = f"model-{number}"
                document = {
                    "ModelName": name,
                    "PrimaryContainer": {
                        "Image": "factorization-machines:1",
                        "ModelDataUrl": f"s3://models/{name}",
                    },
                    "ExecutionRoleArn": service.role_arn,
                }
                t.insert(Resource("model", name, service.arn("model", name), document=document))
        return Credentials(service.credentials.access_key, service.credentials.secret_key)


@contextmanager
def running(folder: Path) -> Generator[tuple[str, int, float]]:
    """Run the service; yields its URL, its process id and the seconds that it took to answer."""
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "The service must start."
        took = time.perf_counter() - began
        yield json.loads((folder / "service.json").read_text())["url"], process.pid, took
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def resident_mb(pid: int) -> float:
    """Memory of a process and of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(resident_mb(int(child)) for child in children)


def request_of(url: str, keys: Credentials, operation: str, values: dict[str, Any]) -> bytes:
    """Write a signed request, head and body; it may be sent again for a quarter of an hour."""
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{url}/", headers=headers, data=json.dumps(values).encode())
    SigV4Auth(keys, "sagemaker", "us-east-1").add_auth(request)
    sent = {"Host": url.removeprefix("http://"), "Content-Length": str(len(request.body))} | dict(
        request.headers
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + request.body


def touch_every_service(url: str, keys: Credentials) -> None:
    """Call each service once, so that its model is loaded."""
    for name, call in LISTS.items():
        client = boto3.Session().client(
            name, endpoint_url=url, region_name="us-east-1",
            aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
        )  # fmt: skip
        getattr(client, call)()
        client.close()


def print_row(what: str, target: str, measured: str, load: Load | None = None) -> None:
    failed = f" ({load.n_bad} failed)" if load is not None and load.n_bad else ""
    print(f"| {what} | {target} | {measured}{failed} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    seconds = 0.5 if asked.small else asked.seconds
    print(describe("botocore", "uvicorn", "starlette", "sqlalchemy"))
    print(f"spin check: two processes do {second_core():.2f} times the work of one\n")
    print("| what | target | measured |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        keys = fill(folder, 50 if asked.small else N_MODELS)
        with running(folder) as (url, pid, took):
            port = int(url.rpartition(":")[2])
            print_row("start, seconds", "-", f"{took:.2f}")
            print_row("idle service, MB", "150", f"{resident_mb(pid):.0f}")
            touch_every_service(url, keys)
            print_row("the same after a call of every service, MB", "150", f"{resident_mb(pid):.0f}")
            one = request_of(url, keys, "DescribeModel", {"ModelName": "model-7"})
            many = request_of(url, keys, "ListModels", {"MaxResults": 100})
            for name, request in (("DescribeModel", one), ("ListModels of 100", many)):
                load = run_requests(port, request, rate=0, seconds=seconds, n_connections=CONNECTIONS)
                target = "500" if name == "DescribeModel" else "-"
                print_row(
                    f"{name}, {CONNECTIONS} connections: calls/s", target, f"{load.per_second:,.0f}", load
                )
            load = run_requests(port, one, rate=RATE, seconds=seconds, n_connections=CONNECTIONS)
            shown = " / ".join(f"{load.latency_ms[p]:.1f}" for p in ("p50", "p99", "p100"))
            print_row(f"DescribeModel, {RATE:.0f} calls/s: p50 / p99 / max ms", "-", shown, load)
            print_row("memory after the load, MB", "-", f"{resident_mb(pid):.0f}")


if __name__ == "__main__":
    main()
