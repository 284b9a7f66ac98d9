"""From a request and the settings to what a job runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pairloom
from pairloom.control_plane.credentials_file import FILE as CREDENTIALS_FILE
from pairloom.control_plane.service import Service
from pairloom.control_plane.training.channels import channel_of, file_in
from pairloom.control_plane.training.images import Program, metric_definitions_of, program_of
from pairloom.database import Resource
from pairloom.errors import UserError
from pairloom.jobs.specification import OPT_ML, InputFile, JobSpecification

__all__ = ["DataDownloadError", "hosts_of", "may_begin_again", "plan"]

SOURCE_PATH = "input/config/sourcedir.tar.gz"
TAKEN = ("input", "model", "output", "code", "packages")
"""Folders of a job that are not for checkpoints."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""Variables of the service that its jobs get."""


class DataDownloadError(UserError):
    """A channel's data cannot be brought to the job."""


def hosts_of(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the hosts, sorted."""
    resources = request["ResourceConfig"]
    groups = resources.get("InstanceGroups") or []
    n_hosts = resources.get("InstanceCount") or sum(group["InstanceCount"] for group in groups) or 1
    return tuple(sorted(f"algo-{number + 1}" for number in range(n_hosts)))


def may_begin_again(request: Mapping[str, Any], program: Program) -> bool:
    """Whether a job whose processes were lost is begun again.

    An algorithm of the catalogue reads and writes its own files only. A program of somebody's own is begun again if
    it keeps checkpoints, is meant for spot instances, or says so by its retry strategy.
    """
    asks = ("CheckpointConfig", "EnableManagedSpotTraining", "RetryStrategy")
    return program.is_built_in or any(request.get(name) for name in asks)


def plan(service: Service, job: Resource, checkpoints: Path, *, n_threads: int) -> JobSpecification:
    """Return what a job runs.

    Parameters
    ----------
    service : Service
    job : Resource
    checkpoints : path
        Where its checkpoints are kept, if it asks for any.
    n_threads : int
        That each of its hosts may use.

    Raises
    ------
    DataDownloadError
        If a channel's data is not there.
    UserError
        For whatever else the request cannot mean.
    """
    request = job.document["request"]
    specification, hyperparameters = request["AlgorithmSpecification"], request.get("HyperParameters", {})
    program = program_of(specification, hyperparameters, service.settings.images)
    try:
        channels = tuple(
            channel_of(
                given, specification["TrainingInputMode"], service.objects, by_copy=not program.is_built_in
            )
            for given in request.get("InputDataConfig", [])
        )
    except UserError as error:
        raise DataDownloadError(str(error)) from error
    limit_s = request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
    keeps = request.get("CheckpointConfig")
    at = keeps.get("LocalPath", f"{OPT_ML}/checkpoints") if keeps else f"{OPT_ML}/checkpoints"
    _check_local_path(at)
    resources = request["ResourceConfig"]
    hosts = hosts_of(request)
    return JobSpecification(
        job.name,
        program.command,
        _environment(service, job, program, n_threads),
        hyperparameters,
        channels,
        hosts=hosts,
        instance_type=resources.get("InstanceType", "local"),
        max_runtime_s=max(0.0, limit_s - job.document["ran_s"]),
        checkpoints=checkpoints if keeps or request.get("EnableManagedSpotTraining") else None,
        checkpoints_at=at,
        metrics=metric_definitions_of(specification),
        memory_bytes=None if program.is_built_in else service.settings.job_memory_bytes or _machine_memory(),
        has_opt_ml=not program.is_built_in,
        is_isolated=not program.is_built_in
        and len(hosts) == 1
        and bool(request.get("EnableNetworkIsolation")),
        archives=_archives(service, program),
        configuration=_configuration(request),
    )


def _check_local_path(path: str) -> None:
    named = PurePosixPath(path)
    below = named.relative_to(OPT_ML).parts if named.is_relative_to(OPT_ML) else ()
    if not below or ".." in below or below[0] in TAKEN:
        raise UserError(
            f"CheckpointConfig: LocalPath must be a folder of its own under {OPT_ML}, such as {OPT_ML}/checkpoints. "
            f"Got {path!r}."
        )


def _environment(service: Service, job: Resource, program: Program, n_threads: int) -> dict[str, str]:
    request = job.document["request"]
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    home = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if home:  # this package is not installed, or something beside it; the job's folder is another one
        home.insert(0, str(Path(pairloom.__file__).parents[1]))
    given = dict(request.get("Environment", {}))
    environment = {
        **own,
        **({} if program.is_built_in else {"PATH": _path(), **_ways_to_the_service(service)}),
        **({"PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in home)} if home else {}),
        "PYTHONUNBUFFERED": "1",
        **given,
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "AWS_REGION": service.region,
        "AWS_DEFAULT_REGION": service.region,
        "SM_NUM_CPUS": str(n_threads),
        "PAIRLOOM_NUM_THREADS": str(n_threads),
    }
    if program.source is not None:
        environment["PAIRLOOM_SCRIPT_REQUIREMENTS"] = service.settings.requirements
    return environment


def _path() -> str:
    """Return where programs are looked for: those beside this Python first, so that ``python3`` is this one."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def _ways_to_the_service(service: Service) -> dict[str, str]:
    """Return variables by which a program's own clients of AWS find this service, as a role lets them on SageMaker."""
    from pairloom.control_plane.running import ADDRESS_FILE  # which imports every resource

    try:
        url = json.loads((service.data / ADDRESS_FILE).read_bytes())["url"]
    except FileNotFoundError:  # it is not served by `pairloom up`
        return {}
    return {"AWS_ENDPOINT_URL": url, "AWS_SHARED_CREDENTIALS_FILE": str(service.data / CREDENTIALS_FILE)}


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _archives(service: Service, program: Program) -> dict[str, InputFile]:
    if program.source is None or not program.source.startswith("s3://"):
        return {}
    owner = "sagemaker_submit_directory"
    return {SOURCE_PATH: file_in(service.objects, program.source, "sourcedir.tar.gz", owner)}


def _configuration(request: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if request.get("CheckpointConfig"):
        keeps = request["CheckpointConfig"]
        found["checkpointconfig"] = {
            "S3Uri": keeps["S3Uri"],
            "LocalPath": keeps.get("LocalPath", f"{OPT_ML}/checkpoints"),
        }
    for member, file in (
        ("DebugHookConfig", "debughookconfig"),
        ("TensorBoardOutputConfig", "tensorboardoutputconfig"),
        ("ProfilerConfig", "profilerconfig"),
    ):
        if request.get(member):
            found[file] = json.loads(json.dumps(request[member]))
    return found
