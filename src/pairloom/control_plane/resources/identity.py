"""STS: who the caller is."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.operations import Call, operation

__all__ = ["get_caller_identity"]


@operation("sts", "GetCallerIdentity")
def get_caller_identity(call: Call) -> dict[str, Any]:
    """Answer with the one account and a session of its one role, from which the SDKs find the role."""
    return {
        "Account": call.service.account_id,
        "UserId": f"{call.principal.access_key}:pairloom",
        "Arn": call.principal.arn,
    }
