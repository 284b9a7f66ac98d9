"""From the stored configuration of an endpoint to its variants: model data on disk, workers, capture."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.control_plane.hosted.capturing import capture_writer
from pairloom.control_plane.hosted.containers import is_script, place_model
from pairloom.control_plane.hosted.scripts import place_script
from pairloom.control_plane.hosted.worker_logs import WorkerLogs
from pairloom.control_plane.training.images import built_in_of
from pairloom.errors import PlatformError
from pairloom.hosting.capture import CaptureWriter
from pairloom.hosting.deployment import Deployment, Variant
from pairloom.hosting.pool import PoolLimits, WorkerPool
from pairloom.hosting.worker import WorkerPlan
from pairloom.serving.settings import MIB, EndpointSettings

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["Place", "build_captures", "build_deployment", "n_workers_of", "sockets_folder"]

INVOCATION_S = 60.0
"""Seconds a model has to answer, as on SageMaker."""
ASYNC_INVOCATION_S = 900.0
MAX_BODY_MB, MAX_ASYNC_BODY_MB = 25, 1024
SERVERLESS_IDLE_S = 300.0
PER_WORKER = 32
"""Requests that a worker has at once; a script gets one after the other."""
SCRIPT_WORKER = "pairloom.hosting.script_worker"
LONGEST_SOCKET = 90
GUARDED = ("PYTHON", "LD_", "DYLD_", "PAIRLOOM_")
"""Variables that would change the worker itself are not a model's to set."""
Document = Mapping[str, Any]


def n_workers_of(variant: Document, n_cores: int) -> int:
    """Return how many workers a variant gets for its instances: one each, and not more than there are cores."""
    return max(1, min(variant["Count"], n_cores))


def sockets_folder(data: Path) -> Path:
    """Return a folder for sockets, of this user alone: in the data folder, or elsewhere if its path is too long.

    One elsewhere is named after the data folder, so that what a killed service left is found again.

    Raises
    ------
    PlatformError
        If there is another user's file or folder of that name.
    """
    folder = data / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET - 14:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"pairloom-run-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PlatformError(
            f"{folder}: it must be a folder of this user alone. Remove it, or move the data folder."
        )
    for left in folder.iterdir():  # of a service that was killed
        left.unlink()
    return folder


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workers of an endpoint live.

    Parameters
    ----------
    folder : Path
        Of this generation of the endpoint.
    sockets : Path
    logs : WorkerLogs
    n_cores : int
        Most workers of a variant.
    """

    folder: Path
    sockets: Path
    logs: WorkerLogs
    n_cores: int


def build_deployment(service: Service, config: Document, place: Place) -> Deployment:
    """Bring the model data of all variants to disk and describe their workers; none is started. Blocks.

    Parameters
    ----------
    service : Service
    config : mapping
        As `pairloom.control_plane.hosted.pinning` makes it.
    place : Place

    Raises
    ------
    UserError, PlatformError
        If model data is gone, or does not fit on the disk.
    """
    variants = [_variant(service, each, config, place) for each in config["Variants"]]
    weights = {each["VariantName"]: float(each["Weight"]) for each in config["Variants"]}
    return Deployment(variants, weights, random.SystemRandom())


def build_captures(service: Service, endpoint: str, config: Document) -> dict[str, CaptureWriter]:
    """Return what writes down requests, by variant; nothing if the configuration asks for none."""
    asked = config.get("DataCaptureConfig")
    if not asked or not asked.get("EnableCapture", True):
        return {}
    names = [each["VariantName"] for each in config["Variants"]]
    return {name: capture_writer(service, endpoint, name, asked) for name in names}


def _variant(service: Service, variant: Document, config: Document, place: Place) -> Variant:
    container, name = variant["Container"], variant["VariantName"]
    own = place.folder / name
    work = own / "work"
    work.mkdir(parents=True, exist_ok=True)
    environment: Mapping[str, str] = container.get("Environment", {})
    is_async = bool(config.get("AsyncInferenceConfig"))
    settings = EndpointSettings(
        max_body_bytes=(MAX_ASYNC_BODY_MB if is_async else MAX_BODY_MB) * MIB,
        max_concurrent=1024,
        timeout_s=ASYNC_INVOCATION_S if is_async else INVOCATION_S,
        access_log=False,
        default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ""),
    )
    kept = {key: value for key, value in environment.items() if not key.startswith(GUARDED)}
    plan = WorkerPlan(
        model=own,
        settings=settings,
        sockets=place.sockets,
        environment=kept,
        work=work,
        on_log=place.logs.of(name),
    )
    if is_script(container):
        script = place_script(service, container, own)
        plan = replace(
            plan,
            model=script.model,
            environment=kept | dict(script.variables),
            module=SCRIPT_WORKER,
            repeatable=False,
        )
    else:
        model = place_model(container, service.objects, own)
        plan = replace(plan, model=model, algorithm=built_in_of(container["Image"]) or "")
    limits = PoolLimits(
        per_worker=1 if is_script(container) else PER_WORKER,
        start_s=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", 480),
        idle_s=SERVERLESS_IDLE_S if "ServerlessConfig" in variant else service.settings.endpoint_idle_s,
    )
    return Variant(name, WorkerPool(plan, n_workers_of(variant, place.n_cores), limits), variant["Count"])
