"""IAM: the one role that jobs and endpoints run as.

Whoever holds the credentials may do everything, so a role grants nothing more; it is there because clients ask.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.wire.errors import AwsError

__all__ = ["get_role", "simulate_principal_policy"]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
MADE_S = 1512000000.0
"""When the role was made, as IAM tells it: a fixed time, in seconds since 1970."""


@operation("iam", "GetRole")
def get_role(call: Call) -> dict[str, Any]:
    """Describe the role."""
    name = call.input["RoleName"]
    settings = call.service.settings
    if name != settings.role_name:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.")
    return {
        "Role": {
            "Path": "/",
            "RoleName": name,
            "RoleId": "AROAPAIRLOOMEXECUTION",
            "Arn": call.service.role_arn,
            "CreateDate": MADE_S,
            "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),
            "MaxSessionDuration": 3600,
        }
    }


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call) -> dict[str, Any]:
    """Tell that every action is allowed, as it is for whoever holds the credentials."""
    resources = call.input.get("ResourceArns") or ["*"]
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
            for action in call.input["ActionNames"]
            for resource in resources
        ],
        "IsTruncated": False,
    }
