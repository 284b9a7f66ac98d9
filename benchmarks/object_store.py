"""The object store through boto3: large files, small objects, and growth with the number of keys.

./go bench object_store
./go bench object_store --small
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from pairloom.object_storage import FolderStore
from support.machine import describe, second_core

MB = 1e6
LARGE_BYTES, REPEATS, N_SMALL, SMALL_BYTES, N_THREADS = 1 << 30, 3, 1000, 1024, 8
N_KEYS = (1_000, 30_000, 1_000_000)
FILL = """
insert into object (bucket, key, blob, size, etag, modified_at, details)
with recursive number(n) as (select 0 union all select n + 1 from number where n + 1 < :n_keys)
select 'bench', cast(printf('folder-%04d/key-%08d', n / 1000, n) as blob), n, 7,
       'd41d8cd98f00b204e9800998ecf8427e', 1.0, :details from number
"""
"""Rows as `put` writes them, without the files: nothing here reads these objects."""


@dataclass(frozen=True)
class Running:
    """The service as a process."""

    pid: int
    client: Any

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used."""
        ticks = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_mb(self) -> float:
        """The most memory that it has held."""
        (kib,) = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(kib) * 1024 / MB


@contextmanager
def service(folder: Path) -> Generator[Running]:
    """Run the service with one bucket."""
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = ""
        while "pairloom run" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        keys = dict(re.findall(r"(\w+) = (\S+)", (folder / "credentials").read_text()))
        (url,) = re.findall(r"AWS_ENDPOINT_URL=(\S+)", said)
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=16)
        session: Any = boto3.Session(region_name="us-east-1", **keys)
        client = session.client("s3", endpoint_url=url, config=config)
        client.create_bucket(Bucket="bench")
        yield Running(process.pid, client)
        client.close()
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(running: Running, call: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds of the wall clock, of the service's processor time, of this process's."""
    began, service_s, own_s = time.perf_counter(), running.cpu_s, own_cpu_s()
    call()
    return time.perf_counter() - began, running.cpu_s - service_s, own_cpu_s() - own_s


def row(what: str, target: str, measured: str) -> None:
    print(f"| {what} | {target} | {measured} |", flush=True)


def large(running: Running, folder: Path, n_bytes: int, repeats: int) -> None:
    source, back = folder / "large", folder / "back"
    with source.open("wb") as file:
        block = os.urandom(1 << 20)
        for _ in range(n_bytes >> 20):
            file.write(block)
    calls = {
        "upload_file": lambda: running.client.upload_file(str(source), "bench", "large"),
        "download_file": lambda: running.client.download_file("bench", "large", str(back)),
    }
    for name, call in calls.items():
        took = sorted(timed(running, call) for _ in range(repeats))
        _wall, of_service, of_client = took[0]
        speeds = " / ".join(f"{n_bytes / MB / seconds[0]:.0f}" for seconds in (took[0], took[len(took) // 2]))
        row(f"`{name}` of {n_bytes / MB:,.0f} MB, MB/s, best / median of {repeats}", "300", speeds)
        gigabytes = n_bytes / 1e9
        row(
            "its seconds of processor time for a GB, service / client",
            "-",
            f"{of_service / gigabytes:.2f} / {of_client / gigabytes:.2f}",
        )
    row("peak memory of the service, MB", "-", f"{running.peak_mb:.0f}")


def small(running: Running, n_objects: int) -> None:
    client, body = running.client, os.urandom(SMALL_BYTES)

    def put(first: int, step: int) -> None:
        for i in range(first, n_objects, step):
            client.put_object(Bucket="bench", Key=f"small/{i}", Body=body)

    def get() -> None:
        for i in range(n_objects):
            client.get_object(Bucket="bench", Key=f"small/{i}")["Body"].read()

    def put_by_many() -> None:
        threads = [threading.Thread(target=put, args=(i, N_THREADS)) for i in range(N_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for what, call in (
        (f"put of 1 KB, {n_objects:,} times, ms each", lambda: put(0, 1)),
        ("get of 1 KB, ms each", get),
        (f"put of 1 KB by {N_THREADS} threads, ms each", put_by_many),
    ):
        wall, of_service, _ = timed(running, call)
        used = of_service / n_objects * 1e3
        row(what, "-", f"{wall / n_objects * 1e3:.2f} (service: {used:.2f} of processor time)")


def growth(folder: Path, n_keys: int, repeats: int) -> None:
    store = FolderStore(folder)
    store.create_bucket("bench")
    store.put("bench", "one", b"one")
    store.close()
    with sqlite3.connect(folder / "index.sqlite3") as index:
        (details,) = index.execute("select details from object").fetchone()
        index.execute(FILL, {"n_keys": n_keys, "details": details})
        index.execute("update state set value = 1 where name = 'in_order'")
    index.close()
    store = FolderStore(folder)
    middle = f"folder-{n_keys // 2000:04d}/"
    calls: list[Callable[[int], object]] = [
        lambda i: store.put("bench", f"{middle}new-{i}", b"1234567"),
        lambda i: store.head("bench", f"{middle}new-{i}"),
        lambda _: store.list("bench", after=middle),
        lambda _: store.list("bench", delimiter="/", limit=100),
        lambda i: store.delete("bench", f"{middle}new-{i}"),
    ]
    medians: list[str] = []
    for call in calls:
        took: list[float] = []
        for i in range(repeats):
            began = time.perf_counter()
            call(i)
            took.append(time.perf_counter() - began)
        medians.append(f"{statistics.median(took) * 1e3:.2f}")
    print(f"| {n_keys:,} | {' | '.join(medians)} |", flush=True)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    print(describe("boto3", "uvicorn"))
    print(f"spin check: two processes do {second_core():.2f} times the work of one\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("| what | target | measured |\n|---|---|---|")
        with service(folder / "data") as running:
            large(running, folder, *((32 << 20, 1) if asked.small else (LARGE_BYTES, REPEATS)))
            small(running, 20 if asked.small else N_SMALL)
        print("\n| keys | put | head | list 1000 | list 100 folders | delete |\n|---|---|---|---|---|---|")
        for n_keys in (1_000, 2_000) if asked.small else N_KEYS:
            growth(folder / f"store-{n_keys}", n_keys, 3 if asked.small else 100)


if __name__ == "__main__":
    main()
