"""Pipe mode beside File mode: throughput and peak memory of one pass over a channel, and of training on it.

A file of RecordIO-protobuf (39 one-hot fields a row) and one of CSV (20 numbers) are made once, and written into the
FIFO by `splice`, which moves pages, or with --writer cat by copying. File and Pipe runs take turns, each in a fresh
process, so that a busy machine slows both.

    ./go bench pipe_mode
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.channels import ChannelInput, open_channel
from pairloom.formats import write_rows
from parsing import clicks, numbers
from support.machine import describe

CONTENT_TYPES = {"recordio": "application/x-recordio-protobuf", "csv": "text/csv"}
MAKERS = {"recordio": clicks, "csv": numbers}
N_BLOCKS, N_PASSES = 4, 3
SPLICE = """
import contextlib, os, sys
for number in range(int(sys.argv[2])):
    # A pass may be left before its end, as by `cat`.
    with contextlib.suppress(BrokenPipeError), open(sys.argv[1], "rb") as file, open(f"train_{number}", "wb") as fifo:
        while os.splice(file.fileno(), fifo.fileno(), 1 << 20):
            pass
"""
HYPERPARAMETERS = {
    "num_factors": "8", "predictor_type": "regressor", "pairloom_solver": "sgd", "epochs": "1",
    "pairloom_memory_limit_mb": "64",
}  # fmt: skip


def make_file(name: str, folder: Path, megabytes: int) -> Path:
    """Write a few blocks of rows over and over."""
    path = folder / f"{name}-{megabytes}"
    if not path.exists():
        block = folder / "block"
        blocks = (MAKERS[name](seed) for seed in range(N_BLOCKS))
        write_rows(blocks, block, content_type=CONTENT_TYPES[name])
        content = block.read_bytes()
        block.unlink()
        with path.open("wb") as file:
            for _ in range(max(1, round(megabytes * 1e6 / len(content)))):
                file.write(content)
    return path


def lay_out(root: Path, path: Path, mode: str, writer: str) -> list[subprocess.Popen[bytes]]:
    """Offer the file as channel ``train``; returns the writers of its FIFOs."""
    if mode == "File":
        (root / "train").mkdir()
        (root / "train" / path.name).symlink_to(path)
        return []
    for number in range(N_PASSES):
        os.mkfifo(root / f"train_{number}")
    command = ["sh", "-c", "for fifo in train_*; do cat $0 > $fifo; done", str(path)]
    if writer == "splice":
        command = [sys.executable, "-c", SPLICE, str(path), str(N_PASSES)]
    return [subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)]


def measure(name: str, mode: str, what: str, root: str, n_threads: int) -> dict[str, float]:
    """Read a channel once, or train on it, in this process."""
    channel = ChannelInput("train", Path(root), mode, CONTENT_TYPES[name])
    source = open_channel(channel, [CONTENT_TYPES[name]], n_threads=n_threads)
    start, start_cpu = time.perf_counter(), time.process_time()
    if what == "read":
        n_rows = sum(batch.n_rows for batch in source())
    else:
        ended = []
        FactorizationMachines(HYPERPARAMETERS).fit(
            {"train": source}, n_threads=n_threads, report=ended.append
        )
        n_rows = next(event.n_rows for event in ended if hasattr(event, "n_rows"))
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    source.close()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024  # getrusage remembers the process that forked this one
    return {"seconds": seconds, "cpu": cpu, "rows": n_rows, "peak_mib": peak}


def run(name: str, mode: str, what: str, path: Path, n_threads: int, writer: str) -> dict[str, float]:
    """Measure in a fresh process."""
    with tempfile.TemporaryDirectory() as root:
        writers = lay_out(Path(root), path, mode, writer)
        command = [sys.executable, __file__, "--measure", name, mode, what, root, "--threads", str(n_threads)]
        found = json.loads(subprocess.check_output(command))
        for process in writers:
            process.terminate()
            process.wait()
    return found


def compare(name: str, what: str, path: Path, n_threads: int, repeats: int, writer: str) -> str:
    """Return a row of the table."""
    runs: dict[str, list[dict[str, float]]] = {"File": [], "Pipe": []}
    for _ in range(repeats):
        for mode, found in runs.items():
            found.append(run(name, mode, what, path, n_threads, writer))
    size = path.stat().st_size / 1e6
    best = {mode: min(run["seconds"] for run in found) for mode, found in runs.items()}
    cpu = {mode: min(run["cpu"] for run in found) for mode, found in runs.items()}
    peak = {mode: max(run["peak_mib"] for run in found) for mode, found in runs.items()}
    paired = median(
        file["seconds"] / pipe["seconds"] for file, pipe in zip(runs["File"], runs["Pipe"], strict=True)
    )
    return (
        f"| {name}, {what}, {n_threads} thread{'s' * (n_threads > 1)} | {size / best['File']:.0f} / "
        f"{size / best['Pipe']:.0f} MB/s | {100 * best['File'] / best['Pipe']:.0f} % ({100 * paired:.0f} %) | "
        f"{cpu['File']:.2f} / {cpu['Pipe']:.2f} s | {peak['File']:.0f} / {peak['Pipe']:.0f} MiB |"
    )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--writer", choices=("splice", "cat"), default="splice")
    parser.add_argument("--small", action="store_true", help="one run over 1 MB")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(*asked.measure, asked.threads)))
        return
    megabytes, repeats = (1, 1) if asked.small else (asked.megabytes, asked.repeats)
    print(describe("numpy"))
    print(f"{megabytes} MB, written by {asked.writer}; best of {repeats}, in brackets the median of pairs\n")
    print("| what | File / Pipe | Pipe of File | processor time | peak memory |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in MAKERS:
            path = make_file(name, Path(folder), megabytes)
            for what, n_threads in (("read", 1), ("read", asked.threads), ("train", asked.threads)):
                n_runs = repeats if what == "read" else min(2, repeats)
                print(compare(name, what, path, n_threads, n_runs, asked.writer), flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
