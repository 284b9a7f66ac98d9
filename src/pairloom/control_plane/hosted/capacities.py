"""Other weights and numbers of workers for the variants of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource

__all__ = ["with_capacities"]

MEMBERS = {"DesiredWeight": "Weight", "DesiredInstanceCount": "Count"}


def with_capacities(endpoint: Resource, changes: Mapping[str, Mapping[str, Any]]) -> Resource:
    """Return an endpoint that is to change the capacity of its variants.

    Parameters
    ----------
    endpoint : Resource
    changes : mapping
        ``DesiredWeight`` and ``DesiredInstanceCount`` by variant.

    Raises
    ------
    AwsError
        For a variant that is none, and if no weight is left.
    """
    config = endpoint.document["Config"]
    names = [each["VariantName"] for each in config["Variants"]]
    for name in changes:
        if name not in names:
            raise AwsError("ValidationException", f'Could not find variant "{name}" of {endpoint.arn}.')
    variants = [each | _changed(changes.get(each["VariantName"], {})) for each in config["Variants"]]
    if not any(each["Weight"] > 0 for each in variants):
        raise AwsError("ValidationException", "One of the variants must have a weight above 0. Got none.")
    kept = {name: value for name, value in endpoint.document.items() if name != "FailureReason"}
    document = kept | {"Next": config | {"Variants": variants}}
    return replace(endpoint, status="Updating", document=document)


def _changed(change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: change[told] for told, name in MEMBERS.items() if change.get(told) is not None}
