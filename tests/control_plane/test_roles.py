"""Roles: made, named, given policies, and taken away, as the SDK and its users do."""

import json

import pytest
from botocore.exceptions import ClientError

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture
def iam(local_service):
    return local_service.client("iam")


def refused(call, **values):
    with pytest.raises(ClientError) as caught:
        call(**values)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_role_from_beginning_to_end(iam):
    made = iam.create_role(
        RoleName="Mine",
        Path="/team/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    assert made["Arn"] == "arn:aws:iam::000000000000:role/team/Mine"
    iam.get_waiter("role_exists").wait(RoleName="Mine")
    found = iam.get_role(RoleName="Mine")["Role"]
    assert (found["AssumeRolePolicyDocument"], found["Tags"]) == (TRUST, [{"Key": "a", "Value": "b"}])
    assert refused(iam.create_role, RoleName="Mine", AssumeRolePolicyDocument="{}") == (
        "EntityAlreadyExists",
        409,
    )

    iam.attach_role_policy(RoleName="Mine", PolicyArn=FULL_ACCESS)
    iam.attach_role_policy(RoleName="Mine", PolicyArn=FULL_ACCESS)
    attached = iam.list_attached_role_policies(RoleName="Mine")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": FULL_ACCESS}]
    iam.put_role_policy(RoleName="Mine", PolicyName="p", PolicyDocument=json.dumps(TRUST))
    assert iam.get_role_policy(RoleName="Mine", PolicyName="p")["PolicyDocument"] == TRUST
    assert iam.list_role_policies(RoleName="Mine")["PolicyNames"] == ["p"]

    assert refused(iam.delete_role, RoleName="Mine") == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName="Mine", PolicyArn=FULL_ACCESS)
    assert refused(iam.detach_role_policy, RoleName="Mine", PolicyArn=FULL_ACCESS) == ("NoSuchEntity", 404)
    iam.delete_role_policy(RoleName="Mine", PolicyName="p")
    assert refused(iam.get_role_policy, RoleName="Mine", PolicyName="p") == ("NoSuchEntity", 404)
    iam.delete_role(RoleName="Mine")
    assert refused(iam.get_role, RoleName="Mine") == ("NoSuchEntity", 404)


def test_the_services_own_role_stays(iam):
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["PairloomExecutionRole"]
    assert refused(iam.delete_role, RoleName="PairloomExecutionRole")[0] == "UnmodifiableEntity"


def test_roles_are_listed_page_by_page(iam):
    for number in range(5):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument="{}")
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    names = [[role["RoleName"] for role in page["Roles"]] for page in pages]
    assert names == [["PairloomExecutionRole", "r0"], ["r1", "r2"], ["r3", "r4"]]
    assert refused(iam.list_roles, Marker="nowhere") == ("ValidationError", 400)


@pytest.mark.parametrize("policy", ["{", "[]", '"a"', "[" * 5000])
def test_a_policy_is_an_object(policy, iam):
    assert refused(iam.create_role, RoleName="a", AssumeRolePolicyDocument=policy) == (
        "MalformedPolicyDocument",
        400,
    )
