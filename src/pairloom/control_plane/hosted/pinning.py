"""What an endpoint serves, pinned when it is created or updated: models may be deleted while it goes on."""

from __future__ import annotations

import secrets
from typing import Any

from pairloom.control_plane.service import Service
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Transaction

__all__ = ["pinned"]


def pinned(service: Service, t: Transaction, config_name: str) -> dict[str, Any]:
    """Return a configuration with the containers of its models, under a new generation.

    Raises
    ------
    AwsError
        If the configuration, or one of its models, is not there.
    """
    config = t.get("endpoint-config", config_name)
    if config is None:
        arn = service.arn("endpoint-config", config_name)
        raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".')
    variants: list[dict[str, Any]] = []
    for variant in config.document["ProductionVariants"]:
        model = t.get("model", variant["ModelName"])
        if model is None:
            arn = service.arn("model", variant["ModelName"])
            raise AwsError("ValidationException", f'Could not find model "{arn}".')
        serverless = variant.get("ServerlessConfig", {})
        made = {
            "Container": model.document["Container"],
            "Weight": variant.get("InitialVariantWeight", 1.0),
            "Count": variant.get("InitialInstanceCount", serverless.get("MaxConcurrency", 1)),
        }
        variants.append(variant | made)
    kept = {
        name: config.document[name]
        for name in ("DataCaptureConfig", "AsyncInferenceConfig", "KmsKeyId")
        if name in config.document
    }
    return {
        "EndpointConfigName": config.name,
        "Generation": secrets.token_hex(6),
        "Variants": variants,
        **kept,
    }
