"""botocore's service models, loaded when first needed, and what the wire adds to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

from botocore.loaders import Loader
from botocore.model import ServiceModel

from pairloom.control_plane.wire.request import RequestHead

__all__ = ["SERVICE_IDS", "Operation", "WireService", "wire_service"]

SERVICE_IDS = (
    "sagemaker", "sagemaker-runtime", "sagemaker-metrics", "s3", "sts", "iam", "logs", "cloudwatch",
    "application-autoscaling",
)  # fmt: skip
"""Every service that is spoken, as botocore names it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a service model.

    Parameters
    ----------
    name : str
    input_shape, output_shape : botocore.model.StructureShape or None
    http : mapping
        Method, requestUri and responseCode.
    """

    name: str
    input_shape: Any
    output_shape: Any
    http: Mapping[str, Any]


class WireService:
    """One service of AWS: its model, and how a request names its operations.

    Parameters
    ----------
    service_id : str
        As botocore names it.
    """

    def __init__(self, service_id: str) -> None:
        self.id = service_id
        model: Any = ServiceModel(_loader().load_service_model(service_id, "service-2"), service_id)
        metadata: dict[str, Any] = model.metadata
        self.model = model
        self.full_name: str = metadata["serviceFullName"]
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols", ()))
        self.protocol: str = model.resolved_protocol
        self.signing_name: str = metadata.get("signingName", metadata["endpointPrefix"])
        self.target_prefix: str | None = metadata.get("targetPrefix")
        self.xml_namespace: str = metadata.get("xmlNamespace", "")
        self.json_version: str = metadata.get("jsonVersion", "1.1")
        self.query_compatible = "awsQueryCompatible" in metadata

        self._operations: dict[str, Operation] = {}

    def operation(self, name: str) -> Operation | None:
        """Return an operation, or None if AWS has none of this name."""
        if name not in self._operations:
            if name not in self.names:
                return None
            model = self.model.operation_model(name)
            self._operations[name] = Operation(name, model.input_shape, model.output_shape, model.http)
        return self._operations[name]

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all operations that AWS has."""
        return frozenset(self.model.operation_names)

    def route(self, head: RequestHead) -> tuple[Operation, dict[str, str]] | None:
        """Find the operation of a REST service by method and path; with the values in the path."""
        for method, pattern, name in self._routes:
            found = pattern.fullmatch(head.raw_path) if method == head.method else None
            operation = self.operation(name) if found else None
            if found and operation:
                values = {key: unquote(value) for key, value in found.groupdict().items()}
                labels = self._labels[name]
                return operation, {labels[int(key[1:])]: value for key, value in values.items()}
        return None

    def _http(self, name: str) -> Mapping[str, Any]:
        return self.model.operation_model(name).http

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return {name: re.findall(r"\{(\w+)\+?\}", self._http(name)["requestUri"]) for name in self.names}

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Routes with the most fixed text first: /a/b goes before /a/{X}."""
        routes: list[tuple[int, str, re.Pattern[str], str]] = []
        for name in self.names:
            http = self._http(name)
            uri = str(http["requestUri"]).partition("?")[0]
            pattern, n_labels = "", 0
            for text, label in re.findall(r"([^{]*)(\{\w+\+?\})?", uri):
                pattern += re.escape(text)
                if label:
                    pattern += f"(?P<l{n_labels}>{'.+' if label.endswith('+}') else '[^/]+'})"
                    n_labels += 1
            routes.append((-len(re.sub(r"\{.*?\}", "", uri)), http["method"], re.compile(pattern), name))
        return [route[1:] for route in sorted(routes, key=lambda route: (route[0], route[3]))]


@cache
def wire_service(service_id: str) -> WireService:
    """Load a service once."""
    return WireService(service_id)


@cache
def _loader() -> Loader:
    return Loader()
