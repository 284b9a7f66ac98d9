"""Endpoints of `pairloom up`: from CreateEndpoint to InService, and what InvokeEndpoint adds to the bare worker.

./go bench service_endpoint
./go bench service_endpoint --small

Both are asked one request after the other over a connection that is kept, in turns, so that a busy machine slows them
alike: `pairloom serve` with one worker, and an endpoint of one worker behind the service, signature verified.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.control_plane.opening import open_service
from pairloom.serving.running import running as bare_endpoint
from pairloom.synthetic import planted_ratings
from service_describe import print_row, running
from support.machine import describe, second_core

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
BODY = b'{"instances":[{"data":{"features":{"keys":[1,1001],"shape":[2625],"values":[1,1]}}}]}'
TURN = 50
"""Requests to one side before the other has its turn."""


def save_model(path: Path, *, small: bool) -> None:
    """Train a machine of the size of MovieLens-100K's."""
    rows = planted_ratings(943, 1682, 20_000 if small else 100_000).rows()
    asked = {
        "num_factors": "64",
        "predictor_type": "regressor",
        "feature_dim": str(rows.n_features),
        "epochs": "1",
    }
    machine = FactorizationMachines(asked).fit({"train": lambda: iter([rows])})
    save_artifact(Artifact("factorization-machines", machine), path)


def signed(url: str, keys: Credentials, path: str) -> dict[str, str]:
    """Return headers of a request that may be sent again for a quarter of an hour."""
    headers = {"Content-Type": "application/json"}
    request = AWSRequest("POST", f"{url}{path}", headers=headers, data=BODY)
    SigV4Auth(keys, "sagemaker", "us-east-1").add_auth(request)
    return dict(request.headers)


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> float:
    """Ask once; returns milliseconds."""
    began = time.perf_counter()
    connection.request("POST", path, BODY, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter() - began) * 1e3


def create(client: Any, name: str) -> float:
    """Create an endpoint; returns the seconds until it is in service."""
    began = time.perf_counter()
    client.create_endpoint(EndpointName=name, EndpointConfigName="one")
    while (told := client.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        pass  # Describe is held open until there is something new
    assert told["EndpointStatus"] == "InService", told
    return time.perf_counter() - began


def replaced_after(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str], pid: int
) -> float:
    """Kill the only worker; returns the seconds until the next answer, which a new one gives."""
    os.kill(pid, signal.SIGKILL)
    return ask(connection, path, headers) / 1e3


def worker_of(pid: int) -> int:
    """Return the process id of the last worker that a service started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=4000, help="to each side")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    n_turns = max(1, (100 if asked.small else asked.requests) // TURN)
    n_starts = 1 if asked.small else asked.starts
    print(describe("botocore", "uvicorn", "httptools"))
    print(f"spin check: two processes do {second_core():.2f} times the work of one\n")
    print("| what | target | measured |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder, model = Path(temporary) / "data", Path(temporary) / "model.tar.gz"
        save_model(model, small=asked.small)
        with open_service(folder) as service:
            service.objects.create_bucket("models")
            service.objects.put("models", "model.tar.gz", model)
            keys = Credentials(service.credentials.access_key, service.credentials.secret_key)
        with running(folder) as (url, pid, _), bare_endpoint(model, "--no-access-log") as bare:
            client = boto3.Session().client(
                "sagemaker", endpoint_url=url, region_name="us-east-1", config=Config(read_timeout=60),
                aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
            )  # fmt: skip
            container = {"Image": IMAGE, "ModelDataUrl": "s3://models/model.tar.gz"}
            client.create_model(ModelName="one", PrimaryContainer=container)
            variant = {
                "VariantName": "v1",
                "ModelName": "one",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
            }
            client.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
            starts: list[float] = []
            for number in range(n_starts):
                starts.append(create(client, f"e-{number}"))
                if number < n_starts - 1:
                    client.delete_endpoint(EndpointName=f"e-{number}")
            worst = f"{statistics.median(starts):.2f} / {max(starts):.2f}"
            print_row("CreateEndpoint to InService, median / worst, seconds", "2", worst)
            path = f"/endpoints/e-{n_starts - 1}/invocations"
            headers = signed(url, keys, path)
            through = http.client.HTTPConnection(url.removeprefix("http://"))
            direct = http.client.HTTPConnection("127.0.0.1", bare.port)
            plain = {"Content-Type": "application/json"}
            for _ in range(TURN):
                ask(through, path, headers)
                ask(direct, "/invocations", plain)
            behind: list[float] = []
            alone: list[float] = []
            for _ in range(n_turns):
                behind += [ask(through, path, headers) for _ in range(TURN)]
                alone += [ask(direct, "/invocations", plain) for _ in range(TURN)]
            shown = [f"{statistics.median(each):.2f}" for each in (behind, alone)]
            print_row("one row, the endpoint / the bare worker, p50 ms", "-", " / ".join(shown))
            added = statistics.median(behind) - statistics.median(alone)
            print_row("InvokeEndpoint adds to the bare worker, p50 ms", "2", f"{added:.2f}")
            time.sleep(0.2)
            kills = [replaced_after(through, path, headers, worker_of(pid)) for _ in range(n_starts)]
            print_row(
                "the only worker killed, to the next answer, median s", "1", f"{statistics.median(kills):.2f}"
            )


if __name__ == "__main__":
    main()
