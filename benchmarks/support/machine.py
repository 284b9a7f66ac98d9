"""Where a figure was taken: processor, cores, load, versions."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["describe", "second_core", "usable_cores"]

SPIN = "import time; n = 0; end = time.perf_counter() + {seconds}\nwhile time.perf_counter() < end: n += 1\nprint(n)"


def processor() -> str:
    """Name the processor, with the widest vector instructions it has."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in lines.items()}
    flags = facts.get("flags", "").split()
    widest = next((name for name in ("avx512f", "avx2", "sse4_2") if name in flags), platform.machine())
    return f"{facts.get('model name', platform.machine())} ({widest})"


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else multiprocessing.cpu_count()


def describe(*packages: str) -> str:
    """Say where and when this runs, in three lines; `packages` are named with their versions."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    return (
        f"machine: {processor()}, {usable_cores()} cores, load average {load} at the start\n"
        f"versions: pairloom {_own_version()} ({commit or 'no commit'}), Python {platform.python_version()}, "
        f"{', '.join(versions)}\n"
        f"date: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}"
    )


def _own_version() -> str:
    import pairloom

    return pairloom.__version__


def _spin(n_processes: int, seconds: float) -> int:
    running = [
        subprocess.Popen([sys.executable, "-c", SPIN.format(seconds=seconds)], stdout=subprocess.PIPE)
        for _ in range(n_processes)
    ]
    return sum(int(process.communicate()[0]) for process in running)


def second_core(seconds: float = 0.5) -> float:
    """Return how much more two spinning processes get done than one: 2.0 when both cores are free."""
    return _spin(2, seconds) / max(1, _spin(1, seconds))
