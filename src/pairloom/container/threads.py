"""How many threads a job may use, settled before any library counts cores for itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from pairloom.container.variables import whole_number

__all__ = ["available_cores", "job_threads", "limit_libraries"]

THREADS_VARIABLES = ("PAIRLOOM_NUM_THREADS", "SM_NUM_CPUS")
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
MOST = 1024
CGROUPS = Path("/sys/fs/cgroup")


def job_threads(environment: Mapping[str, str]) -> int:
    """Return ``PAIRLOOM_NUM_THREADS``, else ``SM_NUM_CPUS``, else the cores that this process may use.

    Raises
    ------
    UserError
        For a value that is no integer in [1, 1024].
    """
    for name in THREADS_VARIABLES:
        if environment.get(name, "").strip():
            return whole_number(environment, name, 1, most=MOST)
    return available_cores()


def available_cores(cgroups: Path = CGROUPS) -> int:
    """Count the cores that affinity and the control group leave to this process, at least 1."""
    has_affinity = hasattr(os, "sched_getaffinity")
    n_cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = _quota(cgroups)
    return max(1, min(n_cores, MOST, n_cores if quota is None else int(quota)))


def limit_libraries(n_threads: int, environment: MutableMapping[str, str]) -> None:
    """Have numpy's and other libraries start no more threads, unless the environment says otherwise."""
    for name in LIBRARIES:
        environment.setdefault(name, str(n_threads))


def _quota(cgroups: Path) -> float | None:
    """Return the cores that the control group grants (version 2, else 1); None where it sets no limit."""
    for quota_file, period_file in (("cpu.max", None), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = (cgroups / quota_file).read_text().split()
            if period_file is not None:
                words += (cgroups / period_file).read_text().split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # absent, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None
