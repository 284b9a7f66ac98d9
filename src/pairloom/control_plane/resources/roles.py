"""IAM: roles, and the policies that they carry.

Whoever holds the keys may do everything, so a role grants nothing and a policy forbids nothing: they are kept because
clients make, name and ask for them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource, Transaction
from pairloom.errors import AlreadyExistsError, DataError

__all__ = ["KIND", "create_role", "get_role", "simulate_principal_policy"]

KIND = "iam-role"
PAGE = 100
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip


@operation("iam", "CreateRole")
def create_role(call: Call) -> dict[str, Any]:
    """Keep a role; it grants nothing that the keys do not."""
    asked = dict(call.input)
    name, path = asked["RoleName"], asked.get("Path", "/")
    _check_policy(asked["AssumeRolePolicyDocument"])
    arn = f"arn:aws:iam::{call.service.account_id}:role{path}{name}"
    try:
        with _roles(call) as t:
            t.insert(Resource(KIND, name, arn, document=asked))
            return {"Role": _told(_role(t, name))}
    except AlreadyExistsError as error:
        raise AwsError("EntityAlreadyExists", f"Role with name {name} already exists.") from error


@operation("iam", "GetRole")
def get_role(call: Call) -> dict[str, Any]:
    """Describe a role; the one of `settings.toml` is there from the start."""
    with _roles(call) as t:
        return {"Role": _told(_role(t, call.input["RoleName"]))}


@operation("iam", "ListRoles")
def list_roles(call: Call) -> dict[str, Any]:
    """List roles by name."""
    asked = call.input
    with _roles(call) as t:
        try:
            page = t.list(KIND, sort_by="name", after=asked.get("Marker"), limit=asked.get("MaxItems", PAGE))
        except DataError as error:
            raise AwsError("ValidationError", "The marker must be one that ListRoles has given.") from error
    prefix = asked.get("PathPrefix", "/")
    answer: dict[str, Any] = {
        "Roles": [
            _told(role) for role in page.resources if role.document.get("Path", "/").startswith(prefix)
        ],
        "IsTruncated": page.next_token is not None,
    }
    return answer if page.next_token is None else answer | {"Marker": page.next_token}


@operation("iam", "DeleteRole")
def delete_role(call: Call) -> dict[str, Any]:
    """Forget a role without policies; jobs that name it do not mind."""
    name = call.input["RoleName"]
    if name == call.service.settings.role_name:
        raise AwsError("UnmodifiableEntity", f"The role {name} is the service's own.")
    with _roles(call) as t:
        role = _role(t, name)
        if role.document.get("Attached") or role.document.get("Inline"):
            raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
        t.delete(KIND, name)
    return {}


@operation("iam", "AttachRolePolicy")
def attach_role_policy(call: Call) -> dict[str, Any]:
    """Note that a role carries a managed policy, of which nothing is looked up."""
    arn = call.input["PolicyArn"]
    with _roles(call) as t:
        role = _role(t, call.input["RoleName"])
        attached = role.document.get("Attached", [])
        _change(t, role, Attached=[*attached, *([] if arn in attached else [arn])])
    return {}


@operation("iam", "DetachRolePolicy")
def detach_role_policy(call: Call) -> dict[str, Any]:
    """Take a managed policy from a role."""
    arn = call.input["PolicyArn"]
    with _roles(call) as t:
        role = _role(t, call.input["RoleName"])
        attached: list[str] = role.document.get("Attached", [])
        if arn not in attached:
            raise AwsError("NoSuchEntity", f"Policy {arn} was not found.")
        _change(t, role, Attached=[each for each in attached if each != arn])
    return {}


@operation("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(call: Call) -> dict[str, Any]:
    """List the managed policies of a role."""
    with _roles(call) as t:
        attached: list[str] = _role(t, call.input["RoleName"]).document.get("Attached", [])
    policies = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in attached]
    return {"AttachedPolicies": policies, "IsTruncated": False}


@operation("iam", "PutRolePolicy")
def put_role_policy(call: Call) -> dict[str, Any]:
    """Keep a policy in a role; it forbids nothing."""
    _check_policy(call.input["PolicyDocument"])
    with _roles(call) as t:
        role = _role(t, call.input["RoleName"])
        inline = role.document.get("Inline", {})
        _change(t, role, Inline=inline | {call.input["PolicyName"]: call.input["PolicyDocument"]})
    return {}


@operation("iam", "GetRolePolicy")
def get_role_policy(call: Call) -> dict[str, Any]:
    """Answer with a policy that is kept in a role."""
    with _roles(call) as t:
        document = _inline(_role(t, call.input["RoleName"]), call.input["PolicyName"])
    return call.input | {"PolicyDocument": quote(document)}


@operation("iam", "DeleteRolePolicy")
def delete_role_policy(call: Call) -> dict[str, Any]:
    """Forget a policy of a role."""
    with _roles(call) as t:
        role = _role(t, call.input["RoleName"])
        _inline(role, call.input["PolicyName"])
        kept = {
            name: text for name, text in role.document["Inline"].items() if name != call.input["PolicyName"]
        }
        _change(t, role, Inline=kept)
    return {}


@operation("iam", "ListRolePolicies")
def list_role_policies(call: Call) -> dict[str, Any]:
    """List the names of the policies that are kept in a role."""
    with _roles(call) as t:
        inline = _role(t, call.input["RoleName"]).document.get("Inline", {})
    return {"PolicyNames": sorted(inline), "IsTruncated": False}


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call) -> dict[str, Any]:
    """Tell that every action is allowed, as it is for whoever holds the keys."""
    resources = call.input.get("ResourceArns") or ["*"]
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
            for action in call.input["ActionNames"]
            for resource in resources
        ],
        "IsTruncated": False,
    }


@contextmanager
def _roles(call: Call) -> Generator[Transaction]:
    """Yield a transaction in which the service's own role is there."""
    own = call.service.settings.role_name
    with call.service.database.transaction() as t:
        if t.get(KIND, own) is None:
            t.insert(Resource(KIND, own, call.service.role_arn, document={"AssumeRolePolicyDocument": TRUST}))
        yield t


def _role(t: Transaction, name: str) -> Resource:
    role = t.get(KIND, name)
    if role is None:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.")
    return role


def _change(t: Transaction, role: Resource, **members: Any) -> None:
    t.update(replace(role, document=role.document | members))


def _inline(role: Resource, policy: str) -> str:
    text: str | None = role.document.get("Inline", {}).get(policy)
    if text is None:
        raise AwsError("NoSuchEntity", f"The role policy with name {policy} cannot be found.")
    return text


def _check_policy(text: str) -> None:
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise AwsError("MalformedPolicyDocument", "The policy must be a JSON object.")


def _told(role: Resource) -> Mapping[str, Any]:
    document = role.document
    told: dict[str, Any] = {
        "Path": document.get("Path", "/"),
        "RoleName": role.name,
        "RoleId": "AROA" + role.id[:17].upper(),
        "Arn": role.arn,
        "CreateDate": role.created_at,
        "AssumeRolePolicyDocument": quote(document["AssumeRolePolicyDocument"]),
        "MaxSessionDuration": document.get("MaxSessionDuration", 3600),
    }
    return told | {name: document[name] for name in ("Description", "Tags") if name in document}
