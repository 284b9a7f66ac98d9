"""Read every text and binary format and print megabytes per second and peak memory.

Generates its own files (and keeps them in --folder if given). Each measurement is a fresh process that reads
a file out of the page cache, first byte to last batch, and drops the batches, as a streaming solver does.

    python benchmarks/parsing.py --megabytes 1700 --threads 2 libsvm csv-ratings
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.formats import read_rows, read_tables, write_rows, write_tables
from pairloom.rows import RowBatch
from pairloom.tables import Table

BLOCK = 50_000


def clicks(seed: int) -> RowBatch:
    """39 one-hot fields a row, Zipf ids hashed to a million features."""
    random = np.random.default_rng(seed)
    ids = random.zipf(1.1, size=(BLOCK, 39)) + 1_000_003 * np.arange(39)
    indices = np.sort((ids * 2_654_435_761 % 2**32 % 1_000_000).astype(np.int32), axis=1)
    labels = random.integers(0, 2, BLOCK).astype(np.float32)
    return RowBatch(np.arange(BLOCK + 1) * 39, indices.ravel(), None, 1_000_000, labels)


def numbers(seed: int) -> RowBatch:
    """Twenty float32 features a row."""
    random = np.random.default_rng(seed)
    values = random.normal(size=20 * BLOCK).astype(np.float32)
    indices = np.tile(np.arange(20, dtype=np.int32), BLOCK)
    return RowBatch(np.arange(BLOCK + 1) * 20, indices, values, 20, values[::20].copy())


def pairs(seed: int) -> RowBatch:
    """MovieLens-100K as user and film one-hot: 64 bytes a row as RecordIO-protobuf."""
    random = np.random.default_rng(seed)
    indices = np.stack([random.integers(0, 943, BLOCK), 943 + random.integers(0, 1682, BLOCK)], axis=1)
    ratings = random.integers(1, 6, BLOCK).astype(np.float32)
    return RowBatch(np.arange(BLOCK + 1) * 2, indices.ravel().astype(np.int32), None, 2625, ratings)


def fields(seed: int) -> RowBatch:
    """Clicks with their fields."""
    batch = clicks(seed)
    return RowBatch(
        batch.indptr,
        batch.indices,
        None,
        batch.n_features,
        batch.labels,
        fields=np.tile(np.arange(39, dtype=np.int32), BLOCK),
    )


def ratings(seed: int) -> Table:
    """MovieLens's columns."""
    random = np.random.default_rng(seed)
    return Table(
        {
            "userId": np.sort(random.integers(1, 138_494, BLOCK)),
            "movieId": random.integers(1, 131_263, BLOCK),
            "rating": random.integers(1, 11, BLOCK) / 2,
            "timestamp": random.integers(789_652_009, 1_427_784_002, BLOCK),
        },
        BLOCK,
    )


@dataclass(frozen=True)
class Case:
    """A file to make, and how to read it."""

    ending: str
    make: Callable[[int], Any]
    read: Callable[..., Iterator[Any]] = read_rows
    options: tuple[tuple[str, Any], ...] = ()
    written: tuple[tuple[str, Any], ...] = ()


RATING_KINDS = {"userId": "id", "movieId": "id", "rating": "number", "timestamp": "number"}
CASES = {
    "libsvm": Case(".libsvm", clicks),
    "libsvm-values": Case(".libsvm", numbers),
    "libffm": Case(".ffm", fields),
    "csv-matrix": Case(".csv", numbers),
    "csv-ratings": Case(".csv", ratings, read_tables, (("kinds", RATING_KINDS),)),
    "recordio": Case(".pbr", clicks),
    "recordio-pairs": Case(".pbr", pairs),
    "recordio-dense": Case(".pbr", numbers, written=(("layout", "dense"),)),
    "json-lines": Case(".jsonl", numbers),
    "parquet": Case(".parquet", clicks),
    "arrow": Case(".arrow", clicks),
}


def make_file(name: str, folder: Path, megabytes: int) -> Path:
    """Write the file of a case, from ten blocks over and over, unless it is there."""
    case = CASES[name]
    path = folder / f"{name}-{megabytes}{case.ending}"
    if not path.exists():
        blocks = [case.make(seed) for seed in range(10)]
        write = write_tables if case.read is read_tables else write_rows
        probe = folder / f"probe{case.ending}"
        write(blocks[:1], probe, **dict(case.written))
        n_blocks = max(1, round(megabytes * 1e6 / probe.stat().st_size))
        probe.unlink()
        write((blocks[i % 10] for i in range(n_blocks)), path, **dict(case.written))
    return path


def measure(name: str, path: str, n_threads: int) -> dict[str, float]:
    """Read a file once."""
    case = CASES[name]
    start = time.perf_counter()
    n_rows = sum(batch.n_rows for batch in case.read(path, n_threads=n_threads, **dict(case.options)))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rows": n_rows, "peak_mib": peak}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="default: all")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure, arguments.threads)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(
            f"{multiprocessing.cpu_count()} cores, {arguments.threads} threads, best of {arguments.repeats}"
        )
        for name in arguments.cases or CASES:
            path = make_file(name, folder, arguments.megabytes)
            command = [
                sys.executable,
                __file__,
                "--threads",
                str(arguments.threads),
                "--measure",
                name,
                str(path),
            ]
            runs = [json.loads(subprocess.check_output(command)) for _ in range(arguments.repeats)]
            best = min(runs, key=lambda run: run["seconds"])
            size = path.stat().st_size / 1e6
            print(
                f"{name:14} {size:8.1f} MB {best['rows']:10,} rows {best['seconds']:7.3f} s "
                f"{size / best['seconds']:7.0f} MB/s {best['peak_mib']:6.0f} MiB peak"
            )


if __name__ == "__main__":
    main()
