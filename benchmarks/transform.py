"""Batch transform: records a second and peak memory for CSV and RecordIO-protobuf, one and two requests at once.

CSV has 30 columns of numbers, RecordIO-protobuf and JSON Lines two ones out of 2,625 columns as MovieLens has, all
scored by factorization machines with 64 factors. Each case is a process of its own, whose memory counts above what it
holds when the model is loaded.

    ./go bench transform
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, save_artifact
from pairloom.fm.model import FactorizationMachine
from pairloom.formats import write_rows
from pairloom.rows import RowBatch
from support.machine import describe

CSV_COLUMNS, WIDTH, N_FACTORS = 30, 2625, 64
BATCH = 100_000
CHILD = """
import json, re, sys, time
from pathlib import Path
from pairloom.serving.transform import TransformJob, TransformSettings
model, source, output, concurrency = sys.argv[1:5]
settings = TransformSettings(max_concurrent_transforms=int(concurrency))
job = TransformJob(Path(model), source, Path(output), settings, resume=False)

def peak_mb():
    status = Path("/proc/self/status")
    return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 1024 if status.is_file() else 0

before, processor = peak_mb(), time.process_time()
result = job.run()
assert not result.failures, result.failures
print(json.dumps({
    "records": result.n_records, "seconds": result.seconds, "processor": time.process_time() - processor,
    "grown_mb": peak_mb() - before,
}))
"""


def save_model(path: Path, n_features: int) -> Path:
    """Write a factorization machine of random parameters."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.1, n_features).astype(np.float32)
    factors = rng.normal(0, 0.1, (n_features, N_FACTORS)).astype(np.float32)
    machine = FactorizationMachine.from_arrays("regression", 3.5, weights, factors)
    save_artifact(Artifact("factorization-machines", FactorizationMachinesModel(machine)), path)
    return path


def write_csv(path: Path, n_rows: int) -> Path:
    """Write rows of numbers with three decimals."""
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        for start in range(0, n_rows, BATCH):
            rows = rng.normal(size=(min(BATCH, n_rows - start), CSV_COLUMNS)).round(3)
            np.savetxt(file, rows, "%.3f", ",")
    return path


def write_pairs(path: Path, n_rows: int) -> Path:
    """Write rows of two ones, a user and a film."""
    rng = np.random.default_rng(2)

    def batches():
        for start in range(0, n_rows, BATCH):
            n = min(BATCH, n_rows - start)
            indices = np.column_stack((rng.integers(0, 943, n), rng.integers(943, WIDTH, n))).astype(np.int32)
            yield RowBatch(np.arange(0, 2 * n + 1, 2), indices.ravel(), np.ones(2 * n, np.float32), WIDTH)

    write_rows(batches(), path)
    return path


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true", help="2,000 rows")
    arguments = parser.parse_args()
    n_rows = 2_000 if arguments.small else arguments.rows
    print(describe("numpy"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        narrow, wide = (
            save_model(folder / "csv.tar.gz", CSV_COLUMNS),
            save_model(folder / "pairs.tar.gz", WIDTH),
        )
        cases = {
            f"CSV, {CSV_COLUMNS} columns": (narrow, write_csv(folder / "rows.csv", n_rows)),
            "RecordIO-protobuf, two ones": (wide, write_pairs(folder / "rows.pbr", 2 * n_rows)),
            "JSON Lines, two ones": (wide, write_pairs(folder / "rows.jsonl", n_rows)),
        }
        print("| what | records/s | MB/s | records/s of processor time | memory above the model's |")
        print("|---|---|---|---|---|")
        for what, (model, source) in cases.items():
            for concurrency in (1, 2):
                command = [sys.executable, "-c", CHILD, model, source, folder / "out", concurrency]
                done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
                found = json.loads(done.stdout)
                rate = found["records"] / found["seconds"]
                speed = source.stat().st_size / found["seconds"] / 1e6
                of_processor = found["records"] / max(found["processor"], 1e-9)
                print(
                    f"| {what}, {concurrency} at once | {rate:,.0f} | {speed:,.0f} | {of_processor:,.0f} | "
                    f"{found['grown_mb']:,.0f} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
