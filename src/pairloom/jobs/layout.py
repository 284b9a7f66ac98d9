"""Makes the folder of an attempt: an ``/opt/ml`` for each host, and what the shim is to run."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pairloom.container.ports import free_ports
from pairloom.errors import PlatformError, UserError
from pairloom.jobs.attempt_files import AttemptFiles, write_json
from pairloom.jobs.specification import OPT_ML, Channel, InputFile, JobSpecification, Record

__all__ = ["RESULTS", "lay_out"]

RESULTS = {"model.tar.gz": "model", "output.tar.gz": "output/data"}
"""Archives of results, and the folder of each host that they hold."""


def lay_out(job: JobSpecification, files: AttemptFiles, logs: Mapping[str, Path]) -> None:
    """Fill the folder of an attempt, which must be there and hold nothing but its lock.

    Parameters
    ----------
    job : JobSpecification
    files : AttemptFiles
    logs : mapping of str to path
        Where the log of each host goes.

    Raises
    ------
    UserError
        If the files of a channel cannot lie side by side, or a host would get none.
    PlatformError
        If the disk does not take them.
    """
    try:
        sources = {
            channel.name: _sources(channel, files) for channel in job.channels if channel.mode == "Pipe"
        }
        addresses = _addresses(job.hosts)
        hosts = [
            {
                **_host(job, name, files, addresses),
                "log": str(logs[name]),
                "feed": _feed(job, name, files, sources),
            }
            for name in job.hosts
        ]
    except OSError as error:
        raise PlatformError(
            f"Training job: {files.folder} must be writable and have room. Got: {error.strerror or error}. "
            "Free space on that disk."
        ) from error
    launch = {
        "hosts": hosts,
        "max_runtime_s": job.max_runtime_s,
        "grace_s": job.grace_s,
        "patience_s": job.patience_s,
        "metrics": dict(job.metrics),
        "results": RESULTS,
    }
    write_json(files.launch, launch)


def _host(
    job: JobSpecification, name: str, files: AttemptFiles, addresses: Mapping[str, str]
) -> dict[str, Any]:
    root = files.host(name)
    for part in ("input/config", "input/data", "model", "output/data", "code"):
        (root / part).mkdir(parents=True)
    rank = job.hosts.index(name)
    for channel in job.channels:
        if channel.mode != "Pipe":
            _place_files(channel, root / "input" / "data" / channel.name, rank, len(job.hosts))
    for path, archive in job.archives.items():
        _place(archive, _under(root, path))
    if job.checkpoints is not None:
        link = _under(root, str(PurePosixPath(job.checkpoints_at).relative_to(OPT_ML)))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(job.checkpoints, target_is_directory=True)
    _configure(job, name, root)
    environment = {
        **job.environment,
        **addresses,
        "PAIRLOOM_ML_ROOT": str(root),
        "SAGEMAKER_BASE_DIR": str(root),
        "TMPDIR": str(_made(files.folder / "tmp" / name)),
        "CURRENT_HOST": name,
    }
    return {
        "name": name,
        "command": [_moved(word, root) for word in job.command],
        "environment": environment,
        "folder": str(root / "code"),
        "memory_bytes": job.memory_bytes,
        "has_opt_ml": job.has_opt_ml,
        "is_isolated": job.is_isolated,
    }


def _configure(job: JobSpecification, name: str, root: Path) -> None:
    resources = {
        "current_host": name,
        "hosts": list(job.hosts),
        "network_interface_name": "lo",
        "current_instance_type": job.instance_type,
        "current_group_name": "homogeneousCluster",
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": job.instance_type,
                "hosts": list(job.hosts),
            }
        ],
    }
    content: dict[str, Any] = {
        "hyperparameters": dict(job.hyperparameters),
        "inputdataconfig": {channel.name: dict(channel.words) for channel in job.channels},
        "resourceconfig": resources,
        **job.configuration,
    }
    for file, value in content.items():
        (root / "input" / "config" / f"{file}.json").write_text(json.dumps(value), encoding="utf-8")


def _place_files(channel: Channel, folder: Path, rank: int, n_hosts: int) -> None:
    folder.mkdir(parents=True)
    records = channel.records
    if channel.is_sharded and n_hosts > 1:
        records = records[rank::n_hosts]
        if not records:
            raise UserError(
                f"Channel '{channel.name}': must hold an object for each of {n_hosts} hosts, for it is "
                f"ShardedByS3Key. Got {len(channel.records)}. Split the data into more objects, or use fewer hosts."
            )
    for record in records:
        for part in record:
            if isinstance(part, InputFile):
                _place(part, folder / part.name, channel.name)


def _place(file: InputFile, target: Path, channel: str = "") -> None:
    owner = f"Channel '{channel}'" if channel else "Training job"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise FileExistsError
        file.place(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UserError(
            f"{owner}: {file.label or file.name} cannot become the file {file.name}, for another object takes that "
            "name or a folder of it. Rename one, or use Pipe mode."
        ) from error


def _sources(channel: Channel, files: AttemptFiles) -> Path:
    """Bring what a pipe streams into a folder that the job does not see; returns the list of its records."""
    folder = _made(files.sources / channel.name)
    records = files.sources / f"{channel.name}.jsonl"
    with records.open("w", encoding="utf-8") as file:
        for number, record in enumerate(channel.records):
            file.write(json.dumps([*_parts(record, folder, number)]) + "\n")
    return records


def _parts(record: Record, folder: Path, number: int) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    for index, part in enumerate(record):
        if isinstance(part, bytes):
            parts.append({"data": base64.b64encode(part).decode("ascii")})
        else:
            target = folder / f"{number}-{index}"
            part.place(target)
            parts.append({"file": str(target), "name": part.label or part.name})
    return parts


def _feed(job: JobSpecification, host: str, files: AttemptFiles, sources: Mapping[str, Path]) -> str | None:
    if not sources:
        return None
    path = files.folder / f"feed-{host}.json"
    channels = [
        {
            "name": channel.name,
            "folder": str(files.host(host) / "input" / "data"),
            "records": str(sources[channel.name]),
            "is_compressed": channel.is_compressed,
            "is_wrapped": channel.is_wrapped,
            "seed": channel.seed,
            "rank": job.hosts.index(host) if channel.is_sharded and len(job.hosts) > 1 else None,
            "n_hosts": len(job.hosts),
        }
        for channel in job.channels
        if channel.mode == "Pipe"
    ]
    write_json(path, {"channels": channels, "faults": str(files.folder / f"feeding-{host}.json")})
    return str(path)


def _addresses(hosts: tuple[str, ...]) -> dict[str, str]:
    """Return variables by which the hosts find one another on this machine."""
    if len(hosts) == 1:
        return {}
    ports = dict(zip(hosts, free_ports(len(hosts)), strict=True))
    return {
        "PAIRLOOM_HOSTS_TOKEN": secrets.token_hex(16),
        "PAIRLOOM_HOSTS_ADDRESSES": ",".join(f"{name}=127.0.0.1:{port}" for name, port in ports.items()),
    }


def _under(root: Path, path: str) -> Path:
    target = root / path
    if ".." in PurePosixPath(path).parts or not target.is_relative_to(root):
        raise UserError(f"Training job: a path must stay under {OPT_ML}. Got {path!r}.")
    return target


def _moved(word: str, root: Path) -> str:
    return str(root) + word.removeprefix(OPT_ML) if word == OPT_ML or word.startswith(f"{OPT_ML}/") else word


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
