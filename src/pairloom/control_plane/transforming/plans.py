"""From a request to what a transform job runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.control_plane.hosted.containers import model_data
from pairloom.control_plane.hosted.locations import below, parse_s3_url
from pairloom.control_plane.service import Service
from pairloom.control_plane.training.channels import channel_of
from pairloom.control_plane.training.images import built_in_of
from pairloom.database import Resource
from pairloom.errors import UserError
from pairloom.hosting.transform_process import CHANNEL, CONFIGURATION, MODEL
from pairloom.jobs.specification import InputFile, JobSpecification, safe_name

if TYPE_CHECKING:
    from pairloom.serving.transform import TransformSettings

__all__ = ["HOST", "plan", "transform_settings"]

HOST = "algo-1"
MODULE = "pairloom.hosting.transform_process"
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
GUARDED = ("PYTHON", "LD_", "DYLD_", "PAIRLOOM_")
MODEL_FOLDER = "transformed-model"


def transform_settings(request: Mapping[str, Any]) -> TransformSettings:
    """Read what a request asks for; what it leaves out is SageMaker's default.

    Raises
    ------
    UserError
        For settings that contradict each other.
    """
    from pairloom.serving.transform import TransformSettings  # brings numpy, which an idle service needs not

    given, output = request["TransformInput"], request["TransformOutput"]
    processing = request.get("DataProcessing", {})
    asked: dict[str, Any] = {
        "content_type": given.get("ContentType") or None,
        "accept": output.get("Accept") or None,
        "split_type": given.get("SplitType", "None"),
        "batch_strategy": request.get("BatchStrategy", "MultiRecord"),
        "max_payload_in_mb": request.get("MaxPayloadInMB", 6),
        "max_concurrent_transforms": request.get("MaxConcurrentTransforms", 0) or 1,
        "assemble_with": output.get("AssembleWith", "None"),
        "input_filter": processing.get("InputFilter", "$"),
        "output_filter": processing.get("OutputFilter", "$"),
        "join_source": processing.get("JoinSource", "None"),
    }
    if "CompressionType" in given:
        asked["compression_type"] = given["CompressionType"]
    return TransformSettings(**asked)


def plan(service: Service, job: Resource, answers: Path) -> JobSpecification:
    """Return what a job runs.

    Parameters
    ----------
    service : Service
    job : Resource
    answers : Path
        Folder that outlives an attempt.

    Raises
    ------
    UserError
        If input or model are not there.
    """
    request, container = job.document["request"], job.document["Container"]
    source = {"ChannelName": CHANNEL, "DataSource": request["TransformInput"]["DataSource"]}
    channel = channel_of(source, "File", service.objects, by_copy=False)
    model, archives = _model(service, container)
    configuration = {
        "model": model,
        "output": str(answers),
        "algorithm": built_in_of(container["Image"]),
        "settings": asdict(transform_settings(request)),
    }
    return JobSpecification(
        job.name,
        (sys.executable, "-m", MODULE),
        _environment(service, request, container),
        {},
        (channel,),
        hosts=(HOST,),
        instance_type=request["TransformResources"]["InstanceType"],
        archives=archives,
        configuration={CONFIGURATION: configuration},
    )


def _model(service: Service, container: Mapping[str, Any]) -> tuple[str, dict[str, InputFile]]:
    """Return the path of the model under the root of the host, and its files."""
    url, is_prefix = model_data(container)
    assert url is not None
    bucket, key = parse_s3_url(url, "ModelDataUrl")
    store = service.objects
    if not is_prefix:
        store.head(bucket, key)
        return MODEL, {MODEL: InputFile(MODEL, partial(store.link, bucket, key), url)}
    found = {
        safe_name(each.key[len(key) :], f"s3://{bucket}/{each.key}"): each.key
        for each in below(store, bucket, key)
        if not each.key.endswith("/")
    }
    if not found:
        raise UserError(f"{url}: there must be objects below it. Got none.")
    return MODEL_FOLDER, {
        f"{MODEL_FOLDER}/{name}": InputFile(
            name, partial(store.link, bucket, whole), f"s3://{bucket}/{whole}"
        )
        for name, whole in found.items()
    }


def _environment(
    service: Service, request: Mapping[str, Any], container: Mapping[str, Any]
) -> dict[str, str]:
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    home = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    given = {**container.get("Environment", {}), **request.get("Environment", {})}
    kept = {name: value for name, value in given.items() if not name.startswith(GUARDED)}
    environment = {
        **kept,
        **own,
        "PYTHONUNBUFFERED": "1",
        "SAGEMAKER_BATCH": "true",
        "AWS_REGION": service.region,
    }
    if home:
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in home)
    return environment
