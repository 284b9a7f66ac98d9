"""HTTP status and modelled shape of an error."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import WireService

__all__ = ["modelled", "status_of"]


def modelled(service: WireService, code: str) -> Any | None:
    """Shape of an error by its code, or None."""
    return service.model.shape_for_error_code(code)


def status_of(service: WireService, error: AwsError) -> int:
    """HTTP status: the error's own, the service model's, or 400."""
    if error.status is not None:
        return error.status
    shape = modelled(service, error.code)
    return int(shape.metadata.get("error", {}).get("httpStatusCode", 400)) if shape is not None else 400
