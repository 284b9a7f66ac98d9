"""Models: an image and the model data that it serves."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.hosted.containers import check_container
from pairloom.control_plane.hosted.packages import container_of_package
from pairloom.control_plane.listing import list_of
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.search import Record, searchable
from pairloom.control_plane.service import Service
from pairloom.control_plane.tagging import tags_of
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import AlreadyExistsError

__all__ = ["create_model", "delete_model", "describe_model", "found", "list_models"]

KIND = "model"


@operation("sagemaker", "CreateModel")
def create_model(call: Call) -> dict[str, Any]:
    """Keep a model, whose image and data must be there."""
    asked = dict(call.input)
    tags = tags_of(asked.pop("Tags", []))
    container = _one_container(asked)
    if "ModelPackageName" in container:
        with call.service.database.snapshot() as t:
            container = container_of_package(call.service, t, container)
    check_container(container, call.service.objects)
    name = asked["ModelName"]
    arn = call.service.arn(KIND, name)
    try:
        with call.service.database.transaction() as t:
            t.insert(Resource(KIND, name, arn, document=asked | {"Container": container}))
            t.put_tags(arn, tags)
    except AlreadyExistsError as error:
        message = f'Cannot create already existing model "{arn}".'
        raise AwsError("ValidationException", message) from error
    return {"ModelArn": arn}


@operation("sagemaker", "DescribeModel")
def describe_model(call: Call) -> dict[str, Any]:
    """Answer with what a model was made from."""
    return _described(found(call, KIND, call.input["ModelName"]))


@operation("sagemaker", "ListModels")
def list_models(call: Call) -> dict[str, Any]:
    """List models."""
    return list_of(call, KIND, "Models", _summary)


@operation("sagemaker", "DeleteModel")
def delete_model(call: Call) -> dict[str, Any]:
    """Forget a model; endpoints that serve it go on."""
    model = found(call, KIND, call.input["ModelName"])
    with call.service.database.transaction() as t:
        t.delete(KIND, model.name)
    return {}


def found(call: Call, kind: str, name: str, called: str | None = None) -> Resource:
    """Return a stored resource of an endpoint's family.

    Raises
    ------
    AwsError
        If there is none; waiters and SDKs match its text.
    """
    with call.service.database.snapshot() as t:
        resource = t.get(kind, name)
    if resource is None:
        arn = call.service.arn(kind, name)
        raise AwsError("ValidationException", f'Could not find {called or kind} "{arn}".')
    return resource


def _described(model: Resource) -> dict[str, Any]:
    told = {name: value for name, value in model.document.items() if name != "Container"}
    return (
        {"EnableNetworkIsolation": False} | told | {"ModelArn": model.arn, "CreationTime": model.created_at}
    )


@searchable("Model", kind=KIND)
def _searched(service: Service, model: Resource) -> Record:
    return {"Model": _described(model)}


def _summary(model: Resource) -> dict[str, Any]:
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created_at}


def _one_container(asked: dict[str, Any]) -> dict[str, Any]:
    containers = list(asked.get("Containers") or [])
    if asked.get("PrimaryContainer"):
        containers.insert(0, asked["PrimaryContainer"])
    if len(containers) != 1:
        message = (
            "A model must have one container, as PrimaryContainer or in Containers: Pairloom does not offer "
            f"pipelines of several. Got {len(containers)}."
        )
        raise AwsError("ValidationException", message)
    return containers[0]
