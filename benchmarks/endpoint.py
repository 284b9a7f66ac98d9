"""`pairloom serve` with the factorization machine of MovieLens-100K: latency, throughput, rows, start.

./go bench endpoint
./go bench endpoint --seconds 5 --rival
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy import sparse

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.rows import RowBatch
from pairloom.serving.running import running
from pairloom.synthetic import planted_ratings
from support.datasets import has_data, movielens_100k
from support.http_load import Load, run_load
from support.machine import describe, second_core

RATE, N_ROWS = 1000.0, 1000
CONNECTIONS, CONNECTIONS_OF_LARGE = 16, 4
HYPERPARAMETERS = {
    "num_factors": "64", "predictor_type": "regressor", "pairloom_solver": "sgd", "epochs": "10",
    "bias_lr": "0.02", "linear_lr": "0.02", "factors_lr": "0.02", "factors_wd": "0.09", "factors_init_sigma": "0.05",
}  # fmt: skip
RIVAL = Path(__file__).parent / "support" / "plain_endpoint.py"


def training_rows(*, small: bool) -> RowBatch:
    """Ratings of MovieLens-100K, one-hot user and film; made-up ones for the small size."""
    if small:
        return planted_ratings(100, 500, 5000, noise=0.4).rows()
    split = movielens_100k()
    matrix = sparse.csr_array(split.train)
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return RowBatch(indptr, indices, None, matrix.shape[1], split.train_labels.astype(np.float32))


def body_of(rows: RowBatch, n_rows: int) -> bytes:
    """Return a JSON document of the first rows, sparse, as SageMaker's endpoints take them."""
    instances = []
    for row in range(n_rows):
        keys = rows.indices[rows.indptr[row] : rows.indptr[row + 1]].tolist()
        features = {"keys": keys, "shape": [rows.n_features], "values": [1] * len(keys)}
        instances.append({"data": {"features": features}})
    return json.dumps({"instances": instances}).encode()


def start_seconds(model: Path) -> float:
    """Time from starting the command to the first answered ping."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "pairloom", "serve", str(model), "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                    connection.sendall(b"GET /ping HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                    if connection.recv(100).startswith(b"HTTP/1.1 200"):
                        return time.perf_counter() - began
            except ConnectionError:
                time.sleep(0.002)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def plain_endpoint(model: Path, n_workers: int) -> Generator[int]:
    """Run the rival, and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        sys.executable, "-m", "uvicorn", "--app-dir", str(RIVAL.parent), "plain_endpoint:application", "--port",
        str(port), "--workers", str(n_workers), "--log-level", "warning", "--no-access-log",
    ]  # fmt: skip
    environment = os.environ | {"PLAIN_ENDPOINT_MODEL": str(model)}
    process = subprocess.Popen(command, env=environment)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionError:
                time.sleep(0.05)
        time.sleep(1.0)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def print_loads(name: str, port: int, rows: RowBatch, seconds: float) -> None:
    """Print the rows of one server: latency at a fixed rate, and both throughputs."""
    one, many = body_of(rows, 1), body_of(rows, N_ROWS)
    run_load(port, one, rate=0, seconds=min(1.0, seconds), n_connections=CONNECTIONS)
    fixed = run_load(port, one, rate=RATE, seconds=seconds, n_connections=CONNECTIONS)
    shown = " / ".join(f"{fixed.latency_ms[p]:.2f}" for p in ("p50", "p99", "p99.9", "p100"))
    print_row(name, f"{RATE:.0f} requests/s for {seconds:g} s: p50 / p99 / p99.9 / max ms", shown, fixed)
    short = max(seconds / 6, 0.5)
    saturated = run_load(port, one, rate=0, seconds=short, n_connections=CONNECTIONS)
    print_row(name, "one row a request, saturated: requests/s", f"{saturated.per_second:,.0f}", saturated)
    large = run_load(port, many, rate=0, seconds=short, n_connections=CONNECTIONS_OF_LARGE)
    print_row(name, f"{N_ROWS} rows a request, saturated: rows/s", f"{large.per_second * N_ROWS:,.0f}", large)


def print_row(name: str, what: str, figure: str, load: Load) -> None:
    print(f"{name:<10} {what:<62} {figure:>24}   errors {load.n_bad}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the load at a fixed rate")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rival", action="store_true", help="also a plain Starlette and numpy handler")
    parser.add_argument(
        "--small", action="store_true", help="made-up data and half a second, to see that it runs"
    )
    asked = parser.parse_args()
    if asked.small:
        asked.seconds, asked.starts = 0.5, 1
    elif not has_data():
        sys.exit(1)
    print(describe("uvicorn", "starlette", "uvloop", "httptools"))
    print(f"second core gives: {second_core():.2f} x; server: {asked.workers} workers, access log on\n")
    rows = training_rows(small=asked.small)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tar.gz"
        machine = FactorizationMachines(HYPERPARAMETERS).fit({"train": lambda: iter([rows])})
        save_artifact(Artifact("factorization-machines", machine), model)
        starts = [start_seconds(model) for _ in range(asked.starts)]
        middle, worst = statistics.median(starts), max(starts)
        print(
            f"{'pairloom':<10} {'start to first /ping, s: median / worst':<62} {middle:>16.2f} / {worst:.2f}"
        )
        with running(model, "--workers", str(asked.workers), log=Path(folder) / "log") as endpoint:
            print_loads("pairloom", endpoint.port, rows, asked.seconds)
        if asked.rival or asked.small:
            with plain_endpoint(model, asked.workers) as port:
                print_loads("plain", port, rows, asked.seconds)


if __name__ == "__main__":
    main()
