"""Model packages as models are made from them."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.service import Service
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction

__all__ = ["UNVERSIONED", "VERSIONED", "container_of_package", "package_of"]

VERSIONED, UNVERSIONED = "model-package", "unversioned-model-package"


def package_of(service: Service, t: Transaction, name_or_arn: str) -> Resource:
    """Return a package by its ARN, its name, or ``GROUP/VERSION``.

    Raises
    ------
    AwsError
        If there is none.
    """
    if name_or_arn.startswith("arn:"):
        found = t.get_arn(name_or_arn)
        if found is not None and found.kind not in (VERSIONED, UNVERSIONED):
            found = None
        arn = name_or_arn
    else:
        found = t.get(UNVERSIONED, name_or_arn) or t.get(VERSIONED, name_or_arn)
        arn = service.arn(VERSIONED, name_or_arn)
    if found is None:
        raise AwsError("ValidationException", f"ModelPackage {arn} does not exist.")
    return found


def container_of_package(service: Service, t: Transaction, container: dict[str, Any]) -> dict[str, Any]:
    """Return a container with what the package that it names holds; its own environment goes first.

    Raises
    ------
    AwsError
        If the package is not there, not approved, or holds no single container.
    """
    package = package_of(service, t, container["ModelPackageName"])
    approval = package.document.get("ModelApprovalStatus", "Approved")
    if approval != "Approved":
        message = f"Model Package {package.arn} must be Approved to be deployed. It is {approval}."
        raise AwsError("ValidationException", message)
    containers = package.document.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        message = (
            f"Model Package {package.arn} must hold one container to be deployed. Got {len(containers)}."
        )
        raise AwsError("ValidationException", message)
    held: dict[str, Any] = containers[0]
    environment = {**held.get("Environment", {}), **container.get("Environment", {})}
    taken = {name: held[name] for name in ("Image", "ModelDataUrl", "ModelDataSource") if name in held}
    return taken | ({"Environment": environment} if environment else {})
