"""A job on several hosts as processes of this machine: one ``/opt/ml`` each, watched until all end."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pairloom.container.faults import Fault, write_failure
from pairloom.container.folders import Folders
from pairloom.container.hosts import ADDRESSES, TOKENS
from pairloom.container.ports import free_ports
from pairloom.container.stopping import StopRequest
from pairloom.container.threads import THREADS_VARIABLES, job_threads

__all__ = ["run_local_hosts"]

SHARD_VARIABLE = "PAIRLOOM_SHARD_CHANNELS"
GRACE_S = 30.0
POLL_S = 0.05
LOG = "log.txt"


@dataclass(frozen=True, slots=True)
class LocalHost:
    """A host and its process."""

    name: str
    folders: Folders
    process: subprocess.Popen[bytes]


def run_local_hosts(
    folders: Folders,
    algorithm: str | None,
    n_hosts: int,
    *,
    environment: Mapping[str, str],
    stop: StopRequest,
    tell: Callable[[str], None],
) -> int:
    """Run the job that lies in `folders` on so many processes; channels that are ``ShardedByS3Key`` are dealt by file.

    The trees of the hosts are made under ``hosts/``, with the log of each but the first; the model of the first is
    the job's. When one host ends badly, the others hear of it from it; those that do not end by themselves are ended.

    Parameters
    ----------
    folders : Folders
    algorithm : str, optional
    n_hosts : int
    environment : mapping of str to str
        The threads that it grants are divided among the hosts.
    stop : StopRequest
        When it is set, all hosts are asked to stop.
    tell : callable
        Takes a sentence for the log.

    Returns
    -------
    int
        Exit code: 0, or that of the host that ended badly first, whose reason is in ``output/failure``.
    """
    hosts = _start(folders, algorithm, n_hosts, environment)
    first_failed: LocalHost | None = None
    asked_to_stop, deadline = False, float("inf")
    try:
        while any(host.process.poll() is None for host in hosts):
            if first_failed is None:
                first_failed = next((host for host in hosts if host.process.poll()), None)
                deadline = time.monotonic() + GRACE_S if first_failed else deadline
            if stop and not asked_to_stop:
                asked_to_stop = True
                for host in hosts:
                    host.process.terminate()
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
    finally:
        for host in hosts:
            host.process.kill()  # of no effect where it has ended
            host.process.wait()
    failed = first_failed or next((host for host in hosts if host.process.returncode), None)
    if failed is None:
        _take_results(hosts[0].folders, folders)
        return 0
    fault = _reason(failed, hosts)
    write_failure(fault, folders)
    tell(f"{fault.kind}: {fault.message}")
    return fault.exit_code


def _start(
    folders: Folders, algorithm: str | None, n_hosts: int, environment: Mapping[str, str]
) -> list[LocalHost]:
    names = sorted(f"algo-{number + 1}" for number in range(n_hosts))
    ports = dict(zip(names, free_ports(n_hosts), strict=True))
    n_threads = max(1, job_threads(environment) // n_hosts)
    variables = {
        **environment,
        THREADS_VARIABLES[0]: str(n_threads),
        TOKENS[0]: secrets.token_hex(16),
        ADDRESSES: ",".join(f"{name}=127.0.0.1:{port}" for name, port in ports.items()),
        SHARD_VARIABLE: "1",
    }
    folders.failure.unlink(missing_ok=True)
    shutil.rmtree(folders.root / "hosts", ignore_errors=True)
    hosts: list[LocalHost] = []
    for name in names:
        own = _tree(folders, name, names)
        command = [sys.executable, "-m", "pairloom.container", *([algorithm] if algorithm else [])]
        command += ["--root", str(own.root)]
        if name == names[0]:
            process = subprocess.Popen(command, env=variables)  # noqa: S603 - this Python and a module of ours
        else:
            with (own.root / LOG).open("wb") as log:
                process = subprocess.Popen(  # noqa: S603 - as above
                    command, env=variables, stdout=log, stderr=subprocess.STDOUT
                )
        hosts.append(LocalHost(name, own, process))
    return hosts


def _tree(folders: Folders, name: str, names: list[str]) -> Folders:
    own = Folders(folders.root / "hosts" / name)
    own.model.mkdir(parents=True)
    own.output_data.mkdir(parents=True)
    own.configuration.mkdir(parents=True)
    for path in folders.configuration.glob("*.json"):
        shutil.copy(path, own.configuration)
    described = {"current_host": name, "hosts": names, "network_interface_name": "lo"}
    (own.configuration / "resourceconfig.json").write_text(json.dumps(described), encoding="utf-8")
    _share(folders.data, own.data)
    if folders.checkpoints.is_dir() or (folders.configuration / "checkpointconfig.json").exists():
        folders.checkpoints.mkdir(exist_ok=True)
        _share(folders.checkpoints, own.checkpoints)
    return own


def _share(shared: Path, own: Path) -> None:
    if shared.is_dir():
        own.symlink_to(shared, target_is_directory=True)


def _take_results(first: Folders, job: Folders) -> None:
    for made, place in ((first.model, job.model), (first.output_data, job.output_data)):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)


def _reason(failed: LocalHost, hosts: list[LocalHost]) -> Fault:
    """Return what the host that ended first wrote; one that was killed wrote nothing."""
    code = failed.process.returncode
    if failed.folders.failure.exists():
        kind, _, message = failed.folders.failure.read_text(encoding="utf-8").partition("\n")
        if kind in ("ClientError", "AlgorithmError", "InternalServerError"):
            return Fault(kind, message.strip(), code if code > 0 else 1)
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    log = "its output" if failed is hosts[0] else str(failed.folders.root / LOG)
    return Fault(
        "InternalServerError", f"Host '{failed.name}' ended {how} and left no reason. Look into {log}.", 1
    )
