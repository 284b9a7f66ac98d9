"""Containers of models: what an image stands for, and whether the model data is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairloom.algorithms.catalogue import algorithm_names
from pairloom.control_plane.hosted.locations import below, link_folder, link_object, parse_s3_url
from pairloom.control_plane.training.images import built_in_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.object_storage import ObjectStore
from pairloom.object_storage.errors import StorageError

__all__ = ["check_container", "is_script", "place_model"]

Container = Mapping[str, Any]
UNOFFERED = {
    "MultiModelConfig": "several models behind one container",
    "AdditionalModelDataSources": "additional model data",
    "ImageConfig": "private registries",
}


def check_container(container: Container, objects: ObjectStore) -> None:
    """Refuse a container that can never serve.

    Raises
    ------
    AwsError
        For an image that nothing here answers to, model data that is not there, and what is not offered.
    """
    for member, meaning in UNOFFERED.items():
        if container.get(member):
            raise AwsError(
                "ValidationException", f"{member}: Pairloom does not offer {meaning}. Leave it out."
            )
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise AwsError("ValidationException", "Mode must be SingleModel. Pairloom does not offer MultiModel.")
    image = container.get("Image")
    if not image:
        raise AwsError("ValidationException", "A container must have an Image or a ModelPackageName.")
    if is_script(container):
        _check_source(container["Environment"], objects)
    elif built_in_of(image) is None:
        known = ", ".join(algorithm_names())
        raise AwsError(
            "ValidationException",
            f"Requested image {image} not found: the last part of its name must be one of {known}.",
        )
    url, is_prefix = model_data(container)
    if url is None:
        raise AwsError(
            "ValidationException", "A container must have a ModelDataUrl: there is no model without."
        )
    bucket, key = parse_s3_url(url, "ModelDataUrl")
    try:
        there = next(below(objects, bucket, key), None) if is_prefix else objects.head(bucket, key)
    except StorageError:
        there = None
    if there is None:
        raise AwsError("ValidationException", f"Could not find model data at {url}.")


def is_script(container: Container) -> bool:
    """Whether a container answers by somebody's own code: script mode."""
    return bool(container.get("Environment", {}).get("SAGEMAKER_PROGRAM"))


def _check_source(environment: Mapping[str, str], objects: ObjectStore) -> None:
    named = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if not named.startswith("s3://"):
        return  # it is in the model data, which is looked into when workers start
    bucket, key = parse_s3_url(named, "SAGEMAKER_SUBMIT_DIRECTORY")
    try:
        objects.head(bucket, key)
    except StorageError as error:
        raise AwsError("ValidationException", f"Could not find the source at {named}.") from error


def model_data(container: Container) -> tuple[str | None, bool]:
    """Return the address of the model data, and whether it is a prefix of loose files.

    Raises
    ------
    AwsError
        For an archive that is not compressed with gzip.
    """
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl"), False
    if container.get("ModelDataUrl"):
        raise AwsError(
            "ValidationException", "A container must have ModelDataUrl or ModelDataSource. Got both."
        )
    is_prefix = source["S3DataType"] == "S3Prefix" and source["CompressionType"] == "None"
    if not is_prefix and source["CompressionType"] != "Gzip":
        message = (
            "ModelDataSource must be an S3Object compressed with Gzip, or an S3Prefix without compression."
        )
        raise AwsError("ValidationException", message)
    return source["S3Uri"], is_prefix


def place_model(container: Container, objects: ObjectStore, folder: Path) -> Path:
    """Bring the model data of a container into a folder, unless it is there, and return its path.

    Raises
    ------
    UserError
        If it is not in the object store any more.
    """
    url, is_prefix = model_data(container)
    assert url is not None
    bucket, key = parse_s3_url(url, "ModelDataUrl")
    target = folder / ("model" if is_prefix else "model.tar.gz")
    if is_prefix:
        link_folder(objects, bucket, key, target)
    else:
        link_object(objects, bucket, key, target)
    return target
